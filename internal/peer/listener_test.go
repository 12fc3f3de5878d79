package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
)

// patience is longer than anything here takes; a test that waits for it fails.
const patience = 20 * time.Second

// site is an HTTP server behind a listener for the PROXY protocol. It answers
// with the address of the client.
type site struct {
	addr    net.Addr
	trusted atomic.Pointer[Proxies]

	mu      sync.Mutex
	refused []string
}

func newSite(t *testing.T, l net.Listener, timeout time.Duration, trusted ...string) *site {
	t.Helper()
	s := &site{addr: l.Addr()}
	s.trust(trusted...)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	}))
	_ = server.Listener.Close() // the one of httptest
	server.Listener = ListenProxy(l, ProxyOptions{
		Proxies: func() Proxies { return *s.trusted.Load() },
		Timeout: timeout,
		Refused: func(peer net.Addr, cause error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.refused = append(s.refused, fmt.Sprintf("%s: %v", peer, cause))
		},
	})
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func (s *site) trust(trusted ...string) {
	p := proxies(trusted...)
	s.trusted.Store(&p)
}

func (s *site) refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *site) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial(s.addr.Network(), s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(clock.System{}.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

const get = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// exchange sends what is given, piece by piece, and returns status and body of
// the answer, or "closed".
func (s *site) exchange(t *testing.T, pieces ...string) string {
	t.Helper()
	c := s.dial(t)
	for _, piece := range pieces {
		if _, err := io.WriteString(c, piece); err != nil {
			return "closed"
		}
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "closed"
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return fmt.Sprint(answer.StatusCode, " ", string(body))
}

// v2 makes a header of version 2.
func v2(command, family byte, rest ...byte) string {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return string(append(b, rest...))
}

// tcp4 are addresses and ports of version 2: 203.0.113.9:4660 to 192.0.2.1:80.
var tcp4 = []byte{203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x34, 0, 80}

func tcp6() []byte {
	src, dst := netip.MustParseAddr("2001:db8::7").As16(), netip.MustParseAddr("2001:db8::1").As16()
	return append(append(src[:], dst[:]...), 0x12, 0x34, 0, 80)
}

func TestHeaderOfTrustedPeer(t *testing.T) {
	s := newSite(t, loopback(t), patience, "127.0.0.0/8")
	unix := append([]byte("/run/client.sock"), make([]byte, 200)...)
	tests := []struct {
		name, header string
		want         string // the client; "peer" for the proxy itself, empty if refused
	}{
		{"v1 TCP4", "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n", "203.0.113.9:4660"},
		{"v1 TCP6", "PROXY TCP6 2001:db8::7 2001:db8::1 4660 80\r\n", "[2001:db8::7]:4660"},
		{"v1 UNKNOWN", "PROXY UNKNOWN\r\n", "peer"},
		{"v1 UNKNOWN with addresses", "PROXY UNKNOWN 203.0.113.9 192.0.2.1 4660 80\r\n", "peer"},
		{"v2 TCP4", v2(1, 0x11, tcp4...), "203.0.113.9:4660"},
		{"v2 TCP6", v2(1, 0x21, tcp6()...), "[2001:db8::7]:4660"},
		{"v2 with further fields", v2(1, 0x11, append(bytes.Clone(tcp4), 4, 0, 2, 'h', 'i')...), "203.0.113.9:4660"},
		{"v2 LOCAL", v2(0, 0), "peer"},
		{"v2 LOCAL with addresses", v2(0, 0x11, tcp4...), "peer"},
		{"v2 of a Unix client", v2(1, 0x31, unix[:216]...), "peer"},

		{"none", "", ""},
		{"v1 without addresses", "PROXY TCP4\r\n", ""},
		{"v1 of a name", "PROXY TCP4 localhost 192.0.2.1 4660 80\r\n", ""},
		{"v1 with a bad port", "PROXY TCP4 203.0.113.9 192.0.2.1 99999 80\r\n", ""},
		{"v1 with the wrong family", "PROXY TCP6 203.0.113.9 192.0.2.1 4660 80\r\n", ""},
		{"v1 in small letters", "proxy TCP4 203.0.113.9 192.0.2.1 4660 80\r\n", ""},
		{"v1 without CR", "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\n", ""},
		{"v1 without an end", "PROXY TCP4 " + strings.Repeat("9", 500), ""},
		{"v1 of another word", "PROXYTCP4 203.0.113.9 192.0.2.1 4660 80\r\n", ""},
		{"v2 of version 3", "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + string(tcp4), ""},
		{"v2 of an unknown command", v2(2, 0x11, tcp4...), ""},
		{"v2 too short for its addresses", v2(1, 0x11, tcp4[:8]...), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.refusals())
			got := s.exchange(t, test.header+get)
			refused := s.refusals()[before:]
			switch {
			case test.want == "" && (got != "closed" || len(refused) != 1 || !strings.HasPrefix(refused[0], "127.0.0.1:") || strings.HasSuffix(refused[0], "<nil>")):
				t.Errorf("got %q and told of %q, want a closed connection and one refusal", got, refused)
			case test.want == "peer" && !strings.HasPrefix(got, "200 127.0.0.1:"):
				t.Errorf("got %q, want the peer's own address", got)
			case test.want != "" && test.want != "peer" && got != "200 "+test.want:
				t.Errorf("got %q, want %q", got, test.want)
			case test.want != "" && len(refused) > 0:
				t.Errorf("told of %q", refused)
			}
		})
	}
	if got := s.exchange(t, v2(1, 0x11, tcp4...), get[:5], get[5:]); got != "200 203.0.113.9:4660" {
		t.Errorf("header and request in pieces: %q", got)
	}
	if got := s.exchange(t, "PROXY UNKNOWN\r\n"+"PROXY UNKNOWN\r\n"+get); !strings.HasPrefix(got, "400 ") {
		t.Errorf("a second header: %q, want it to be a malformed request", got)
	}
}

func TestUntrustedPeerHasNoHeader(t *testing.T) {
	s := newSite(t, loopback(t), patience, "10.0.0.0/8")
	if got := s.exchange(t, get); !strings.HasPrefix(got, "200 127.0.0.1:") {
		t.Errorf("a plain request: %q", got)
	}
	for _, header := range []string{"PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n", v2(1, 0x11, tcp4...)} {
		if got := s.exchange(t, header+get); !strings.HasPrefix(got, "400 ") {
			t.Errorf("with the header %q: %q, want 400", header, got)
		}
	}
	s.trust("127.0.0.1/32")
	if got := s.exchange(t, "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n"+get); got != "200 203.0.113.9:4660" {
		t.Errorf("after the peer became trusted: %q", got)
	}
}

func TestUnixPeerSendsAHeader(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "in.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, l, patience, "10.0.0.0/8")
	if got := s.exchange(t, "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n"+get); got != "200 203.0.113.9:4660" {
		t.Errorf("got %q", got)
	}
	if got := s.exchange(t, "PROXY UNKNOWN\r\n"+get); got != "200 @" {
		t.Errorf("without an address: %q", got)
	}
}

// While some connections say nothing, or only half a header, others are served.
func TestSlowHeaderHoldsUpNobody(t *testing.T) {
	s := newSite(t, loopback(t), 300*time.Millisecond, "127.0.0.0/8")
	starts := []string{"", "PRO", "PROXY TCP4 203.0.113.9 ", "\r\n\r\n\x00\r\nQUIT\n\x21", v2(1, 0x11, tcp4...)[:20]}
	var slow []net.Conn
	for range 10 {
		for _, start := range starts {
			c := s.dial(t)
			if _, err := io.WriteString(c, start); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, c)
		}
	}
	for range 5 {
		if got := s.exchange(t, "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n"+get); got != "200 203.0.113.9:4660" {
			t.Errorf("beside slow connections: %q", got)
		}
	}
	for _, c := range slow {
		n, err := c.Read(make([]byte, 1))
		switch {
		case n > 0 || err == nil:
			t.Error("a slow connection got an answer")
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatal("a slow connection was not closed")
		}
	}
	if n := len(s.refusals()); n != len(slow) {
		t.Errorf("told of %d refusals, want %d", n, len(slow))
	}
}

// The deadline for the header must not outlive it, and that of the server must
// hold after it.
func TestDeadlinesAfterTheHeader(t *testing.T) {
	l := ListenProxy(loopback(t), ProxyOptions{Proxies: func() Proxies { return proxies("127.0.0.0/8") }, Timeout: 100 * time.Millisecond})
	defer func() { _ = l.Close() }()
	s := &site{addr: l.Addr()}
	client := s.dial(t)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(client, "PROXY UNKNOWN\r\n"); err != nil {
		t.Fatal(err)
	}
	// set before the header is read, as a server may
	began := clock.System{}.Now()
	if err := c.SetReadDeadline(began.Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if c.RemoteAddr().String() != client.LocalAddr().String() || c.LocalAddr().String() != client.RemoteAddr().String() {
		t.Errorf("the addresses are %v and %v", c.RemoteAddr(), c.LocalAddr())
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("read something")
	}
	passed := clock.System{}.Now().Sub(began)
	if passed < 500*time.Millisecond {
		t.Errorf("the read ended after %v, want the deadline of 500ms", passed)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after CloseWrite the client reads %v, want EOF", err)
	}
	if _, err := io.WriteString(client, "x"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 1 {
		t.Errorf("after CloseWrite nothing can be read: %v", err)
	}
}

// memConn is a connection that has sent all it will ever send.
type memConn struct {
	net.Conn
	in     *bytes.Reader
	closed bool
}

func (c *memConn) Read(p []byte) (int, error)      { return c.in.Read(p) }
func (c *memConn) Write(p []byte) (int, error)     { return len(p), nil }
func (c *memConn) Close() error                    { c.closed = true; return nil }
func (c *memConn) RemoteAddr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }
func (c *memConn) SetReadDeadline(time.Time) error { return nil }

type oneConn struct{ c net.Conn }

func (l oneConn) Accept() (net.Conn, error) { return l.c, nil }
func (l oneConn) Close() error              { return nil }
func (l oneConn) Addr() net.Addr            { return nil }

// FuzzHeader holds that a connection either is closed, and then is silent, or
// goes on with what follows its header, to the byte.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"", "PROXY UNKNOWN\r\n" + get, "PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\nrest", v2(1, 0x11, tcp4...) + "rest",
		v2(1, 0x21, tcp6()...), v2(0, 0, 1, 2, 3), v2(1, 0x31, make([]byte, 216)...), v2(1, 0x12, tcp4...), get, "PROXY TCP6 :: :: 0 0\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		raw := &memConn{in: bytes.NewReader(sent)}
		refused := 0
		l := ListenProxy(oneConn{raw}, ProxyOptions{
			Proxies: func() Proxies { return lan }, Timeout: time.Minute, Refused: func(net.Addr, error) { refused++ },
		})
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if addr, ok := c.RemoteAddr().(*net.TCPAddr); !ok || addr.IP == nil {
			t.Fatalf("the client has the address %v", c.RemoteAddr())
		}
		_, err = c.Write([]byte("x"))
		if raw.closed != (refused == 1) || raw.closed != (err != nil) || raw.closed && len(got) > 0 {
			t.Fatalf("closed %v, %d refusals, %d bytes read, write %v", raw.closed, refused, len(got), err)
		}
		if !raw.closed && (len(got) >= len(sent) || !bytes.HasSuffix(sent, got)) {
			t.Fatalf("%q was read of %q", got, sent)
		}
	})
}

func TestTLSAboveTheHeader(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr)
	}))
	server.Listener = ListenProxy(server.Listener, ProxyOptions{
		Proxies: func() Proxies { return proxies("127.0.0.0/8") }, Timeout: patience,
	})
	server.StartTLS()
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_, err = io.WriteString(c, v2(1, 0x11, tcp4...))
		}
		return c, err
	}
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); string(body) != "203.0.113.9:4660" {
		t.Errorf("got %q, %v", body, err)
	}
}
