package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"hookaido/internal/clock"
	"hookaido/internal/config"
)

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
