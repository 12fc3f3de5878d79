package compile

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
)

// listener is one of the three servers that may share an address.
type listener struct {
	name    string
	listens []config.Listen
	prefix  string
	tls     *config.TLS
}

// listeners returns the servers that the config has; the pull API only if a
// route needs it.
func (c *compiler) listeners() []listener {
	in, pull, admin := &c.cfg.Ingress, &c.cfg.PullAPI, &c.cfg.AdminAPI
	all := []listener{{"ingress", in.Listens, "", in.TLS}}
	if c.hasPull() {
		all = append(all, listener{"pull_api", pull.Listens, pull.Prefix, pull.TLS})
	}
	all = append(all, listener{"admin_api", admin.Listens, admin.Prefix, admin.TLS})
	return slices.DeleteFunc(all, func(l listener) bool { return c.root.sub(l.name).failed("listen") })
}

// ruleListeners refuses two listeners on one address, unless all addresses of
// both are the same text: then they share.
func (c *compiler) ruleListeners() {
	all := c.listeners()
	for i, l := range all {
		c.checkOwnAddresses(l)
		for _, other := range all[:i] {
			here, there, clash := clash(l.listens, other.listens)
			switch {
			case !clash:
			case sameAddresses(l.listens, other.listens):
				c.checkShared(other, l)
			default:
				c.conflict(place{l.name, here}, place{other.name, there})
			}
			if clash {
				break // one is enough to say
			}
		}
	}
}

// place is an address of a server.
type place struct {
	name   string
	listen config.Listen
}

// conflict reports that two servers want one address.
func (c *compiler) conflict(a, b place) {
	at, related := c.addressAt(a), c.addressAt(b)
	if at.Start.Before(related.Start) {
		a, b, at, related = b, a, related, at
	}
	message := fmt.Sprintf("%s on %s and %s on %s want the same port", a.name, quoted(a.listen.Address), b.name, quoted(b.listen.Address))
	hint := "give each a port of its own"
	if a.name != b.name && !strings.Contains(a.name, "metrics") && !strings.Contains(a.name, "grpc") {
		hint += "; to share one, write all addresses of both the same way"
	}
	c.errorAt(CodeListenConflict, at, hint, message)
	c.relate(related, "the other address is here")
}

// addressAt returns where an address stands, or its block if it is a default.
func (c *compiler) addressAt(p place) syntax.Span {
	if p.listen.Pos != (config.Pos{}) {
		for _, s := range c.root.sub(p.name).all("listen") {
			if c.pos(s.value()) == p.listen.Pos {
				return s.value()
			}
		}
		return c.wordAt(p.listen.Pos)
	}
	return c.listenAt(p.name)
}

func (c *compiler) listenAt(name string) syntax.Span {
	if b := c.root.sub(name); b != nil {
		return b.place("listen")
	}
	return syntax.Span{Start: syntax.Pos{Line: 1, Column: 1}}
}

// checkOwnAddresses refuses one address twice in a block.
func (c *compiler) checkOwnAddresses(l listener) {
	for i, listen := range l.listens {
		for _, before := range l.listens[:i] {
			if target := bindTarget(listen.Address); target != "" && target == bindTarget(before.Address) {
				c.duplicate(c.addressAt(place{l.name, listen}), c.addressAt(place{l.name, before}), "the address of listen")
			}
		}
	}
}

// clash returns the first two addresses that can't both be served.
func clash(a, b []config.Listen) (one, other config.Listen, found bool) {
	for _, one := range a {
		for _, other := range b {
			if target := bindTarget(one.Address); target != "" && target == bindTarget(other.Address) {
				return one, other, true
			}
		}
	}
	return config.Listen{}, config.Listen{}, false
}

