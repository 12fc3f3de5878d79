package ingress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
)

func TestRefused(t *testing.T) {
	o := worldOptions{}
	github, canonical := o.signed(t, "/g", config.GitHub), o.signed(t, "/c", config.Canonical)
	small := open("/small")
	small.Config.MaxBody, small.Config.MaxHeaders = 10, 400
	good := "X-Hub-Signature-256: sha256=" + mac("ab") + "\r\n"
	tests := []struct {
		name, request string
		status        int
		code          string
		label         string
		closed        bool
	}{
		{"no route", post("/nowhere", "", "ab"), 404, "not_found", "not_found", false},
		{"badinput 50 GET", "GET /g HTTP/1.1\r\nHost: h\r\n\r\n", 405, "method_not_allowed", "not_found", false},
		{"badinput 50 lower-case post", strings.Replace(post("/g", "", "ab"), "POST", "post", 1), 405, "method_not_allowed", "not_found", false},
		{"badinput 50 TRACE", "TRACE /g HTTP/1.1\r\nHost: h\r\n\r\n", 405, "method_not_allowed", "not_found", false},
		{"badinput 50 CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 405, "method_not_allowed", "not_found", false},
		{"C40 HEAD", "HEAD /g HTTP/1.1\r\nHost: h\r\n\r\n", 405, "", "not_found", false},
		{"badinput 46 dot segments", post("/small/../g", good, "ab"), 400, "bad_request", "policy", true},
		{"badinput 46 encoded slashes", post("/small%2f..%2fg", good, "ab"), 400, "bad_request", "policy", true},
		{"badinput 48 NUL", post("/small%00", "", "ab"), 400, "bad_request", "policy", true},
		{"body over the limit", post("/small", "", "12345678901"), 413, "payload_too_large", "policy", true},
		{"body over the limit in chunks", chunked("/small", "", "123456", "78901"), 413, "payload_too_large", "policy", true},
		{"badinput 40 absurd length", "POST /g HTTP/1.1\r\nHost: h\r\nContent-Length: 9200000000000000000\r\n\r\n", 413, "payload_too_large", "policy", true},
		{"headers over the limit", post("/small", "X-A: "+strings.Repeat("a", 400)+"\r\n", "ab"), 413, "headers_too_large", "policy", false},
		{"unsigned", post("/g", "", "ab"), 401, "unauthorized", "auth", false},
		{"wrong signature", post("/g", "X-Hub-Signature-256: sha256="+mac("x")+"\r\n", "ab"), 401, "unauthorized", "auth", false},
		{"badinput 68 two signatures", post("/g", good+good, "ab"), 401, "unauthorized", "auth", false},
		{"badinput 75 two Authorization headers", post("/g", good+"Authorization: a\r\nAuthorization: b\r\n", "ab"), 401, "unauthorized", "auth", false},
		{"stale", post("/c", canonicalHeaders("/c", "ab", "n", start.Add(-301*time.Second)), "ab"), 401, "unauthorized", "auth", false},
		{"unsigned and large", post("/g", "", strings.Repeat("a", drainable+1)), 401, "unauthorized", "auth", true},
		{"wrong and large", post("/g", good, strings.Repeat("a", drainable+1)), 401, "unauthorized", "auth", false},
		{"unsigned in chunks", chunked("/g", "", "ab"), 401, "unauthorized", "auth", true},
		{"badinput 39 bad chunk size", strings.Replace(chunked("/small", "", "ab"), "\r\n2\r\n", "\r\nzz\r\n", 1), 400, "bad_request", "policy", true},
	}
	w := newWorld(t, o, github, canonical, small)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status := strconv.Itoa(test.status)
			before := w.metric("hookaido_ingress_rejected_by_reason_total", test.label, status)
			all := w.metric("hookaido_ingress_rejected_total")
			c := w.dial()
			c.send(test.request)
			var got answer
			if test.code == "" { // an answer to HEAD
				res, err := http.ReadResponse(c.r, &http.Request{Method: http.MethodHead})
				if err != nil {
					t.Fatal(err)
				}
				got = answer{status: res.StatusCode, header: res.Header, close: res.Close}
			} else if got = c.answer(); got.code(t) != test.code {
				t.Errorf("code %q, want %q", got.code(t), test.code)
			}
			if got.status != test.status || got.close != test.closed {
				t.Errorf("answer %+v, want %d, closed %v", got, test.status, test.closed)
			}
			if allow := got.header.Get("Allow"); (test.status == 405) != (allow == "POST") {
				t.Errorf("Allow: %q", allow)
			}
			if n := w.metric("hookaido_ingress_rejected_by_reason_total", test.label, status); n != before+1 {
				t.Errorf("counted %v times as %s %s", n-before, test.label, status)
			}
			if n := w.metric("hookaido_ingress_rejected_total"); n != all+1 {
				t.Errorf("counted %v times", n-all)
			}
			if test.closed {
				if _, err := c.r.ReadByte(); err != io.EOF {
					t.Errorf("the connection was not closed: %v", err)
				}
				return
			}
			if test.code != "" {
				// the connection is in step with the next request
				c.send(post("/small", "", "after"))
				if next := c.answer(); next.status != http.StatusAccepted {
					t.Errorf("then %+v", next)
				}
				w.stored("/small")
			}
		})
	}
	for _, route := range []string{"/g", "/c", "/small"} {
		if left := w.stored(route); len(left) != 0 {
			t.Errorf("%d refused messages were stored on %s", len(left), route)
		}
	}
}

