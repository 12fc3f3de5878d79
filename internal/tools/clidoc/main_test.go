package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteKeepsTheFolderInStep(t *testing.T) {
	dir := t.TempDir()
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("hookaido-gone.1.md")
	put("hookaido-kept.1.md")
	put("hookaido.1.md")
	put("hookaido-systemd.7.md")
	if err := write(dir, map[string]string{"hookaido-kept": "new", "hookaido-more": "new"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hookaido-gone.1.md": "", "hookaido-kept.1.md": "new", "hookaido-more.1.md": "new", "hookaido.1.md": "old", "hookaido-systemd.7.md": "old",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if string(text) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, text, err, want)
		}
	}
}
