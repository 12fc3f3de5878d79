package httphead

import (
	"crypto/tls"
	"net"
)

// secureConn is a checked connection inside TLS. net/http puts the state of TLS
// into the requests of a connection that can tell it.
type secureConn struct {
	*conn
	state tls.ConnectionState
}

// ConnectionState returns the state of TLS after the handshake.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.state }

// withState returns c, as one inside TLS if that is what is underneath.
func withState(c *conn) net.Conn {
	if inside, ok := c.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return &secureConn{conn: c, state: inside.ConnectionState()}
	}
	return c
}

// checkedConn returns the connection of this package that c is.
func checkedConn(c net.Conn) (*conn, bool) {
	switch c := c.(type) {
	case *conn:
		return c, true
	case *secureConn:
		return c.conn, true
	}
	return nil, false
}
