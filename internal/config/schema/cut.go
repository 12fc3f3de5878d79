package schema

import (
	"fmt"
	"strings"

	"hookaido/internal/config/syntax"
)

// Stmt is one directive as it stands in a file, or a comment.
type Stmt struct {
	// Row is nil for a comment and for what the table doesn't know.
	Row *Directive
	// Words are the name, arguments and options as written; Args and Options
	// point into the same text.
	Words   []syntax.Token
	Args    []syntax.Token
	Options []Option
	// Body is the block in braces, nil for none; Inner is what the table says
	// about it, nil for nothing.
	Body    *syntax.Block
	Inner   *Block
	Comment *syntax.Token
	// Bad is set if a diagnostic was given for the statement.
	Bad bool

	lacksBlock  bool
	end         string // a semicolon after it: "", ";" or " ;"
	start, stop syntax.Pos
}

// Option is a keyword and its value.
type Option struct {
	Arg        Arg
	Key, Value syntax.Token
}

// Head returns the place of the directive's name.
func (s *Stmt) Head() syntax.Span {
	if len(s.Words) == 0 {
		return syntax.Span{Start: s.start, End: s.start}
	}
	return s.Words[0].Span
}

// Cut cuts the items of a block into directives. It loses nothing: what it
// doesn't know becomes a statement without a row, one per source line.
func (b *Block) Cut(block *syntax.Block) ([]Stmt, []syntax.Diagnostic) {
	c := &cutter{block: b, items: block.Items}
	for c.i < len(c.items) {
		switch item := c.items[c.i]; {
		case item.Block != nil:
			c.orphan(item)
		case item.Token.Kind == syntax.Comment:
			c.i++
			c.out = append(c.out, Stmt{Comment: &item.Token, start: item.Start(), stop: item.End()})
		case item.Token.Kind == syntax.Semi:
			c.semi(item)
		default:
			c.directive()
		}
	}
	return c.out, c.diags
}

type cutter struct {
	block *Block
	items []syntax.Item
	i     int
	out   []Stmt
	diags []syntax.Diagnostic
}

// peek returns the next item, if it is a value.
func (c *cutter) peek() (syntax.Token, bool) {
	if c.i < len(c.items) && c.items[c.i].Block == nil && c.items[c.i].Token.IsValue() {
		return c.items[c.i].Token, true
	}
	return syntax.Token{}, false
}

func (c *cutter) semi(item syntax.Item) {
	c.i++
	if len(c.out) == 0 {
		return
	}
	last := &c.out[len(c.out)-1]
	if last.Comment != nil {
		return
	}
	last.stop = item.End()
	if last.end == "" {
		last.end = " ;"
		if item.Token.Glued {
			last.end = ";"
		}
	}
}

// orphan is a block that no directive takes.
func (c *cutter) orphan(item syntax.Item) {
	c.i++
	if n := len(c.out); n < 2 || c.out[n-1].Comment == nil || !c.out[n-2].lacksBlock {
		c.orphanFault(item)
	}
	c.out = append(c.out, Stmt{Body: item.Block, Bad: true, start: item.Start(), stop: item.End()})
}

func (c *cutter) orphanFault(item syntax.Item) {
	c.diag(CodeBlock, item.Token.Span, `write the name of a directive before "{", on the same line and without a comment between`,
		`this block has no directive`)
}

func (c *cutter) directive() {
	first := c.items[c.i].Token
	row, words := c.find(first)
	if row == nil {
		c.unknown(first)
		return
	}
	s := Stmt{Row: row, start: first.Span.Start}
	for range words {
		s.Words = append(s.Words, c.items[c.i].Token)
		c.i++
	}
	c.args(&s)
	c.options(&s)
	c.body(&s)
	s.stop = c.items[c.i-1].End()
	c.out = append(c.out, s)
}

// find returns the row of a statement and the number of words of its name.
func (c *cutter) find(first syntax.Token) (*Directive, int) {
	b := c.block
	switch {
	case b.Any != nil:
		return b.Any, 0
	case b.Route != nil && (first.Kind == syntax.Quoted || strings.HasPrefix(first.Text, "/")):
		return b.Route, 0
	case first.Kind == syntax.Quoted:
		return nil, 0
	case b.Matcher != nil && strings.HasPrefix(first.Text, "@"):
		return b.Matcher, 0
	}
	for _, row := range b.starting(first.Text) {
		if n, ok := c.named(row); ok {
			return row, n
		}
	}
	return nil, 0
}

// named reports whether the next words are the row's name, and how many.
func (c *cutter) named(row *Directive) (int, bool) {
	n := 0
	for word := range strings.SplitSeq(row.Name, " ") {
		if c.i+n >= len(c.items) || c.items[c.i+n].Block != nil || !c.items[c.i+n].Token.IsBare(word) {
			return 0, false
		}
		n++
	}
	return n, true
}

