package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"hookaido/internal/admin"
	"hookaido/internal/config"
	"hookaido/internal/observe"
	"hookaido/internal/systemd"
)

// endpoint is a server's name and the listeners it serves.
type endpoint struct {
	name      string
	listeners []net.Listener
	// private are Unix sockets on which the admin API is alone, in the clear and
	// for whom the permissions of the file let in.
	private []net.Listener
}

func (e *endpoint) addresses() []string {
	var all []string
	for _, l := range e.all() {
		all = append(all, addressOf(l))
	}
	return all
}

func (e *endpoint) all() []net.Listener {
	return append(e.listeners[:len(e.listeners):len(e.listeners)], e.private...)
}

func addressOf(l net.Listener) string {
	if isUnix(l) {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}

func isUnix(l net.Listener) bool { return l.Addr().Network() == "unix" }

// endpoints are all that the daemon serves.
type endpoints struct {
	ingress, pull, admin, metrics *endpoint
	groups                        []group
	inherited                     map[net.Listener]bool // those that systemd passed
}

// group has the servers that share their listeners; most are alone in theirs.
type group []member

// member is a server with what the Hookaidofile says for it.
type member struct {
	*endpoint
	listens []config.Listen
	tls     *config.TLS
}

// addresses describes all listeners as "name address", for the log.
func (es *endpoints) addresses() []string {
	var all []string
	for _, l := range es.list() {
		all = append(all, l.Name+" "+l.Address)
	}
	return all
}

// list describes all listeners for the admin API. A shared one is listed under
// each of its names.
func (es *endpoints) list() []admin.Listener {
	all := []admin.Listener{}
	for _, e := range []*endpoint{es.ingress, es.pull, es.admin, es.metrics} {
		for _, l := range e.all() {
			source := admin.Bound
			if es.inherited[l] {
				source = admin.Inherited
			}
			all = append(all, admin.Listener{Name: e.name, Address: addressOf(l), Source: source})
		}
	}
	return all
}

// listeners opens what the daemon serves. What systemd passes under a name is
// used as it is; for a name without sockets we bind what the Hookaidofile says.
type listeners struct {
	sockets *systemd.Sockets
	logger  *zap.Logger
	es      *endpoints
	open    []net.Listener // to close if a later one fails
}

// openAll opens the endpoints that cfg needs.
func (ls *listeners) openAll(ctx context.Context, cfg *config.Config, opts Options) (*endpoints, error) {
	es := &endpoints{inherited: map[net.Listener]bool{}}
	ls.es = es
	es.ingress, es.pull = ls.inherit(systemd.Ingress), ls.inherit(systemd.Pull)
	es.admin = ls.inherit(systemd.Admin)
	members := []member{{es.ingress, cfg.Ingress.Listens, cfg.Ingress.TLS}, {es.pull, cfg.PullAPI.Listens, cfg.PullAPI.TLS}}
	if !cfg.HasPull() {
		members[1].listens = nil
	}
	members = append(members, member{es.admin, cfg.AdminAPI.Listens, cfg.AdminAPI.TLS})
	es.groups = groupsOf(members)
	for _, g := range es.groups {
		if err := ls.openGroup(ctx, g); err != nil {
			return nil, err
		}
	}
	if err := ls.openMetrics(ctx, cfg.Observability.Metrics); err != nil {
		return nil, err
	}
	return es, ls.addUnix(ctx, es.admin, opts)
}

// inherit makes the endpoint of a name with what systemd passed for it.
func (ls *listeners) inherit(name string) *endpoint {
	e := &endpoint{name: name}
	for _, l := range ls.sockets.Take(name) {
		ls.es.inherited[l] = true
		ls.open = append(ls.open, l)
		if name == systemd.Admin && isUnix(l) {
			e.private = append(e.private, l)
		} else {
			e.listeners = append(e.listeners, l)
		}
	}
	return e
}

// groupsOf puts servers together that want the same addresses. The compiler
// has made sure that such servers have all their addresses in common.
func groupsOf(members []member) []group {
	var groups []group
next:
	for _, m := range members {
		for i, g := range groups {
			if share(g[0].listens, m.listens) {
				groups[i] = append(g, m)
				continue next
			}
		}
		groups = append(groups, group{m})
	}
	return groups
}

// share reports whether two lists have an address in common. Port 0 is another
// port each time.
func share(a, b []config.Listen) bool {
	for _, one := range a {
		for _, other := range b {
			if one.Address == other.Address && !strings.HasSuffix(one.Address, ":0") {
				return true
			}
		}
	}
	return false
}

// openGroup binds the addresses of a group unless systemd passed sockets for
// one of its names. Every name of the group then is on all of its listeners.
func (ls *listeners) openGroup(ctx context.Context, g group) error {
	var inherited []net.Listener
	for _, m := range g {
		inherited = append(inherited, m.listeners...)
	}
	alone := len(g) == 1
	if len(inherited) > 0 || alone && len(g[0].private) > 0 {
		for i := range g {
			ls.warnOfDifference(&g[i])
			g[i].listeners = inherited
		}
		return nil
	}
	for _, listen := range g[0].listens {
		l, err := bind(ctx, listen)
		if err != nil {
			return failure(ExitUnavailable, "%s: %w", g[0].name, err)
		}
		ls.open = append(ls.open, l)
		for _, m := range g {
			if alone && m.name == systemd.Admin && isUnix(l) {
				m.private = append(m.private, l)
			} else {
				m.listeners = append(m.listeners, l)
			}
		}
	}
	return nil
}

// socketMode lets in the owner and the group of a Unix socket of our own.
const socketMode = 0o660

func bind(ctx context.Context, listen config.Listen) (net.Listener, error) {
	if path, unix := listen.Unix(); unix {
		return systemd.BindUnix(ctx, systemd.UnixSocket{Path: path, Mode: socketMode})
	}
	return systemd.BindTCP(ctx, listen.Address)
}

// addUnix gives the admin endpoint its Unix socket, for the commands of an
// operator, unless systemd passed one.
func (ls *listeners) addUnix(ctx context.Context, e *endpoint, opts Options) error {
	for _, l := range e.private {
		if ls.es.inherited[l] || l.Addr().String() == opts.SocketPath {
			return nil
		}
	}
	if !opts.SocketRequired {
		// the default place is beside the database, which comes later; if the
		// folder can't be made, binding says so
		_ = os.MkdirAll(filepath.Dir(opts.SocketPath), 0o700)
	}
	l, err := systemd.BindUnix(ctx, systemd.UnixSocket{Path: opts.SocketPath, Mode: socketMode})
	var bind *systemd.BindError
	switch {
	case err == nil:
		e.private = append(e.private, l)
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

// warnOfDifference tells when the Hookaidofile and the socket units disagree.
// The socket units decide, since the sockets are open already.
func (ls *listeners) warnOfDifference(m *member) {
	var missing []string
	for _, listen := range m.listens {
		if !served(m.all(), listen) {
			missing = append(missing, listen.Address)
		}
	}
	if len(missing) == 0 || len(m.all()) == 0 {
		return
	}
	ls.logger.Warn("listen_differs_from_socket",
		zap.String("name", m.name), zap.Strings("listen", missing), zap.Strings("sockets", m.addresses()),
		zap.String("effect", "the socket unit decides"),
		zap.String("remedy", restartSockets+", unless a drop-in of the socket unit wants it so"))
}

// served reports whether one of the listeners is on an address.
func served(all []net.Listener, listen config.Listen) bool {
	for _, l := range all {
		if path, unix := listen.Unix(); unix && isUnix(l) && l.Addr().String() == path {
			return true
		}
		if sameTarget(l.Addr().String(), listen.Address) {
			return true
		}
	}
	return false
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
