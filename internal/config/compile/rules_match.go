package compile

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// matcher is a named matcher with the statement that defines it.
type matcher struct {
	stmt  *stmt
	match config.Match
	used  bool
}

// matchers returns the named matchers by their names, and refuses a second one
// of a name. One that has failed is there all the same, so that the routes that
// use it aren't refused too.
func (c *compiler) matchers() map[string]*matcher {
	c.named = map[string]*matcher{}
	for _, s := range c.root.stmts {
		if s.Row == nil || s.Row.Name != "<matcher>" || len(s.Args) == 0 || s.Bad {
			continue
		}
		m := &matcher{stmt: s}
		name := s.Args[0].Text
		if s.elem < len(c.cfg.Matchers) {
			m.match = c.cfg.Matchers[s.elem].Match
		}
		if before := c.named[name]; before != nil {
			c.duplicate(s.Head(), before.stmt.Head(), "the matcher "+quoted(name))
			s.failed = true
			continue
		}
		c.named[name] = m
	}
	return c.named
}

// duplicate reports something that stands in two places.
func (c *compiler) duplicate(here, there syntax.Span, what string) {
	c.errorAt(CodeDuplicate, here, "remove one of them", fmt.Sprintf("%s stands here twice: the first is on line %d", what, there.Start.Line))
	c.relate(there, "here is the first one")
}

// mergeMatchers adds the conditions of the matchers that a route names to its
// own, and says where that lets more requests in rather than fewer.
func (c *compiler) mergeMatchers(b *block, into *config.Match, matchers map[string]*matcher) {
	wide := map[string]syntax.Span{}
	if inline := matchBody(b); inline != nil {
		for _, kind := range []string{"remote_ip", "host", "method"} {
			if s := inline.first(kind); s != nil {
				wide[kind] = s.Head()
			}
		}
	}
	for _, s := range b.all("match") {
		for _, tok := range s.Args {
			m := matchers[tok.Text]
			if m == nil {
				c.unknownMatcher(s, tok)
				continue
			}
			m.used = true
			c.warnWider(tok, m, wide)
			mergeMatch(into, &m.match)
		}
	}
}

// matchBody returns the block of conditions of a route, nil for none.
func matchBody(b *block) *block {
	for _, s := range b.all("match") {
		if s.body != nil {
			return s.body
		}
	}
	return nil
}

func (c *compiler) unknownMatcher(s *stmt, tok syntax.Token) {
	if s.failed {
		return
	}
	s.failed = true
	if c.names.matchers == nil {
		c.names.matchers = slices.Sorted(maps.Keys(c.named))
	}
	hint := fmt.Sprintf("define it: %s { ... }", tok.Text)
	if near := schema.Nearest(tok.Text, c.names.matchers); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	c.errorAt(CodeUnknownMatcher, tok.Span, hint, fmt.Sprintf("the matcher %s is not defined", quoted(tok.Text)))
}

// warnWider warns of the second matcher of a route with conditions that are
// alternatives, since two of them let in what either one does.
func (c *compiler) warnWider(tok syntax.Token, m *matcher, wide map[string]syntax.Span) {
	for _, kind := range []string{"remote_ip", "host", "method"} {
		if m.stmt.body.first(kind) == nil {
			continue
		}
		if before, ok := wide[kind]; ok {
			c.warnAt(CodeWiderMatch, tok.Span, "to narrow it, put all conditions into one matcher and list only what both allow",
				fmt.Sprintf("%s is the second with %s here: both lists are joined, so that more requests match, not fewer", quoted(tok.Text), kind))
			c.relate(before, "the other "+kind+" is here")
			return
		}
		wide[kind] = tok.Span
	}
}

func mergeMatch(into, from *config.Match) {
	into.Methods = append(into.Methods, from.Methods...)
	into.Hosts = append(into.Hosts, from.Hosts...)
	into.RemoteIP = append(into.RemoteIP, from.RemoteIP...)
	into.Headers = append(into.Headers, from.Headers...)
	into.HeaderExists = append(into.HeaderExists, from.HeaderExists...)
	into.Query = append(into.Query, from.Query...)
	into.QueryExists = append(into.QueryExists, from.QueryExists...)
}

