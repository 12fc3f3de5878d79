// Package route finds the route of a request.
//
// Routes are tried in the order of the Hookaidofile and the first whose every
// condition holds is used, but they are not tried one by one: a tree of path
// segments finds the few whose path is a prefix of the request's, so that the
// cost of a match does not grow with the number of routes.
package route

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// Outcome says what a match came to.
type Outcome uint8

// The outcomes.
const (
	Found       Outcome = iota
	Ignored             // a route has this path and answers what it does not take
	NotFound            // no route takes this
	WrongMethod         // a route would take this, but with another method
	BadPath             // the path could be understood in two ways
)

// Match is the answer of [Table.Match].
type Match struct {
	Outcome Outcome
	// HandshakeOnly says, for Found, that the route takes the request only if it
	// is a handshake. If it turns out to be none, [Table.MatchMessage] tells what
	// to do with it.
	HandshakeOnly bool
	// Index is the place of the route in the list that the table was made of.
	// It is valid for Found and Ignored.
	Index int
	// Path is the decoded path without duplicate and trailing slashes, Raw the
	// path as sent. Path is empty for BadPath.
	Path, Raw string
	// Allow lists the methods of the routes that would take the request but for
	// its method, in their order, for WrongMethod.
	Allow []string
}

// Rule is a route of a table.
type Rule struct {
	Route *config.Route
	// Handshakes are the methods of the handshakes of the route.
	Handshakes []string
}

// Table is a compiled list of routes. It never changes, and is safe for
// concurrent use.
type Table struct {
	root  node // the path "/"
	rules []rule
}

// rule has what a route asks of a request other than its path.
type rule struct {
	methods, handshakes []string
	// bare is set if there are no conditions.
	bare, ignore bool
	conditions   conditions
}

// node is a path. The indexes of its routes ascend.
type node struct {
	routes   []int
	children map[string]*node // by the next segment
}

// New compiles rules, whose order is the order of matching. Their paths are
// clean, as the compiler of the Hookaidofile leaves them. Only inbound routes
// take requests. The table keeps the slices in the rules.
func New(rules []Rule) *Table {
	t := &Table{rules: make([]rule, len(rules))}
	for i := range rules {
		route := rules[i].Route
		if route.Channel == config.Outbound || route.Channel == config.Internal {
			continue
		}
		n := t.root.at(route.Path)
		n.routes = append(n.routes, i)
		t.rules[i] = newRule(route, rules[i].Handshakes)
	}
	return t
}

func newRule(route *config.Route, handshakes []string) rule {
	m := route.Match
	methods := m.Methods
	if len(methods) == 0 {
		methods = []string{http.MethodPost}
	}
	m.Methods = nil
	return rule{
		methods: methods, handshakes: handshakes,
		bare: m.Empty(), ignore: route.IgnoreUnmatched != 0,
		conditions: newConditions(&m),
	}
}

// at returns the node of path, which it makes if need be.
func (n *node) at(path string) *node {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" {
			continue
		}
		child := n.children[segment]
		if child == nil {
			child = &node{}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[segment] = child
		}
		n = child
	}
	return n
}

// Match finds the route of r, which comes from client; the zero Addr is a
// client without an address. From the top, a route takes the request
//
//   - if its method and all conditions fit;
//   - else, if it may be a handshake: the method is one of its handshakes, and
//     host and address fit. Headers and query of a handshake are not those of a
//     message, so they are not asked for;
//   - else, if the route ignores what does not fit, as Ignored, and the method
//     fits. Who sends it is to be authenticated all the same: the answer would
//     tell everybody the conditions otherwise.
func (t *Table) Match(r *http.Request, client netip.Addr) Match {
	return t.match(&probe{Request: r, client: client})
}

// MatchMessage is Match for a request that is no handshake: no route is Found
// for its handshakes.
func (t *Table) MatchMessage(r *http.Request, client netip.Addr) Match {
	return t.match(&probe{Request: r, client: client, plain: true})
}

func (t *Table) match(p *probe) Match {
	m := Match{Outcome: BadPath, Raw: RawPath(p.Request)}
	if p.Method == http.MethodConnect && p.URL.Path == "" {
		// the target is a host to connect to, which is no business of ours
		m.Outcome, m.Allow = WrongMethod, []string{http.MethodPost}
		return m
	}
	path, split, ok := clean(p.Request, m.Raw)
	if !ok {
		return m
	}
	index, how := t.find(path, p)
	if split != path {
		if other, _ := t.find(split, p); other != index {
			return m
		}
	}
	m.Path, m.Index = path, index
	switch how {
	case refuses:
		m.Outcome, m.Allow = t.refused(path, p)
	case ignores:
		m.Outcome = Ignored
	default:
		m.Outcome, m.HandshakeOnly = Found, how == shakesHands
	}
	return m
}

// find returns the index of the first route that does anything with p under
// path, and what it does. The index is -1 if all refuse.
func (t *Table) find(path string, p *probe) (best int, how verdict) {
	best = -1
	for n, rest := &t.root, path; n != nil; n, rest = n.next(rest) {
		for _, i := range n.routes {
			if best >= 0 && i > best {
				break
			}
			if v := t.rules[i].judge(p); v != refuses {
				best, how = i, v
				break
			}
		}
	}
	return best, how
}

// next returns the node of the first segment of rest, which starts with a
// slash, and what follows it. There is no node after the last segment.
func (n *node) next(rest string) (*node, string) {
	if len(rest) < 2 || n.children == nil {
		return nil, ""
	}
	segment := rest[1:]
	end := strings.IndexByte(segment, '/')
	if end < 0 {
		end = len(segment)
	}
	return n.children[segment[:end]], segment[end:]
}

// verdict is what a route does with a request for its path.
type verdict uint8

const (
	refuses verdict = iota
	takes
	shakesHands
	ignores
)

func (c *rule) judge(p *probe) verdict {
	method := slices.Contains(c.methods, p.Method)
	switch {
	case method && (c.bare || c.conditions.hold(p)):
		return takes
	case !p.plain && slices.Contains(c.handshakes, p.Method) && c.conditions.reached(p):
		return shakesHands
	case method && c.ignore:
		return ignores
	}
	return refuses
}

// refused tells why no route takes a request for path.
func (t *Table) refused(path string, p *probe) (Outcome, []string) {
	var candidates []int
	for n, rest := &t.root, path; n != nil; n, rest = n.next(rest) {
		for _, i := range n.routes {
			if c := &t.rules[i]; c.bare || c.conditions.hold(p) {
				candidates = append(candidates, i)
			}
		}
	}
	if len(candidates) == 0 {
		return NotFound, nil
	}
	slices.Sort(candidates)
	var allow []string
	for _, i := range candidates {
		for _, method := range t.rules[i].methods {
			if !slices.Contains(allow, method) {
				allow = append(allow, method)
			}
		}
	}
	return WrongMethod, allow
}
