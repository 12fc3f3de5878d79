package compile

import (
	"reflect"
	"slices"
	"strings"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
)

// Node is a directive of a compiled config as it would be written with every
// default spelled out.
type Node struct {
	// Name is the directive; of a route its channel.
	Name string
	// Values are its arguments.
	Values []Value
	// Keyed is set if the first value tells the node from others of its name.
	Keyed bool
	// List is set if there may be several nodes of the name.
	List bool
	// Block has the directives inside. With Inline they stand on the same line
	// as keywords.
	Block  []*Node
	Inline bool
}

// Value is an argument. Text is how it is written, redacted if it is a secret.
type Value struct {
	Key, Text string
	raw       reflect.Value
}

// Meaning returns what a config means, in the order of the table and then the
// routes of the file.
func Meaning(cfg *config.Config) []*Node {
	m := &meaning{fields: fieldIndex{}}
	table := schema.Root()
	root := reflect.ValueOf(cfg).Elem()
	nodes := m.block(table, root)
	if !cfg.HasPull() && len(cfg.PullAPI.Tokens) == 0 {
		nodes = slices.DeleteFunc(nodes, func(n *Node) bool { return n.Name == "pull_api" }) // it isn't served
	}
	for i := range cfg.Matchers {
		inner := m.block(table.Matcher.Block, reflect.ValueOf(&cfg.Matchers[i]).Elem())
		name := Value{Key: "name", Text: cfg.Matchers[i].Name, raw: reflect.ValueOf(cfg.Matchers[i].Name)}
		nodes = append(nodes, &Node{Name: "matcher", Values: []Value{name}, Keyed: true, List: true, Block: inner})
	}
	for i := range cfg.Routes {
		route := reflect.ValueOf(&cfg.Routes[i]).Elem()
		name := m.value("route.path", route.FieldByName("Path"))
		nodes = append(nodes, &Node{Name: string(cfg.Routes[i].Channel), Values: []Value{name}, Keyed: true, List: true,
			Block: m.block(table.Route.Block, route)})
	}
	return nodes
}

// meaning turns fields back into directives.
type meaning struct{ fields fieldIndex }

func (m *meaning) block(b *schema.Block, root reflect.Value) []*Node {
	var nodes []*Node
	seen := map[string]bool{}
	for _, row := range b.Rows {
		if row.Field == "route" || strings.Contains(row.Name, ".") || m.other(row, root) {
			continue
		}
		if row.Field == "" {
			if row.Block == nil {
				continue
			}
			if inner := m.block(row.Block, root); len(inner) > 0 {
				nodes = append(nodes, &Node{Name: row.Name, Block: inner})
			}
			continue
		}
		f, ok := m.fields.get(root, row.Field)
		if !ok || seen[row.Field] && f.Kind() != reflect.Slice {
			continue
		}
		seen[row.Field] = true
		nodes = append(nodes, m.row(row, f)...)
	}
	return nodes
}

// other reports whether a row says nothing about a record, because it goes with
// another choice than the one that was made.
func (m *meaning) other(row *schema.Directive, root reflect.Value) bool {
	switch x := root.Addr().Interface().(type) {
	case *config.Target:
		return x.Sign != nil && strings.HasPrefix(row.Name, "sign ") && otherSigner(row.Name, x.Sign)
	case *config.HMAC:
		ownHeaders := x.Provider == config.Canonical || x.Provider == config.GenericScheme
		switch row.Name {
		case "signature_header", "tolerance":
			return !ownHeaders
		case "timestamp_header", "timestamp_unit":
			return !ownHeaders || x.TimestampHeader == ""
		case "nonce_header":
			return x.Provider != config.Canonical
		}
	case *config.Secret:
		return row.Name == "max_versions" && !x.Runtime
	}
	return false
}

func otherSigner(name string, sign *config.Sign) bool {
	scheme, isSigner := signers()[name]
	switch {
	case isSigner:
		return scheme != sign.Scheme
	case name == "sign secret_selection":
		return len(sign.SecretNames) == 0
	}
	return sign.Scheme != config.SignHMAC
}

func (m *meaning) row(row *schema.Directive, f reflect.Value) []*Node {
	if !m.fields.isRecord(f.Type()) {
		return m.plain(row, f)
	}
	switch f.Kind() {
	case reflect.Pointer:
		if f.IsNil() {
			return nil
		}
		return []*Node{m.record(row, f.Elem())}
	case reflect.Slice:
		var nodes []*Node
		for i := range f.Len() {
			if first, ok := m.fields.get(f.Index(i), row.Args[0].Field); ok && first.IsZero() {
				continue // it belongs to the other row of the field
			}
			node := m.record(row, f.Index(i))
			node.List, node.Keyed = true, true
			nodes = append(nodes, node)
		}
		return nodes
	}
	node := m.record(row, f)
	if len(node.Block) == 0 {
		return nil
	}
	return []*Node{node}
}

// record shows a struct: the arguments that are its fields, and its block or
// options.
func (m *meaning) record(row *schema.Directive, root reflect.Value) *Node {
	node := &Node{Name: row.Name}
	for _, arg := range row.Args {
		if f, ok := m.fields.get(root, arg.Field); ok && !(arg.Optional && f.IsZero()) {
			node.Values = append(node.Values, m.value(arg.Field, f))
		} else if arg.Field == "" && len(arg.Kind.Words) == 1 {
			node.Values = append(node.Values, Value{Text: arg.Kind.Words[0]})
		}
	}
	if row.Block != nil {
		node.Block = m.block(row.Block, root)
		return node
	}
	for _, opt := range row.Options {
		if f, ok := m.fields.get(root, opt.Field); ok && !f.IsZero() {
			node.Inline = true
			node.Block = append(node.Block, &Node{Name: opt.Name, Values: []Value{m.value("", f)}})
		}
	}
	return node
}

// plain shows a value or a list of values.
func (m *meaning) plain(row *schema.Directive, f reflect.Value) []*Node {
	if f.Kind() != reflect.Slice {
		means := row.Default != "" || row.Inherit != ""
		if f.Kind() == reflect.String {
			means = row.Default != "" && row.Name == "prefix"
		}
		if f.IsZero() && !means {
			return nil
		}
		return []*Node{{Name: row.Name, Values: []Value{m.value("", f)}}}
	}
	var nodes []*Node
	for i := range f.Len() {
		value := m.value("", f.Index(i))
		if row.List && i > 0 {
			nodes[0].Values = append(nodes[0].Values, value)
			continue
		}
		nodes = append(nodes, &Node{Name: row.Name, List: true, Values: []Value{value}})
	}
	return nodes
}

func (m *meaning) value(field string, f reflect.Value) Value {
	_, key, _ := strings.Cut(field, ".")
	return Value{Key: key, Text: textOf(f), raw: f}
}
