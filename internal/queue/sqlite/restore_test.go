package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hookaido/internal/queue"
)

// queued counts the messages of a database that is not open.
func queued(t *testing.T, path string) int {
	t.Helper()
	s := open(t, Options{Path: path})
	stats, err := s.Stats(t.Context())
	must(t, err)
	must(t, s.Close())
	return stats.ByState[queue.StateQueued]
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// What the user of the service plants in its folder leads root nowhere.
func TestRestoreFollowsNoLinks(t *testing.T) {
	path, victim := made(t), filepath.Join(t.TempDir(), "victim")
	write(t, victim, "precious")
	for _, suffix := range []string{".new", ".state.new", "-shm", ".replaced-wal", ".replaced-shm"} {
		must(t, removeIfThere(path+suffix))
		must(t, os.Symlink(victim, path+suffix))
	}
	_, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	must(t, err)
	if got := content(t, victim); got != "precious" {
		t.Errorf("a file elsewhere was overwritten: %d bytes", len(got))
	}
	if n := queued(t, path); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// A copy may have any name beside the database.
func TestRestoreSparesACopyBesideTheDatabase(t *testing.T) {
	path := made(t)
	from := path + ".new"
	must(t, os.Rename(copied(t, path), from))
	_, err := Restore(t.Context(), from, Options{Path: path}, nil)
	must(t, err)
	if _, err := Inspect(t.Context(), from, true); err != nil {
		t.Errorf("the copy is gone: %v", err)
	}
	left, err := filepath.Glob(path + ".new*")
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// What an earlier restore replaced isn't lost by another one, also if it is the
// source of that.
func TestRestoreKeepsWhatWasReplaced(t *testing.T) {
	path := made(t)
	kept, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	must(t, err)
	before := content(t, kept)
	for name, from := range map[string]string{"another copy": copied(t, made(t)), "the replaced one": kept} {
		t.Run(name, func(t *testing.T) {
			_, err := Restore(t.Context(), from, Options{Path: path}, func(int, int) { t.Error("something was made") })
			var refusal *OpenError
			if !errors.As(err, &refusal) || refusal.Kind != OpenPlace || !strings.Contains(err.Error(), "an earlier restore left") {
				t.Errorf("Restore = %v", err)
			}
		})
	}
	if content(t, kept) != before {
		t.Error("what was replaced changed")
	}
	must(t, os.Rename(kept, path+".other"))
	if _, err := Restore(t.Context(), path+".other", Options{Path: path}, nil); err != nil {
		t.Errorf("once it has another name: %v", err)
	}
}

// A restore that was cut between its renames leaves a log without its database.
// The next one brings them together.
func TestRestoreAfterOneThatWasCut(t *testing.T) {
	path := crashed(t, 5)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("no log, so it proves nothing: %v", err)
	}
	must(t, os.Rename(path, path+replaced))
	must(t, removeIfThere(path+"-shm"))
	kept, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	if err != nil || kept != path+replaced {
		t.Fatalf("Restore = %q, %v", kept, err)
	}
	if n := queued(t, kept); n != 5 {
		t.Errorf("%d of 5 messages were kept", n)
	}
	if n := queued(t, path); n != 2 {
		t.Errorf("%d of 2 messages were restored", n)
	}
}

// The log of another database is not put beside one that has its own.
func TestRestoreMixesNoLogs(t *testing.T) {
	path := dbPath(t)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	for suffix, text := range map[string]string{replaced: "a", replaced + "-wal": "b", "-wal": "c"} {
		write(t, path+suffix, text)
	}
	_, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	must(t, err)
	if got := content(t, path+replaced+"-wal"); got != "b" {
		t.Errorf("the log is %q", got)
	}
}

// The files are the service's, also when root restores.
func TestRestoreHandsOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const owner = 4711
	path := dbPath(t)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.Chown(filepath.Dir(path), owner, owner))
	_, err := Restore(t.Context(), copied(t, made(t)), Options{Path: path}, nil)
	must(t, err)
	for _, suffix := range []string{"", ".state", ".lock"} {
		info, err := os.Lstat(path + suffix)
		must(t, err)
		if st := info.Sys().(*syscall.Stat_t); st.Uid != owner || st.Gid != owner {
			t.Errorf("%s belongs to %d:%d", filepath.Base(path+suffix), st.Uid, st.Gid)
		}
	}
}

// The database already belongs to the service when it gets its name, so that a
// restore that is cut then leaves one that starts.
func TestSuccessorIsHandedOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const owner = 4711
	dir := t.TempDir()
	must(t, os.Chown(dir, owner, owner))
	_, err := makeSuccessor(t.Context(), copied(t, made(t)), filepath.Join(dir, "q"), nil)
	must(t, err)
	info, err := os.Stat(filepath.Join(dir, "q"))
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Uid != owner || st.Gid != owner {
		t.Errorf("it belongs to %d:%d", st.Uid, st.Gid)
	}
}

// A daemon that starts while a database at rest is copied makes the copy begin
// anew.
func TestCopyWhileADaemonStarts(t *testing.T) {
	path := copied(t, made(t)) // nothing is beside it
	to := filepath.Join(t.TempDir(), "copy")
	write(t, to, "")
	started := false
	must(t, Copy(t.Context(), path, to, func(int, int) {
		if !started {
			started = true
			enqueue(t, open(t, Options{Path: path}), message("/a", "three"))
		}
	}))
	found, err := Inspect(t.Context(), to, true)
	must(t, err)
	if n := found.ByState[queue.StateQueued]; n != 3 {
		t.Errorf("the copy has %d of 3 messages", n)
	}
}
