package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

const varsPrefix = "{vars."

// variable is an entry of the vars block.
type variable struct {
	name  string
	at    syntax.Span // of the name
	value syntax.Token
	text  string // with the variables inside replaced
	err   *fault
	state int // 0 not looked at, 1 being replaced, 2 done
}

// collectVars reads the vars block and reports what is wrong with it.
func (c *compiler) collectVars() {
	c.vars = map[string]*variable{}
	var order []*variable
	for _, s := range c.root.sub("vars").entries() {
		if s.failed || len(s.Args) != 2 {
			continue
		}
		name := s.Args[0]
		v := &variable{at: name.Span, value: s.Args[1]}
		x := c.expand(name, "the name of a variable")
		v.name = x.text
		switch before := c.vars[v.name]; {
		case x.failed:
			continue
		case !isName(v.name):
			c.errorAt(schema.CodeValue, name.Span, "use letters, digits and _, and begin with a letter", fmt.Sprintf("%s is no name for a variable", quoted(v.name)))
			continue
		case before != nil:
			c.duplicate(name.Span, before.at, "the variable "+quoted(v.name))
			continue
		}
		c.vars[v.name] = v
		order = append(order, v)
	}
	for _, v := range order {
		c.checkVar(v)
	}
}

// entries returns the statements of a block, which may be nil.
func (b *block) entries() []*stmt {
	if b == nil {
		return nil
	}
	return b.stmts
}

func (c *compiler) checkVar(v *variable) {
	if v.value.Bad {
		v.err = &fault{known: true}
		return
	}
	c.resolve(v, nil)
	if v.err != nil {
		if !v.err.known {
			c.errorAt(v.err.code, v.value.Span, v.err.hint, fmt.Sprintf("variable %s: %s", quoted(v.name), v.err.message))
			v.err.known = true // the variables that use it share the fault
		}
		return
	}
	x, err := c.outside(v.text)
	if err != nil {
		c.errorAt(err.code, v.value.Span, err.hint, fmt.Sprintf("variable %s: %s", quoted(v.name), err.message))
		v.err = &fault{known: true}
		return
	}
	if hasOutside(v.value.Text) {
		c.warnUnset(x, v.value.Span, "variable "+quoted(v.name))
	}
}

func isName(text string) bool {
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}

// resolve replaces the variables inside a variable. The chain has those that
// led to it.
func (c *compiler) resolve(v *variable, chain []string) {
	if v.state == 2 {
		return
	}
	chain = append(chain, v.name)
	if v.state == 1 {
		start := slices.Index(chain, v.name)
		v.err = &fault{code: CodeVarCycle, message: "variables use each other in a circle: " + strings.Join(chain[start:], " → "),
			hint: "give one of them a fixed text"}
		return
	}
	v.state = 1
	v.text, v.err = c.substitute(v.value.Text, func(name string) (string, *fault) {
		inner, err := c.lookupVar(name)
		if err != nil {
			return "", err
		}
		c.resolve(inner, chain)
		return inner.text, inner.err
	})
	v.state = 2
}

// withVars replaces the variables in a value outside the vars block.
func (c *compiler) withVars(text string) (string, *fault) {
	return c.substitute(text, func(name string) (string, *fault) {
		v, err := c.lookupVar(name)
		if err != nil {
			return "", err
		}
		return v.text, v.err
	})
}

func (c *compiler) lookupVar(name string) (*variable, *fault) {
	if v := c.vars[name]; v != nil {
		return v, nil
	}
	if c.names.vars == nil {
		c.names.vars = slices.Sorted(maps.Keys(c.vars))
	}
	hint := fmt.Sprintf("define it: vars { %s VALUE }", name)
	if near := schema.Nearest(name, c.names.vars); near != "" {
		hint = fmt.Sprintf("did you mean {vars.%s}?", near)
	}
	return nil, &fault{code: CodeUnknownVar, message: fmt.Sprintf("the variable %s is not defined", quoted(name)), hint: hint}
}

func (c *compiler) substitute(text string, value func(name string) (string, *fault)) (string, *fault) {
	var out strings.Builder
	for {
		i := strings.Index(text, varsPrefix)
		if i < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		out.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+len(varsPrefix):], "}")
		if !closed || name == "" {
			return "", &fault{code: CodePlaceholder, message: "a {vars.} without a name or a closing brace", hint: "write {vars.NAME}"}
		}
		piece, err := value(name)
		if err != nil {
			return "", err
		}
		out.WriteString(piece)
		if out.Len() > maxExpanded {
			return "", tooLong()
		}
		text = rest
	}
}
