package ingress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/auth"
	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/handshake"
	"hookaido/internal/httphead"
	"hookaido/internal/limit"
	"hookaido/internal/peer"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

func respond(status int, body string) *config.Respond {
	return &config.Respond{Status: status, Body: body}
}

func TestRespond(t *testing.T) {
	routes := map[string]*config.Respond{
		"/text": respond(200, "ok"), "/json": respond(201, `{"a":1}`), "/xml": respond(200, "<Response/>"),
		"/brace": respond(200, "{x"), "/empty": respond(200, ""), "/none": respond(204, "dropped"),
	}
	var all []Route
	for path, r := range routes {
		o := open(path)
		o.Config.Respond = r
		all = append(all, o)
	}
	w := newWorld(t, worldOptions{}, all...)
	for path, want := range map[string]answer{
		"/text":  {status: 200, body: "ok", header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}},
		"/json":  {status: 201, body: `{"a":1}`, header: http.Header{"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"}}},
		"/xml":   {status: 200, body: "<Response/>", header: http.Header{"Content-Type": {"application/xml"}, "X-Content-Type-Options": {"nosniff"}}},
		"/brace": {status: 200, body: "{x", header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}}},
		"/empty": {status: 200, header: http.Header{}},
		"/none":  {status: 204, header: http.Header{}},
	} {
		got := w.do(post(path, "", "x"))
		got.header.Del("Date")
		got.header.Del("Content-Length")
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if n := len(w.stored(path)); n != 1 {
			t.Errorf("%s: %d messages stored", path, n)
		}
	}
}

