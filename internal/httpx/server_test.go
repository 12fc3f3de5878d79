package httpx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hookaido/internal/clock"
	"hookaido/internal/observe"
)

// accessLines collects access lines.
type accessLines struct {
	mu    sync.Mutex
	lines []observe.AccessLine
	wrote chan struct{}
}

func newAccessLines() *accessLines { return &accessLines{wrote: make(chan struct{}, 100)} }

func (a *accessLines) Log(line *observe.AccessLine) {
	a.mu.Lock()
	a.lines = append(a.lines, *line)
	a.mu.Unlock()
	a.wrote <- struct{}{}
}

func (a *accessLines) next(t *testing.T) observe.AccessLine {
	t.Helper()
	<-a.wrote
	a.mu.Lock()
	defer a.mu.Unlock()
	line := a.lines[0]
	a.lines = a.lines[1:]
	return line
}

// serve runs a server on a loopback port until the test ends.
func serve(t *testing.T, handler http.Handler, logger *zap.Logger) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(ServerOptions{Handler: handler, Logger: logger})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v", err)
		}
	})
	return l.Addr().String()
}

// raw sends text on a connection of its own and returns all that comes back.
func raw(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

func TestAccessLogTellsWhatHappened(t *testing.T) {
	logs := newAccessLines()
	clk := clock.NewManual(time.Unix(0, 0))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note := NoteOf(w)
		if note != NoteOf(w) {
			t.Error("a request has one note")
		}
		switch r.URL.Path {
		case "/noted é":
			note.Route, note.MessageID = "/noted", "evt_1"
			clk.Advance(3 * time.Second)
			r.URL.Path, r.Method = "/changed", "X"
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "12345")
		case "/refused":
			Refuse(w, &Error{Status: 409, Code: "lease_conflict", Detail: "d"})
		case "/panic":
			panic("boom")
		case "/silent":
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		case "/flushed":
			w.(http.Flusher).Flush()
		}
	})
	addr := serve(t, AccessLog("pull_api", logs, clk, handler), zap.NewNop())
	tests := []struct {
		target string
		want   observe.AccessLine
	}{
		{"/noted%20%C3%A9?token=x", observe.AccessLine{
			Path: "/noted é", Status: 202, Bytes: 5, Duration: 3 * time.Second, Route: "/noted", MessageID: "evt_1"}},
		{"/refused", observe.AccessLine{Path: "/refused", Status: 409, Bytes: 39, Reason: "lease_conflict"}},
		{"/panic", observe.AccessLine{Path: "/panic", Status: 500}},
		{"/silent", observe.AccessLine{Path: "/silent", Status: 200}},
		{"/early", observe.AccessLine{Path: "/early", Status: 204}},
		{"/flushed", observe.AccessLine{Path: "/flushed", Status: 200}},
	}
	for _, test := range tests {
		raw(t, addr, "POST "+test.target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		got := logs.next(t)
		if !strings.HasPrefix(got.RemoteAddr, "127.0.0.1:") {
			t.Errorf("%s: remote address %q", test.target, got.RemoteAddr)
		}
		test.want.Component, test.want.Method, test.want.RemoteAddr = "pull_api", "POST", got.RemoteAddr
		if got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.target, got, test.want)
		}
	}
}

func TestNoteWithoutAccessLogIsThrownAway(t *testing.T) {
	handler := AccessLog("x", nil, clock.System{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if NoteOf(w).Route != "" {
			t.Error("the note of an earlier request came back")
		}
		NoteOf(w).Route = "/left"
	}))
	addr := serve(t, handler, zap.NewNop())
	for range 3 {
		raw(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	}
	if NoteOf(nil) == nil {
		t.Error("NoteOf must never be nil")
	}
}

func TestPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/late":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic("boom")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		panic(fmt.Errorf("boom"))
	}), zap.New(core))

	got := raw(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 500 ") || !strings.Contains(got, `{"code":"internal_error"`) {
		t.Errorf("a panic is answered by %q", got)
	}
	if got := logs.TakeAll(); len(got) != 1 || got[0].ContextMap()["panic"] != "boom" {
		t.Errorf("the log has %+v, want one line with the cause", got)
	}
	got = raw(t, addr, "GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasSuffix(got, "4\r\nhalf\r\n") {
		t.Errorf("half an answer must be cut off without the end of the body, got %q", got)
	}
	if n := logs.Len(); n != 1 {
		t.Errorf("%d lines for the second panic, want 1", n)
	}
	logs.TakeAll()
	if got := raw(t, addr, "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n"); got != "" || logs.Len() != 0 {
		t.Errorf("a handler that aborts gave %q and %d lines, want a cut connection and silence", got, logs.Len())
	}
}

