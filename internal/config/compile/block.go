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
// it or inside it.
type stmt struct {
	schema.Stmt
	body   *block
	failed bool
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
	if list := b.all(name); len(list) > 0 {
		return list[0]
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

// build cuts a block and all blocks inside it. In a quiet block, one that has
// failed as a whole already, only what the table doesn't know is reported.
func (c *compiler) build(table *schema.Block, body *syntax.Block, head syntax.Span, quiet bool) *block {
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
		if s.Row.Later && !quiet {
			s.failed = true
			if !s.Bad {
				c.errorAt(schema.CodeLater, s.Head(), "remove it, or use a version that has it", fmt.Sprintf("%s is not supported by this version yet", title(s)))
			}
		}
		if s.Body != nil && s.Inner != nil {
			s.body = c.build(s.Inner, s.Body, s.Head(), quiet || s.Row.Later || s.failed)
		}
	}
	if !quiet {
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
		if b.unknown || b.first(row.Name) != nil || row.Later {
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
