package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shell is a sqlite3 program that has the database open.
type shell struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	end func()
}

// sqlite opens the database in a sqlite3 program of its own.
func (d *daemon) sqlite(t *testing.T) *shell {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sqlite3", d.path("data/hookaido.db"), "-cmd", ".timeout 60000")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs the sqlite3 program: %v", err)
	}
	end := sync.OnceFunc(func() {
		_ = in.Close()
		_ = cmd.Wait() // what it printed was checked
	})
	t.Cleanup(end)
	return &shell{t, in, bufio.NewReader(out), end}
}

// do runs statements and returns when they are done.
func (s *shell) do(sql string) {
	s.t.Helper()
	_, err := io.WriteString(s.in, sql+";\nSELECT 'done';\n")
	must(s.t, err)
	if line, err := s.out.ReadString('\n'); err != nil || line != "done\n" {
		s.t.Fatalf("%s: %q, %v", sql, line, err)
	}
}

// TestLockOfAnotherProgram is case C46: the lock of another program is waited
// for; one that stays is a 503 that says when to come again, and no words of
// SQLite reach a sender.
func TestLockOfAnotherProgram(t *testing.T) {
	d := newDaemon(t, openIn).start()
	d.acceptAll("/in", 20)
	other := d.sqlite(t)
	short := func() time.Duration {
		other.do("BEGIN IMMEDIATE")
		begin := time.Now()
		var requests sync.WaitGroup
		answers := make(chan answer, 16)
		for i := range cap(answers) {
			requests.Go(func() {
				to := "http://" + d.ingress + "/in"
				if i%2 == 0 {
					to = "http://" + d.pull + "/in/dequeue"
				}
				a, err := tryPost(t, to, []byte(`{"lease_ttl":"1h"}`), "Authorization", "Bearer "+pullToken)
				if err != nil {
					t.Error(err)
				}
				answers <- a
			})
		}
		select {
		case a := <-answers:
			if time.Since(begin) < 2*time.Second {
				t.Errorf("an answer while the database is locked: %d %s", a.status, a.body)
			}
		case <-time.After(time.Second):
		}
		held := time.Since(begin)
		other.do("COMMIT")
		requests.Wait()
		close(answers)
		if held < 2*time.Second { // else this machine was too slow for a verdict
			for a := range answers {
				if a.status != http.StatusAccepted && a.status != http.StatusOK {
					t.Errorf("held for %v: %d %s", held, a.status, a.body)
				}
			}
		}
		return held
	}
	soon(t, "held for a short time", func() bool { return short() < 2*time.Second })
	other.do("BEGIN IMMEDIATE")
	a := post(t, "http://"+d.ingress+"/in", []byte("x"))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || bytes.Contains(a.body, []byte("locked")) {
		t.Errorf("under a lock that stays: %d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
	}
	other.do("COMMIT")
	soon(t, "accepting again", func() bool {
		return post(t, "http://"+d.ingress+"/in", []byte("x")).status == http.StatusAccepted
	})
	d.stop()
}

// TestFilesShrinkAfterABacklog is case C50 as shipped: the files of a queue
// that was emptied shrink below a tenth, and senders are served on the way.
func TestFilesShrinkAfterABacklog(t *testing.T) {
	t.Parallel() // with other tests that wait
	d := newDaemon(t, openIn+"/other { pull { path /other } }\n").start()
	payload := strings.Repeat("x", 1_000_000)
	for n := range 40 {
		d.accept("/in", itoa(n)+payload)
	}
	size := func() (sum int64) {
		for _, name := range append(d.bodyFiles(), d.path("data/hookaido.db"), d.path("data/hookaido.db-wal")) {
			info, err := os.Stat(name)
			if !errors.Is(err, fs.ErrNotExist) { // a body file may go at any time
				must(t, err)
				sum += info.Size()
			}
		}
		return sum
	}
	peak := size()
	if got := d.drain("/in"); len(got) != 40 {
		t.Fatalf("%d messages drained", len(got))
	}
	for part := int64(2); part <= 10; part += 4 {
		soon(t, "below a part of the peak, which is one in "+itoa(int(part)), func() bool { return size() < peak/part })
		d.accept("/other", "x")
	}
	d.stop()
}

// TestModesOfFiles is case C52 and row 130 of bad input, from an installation
// that was open to all. TestOwnUnixSockets has fresh ones.
func TestModesOfFiles(t *testing.T) {
	d := newDaemon(t, openIn)
	d.run("sh", "-c", `umask 022; exec "$@"`, "sh", binary, "run", "--config", d.path("Hookaidofile"), "--db", d.path("data/hookaido.db"), "--socket", d.socket)
	d.untilReady()
	d.accept("/in", "x")
	c52(t, d)
	d.kill()
	files, err := os.ReadDir(d.path("data"))
	must(t, err)
	for _, f := range files {
		must(t, os.Chmod(d.path("data/"+f.Name()), 0o644)) //nolint:gosec // what is to be mended
	}
	must(t, os.Chmod(d.path("data"), 0o755)) //nolint:gosec // likewise
	d.start()
	c52(t, d)
	d.stop()
}

// TestReadOnlyFileSystem is row 131 of bad input and case C53: a service that
// can't store anything doesn't start as if it could.
func TestReadOnlyFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	d := newDaemon(t, openIn)
	must(t, os.MkdirAll(d.path("data"), 0o700))
	if err := syscall.Mount("hookaido-test", d.path("data"), "tmpfs", 0, "size=6m,mode=0700"); err != nil {
		t.Fatalf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.path("data"), syscall.MNT_DETACH) })
	d.start().stop()
	must(t, syscall.Mount("", d.path("data"), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	d.launch()
	if code := d.wait(); code != 74 || !strings.Contains(d.log.String(), "read-only") || !strings.Contains(d.log.String(), d.path("data/hookaido.db")) {
		t.Errorf("exit %d, want 74, the reason and the path:\n%s", code, d.log)
	}
}

// TestDamagedDatabases has rows 127 to 129 of bad input with a queue that has
// messages: a start is refused in one line that names the file, and what is in
// the file stays as it is.
func TestDamagedDatabases(t *testing.T) {
	alter := func(sql string) func(t *testing.T, d *daemon, db string) {
		return func(t *testing.T, d *daemon, _ string) {
			s := d.sqlite(t)
			s.do(sql)
			s.end()
		}
	}
	for _, row := range []struct {
		name string
		harm func(t *testing.T, d *daemon, db string)
		want string
	}{
		{"127 a link that dangles", func(t *testing.T, _ *daemon, db string) {
			must(t, os.Rename(db, db+".away"))
			must(t, os.Symlink("/nowhere/at/all", db))
		}, "leads nowhere"},
		{"127 cut in the header", func(t *testing.T, _ *daemon, db string) { must(t, os.Truncate(db, 50)) }, "cut after 50"},
		{"127 cut", func(t *testing.T, _ *daemon, db string) { must(t, os.Truncate(db, 3*4096)) }, "hookaido.db"},
		{"128 emptied", func(t *testing.T, _ *daemon, db string) { must(t, os.Truncate(db, 0)) }, "a queue was here"},
		{"128 gone", func(t *testing.T, _ *daemon, db string) { must(t, os.Remove(db)) }, "a queue was here"},
		{"129 a newer schema", alter("PRAGMA user_version = 99"), "version 99"},
		{"129 a column is missing", alter("ALTER TABLE message DROP COLUMN size"), "size"},
		{"129 a table is missing", alter("DROP TABLE body"), "body"},
	} {
		t.Run("badinput "+row.name, func(t *testing.T) {
			d := newDaemon(t, openIn).start()
			d.accept("/in", "x")
			d.stop()
			db := d.path("data/hookaido.db")
			row.harm(t, d, db)
			before := contents(t, db)
			begun := len(d.log.String())
			d.launch()
			code := d.wait()
			log := d.log.String()[begun:]
			if code != 74 || !strings.Contains(log, row.want) || !strings.Contains(log, db) || strings.Contains(log, "goroutine ") {
				t.Errorf("exit %d, want 74 with %q and the path:\n%s", code, row.want, log)
			}
			if after := contents(t, db); after != before {
				t.Errorf("the file was changed from %.100q to %.100q", before, after)
			}
		})
	}
	t.Run("badinput 128 the log is gone", func(t *testing.T) {
		d := newDaemon(t, openIn).start()
		d.accept("/in", "x")
		d.kill()
		if err := os.Remove(d.path("data/hookaido.db-wal")); errors.Is(err, os.ErrNotExist) {
			t.Fatal("there was no log to remove")
		}
		d.start()
		d.logLine(`"ERROR"`, "log is missing")
		d.stop()
	})
}

// contents has what a sqlite3 program finds in a database, or else its octets.
// A counter in the header, which each program that looks may move, is no part.
func contents(t *testing.T, db string) string {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "sqlite3", "-readonly", db, ".dump", "PRAGMA user_version").Output(); err == nil && len(out) > 0 {
		return string(out)
	}
	b, _ := os.ReadFile(db) // nothing if it is gone
	return string(b)
}

