package compile

import (
	"fmt"
	"path"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/syntax"
)

// rules has what goes beyond one directive. Each rule looks only at what was
// read without an error, so that one mistake isn't reported twice.
func rules() []func(*compiler) {
	return []func(*compiler){
		(*compiler).ruleSomeRoute,
		(*compiler).ruleChannels,
		(*compiler).ruleTargets,
		(*compiler).ruleDuplicateRoutes,
		(*compiler).ruleReachable,
		(*compiler).ruleShadowed,
		(*compiler).ruleBackends,
		(*compiler).ruleLabels,
		(*compiler).ruleIgnoreUnmatched,
		(*compiler).ruleUnusedMatchers,
		(*compiler).rulePullPaths,
		(*compiler).rulePullAPI,
		(*compiler).rulePullTokens,
		(*compiler).ruleRouteTokens,
		(*compiler).rulePullBounds,
		(*compiler).ruleAdminToken,
		(*compiler).ruleAnyHost,
		(*compiler).ruleListeners,
		(*compiler).ruleSeparateListeners,
		(*compiler).ruleClientAuth,
		(*compiler).rulePublicPull,
		(*compiler).ruleProxyProtocol,
		(*compiler).ruleAuthKinds,
		(*compiler).ruleBasicUsers,
		(*compiler).ruleHMACSecret,
		(*compiler).ruleHMACProvider,
		(*compiler).ruleHMACURL,
		(*compiler).ruleHMACHeaders,
		(*compiler).ruleHMACGeneric,
		(*compiler).ruleHandshakes,
		(*compiler).ruleSecrets,
		(*compiler).ruleSecretNames,
		(*compiler).ruleWindows,
		(*compiler).rulePublishForms,
		(*compiler).ruleRetry,
		(*compiler).ruleDuplicateTargets,
		(*compiler).ruleTargetOptions,
		(*compiler).ruleSign,
		(*compiler).ruleEgress,
		(*compiler).rulePrograms,
		(*compiler).ruleLogPaths,
		(*compiler).ruleMetrics,
		(*compiler).ruleTracing,
		(*compiler).rulePruning,
	}
}

func (c *compiler) ruleSomeRoute() {
	if len(c.routes) > 0 || c.root.unknown {
		return
	}
	for _, s := range c.root.stmts {
		if s.Row.Field == "route" && s.failed {
			return
		}
	}
	c.errorAt(CodeNoRoutes, syntax.Span{Start: c.file.End, End: c.file.End},
		"add one, such as: /webhooks/a { pull { path /a } }", "the config has no routes")
}

func pullExample(route string) string {
	if base := path.Base(route); base != "/" && base != "." && !strings.ContainsAny(base, " \t{}#\"") {
		return "/" + base
	}
	return "/work"
}

func (c *compiler) ruleDuplicateRoutes() {
	first := map[string]*block{}
	for i, b := range c.routes {
		name := c.cfg.Routes[i].Path
		if name == "" {
			continue
		}
		before := first[name]
		if before == nil {
			first[name] = b
			continue
		}
		c.errorAt(CodeDuplicateRoute, b.head, "put both into one route; a route may have several secrets",
			fmt.Sprintf("the route %s stands here twice: the first is on line %d", quoted(name), before.head.Start.Line))
		c.relate(before.head, "here is the first one")
	}
}

// ruleReachable refuses a route that an earlier one without conditions covers.
func (c *compiler) ruleReachable() {
	open := map[string]*block{}
	for i, b := range c.routes {
		name := c.cfg.Routes[i].Path
		if name == "" || open[name] != nil {
			continue
		}
		for parent := name; parent != "/"; {
			parent = path.Dir(parent)
			before := open[parent]
			if before == nil {
				continue
			}
			c.errorAt(CodeUnreachable, b.head, "move the longer path before the shorter one",
				fmt.Sprintf("the route %s can never be reached: %s on line %d comes first and takes all its requests",
					quoted(name), quoted(parent), before.head.Start.Line))
			c.relate(before.head, "this route comes first")
			break
		}
		if c.cfg.Routes[i].Match.Empty() && !b.failed("match") {
			open[name] = b
		}
	}
}

func (c *compiler) ruleBackends() {
	backend := func(i int) (config.Backend, syntax.Span, bool) {
		b := c.routes[i]
		at := b.place("queue")
		if inner := b.sub("queue"); inner != nil {
			at = inner.place("backend")
		}
		return c.cfg.Routes[i].Queue, at, !b.failed("queue")
	}
	for i := 1; i < len(c.routes); i++ {
		first, at, ok := backend(0)
		other, here, ok2 := backend(i)
		if !ok || !ok2 || first == other {
			continue
		}
		c.errorAt(CodeMixedBackends, here, "write the same `queue` in every route; a route without it counts as sqlite",
			fmt.Sprintf("the route %s keeps its messages in %s, the route %s on line %d in %s: all must agree",
				quoted(c.cfg.Routes[i].Path), other, quoted(c.cfg.Routes[0].Path), at.Start.Line, first))
		c.relate(at, "the first route decides here")
		return
	}
}

func (c *compiler) ruleLogPaths() {
	logs := c.root.sub("observability")
	for _, name := range []string{"access_log", "runtime_log"} {
		b := logs.sub(name)
		if b == nil || b.failed("output", "path") {
			continue
		}
		output := c.cfg.Observability.AccessLog.Output
		if name == "runtime_log" {
			output = c.cfg.Observability.RuntimeLog.Output
		}
		switch written := b.first("path") != nil; {
		case output == config.File && !written:
			c.errorAt(CodeMissing, b.place("output"), "add a line such as: path /var/log/hookaido/"+name+".jsonl", fmt.Sprintf("%s: output file needs a path", name))
		case output != config.File && written:
			c.errorAt(CodeExcluded, b.place("path"), "write output file, or remove the path", fmt.Sprintf("%s: a path needs output file", name))
		}
	}
}

func (c *compiler) rulePullBounds() {
	b := c.root.sub("pull_api")
	api := &c.cfg.PullAPI
	for _, pair := range []struct {
		def, limit   string
		crossed      bool
		lower, upper string
	}{
		{"default_lease_ttl", "max_lease_ttl", api.MaxLeaseTTL > 0 && api.DefaultLeaseTTL > api.MaxLeaseTTL,
			api.DefaultLeaseTTL.String(), api.MaxLeaseTTL.String()},
		{"default_max_wait", "max_wait", api.MaxWait > 0 && api.DefaultMaxWait > api.MaxWait,
			api.DefaultMaxWait.String(), api.MaxWait.String()},
	} {
		def, limit := b.first(pair.def), b.first(pair.limit)
		if def == nil || limit == nil || def.failed || limit.failed || !pair.crossed {
			continue
		}
		c.errorAt(CodeLimitsCrossed, def.value(), "lower the default or raise the limit",
			fmt.Sprintf("%s %s is more than %s %s on line %d", pair.def, pair.lower, pair.limit, pair.upper, limit.Head().Start.Line))
		c.relate(limit.value(), "the limit is here")
	}
}
