package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInspect is C28 and badinput 117: what is odd about a file is told, and
// the secret is none the less the text in it.
func TestInspect(t *testing.T) {
	tests := []struct {
		name, content string
		mode          os.FileMode
		want          string // in the remarks; empty for none
	}{
		{"no line end", "s3cret", 0o600, ""},
		{"one line feed", "s3cret\n", 0o600, ""},
		{"one CR LF", "s3cret\r\n", 0o640, ""},
		{"blank before the line end", "s3cret \n", 0o600, "more of it than one line end"},
		{"blank in front", " s3cret", 0o600, "more of it than one line end"},
		{"two line ends", "s3cret\n\n", 0o600, "more of it than one line end"},
		{"readable by all", "s3cret\n", 0o644, "every user of this machine may read"},
		{"writable by all", "s3cret\n", 0o602, "every user of this machine may read or change"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			v, remarks, err := Resolver{}.Inspect(Ref{Scheme: File, Name: path})
			text := strings.Join(remarks, "\n")
			if err != nil || string(v.Reveal()) != "s3cret" || !strings.Contains(text, test.want) || (test.want == "") != (text == "") {
				t.Errorf("got %q, %v, %v", v.Reveal(), remarks, err)
			}
			if strings.Contains(text, "s3cret") {
				t.Errorf("the secret shows: %s", text)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Skip("needs root: ", err)
	}
	if _, remarks, _ := (Resolver{}).Inspect(Ref{Scheme: File, Name: path}); len(remarks) != 1 || !strings.Contains(remarks[0], "uid 12345") {
		t.Errorf("another owner: %v", remarks)
	}
}