// C11: nobody learns from the answer why a signature was refused; the log has
// the class, and neither has a secret.
func TestUnauthorizedSaysNoMore(t *testing.T) {
	o := worldOptions{}
	w := newWorld(t, o, o.signed(t, "/g", config.GitHub), o.signed(t, "/c", config.Canonical))
	hub := func(v string) string { return post("/g", "X-Hub-Signature-256: "+v+"\r\n", "ab") }
	requests := map[string]string{
		"missing":   post("/g", "", "ab"),
		"malformed": hub("sha256=zz"),
		"mismatch":  hub("sha256=" + mac("x")),
		"stale":     post("/c", canonicalHeaders("/c", "ab", "n", start.Add(time.Hour)), "ab"),
		"replay":    post("/c", canonicalHeaders("/c", "ab", "n", start), "ab"),
	}
	if got := w.do(requests["replay"]); got.status != http.StatusAccepted {
		t.Fatalf("the first time: %+v", got)
	}
	bodies := map[string]bool{}
	for class, request := range requests {
		got := w.do(request)
		got.header.Del("Date")
		bodies[fmt.Sprint(got.status, got.header, got.body)] = true
		if n := w.metric("hookaido_ingress_signature_failures_total", class); n != 1 {
			t.Errorf("%s counted %v times", class, n)
		}
		if n := w.logs.FilterField(field("reason", "auth_"+class)).Len(); n != 1 {
			t.Errorf("%s logged %d times", class, n)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("answers differ: %v", bodies)
	}
	for _, secret := range []string{key, mac("ab"), mac("x")} {
		for _, line := range w.logs.All() {
			if strings.Contains(fmt.Sprint(line.Message, line.ContextMap()), secret) {
				t.Errorf("the log shows a secret or a signature: %v", line)
			}
		}
		for body := range bodies {
			if strings.Contains(body, secret) {
				t.Errorf("the answer shows a secret or a signature")
			}
		}
	}
}

// badinput 42: the limit counts what is stored, so a cookie is free.
func TestMaxHeadersCountsWhatIsStored(t *testing.T) {
	r := open("/h")
	r.Config.MaxHeaders = 400
	w := newWorld(t, worldOptions{}, r)
	if got := w.do(post("/h", "Cookie: "+strings.Repeat("c", 900)+"\r\nAuthorization: "+strings.Repeat("c", 900)+"\r\n", "")); got.status != 202 {
		t.Errorf("with a cookie of 900 bytes: %+v", got)
	}
	used := len("Content-Length") + 1 + 2*len("X-A")
	for over, want := range []int{202, 413} {
		a := strings.Repeat("a", (400-used)/2)
		b := strings.Repeat("b", 400-used-len(a)+over)
		if got := w.do(post("/h", "X-A: "+a+"\r\nX-A: "+b+"\r\n", "")); got.status != want {
			t.Errorf("%d bytes over: %d, want %d", over, got.status, want)
		}
	}
	big := newWorld(t, worldOptions{}, open("/h"))
	if got := big.do(post("/h", "X-A: "+strings.Repeat("a", 70<<10)+"\r\n", "")); got.status != 413 || got.code(t) != "headers_too_large" {
		t.Errorf("70 KB: %+v", got)
	}
}

func TestStoreErrors(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		code  string
		label string
	}{
		{"disk full", fmt.Errorf("enqueue: %w", queue.ErrDiskFull), "disk_full", "other"},
		{"unavailable", &queue.UnavailableError{Cause: errors.New("disk I/O error")}, "store_unavailable", "other"},
		{"closed", queue.ErrClosed, "store_unavailable", "other"},
	}
	w := newWorld(t, worldOptions{}, open("/h"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.gate.failWith(test.err)
			got := w.do(post("/h", "", "ab"))
			if got.status != 503 || got.code(t) != test.code || got.header.Get("Retry-After") != "5" {
				t.Errorf("answer %+v", got)
			}
			if strings.Contains(got.body, "I/O") {
				t.Error("the answer tells of the inside")
			}
			if n := w.metric("hookaido_ingress_rejected_by_reason_total", test.label, "503"); n == 0 {
				t.Errorf("not counted as %s", test.label)
			}
		})
	}
	lines := w.logs.FilterField(field("reason", "store_unavailable")).All()
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["error"]), "disk I/O error") {
		t.Errorf("the cause is not in the log: %v", lines)
	}
	w.gate.failWith(nil)
	if got := w.do(post("/h", "", "ab")); got.status != 202 {
		t.Errorf("after recovery: %+v", got)
	}
}

