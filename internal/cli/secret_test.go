package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hookaido/internal/systemd"
)

// fakeCreds writes a program that stands where systemd-creds would, since that
// needs root and a machine's key; the lab runs the real one. It notes its
// arguments and turns small letters into capital ones.
func fakeCreds(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "systemd-creds")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path
}

func newStore(t *testing.T) systemd.Credstore {
	t.Helper()
	return systemd.Credstore{Encrypted: filepath.Join(t.TempDir(), "a", "encrypted"), Plain: filepath.Join(t.TempDir(), "plain")}
}

func TestKeepSecret(t *testing.T) {
	store := newStore(t)
	k := secretKeeper{store: store}
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			return "none"
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return string(b)
	}
	check := func(how string, wantPlain, wantEncrypted string) {
		t.Helper()
		if plain, encrypted := read(store.PlainPath("a")), read(store.EncryptedPath("a")); plain != wantPlain || encrypted != wantEncrypted {
			t.Errorf("%s: plain %q, encrypted %q; want %q, %q", how, plain, encrypted, wantPlain, wantEncrypted)
		}
	}
	keep := func(value string) error {
		_, changed, err := k.keep(t.Context(), "a", []byte(value))
		if err == nil && !changed {
			t.Errorf("%q counts as kept already", value)
		}
		return err
	}
	same := func(value string) {
		t.Helper()
		if _, changed, err := k.keep(t.Context(), "a", []byte(value)); changed || err != nil {
			t.Errorf("%q: changed %v, %v", value, changed, err)
		}
	}
	if err := keep("one\n"); err != nil {
		t.Fatal(err)
	}
	check("plain", "one\n", "none")
	same("one\n")

	k.creds, k.key = fakeCreds(t, `echo "$@"; tr a-z A-Z`), "host"
	if err := keep("two"); err != nil {
		t.Fatal(err)
	}
	check("encrypted", "none", "encrypt --name=a --with-key=host - -\nTWO")

	k.creds, k.key = fakeCreds(t, `[ "$1" = decrypt ] && printf %s "$2 $3"`), ""
	same("--name=a " + store.EncryptedPath("a"))

	k.creds = fakeCreds(t, "cat >/dev/null; echo no key >&2; exit 3")
	if err := keep("three"); err == nil || !strings.Contains(err.Error(), "no key") || strings.Contains(err.Error(), "three") {
		t.Errorf("got %v", err)
	}
	check("after a failure", "none", "encrypt --name=a --with-key=host - -\nTWO")

	k.creds = ""
	if err := keep("four"); err != nil {
		t.Fatal(err)
	}
	check("plain again", "four", "none")
	if left, err := filepath.Glob(filepath.Join(store.Plain, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestListSecrets(t *testing.T) {
	store := newStore(t)
	if list, err := listSecrets(store, nil); err != nil || len(list) != 0 {
		t.Errorf("without folders: %v, %v", list, err)
	}
	for _, path := range []string{
		store.PlainPath("both"), store.EncryptedPath("both"), store.PlainPath("spare"), store.PlainPath(".hidden"),
		filepath.Join(store.Encrypted, "postgres.password"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := listSecrets(store, map[string]bool{"both": true, "gone": true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name+" "+e.Kept+map[bool]string{true: " used", false: ""}[*e.Used])
	}
	if want := "both encrypted used, gone missing used, spare plain"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecretNames(t *testing.T) {
	for name, good := range map[string]bool{
		"github-webhook": true, "a.b_c9": true, "": false, ".a": false, "a/b": false, "..": false, "a b": false, "a%n": false, "a:b": false,
		strings.Repeat("a", 201): false, "ä": false,
	} {
		if err := checkSecretName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFindCreds(t *testing.T) {
	for out, want := range map[string]int{"systemd 252 (252.39-1~deb12u1)": 252, "systemd 247": 247, "nonsense": 0} {
		path := fakeCreds(t, "echo '"+out+"'")
		t.Setenv("PATH", filepath.Dir(path)+":"+os.Getenv("PATH"))
		found, version := findCreds(context.Background())
		if version != want || (found == path) != (want >= firstCreds) {
			t.Errorf("%q: %q, %d", out, found, version)
		}
	}
}

func TestReadBounded(t *testing.T) {
	for in, good := range map[string]bool{"a\n": true, " \n": false, "": false, strings.Repeat("a", maxSecret): true, strings.Repeat("a", maxSecret+1): false} {
		if _, err := readBounded(strings.NewReader(in)); (err == nil) != good {
			t.Errorf("%d bytes: %v", len(in), err)
		}
	}
}

func TestSecretUsage(t *testing.T) {
	for _, args := range [][]string{{"secret"}, {"secret", "set"}, {"secret", "set", "a/b"}, {"secret", "set", "a", "b"}, {"secret", "set", "--plain", "--with-key=host", "a"}} {
		var out strings.Builder
		if code := Main(t.Context(), args, Environment{Stdout: &out, Stderr: &out}); code != exitUsage {
			t.Errorf("%q: exit code %d\n%s", args, code, out.String())
		}
	}
}