func (c *compiler) ruleUnusedMatchers() {
	for _, s := range c.root.stmts {
		if s.Row == nil || s.Row.Name != "<matcher>" || s.failed {
			continue
		}
		if m := c.named[s.Args[0].Text]; m != nil && !m.used {
			c.warnAt(CodeUnused, s.Head(), "use it in a route: match "+s.Args[0].Text+"; or remove it", "no route uses the matcher "+quoted(s.Args[0].Text))
		}
	}
}

// ruleShadowed warns of a route with conditions all of whose requests an
// earlier route takes, because that has fewer or the same conditions. What an
// earlier route without conditions covers is refused by ruleReachable.
func (c *compiler) ruleShadowed() {
	before := map[string]int{}
	for i, b := range c.routes {
		route := &c.cfg.Routes[i]
		if route.Path == "" || b.failed("match") {
			continue
		}
		for parent := route.Path; parent != "/" && !route.Match.Empty(); {
			parent = path.Dir(parent)
			n, ok := before[parent]
			if !ok || !covers(&c.cfg.Routes[n].Match, &route.Match) {
				continue
			}
			c.warnAt(CodeShadowed, b.head, "move the longer path before the shorter one",
				fmt.Sprintf("the route %s is never reached: %s on line %d comes first and takes every request that fits its conditions",
					quoted(route.Path), quoted(parent), c.routes[n].head.Start.Line))
			c.relate(c.routes[n].head, "this route comes first")
			break
		}
		if !route.Match.Empty() && route.Channel == config.Inbound {
			before[route.Path] = i
		}
	}
}

// covers reports whether every request that fits b fits a, as far as can be
// told from the lists.
func covers(a, b *config.Match) bool {
	methods := func(m *config.Match) []string {
		if len(m.Methods) == 0 {
			return []string{"POST"}
		}
		return m.Methods
	}
	return subset(methods(b), methods(a)) &&
		(len(a.Hosts) == 0 || len(b.Hosts) > 0 && subset(b.Hosts, a.Hosts)) &&
		(len(a.RemoteIP) == 0 || len(b.RemoteIP) > 0 && inside(b.RemoteIP, a.RemoteIP)) &&
		subset(a.Headers, b.Headers) && subset(a.HeaderExists, b.HeaderExists) &&
		subset(a.Query, b.Query) && subset(a.QueryExists, b.QueryExists)
}

// subset reports whether all of small is in large.
func subset[T comparable](small, large []T) bool {
	for _, x := range small {
		if !slices.Contains(large, x) {
			return false
		}
	}
	return true
}

// inside reports whether each prefix of small lies in one of large.
func inside(small, large []netip.Prefix) bool {
	for _, p := range small {
		within := slices.ContainsFunc(large, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
		if !within {
			return false
		}
	}
	return true
}

// ruleIgnoreUnmatched refuses an answer for requests that don't fit where every
// request does.
func (c *compiler) ruleIgnoreUnmatched() {
	for _, b := range c.routes {
		if s := b.first("ignore_unmatched"); s != nil && !s.failed && b.first("match") == nil && !b.unknown {
			c.errorAt(CodeMissing, s.Head(), "add conditions such as: match { header X-GitHub-Event push }", "ignore_unmatched needs `match`")
		}
	}
}

// labels of routes.

func (c *compiler) ruleLabels() {
	first := map[string]*stmt{}
	for i, b := range c.routes {
		app, name := b.first("application"), b.first("endpoint_name")
		switch {
		case app == nil && name == nil || b.failed("application", "endpoint_name"):
			continue
		case name == nil:
			c.errorAt(CodeMissing, app.Head(), "add a line such as: endpoint_name orders.v1", "application needs endpoint_name beside it")
			continue
		case app == nil:
			c.errorAt(CodeMissing, name.Head(), "add a line such as: application shop", "endpoint_name needs application beside it")
			continue
		}
		route := &c.cfg.Routes[i]
		key := route.Application + "\x00" + route.EndpointName
		if before := first[key]; before != nil {
			c.duplicate(app.Head(), before.Head(), fmt.Sprintf("the pair of application %s and endpoint_name %s", quoted(route.Application), quoted(route.EndpointName)))
			continue
		}
		first[key] = app
	}
}

// isWord reports whether a statement's directive begins with the word.
func isWord(s *stmt, word string) bool {
	return s.Row != nil && (s.Row.Name == word || strings.HasPrefix(s.Row.Name, word+" "))
}
