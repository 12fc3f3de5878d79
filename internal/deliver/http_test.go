package deliver

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
	"hookaido/internal/queue"
	"hookaido/internal/secret"
)

func TestRequest(t *testing.T) {
	s := newSink(t, nil)
	m := message()
	m.Envelope.RawQuery = "not=sent"
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL + "/in%2Fside?k=v&k=w"})
	r := target.Attempt(t.Context(), m)
	wantResult(t, r, Done, 200, None)
	got, body := s.last(t)
	if got.Method != "POST" || got.RequestURI != "/in%2Fside?k=v&k=w" || body != `{"a":1}` || got.ContentLength != 7 || got.Host != strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("the target got %s %s for %s, %d bytes: %q", got.Method, got.RequestURI, got.Host, got.ContentLength, body)
	}
	want := http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {"7"}, "User-Agent": {"hookaido-test"},
		"X-Hookaido-Event-Id": {"msg_0001"}, "X-Hookaido-Attempt": {"3"}, "X-Hookaido-Route": {"/hooks/shop"},
		"X-Hookaido-Received-At": {"2026-11-25T11:59:00Z"},
	}
	if fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("the headers are %v, want %v", got.Header, want)
	}
}

func TestEmptyPayload(t *testing.T) {
	s := newSink(t, nil)
	m := message()
	m.Payload = nil
	wantResult(t, newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL}).Attempt(t.Context(), m), Done, 200, None)
	if got, body := s.last(t); body != "" || got.ContentLength != 0 || len(got.TransferEncoding) > 0 {
		t.Errorf("an empty body came as %q with length %d, %v", body, got.ContentLength, got.TransferEncoding)
	}
}

// C74, badinput 107 and 111: what the sender may not decide.
func TestHeadersOfTheSender(t *testing.T) {
	s := newSink(t, nil)
	m := message()
	m.Envelope.Headers = append(hostileHeaders(), []queue.Pair{
		{Name: "X-Hookaido-Signature", Value: "forged"}, {Name: "x-hookaido-event-id", Value: "forged"}, {Name: "X-Hookaido-Attempt", Value: "1"},
		{Name: "X-Bad", Value: "a\r\nX-Injected: 1"}, {Name: "X Bad", Value: "1"}, {Name: "", Value: "1"},
		{Name: "X-Multi", Value: "a"}, {Name: "X-Multi", Value: "b, c"}, {Name: "User-Agent", Value: "GitHub-Hookshot/1"},
		{Name: "X-Latin", Value: "caf\xe9"}, {Name: "X-Configured", Value: "of the sender"},
	}...)
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL, Headers: []config.Header{
		{Name: "X-Configured", Value: secret.New([]byte("ours {not} ${expanded} again"))}, {Name: "X-Empty", Value: secret.New(nil)},
		{Name: "Host", Value: secret.New([]byte("evil.example"))}, {Name: "Content-Length", Value: secret.New([]byte("1"))},
		{Name: "Upgrade", Value: secret.New([]byte("h2c"))},
	}})
	wantResult(t, target.Attempt(t.Context(), m), Done, 200, None)
	got, _ := s.last(t)
	want := http.Header{
		"Content-Length": {"7"}, "User-Agent": {"GitHub-Hookshot/1"}, "X-Multi": {"a", "b, c"}, "X-Latin": {"caf\xe9"},
		"X-Configured": {"ours {not} ${expanded} again"}, "X-Empty": {""},
		"X-Hookaido-Event-Id": {"msg_0001"}, "X-Hookaido-Attempt": {"3"}, "X-Hookaido-Route": {"/hooks/shop"}, "X-Hookaido-Received-At": {"2026-11-25T11:59:00Z"},
	}
	if fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("the headers are %q,\nwant %q", got.Header, want)
	}
	if got.Host != strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("Host is %q", got.Host)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	conns := make(chan struct{}, 100)
	s := httptest.NewUnstartedServer((&sink{}).handler(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		fmt.Fprint(w, strings.Repeat("x", maxDrain))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: s.URL})
	for range 10 {
		wantResult(t, target.Attempt(t.Context(), message()), Retry, 500, "status_500")
	}
	if len(conns) != 1 {
		t.Errorf("10 attempts took %d connections, want 1", len(conns))
	}
}

// badinput 106: a target that answers and doesn't end. The status has told all.
func TestEndlessBodies(t *testing.T) {
	for name, pause := range map[string]bool{"fast": false, "slow": true} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				w.(http.Flusher).Flush()
				for chunk := make([]byte, 4096); ; {
					if pause {
						<-r.Context().Done()
						return
					}
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			})
			o := options()
			o.Clock = clock.System{}
			r := newTarget(t, newDeliverer(t, o), config.Target{URL: s.URL, Timeout: time.Minute}).Attempt(t.Context(), message())
			wantResult(t, r, Done, 200, None)
			if r.Latency > 20*time.Second {
				t.Errorf("the body was waited for: %v", r.Latency)
			}
		})
	}
}