// C65.
func TestQueueFull(t *testing.T) {
	w := newWorld(t, worldOptions{limits: queue.Limits{MaxDepth: 1}}, open("/h"))
	w.do(post("/h", "", "one"))
	if got := w.do(post("/h", "", "two")); got.status != 503 || got.code(t) != "queue_full" || got.header.Get("Retry-After") == "" {
		t.Errorf("answer %+v", got)
	}
	if n := w.metric("hookaido_ingress_rejected_by_reason_total", "queue_full", "503"); n != 1 {
		t.Errorf("counted %v times", n)
	}
	dropping := newWorld(t, worldOptions{limits: queue.Limits{MaxDepth: 1, DropPolicy: queue.DropOldest}}, open("/h"))
	dropping.do(post("/h", "", "one"))
	if got := dropping.do(post("/h", "", "two")); got.status != 202 {
		t.Errorf("drop_oldest: %+v", got)
	}
	if m := dropping.stored("/h"); len(m) != 1 || string(m[0].Payload) != "two" {
		t.Errorf("drop_oldest left %v", m)
	}
}

// canonicalHeaders signs a request in the canonical scheme. The SHA-256 of the
// body must be that of "ab".
func canonicalHeaders(path, body, nonce string, at time.Time) string {
	if body != "ab" {
		return ""
	}
	const sum = "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"
	ts := strconv.FormatInt(at.Unix(), 10)
	return "X-Timestamp: " + ts + "\r\nX-Nonce: " + nonce + "\r\nX-Signature: " + mac(ts+"\nPOST\n"+path+"\n"+sum) + "\r\n"
}

