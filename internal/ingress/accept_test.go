package ingress

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/httpx"
	"hookaido/internal/observe"
	"hookaido/internal/queue"
)

func TestAccepted(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	c := w.dial()
	for range 2 { // on one connection
		c.send(post("/h/x?tenant=a%20b&x=1&x=2&plus=a+b&empty=", "x-multi: a\r\nTe: trailers\r\nX-Multi: b\r\n"+
			"Authorization: Bearer t\r\nProxy-Authorization: p\r\nCookie: c\r\nX-Empty:\r\nX-Hookaido-Any: 1\r\n", `{"a":1}`))
		got := c.answer()
		want := answer{202, got.header, "{\"status\":\"queued\"}\n", false}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("answer %v:\n%s", got, diff)
		}
	}
	messages := w.stored("/h")
	if len(messages) != 2 {
		t.Fatalf("stored %d messages, want 2", len(messages))
	}
	want := queue.Leased{
		Route: "/h", Target: queue.PullTarget, ReceivedAt: start.UTC(), Attempt: 1, Payload: []byte(`{"a":1}`),
		Envelope: queue.Envelope{
			// C34, C35
			Method: "POST", RawPath: "/h/x", RawQuery: "tenant=a%20b&x=1&x=2&plus=a+b&empty=",
			Headers: []queue.Pair{
				{Name: "Content-Length", Value: "7"}, {Name: "Te", Value: "trailers"}, {Name: "X-Empty"},
				{Name: "X-Hookaido-Any", Value: "1"}, {Name: "X-Multi", Value: "a"}, {Name: "X-Multi", Value: "b"},
			},
			Trace: []queue.Pair{{Name: "path", Value: "/h/x"}, {Name: "remote_addr", Value: c.LocalAddr().String()}, {Name: "remote_ip", Value: "127.0.0.1"}},
		},
	}
	want.ID, want.LeaseID, want.LeaseUntil = messages[0].ID, messages[0].LeaseID, messages[0].LeaseUntil
	want.Due = want.ReceivedAt
	if diff := cmp.Diff(want, messages[0]); diff != "" {
		t.Error(diff)
	}
	if a, e := w.metric("hookaido_ingress_accepted_total"), w.metric("hookaido_ingress_enqueued_total"); a != 2 || e != 2 {
		t.Errorf("accepted %v, enqueued %v", a, e)
	}
}

