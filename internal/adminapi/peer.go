package adminapi

import (
	"context"
	"net"
	"net/http"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a Unix socket when it connected.
type peer struct {
	uid uint32
	pid int32
}

type peerKey struct{}

// ConnContext adds the peer of a Unix connection to its context. It belongs
// into the ConnContext of the server; without it nothing can be changed over
// the socket.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if who, ok := peerOfConn(c); ok {
		return context.WithValue(ctx, peerKey{}, who)
	}
	return ctx
}

func peerOf(r *http.Request) (peer, bool) {
	who, ok := r.Context().Value(peerKey{}).(peer)
	return who, ok
}

// peerOfConn asks the kernel (SO_PEERCRED, unix(7)), through the wrappers that
// our listeners put around a connection.
func peerOfConn(c net.Conn) (peer, bool) {
	for {
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = wrapper.NetConn()
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return peer{}, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return peer{}, false
	}
	return peer{uid: cred.Uid, pid: cred.Pid}, true
}
