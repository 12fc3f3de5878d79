package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hookaido/internal/clock"
)

func TestReadHeader(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "q.db")
	if _, err := ReadHeader(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	store, err := Open(t.Context(), Options{Path: path, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	// While it is in use, and afterwards.
	for range 2 {
		h, err := ReadHeader(path)
		if err != nil || !h.Ours || h.Schema < 1 || h.Schema != h.Known {
			t.Errorf("a queue of this version: %+v, %v", h, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	alter(t, path, "PRAGMA user_version = 99")
	if h, err := ReadHeader(path); err != nil || !h.Ours || h.Schema != 99 || h.Known == 99 {
		t.Errorf("badinput 129: a queue of a later version: %+v, %v", h, err)
	}
	alter(t, path, "PRAGMA application_id = 7")
	if h, err := ReadHeader(path); err != nil || h.Ours {
		t.Errorf("the database of another program: %+v, %v", h, err)
	}
	for name, text := range map[string]string{"short": "SQLite", "other": string(make([]byte, 200))} {
		other := filepath.Join(dir, name)
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if h, err := ReadHeader(other); err != nil || h.Ours {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := ReadHeader(empty); err != nil || !h.Ours {
		t.Errorf("an empty file: %+v, %v", h, err)
	}
	if _, err := ReadHeader(dir); err == nil {
		t.Error("a folder was read")
	}
}