func sameAddresses(a, b []config.Listen) bool {
	texts := func(list []config.Listen) []string {
		var out []string
		for _, l := range list {
			out = append(out, l.Address)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(texts(a), texts(b))
}

// checkShared holds two servers on one address to what tells their requests
// apart.
func (c *compiler) checkShared(a, b listener) {
	at, related := c.listenAt(a.name), c.listenAt(b.name)
	if at.Start.Before(related.Start) {
		at, related = related, at
	}
	fault := func(at syntax.Span, hint, message string) {
		c.errorAt(CodeListenShared, at, hint, fmt.Sprintf("%s and %s share the address %s, but %s", a.name, b.name, quoted(a.listens[0].Address), message))
	}
	for _, l := range []listener{a, b} {
		if l.name != "ingress" && l.prefix == "" {
			fault(c.blockOr(l.name, at), "add a line such as: prefix /_"+strings.TrimSuffix(l.name, "_api"), l.name+" has no prefix")
		}
	}
	if a.name != "ingress" && a.prefix != "" && b.prefix != "" && (under(a.prefix, b.prefix) || under(b.prefix, a.prefix)) {
		fault(c.root.sub(b.name).place("prefix"), "choose prefixes of which none lies in the other",
			fmt.Sprintf("their prefixes %s and %s overlap", quoted(a.prefix), quoted(b.prefix)))
		c.relate(c.root.sub(a.name).place("prefix"), "the other prefix is here")
	}
	if !Equal(a.tls, b.tls) {
		fault(at, "write the same tls block in both", "their tls is not the same")
		c.relate(related, "the other listener is here")
	}
	if a.name == "ingress" {
		c.checkSharedRoutes(b)
	}
}

// blockOr returns the head of a block, or at if it isn't written.
func (c *compiler) blockOr(name string, at syntax.Span) syntax.Span {
	if b := c.root.sub(name); b != nil {
		return b.head
	}
	return at
}

// under reports whether a path is the prefix or lies in it.
func under(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// checkSharedRoutes refuses routes that collide with the prefix of an API on
// the address of the ingress.
func (c *compiler) checkSharedRoutes(api listener) {
	for i, b := range c.routes {
		name := c.cfg.Routes[i].Path
		if name == "" || api.prefix == "" {
			continue
		}
		if name == "/" || under(name, api.prefix) || under(api.prefix, name) {
			c.errorAt(CodeListenShared, b.head, "choose another path or another prefix, or give the API a port of its own",
				fmt.Sprintf("the route %s collides with the prefix %s of %s, which shares the address of ingress", quoted(name), quoted(api.prefix), api.name))
			c.relate(c.root.sub(api.name).place("prefix"), "the prefix is here")
		}
	}
}

// ruleSeparateListeners holds gRPC and metrics to addresses of their own.
func (c *compiler) ruleSeparateListeners() {
	grpc := c.cfg.PullAPI.GRPCListen
	if api := c.root.sub("pull_api"); api != nil && grpc.Address != "" && !api.failed("grpc_listen") {
		if !c.hasPull() && !c.root.unknown {
			c.errorAt(CodeMissing, api.place("grpc_listen"), "add a route with pull, or remove it", "grpc_listen needs a route with pull")
		}
		c.checkSeparate(place{"pull_api grpc_listen", grpc}, nil)
	}
	metrics := c.cfg.Observability.Metrics
	if metrics == nil || !metrics.Enabled || c.root.sub("observability").failed("metrics") {
		return
	}
	at := metrics.Listen
	if at.Pos == (config.Pos{}) {
		at.Pos = c.pos(c.root.sub("observability").first("metrics").Head())
	}
	var others []place
	if grpc.Address != "" {
		others = append(others, place{"pull_api grpc_listen", grpc})
	}
	if !c.hasPull() && c.root.first("pull_api") != nil {
		for _, l := range c.cfg.PullAPI.Listens {
			others = append(others, place{"pull_api", l})
		}
	}
	c.checkSeparate(place{"metrics", at}, others)
}

// checkSeparate refuses an address that another listener has.
func (c *compiler) checkSeparate(p place, others []place) {
	for _, l := range c.listeners() {
		for _, listen := range l.listens {
			others = append(others, place{l.name, listen})
		}
	}
	target := bindTarget(p.listen.Address)
	for _, other := range others {
		if target != "" && target == bindTarget(other.listen.Address) {
			c.conflict(p, other)
			return
		}
	}
}

// ruleClientAuth holds the ways to ask for certificates to what they need.
func (c *compiler) ruleClientAuth() {
	for _, l := range []struct {
		name string
		tls  *config.TLS
	}{{"ingress", c.cfg.Ingress.TLS}, {"pull_api", c.cfg.PullAPI.TLS}, {"admin_api", c.cfg.AdminAPI.TLS}} {
		b := c.root.sub(l.name).sub("tls")
		if l.tls == nil || b == nil || b.failed("client_ca", "client_auth") {
			continue
		}
		switch mode := l.tls.ClientAuth; {
		case mode.Verifies() && l.tls.ClientCA == "":
			c.errorAt(CodeMissing, b.place("client_auth"), "add a line such as: client_ca /etc/hookaido/tls/clients.pem", fmt.Sprintf("client_auth %s needs client_ca", mode))
		case !mode.Verifies() && l.tls.ClientCA != "":
			c.warnAt(CodeUnverified, b.place("client_auth"), "write verify_if_given or require_and_verify, or remove client_ca",
				fmt.Sprintf("with client_auth %s no certificate of a client is verified, in spite of client_ca", mode))
		}
	}
}

// rulePublicPull warns of tokens and messages that go over a network in the
// clear.
func (c *compiler) rulePublicPull() {
	if !c.hasPull() || c.root.first("pull_api") == nil || c.cfg.PullAPI.TLS != nil || c.root.sub("pull_api").failed("listen", "tls") {
		return
	}
	for _, l := range c.cfg.PullAPI.Listens {
		if !isLocal(l) {
			at := c.addressAt(place{"pull_api", l})
			c.warnAt(CodePlainText, at, "add tls { cert_file FILE key_file FILE }, or listen on 127.0.0.1 behind a proxy with TLS",
				fmt.Sprintf("pull_api on %s has no tls: tokens and messages can be read on the way", quoted(l.Address)))
			return
		}
	}
}

// isLocal reports whether only this machine reaches an address.
func isLocal(l config.Listen) bool {
	if _, unix := l.Unix(); unix {
		return true
	}
	host, _, err := net.SplitHostPort(l.Address)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

func (c *compiler) ruleProxyProtocol() {
	b := c.root.sub("ingress")
	s := b.first("proxy_protocol")
	if s == nil || b.failed("proxy_protocol", "trusted_proxies") || !c.cfg.Ingress.ProxyProtocol || len(c.cfg.Ingress.TrustedProxies) > 0 {
		return
	}
	c.errorAt(CodeMissing, s.Head(), "add a line such as: trusted_proxies 10.0.0.5", "proxy_protocol needs trusted_proxies: anybody could claim any address")
}

// bindTarget returns what two addresses have in common if they can't both be
// served, or "" for an address that is never the same twice.
func bindTarget(address string) string {
	if file, unix := strings.CutPrefix(address, "unix:"); unix {
		return "unix:" + path.Clean(file)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Trim(port, "0") == "" {
		return ""
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
		if addr.IsUnspecified() {
			host = ""
		}
	}
	return strings.ToLower(host) + ":" + strings.TrimLeft(port, "0")
}
