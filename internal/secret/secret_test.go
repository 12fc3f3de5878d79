package secret

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const marker = "MARKER-do-not-print"

func TestValueNeverShowsItself(t *testing.T) {
	v := New([]byte(marker))
	holder := struct{ V Value }{v}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		for _, arg := range []any{v, &v, holder} {
			if got := fmt.Sprintf(format, arg); strings.Contains(got, marker) ||
				strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", marker)) {
				t.Errorf("Sprintf(%q, %T) shows the secret", format, arg)
			}
		}
	}
	if strings.Contains(string(asJSON), marker) {
		t.Errorf("JSON shows the secret: %s", asJSON)
	}
}

func TestValueEqual(t *testing.T) {
	v := New([]byte("k"))
	if !v.Equal([]byte("k")) || v.Equal([]byte("x")) || v.Equal(nil) {
		t.Error("Equal is wrong for a plain value")
	}
	if (Value{}).Equal(nil) || (Value{}).Equal([]byte{}) {
		t.Error("an empty secret must equal nothing, or it opens the door")
	}
}

func TestParseRef(t *testing.T) {
	good := map[string]Ref{
		"env:A":            {Scheme: Env, Name: "A"},
		" file:/x y ":      {Scheme: File, Name: "/x y"},
		"raw:a:b":          {Scheme: Raw, Name: "a:b"},
		"credential:token": {Scheme: Credential, Name: "token"},
		"vault:/kv/a/":     {Scheme: Vault, Name: "kv/a", Field: "value"},
		"vault:kv/a#b#c":   {Scheme: Vault, Name: "kv/a", Field: "b#c"},
	}
	for text, want := range good {
		if got, err := ParseRef(text); err != nil || got != want {
			t.Errorf("ParseRef(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "plain", "ENV:A", "env:", "file:", "raw:", "credential:", "credential:../x",
		"vault:", "vault:/", "vault:#f", "vault:a#", "vault:a/../b", "vault:./a", "vault:a//b", "vault:https://v/a", "vault:a?b",
		"credential:a/b", "credential:..", "cred:x", "credential:" + strings.Repeat("x", 256),
	} {
		if _, err := ParseRef(text); err == nil {
			t.Errorf("ParseRef(%q) was accepted", text)
		}
	}
}

func TestRefHidesRawSecret(t *testing.T) {
	ref := Ref{Scheme: Raw, Name: marker}
	text, _ := ref.MarshalText()
	for _, got := range []string{ref.String(), fmt.Sprintf("%#v", ref), string(text)} {
		if strings.Contains(got, marker) {
			t.Errorf("raw reference shows the secret: %s", got)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	write("token", "from-credential\n")
	r := Resolver{
		LookupEnv: func(name string) (string, bool) {
			v, ok := map[string]string{"SET": "from-env", "EMPTY": ""}[name]
			return v, ok
		},
		CredentialsDir: dir,
	}
	tests := []struct{ ref, want, err string }{
		{"raw: spaces kept ", " spaces kept", ""},
		{"env:SET", "from-env", ""},
		{"env:UNSET", "", "env:UNSET: the environment variable is not set"},
		{"env:EMPTY", "", "is empty"},
		{"file:" + write("lf", "s3cret\n"), "s3cret", ""},
		{"file:" + write("crlf", "s3cret\r\n"), "s3cret", ""},
		{"file:" + write("blanks", " s3cret \n\n"), "s3cret", ""},
		{"file:" + write("empty", " \n"), "", "is empty"},
		{"file:" + filepath.Join(dir, "missing"), "", "no such file"},
		{"file:" + dir, "", "not a regular file"},
		{"file:" + fifo, "", "not a regular file"},
		{"file:/dev/zero", "", "not a regular file"},
		{"file:" + write("big", strings.Repeat("x", maxFile+1)), "", "larger than"},
		{"credential:token", "from-credential", ""},
		{"credential:other", "", "hookaido secret set other"},
	}
	for _, test := range tests {
		ref, err := ParseRef(test.ref)
		if err != nil {
			t.Fatal(err)
		}
		v, err := r.Resolve(ref)
		switch {
		case test.err == "" && (err != nil || string(v.Reveal()) != test.want):
			t.Errorf("%s: got %q, %v", test.ref, v.Reveal(), err)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("%s: error %v, want one with %q", test.ref, err, test.err)
		}
	}
}

func TestResolveCredentialOutsideAUnit(t *testing.T) {
	_, err := Resolver{}.Resolve(Ref{Scheme: Credential, Name: "token"})
	if err == nil || !strings.Contains(err.Error(), "$CREDENTIALS_DIRECTORY") {
		t.Errorf("error %v must name $CREDENTIALS_DIRECTORY", err)
	}
}
