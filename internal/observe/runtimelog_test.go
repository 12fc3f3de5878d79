package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hookaido/internal/clock"
)

func runtimeFile(t *testing.T, level string) (*RuntimeLog, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runtime.log")
	r, err := NewRuntimeLog(RuntimeOptions{Level: level, Output: Output{To: File, Path: path}, Clock: clock.NewManual(epoch)})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, path
}

func TestRuntimeLineInAFile(t *testing.T) {
	r, path := runtimeFile(t, "info")
	r.Logger().Debug("hidden")
	r.Logger().Named("sqlite").With(zap.String("path", "/db")).Warn("open_failed",
		Err(errors.New("no\u0085such\u2028\x7ffile")), Err(nil), zap.Duration("took", 1500*time.Microsecond),
		zap.Bool("again", true), Catalog("abc"))
	want := []map[string]any{{
		"time": epoch.Local().Format(time.RFC3339Nano), "level": "WARN", "logger": "sqlite", "msg": "open_failed",
		"path": "/db", "err": "no\u0085such\u2028\x7ffile", "took": 1500000.0, "again": true,
	}}
	if d := cmp.Diff(want, readLines(t, path)); d != "" {
		t.Error(d)
	}
	raw, err := os.ReadFile(path)
	must(t, err)
	for _, c := range strings.TrimSuffix(string(raw), "\n") {
		if unprintable(c) {
			t.Errorf("the line has %U: %s", c, raw) // C101
		}
	}
}

func TestLevels(t *testing.T) {
	r, path := runtimeFile(t, "")
	all := func() int {
		before := len(readLines(t, path))
		for _, log := range []func(string, ...zap.Field){r.Logger().Debug, r.Logger().Info, r.Logger().Warn, r.Logger().Error} {
			log("x")
		}
		return len(readLines(t, path)) - before
	}
	if n := all(); n != 3 {
		t.Errorf("by default %d of 4 levels, want 3", n)
	}
	for _, tc := range []struct {
		level string
		want  int
	}{{"debug", 4}, {"INFO", 3}, {"warn", 2}, {"warning", 2}, {"error", 1}, {"off", 0}} {
		must(t, r.SetLevel(tc.level))
		if n := all(); n != tc.want {
			t.Errorf("%s: %d of 4 levels, want %d", tc.level, n, tc.want)
		}
	}
	if err := r.SetLevel("loud"); err == nil || !strings.Contains(err.Error(), "debug, info, warn, error or off") {
		t.Errorf("unknown level: %v", err)
	}
	if n := all(); n != 0 {
		t.Error("a bad level changed the level")
	}
}

func TestReopen(t *testing.T) {
	r, path := runtimeFile(t, "info")
	a, accessPath := fileLog(t, AccessOptions{})
	r.Logger().Info("old")
	a.Log(sample())
	for _, p := range []string{path, accessPath} {
		must(t, os.Rename(p, p+".1"))
	}
	must(t, r.Reopen())
	must(t, a.Reopen())
	r.Logger().Info("new")
	a.Log(sample())
	a.Flush()
	for _, p := range []string{path, path + ".1", accessPath, accessPath + ".1"} {
		if n := len(readLines(t, p)); n != 1 {
			t.Errorf("%s has %d lines, want 1", p, n)
		}
	}
	// A folder in the way: the file in use stays.
	must(t, os.Remove(path))
	must(t, os.Mkdir(path, 0o700))
	if err := r.Reopen(); err == nil {
		t.Error("reopening a folder: no error")
	}
	r.Logger().Info("still writable")
	if r.Dropped() != 0 {
		t.Error("a file has no lost entries")
	}
}

func TestOutputsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	for name, o := range map[string]Output{
		"no path": {To: File}, "folder": {To: File, Path: dir}, "pipe without a reader": {To: File, Path: pipe},
		"no folder": {To: File, Path: filepath.Join(dir, "no/log")}, "unknown": {To: "syslog"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewRuntimeLog(RuntimeOptions{Output: o, Clock: clock.System{}}); err == nil {
				t.Error("runtime log: no error")
			}
			if _, err := NewAccessLog(AccessOptions{Output: o, Clock: clock.System{}}); err == nil {
				t.Error("access log: no error")
			}
		})
	}
	if _, err := NewRuntimeLog(RuntimeOptions{Level: "x", Output: Output{To: Stderr}}); err == nil {
		t.Error("unknown level: no error")
	}
}

func TestRuntimeEntryInTheJournal(t *testing.T) {
	j := newFakeJournal(t)
	r, err := NewRuntimeLog(RuntimeOptions{Level: "debug", Output: j.output(), Clock: clock.System{}})
	must(t, err)
	log := r.Logger().Named("app").With(zap.String("trigger", "signal_sighup"))
	log.Error("config_reload_failed", zap.Error(errors.New("line 3:\n\tunknown directive")), zap.Int("count", 2),
		zap.Duration("took", time.Millisecond), zap.Strings("names", []string{"a", "b"}), zap.String("ünï.code", "x"),
		Catalog("0123456789abcdef0123456789abcdef"))
	want := map[string]string{
		"SYSLOG_IDENTIFIER": "hookaido", "PRIORITY": "3", "HOOKAIDO_EVENT": "config_reload_failed", "HOOKAIDO_LOGGER": "app",
		"MESSAGE":          `app: config_reload_failed count=2 error="line 3:\n\tunknown directive" names="["a","b"]" took=1000000 trigger=signal_sighup ünï.code=x`,
		"MESSAGE_ID":       "0123456789abcdef0123456789abcdef",
		"HOOKAIDO_TRIGGER": "signal_sighup", "HOOKAIDO_ERROR": `line 3:\n\tunknown directive`, "HOOKAIDO_COUNT": "2",
		"HOOKAIDO_TOOK": "1000000", "HOOKAIDO_NAMES": `["a","b"]`, "HOOKAIDO___N___CODE": "x",
	}
	want["MESSAGE"] = strings.ReplaceAll(want["MESSAGE"], `"["a","b"]"`, `"['a','b']"`)
	if d := cmp.Diff(want, j.entry()); d != "" {
		t.Error(d)
	}
	for _, tc := range []struct {
		log      func(string, ...zap.Field)
		priority string
	}{{log.Debug, "7"}, {log.Info, "6"}, {log.Warn, "4"}, {log.Error, "3"}, {log.DPanic, "2"}} {
		tc.log("x")
		if e := j.entry(); e["PRIORITY"] != tc.priority {
			t.Errorf("priority %s, want %s", e["PRIORITY"], tc.priority)
		}
	}
	must(t, r.SetLevel("off"))
	log.Error("hidden")
	must(t, r.SetLevel("info"))
	log.Info("shown")
	must(t, r.Logger().Sync())
	if e := j.entry(); e["HOOKAIDO_EVENT"] != "shown" {
		t.Errorf("got %v", e)
	}
	must(t, r.Reopen())
	must(t, r.Close())
}

func TestConsoleCannotBeDriven(t *testing.T) { // C101
	line, err := newConsoleLines().EncodeEntry(zapEntry("start"), []zap.Field{zap.String("path", "a\u0085\x1b[2Jb")})
	must(t, err)
	for _, c := range line.String() {
		if unprintable(c) && c != '\n' && c != '\t' {
			t.Errorf("the terminal gets %U", c)
		}
	}
	if !strings.Contains(line.String(), "\tstart\t") {
		t.Errorf("got %q", line.String())
	}
}
