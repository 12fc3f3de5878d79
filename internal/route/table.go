// Package route finds the route of a request.
//
// Routes are tried in the order of the Hookaidofile and the first whose every
// condition holds is used, but they are not tried one by one: a tree of path
// segments finds the few whose path is a prefix of the request's, so that the
// cost of a match does not grow with the number of routes.
package route

import (
	"net/http"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// Outcome says what a match came to.
type Outcome uint8

// The outcomes.
const (
	Found       Outcome = iota
	NotFound            // no route has this path
	WrongMethod         // a route has this path, but for other methods
	BadPath             // the path could be understood in two ways
)

// Match is the answer of [Table.Match].
type Match struct {
	Outcome Outcome
	// Index is the place of the route in the list that the table was made of.
	// It is valid only for Found.
	Index int
	// Path is the decoded path without duplicate and trailing slashes, Raw the
	// path as sent. Path is empty for BadPath.
	Path, Raw string
	// Allow lists the methods of the routes that have this path, in their
	// order, for WrongMethod.
	Allow []string
}

// Table is a compiled list of routes. It never changes, and is safe for
// concurrent use.
type Table struct {
	root  node // the path "/"
	rules []rule
}

// rule has the conditions of a route other than its path.
type rule struct{ methods []string }

func (c rule) allows(r *http.Request) bool { return slices.Contains(c.methods, r.Method) }

// node is a path. The indexes of its routes ascend.
type node struct {
	routes   []int
	children map[string]*node // by the next segment
}

// New compiles routes, whose order is the order of matching. Their paths are
// clean, as the compiler of the Hookaidofile leaves them.
func New(routes []config.Route) *Table {
	t := &Table{rules: make([]rule, len(routes))}
	for i := range routes {
		n := t.root.at(routes[i].Path)
		n.routes = append(n.routes, i)
		t.rules[i] = rule{methods: []string{http.MethodPost}}
	}
	return t
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

// Match finds the route of r.
func (t *Table) Match(r *http.Request) Match {
	m := Match{Outcome: BadPath, Raw: rawPath(r)}
	if r.Method == http.MethodConnect && r.URL.Path == "" {
		// the target is a host to connect to, which is no business of ours
		m.Outcome, m.Allow = WrongMethod, []string{http.MethodPost}
		return m
	}
	path, split, ok := clean(r, m.Raw)
	if !ok {
		return m
	}
	m.Index = t.find(path, r)
	if split != path && t.find(split, r) != m.Index {
		return m
	}
	m.Path = path
	switch {
	case m.Index >= 0:
		m.Outcome = Found
	default:
		m.Outcome, m.Allow = t.refused(path)
	}
	return m
}

// find returns the index of the first route that takes r under path, or -1.
func (t *Table) find(path string, r *http.Request) int {
	best := -1
	for n, rest := &t.root, path; n != nil; n, rest = n.next(rest) {
		for _, i := range n.routes {
			if best >= 0 && i > best {
				break
			}
			if t.rules[i].allows(r) {
				best = i
				break
			}
		}
	}
	return best
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

// refused tells why no route takes a request for path.
func (t *Table) refused(path string) (Outcome, []string) {
	var candidates []int
	for n, rest := &t.root, path; n != nil; n, rest = n.next(rest) {
		candidates = append(candidates, n.routes...)
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