// TestBrokenStoreIsNotHealthy is row 101 of bad input: probes that go by the
// store turn red, and the one that asks for the process doesn't.
func TestBrokenStoreIsNotHealthy(t *testing.T) {
	d := newDaemon(t, openIn).start()
	d.accept("/in", "x")
	other := d.sqlite(t)
	other.do("ALTER TABLE body RENAME TO elsewhere")
	d.eventually("not healthy", func() bool { return d.get("http://"+d.admin+"/healthz") == http.StatusServiceUnavailable })
	if got := d.get("http://" + d.admin + "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d, want 503", got)
	}
	if got := d.get("http://" + d.admin + "/livez"); got != http.StatusOK {
		t.Errorf("/livez: %d, want 200", got)
	}
	if a := post(t, "http://"+d.ingress+"/in", []byte("y")); a.status != http.StatusServiceUnavailable {
		t.Errorf("a webhook: %d, want 503", a.status)
	}
	other.do("ALTER TABLE elsewhere RENAME TO body")
	soon(t, "healthy again", func() bool { return d.get("http://"+d.admin+"/healthz") == http.StatusOK })
}

// TestForeignCopies is case C55 for the tools of SQLite: a copy that was made
// under load starts elsewhere, with all that was accepted before.
func TestForeignCopies(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	before := map[string]bool{}
	for n := range 200 {
		body := "before-" + itoa(n)
		d.accept("/in", body)
		before[body] = true
	}
	load := d.startLoad("during")
	copies := map[string]string{}
	for name, sql := range map[string]string{"backup": ".backup '%s'", "vacuum": "VACUUM INTO '%s'"} {
		to := t.TempDir() + "/hookaido.db"
		copies[name] = to
		out, err := exec.CommandContext(t.Context(), "sqlite3", d.path("data/hookaido.db"), ".timeout 60000", fmt.Sprintf(sql, to)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", sql, err, out)
		}
	}
	load.end()
	d.stop()
	for name, from := range copies {
		t.Run(name, func(t *testing.T) {
			e := newDaemon(t, openRoute)
			must(t, os.Mkdir(e.path("data"), 0o700))
			must(t, os.Rename(from, e.path("data/hookaido.db")))
			e.start()
			c52(t, e)
			got := e.drain("/in")
			for body := range before {
				if got[body] != 1 {
					t.Errorf("%s is there %d times", body, got[body])
				}
			}
			e.stop()
		})
	}
}

