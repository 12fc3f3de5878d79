package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/config"
	"hookaido/internal/observe"
	"hookaido/internal/systemd"
)

// endpoint is a server's name and the listeners it serves.
type endpoint struct {
	name      string
	listeners []net.Listener
	inherited int // how many of them, the first ones, systemd passed
}

func (e *endpoint) addresses() []string {
	var all []string
	for _, l := range e.listeners {
		all = append(all, addressOf(l))
	}
	return all
}

func addressOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}

// listeners opens what the daemon serves. What systemd passes under a name is
// used as it is; for a name without sockets we bind what the Hookaidofile says.
type listeners struct {
	sockets *systemd.Sockets
	logger  *zap.Logger
	open    []net.Listener // to close if a later one fails
}

// take returns the endpoint of a name, or binds address if systemd passed none.
// An empty address binds nothing.
func (ls *listeners) take(ctx context.Context, name, address string) (*endpoint, error) {
	e := &endpoint{name: name, listeners: ls.sockets.Take(name)}
	e.inherited = len(e.listeners)
	switch {
	case e.inherited > 0:
		ls.warnOfDifference(e, address)
	case address != "":
		l, err := systemd.BindTCP(ctx, address)
		if err != nil {
			return nil, failure(ExitUnavailable, "%s: %w", name, err)
		}
		e.listeners = append(e.listeners, l)
	}
	ls.open = append(ls.open, e.listeners...)
	return e, nil
}

// addUnix gives the admin endpoint its Unix socket unless systemd passed one.
func (ls *listeners) addUnix(ctx context.Context, e *endpoint, opts Options) error {
	for _, l := range e.listeners {
		if l.Addr().Network() == "unix" {
			return nil
		}
	}
	if !opts.SocketRequired {
		// the default place is beside the database, which comes later; if the
		// folder can't be made, binding says so
		_ = os.MkdirAll(filepath.Dir(opts.SocketPath), 0o700)
	}
	l, err := systemd.BindUnix(ctx, systemd.UnixSocket{Path: opts.SocketPath, Mode: 0o660})
	var bind *systemd.BindError
	switch {
	case err == nil:
		e.listeners = append(e.listeners, l)
		ls.open = append(ls.open, l)
		return nil
	case opts.SocketRequired || !errors.As(err, &bind):
		return failure(ExitUnavailable, "admin socket: %w", err)
	default:
		ls.logger.Warn("admin_socket_unavailable", observe.Err(err),
			zap.String("effect", "hookaido reload and hookaido status can't reach this daemon"))
		return nil
	}
}

func (ls *listeners) closeAll() {
	for _, l := range ls.open {
		_ = l.Close() // a start that failed; there is nothing to save
	}
	ls.sockets.Close()
}

// warnOfDifference tells when the Hookaidofile and the socket unit disagree.
// The socket unit decides, since the socket is open already.
func (ls *listeners) warnOfDifference(e *endpoint, address string) {
	if address == "" {
		return
	}
	for _, l := range e.listeners {
		if sameTarget(l.Addr().String(), address) {
			return
		}
	}
	ls.logger.Warn("listen_differs_from_socket",
		zap.String("name", e.name), zap.String("listen", address), zap.Strings("sockets", e.addresses()),
		zap.String("effect", "the socket unit decides"),
		zap.String("remedy", fmt.Sprintf("systemctl edit hookaido-%s.socket, or change listen in the Hookaidofile", e.name)))
}

// sameTarget reports whether two host:port texts name the same address; all
// wildcards are one.
func sameTarget(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && canonicalHost(hostA) == canonicalHost(hostB)
}

func canonicalHost(host string) string {
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified():
		return ""
	case ip != nil:
		return ip.String()
	case strings.EqualFold(host, "localhost"):
		return "127.0.0.1"
	default:
		return strings.ToLower(host)
	}
}

// openAll opens the endpoints that cfg needs.
func (ls *listeners) openAll(ctx context.Context, cfg *config.Config, opts Options) (*endpoints, error) {
	var es endpoints
	var err error
	pullAddress := ""
	if cfg.HasPull() {
		pullAddress = cfg.PullAPI.Listen.Address
	}
	if es.ingress, err = ls.take(ctx, systemd.Ingress, cfg.Ingress.Listen.Address); err != nil {
		return nil, err
	}
	if es.pull, err = ls.take(ctx, systemd.Pull, pullAddress); err != nil {
		return nil, err
	}
	if es.admin, err = ls.take(ctx, systemd.Admin, cfg.AdminAPI.Listen.Address); err != nil {
		return nil, err
	}
	if err := ls.addUnix(ctx, es.admin, opts); err != nil {
		return nil, err
	}
	es.metrics, err = ls.take(ctx, systemd.Metrics, "")
	return &es, err
}

// endpoints are all that the daemon serves.
type endpoints struct{ ingress, pull, admin, metrics *endpoint }

// inherited reports whether systemd passed any of the listeners.
func (es *endpoints) inherited() bool {
	return es.ingress.inherited+es.pull.inherited+es.admin.inherited+es.metrics.inherited > 0
}
