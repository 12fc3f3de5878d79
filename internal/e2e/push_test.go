package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// receiver is a target. It keeps what it got, by body.
type receiver struct {
	server *httptest.Server
	mu     sync.Mutex
	begun  map[string]int // requests that came in whole
	done   map[string]int // requests that were answered
	at     []time.Time
	ids    []string // X-Hookaido-Event-Id and -Attempt
}

// receive starts a target. Answer says what a request gets, and may take its
// time; what it answers with a status from 200 to 299 is done.
func receive(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, body string) int) *receiver {
	t.Helper()
	rec := newReceiver(answer)
	rec.server.Start()
	t.Cleanup(rec.server.Close)
	return rec
}

// receiveAt starts a target, which takes everything, at an address.
func receiveAt(t testing.TB, address string) *receiver {
	t.Helper()
	rec := newReceiver(nil)
	l, err := net.Listen("tcp", address)
	must(t, err)
	must(t, rec.server.Listener.Close())
	rec.server.Listener = l
	rec.server.Start()
	t.Cleanup(rec.server.Close)
	return rec
}

func newReceiver(answer func(w http.ResponseWriter, r *http.Request, body string) int) *receiver {
	rec := &receiver{begun: map[string]int{}, done: map[string]int{}}
	rec.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		body := string(b)
		rec.mu.Lock()
		rec.begun[body]++
		rec.at = append(rec.at, time.Now())
		rec.ids = append(rec.ids, r.Header.Get("X-Hookaido-Event-Id")+" "+r.Header.Get("X-Hookaido-Attempt"))
		rec.mu.Unlock()
		status := http.StatusOK
		if answer != nil {
			status = answer(w, r, body)
		}
		if status == 0 {
			return
		}
		if status < 300 {
			rec.mu.Lock()
			rec.done[body]++
			rec.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	return rec
}

func (r *receiver) url(path string) string { return r.server.URL + path }

// counts returns how many different bodies came in and were done, and the
// bodies that were done more than once.
func (r *receiver) counts() (begun, done int, twice []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for body, n := range r.done {
		if n > 1 {
			twice = append(twice, fmt.Sprintf("%s (%d times)", body, n))
		}
	}
	return len(r.begun), len(r.done), twice
}

// here lets deliveries reach this machine.
const here = "defaults { egress { https_only off dns_rebind_protection off } }\n"

func (d *daemon) accept(path, body string) {
	d.t.Helper()
	res, err := http.Post("http://"+d.ingress+path, "text/plain", strings.NewReader(body))
	must(d.t, err)
	defer res.Body.Close() //nolint:errcheck // nothing is read
	if res.StatusCode != http.StatusAccepted {
		d.t.Fatalf("POST %s: %d, want 202", path, res.StatusCode)
	}
}

// acceptAll sends n different bodies over a few connections.
func (d *daemon) acceptAll(path string, n int) {
	d.t.Helper()
	for i := range n {
		d.accept(path, fmt.Sprintf("%s %d", path, i))
	}
}

// queueCounts are the messages by state, as status shows them.
func (d *daemon) queueCounts() map[string]int {
	d.t.Helper()
	out, stderr, code := d.hookaido("status", "--json", "--socket", d.socket)
	var s struct {
		Store struct {
			ByState map[string]int `json:"by_state"`
		} `json:"store"`
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		d.t.Fatalf("status: exit %d, %v\n%s", code, err, stderr)
	}
	return s.Store.ByState
}

// TestPushHungTarget has a target that never answers beside one that does.
func TestPushHungTarget(t *testing.T) {
	release := make(chan struct{})
	hung := receive(t, func(_ http.ResponseWriter, r *http.Request, _ string) int {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return 0
	})
	defer close(release)
	quick := receive(t, nil)
	d := newDaemon(t, here+fmt.Sprintf("/p {\n deliver_concurrency 4\n deliver %s { timeout 60s }\n deliver %s { }\n}\n/r { deliver %[1]s { timeout 200ms } }\n",
		hung.url("/hung"), quick.url("/quick")))
	d.start()
	d.acceptAll("/p", 300)
	d.eventually("delivered to the quick target", func() bool { _, done, _ := quick.counts(); return done == 300 })
	// none of these has timed out yet, so nobody waited for them
	if begun, done, _ := hung.counts(); begun == 0 || begun > 4 || done > 0 {
		t.Errorf("%d attempts at the hung target, %d done; want 1 to 4 that still run", begun, done)
	}
	d.acceptAll("/r", 10)
	d.eventually("resting", func() bool {
		out, _, _ := d.hookaido("status", "--socket", d.socket)
		return strings.Contains(out, "RESTING after 5 failures (timeout)")
	})
}

func TestPushRetryAfter(t *testing.T) {
	var calls atomic.Int32
	rec := receive(t, func(w http.ResponseWriter, _ *http.Request, _ string) int {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "2")
			return http.StatusTooManyRequests
		}
		return http.StatusOK
	})
	d := newDaemon(t, here+fmt.Sprintf("/p { deliver %s { retry exponential max 3 base 100ms } }\n", rec.url("/")))
	d.start()
	d.accept("/p", "x")
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 1 })
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if wait := rec.at[1].Sub(rec.at[0]); wait < 2*time.Second {
		t.Errorf("tried again after %v, want at least the 2s that the target asked for", wait)
	}
	first, _, _ := strings.Cut(rec.ids[0], " ")
	if rec.ids[0] != first+" 1" || rec.ids[1] != first+" 2" || !strings.HasPrefix(first, "evt_") {
		t.Errorf("a receiver can't tell the repeat: %q", rec.ids)
	}
}

