package compile

import (
	"fmt"
	"slices"
	"strings"

	"hookaido/internal/config/schema"
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

// ruleAdminToken requires a token where others than this machine reach the
// admin API.
func (c *compiler) ruleAdminToken() {
	b := c.root.sub("admin_api")
	if b.failed("auth token", "listen") || len(c.cfg.AdminAPI.Tokens) > 0 {
		return
	}
	const hint = "add a line such as: auth token env:ADMIN_TOKEN; or listen on 127.0.0.1"
	if here, there, found := clash(c.cfg.AdminAPI.Listens, c.cfg.Ingress.Listens); found && here.Address == there.Address {
		c.errorAt(CodeTokenRequired, c.addressAt(place{"admin_api", here}), hint, "admin_api shares its address with ingress: it needs a token")
		return
	}
	for _, listen := range c.cfg.AdminAPI.Listens {
		if !isLocal(listen) {
			c.errorAt(CodeTokenRequired, c.addressAt(place{"admin_api", listen}), hint,
				fmt.Sprintf("admin_api is open to everybody who reaches %s: it needs a token", quoted(listen.Address)))
			return
		}
	}
}

// ruleAnyHost warns where every name is allowed and nothing else is asked for.
func (c *compiler) ruleAnyHost() {
	b := c.root.sub("admin_api")
	if b.failed("auth token", "allowed_hosts") || len(c.cfg.AdminAPI.Tokens) > 0 || !slices.Contains(c.cfg.AdminAPI.AllowedHosts, "*") {
		return
	}
	c.warnAt(schema.CodeRisky, b.place("allowed_hosts"), "list the names that operators use, or add: auth token env:ADMIN_TOKEN",
		"admin_api has no token and answers to every name: a web page that rebinds its name to 127.0.0.1 can use it from a browser on this machine")
}
