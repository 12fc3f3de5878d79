package auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
)

// asked is a request that a service got.
type asked struct {
	method, uri, host string
	header            http.Header
	body              string
	length            int64
}

// service is a stand-in for a service that judges requests. It keeps what it
// is asked.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
}

func newService(t testing.TB, answer http.HandlerFunc) *service {
	s := &service{}
	s.Server = httptest.NewServer(s.handler(answer))
	t.Cleanup(s.Close)
	return s
}

func (s *service) handler(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short body shows in the test
		s.mu.Lock()
		s.asked = append(s.asked, asked{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body), r.ContentLength})
		s.mu.Unlock()
		answer(w, r)
	})
}

func (s *service) take() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.asked = nil }()
	return s.asked
}

func mustForward(t testing.TB, o ForwardOptions) *Forward {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second // never reached
	}
	f, err := NewForward(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// discard takes what servers say about handshakes that are meant to fail.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestForwardRequest is what the service gets to see.
func TestForwardRequest(t *testing.T) {
	s := newService(t, status(204))
	f := mustForward(t, ForwardOptions{URL: s.URL + "/decide/%2Fx?a=1&a=%20#frag", BodyLimit: 5})
	header := http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=1", "b=2"}, "X-Multi": {"1", "2"}, "Content-Type": {"text/plain"},
		"Connection": {"close, X-Secret", "x-other"}, "X-Secret": {"1"}, "X-Other": {"1"}, "Keep-Alive": {"5"}, "Te": {"trailers"},
		"Trailer": {"X"}, "Upgrade": {"h2c"}, "Transfer-Encoding": {"chunked"}, "Proxy-Authorization": {"Basic x"}, "Proxy-Connection": {"x"},
		"Content-Length": {"77"}, "Expect": {"100-continue"}, "Host": {"spoof.example"},
		"X-Hookaido-Original-Path": {"/spoofed", "/twice"}, "X-Hookaido-Original-Method": {"SPOOFED"}, "Accept-Encoding": {"br"},
	}
	before := header.Clone()
	result, err := f.Check(t.Context(), ForwardRequest{Method: "PUT", Path: "/forge/ä b", Header: header, Body: []byte("1234567")})
	if err != nil || result.Outcome != Pass || result.Status != 204 || result.Copied != nil {
		t.Fatalf("got %+v, %v", result, err)
	}
	want := asked{"PUT", "/decide/%2Fx?a=1&a=%20", s.Listener.Addr().String(), http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=1", "b=2"}, "X-Multi": {"1", "2"}, "Content-Type": {"text/plain"}, "Accept-Encoding": {"br"},
		"X-Hookaido-Original-Path": {"/forge/ä b"}, "X-Hookaido-Original-Method": {"PUT"}, "Content-Length": {"5"},
	}, "12345", 5}
	if got := s.take(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("asked %+v\nwant  %+v", got, want)
	}
	if !reflect.DeepEqual(header, before) {
		t.Errorf("the sender's headers changed: %v", header)
	}
}

// TestForwardBody is the length of the body that goes along.
func TestForwardBody(t *testing.T) {
	s := newService(t, status(200))
	for _, test := range []struct {
		method      string
		size, limit int
		want        int64
	}{{"POST", 0, 0, 0}, {"POST", 7, 0, 7}, {"POST", 7, 7, 7}, {"POST", 8, 7, 7}, {"GET", 3, 0, 3}, {"GET", 0, 0, 0}, {"POST", 3 << 20, 0, 3 << 20}} {
		f := mustForward(t, ForwardOptions{URL: s.URL, BodyLimit: int64(test.limit)})
		result, err := f.Check(t.Context(), ForwardRequest{Method: test.method, Path: "/", Body: bytes.Repeat([]byte{'b'}, test.size)})
		got := s.take()
		if err != nil || result.Outcome != Pass || len(got) != 1 || got[0].length != test.want || int64(len(got[0].body)) != test.want {
			t.Errorf("%+v: %v, %d requests", test, err, len(got))
		}
		if test.method == "POST" && got[0].header.Get("Content-Length") == "" {
			t.Errorf("%+v: no Content-Length", test)
		}
		if agent, ok := got[0].header["User-Agent"]; ok {
			t.Errorf("a User-Agent of ours was added: %q", agent)
		}
	}
}