// badinput 106: targets that are no HTTP servers, or hostile ones.
func TestBrokenTargets(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()
	for name, c := range map[string]struct {
		url    string
		status int
		reason Reason
	}{
		"nobody listens":              {nobody, 0, ReasonConnect},
		"closes at once":              {raw(t, func(net.Conn) {}), 0, ReasonConnection},
		"closes instead of an answer": {raw(t, readHead), 0, ReasonConnection},
		"resets": {raw(t, func(c net.Conn) {
			readHead(c)
			_ = c.(*net.TCPConn).SetLinger(0)
		}), 0, ReasonConnection},
		"garbage":   {raw(t, func(c net.Conn) { readHead(c); fmt.Fprint(c, "\x00\x01SSH-2.0-OpenSSH\r\n\r\n") }), 0, ReasonProtocol},
		"cut head":  {raw(t, func(c net.Conn) { readHead(c); fmt.Fprint(c, "HTTP/1.1 200 OK\r\nA: b") }), 0, ReasonConnection},
		"huge head": {raw(t, func(c net.Conn) { readHead(c); flood(c, "HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 64<<10)) }), 0, ReasonProtocol},
		"large head": {raw(t, func(c net.Conn) {
			readHead(c)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 0\r\n\r\n", strings.Repeat("x", 4*maxResponseHeaders))
		}), 0, ReasonProtocol},
		"1xx for ever": {raw(t, func(c net.Conn) {
			readHead(c)
			flood(c, "", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1000))
		}), 0, ReasonProtocol},
		"upgrade nobody asked for": {raw(t, func(c net.Conn) {
			readHead(c)
			fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		}), 101, ReasonProtocol},
	} {
		t.Run(name, func(t *testing.T) { wantResult(t, deliverTo(t, c.url), Retry, c.status, c.reason) })
	}
}

// flood writes text and then chunk for ever.
func flood(c net.Conn, text, chunk string) {
	fmt.Fprint(c, text)
	for {
		if _, err := fmt.Fprint(c, chunk); err != nil {
			return
		}
	}
}

// A target that has said 200 has the message, whatever follows.
func TestClosingInTheBody(t *testing.T) {
	url := raw(t, func(c net.Conn) {
		readHead(c)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
	})
	wantResult(t, deliverTo(t, url), Done, 200, None)
}

func TestTimeouts(t *testing.T) {
	hang := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<20))
		_, _ = c.Read(make([]byte, 1))
	}
	for name, c := range map[string]struct{ url, text string }{
		"no answer":    {raw(t, hang), "it was waiting for the answer"},
		"no handshake": {strings.Replace(raw(t, hang), "http:", "https:", 1), "it was connecting"},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t, newDeliverer(t, options()), config.Target{URL: c.url, Timeout: 500 * time.Millisecond})
			r := target.Attempt(t.Context(), message())
			wantResult(t, r, Retry, 0, ReasonTimeout)
			if text := r.Cause.Error(); !strings.Contains(text, "timeout of 500ms") || !strings.Contains(text, c.text) {
				t.Errorf("the cause is %q", text)
			}
		})
	}
}

func TestStopBreaksOff(t *testing.T) {
	arrived := make(chan struct{})
	url := raw(t, func(c net.Conn) {
		readHead(c)
		close(arrived)
		_, _ = c.Read(make([]byte, 1<<20))
		_, _ = c.Read(make([]byte, 1))
	})
	target := newTarget(t, newDeliverer(t, options()), config.Target{URL: url})
	ctx, stop := contextWithCancel(t)
	results := make(chan Result)
	go func() { results <- target.Attempt(ctx, message()) }()
	<-arrived
	stop()
	wantResult(t, <-results, Retry, 0, ReasonStopped)
}

func TestBadTargetsAreErrors(t *testing.T) {
	d := newDeliverer(t, options())
	for _, cfg := range []config.Target{
		{URL: "https://user:s3cret@x.example/", Timeout: 1}, {URL: "ftp://x.example/", Timeout: 1}, {URL: "", Timeout: 1}, {URL: "https://x.example/"},
	} {
		if _, err := d.Target(&cfg, secret.Pool{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Target(%q) gave error %v", cfg.URL, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a deliverer without a clock was made")
	}
}

// FuzzForwarded checks that no stored header can add one of its own, reach the
// framing, or pass for one of ours.
func FuzzForwarded(f *testing.F) {
	f.Add("Connection", "X-A, X-B", "X-A", "1")
	f.Add("X-Hookaido-Event-Id", "forged", "Content-Length", "7")
	f.Add("a b", "c\r\nd: e", "", "")
	f.Add("connection", "\x00,,", "TE", "é")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		m := &queue.Leased{ID: "id", Envelope: queue.Envelope{Headers: []queue.Pair{{Name: name1, Value: value1}, {Name: name2, Value: value2}}}}
		h := messageHeader(m, 0).fields
		if got := h[headerEventID]; !slices.Equal(got, []string{"id"}) {
			t.Fatalf("the id is %q", got)
		}
		var b strings.Builder
		if err := h.Write(&b); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, values := range h {
			lines += len(values)
		}
		if got := strings.Count(b.String(), "\n"); got != lines {
			t.Fatalf("%d headers make %d lines: %q", lines, got, b.String())
		}
		for name := range h {
			if config.OfConnection(name) || !isToken(name) {
				t.Fatalf("%q is forwarded", name)
			}
		}
	})
}