func TestPushDeadAfterMax(t *testing.T) {
	rec := receive(t, func(http.ResponseWriter, *http.Request, string) int { return http.StatusServiceUnavailable })
	gone := receive(t, func(http.ResponseWriter, *http.Request, string) int { return http.StatusGone })
	d := newDaemon(t, here+fmt.Sprintf("/p { deliver %s { retry exponential max 2 base 20ms jitter 0 } }\n/gone { deliver %s { } }\n", rec.url("/"), gone.url("/")))
	d.start()
	d.accept("/p", "x")
	d.accept("/gone", "y")
	d.eventually("dead", func() bool { return d.queueCounts()["dead"] == 2 })
	rec.mu.Lock()
	n := rec.begun["x"]
	rec.mu.Unlock()
	if n != 3 {
		t.Errorf("%d requests, want 1 and 2 more", n)
	}
	for _, reason := range []string{`"reason":"max_retries"`, `"reason":"gone"`} {
		d.eventually("in the log: "+reason, func() bool { return strings.Contains(strings.ReplaceAll(d.log.String(), ": ", ":"), reason) })
	}
}

// TestPushStopInTheMiddle stops the daemon in the middle of 50 slow deliveries,
// ten times: no message is lost, none is delivered twice that was answered, and
// none loses an attempt by the stop.
func TestPushStopInTheMiddle(t *testing.T) {
	const rounds, slow = 10, 50
	rec := receive(t, func(_ http.ResponseWriter, _ *http.Request, body string) int {
		time.Sleep(time.Duration(200+len(body)%7*30) * time.Millisecond)
		return http.StatusOK
	})
	d := newDaemon(t, here+fmt.Sprintf("/p {\n deliver_concurrency 50\n deliver %s { retry exponential max 1 }\n}\n", rec.url("/")))
	for round := range rounds {
		d.start()
		path := fmt.Sprintf("/p/%d", round)
		var sending sync.WaitGroup
		for i := range 2 * slow {
			sending.Go(func() { d.accept(path, fmt.Sprintf("%s %d%s", path, i, strings.Repeat("x", i%7))) })
		}
		sending.Wait()
		before := (round * 2 * slow) + slow/2
		d.eventually("delivering", func() bool { begun, _, _ := rec.counts(); return begun >= before })
		d.stop()
		begun, done, twice := rec.counts()
		if len(twice) > 0 {
			t.Fatalf("round %d: delivered twice: %v", round, twice)
		}
		if begun != done {
			t.Errorf("round %d: %d deliveries were cut off by the stop", round, begun-done)
		}
	}
	d.start()
	d.eventually("all delivered", func() bool { _, done, _ := rec.counts(); return done == rounds*2*slow })
	d.eventually("empty", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"]+c["dead"] == 0 })
	if _, _, twice := rec.counts(); len(twice) > 0 {
		t.Errorf("delivered twice: %v", twice)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, id := range rec.ids {
		if !strings.HasSuffix(id, " 1") {
			t.Errorf("%q: the stop cost an attempt", id)
		}
	}
}

// TestPushReload reloads again and again while messages are delivered, with a
// change of one route in each.
func TestPushReload(t *testing.T) {
	rec := receive(t, func(http.ResponseWriter, *http.Request, string) int {
		time.Sleep(5 * time.Millisecond)
		return http.StatusOK
	})
	config := func(n int) string {
		return here + fmt.Sprintf("/kept { deliver %s { } }\n/changed { deliver_concurrency %d deliver %s { timeout %ds } }\n", rec.url("/kept"), 1+n%5, rec.url("/changed"), 5+n)
	}
	d := newDaemon(t, config(0))
	d.start()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sending sync.WaitGroup
	for _, path := range []string{"/kept", "/changed"} {
		sending.Go(func() { d.acceptAll(path, 400) })
	}
	sending.Go(func() {
		for n := 1; n <= 15 && ctx.Err() == nil; n++ {
			d.writeConfig(config(n))
			d.reload()
		}
	})
	sending.Wait()
	d.eventually("all delivered", func() bool { _, done, _ := rec.counts(); return done == 800 })
	d.stop()
	begun, done, twice := rec.counts()
	if begun != 800 || done != 800 || len(twice) > 0 {
		t.Errorf("%d begun, %d done, want 800 each; twice: %v", begun, done, twice)
	}
}

// TestPushTargetTakenAway keeps the messages of a target that is not configured
// any more, and delivers them when it is again.
func TestPushTargetTakenAway(t *testing.T) {
	down := receive(t, func(http.ResponseWriter, *http.Request, string) int { return http.StatusServiceUnavailable })
	up := receive(t, nil)
	var back atomic.Bool
	away := receive(t, func(http.ResponseWriter, *http.Request, string) int {
		if back.Load() {
			return http.StatusOK
		}
		return http.StatusServiceUnavailable
	})
	both := here + fmt.Sprintf("/p { deliver %s { retry exponential max 9 base 300ms } deliver %s { } }\n", away.url("/?secret=1"), up.url("/"))
	d := newDaemon(t, both)
	d.start()
	d.accept("/p", "x")
	d.eventually("tried", func() bool { begun, _, _ := away.counts(); return begun == 1 })
	d.writeConfig(here + fmt.Sprintf("/p { deliver %s { } }\n/q { deliver %s { } }\n", up.url("/"), down.url("/")))
	d.reload()
	d.eventually("told", func() bool { return strings.Contains(d.log.String(), "messages_without_target") })
	if strings.Contains(d.log.String(), "secret=1") {
		t.Error("the log has the query of a target")
	}
	back.Store(true)
	d.writeConfig(both)
	d.reload()
	d.eventually("delivered", func() bool { _, done, _ := away.counts(); return done == 1 })
	d.eventually("empty", func() bool { c := d.queueCounts(); return c["queued"]+c["leased"]+c["dead"] == 0 })
}

// TestPushFirstTargetByReload needs no restart for the first push route, nor for
// the end of the last one.
func TestPushFirstTargetByReload(t *testing.T) {
	rec := receive(t, nil)
	pull := "/a { pull { path /a } }\n"
	d := newDaemon(t, here+pull)
	d.start()
	d.writeConfig(here + pull + fmt.Sprintf("/p { deliver %s { } }\n", rec.url("/")))
	d.reload()
	d.accept("/p", "x")
	d.eventually("delivered", func() bool { _, done, _ := rec.counts(); return done == 1 })
	d.writeConfig(here + pull)
	d.reload()
}

// TestPushKeepsOctets is case C05: a body that is no UTF-8, signed by its
// sender, comes to the target as it was.
func TestPushKeepsOctets(t *testing.T) {
	target := receive(t, nil)
	d := newDaemon(t, here+fmt.Sprintf("/p {\n auth hmac { provider github secret raw:s3cret }\n deliver %s { }\n}\n", target.url("/in")))
	d.start()
	d.try(t, []attempt{{"C05 to a target",
		rawPost("/p", hub("sha256=2e145133ed259adc2b635fafa6b0a3f5b7f32753b3bf098905e96a467c998a44"), "\x53\x80\x53"), "202"}})
	d.eventually("delivered", func() bool { _, done, _ := target.counts(); return done == 1 })
	if target.begun["\x53\x80\x53"] != 1 {
		t.Errorf("the target got %v", target.begun)
	}
}