func (c *cutter) atBlock() bool { return c.i < len(c.items) && c.items[c.i].Block != nil }

func (c *cutter) args(s *Stmt) {
	row := s.Row
	if c.atBlock() && (row.Form == Either || row.Form == Both || row.Form == Channel) {
		return
	}
	for first := true; ; first = false {
		if !first {
			tok, ok := c.peek()
			if !ok || !row.List || tok.Kind == syntax.Word && len(c.block.starting(tok.Text)) > 0 {
				return
			}
		}
		for _, arg := range row.Args {
			if next, ok := c.peek(); arg.Optional && (!ok || next.Kind != syntax.Quoted) {
				continue
			}
			tok, ok := c.value(arg.Kind)
			if !ok {
				c.missing(s, arg)
				return
			}
			s.Words = append(s.Words, tok)
			s.Args = append(s.Args, tok)
		}
	}
}

// value takes the next value. In free text a semicolon at the end of a bare
// word is part of the word.
func (c *cutter) value(kind Kind) (syntax.Token, bool) {
	tok, ok := c.peek()
	if !ok || c.nextDirective(tok, kind) {
		return tok, false
	}
	c.i++
	if tok.Kind != syntax.Word || !kind.Free && (!kind.Secret || !strings.HasPrefix(tok.Text, "raw:")) {
		return tok, true
	}
	for c.i < len(c.items) && c.items[c.i].Token.Kind == syntax.Semi && c.items[c.i].Token.Glued {
		tok.Raw += ";"
		tok.Text += ";"
		tok.Span.End = c.items[c.i].End()
		c.i++
	}
	if strings.HasSuffix(tok.Raw, ";") {
		c.warn(CodeSemicolon, tok.Span, `to end the directive, put a space before ";"; to keep it, quote the value`,
			`";" is taken as a part of this value`)
	}
	return tok, true
}

// nextDirective reports whether a word that stands on a line of its own is
// rather the next directive than a value: it has the name of one, and is no
// value of the kind.
func (c *cutter) nextDirective(tok syntax.Token, kind Kind) bool {
	if c.i == 0 || tok.Kind != syntax.Word || tok.Span.Start.Line == c.items[c.i-1].End().Line ||
		len(c.block.starting(tok.Text)) == 0 {
		return false
	}
	if kind.Secret && !kind.Text {
		return !strings.Contains(tok.Text, ":")
	}
	if kind.Parse == nil {
		return false
	}
	_, problem := kind.Parse(tok.Text)
	return problem != nil && !problem.Warning
}

func (c *cutter) options(s *Stmt) {
	for !s.Bad {
		tok, ok := c.peek()
		if !ok || tok.Kind != syntax.Word {
			return
		}
		opt, known := s.Row.option(tok.Text)
		if !known {
			return
		}
		c.i++
		s.Words = append(s.Words, tok)
		value, ok := c.value(opt.Kind)
		if !ok {
			c.missing(s, Arg{Name: "a value after " + opt.Name, Kind: opt.Kind})
			return
		}
		s.Words = append(s.Words, value)
		s.Options = append(s.Options, Option{opt, tok, value})
	}
}

func (d *Directive) option(name string) (Arg, bool) {
	for _, opt := range d.Options {
		if opt.Name == name {
			return opt, true
		}
	}
	return Arg{}, false
}

func (c *cutter) body(s *Stmt) {
	row := s.Row
	if c.atBlock() {
		s.Body = c.items[c.i].Block
		s.Inner = row.Block
		if row.Alone != nil && len(s.Args) == 0 {
			s.Inner = row.Alone
		}
		if !s.Bad && (row.Form == Args || row.Form == Either && len(s.Args) > 0) {
			s.Bad = true
			c.diag(CodeBlock, c.items[c.i].Token.Span, usageHint(row), fmt.Sprintf("%s takes no block here", s.title()))
		}
		c.i++
		return
	}
	if !s.Bad && (row.Form == Braces || row.Form == Channel) {
		s.Bad, s.lacksBlock = true, true
		hint := usageHint(row)
		if c.i < len(c.items) && c.items[c.i].Token.Kind == syntax.Comment {
			hint = `a comment can't stand before "{"`
		}
		c.diag(CodeMissingBlock, s.span(), hint, fmt.Sprintf(`a "{" is missing after %s`, s.title()))
	}
}

// span covers the words of the statement.
func (s *Stmt) span() syntax.Span {
	span := s.Words[0].Span
	if last := s.Words[len(s.Words)-1].Span.End; last.Line == span.Start.Line {
		span.End = last
	}
	return span
}

// title names the statement in messages: its directive, or its path.
func (s *Stmt) title() string {
	if strings.HasPrefix(s.Row.Name, "<") {
		return quote(s.Words[0].Text)
	}
	return quote(s.Row.Name)
}
