package httpx

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Limits bound the open connections of a listener.
type Limits struct {
	// Total is for all of them. At the limit further clients wait in the
	// backlog of the kernel.
	Total int
	// PerPeer is for those of one address, or of one /64 network of IPv6; 0 is
	// no bound. Connections beyond it are closed at once, so that one peer can't
	// keep the others waiting. Unix sockets have no addresses and no bound.
	PerPeer int
	// Exempt tells which peers PerPeer does not hold for, such as proxies that
	// stand for many; nil is none. It must not wait.
	Exempt func(peer netip.Addr) bool
	// Refused is told of each connection that PerPeer closed; nil for nobody.
	Refused func(peer net.Addr)
}

// LimitListener returns l with at most n connections open at a time. Further
// clients wait in the backlog of the kernel until one of them is closed.
func LimitListener(l net.Listener, n int) net.Listener { return Limit(l, Limits{Total: n}) }

// Limit returns l with as many connections open at a time as limits allow.
func Limit(l net.Listener, limits Limits) net.Listener {
	return &limitListener{
		Listener: l, limits: limits, peers: map[netip.Addr]int{},
		slots: make(chan struct{}, limits.Total), closed: make(chan struct{}),
	}
}

type limitListener struct {
	net.Listener
	limits    Limits
	slots     chan struct{} // holds one value per open connection
	closed    chan struct{}
	closeOnce sync.Once

	mu    sync.Mutex
	peers map[netip.Addr]int // open connections
}

// Accept implements [net.Listener].
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			return nil, err
		}
		peer := l.peerOf(c)
		if l.enter(peer) {
			return &limitConn{Conn: c, listener: l, peer: peer}, nil
		}
		_ = c.Close() // it never was anything to us
		if l.limits.Refused != nil {
			l.limits.Refused(c.RemoteAddr())
		}
	}
}

// peerOf returns what a connection is counted by, the zero address if it is
// not.
func (l *limitListener) peerOf(c net.Conn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || l.limits.PerPeer == 0 {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if l.limits.Exempt != nil && l.limits.Exempt(addr) {
		return netip.Addr{}
	}
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}

// enter counts a connection of a peer, unless it has too many.
func (l *limitListener) enter(peer netip.Addr) bool {
	if !peer.IsValid() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[peer] >= l.limits.PerPeer {
		return false
	}
	l.peers[peer]++
	return true
}

func (l *limitListener) leave(peer netip.Addr) {
	<-l.slots
	if !peer.IsValid() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[peer]--; l.peers[peer] == 0 {
		delete(l.peers, peer)
	}
}

// Close implements [net.Listener] and ends a waiting Accept.
func (l *limitListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	listener *limitListener
	peer     netip.Addr
	released atomic.Bool
}

// Close implements [net.Conn] and frees the slot.
func (c *limitConn) Close() error {
	err := c.Conn.Close()
	if c.released.CompareAndSwap(false, true) {
		c.listener.leave(c.peer)
	}
	return err
}

// NetConn returns the connection underneath, as [crypto/tls.Conn.NetConn].
func (c *limitConn) NetConn() net.Conn { return c.Conn }

// CloseWrite half-closes the connection. net/http needs it so that a refused
// client can read its answer before the connection is reset.
func (c *limitConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