// C32, badinput 61 and 62: a retry after our failure passes, a replay doesn't,
// with a fresh nonce, another query, or after a reload neither.
func TestReplay(t *testing.T) {
	o := worldOptions{}
	w := newWorld(t, o, o.signed(t, "/c", config.Canonical), o.signed(t, "/d", config.Canonical))
	request := post("/c", canonicalHeaders("/c", "ab", "n1", start), "ab")
	w.gate.failWith(queue.ErrDiskFull)
	steps := []struct {
		name    string
		before  func()
		request string
		want    int
	}{
		{"store fails", func() {}, request, 503},
		{"retry", func() { w.gate.failWith(nil) }, request, 202},
		{"badinput 61 again", func() {}, request, 401},
		{"badinput 62 with a fresh nonce", func() {}, post("/c", canonicalHeaders("/c", "ab", "n2", start), "ab"), 401},
		{"badinput 64 with another query", func() {}, post("/c?x=1", canonicalHeaders("/c", "ab", "n1", start), "ab"), 401},
		{"after a reload", func() {
			w.handler.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{worldOptions{clock: w.clock}.signed(t, "/c", config.Canonical)}}))
		}, request, 401},
		{"same nonce, other time", func() {}, post("/c", canonicalHeaders("/c", "ab", "n1", start.Add(time.Second)), "ab"), 401},
		{"another nonce and time", func() {}, post("/c", canonicalHeaders("/c", "ab", "n3", start.Add(time.Second)), "ab"), 202},
		{"a path below", func() {}, post("/c//x/", canonicalHeaders("/c/x", "ab", "n4", start), "ab"), 202},
	}
	for _, s := range steps {
		s.before()
		if got := w.do(s.request); got.status != s.want {
			t.Errorf("%s: %+v, want %d", s.name, got, s.want)
		}
	}
	if n := len(w.stored("/c")); n != 3 {
		t.Errorf("stored %d, want 3", n)
	}
}

// C08: who waits for a 100 gets the refusal instead, and sends nothing.
func TestExpectContinue(t *testing.T) {
	o := worldOptions{}
	w := newWorld(t, o, open("/h"), o.signed(t, "/g", config.GitHub))
	head := func(path, headers string, length int) string {
		return "POST " + path + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" + headers + "Content-Length: " + strconv.Itoa(length) + "\r\n\r\n"
	}
	for name, test := range map[string]struct {
		request string
		want    int
	}{
		"too large":     {head("/h", "", 5000000), 413},
		"unsigned":      {head("/g", "", 7), 401},
		"no such route": {head("/x", "", 7), 404},
	} {
		c := w.dial()
		c.send(test.request)
		if got := c.answer(); got.status != test.want || !got.close {
			t.Errorf("%s: %+v, want %d and a close", name, got, test.want)
		}
	}
	c := w.dial()
	c.send(head("/g", "X-Hub-Signature-256: sha256="+mac(`{"a":1}`)+"\r\n", 7))
	if got := c.answer(); got.status != http.StatusContinue {
		t.Fatalf("interim answer %+v", got)
	}
	c.send(`{"a":1}`)
	if got := c.answer(); got.status != http.StatusAccepted {
		t.Errorf("then %+v", got)
	}
	if got := w.do(strings.Replace(head("/h", "", 1), "100-continue", "bogus", 1) + "a"); got.status != http.StatusExpectationFailed {
		t.Errorf("badinput 53: %+v", got)
	}
}

