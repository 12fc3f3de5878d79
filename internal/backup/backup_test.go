package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
	"hookaido/internal/queue/sqlite"
)

// database makes a queue with n messages, open until the test ends.
func database(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "queue.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for range n {
		if _, err := s.Enqueue(t.Context(), queue.Batch{Messages: []queue.NewMessage{
			{Route: "/a", Target: queue.PullTarget, ReceivedAt: time.Unix(1000, 0), Payload: []byte("x")},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// entries are the names in a folder.
func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestMake(t *testing.T) {
	db, dir := database(t, 3), t.TempDir()
	to := filepath.Join(dir, "copy.db")
	made, err := Make(t.Context(), Options{Database: db, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if made.Messages != 3 || made.ByState["queued"] != 3 || made.Bytes == 0 {
		t.Errorf("%+v", made)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 || info.Size() != made.Bytes { // C52
		t.Errorf("%v, %v", info, err)
	}
	var refusal *PlaceError
	if _, err := Make(t.Context(), Options{Database: db, To: to}); !errors.As(err, &refusal) {
		t.Errorf("a copy was overwritten: %v", err)
	}
	if _, err := Make(t.Context(), Options{Database: db, To: to, Overwrite: true}); err != nil {
		t.Errorf("with leave to overwrite: %v", err)
	}
	if got := entries(t, dir); got != "copy.db" {
		t.Errorf("left behind: %s", got)
	}
}

func TestMakeRefuses(t *testing.T) {
	db, dir := database(t, 1), t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Link(db, link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options Options
		says    string
	}{
		"no database":            {Options{Database: filepath.Join(dir, "none"), To: filepath.Join(dir, "c")}, "--db"},
		"the database itself":    {Options{Database: db, To: db, Overwrite: true}, "the database itself"},
		"a link to the database": {Options{Database: db, To: link, Overwrite: true}, "the database itself"},
		"a folder":               {Options{Database: db, To: dir, Overwrite: true}, "not a regular file"},
		"no folder":              {Options{Database: db, To: filepath.Join(dir, "none", "c")}, "make the copy"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Make(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Make = %v, want %q", err, test.says)
			}
		})
	}
}

func TestMakeLeavesNothingWhenItIsInterrupted(t *testing.T) {
	db, dir := database(t, 1), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, Options{Database: db, To: filepath.Join(dir, "copy")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Make = %v", err)
	}
	if got := entries(t, dir); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestRestoreChecksFirst(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte(strings.Repeat("no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "queue.db")
	if _, _, err := Restore(t.Context(), bad, Options{Database: db}); err == nil {
		t.Error("a file that is no copy was restored")
	}
	if _, err := os.Stat(db); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

// A file that came up while the copy was made is not replaced.
func TestNameReplacesNothingUnasked(t *testing.T) {
	dir := t.TempDir()
	made, to := filepath.Join(dir, "made"), filepath.Join(dir, "copy")
	for path, text := range map[string]string{made: "new", to: "old"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var refusal *PlaceError
	if err := name(made, Options{To: to}); !errors.As(err, &refusal) {
		t.Errorf("name = %v", err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if err := name(made, Options{To: to, Overwrite: true}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
}

func failing(string, string) error { return syscall.EPERM }

// File systems without hard links, or without a rename that spares, get a copy
// all the same, and lose no file by it.
func TestSparing(t *testing.T) {
	for name, place := range map[string]func(from, to string) error{
		"rename":       sparing(renameSparing, failing, failing),
		"no rename":    sparing(failing, os.Link, failing),
		"no hard link": sparing(failing, failing, renameUnseen),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to, taken := filepath.Join(dir, "from"), filepath.Join(dir, "to"), filepath.Join(dir, "taken")
			for path, text := range map[string]string{from: "new", taken: "old"} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := place(from, taken); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over a file: %v", err)
			}
			if err := place(from, to); err != nil {
				t.Error(err)
			}
			for path, want := range map[string]string{to: "new", taken: "old"} {
				if text, err := os.ReadFile(path); err != nil || string(text) != want {
					t.Errorf("%s: %q, %v", path, text, err)
				}
			}
		})
	}
	if err := sparing(failing, failing)("a", "b"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("when nothing works: %v", err)
	}
}

func TestRestoreMayGoToANetworkFS(t *testing.T) {
	for _, allow := range []bool{false, true} {
		o := Options{Database: "q.db", AllowNetworkFS: allow}
		if got := o.place(); got.Path != "q.db" || got.AllowNetworkFS != allow {
			t.Errorf("%+v", got)
		}
	}
}
