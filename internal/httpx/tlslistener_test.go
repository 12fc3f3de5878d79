package httpx

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"hookaido/internal/clock"
)

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure is a TLS listener with a server for each version of HTTP.
type secure struct {
	addr     string
	listener *TLSListener
	failures chan *HandshakeError
	done     sync.WaitGroup
}

func serveTLS(t *testing.T, handler http.Handler) *secure {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secure{addr: raw.Addr().String(), failures: make(chan *HandshakeError, 10)}
	s.listener = ListenTLS(raw, TLSOptions{
		Config: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{"h2", "http/1.1"}},
		Clock:  clock.System{}, Failed: func(e *HandshakeError) { s.failures <- e },
	})
	one := NewServer(ServerOptions{Handler: handler, Logger: zap.NewNop()})
	two := NewServer(ServerOptions{Handler: handler, Logger: zap.NewNop(), HTTP2: true})
	s.done.Go(func() {
		if err := s.listener.Run(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener ended with %v", err)
		}
	})
	s.done.Go(func() { _ = one.Serve(s.listener.HTTP1()) })
	s.done.Go(func() { _ = two.Serve(s.listener.HTTP2()) })
	t.Cleanup(func() {
		_ = s.listener.Close()
		s.done.Wait()
		_, _ = one.Close(), two.Close()
	})
	return s
}

func clientOf(http2 bool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}}
}

func TestTLSListenerSortsByProtocol(t *testing.T) {
	s := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, r.Proto)
	}))
	for http2, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		c := clientOf(http2)
		for range 2 {
			resp, err := c.Get("https://" + s.addr)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(body) != want || resp.StatusCode != http.StatusForbidden {
				t.Errorf("got %d %s, want %s", resp.StatusCode, body, want)
			}
		}
		c.CloseIdleConnections()
	}
}

// A refusal over HTTP/2 ends its stream and not the connection of the others.
func TestRefusalKeepsTheConnection(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	s := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		w.Header().Set("Connection", "close")
		WriteError(w, &Error{Status: http.StatusUnauthorized, Code: "unauthorized"})
	}))
	c := clientOf(true)
	defer c.CloseIdleConnections()
	for range 3 {
		resp, err := c.Get("https://" + s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if len(peers) != 1 {
		t.Errorf("3 refusals took %d connections", len(peers))
	}
}

// An answer that broke off must not look like a whole one.
func TestPanicResetsTheStream(t *testing.T) {
	s := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = io.WriteString(w, "half of")
		}
		panic("on purpose")
	}))
	c := clientOf(true)
	defer c.CloseIdleConnections()
	resp, err := c.Get("https://" + s.addr + "/late")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
	resp, err = c.Get("https://" + s.addr + "/early")
	if err != nil || resp.StatusCode != http.StatusInternalServerError {
		t.Fatalf("got %v, %v; want 500", resp, err)
	}
	_ = resp.Body.Close()
}

func TestHandshakeFailures(t *testing.T) {
	s := serveTLS(t, http.NotFoundHandler())
	tests := []struct {
		name, send, reason, answer string
	}{
		{"plain HTTP", "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", HandshakePlain, "HTTP/1.1 400 Bad Request\r\n"},
		{"plain lower case", "hello, who is there?", HandshakeProtocol, ""},
		{"nothing", "", HandshakeGone, ""},
		{"half a record", "\x16\x03\x01\x02\x00\x01", HandshakeGone, ""},
		{"garbage in a record", "\x16\x03\x01\x00\x05hello", HandshakeProtocol, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // a test
			if _, err := io.WriteString(c, test.send); err != nil {
				t.Fatal(err)
			}
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(c) // it may be reset
			if !strings.HasPrefix(string(got), test.answer) {
				t.Errorf("answer %q", got)
			}
			if test.answer != "" {
				resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(got))), nil)
				if err != nil || resp.Header.Get("Content-Type") != "application/json" {
					t.Errorf("answer %q: %v", got, err)
				}
			}
			if f := <-s.failures; f.Reason != test.reason || f.RemoteAddr != c.LocalAddr().String() {
				t.Errorf("failure %+v, want %s", f, test.reason)
			}
		})
	}
	t.Run("client refuses us", func(t *testing.T) {
		if _, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: "localhost"}); err == nil {
			t.Fatal("the certificate was trusted")
		}
		if f := <-s.failures; f.Reason != HandshakeRefused {
			t.Errorf("failure %+v", f)
		}
	})
	t.Run("no common protocol", func(t *testing.T) {
		if _, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}); err == nil {
			t.Fatal("a protocol that we don't speak was agreed on")
		}
		if f := <-s.failures; f.Reason != HandshakeProtocol {
			t.Errorf("failure %+v", f)
		}
	})
}

// A connection in its handshake when the listener is closed is still served.
func TestCloseLetsHandshakesEnd(t *testing.T) {
	s := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close() //nolint:errcheck // a test
	for pending := 0; pending == 0; {
		s.listener.mu.Lock()
		pending = len(s.listener.pending)
		s.listener.mu.Unlock()
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 204") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("new connections are still accepted")
	}
	s.done.Wait()
}

// A silent client ends with the deadline, and holds a stop up for a moment only.
func TestSilentHandshakesEnd(t *testing.T) {
	s := serveTLS(t, http.NotFoundHandler())
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close() //nolint:errcheck // a test
	for pending := 0; pending == 0; {
		s.listener.mu.Lock()
		pending = len(s.listener.pending)
		s.listener.mu.Unlock()
	}
	began := time.Now()
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.done.Wait()
	if f := <-s.failures; f.Reason != HandshakeTimeout {
		t.Errorf("failure %+v", f)
	}
	if took := time.Since(began); took > handshakeLast+5*time.Second {
		t.Errorf("a silent client held the stop up for %v", took)
	}
}