func TestForwardOutcomes(t *testing.T) {
	var code atomic.Int64
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("X-Tenant", "a")
		w.Header().Add("X-Tenant", "b")
		w.Header().Set("X-Role", "")
		w.Header().Set("X-Private", "1")
		status(int(code.Load()))(w, r)
	})
	f := mustForward(t, ForwardOptions{URL: s.URL, CopyHeaders: []string{"x-role", "X-Missing", "X-TENANT", "x-tenant"}})
	want := []Header{{"X-Role", ""}, {"X-Tenant", "a,b"}}
	for c, outcome := range map[int]Outcome{
		200: Pass, 201: Pass, 206: Pass, 299: Pass, 401: Unauthorized, 403: Forbidden,
		300: Unavailable, 302: Unavailable, 304: Unavailable, 400: Unavailable, 402: Unavailable, 404: Unavailable, 429: Unavailable, 500: Unavailable, 503: Unavailable,
	} {
		code.Store(int64(c))
		result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/p"})
		if result.Outcome != outcome || result.Status != c || (err != nil) != (outcome == Unavailable) {
			t.Errorf("%d: got %+v, %v", c, result, err)
		}
		if outcome == Pass && !slices.Equal(result.Copied, want) || outcome != Pass && result.Copied != nil {
			t.Errorf("%d: copied %v", c, result.Copied)
		}
	}
}

// TestForwardUnavailable is every way not to get an answer; errors say which,
// and keep queries to themselves.
func TestForwardUnavailable(t *testing.T) {
	hang := make(chan struct{})
	slow := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	untrusted := httptest.NewUnstartedServer(status(200))
	untrusted.Config.ErrorLog = discard()
	untrusted.StartTLS()
	defer untrusted.Close()
	tests := []struct{ name, url, want string }{
		{"slow", slow.URL, "no answer within 150ms"},
		{"no listener", "http://" + closed.Addr().String(), "connection refused"},
		{"certificate of a stranger", untrusted.URL, "certificate"},
		{"no HTTP", raw(t, "SSH-2.0-hIddEn\r\n\r\n"), "malformed HTTP"},
		{"cut head", raw(t, "HTTP/1.1 200 OK\r\nX-A: hIddEn"), "connection broken"},
		{"endless head", raw(t, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("x", maxAnswerHead+8192)+"\r\n\r\n"), "exceeded"},
		{"control character", raw(t, "HTTP/1.1 200 OK\r\nX-A: hIddEn\x01\r\nContent-Length: 0\r\n\r\n"), "malformed"},
		{"upgrade", raw(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "101"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			timeout := 10 * time.Second
			if test.url == slow.URL {
				timeout = 150 * time.Millisecond
			}
			f := mustForward(t, ForwardOptions{URL: test.url + "/check?key=hIddEn", Timeout: timeout, CopyHeaders: []string{"X-A"}})
			result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/", Body: []byte("x")})
			if result.Outcome != Unavailable || err == nil || !strings.Contains(err.Error(), test.want) ||
				!strings.HasPrefix(err.Error(), "ask "+test.url+": ") || strings.Contains(err.Error(), "hIddEn") {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
	f := mustForward(t, ForwardOptions{URL: newService(t, status(200)).URL})
	for _, path := range []string{"/a\nX-Admin: 1", "/a ", "/\x00", "/a\t"} {
		if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: path}); result.Outcome != Unavailable || err == nil {
			t.Errorf("path %q: %+v, %v", path, result, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Check(ctx, ForwardRequest{Method: "POST", Path: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gives up: %v", err)
	}
}

// raw starts a server that answers each connection with text once it was sent
// something, and returns its URL.
func raw(t testing.TB, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close() //nolint:errcheck // the test is over
				if _, err := c.Read(make([]byte, 8192)); err == nil {
					_, _ = io.WriteString(c, text)
				}
			})
		}
	})
	return "http://" + l.Addr().String()
}

// TestForwardReusesConnections asks often over one connection, whatever body
// the answers have, and lets go of it on Close.
func TestForwardReusesConnections(t *testing.T) {
	var opened atomic.Int64
	s := &service{}
	s.Server = httptest.NewUnstartedServer(s.handler(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("z", 20000))
	}))
	gone := make(chan struct{}, 8)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			gone <- struct{}{}
		}
	}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	f := mustForward(t, ForwardOptions{URL: s.URL, Roots: roots})
	for range 20 {
		if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/", Body: []byte("x")}); result.Outcome != Pass {
			t.Fatal(err)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections", opened.Load())
	}
	f.Close()
	<-gone // or the test's own time limit says that the connection stays open
}

