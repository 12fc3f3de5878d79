package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"hookaido/internal/config/syntax"
)

// The codes of statements that don't fit. They are stable.
const (
	CodeUnknown      = "unknown-directive"
	CodeUnexpected   = "unexpected-value"
	CodeMissing      = "missing-value"
	CodeBlock        = "unexpected-block"
	CodeMissingBlock = "missing-block"
	CodeSemicolon    = "semicolon-in-value"
)

func quote(text string) string {
	if len(text) > 60 {
		text = text[:40] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD"))
}

func (c *cutter) diag(code string, span syntax.Span, hint, message string) {
	c.diags = append(c.diags, syntax.Diagnostic{Code: code, Span: span, Hint: hint, Message: message})
}

func (c *cutter) warn(code string, span syntax.Span, hint, message string) {
	c.diags = append(c.diags, syntax.Diagnostic{Severity: syntax.Warning, Code: code, Span: span, Hint: hint, Message: message})
}

func (c *cutter) missing(s *Stmt, arg Arg) {
	s.Bad = true
	if len(s.Words) == 0 {
		return
	}
	hint := usageHint(s.Row)
	if c.i < len(c.items) && c.items[c.i].Token.Kind == syntax.Comment {
		hint = "a comment can't stand between a directive and its value"
	}
	c.diag(CodeMissing, s.span(), hint, fmt.Sprintf("%s needs %s", s.title(), article(arg)))
}

func article(arg Arg) string {
	if strings.Contains(arg.Name, " ") {
		return arg.Name
	}
	return "a value: " + arg.Name + " is missing"
}

// unknown takes what no row fits: the words up to the end of the line, and a
// block that follows.
func (c *cutter) unknown(first syntax.Token) {
	s := Stmt{Bad: true, start: first.Span.Start}
	if first.Bad {
		s.Bad = true // said already
	} else {
		c.unknownFault(first)
	}
	line := first.Span.Start.Line
	for {
		tok, ok := c.peek()
		if !ok || tok.Span.Start.Line != line {
			break
		}
		s.Words = append(s.Words, tok)
		line = tok.Span.End.Line
		c.i++
	}
	if c.atBlock() {
		s.Body = c.items[c.i].Block
		c.i++
	}
	s.stop = c.items[c.i-1].End()
	c.out = append(c.out, s)
}

func (c *cutter) unknownFault(first syntax.Token) {
	names := c.block.names()
	last := c.previous(first)
	if last != nil {
		for _, opt := range last.Row.Options {
			names = append(names, opt.Name)
		}
	}
	near := ""
	if first.Kind == syntax.Word {
		near = Nearest(first.Text, names)
	}
	subs := c.block.subs(first.Text)
	switch {
	case first.Kind == syntax.Word && len(subs) > 0:
		c.unknownType(first, subs)
	case last != nil && near == "" && c.block.homes[first.Text] == nil:
		c.surplus(first, last)
	case first.Kind == syntax.Quoted:
		c.diag(CodeUnknown, first.Span, "names of directives are written without quotes; "+c.allowed(),
			"a directive was expected, not a quoted text")
	default:
		what := "unknown directive " + quote(first.Text) + " in " + c.block.Title
		if c.block.Name == "" {
			what = "unknown block " + quote(first.Text) + " at the top level"
		}
		c.diag(CodeUnknown, first.Span, c.unknownHint(first.Text, near), what)
	}
}

// previous returns the statement just before, if it ended on the line of tok
// and without a semicolon, so that tok may be meant as one more value of it.
func (c *cutter) previous(tok syntax.Token) *Stmt {
	if len(c.out) == 0 {
		return nil
	}
	last := &c.out[len(c.out)-1]
	if last.Row == nil || last.Body != nil || last.end != "" || last.stop.Line != tok.Span.Start.Line {
		return nil
	}
	return last
}

func (c *cutter) surplus(tok syntax.Token, last *Stmt) {
	last.Bad = true
	shown := quote(tok.Text)
	for _, arg := range last.Row.Args {
		if arg.Kind.Secret {
			shown = "text"
		}
	}
	hint := usageHint(last.Row)
	switch before := last.Words[len(last.Words)-1]; {
	case joins(last, before.Text+tok.Text):
		hint = fmt.Sprintf("did you mean %s %s?", last.Row.Name, before.Text+tok.Text)
	case tok.Span.Start == before.Span.End:
		hint = "if the two belong together, quote them as one value"
	case last.Row.Form == Args:
		hint += "; a value with spaces is quoted"
	}
	c.diag(CodeUnexpected, tok.Span, hint, fmt.Sprintf("unexpected %s after %s", shown, last.title()))
}

// joins reports whether a text is the one value of a statement whose value was
// torn in two, such as a number and its unit.
func joins(s *Stmt, text string) bool {
	if len(s.Args) != 1 || len(s.Row.Args) != 1 || len(s.Options) > 0 || s.Row.List {
		return false
	}
	kind := s.Row.Args[0].Kind
	if kind.Secret || kind.Parse == nil || kind.Name != "size" && kind.Name != "duration" {
		return false
	}
	_, problem := kind.Parse(text)
	return problem == nil
}

func (c *cutter) unknownType(first syntax.Token, subs []string) {
	next := c.i + 1
	if next >= len(c.items) || c.items[next].Block != nil || !c.items[next].Token.IsValue() {
		c.diag(CodeMissing, first.Span, "write "+first.Text+" "+orList(subs), fmt.Sprintf("%s needs a type", quote(first.Text)))
		return
	}
	tok := c.items[next].Token
	hint := "write " + first.Text + " " + orList(subs)
	if near := Nearest(tok.Text, subs); near != "" {
		hint = fmt.Sprintf("did you mean %q?", first.Text+" "+near)
	}
	c.diag(CodeUnknown, first.Span, hint, fmt.Sprintf("unknown type of %s in %s", quote(first.Text), c.block.Title))
}

func (c *cutter) unknownHint(word, near string) string {
	switch {
	case near != "":
		return fmt.Sprintf("did you mean %q?", near)
	case LooksOdd(word):
		return OddHint
	case len(c.block.homes[word]) > 0:
		return fmt.Sprintf("%q belongs in %s", word, orList(uniq(c.block.homes[word])))
	case c.block.Name == "" && strings.HasPrefix(word, "{"):
		return `a path that begins with a placeholder is quoted: "` + word + `" { ... }`
	}
	return c.allowed()
}

// OddHint is what to do about a text that [LooksOdd].
const OddHint = "a character in it looks like a space or a quote but is another one; type it again"

// LooksOdd reports whether a text has characters that editors and web pages
// put in place of spaces and quotes.
func LooksOdd(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return r > unicode.MaxASCII && (unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Pi, unicode.Pf))
	}) >= 0
}

func usageHint(row *Directive) string {
	return "write " + row.Usage() + ", such as: " + row.Example
}

func uniq(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func (c *cutter) allowed() string {
	if c.block.Name == "" {
		return `here stand blocks such as ingress, pull_api and defaults, and routes, whose path begins with "/"`
	}
	names := c.block.names()
	if len(names) == 0 {
		return `only routes, whose path begins with "/", stand here`
	}
	return "allowed here: " + strings.Join(names, ", ")
}

// names returns the first words of the names of all rows, each once.
func (b *Block) names() []string {
	var names []string
	for _, row := range b.Rows {
		if first, _, _ := strings.Cut(row.Name, " "); !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	return names
}

// subs returns the second words of rows whose names begin with first, if all
// of these names have several words.
func (b *Block) subs(first string) []string {
	var subs []string
	for _, row := range b.starting(first) {
		_, rest, found := strings.Cut(row.Name, " ")
		if !found {
			return nil
		}
		rest, _, _ = strings.Cut(rest, " ")
		if !slices.Contains(subs, rest) {
			subs = append(subs, rest)
		}
	}
	slices.Sort(subs)
	return subs
}
