package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// BindError says why an address can't be served and what to do about it. It
// wraps the system's error, such as [syscall.EADDRINUSE].
type BindError struct {
	Address string // as configured
	Advice  string
	Err     error
}

// Error implements error.
func (e *BindError) Error() string {
	return fmt.Sprintf("can't listen on %s: %v: %s", e.Address, e.Err, e.Advice)
}

// Unwrap returns the system's error.
func (e *BindError) Unwrap() error { return e.Err }

// BindTCP listens on a host:port of our own, for when systemd passed no socket.
// Without a host it serves IPv4 and IPv6, or only IPv4 where the machine has no
// IPv6. Errors are of type [*BindError].
func BindTCP(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false) // the same kind of socket as from a socket unit
	return bindTCP(ctx, address, lc.Listen)
}

type listenFunc func(ctx context.Context, network, address string) (net.Listener, error)

func bindTCP(ctx context.Context, address string, listen listenFunc) (net.Listener, error) {
	l, err := listen(ctx, "tcp", address)
	if err != nil && noIPv6(err) && strings.HasPrefix(address, ":") {
		l, err = listen(ctx, "tcp4", address)
	}
	if err == nil {
		return l, nil
	}
	return nil, &BindError{Address: address, Advice: tcpAdvice(err), Err: cause(err)}
}

func noIPv6(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// cause takes the parts off an error that repeat the address and the call.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func tcpAdvice(err error) string {
	port := 0
	var op *net.OpError
	if errors.As(err, &op) {
		if a, ok := op.Addr.(*net.TCPAddr); ok {
			port = a.Port
		}
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return inUseAdvice(port)
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need a socket unit (ListenStream=) or CAP_NET_BIND_SERVICE; or choose a port from 1024 on"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no interface of this machine has that address; see ip address"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "this machine has no addresses of that family; use an address of the other one"
	default:
		return "write listen as host:port, such as 127.0.0.1:8080 or :8080"
	}
}

func inUseAdvice(port int) string {
	h, found := holderOf(procFS, port)
	switch {
	case !found:
		return fmt.Sprintf("stop the program that holds the port, or change listen; find it as root with: ss -ltnp 'sport = :%d'", port)
	case h.pid == 1:
		return "systemd holds the port for a socket unit; stop that unit (systemctl list-sockets), or change listen"
	default:
		return fmt.Sprintf("process %d (%s) holds the port; stop it, or change listen", h.pid, h.name)
	}
}
