package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hookaido/internal/config/syntax"
)

// put writes a file with a mode that the umask doesn't change.
func put(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFilePlaceholders is badinput 18 with real files.
func TestFilePlaceholders(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"device", "/dev/zero", "not a regular file"},
		{"FIFO without a writer", fifo, "not a regular file"},
		{"folder", dir, "not a regular file"},
		{"missing", filepath.Join(dir, "x"), "no such file"},
		{"too large", put(t, "big", strings.Repeat("x", maxIncluded+1), 0o600), "larger than"},
		{"good", put(t, "good", "/p\n", 0o600), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := fmt.Sprintf("%s/a { pull { path {file.%s} } }", pullAPI, test.path)
			cfg, diags := Source("f", []byte(src), System())
			text := syntax.Render(diags)
			if test.want == "" && (cfg == nil || cfg.Routes[0].Pull.Path != "/p") || !strings.Contains(text, test.want) {
				t.Errorf("got %v\n%s", cfg, text)
			}
		})
	}
}

func TestFile(t *testing.T) {
	raw := strings.Replace(minimal, "env:T", "raw:0123456789012345678901234567", 1)
	tests := []struct {
		name, path string
		ok         bool
		want       string // in the messages; empty for no message
	}{
		{"good", put(t, "f", minimal, 0o644), true, ""},
		{"missing", filepath.Join(t.TempDir(), "f"), false, "f: error: the config can't be read: no such file or directory"},
		{"folder", t.TempDir(), false, "can't be read: not a regular file"},
		{"endless", "/dev/zero", false, "can't be read: not a regular file"},
		{"badinput 32: everybody may write", put(t, "f", minimal, 0o666), true, "f: warning: everybody may write to this file"},
		{"badinput 32: and it holds a secret", put(t, "f", raw, 0o666), false, "error: everybody may write to this file, and it holds raw: secrets"},
		{"a secret in a safe file", put(t, "f", raw, 0o600), true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, diags := File(test.path, System())
			text := syntax.Render(diags)
			if (cfg != nil) != test.ok || !strings.Contains(text, test.want) || (test.want == "") != (text == "") {
				t.Errorf("config %v, messages:\n%s", cfg != nil, text)
			}
		})
	}
}

func TestFileOfAnotherUser(t *testing.T) {
	path := put(t, "f", minimal, 0o644)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Skip("needs root: ", err)
	}
	cfg, diags := File(path, System())
	if cfg == nil || len(diags) != 1 || diags[0].Code != CodePermissions {
		t.Errorf("got %v", diags)
	}
}

// TestFormatRefuses holds that nothing is printed for a text that was not
// understood.
func TestFormatRefuses(t *testing.T) {
	for _, src := range []string{"", "# only this\n;", "a {", "}", "a \"b", "a \xff", "/a\n pull { }\n}"} {
		out, diags := Format("f", []byte(src))
		if out != nil || !syntax.HasErrors(diags) {
			t.Errorf("%q gives %q, %v", src, out, diags)
		}
	}
}

// manyRoutes is a file with n routes.
func manyRoutes(n int) []byte {
	var b strings.Builder
	b.WriteString("vars { ZONE eu-1 }\n" + pullAPI)
	for i := range n {
		fmt.Fprintf(&b, "# route %d\n/webhooks/app-%d/in {\n  auth hmac { provider github secret env:KEY_%d }\n"+
			"  max_body 256kb\n  queue { backend sqlite }\n  pull {\n    path \"/{vars.ZONE}/%d\"\n  }\n}\n", i, i, i, i)
	}
	return []byte(b.String())
}

// BenchmarkCompile5000Routes is the time to validate a large file.
func BenchmarkCompile5000Routes(b *testing.B) {
	src := manyRoutes(5000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if cfg, diags := Source("f", src, testOptions()); cfg == nil {
			b.Fatal(syntax.Render(diags))
		}
	}
}

// BenchmarkFormat5000Routes is the time to format a large file.
func BenchmarkFormat5000Routes(b *testing.B) {
	src := manyRoutes(5000)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if out, diags := Format("f", src); out == nil {
			b.Fatal(syntax.Render(diags))
		}
	}
}
