package compile

import (
	"reflect"
	"slices"
	"strings"

	"hookaido/internal/config"
)

// Difference is one thing that two configs don't have in common.
type Difference struct {
	// Path names it: directives with dots between them, and in front the route.
	Path string `json:"path"`
	// Before and After are the values, redacted; empty for none.
	Before string `json:"before"`
	After  string `json:"after"`
	// Restart is set if a reload is not enough.
	Restart bool `json:"needs_restart"`
}

// String is for people.
func (d Difference) String() string {
	text := d.Path
	switch {
	case d.Before == "":
		text = "+ " + text + added(d.After)
	case d.After == "":
		text = "- " + text + added(d.Before)
	case d.Before == d.After:
		text = "~ " + text + ": " + d.Before + ", with another value"
	default:
		text = "~ " + text + ": " + d.Before + " -> " + d.After
	}
	if d.Restart {
		text += "  (needs a restart)"
	}
	return text
}

// present stands for the value of what has none of its own.
const present = "there"

func added(value string) string {
	if value == present {
		return ""
	}
	return " " + value
}

// Compare returns what differs in the meaning of two configs, in the order of
// [Meaning]. What only moved, or is spelled otherwise, is no difference; the
// order of routes is.
func Compare(before, after *config.Config) []Difference {
	c := &comparison{restart: map[string]bool{}}
	for _, change := range RestartChanges(before, after) {
		c.restart[change.Directive] = true
	}
	a, b := Meaning(before), Meaning(after)
	c.nodes(a, b, "")
	if x, y := routeOrder(a, b), routeOrder(b, a); !slices.Equal(x, y) {
		c.add(Difference{Path: "the order of routes", Before: strings.Join(x, " "), After: strings.Join(y, " ")})
	}
	c.pullRoutes(before.HasPull(), after.HasPull())
	return c.found
}

// pullRoutes says that the first route with pull came, or that the last one
// went.
func (c *comparison) pullRoutes(before, after bool) {
	text := map[bool]string{true: "some", false: "none"}
	if before != after {
		c.add(Difference{Path: "routes with pull", Before: text[before], After: text[after], Restart: true})
	}
}

// routeOrder returns the names of the routes of a that b has too.
func routeOrder(a, b []*Node) []string {
	has := map[string]bool{}
	for _, n := range b {
		has[n.key()] = true
	}
	var names []string
	for _, n := range a {
		if isRoute(n) && has[n.key()] {
			names = append(names, n.Values[0].Text)
		}
	}
	return names
}

type comparison struct {
	restart map[string]bool
	found   []Difference
}

func (c *comparison) add(d Difference) { c.found = append(c.found, d) }

// key tells a node from the others in its block. It may have what label hides.
func (n *Node) key() string { return n.called(Value.identity) }

// label is key for people.
func (n *Node) label() string { return n.called(func(v Value) string { return v.Text }) }

func (n *Node) called(text func(Value) string) string {
	if n.Keyed && len(n.Values) > 0 {
		name := n.Name
		if isRoute(n) {
			name = "route"
		}
		return name + " " + text(n.Values[0])
	}
	return n.Name
}

func (v Value) identity() string {
	if v.raw.IsValid() && v.raw.Kind() == reflect.String {
		return v.raw.String()
	}
	return v.Text
}

// byKey joins plain nodes of one name, and returns all by their keys, in order.
func byKey(nodes []*Node) ([]string, map[string]*Node) {
	var keys []string
	all := map[string]*Node{}
	for _, n := range nodes {
		key := n.key()
		if before := all[key]; before != nil {
			joined := *before
			joined.Values = slices.Concat(before.Values, n.Values)
			all[key] = &joined
			continue
		}
		keys = append(keys, key)
		all[key] = n
	}
	return keys, all
}

// nodes compares two blocks: what both have, then what only one has, each where
// it stands.
func (c *comparison) nodes(before, after []*Node, path string) {
	keys, old := byKey(before)
	newKeys, now := byKey(after)
	for _, key := range keys {
		at := join(path, old[key])
		if now[key] == nil {
			c.add(Difference{Path: at, Before: old[key].value(), Restart: c.needsRestart(at)})
			continue
		}
		c.node(old[key], now[key], at)
	}
	for _, key := range newKeys {
		if old[key] == nil {
			at := join(path, now[key])
			c.add(Difference{Path: at, After: now[key].value(), Restart: c.needsRestart(at)})
		}
	}
}

func join(path string, n *Node) string {
	key := n.label()
	switch {
	case path == "":
		return key
	case n.Keyed || strings.Contains(path, " "):
		return path + " " + key
	}
	return path + "." + key
}

// needsRestart reports whether a path, or something inside it, was found to
// need one.
func (c *comparison) needsRestart(path string) bool {
	if c.restart["route.queue"] && strings.HasSuffix(path, " queue backend") {
		return true
	}
	for name := range c.restart {
		if name == path || strings.HasPrefix(name, path+".") {
			return true
		}
	}
	return false
}

func (c *comparison) node(before, after *Node, path string) {
	skip := 0
	if before.Keyed {
		skip = 1
		if before.Name != after.Name {
			c.add(Difference{Path: path + " channel", Before: before.Name, After: after.Name})
		}
	}
	a, b := before.Values[min(skip, len(before.Values)):], after.Values[min(skip, len(after.Values)):]
	same := slices.EqualFunc(a, b, func(x, y Value) bool {
		if !x.raw.IsValid() || !y.raw.IsValid() || x.raw.Type() != y.raw.Type() {
			return x.Text == y.Text
		}
		return sameValue(x.raw, y.raw)
	})
	if !same {
		c.add(Difference{Path: path, Before: texts(a), After: texts(b), Restart: c.needsRestart(path)})
	}
	c.nodes(before.Block, after.Block, path)
}

func texts(values []Value) string { return strings.Join((&Node{Values: values}).texts(), " ") }

// shownInside is how many directives a block may have to be shown on one line.
const shownInside = 4

// value is what the node says beside its key, with a small block.
func (n *Node) value() string {
	values := n.Values
	if n.Keyed {
		values = values[1:]
	}
	text := texts(values)
	if len(n.Block) > 0 && len(n.Block) <= shownInside {
		var inner []string
		for _, b := range n.Block {
			inner = append(inner, b.line())
		}
		text = strings.TrimSpace(text + " { " + strings.Join(inner, " ") + " }")
	}
	if text == "" {
		return present
	}
	return text
}
