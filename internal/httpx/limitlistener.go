package httpx

import (
	"net"
	"sync"
	"sync/atomic"
)

// LimitListener returns l with at most n connections open at a time. Further
// clients wait in the backlog of the kernel until one of them is closed.
func LimitListener(l net.Listener, n int) net.Listener {
	return &limitListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

type limitListener struct {
	net.Listener
	slots     chan struct{} // holds one value per open connection
	closed    chan struct{}
	closeOnce sync.Once
}

// Accept implements [net.Listener].
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitConn{Conn: c, slots: l.slots}, nil
}

// Close implements [net.Listener] and ends a waiting Accept.
func (l *limitListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	slots    <-chan struct{}
	released atomic.Bool
}

// Close implements [net.Conn] and frees the slot.
func (c *limitConn) Close() error {
	err := c.Conn.Close()
	if c.released.CompareAndSwap(false, true) {
		<-c.slots
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