// TestForwardEndlessBody decides by the status and waits for no body.
func TestForwardEndlessBody(t *testing.T) {
	gaveUp := make(chan struct{})
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gaveUp)
	})
	f := mustForward(t, ForwardOptions{URL: s.URL})
	began := clock.System{}.Monotonic()
	result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/"})
	if took := (clock.System{}).Monotonic() - began; err != nil || result.Outcome != Pass || took > f.timeout/2 {
		t.Errorf("%+v, %v, after %s", result, err, took)
	}
	<-gaveUp
}

// TestForwardAsksAgain when a connection that was kept turns out to be dead.
func TestForwardAsksAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int64
	var all sync.WaitGroup
	defer all.Wait()
	defer l.Close() //nolint:errcheck // the test is over
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			all.Go(func() { // it answers one request and hangs up on the second
				defer c.Close() //nolint:errcheck // the test is over
				_, _ = c.Read(make([]byte, 8192))
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_, _ = c.Read(make([]byte, 8192))
			})
		}
	})
	f := mustForward(t, ForwardOptions{URL: "http://" + l.Addr().String()})
	for range 3 {
		if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/", Body: []byte("x")}); result.Outcome != Pass {
			t.Fatal(err)
		}
	}
	f.Close()
	if connections.Load() != 3 {
		t.Errorf("%d connections", connections.Load())
	}
}

// TestForwardSlowService holds a crowd to 64 connections and to its timeout,
// and works again as soon as the service does.
func TestForwardSlowService(t *testing.T) {
	const crowd, timeout = 300, 500 * time.Millisecond
	hang := make(chan struct{})
	var now, most atomic.Int64
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	f := mustForward(t, ForwardOptions{URL: s.URL, Timeout: timeout})
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			if result, err := f.Check(context.Background(), ForwardRequest{Method: "POST", Path: "/", Body: []byte("x")}); result.Outcome != Unavailable {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	all.Wait()
	// the service may learn of the end of one connection after the begin of the next
	if most.Load() > 2*maxConnections {
		t.Errorf("%d connections at a time", most.Load())
	}
	close(hang)
	f.timeout = 20 * time.Second
	if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/"}); result.Outcome != Pass {
		t.Errorf("after the crowd: %v", err)
	}
}

func TestNewForwardErrors(t *testing.T) {
	second := time.Second
	for _, o := range []ForwardOptions{
		{Timeout: second},
		{URL: "gate.example.org/check", Timeout: second},
		{URL: "ftp://gate.example.org/", Timeout: second},
		{URL: "http:///check", Timeout: second},
		{URL: "http://user:hIddEn@gate.example.org/", Timeout: second},
		{URL: "http://gate.example.org/%zz?hIddEn", Timeout: second},
		{URL: "http://gate.example.org/"},
		{URL: "http://gate.example.org/", Timeout: second, BodyLimit: -1},
		{URL: "http://169.254.169.254/latest?hIddEn", Timeout: second},
		{URL: "http://[::ffff:169.254.169.254]/", Timeout: second},
	} {
		if _, err := NewForward(o); err == nil || strings.Contains(err.Error(), "hIddEn") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestForwardEnvironment goes past the proxies of the environment, and takes
// no TLS below 1.2.
func TestForwardEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	f := mustForward(t, ForwardOptions{URL: "http://gate.example.org"})
	if f.transport.Proxy != nil {
		t.Error("it asks the environment for a proxy")
	}
	old := httptest.NewUnstartedServer(status(200))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} //nolint:gosec // that is what is refused
	old.Config.ErrorLog = discard()
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	f = mustForward(t, ForwardOptions{URL: old.URL, Roots: roots})
	if result, err := f.Check(t.Context(), ForwardRequest{Method: "POST", Path: "/"}); result.Outcome == Pass || err == nil {
		t.Error(fmt.Sprint("TLS 1.1 was taken: ", err))
	}
}
