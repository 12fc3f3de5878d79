package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookaido/internal/queue"
)

// copied makes a copy of a database into a file of its own.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	must(t, Copy(t.Context(), from, to, nil))
	return to
}

// C55: a copy that is made while messages come in has all that were answered
// before it began, and is whole.
func TestCopyOfADatabaseInUse(t *testing.T) {
	s := open(t, Options{})
	payload := strings.Repeat("x", 40_000)
	for i := range 200 {
		enqueue(t, s, message("/a", payload+strconv.Itoa(i)))
	}
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	during := 0
	must(t, Copy(t.Context(), s.path, to, func(done, total int) {
		if done > total {
			t.Errorf("%d of %d pages", done, total)
		}
		enqueue(t, s, message("/a", payload)) // between two steps
		during++
	}))
	if during < 2 {
		t.Fatalf("the copy was made in %d steps: it proves nothing", during)
	}
	content, err := Inspect(t.Context(), to, true)
	must(t, err)
	if n := content.ByState[queue.StateQueued]; n != 200 {
		t.Errorf("the copy has %d messages, 200 were there when it began", n)
	}
	for _, suffix := range suffixes[1:] {
		if _, err := os.Stat(to + suffix); err == nil {
			t.Errorf("there is %s beside the copy", suffix)
		}
	}
	if n := enqueue(t, s, message("/a", "after")); len(n) != 1 {
		t.Errorf("after the copy: %v", n)
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	path := made(t)
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Copy(ctx, path, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Copy = %v", err)
	}
}

func TestInspectRefuses(t *testing.T) {
	tests := []struct {
		name string
		path func(t *testing.T) string
		kind OpenKind
		says string
	}{
		{"nothing", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, OpenForeign, "missing or empty"},
		{"a folder", func(t *testing.T) string { return t.TempDir() }, OpenPlace, "is a folder"},
		{"garbage", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "f")
			write(t, path, strings.Repeat("garbage ", 1000))
			return path
		}, OpenForeign, "not a SQLite database"},
		{"another program's", func(t *testing.T) string {
			path := copied(t, made(t))
			alter(t, path, "PRAGMA application_id = 1")
			return path
		}, OpenForeign, "another program"},
		{"a later version", func(t *testing.T) string {
			path := copied(t, made(t))
			alter(t, path, "PRAGMA user_version = 99")
			return path
		}, OpenForeign, "version 99"},
		{"a database in use", func(t *testing.T) string {
			s := open(t, Options{})
			enqueue(t, s, message("/a", "x"))
			return s.path
		}, OpenForeign, "log lies beside it"},
		{"half", func(t *testing.T) string {
			path := copied(t, made(t))
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, info.Size()/2))
			return path
		}, OpenDamaged, "damaged"},
		{"a page of something else", func(t *testing.T) string {
			path := copied(t, made(t))
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("x", pageSize)), 2*pageSize)
			must(t, errors.Join(err, f.Close()))
			return path
		}, OpenDamaged, "damaged"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := test.path(t)
			_, err := Inspect(t.Context(), path, true)
			var refusal *OpenError
			if !errors.As(err, &refusal) || refusal.Kind != test.kind || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Inspect = %v, want kind %d with %q", err, test.kind, test.says)
			}
		})
	}
}

// C55: leases of the copy have ended, and no id is given out twice.
func TestRestore(t *testing.T) {
	s := open(t, Options{})
	old := enqueue(t, s, message("/a", "one"), message("/a", "two"))
	leased, err := s.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 1, TTL: time.Hour})
	if err != nil || len(leased) != 1 {
		t.Fatalf("%v, %v", leased, err)
	}
	if _, err := s.Get(t.Context(), old); err != nil { // so that the lease is in the database
		t.Fatal(err)
	}
	from := copied(t, s.path)
	lost := enqueue(t, s, message("/a", "three"))

	path := made(t) // of another life, with two messages
	kept, err := Restore(t.Context(), from, Options{Path: path}, nil)
	if err != nil || kept != path+".replaced" {
		t.Fatalf("Restore = %q, %v", kept, err)
	}
	restored := open(t, Options{Path: path})
	got, err := restored.Dequeue(t.Context(), queue.DequeueRequest{Route: "/a", Max: 10, TTL: time.Second})
	must(t, err)
	if len(got) != 2 {
		t.Errorf("%d messages are due, want 2: the lease should have ended", len(got))
	}
	if fresh := enqueue(t, restored, message("/a", "four")); fresh[0] == lost[0] {
		t.Errorf("the id %s was given out already", fresh[0])
	}
	if content, err := Inspect(t.Context(), from, true); err != nil || content.ByState[queue.StateLeased] != 1 {
		t.Errorf("the copy itself changed: %+v, %v", content, err)
	}
	kept2 := open(t, Options{Path: kept}) // what was there is whole
	if stats, err := kept2.Stats(t.Context()); err != nil || stats.ByState[queue.StateQueued] != 2 {
		t.Errorf("what was there before: %+v, %v", stats, err)
	}
}

func TestRestoreWhereNothingWas(t *testing.T) {
	path := dbPath(t)
	kept, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	if err != nil || kept != "" {
		t.Fatalf("Restore = %q, %v", kept, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != filePerm {
		t.Errorf("%v, %v", info, err)
	}
	s := open(t, Options{Path: path})
	if stats, err := s.Stats(t.Context()); err != nil || stats.ByState[queue.StateQueued] != 2 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestRestoreRefusesADatabaseInUse(t *testing.T) {
	s := open(t, Options{})
	_, err := Restore(t.Context(), copied(t, made(t)), Options{Path: s.path}, nil)
	var refusal *OpenError
	if !errors.As(err, &refusal) || refusal.Kind != OpenLocked {
		t.Errorf("Restore = %v", err)
	}
	if got := enqueue(t, s, message("/a", "goes on")); len(got) != 1 {
		t.Error("the store was harmed")
	}
}

// An id that the original gave out after the copy is not given out again.
func TestRestoreGivesOutNewIDs(t *testing.T) {
	path := made(t)
	from := copied(t, path)
	s := open(t, Options{Path: path})
	lost := enqueue(t, s, message("/a", "three"))
	other := dbPath(t)
	_, err := Restore(t.Context(), from, Options{Path: other}, nil)
	must(t, err)
	if fresh := enqueue(t, open(t, Options{Path: other}), message("/a", "four")); fresh[0] == lost[0] {
		t.Errorf("the id %s was given out already", fresh[0])
	}
}
