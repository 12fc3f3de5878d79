package syntax

import (
	"bytes"
	"fmt"
	"strings"
)

type parser struct {
	lex    lexer
	tok    Token
	broken bool
	// mismatch is the opening brace of the first block whose closing brace is
	// indented unlike the line that opened it: the likely place of a brace that
	// is missing.
	mismatch *Token
	// lineStart is the first token of the line that is being read.
	lineStart Token
	prevLine  int
	// hidden is the first comment that stands against a word and has a brace in
	// it, so that perhaps it wasn't meant as a comment.
	hidden *Token
}

// Parse reads a file. It always returns a tree; the diagnostics say what is
// wrong with the text, at most a few dozen of them.
func Parse(name string, src []byte) (*File, []Diagnostic) {
	file := &File{Name: name, Root: &Block{}, End: Pos{1, 1}}
	if d, bad := unreadable(src); bad {
		file.Broken = true
		d.File = name
		return file, []Diagnostic{d}
	}
	p := &parser{lex: lexer{src: normalise(src), pos: Pos{1, 1}}}
	file.src = p.lex.src
	p.advance()
	for p.tok.Kind != EOF {
		p.items(file.Root, 0)
		if p.tok.Kind == Close {
			p.stray()
			p.advance()
		}
	}
	file.Broken = p.broken
	file.End = p.lex.pos
	for i := range p.lex.faults {
		p.lex.faults[i].File = name
	}
	return file, p.lex.faults
}

// unreadable refuses what isn't a text of ours at all.
func unreadable(src []byte) (Diagnostic, bool) {
	at := Span{Pos{1, 1}, Pos{1, 1}}
	switch {
	case len(src) > MaxFile:
		return Diagnostic{Code: CodeTooLong, Span: at,
			Message: fmt.Sprintf("the file has %d bytes; the limit is %d", len(src), MaxFile),
			Hint:    "is this the right file?"}, true
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return Diagnostic{Code: CodeEncoding, Span: at,
			Message: "the file is UTF-16", Hint: "save it as UTF-8"}, true
	}
	return Diagnostic{}, false
}

func (p *parser) advance() {
	p.tok = p.lex.next()
	if p.lex.flooded() {
		p.broken = true
		p.lex.off = len(p.lex.src)
		p.tok = Token{Kind: EOF, Span: Span{p.lex.pos, p.lex.pos}}
	}
	if p.hidden == nil && p.tok.Kind == Comment && p.tok.Glued && strings.ContainsAny(p.tok.Raw, "{}") {
		hidden := p.tok
		p.hidden = &hidden
	}
	if p.tok.Span.Start.Line != p.prevLine {
		p.lineStart = p.tok
		p.prevLine = p.tok.Span.Start.Line
	}
	p.broken = p.broken || p.lex.unclosed
}

// items reads up to the closing brace of the block or the end of the file.
func (p *parser) items(block *Block, depth int) {
	for p.tok.Kind != EOF && p.tok.Kind != Close {
		if p.tok.Kind != Open {
			block.Items = append(block.Items, Item{Token: p.tok})
			p.advance()
			continue
		}
		if depth == MaxDepth {
			p.tooDeep()
			return
		}
		p.nested(block, depth+1)
	}
}

func (p *parser) nested(parent *Block, depth int) {
	inner := &Block{Open: p.tok}
	first := p.lineStart
	p.advance()
	p.items(inner, depth)
	inner.Close = p.tok
	parent.Items = append(parent.Items, Item{Token: inner.Open, Block: inner})
	if p.tok.Kind == EOF {
		p.unfinished(inner)
		return
	}
	ownLine := p.lineStart.Span == p.tok.Span
	if p.mismatch == nil && ownLine && first.Span.Start.Column != p.tok.Span.Start.Column {
		p.mismatch = &inner.Open
	}
	p.advance()
}

// unfinished says once that a closing brace is missing, and which block is the
// likely one.
func (p *parser) unfinished(block *Block) {
	if p.broken {
		return
	}
	p.broken = true
	if p.hidden != nil {
		p.hiddenBrace()
		return
	}
	open := block.Open
	if p.mismatch != nil {
		open = *p.mismatch
	}
	p.lex.faults = append(p.lex.faults, Diagnostic{
		Code: CodeBrace, Span: Span{p.lex.pos, p.lex.pos},
		Message: `the file ends inside a block: a "}" is missing`,
		Hint:    fmt.Sprintf("close the block that line %d opens", open.Span.Start.Line),
		Related: &Note{Span: open.Span, Message: "this block is not closed"},
	})
}

func (p *parser) hiddenBrace() {
	p.lex.faults = append(p.lex.faults, Diagnostic{
		Code: CodeBrace, Span: Span{p.lex.pos, p.lex.pos},
		Message: `the file ends inside a block: a "}" is missing`,
		Hint:    fmt.Sprintf(`the "#" on line %d begins a comment, which hides a brace; quote a value with "#"`, p.hidden.Span.Start.Line),
		Related: &Note{Span: p.hidden.Span, Message: "all of this is a comment"},
	})
}

func (p *parser) stray() {
	if p.broken {
		return
	}
	p.broken = true
	p.lex.fault(CodeBrace, p.tok.Span, `remove it, or find the "{" that is missing above`,
		`this "}" closes nothing`)
}

func (p *parser) tooDeep() {
	p.broken = true
	p.lex.fault(CodeTooDeep, p.tok.Span, "no directive needs more than a few levels",
		fmt.Sprintf("blocks are nested deeper than %d levels", MaxDepth))
	p.lex.off = len(p.lex.src)
	p.tok = Token{Kind: EOF, Span: p.tok.Span}
}