// TestRequeueIsAFreshBudget is case C61 for deliveries: a requeue gives all
// attempts again, and those of before are still told.
func TestRequeueIsAFreshBudget(t *testing.T) {
	rec := receive(t, func(http.ResponseWriter, *http.Request, string) int { return http.StatusInternalServerError })
	d := newManaged(t, here+"/p { deliver "+rec.url("/")+" { retry exponential max 1 base 1ms cap 1ms } }\n").start()
	d.accept("/p", "x")
	for round := 1; round <= 2; round++ {
		soon(t, "dead", func() bool { return strings.HasSuffix(d.ids("/dlq"), ":dead") })
		rec.mu.Lock()
		n := rec.begun["x"]
		rec.mu.Unlock()
		if n != 2*round {
			t.Fatalf("round %d ended after %d attempts in all, want %d", round, n, 2*round)
		}
		soon(t, "all attempts told", func() bool {
			return strings.Count(string(d.operate("GET", "/attempts?limit=100&route=/p", "").body), `"event_id"`) == n
		})
		dead, _ := d.page("/dlq")
		if round == 1 {
			d.change(t, "/dlq/requeue", `{"ids":["`+dead[0].ID+`"]}`, `{"requeued":1,"audit":{"reason":"r"}}`)
		}
	}
}

// TestFanOutIsWhole is case C62: when one target can't have its message, none
// gets it, and the sender's next try makes one for each.
func TestFanOutIsWhole(t *testing.T) {
	down := "http://" + freeAddress(t)
	routes := here + "/fan {\n  deliver " + down + "/a { retry exponential max 9 base 1h cap 1h }\n  deliver " + down + "/b { retry exponential max 9 base 1h cap 1h }\n}\n"
	d := newManaged(t, routes+"queue_limits { max_depth 3 }\n").start()
	d.accept("/fan", "first")
	a := post(t, "http://"+d.ingress+"/fan", []byte("second"))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("without room for both: %d %s", a.status, a.body)
	}
	of := func(target string) int {
		list, _ := d.page("/messages?limit=100&target=" + url.QueryEscape(down+target))
		return len(list)
	}
	if x, y := of("/a"), of("/b"); x != 1 || y != 1 {
		t.Errorf("after the refusal the targets have %d and %d messages, want one each", x, y)
	}
	d.stop()
	d.manage(routes + "queue_limits { max_depth 4 }\n")
	d.start()
	d.accept("/fan", "second")
	if x, y := of("/a"), of("/b"); x != 2 || y != 2 {
		t.Errorf("after the second try the targets have %d and %d messages, want two each", x, y)
	}
}

// TestFullQueue is case C65: a full queue is a 503 that says when to come
// again, or drops the oldest.
func TestFullQueue(t *testing.T) {
	d := newDaemon(t, openIn+"queue_limits { max_depth 1 }\n").start()
	d.accept("/in", "one")
	a := post(t, "http://"+d.ingress+"/in", []byte("two"))
	if a.outcome() != "503 queue_full" || a.header.Get("Retry-After") == "" {
		t.Errorf("a full queue: %d %s with Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
	}
	d.stored(t, "/in", "one")
	d.accept("/in", "three")
	d.stored(t, "/in", "three")
	d.stop()
	dropping := newDaemon(t, openIn+"queue_limits { max_depth 1 drop_policy drop_oldest }\n").start()
	dropping.accept("/in", "one")
	dropping.accept("/in", "two")
	dropping.stored(t, "/in", "two")
}
