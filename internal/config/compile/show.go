package compile

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// ShowText writes what a config means as a Hookaidofile with every default
// spelled out and every secret replaced.
func ShowText(nodes []*Node) string {
	var b strings.Builder
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte('\n')
		}
		n.write(&b, 0)
	}
	return b.String()
}

func (n *Node) write(b *strings.Builder, depth int) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString(n.line())
	if n.Block == nil || n.Inline {
		b.WriteByte('\n')
		return
	}
	b.WriteString(" {\n")
	for _, inner := range n.Block {
		inner.write(b, depth+1)
	}
	b.WriteString(strings.Repeat("  ", depth) + "}\n")
}

// line returns the words of a node up to its block.
func (n *Node) line() string {
	words := append([]string{n.Name}, n.texts()...)
	if n.Name == "matcher" {
		words = words[1:]
	}
	if n.Inline {
		for _, inner := range n.Block {
			words = append(words, inner.line())
		}
	}
	return strings.Join(words, " ")
}

func (n *Node) texts() []string {
	var texts []string
	for _, v := range n.Values {
		texts = append(texts, v.Text)
	}
	return texts
}

// ShowJSON writes what a config means as JSON, indented, with the directives as
// keys in the order of the table. Durations and sizes are texts as in a
// Hookaidofile; directives that may stand several times are arrays.
func ShowJSON(nodes []*Node) ([]byte, error) {
	var top, routes []*Node
	for _, n := range nodes {
		if isRoute(n) {
			routes = append(routes, n)
		} else {
			top = append(top, n)
		}
	}
	var all bytes.Buffer
	if err := writeObject(&all, nil, top); err != nil {
		return nil, err
	}
	all.Truncate(all.Len() - 1)
	if all.Len() > 1 {
		all.WriteByte(',')
	}
	all.WriteString(`"routes":[`)
	for i, n := range routes {
		if i > 0 {
			all.WriteByte(',')
		}
		channel := Value{Key: "channel", Text: n.Name}
		if err := writeObject(&all, append([]Value{channel}, n.Values...), n.Block); err != nil {
			return nil, err
		}
	}
	all.WriteString("]}")
	var out bytes.Buffer
	if err := json.Indent(&out, all.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func isRoute(n *Node) bool {
	return n.Name == "inbound" || n.Name == "outbound" || n.Name == "internal"
}

// writeObject writes values and then nodes as one object.
func writeObject(b *bytes.Buffer, values []Value, nodes []*Node) error {
	b.WriteByte('{')
	sep := ""
	key := func(name string) error {
		b.WriteString(sep)
		sep = ","
		return writeJSON(b, strings.ReplaceAll(name, " ", "_"), ":")
	}
	for _, v := range values {
		if v.Key == "" {
			continue
		}
		if err := key(v.Key); err != nil {
			return err
		}
		if err := writeJSON(b, v.json(), ""); err != nil {
			return err
		}
	}
	for i := 0; i < len(nodes); {
		j := i + 1
		for j < len(nodes) && nodes[j].Name == nodes[i].Name {
			j++
		}
		if err := key(nodes[i].Name); err != nil {
			return err
		}
		if err := writeNodes(b, nodes[i:j]); err != nil {
			return err
		}
		i = j
	}
	b.WriteByte('}')
	return nil
}

// writeNodes writes the nodes of one name.
func writeNodes(b *bytes.Buffer, nodes []*Node) error {
	if !nodes[0].List {
		return writeNode(b, nodes[0])
	}
	b.WriteByte('[')
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeNode(b, n); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func writeNode(b *bytes.Buffer, n *Node) error {
	if n.Block != nil || len(n.Values) > 0 && n.Values[0].Key != "" {
		return writeObject(b, n.Values, n.Block)
	}
	for i, v := range n.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeJSON(b, v.json(), ""); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(b *bytes.Buffer, value any, after string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	b.Write(text)
	b.WriteString(after)
	return nil
}

// json returns the value for JSON: truth values and numbers as such, all else
// as text.
func (v Value) json() any {
	if !v.raw.IsValid() {
		return v.Text
	}
	switch x := v.raw.Interface().(type) {
	case bool, float64, int:
		return x
	case time.Duration, int64:
		return v.Text
	}
	if v.raw.Kind() == reflect.String {
		return withoutQuery(v.raw.String())
	}
	return strings.Trim(v.Text, `"`)
}
