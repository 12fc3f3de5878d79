package peer

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

// ProxyOptions describe a listener for the PROXY protocol.
type ProxyOptions struct {
	// Proxies returns the peers that send a header. It is asked once for each
	// connection, so that a reload holds for later ones, and may be called by
	// several goroutines.
	Proxies func() Proxies
	// Timeout is what a peer has to send its header; it is above 0.
	Timeout time.Duration
	// Refused is told of each connection that was closed because its header was
	// missing, late or malformed, by the goroutine of the connection; nil for
	// nobody.
	Refused func(peer net.Addr, cause error)
}

// ListenProxy returns l with the PROXY protocol, version 1 or 2, as HAProxy
// defines it, on the connections of trusted peers. It belongs directly on the
// socket, below TLS and everything that looks at HTTP.
//
// A trusted peer must begin with a header, and its connection is closed without
// an answer if it does not. The address in the header becomes the RemoteAddr of
// the connection. A header that names none, such as that of a health check, and
// one that names no TCP client leave the peer's own.
//
// Other peers are served as they are: nothing is read ahead, so a header of
// theirs is a malformed request to whoever reads it.
//
// Accept never waits for a header. It is read by the first call of RemoteAddr,
// Read or Write, which net/http makes in the goroutine of the connection.
func ListenProxy(l net.Listener, o ProxyOptions) net.Listener {
	return &proxyListener{Listener: l, options: o}
}

type proxyListener struct {
	net.Listener
	options ProxyOptions
}

// Accept implements [net.Listener].
func (l *proxyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.options.Proxies().sendsHeader(c.RemoteAddr()) {
		return c, nil
	}
	return &proxyConn{
		Conn:    c,
		options: &l.options,
		inner: proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE),
			proxyproto.SetReadHeaderTimeout(l.options.Timeout)),
	}, nil
}

// sendsHeader reports whether addr is that of a trusted peer.
func (p Proxies) sendsHeader(addr net.Addr) bool {
	switch addr := addr.(type) {
	case *net.TCPAddr:
		ip, ok := netip.AddrFromSlice(addr.IP)
		return ok && p.trusts(plain(ip))
	case *net.UnixAddr:
		return len(p.Trusted) > 0
	}
	return false
}

// proxyConn reads the header of a connection when somebody first wants to know
// something of it. Deadlines go through inner, which sets one of its own while
// it reads the header.
type proxyConn struct {
	net.Conn // as accepted
	inner    *proxyproto.Conn
	options  *ProxyOptions

	once   sync.Once
	remote net.Addr
	failed bool
}

// header reads the header, once, and reports whether there is a good one. It
// closes the connection if there is none.
func (c *proxyConn) header() bool {
	c.once.Do(func() {
		c.remote = c.Conn.RemoteAddr()
		header := c.inner.ProxyHeader()
		if header == nil {
			_, cause := c.inner.Read(nil)
			c.failed = true
			if c.options.Refused != nil {
				c.options.Refused(c.remote, cause)
			}
			_ = c.Close() // nobody is left to tell
			return
		}
		if addr, ok := header.SourceAddr.(*net.TCPAddr); ok && !header.Command.IsLocal() {
			c.remote = addr
		}
	})
	return !c.failed
}

// RemoteAddr returns the address of the client.
func (c *proxyConn) RemoteAddr() net.Addr {
	c.header()
	return c.remote
}

// Read implements [net.Conn]. A connection without a good header is at its end.
func (c *proxyConn) Read(p []byte) (int, error) {
	if !c.header() {
		return 0, io.EOF
	}
	return c.inner.Read(p)
}

// Write implements [net.Conn].
func (c *proxyConn) Write(p []byte) (int, error) {
	if !c.header() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// SetDeadline implements [net.Conn].
func (c *proxyConn) SetDeadline(t time.Time) error { return c.inner.SetDeadline(t) }

// SetReadDeadline implements [net.Conn].
func (c *proxyConn) SetReadDeadline(t time.Time) error { return c.inner.SetReadDeadline(t) }

// CloseWrite half-closes the connection. net/http needs it so that a refused
// client can read its answer before the connection is reset.
func (c *proxyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn returns the connection underneath, as [crypto/tls.Conn.NetConn]. The
// header may still be to be read from it.
func (c *proxyConn) NetConn() net.Conn { return c.Conn }