// total is the number of messages in the queue.
func (w *world) total() int {
	w.t.Helper()
	s, err := w.queue.Stats(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Total()
}

// badinput 71, 72: a message with the same id within the window is accepted and
// not kept; other ids, other routes and requests without an id are kept.
func TestDedupe(t *testing.T) {
	m := clock.NewManual(start)
	route := func(path string) Route {
		r := open(path)
		r.Config.Dedupe = &config.Dedupe{Header: "X-Delivery", Window: time.Hour}
		return r
	}
	w := newWorld(t, worldOptions{clock: m}, route("/a"), route("/b"))
	id := func(v string) string { return "X-Delivery: " + v + "\r\n" }
	steps := []struct {
		path, headers string
		pass          time.Duration
		kept          int
	}{
		{"/a", id("1"), 0, 1}, {"/a", id("1"), 0, 0}, {"/b", id("1"), 0, 1}, {"/a", id("2"), 0, 1},
		{"/a", "", 0, 1}, {"/a", "", 0, 1}, {"/a", "X-Delivery:\r\n", 0, 1}, {"/a", "X-Delivery:\r\n", 0, 1},
		{"/a", id("1") + id("2"), 0, 1}, {"/a", id("1") + id("2"), 0, 0},
		{"/a", id("1"), time.Hour - time.Second, 0}, {"/a", id("1"), 2 * time.Second, 1},
	}
	for i, s := range steps {
		m.Advance(s.pass)
		before := w.total()
		if got := w.do(post(s.path, s.headers, "x")); got.status != http.StatusAccepted {
			t.Fatalf("step %d: %+v", i, got)
		}
		if n := w.total() - before; n != s.kept {
			t.Errorf("step %d: %d messages kept, want %d", i, n, s.kept)
		}
	}
	if n := w.metric("hookaido_ingress_duplicates_total"); n != 3 {
		t.Errorf("%v duplicates counted", n)
	}
	w.gate.failWith(queue.ErrFull)
	if got := w.do(post("/a", id("9"), "x")); got.status != http.StatusServiceUnavailable {
		t.Fatalf("a full queue: %+v", got)
	}
	w.gate.failWith(nil)
	before := w.total()
	if got := w.do(post("/a", id("9"), "x")); got.status != http.StatusAccepted || w.total() != before+1 {
		t.Errorf("the retry after a 503 was not kept: %+v", got)
	}
}

// A sender that repeats a message, signature and all, because our answer was
// lost is told that we have it; with another id the signature is a replay.
func TestDedupeComesBeforeReplay(t *testing.T) {
	r := worldOptions{}.signed(t, "/c", config.Canonical)
	r.Config.Dedupe = &config.Dedupe{Header: "X-Delivery", Window: time.Hour}
	w := newWorld(t, worldOptions{}, r)
	request := func(id string) string {
		return post("/c", "X-Delivery: "+id+"\r\n"+canonicalHeaders("/c", "ab", "n", start), "ab")
	}
	for i, want := range []int{202, 202, 401} {
		id := "1"
		if i == 2 {
			id = "2"
		}
		if got := w.do(request(id)); got.status != want {
			t.Errorf("request %d: %d, want %d", i, got.status, want)
		}
	}
	if n := len(w.stored("/c")); n != 1 {
		t.Errorf("%d messages kept", n)
	}
}

func basicRoute(t *testing.T, path string) Route {
	t.Helper()
	b, err := auth.NewBasic(auth.BasicOptions{
		Passwords: []auth.User{{Name: "ops", Secret: secret.New([]byte("pw"))}}, Gate: auth.NewGate(clock.System{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := open(path)
	r.Basic = b
	return r
}

// C08, badinput 75: who may not send is told so before the body is read, with a
// challenge, and in the same words whatever the reason.
func TestCredentialsComeBeforeTheBody(t *testing.T) {
	bearer := open("/bearer")
	bearer.Bearer = auth.NewTokens([]secret.Value{secret.New([]byte("tok"))})
	w := newWorld(t, worldOptions{}, basicRoute(t, "/basic"), bearer)
	const good = "Authorization: Basic b3BzOnB3\r\n"
	for path, challenge := range map[string]string{
		"/basic": `Basic realm="hookaido", charset="UTF-8"`, "/bearer": `Bearer realm="hookaido"`,
	} {
		for _, headers := range []string{"", "Authorization: Basic b3BzOnB4\r\n", "Authorization: Bearer x\r\n", good + good} {
			got := w.do("POST " + path + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n" + headers + "\r\n")
			if got.status != http.StatusUnauthorized || got.header.Get("Www-Authenticate") != challenge || got.code(t) != "unauthorized" {
				t.Errorf("%s with %q: %+v", path, headers, got)
			}
		}
	}
	c := w.dial() // to be closed at once, not when the body's time is over
	c.send("POST /basic HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n")
	if got := c.answer(); got.status != http.StatusUnauthorized {
		t.Errorf("a body that is not sent: %+v", got)
	}
	if err := c.SetReadDeadline(clock.System{}.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection was not closed: %v", err)
	}
	if got := w.do(post("/basic", good, "x")); got.status != http.StatusAccepted {
		t.Errorf("the right password: %+v", got)
	}
	if got := w.do(post("/bearer", "Authorization: bearer tok\r\n", "x")); got.status != http.StatusAccepted {
		t.Errorf("the right token: %+v", got)
	}
	if m := w.stored("/basic"); len(m) != 1 || hasHeader(m[0], "Authorization") {
		t.Errorf("stored %+v", m)
	}
}

func hasHeader(m queue.Leased, name string) bool {
	for _, p := range m.Envelope.Headers {
		if p.Name == name {
			return true
		}
	}
	return false
}

func TestForward(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Role", "ops")
		switch r.Header.Get("X-Case") {
		case "pass":
		case "401":
			w.WriteHeader(http.StatusUnauthorized)
		case "403":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer service.Close()
	f, err := auth.NewForward(auth.ForwardOptions{URL: service.URL, Timeout: 10 * time.Second, CopyHeaders: []string{"X-Role", "X-Tenant"}})
	if err != nil {
		t.Fatal(err)
	}
	r := open("/f")
	r.Forward, r.Config.Forward = f, &config.ForwardAuth{CopyHeaders: []string{"X-Role", "X-Tenant"}}
	w := newWorld(t, worldOptions{}, r)
	for name, want := range map[string]int{"pass": 202, "401": 401, "403": 403, "other": 503} {
		got := w.do(post("/f", "X-Case: "+name+"\r\nX-Role: forged\r\nX-Tenant: forged\r\n", "x"))
		if got.status != want || want == 503 && got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
	}
	messages := w.stored("/f")
	if len(messages) != 1 {
		t.Fatalf("%d messages stored", len(messages))
	}
	headers := messages[0].Envelope.Headers
	if last := headers[len(headers)-1]; last != (queue.Pair{Name: "X-Role", Value: "ops"}) || hasHeader(messages[0], "X-Tenant") {
		t.Errorf("headers %v: want the service's X-Role at the end, and no word of the sender about these", headers)
	}
}

func TestRateLimit(t *testing.T) {
	m := clock.NewManual(start)
	rates := limit.NewRates(m, nil, map[string]limit.Rate{limit.Global: {PerSecond: 0.25, Burst: 2}, "/own": {PerSecond: 1, Burst: 1}})
	own, a, b := open("/own"), open("/a"), basicRoute(t, "/b")
	for _, r := range []*Route{&own, &a, &b} {
		r.Limit = rates.Of(r.Config.Path)
	}
	w := newWorld(t, worldOptions{clock: m}, own, a, b)
	// who is not authenticated takes tokens too, and a route of its own none of the others'
	for i, step := range []struct {
		path   string
		status int
		retry  string
	}{{"/a", 202, ""}, {"/b", 401, ""}, {"/a", 429, "4"}, {"/own", 202, ""}, {"/own", 429, "1"}} {
		got := w.do(post(step.path, "", "x"))
		if got.status != step.status || got.header.Get("Retry-After") != step.retry {
			t.Errorf("step %d: %+v, want %v", i, got, step)
		}
	}
	m.Advance(4 * time.Second)
	if got := w.do(post("/a", "", "x")); got.status != 202 {
		t.Errorf("after the wait: %+v", got)
	}
}

// C44: a handshake is answered while the backlog refuses webhooks.
func TestBackpressure(t *testing.T) {
	m := clock.NewManual(start)
	backlog := limit.Backlog{Queued: 90, Leased: 10}
	pressure := limit.NewPressure(limit.PressureOptions{Clock: m, Read: func(context.Context) (limit.Backlog, error) { return backlog, nil }})
	slack := worldOptions{clock: m}.signed(t, "/slack", "slack")
	var err error
	if slack.Handshakes, err = handshake.New([]handshake.Options{{Provider: "slack"}}); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, worldOptions{clock: m})
	w.handler.pressure = pressure
	w.handler.Swap(NewSnapshot(SnapshotOptions{
		Routes: []Route{open("/a"), slack}, Thresholds: &limit.Thresholds{MinTotal: 10, QueuedPercent: 80, ReadyLag: time.Hour, OldestQueuedAge: time.Hour},
	}))
	signedBy := func(body string) string {
		return post("/slack", "X-Slack-Request-Timestamp: 1764000000\r\nX-Slack-Signature: v0="+mac("v0:1764000000:"+body)+"\r\n", body)
	}
	if got := w.do(post("/a", "", "x")); got.status != 503 || got.code(t) != "backpressure" || got.header.Get("Retry-After") == "" {
		t.Errorf("a webhook: %+v", got)
	}
	if got := w.do(signedBy(`{"type":"url_verification","challenge":"c1"}`)); got.status != 200 || got.body != "c1" {
		t.Errorf("a handshake: %+v", got)
	}
	if got := w.do(signedBy(`{"type":"event_callback"}`)); got.status != 503 {
		t.Errorf("an event: %+v", got)
	}
	if n := w.metric("hookaido_ingress_adaptive_backpressure_total", "queued_pressure"); n != 2 {
		t.Errorf("counted %v times", n)
	}
	if n := w.metric("hookaido_ingress_handshakes_total", "answered", "slack"); n != 1 {
		t.Errorf("handshakes counted %v times", n)
	}
}

// C31: what a route's conditions don't want is answered only to those who may
// send.
func TestIgnoreUnmatched(t *testing.T) {
	r := basicRoute(t, "/g")
	r.Config.IgnoreUnmatched = 204
	r.Config.Match.Headers = []config.Pair{{Name: "X-Event", Value: "push"}}
	w := newWorld(t, worldOptions{}, r)
	const good = "Authorization: Basic b3BzOnB3\r\n"
	for _, step := range []struct {
		headers      string
		status, kept int
	}{{"X-Event: ping\r\n", 401, 0}, {good + "X-Event: ping\r\n", 204, 0}, {good + "X-Event: push\r\n", 202, 1}} {
		got := w.do(post("/g", step.headers, "x"))
		if n := len(w.stored("/g")); got.status != step.status || n != step.kept {
			t.Errorf("%q: %d, %d kept", step.headers, got.status, n)
		}
	}
	if n := w.metric("hookaido_ingress_ignored_total"); n != 1 {
		t.Errorf("ignored %v", n)
	}
}

// C35: the address that a trusted proxy names is kept, matched and logged.
func TestClientBehindProxy(t *testing.T) {
	in := open("/in")
	in.Config.Match.RemoteIP = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	w := newWorld(t, worldOptions{})
	swap := func(trusted ...netip.Prefix) {
		w.handler.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{in}, Proxies: peer.Proxies{Trusted: trusted}}))
	}
	request := post("/in", "X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "x")
	swap()
	if got := w.do(request); got.status != 404 {
		t.Errorf("a peer that nobody trusts: %+v", got)
	}
	swap(netip.MustParsePrefix("127.0.0.0/8"))
	if got := w.do(request); got.status != 202 {
		t.Errorf("a trusted proxy: %+v", got)
	}
	messages := w.stored("/in")
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	if trace := messages[0].Envelope.Trace; trace[2] != (queue.Pair{Name: "remote_ip", Value: "192.0.2.7"}) || !strings.HasPrefix(trace[1].Value, "127.0.0.1:") {
		t.Errorf("trace %v", trace)
	}
}

// Headers are kept in the order in which they were sent, with their repeats.
func TestHeaderOrder(t *testing.T) {
	w := newWorld(t, worldOptions{
		server: func(s *http.Server) { s.ConnContext, s.ConnState = httphead.ConnContext, httphead.ConnState }, strict: true,
	}, open("/h"))
	c := w.dial()
	for range 2 {
		c.send(post("/h", "x-b: 1\r\nAccept: a\r\nX-A: 2\r\nCookie: c\r\nX-b: 3\r\nPragma: no-cache\r\n", "x"))
	}
	c.answer()
	c.answer()
	for _, m := range w.stored("/h") {
		var got []string
		for _, p := range m.Envelope.Headers {
			got = append(got, p.Name+"="+p.Value)
		}
		if s := strings.Join(got, " "); s != "X-B=1 Accept=a X-A=2 X-B=3 Pragma=no-cache Content-Length=1" {
			t.Errorf("headers %s", s)
		}
	}
}
