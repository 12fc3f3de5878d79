package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"hookaido/internal/clock"
)

const (
	// nextAddress is the head start of an address over the one after it, as in
	// RFC 8305.
	nextAddress = 300 * time.Millisecond
	// maxAddresses are tried of one name. All are judged.
	maxAddresses = 8
)

var errConnectTimeout = fmt.Errorf("no connection within %v", connectTimeout)

// dialer connects to what the policy lets through. It is the only way out of
// the transport.
type dialer struct {
	policy   *policy
	resolver Resolver
	clock    clock.Clock
}

// dial connects to the address, a host and a port. Behind a proxy that is the
// proxy, and the target has been judged by its name alone.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	s, fault := parseSite("", host, port)
	if fault != "" {
		return nil, &Denial{Rule: RuleMalformed, what: fault}
	}
	check := func(peer netip.AddrPort) error { return d.policy.checkSocket(s, peer) }
	if d.policy.proxy != nil {
		check = func(peer netip.AddrPort) error { return d.policy.checkInfrastructure(s, peer.Addr()) }
	}
	peers, err := d.lookUp(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, peer := range peers {
		if err := check(peer); err != nil {
			return nil, err
		}
	}
	conn, err := d.race(ctx, network, peers[:min(len(peers), maxAddresses)], check)
	if err != nil && errors.Is(context.Cause(ctx), errConnectTimeout) {
		return nil, errConnectTimeout
	}
	return conn, err
}

func (d *dialer) lookUp(ctx context.Context, s site) ([]netip.AddrPort, error) {
	addrs := []netip.Addr{s.addr}
	if !s.addr.IsValid() {
		var err error
		if addrs, err = d.resolver.LookupNetIP(ctx, "ip", s.host); err != nil {
			return nil, err
		}
		if len(addrs) == 0 {
			return nil, &net.DNSError{Err: "no address", Name: s.host, IsNotFound: true}
		}
	}
	peers := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		peers[i] = netip.AddrPortFrom(addr.Unmap(), s.port)
	}
	return peers, nil
}

// race tries one address after the other without waiting for the end of the
// first, and returns the first connection.
func (d *dialer) race(ctx context.Context, network string, peers []netip.AddrPort, check func(netip.AddrPort) error) (net.Conn, error) {
	type outcome struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	outcomes := make(chan outcome, len(peers))
	started, running := 0, 0
	next := func() {
		if started < len(peers) {
			go func(peer netip.AddrPort) {
				conn, err := connect(ctx, network, peer, check)
				outcomes <- outcome{conn, err}
			}(peers[started])
			started++
			running++
		}
	}
	defer func() {
		cancel()
		for range running {
			if o := <-outcomes; o.err == nil {
				_ = o.conn.Close()
			}
		}
	}()
	timer := d.clock.NewTimer(nextAddress)
	defer timer.Stop()
	var first error
	for next(); running > 0; {
		select {
		case o := <-outcomes:
			running--
			if o.err == nil {
				return o.conn, nil
			}
			if first == nil {
				first = o.err
			}
			next()
		case <-timer.C():
			next()
		}
		timer.Reset(nextAddress)
	}
	return nil, first
}

// connect connects to an address, which is judged once more when the socket
// exists, so that no other way to reach one can slip in.
func connect(ctx context.Context, network string, peer netip.AddrPort, check func(netip.AddrPort) error) (net.Conn, error) {
	dialer := net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		actual, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(actual)
	}}
	return dialer.DialContext(ctx, network, peer.String())
}
