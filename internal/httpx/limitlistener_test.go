package httpx

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// accepted lets a limited listener accept and returns what it accepts.
func accepted(t *testing.T, limits Limits) (addr string, conns chan net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Limit(inner, limits)
	t.Cleanup(func() { _ = l.Close() })
	conns = make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return inner.Addr().String(), conns
}

// dialFrom connects from an address of the loopback network.
func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestOnePeerLeavesRoom holds that idle connections of one peer keep nobody
// else out.
func TestOnePeerLeavesRoom(t *testing.T) {
	refused := make(chan net.Addr, 10)
	addr, conns := accepted(t, Limits{Total: 4, PerPeer: 2, Refused: func(a net.Addr) { refused <- a }})
	first, second := dialFrom(t, "127.0.0.2", addr), dialFrom(t, "127.0.0.2", addr)
	a, b := <-conns, <-conns
	third := dialFrom(t, "127.0.0.2", addr)
	if err := third.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a connection over the share was served")
	}
	if who := <-refused; who.(*net.TCPAddr).IP.String() != "127.0.0.2" {
		t.Errorf("refused %v", who)
	}
	dialFrom(t, "127.0.0.3", addr)
	if other := <-conns; other.RemoteAddr().(*net.TCPAddr).IP.String() != "127.0.0.3" {
		t.Errorf("accepted %v", other.RemoteAddr())
	}
	// a closed connection gives its place back, once
	_, _ = a.Close(), a.Close()
	dialFrom(t, "127.0.0.2", addr)
	again := <-conns
	dialFrom(t, "127.0.0.2", addr)
	<-refused
	_, _, _, _ = b, again, first, second
}

func TestExemptPeersHaveNoShare(t *testing.T) {
	addr, conns := accepted(t, Limits{Total: 10, PerPeer: 1, Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.2") }})
	for range 3 {
		dialFrom(t, "127.0.0.2", addr)
		<-conns
	}
}

type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.addr }

func TestPeersAreCountedByNetwork(t *testing.T) {
	l := &limitListener{limits: Limits{PerPeer: 1}}
	tcp := func(ip string) netip.Addr {
		return l.peerOf(addrConn{addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 9}})
	}
	same := [][2]string{{"2001:db8::1", "2001:db8::ffff:1"}, {"192.0.2.7", "::ffff:192.0.2.7"}}
	for _, pair := range same {
		if a, b := tcp(pair[0]), tcp(pair[1]); a != b || !a.IsValid() {
			t.Errorf("%v: %v and %v", pair, a, b)
		}
	}
	if tcp("192.0.2.7") == tcp("192.0.2.8") || tcp("2001:db8::1") == tcp("2001:db8:0:1::1") {
		t.Error("two peers count as one")
	}
	if got := l.peerOf(addrConn{addr: &net.UnixAddr{Name: "/x", Net: "unix"}}); got.IsValid() {
		t.Errorf("a Unix peer has the address %v", got)
	}
}
