package syntax

import "strings"

// Line is one line of formatted text: a directive with its words and block, or
// a comment.
type Line struct {
	Words []Token
	// Body is the directive's block and Inner cuts it; nil for no block.
	Body  *Block
	Inner Cutter
	// Comment is set for a comment, and nothing else then.
	Comment *Token
	// End is a semicolon to keep after the words: "", ";" or " ;".
	End string
	// Start and Stop are where the line begins and ends in the source.
	Start, Stop Pos
}

// Cutter cuts the items of a block into directives and comments, in order and
// without losing one.
type Cutter func(block *Block) []Line

// Format prints a file: two spaces per level, one directive per line, values
// and order as typed, every comment kept, runs of blank lines made one. Its
// result formats to itself.
func Format(file *File, cut Cutter) []byte {
	p := &printer{}
	p.block(file.Root, cut, 0)
	return []byte(p.b.String())
}

type printer struct{ b strings.Builder }

func (p *printer) block(block *Block, cut Cutter, depth int) {
	prev := block.Open.Span.End
	for i, line := range cut(block) {
		same := line.Comment != nil && prev.Line == line.Start.Line && prev.Line > 0
		switch {
		case same:
			p.b.WriteString(" ")
		case i == 0:
			p.newline()
		default:
			p.newline()
			if line.Start.Line > prev.Line+1 {
				p.b.WriteByte('\n')
			}
		}
		if !same {
			p.indent(depth)
		}
		p.line(line, depth)
		prev = line.Stop
	}
	if depth == 0 && p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
}

// newline ends the line before; there is none at the start of the file.
func (p *printer) newline() {
	if p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
}

func (p *printer) indent(depth int) {
	for range depth {
		p.b.WriteString("  ")
	}
}

func (p *printer) line(line Line, depth int) {
	if line.Comment != nil {
		p.b.WriteString(strings.TrimRight(line.Comment.Raw, " \t"))
		return
	}
	for i, word := range line.Words {
		if i > 0 {
			p.b.WriteByte(' ')
		}
		p.b.WriteString(word.Raw)
	}
	p.b.WriteString(line.End)
	if line.Body == nil {
		return
	}
	if len(line.Words) > 0 {
		p.b.WriteByte(' ')
	}
	p.b.WriteByte('{')
	p.block(line.Body, line.Inner, depth+1)
	p.b.WriteByte('\n')
	p.indent(depth)
	p.b.WriteByte('}')
}
