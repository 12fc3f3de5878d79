package compile

import (
	"fmt"

	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// block is a block of the file, cut into directives.
type block struct {
	schema *schema.Block
	head   syntax.Span // what to point at when the block as a whole is meant
	stmts  []*stmt
	// unknown is set if a statement isn't in the table, so that nothing can be
	// said about what is missing.
	unknown bool
}

// stmt is a directive of a block. It has failed if an error was reported for
// it or inside it. It is pending if it, or what is around it, was reported as
// something that this version doesn't run.
type stmt struct {
	schema.Stmt
	body            *block
	failed, pending bool
	elem            int // its place in the list that its field is
}

// value returns where the first argument stands, or else the directive.
func (s *stmt) value() syntax.Span {
	if len(s.Args) > 0 {
		return s.Args[0].Span
	}
	return s.Head()
}

// all returns the statements of the row with the name.
func (b *block) all(name string) []*stmt {
	var list []*stmt
	if b == nil {
		return nil
	}
	for _, s := range b.stmts {
		if s.Row != nil && s.Row.Name == name {
			list = append(list, s)
		}
	}
	return list
}

// first returns the first statement of the row with the name, nil for none.
func (b *block) first(name string) *stmt {
	if b == nil {
		return nil
	}
	for _, s := range b.stmts {
		if s.Row != nil && s.Row.Name == name {
			return s
		}
	}
	return nil
}

// place returns where the value of the directive stands, or the head of the
// block if it isn't written.
func (b *block) place(name string) syntax.Span {
	if s := b.first(name); s != nil {
		return s.value()
	}
	return b.head
}

// sub returns the block of the first directive with the name, nil for none.
func (b *block) sub(name string) *block {
	if s := b.first(name); s != nil {
		return s.body
	}
	return nil
}

// failed reports whether one of the directives with the name has failed, or
// something that may have been meant as one.
func (b *block) failed(names ...string) bool {
	if b == nil {
		return false
	}
	for _, name := range names {
		for _, s := range b.all(name) {
			if s.failed {
				return true
			}
		}
	}
	return b.unknown
}

// mode says what need not be reported of a block, because something around it
// was: quiet, that it is incomplete, pending, that this version doesn't run it.
type mode struct{ quiet, pending bool }

// build cuts a block and all blocks inside it.
func (c *compiler) build(table *schema.Block, body *syntax.Block, head syntax.Span, in mode) *block {
	b := &block{schema: table, head: head}
	stmts, faults := table.Cut(body)
	c.diags = append(c.diags, faults...)
	seen := map[*schema.Directive]*stmt{}
	bodies := map[*schema.Block]*stmt{}
	var before *stmt
	for i := range stmts {
		s := &stmt{Stmt: stmts[i], failed: stmts[i].Bad}
		if s.Comment != nil {
			continue
		}
		c.masks.note(s, before)
		before = s
		b.stmts = append(b.stmts, s)
		if s.Row == nil {
			b.unknown = true
			continue
		}
		c.checkRepeat(s, seen, bodies)
		s.pending = in.pending || s.Row.Later
		if s.Row.Later && !in.pending && !s.Bad {
			c.notRunning(s.Head(), title(s))
		}
		if s.Body != nil && s.Inner != nil {
			s.body = c.build(s.Inner, s.Body, s.Head(), mode{in.quiet || s.failed, s.pending})
		}
	}
	if !in.quiet {
		c.checkMissing(b)
	}
	return b
}

// title names a statement in messages.
func title(s *stmt) string {
	if s.Row.Name[0] == '<' {
		return quoted(s.Words[0].Text)
	}
	return quoted(s.Row.Name)
}

// notRunning reports what compiles but isn't run by this version.
func (c *compiler) notRunning(span syntax.Span, what string) {
	d := syntax.Diagnostic{Code: CodeNotRunning, Span: span, Hint: "remove it to start this version, or use a version that runs it",
		Message: what + " compiles, but this version doesn't run it yet"}
	if c.opts.AllowNotRunning {
		d.Severity = syntax.Warning
	}
	c.add(d)
}

// checkRepeat refuses a directive that stands there already, and a second
// block of directives that share one.
func (c *compiler) checkRepeat(s *stmt, seen map[*schema.Directive]*stmt, bodies map[*schema.Block]*stmt) {
	before := seen[s.Row]
	if s.Row.Repeat {
		before = nil
	} else if before == nil {
		seen[s.Row] = s
	}
	if s.Row.OneBody && s.Body != nil {
		if before = bodies[s.Row.Block]; before == nil {
			bodies[s.Row.Block] = s
		}
	}
	if before == nil {
		return
	}
	s.failed = true
	hint, what := "remove one of them", title(s)+" stands here twice"
	if s.Row.OneBody {
		hint, what = "put all options into one block", "a second block of "+title(s)
	}
	c.errorAt(CodeDuplicate, s.Head(), hint, fmt.Sprintf("%s: the first is on line %d", what, before.Head().Start.Line))
	c.relate(before.Head(), "here is the first one")
}

func (c *compiler) checkMissing(b *block) {
	for _, row := range b.schema.Rows {
		if b.unknown || b.first(row.Name) != nil {
			continue
		}
		if row.Required {
			c.errorAt(CodeMissing, b.head, "add a line such as: "+row.Example, fmt.Sprintf("%s needs %s", quoted(b.schema.Title), quoted(row.Name)))
		}
		if row.Expected {
			c.warnAt(CodeDefaultUsed, b.head, "add a line such as: "+row.Name+" "+row.Default,
				fmt.Sprintf("%s has no %s; %s is used", quoted(b.schema.Title), quoted(row.Name), row.Default))
		}
	}
}