// badinput 39: a body that breaks off stores nothing.
func TestBodyBreaksOff(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	for name, request := range map[string]string{
		"by length":   "POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
		"in a chunk":  "POST /h HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
		"in no chunk": "POST /h HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		c := w.dial()
		c.send(request)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := c.answer(); got.status != 400 || got.code(t) != "bad_request" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if n := len(w.stored("/h")); n != 0 {
		t.Errorf("%d were stored", n)
	}
}

// badinput 58, C106: a body that trickles in is cut, and costs nobody else.
func TestSlowBody(t *testing.T) {
	o := worldOptions{clock: clock.System{}, server: func(s *http.Server) { s.ReadTimeout = 300 * time.Millisecond }}
	w := newWorld(t, o, open("/h"))
	for name, head := range map[string]string{
		"by length": "POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
		"in chunks": "POST /h HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
		"refused":   "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
	} {
		c := w.dial()
		c.send(head)
		if got := w.do(post("/h", "", "ab")); got.status != 202 {
			t.Errorf("%s: another client got %+v", name, got)
		}
		want := 408
		if name == "refused" {
			want = 404
		}
		if got := c.answer(); got.status != want || !got.close {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
		if _, err := c.r.ReadByte(); err != io.EOF {
			t.Errorf("%s: the connection was not closed: %v", name, err)
		}
	}
	if n := w.metric("hookaido_ingress_rejected_by_reason_total", "policy", "other"); n != 2 {
		t.Errorf("counted %v slow bodies", n)
	}
}

// deadlines is a ResponseWriter that notes deadlines.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// A large body may take longer than the read timeout while it comes in at the
// least rate or faster, and not if it doesn't.
func TestPace(t *testing.T) {
	for _, test := range []struct {
		name string
		rate int64 // bytes per second
		cut  bool
	}{{"fast enough", minRate, false}, {"too slow", minRate * 3 / 4, true}} {
		t.Run(test.name, func(t *testing.T) {
			m := clock.NewManual(start)
			w := &deadlines{}
			p := pace{x: &exchange{Handler: &Handler{clock: m, bodies: newBodies(DefaultBodyBudget, m)}, w: w}, next: rateStep}
			cut := false
			for second := int64(1); second <= 120; second++ {
				m.Advance(time.Second)
				limit := start.Add(30 * time.Second)
				if w.read.After(limit) {
					limit = w.read
				}
				if m.Now().After(limit) {
					cut = true
					break
				}
				p.keep(second * test.rate)
			}
			if cut != test.cut {
				t.Errorf("cut %v, want %v", cut, test.cut)
			}
			if !cut && w.write.Sub(w.read) < time.Minute {
				t.Errorf("the answer has until %v, the body until %v", w.write, w.read)
			}
		})
	}
}

// badinput 59: many held bodies cost no more than the budget; those over it
// are told to come back, and ordinary webhooks get through all the time.
func TestHeldBodies(t *testing.T) {
	const held, size, budget = 60, 190 << 10, 4 << 20
	o := worldOptions{clock: clock.System{}, bodyBudget: budget}
	w := newWorld(t, o, o.signed(t, "/g", config.GitHub))
	w.handler.bodies.admit(0) // as if no route allowed more than fits
	answers := make(chan int, held)
	var clients []*client
	for range held {
		c := w.dial()
		clients = append(clients, c)
		body := strings.Repeat("x", size)
		c.send("POST /g HTTP/1.1\r\nHost: h\r\nX-Hub-Signature-256: sha256=" + mac("") + "\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n")
		go func() {
			_, _ = io.WriteString(c, body[:size-1]) // the last byte never comes; a refusal may cut this short
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				answers <- 0
				return
			}
			answers <- res.StatusCode
		}()
	}
	used := func() int64 { return w.handler.bodies.small.Used() + w.handler.bodies.large.Used() }
	refused := 0
	most := int64(0)
	for refused < held-(budget/4*3)/size {
		if got := <-answers; got != 503 && got != 0 {
			t.Fatalf("a held body got %d", got)
		}
		refused++
		most = max(most, used())
		if refused%10 == 0 {
			ok := w.do(post("/g", "X-Hub-Signature-256: sha256="+mac("ab")+"\r\n", "ab"))
			if ok.status != 202 {
				t.Errorf("an ordinary webhook got %+v", ok)
			}
		}
	}
	if most > budget {
		t.Errorf("%d bytes held, the budget is %d", most, budget)
	}
	if n := w.metric("hookaido_ingress_rejected_by_reason_total", "memory_pressure", "503"); int(n) != refused {
		t.Errorf("%v counted as memory_pressure, %d refused", n, refused)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	if err := w.server.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left := used(); left != 0 {
		t.Errorf("%d bytes of the budget were never given back", left)
	}
}
