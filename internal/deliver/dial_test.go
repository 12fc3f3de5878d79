package deliver

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
)

// nameServer is a DNS server that answers questions for an IPv4 address with
// one address after the other, without a time to live, the last for ever.
func nameServer(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, peer, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			kind := binary.BigEndian.Uint16(buf[end+1:])
			reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:min(n, end+5)]...)
			if kind == 1 {
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				reply = append(reply, netip.MustParseAddr(answers[0]).AsSlice()...)
				answers = answers[min(1, len(answers)-1):]
			}
			_, _ = pc.WriteTo(reply, peer)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// C68 with a real name server: the second look-up names an address that must
// see no connection.
func TestRebindingByDNS(t *testing.T) {
	s := newSink(t, nil)
	victim, err := net.Listen("tcp", "127.0.0.2:"+port(t, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	go func() {
		for {
			c, err := victim.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = victim.Close() })
	o := options()
	o.Resolver = nameServer(t, "127.0.0.1", "127.0.0.2")
	d := newDeliverer(t, o)
	target := newTarget(t, d, config.Target{URL: "http://rebind.example:" + port(t, s.URL)})
	wantResult(t, target.Attempt(t.Context(), message()), Done, 200, None)
	d.Close()
	wantResult(t, target.Attempt(t.Context(), message()), GiveUp, 0, ReasonEgress)
	if connections.Load() != 0 || s.count() != 1 {
		t.Errorf("the closed address saw %d connections, the target %d requests", connections.Load(), s.count())
	}
}

func TestLookUpFailures(t *testing.T) {
	o := options()
	o.Resolver = &names{}
	wantResult(t, newTarget(t, newDeliverer(t, o), config.Target{URL: "http://nowhere.example/"}).Attempt(t.Context(), message()), Retry, 0, ReasonDNS)
}

// peers for race: nothing but check tells what happens to each.
var peerA, peerB = netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")

func TestSlowAddressDoesNotHoldUpTheNext(t *testing.T) {
	s := newSink(t, nil)
	good := netip.MustParseAddrPort(s.Listener.Addr().String())
	clk := clock.NewManual(now)
	d := &dialer{clock: clk}
	release, asked, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
	check := func(peer netip.AddrPort) error {
		if peer == peerA {
			close(asked)
			<-release
			return errors.New("slow and bad")
		}
		close(second)
		return nil
	}
	conns := make(chan net.Conn)
	go func() {
		conn, err := d.race(t.Context(), "tcp", []netip.AddrPort{peerA, good}, check)
		if err != nil {
			t.Error(err)
		}
		conns <- conn
	}()
	<-asked
	clk.AwaitTimers(1)
	clk.Advance(nextAddress)
	<-second
	// the first is waited for, so that no goroutine is left
	close(release)
	if conn := <-conns; conn == nil || conn.RemoteAddr().String() != good.String() {
		t.Errorf("connected to %v", conn)
	} else {
		_ = conn.Close()
	}
}

func TestAddressesAreTriedInTurn(t *testing.T) {
	s := newSink(t, nil)
	good := netip.MustParseAddrPort(s.Listener.Addr().String())
	d := &dialer{clock: clock.NewManual(now)}
	var asked []netip.AddrPort
	check := func(peer netip.AddrPort) error { asked = append(asked, peer); return nil }
	conn, err := d.race(t.Context(), "tcp", []netip.AddrPort{peerA, peerB, good, peerA}, check)
	if err != nil || len(asked) != 3 {
		t.Fatalf("%v after %v", err, asked)
	}
	_ = conn.Close()
	if _, err = d.race(t.Context(), "tcp", []netip.AddrPort{peerA, peerB}, check); err == nil {
		t.Error("connected to nobody")
	}
}

func TestSlowLookUpIsATimeout(t *testing.T) {
	o := options()
	o.Resolver = slowResolver{}
	target := newTarget(t, newDeliverer(t, o), config.Target{URL: "http://x.example/", Timeout: 50 * time.Millisecond})
	r := target.Attempt(t.Context(), message())
	wantResult(t, r, Retry, 0, ReasonTimeout)
}

// slowResolver never answers before it is told to stop.
type slowResolver struct{}

func (slowResolver) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
