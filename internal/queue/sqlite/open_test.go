package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
	"hookaido/internal/queue"
)

// made returns the path of a closed database with a few messages.
func made(t *testing.T) string {
	t.Helper()
	path := dbPath(t)
	s := open(t, Options{Path: path})
	enqueue(t, s, message("/a", "one"), message("/a", "two"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// alter runs SQL on a database that is not open.
func alter(t *testing.T, path, sql string) {
	t.Helper()
	c, err := connect(context.Background(), path, readWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.exec(sql), c.close()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		path func(t *testing.T) string
		kind OpenKind
		says string
	}{
		{"badinput 127: a folder", func(t *testing.T) string { return t.TempDir() }, OpenPlace, "is a folder"},
		{"badinput 127: a link that dangles", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "db")
			must(t, os.Symlink("/nowhere/at/all", path))
			return path
		}, OpenPlace, "leads nowhere"},
		{"badinput 127: garbage", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "db")
			write(t, path, strings.Repeat("garbage ", 1000))
			return path
		}, OpenForeign, "not a SQLite database"},
		{"badinput 127: cut in the header", func(t *testing.T) string {
			path := made(t)
			must(t, os.Truncate(path, 50))
			return path
		}, OpenDamaged, "cut after 50"},
		{"badinput 127: cut", func(t *testing.T) string {
			path := made(t)
			must(t, os.Truncate(path, 3*pageSize))
			return path
		}, OpenDamaged, "it is"},
		{"badinput 128: emptied", func(t *testing.T) string {
			path := made(t)
			must(t, os.Truncate(path, 0))
			return path
		}, OpenLost, "a queue was here"},
		{"badinput 128: gone", func(t *testing.T) string {
			path := made(t)
			must(t, os.Remove(path))
			return path
		}, OpenLost, "a queue was here"},
		{"badinput 129: a newer schema", func(t *testing.T) string {
			path := made(t)
			alter(t, path, "PRAGMA user_version = 99")
			return path
		}, OpenForeign, "version 99"},
		{"badinput 129: a column is missing", func(t *testing.T) string {
			path := made(t)
			alter(t, path, "ALTER TABLE message DROP COLUMN size")
			return path
		}, OpenForeign, "size"},
		{"badinput 129: an index is missing", func(t *testing.T) string {
			path := made(t)
			alter(t, path, "DROP INDEX message_ready")
			return path
		}, OpenForeign, "message_ready"},
		{"another program's database", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "db")
			write(t, path, "")
			alter(t, path, "CREATE TABLE theirs (x)")
			return path
		}, OpenForeign, "another program"},
		{"the folder is a file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "file")
			write(t, path, "")
			return filepath.Join(path, "db")
		}, OpenPlace, "folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := test.path(t)
			s, err := Open(t.Context(), Options{Path: path, Clock: clock.System{}})
			var refusal *OpenError
			if !errors.As(err, &refusal) || s != nil {
				t.Fatalf("Open = %v, %v; want an OpenError", s, err)
			}
			if text := err.Error(); refusal.Kind != test.kind || !strings.Contains(text, test.says) ||
				!strings.Contains(text, path) || strings.Contains(text, "\n") {
				t.Errorf("kind %d, %q; want kind %d, %q and the path", refusal.Kind, text, test.kind, test.says)
			}
		})
	}
}

func TestOpenAfterARefusalWorks(t *testing.T) {
	path := made(t)
	must(t, os.Truncate(path, 0))
	if _, err := Open(t.Context(), Options{Path: path, Clock: clock.System{}}); err == nil {
		t.Fatal("an emptied database was opened")
	}
	must(t, os.Remove(path+".state")) // as the message says
	open(t, Options{Path: path})
}

// C47, badinput 125.
func TestSecondProcessIsRefusedByPID(t *testing.T) {
	s := open(t, Options{})
	_, err := Open(t.Context(), Options{Path: s.path, Clock: clock.System{}})
	var refusal *OpenError
	if !errors.As(err, &refusal) || refusal.Kind != OpenLocked ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d ", os.Getpid())) {
		t.Fatalf("Open = %v, want a refusal that names the process", err)
	}
	enqueue(t, s, message("/a", "the first goes on"))
}

// C52, badinput 130: under the usual umask of 022, and from an older 0644.
func TestFilesArePrivate(t *testing.T) {
	t.Cleanup(func(old int) func() { return func() { unix.Umask(old) } }(unix.Umask(0o022)))
	path := made(t)
	for _, suffix := range []string{"", ".state", ".lock"} {
		must(t, os.Chmod(path+suffix, 0o644)) //nolint:gosec // what is to be mended
	}
	must(t, os.Chmod(filepath.Dir(path), 0o755)) //nolint:gosec // likewise
	s := open(t, Options{Path: path})
	s.disk.restore()
	enqueue(t, s, message("/a", "x"))
	for _, suffix := range suffixes {
		info, err := os.Stat(path + suffix)
		if suffix == ".state.new" {
			continue
		}
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(path+suffix), info.Mode().Perm())
		}
	}
	info, err := os.Stat(filepath.Dir(path))
	must(t, err)
	if info.Mode().Perm() != 0o750 {
		t.Errorf("the folder has mode %o, want 750", info.Mode().Perm())
	}
}

func TestFolderOfOthersIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755)) //nolint:gosec // what the test is about
	write(t, filepath.Join(dir, "not ours"), "")
	open(t, Options{Path: filepath.Join(dir, "db")})
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o755 {
		t.Errorf("a folder with other files was changed to %o", info.Mode().Perm())
	}
}

func TestNewFolderIsPrivate(t *testing.T) {
	s := open(t, Options{})
	info, err := os.Stat(filepath.Dir(s.path))
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the new folder has mode %o, want 700", info.Mode().Perm())
	}
}

// C53 with simulated file systems; TestReadOnlyMount has a real one.
func TestFileSystems(t *testing.T) {
	o := Options{Path: "/srv/q.db", Logger: zap.NewNop()}
	for magic, name := range networkFS {
		err := checkFS(o, magic, 0)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), o.Path) {
			t.Errorf("%s: %v, want a refusal that names it", name, err)
		}
		allowed := o
		allowed.AllowNetworkFS = true
		if err := checkFS(allowed, magic, 0); err != nil {
			t.Errorf("%s, allowed: %v", name, err)
		}
	}
	for _, magic := range []int64{unix.EXT4_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.XFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC} {
		if err := checkFS(o, magic, 0); err != nil {
			t.Errorf("%#x: %v", magic, err)
		}
		if err := checkFS(o, magic, unix.ST_RDONLY); err == nil {
			t.Errorf("%#x, read-only: accepted", magic)
		}
	}
}

// observed opens a store and returns the messages of its log.
func observed(t *testing.T, path string) (*Store, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	return open(t, Options{Path: path, Logger: zap.New(core)}), logs
}

func depth(t *testing.T, s *Store) int {
	t.Helper()
	st, err := s.Stats(t.Context())
	must(t, err)
	return st.ByState[queue.StateQueued]
}

func TestPragmas(t *testing.T) {
	s := open(t, Options{})
	for sql, want := range map[string]any{
		"PRAGMA synchronous": int64(1), "PRAGMA journal_mode": "wal",
		"PRAGMA auto_vacuum": int64(2), "PRAGMA application_id": int64(applicationID),
	} {
		if got, err := s.w.c.value(sql); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", sql, got, err, want)
		}
	}
}

func TestPathsWithOddCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?b#c%d&e", "q?mode=ro.db")
	s := open(t, Options{Path: path})
	enqueue(t, s, message("/a", "x"))
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseBehindALink(t *testing.T) {
	path := made(t)
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	s := open(t, Options{Path: link})
	if depth(t, s) != 2 {
		t.Error("the messages behind the link are not there")
	}
	if _, err := Open(t.Context(), Options{Path: path, Clock: clock.System{}}); err == nil {
		t.Error("the same database was opened twice, by its name and by a link")
	}
}

func TestCloseIsIdempotent(t *testing.T) {
	s := open(t, Options{})
	for range 3 {
		must(t, s.Close())
	}
	if err := s.Ping(t.Context()); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("Ping = %v, want ErrClosed", err)
	}
}

func TestPingCommits(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m})
	beat := func() int64 {
		n, err := s.keeper.c.integer("SELECT beat FROM meta")
		must(t, err)
		return n
	}
	m.Advance(time.Minute)
	must(t, s.Ping(t.Context()))
	must(t, s.Ping(t.Context()))
	if beat() != 1 {
		t.Errorf("two pings at once made %d commits, want 1", beat())
	}
	m.Advance(pingFresh + 1)
	must(t, s.Ping(t.Context()))
	if beat() != 2 {
		t.Errorf("a later ping made no commit")
	}
	enqueue(t, s, message("/a", "x"))
	must(t, s.Ping(t.Context()))
	if beat() != 2 {
		t.Errorf("a ping right after a synced commit made one of its own")
	}
}

// badinput 101: a lost table turns the ping red.
func TestPingFindsALostTable(t *testing.T) {
	m := clock.NewManual(start)
	s := open(t, Options{Clock: m})
	alter(t, s.path, "DROP TABLE body")
	m.Advance(time.Minute)
	var unavailable *queue.UnavailableError
	if err := s.Ping(t.Context()); !errors.As(err, &unavailable) {
		t.Errorf("Ping = %v, want an UnavailableError", err)
	}
}