func TestServerLimits(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), zap.New(core))

	// C106, badinput 42: a head beyond the limit
	big := "GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("a", MaxHeaderBytes+8192) + "\r\n\r\n"
	if got := raw(t, addr, big); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("a head of more than 1 MiB gave %.80q, want 431", got)
	}
	// badinput 51
	got := raw(t, addr, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 405 ") {
		t.Errorf("OPTIONS * gave %.80q, want 405", got)
	}
	for _, line := range logs.All() {
		if line.Level > zap.DebugLevel {
			t.Errorf("a client's fault is logged at %v: %s", line.Level, line.Message)
		}
	}
	srv := NewServer(ServerOptions{Logger: zap.NewNop()})
	if srv.ReadHeaderTimeout != 10*time.Second || srv.ReadTimeout != 30*time.Second ||
		srv.WriteTimeout != 90*time.Second || srv.IdleTimeout != 120*time.Second {
		t.Errorf("the server misses a timeout: %+v", srv)
	}
}

func TestExtendWriteOutlivesTheDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	expired := make(chan struct{})
	srv := NewServer(ServerOptions{Logger: zap.NewNop(), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ExtendWrite(w, time.Unix(0, 0), 0) // a deadline long past
		if err := http.NewResponseController(w).Flush(); err == nil {
			t.Error("the deadline had no effect")
		}
		close(expired)
	})})
	go srv.Serve(l)   //nolint:errcheck // ends with Close
	defer srv.Close() //nolint:errcheck // a test
	if got := raw(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); got != "" {
		t.Errorf("got %q behind the deadline", got)
	}
	<-expired
}

func TestLimitListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := LimitListener(inner, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	default:
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_ = first.Close() // a second Close must not free a second slot
	third := <-accepted
	if len(l.(*limitListener).slots) != 2 {
		t.Error("closing twice freed two slots")
	}
	if third.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn) == nil {
		t.Error("the connection underneath is not reachable")
	}
	// a full listener must stop at once, too
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if c, more := <-accepted; more {
		t.Errorf("accepted %v after Close", c)
	}
	_, _ = second.Close(), third.Close()
}

func TestLimitedConnectionsLinger(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(ServerOptions{Logger: zap.NewNop(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, refused := ReadBody(r, nil, 10)
		WriteError(w, refused)
	})})
	go srv.Serve(LimitListener(inner, 10)) //nolint:errcheck // ends with Close
	defer srv.Close()                      //nolint:errcheck // a test
	// badinput 89: all of a large body is sent before anything is read
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test
	const size = 20 << 20
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(c, bytes.NewReader(make([]byte, size))); err != nil {
		t.Fatalf("the body was not taken: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %v, %v; want 413", resp, err)
	}
	_ = resp.Body.Close()
}

func TestReadBody(t *testing.T) {
	type answer struct {
		body string
		err  *Error
	}
	answers := make(chan answer, 1)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Late") != "" {
			rc := http.NewResponseController(w)
			if err := rc.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		}
		body, refused := ReadBody(r, []byte("front "), 10)
		answers <- answer{string(body), refused}
		w.WriteHeader(204)
	}), zap.NewNop())
	const head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	tests := []struct {
		name, request, body string
		status              int
	}{
		{"no body", head + "\r\n", "front ", 0},
		{"length", head + "Content-Length: 3\r\n\r\nabc", "front abc", 0},
		{"at the limit", head + "Content-Length: 10\r\n\r\n0123456789", "front 0123456789", 0},
		{"above the limit", head + "Content-Length: 11\r\n\r\n01234567890", "front ", 413},
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "front abcde", 0},
		{"chunked above the limit", head + "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n", "front ", 413},
		{"badinput 39: bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "front ", 400},
		{"waits for leave to send", head + "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n", "front ", 413},
		{"C106: too late", head + "X-Late: 1\r\nContent-Length: 3\r\n\r\n", "front ", 408},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw(t, addr, test.request)
			got := <-answers
			status := 0
			if got.err != nil {
				status = got.err.Status
			}
			if got.body != test.body || status != test.status {
				t.Errorf("got %q, %v; want %q, %d", got.body, got.err, test.body, test.status)
			}
		})
	}
}

func TestCutPrefix(t *testing.T) {
	tests := []struct{ path, prefix, want string }{
		{"/orders/ack", "", "/orders/ack"},
		{"/pull/orders/ack", "/pull", "/orders/ack"},
		{"/pull", "/pull", "/"},
		{"/pull/", "/pull", "/"},
		{"/pull//orders/./x/../ack/", "/pull", "/orders/ack"},
		{"/pull/../../etc", "/pull", "/etc"}, // stays inside the API
		{"/pullx/orders", "/pull", "-"},
		{"/Pull/orders", "/pull", "-"},
		{"/", "/pull", "-"},
		{"", "", "/"},
		{"*", "", "-"},
	}
	for _, test := range tests {
		got, ok := CutPrefix(test.path, test.prefix)
		if !ok {
			got = "-"
		}
		if got != test.want {
			t.Errorf("CutPrefix(%q, %q) = %q, want %q", test.path, test.prefix, got, test.want)
		}
	}
}

func BenchmarkAccessLog(b *testing.B) {
	h := &root{logger: zap.NewNop(), next: AccessLog("x", discard{}, clock.System{},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { NoteOf(w).Route = "/x" }))}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://x/", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nil, r)
	}
}

type discard struct{}

func (discard) Log(*observe.AccessLine) {}
