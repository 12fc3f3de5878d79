package compile

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
	"hookaido/internal/secret"
)

// hasPull reports whether a route is a pull route, even one with errors.
func (c *compiler) hasPull() bool {
	for _, b := range c.routes {
		if b.first("pull") != nil {
			return true
		}
	}
	return false
}

func (c *compiler) rulePullPaths() {
	first := map[string]int{}
	prefix := c.cfg.PullAPI.Prefix
	for i, b := range c.routes {
		pull := c.cfg.Routes[i].Pull
		if pull == nil || pull.Path == "" {
			continue
		}
		at := b.sub("pull").place("path")
		if prefix != "" && (pull.Path == prefix || strings.HasPrefix(pull.Path, prefix+"/")) {
			rest := strings.TrimPrefix(pull.Path, prefix)
			if rest == "" {
				rest = "/work"
			}
			c.errorAt(CodePullPrefix, at, "the prefix is put in front by itself; write path "+rest,
				fmt.Sprintf("the pull path %s repeats the prefix %s of pull_api", quoted(pull.Path), quoted(prefix)))
		}
		before, taken := first[pull.Path]
		if !taken {
			first[pull.Path] = i
			continue
		}
		there := c.routes[before].sub("pull").place("path")
		c.errorAt(CodeDuplicatePull, at, "give each route a pull path of its own",
			fmt.Sprintf("the pull path %s belongs to the route %s on line %d already", quoted(pull.Path), quoted(c.cfg.Routes[before].Path), there.Start.Line))
		c.relate(there, "here is the first one")
	}
}

func (c *compiler) rulePullAPI() {
	if c.root.first("pull_api") != nil || c.root.unknown {
		return
	}
	for _, b := range c.routes {
		if s := b.first("pull"); s != nil {
			c.errorAt(CodeMissing, s.Head(), "add a block such as: pull_api { auth token env:PULL_TOKEN }", "a route with pull needs the block pull_api")
			return
		}
	}
}

// rulePullTokens requires that every pull route has a token.
func (c *compiler) rulePullTokens() {
	api := c.root.sub("pull_api")
	if api == nil || api.failed("auth token") || len(c.cfg.PullAPI.Tokens) > 0 {
		return
	}
	const hint = "add a line such as: auth token env:PULL_TOKEN"
	if !c.hasPull() {
		if !c.root.unknown && !c.anyFailedRoute() {
			c.errorAt(CodeTokenRequired, api.head, hint+"; or remove the block", "pull_api has no token and no route has pull")
		}
		return
	}
	for i, b := range c.routes {
		pull := b.sub("pull")
		if pull == nil || pull.failed("auth token") || len(pull.all("auth token")) > 0 {
			continue
		}
		c.errorAt(CodeTokenRequired, pull.head, hint+" to pull_api or here",
			fmt.Sprintf("nobody could be refused: neither pull_api nor the route %s has a token", quoted(c.cfg.Routes[i].Path)))
		c.relate(api.head, "pull_api has no token")
	}
}

func (c *compiler) anyFailedRoute() bool {
	for _, s := range c.root.stmts {
		if s.Row != nil && s.Row.Field == "route" && s.failed {
			return true
		}
	}
	return false
}

// ruleRouteTokens refuses a token that a route names twice.
func (c *compiler) ruleRouteTokens() {
	for i, b := range c.routes {
		pull, stmts := c.cfg.Routes[i].Pull, b.sub("pull").all("auth token")
		if pull == nil || b.sub("pull").failed("auth token") {
			continue
		}
		first := map[secret.Ref]*stmt{}
		for n, token := range pull.Tokens {
			before := first[token.Ref]
			if before == nil {
				first[token.Ref] = stmts[n]
				continue
			}
			c.errorAt(CodeDuplicateSecret, stmts[n].value(), "remove one of them", fmt.Sprintf("auth token: %s stands here twice", token.Ref))
			c.relate(before.value(), "here is the first one")
		}
	}
}

func (c *compiler) ruleAdminToken() {
	b := c.root.sub("admin_api")
	if b == nil || b.failed("auth token", "listen") || len(c.cfg.AdminAPI.Tokens) > 0 {
		return
	}
	address := c.cfg.AdminAPI.Listen.Address
	if host, _, err := net.SplitHostPort(address); err == nil && !isLoopback(host) {
		c.errorAt(CodeTokenRequired, b.place("listen"), "add a line such as: auth token env:ADMIN_TOKEN; or listen on 127.0.0.1",
			fmt.Sprintf("admin_api is open to everybody who reaches %s: it needs a token", quoted(address)))
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// ruleListeners refuses two listeners on one address.
func (c *compiler) ruleListeners() {
	type listener struct {
		name, target string
		listen       config.Listen
	}
	all := []listener{{name: "ingress", listen: c.cfg.Ingress.Listen}}
	if c.hasPull() {
		all = append(all, listener{name: "pull_api", listen: c.cfg.PullAPI.Listen})
	}
	all = append(all, listener{name: "admin_api", listen: c.cfg.AdminAPI.Listen})
	for i := range all {
		if c.root.sub(all[i].name).failed("listen") {
			continue
		}
		all[i].target = bindTarget(all[i].listen.Address)
		for _, other := range all[:i] {
			if all[i].target == "" || all[i].target != other.target {
				continue
			}
			here, there := all[i], other
			at, related := c.listenAt(here.name), c.listenAt(there.name)
			if at.Start.Before(related.Start) {
				here, there, at, related = there, here, related, at
			}
			if here.listen.Address == there.listen.Address {
				c.errorAt(schema.CodeLater, at, "give each a port of its own",
					fmt.Sprintf("%s shares the address %s with %s, which is not supported by this version yet", here.name, quoted(here.listen.Address), there.name))
			} else {
				c.errorAt(CodeListenConflict, at, "give each a port of its own",
					fmt.Sprintf("%s on %s and %s on %s want the same port", here.name, quoted(here.listen.Address), there.name, quoted(there.listen.Address)))
			}
			c.relate(related, "the other address is here")
			break
		}
	}
}

func (c *compiler) listenAt(name string) syntax.Span {
	if b := c.root.sub(name); b != nil {
		return b.place("listen")
	}
	return syntax.Span{Start: syntax.Pos{Line: 1, Column: 1}}
}

// bindTarget returns what two addresses have in common if they can't both be
// served, or "" for an address that is never the same twice.
func bindTarget(address string) string {
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