// Bodies come out octet for octet, and nothing in the headers changes that.
func TestBodiesAreOctets(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"a":1}`))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	raw, err := hex.DecodeString("538053")
	if err != nil {
		t.Fatal(err)
	}
	github := func(body string) string { return "X-Hub-Signature-256: sha256=" + mac(body) + "\r\n" }
	multipart := "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n" + string(all) + "\r\n--b--\r\n"
	accents := "{\"m\":\"\u00e9\U0001f389\"}"
	large := strings.Repeat("0123456789abcdef", 2<<20/16)
	tests := []struct{ name, request, body string }{
		{"C04 charset has no effect", post("/g", "Content-Type: application/json; charset=iso-8859-1\r\n"+github(accents), accents), accents},
		{"C05 no UTF-8", post("/g", github(string(raw)), string(raw)), string(raw)},
		{"C07 chunked and empty", chunked("/g", github("")), ""},
		{"C07 Content-Length 0", post("/g", github(""), ""), ""},
		{"C07 neither header", "POST /g HTTP/1.1\r\nHost: h\r\n" + github("") + "\r\n", ""},
		{"C25, badinput 56 gzip, signed as sent", post("/g", "Content-Encoding: gzip\r\n"+github(zipped.String()), zipped.String()), zipped.String()},
		{"C26 multipart", post("/g", "Content-Type: multipart/form-data; boundary=b\r\n"+github(multipart), multipart), multipart},
		{"in chunks", chunked("/g", github("abcdefghi"), "abc", "d", "efghi"), "abcdefghi"},
		{"badinput 41 2 MiB", post("/g", github(large), large), large},
		{"badinput 41 2 MiB in chunks", chunked("/g", github(large), large[:100000], large[100000:]), large},
		{"HTTP/1.0", "POST /g HTTP/1.0\r\n" + github("ab") + "Content-Length: 2\r\n\r\nab", "ab"},
		{"badinput 49 absolute form", post("http://evil/g", github("ab"), "ab"), "ab"},
		{"badinput 52 method override", post("/g", "X-HTTP-Method-Override: PUT\r\n"+github("ab"), "ab"), "ab"},
		{"badinput 53 upgrade", post("/g", "Upgrade: websocket\r\nConnection: Upgrade\r\n"+github("ab"), "ab"), "ab"},
		{"badinput 57 X-Forwarded-For", post("/g", "X-Forwarded-For: 10.0.0.1\r\n"+github("ab"), "ab"), "ab"},
		{"signed on a path below", post("/g/x//y/", github("ab"), "ab"), "ab"},
	}
	w := newWorld(t, worldOptions{clock: clock.System{}}, worldOptions{clock: clock.System{}}.signed(t, "/g", config.GitHub))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := w.dial()
			c.send(test.request)
			if got := c.answer(); got.status != http.StatusAccepted {
				t.Fatalf("answer %v", got)
			}
			messages := w.stored("/g")
			if len(messages) != 1 || string(messages[0].Payload) != test.body {
				t.Fatalf("stored %d messages, or another body", len(messages))
			}
			if remote := messages[0].Envelope.TraceMap()["remote_addr"]; remote != c.LocalAddr().String() {
				t.Errorf("from %s, want %s", remote, c.LocalAddr())
			}
		})
	}
}

// badinput 55: a trailer is no header.
func TestTrailersDoNotSign(t *testing.T) {
	o := worldOptions{}
	w := newWorld(t, o, open("/open"), o.signed(t, "/g", config.GitHub))
	trailer := func(target string) string {
		return strings.TrimSuffix(chunked(target, "Trailer: X-Hub-Signature-256\r\n", "ab"), "\r\n") +
			"X-Hub-Signature-256: sha256=" + mac("ab") + "\r\n\r\n"
	}
	if got := w.do(trailer("/g")); got.status != http.StatusUnauthorized {
		t.Errorf("answer %v", got)
	}
	if got := w.do(trailer("/open")); got.status != http.StatusAccepted {
		t.Errorf("on an open route: %v", got)
	}
	for _, p := range w.stored("/open")[0].Envelope.Headers {
		if p.Name == "X-Hub-Signature-256" {
			t.Errorf("the trailer was stored as a header: %v", p)
		}
	}
}

// badinput 60.
func TestPipelined(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	c := w.dial()
	c.send(post("/h", "", "one") + chunked("/h", "", "two") + post("/x", "", "three") + post("/h", "", "four"))
	for i, want := range []int{202, 202, 404, 202} {
		if got := c.answer(); got.status != want {
			t.Errorf("answer %d: %v, want %d", i, got, want)
		}
	}
	var bodies []string
	for _, m := range w.stored("/h") {
		bodies = append(bodies, string(m.Payload))
	}
	if got := strings.Join(bodies, " "); got != "one two four" {
		t.Errorf("stored %s", got)
	}
}

// C62: all targets or none, in one batch.
func TestFanOut(t *testing.T) {
	both := open("/h")
	both.Targets = []string{"https://a.example/", "https://b.example/"}
	w := newWorld(t, worldOptions{limits: queue.Limits{MaxDepth: 3}}, both)
	if got := w.do(post("/h", "", "first")); got.status != http.StatusAccepted {
		t.Fatalf("answer %v", got)
	}
	if got := w.do(post("/h", "", "second")); got.status != http.StatusServiceUnavailable {
		t.Fatalf("with room for one of two: %v", got)
	}
	messages := w.stored("/h")
	if len(messages) != 2 || messages[0].Target != both.Targets[0] || messages[1].Target != both.Targets[1] {
		t.Errorf("stored %v", messages)
	}
	if a, e := w.metric("hookaido_ingress_accepted_total"), w.metric("hookaido_ingress_enqueued_total"); a != 1 || e != 2 {
		t.Errorf("accepted %v, enqueued %v", a, e)
	}
}

// A client that closes its sending side and waits still gets its answer, and
// its message is stored.
func TestHalfClosedClient(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/h"))
	for range 20 {
		c := w.dial()
		c.send(post("/h", "", "ab"))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := c.answer(); got.status != http.StatusAccepted {
			t.Fatalf("answer %v", got)
		}
	}
	if w.gate.canceled {
		t.Error("a client could cancel what is being stored by closing its sending side")
	}
	if n := len(w.stored("/h")); n != 20 {
		t.Errorf("stored %d, want 20", n)
	}
}

// accessLines collects access lines.
type accessLines struct {
	mu    sync.Mutex
	lines []observe.AccessLine
	wrote chan struct{}
}

func (a *accessLines) Log(line *observe.AccessLine) {
	a.mu.Lock()
	a.lines = append(a.lines, *line)
	a.mu.Unlock()
	a.wrote <- struct{}{}
}

func TestAccessLineKnowsRouteMessageAndReason(t *testing.T) {
	lines := &accessLines{wrote: make(chan struct{}, 10)}
	o := worldOptions{clock: clock.System{}}
	o.wrap = func(h http.Handler) http.Handler { return httpx.AccessLog("ingress", lines, o.clock, h) }
	w := newWorld(t, o, o.signed(t, "/g", config.GitHub), open("/h"))
	id := func() string {
		w.do(post("/h/x", "", "ab"))
		<-lines.wrote
		return w.stored("/h")[0].ID
	}()
	w.do(post("/g", "", "ab"))
	<-lines.wrote
	w.do(post("/nowhere", "", "ab"))
	<-lines.wrote
	lines.mu.Lock()
	defer lines.mu.Unlock()
	type seen struct {
		Path, Route, Message, Reason string
		Status                       int
	}
	var got []seen
	for _, l := range lines.lines {
		got = append(got, seen{l.Path, l.Route, l.MessageID, l.Reason, l.Status})
	}
	want := []seen{
		{"/h/x", "/h", id, "", 202},
		{"/g", "/g", "", "auth_missing", 401},
		{"/nowhere", "", "", "not_found", 404},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A request uses one snapshot, and sees a new one as soon as it is swapped in.
func TestSwap(t *testing.T) {
	w := newWorld(t, worldOptions{}, open("/old"))
	if got := w.do(post("/new", "", "")); got.status != http.StatusNotFound {
		t.Errorf("before: %v", got)
	}
	var stop sync.WaitGroup
	stop.Go(func() {
		for range 200 {
			w.handler.Swap(NewSnapshot(SnapshotOptions{Routes: []Route{open("/new"), open("/old")}}))
		}
	})
	c := w.dial()
	for range 50 {
		c.send(post("/old", "", "ab"))
		if got := c.answer(); got.status != http.StatusAccepted {
			t.Errorf("while swapping: %v", got)
		}
	}
	stop.Wait()
	if got := w.do(post("/new", "", "")); got.status != http.StatusAccepted {
		t.Errorf("after: %v", got)
	}
}
