package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bodyFiles returns the files with large bodies of the daemon's queue.
func (d *daemon) bodyFiles() []string {
	d.t.Helper()
	names, err := filepath.Glob(d.path("data/hookaido.db.bodies-*"))
	must(d.t, err)
	return names
}

// burst sends webhooks of 64 KiB over many connections at once until enough
// were accepted and done says so, and returns those that were.
func (d *daemon) burst(tag string, enough int, done func()) map[string]bool {
	accepted := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for c := range 24 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := strings.Repeat(fmt.Sprintf("%s-%03d-%07d|", tag, c, n), 64<<10/16)
				a, err := tryPost(d.t, "http://"+d.ingress+"/in", []byte(body))
				if err != nil {
					time.Sleep(time.Millisecond) // the process is gone; don't spin
					continue
				}
				if a.status == http.StatusAccepted {
					mu.Lock()
					accepted[body] = true
					mu.Unlock()
				}
			}
		})
	}
	d.eventually("a burst is under way", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted) >= enough
	})
	done()
	close(stop)
	wg.Wait()
	return accepted
}

// TestLargeBurst sends bursts of large webhooks, which go to files beside the
// database: a kill, a backup and the move back to the database keep each to the
// octet.
func TestLargeBurst(t *testing.T) {
	d := newDaemon(t, openRoute).start()
	accepted := d.burst("one", 300, d.kill)
	files := d.bodyFiles()
	if len(files) == 0 {
		t.Fatal("a burst of large webhooks made no body files: this proves nothing")
	}
	for _, name := range files {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}

	d.start()
	to := d.path("copy.db")
	during := d.burst("two", 100, func() {
		if out, errs, code := d.hookaido("backup", to, "--db", d.path("data/hookaido.db")); code != 0 {
			t.Fatalf("backup: exit %d\n%s%s", code, out, errs)
		}
	})
	e := newDaemon(t, openRoute)
	must(t, os.MkdirAll(e.path("data"), 0o700))
	if out, errs, code := e.hookaido("restore", to, "--yes", "--db", e.path("data/hookaido.db")); code != 0 || strings.Contains(out, "without the bodies") {
		t.Fatalf("restore: exit %d\n%s%s", code, out, errs)
	}
	e.start()
	expectBodies(t, "the copy", e.drain("/in"), accepted)
	e.stop()

	soon(t, "in the database with all bodies", func() bool { return len(d.bodyFiles()) == 0 })
	maps.Copy(accepted, during)
	expectBodies(t, "the queue", d.drain("/in"), accepted)
	d.stop()
}

// expectBodies compares what was drained with what must be there.
func expectBodies(t *testing.T, where string, got map[string]int, want map[string]bool) {
	t.Helper()
	for body := range want {
		if got[body] != 1 {
			t.Errorf("%s has %.16s %d times", where, body, got[body])
		}
	}
	for body := range got {
		if len(body) != 64<<10 || strings.Count(body, body[:16]) != 64<<10/16 {
			t.Errorf("%s has a body that nobody sent: %d octets, %.40q", where, len(body), body)
		}
	}
}
