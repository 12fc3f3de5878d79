package schema

import "hookaido/internal/config/syntax"

// Cutter returns the cutter that the formatter needs for the block. For a nil
// block it goes by source lines.
func (b *Block) Cutter() syntax.Cutter {
	if b == nil {
		b = &Block{Title: "an unknown block", Name: "unknown"}
	}
	return func(block *syntax.Block) []syntax.Line {
		stmts, _ := b.Cut(block)
		lines := make([]syntax.Line, len(stmts))
		for i := range stmts {
			s := &stmts[i]
			lines[i] = syntax.Line{Words: s.Words, Comment: s.Comment, Start: s.start, Stop: s.stop}
			if s.Body != nil {
				lines[i].Body, lines[i].Inner = s.Body, s.Inner.Cutter()
			}
			if keepsSemicolon(stmts, i) {
				lines[i].End = s.end
			}
		}
		return lines
	}
}

// keepsSemicolon reports whether the semicolon after a statement must stay,
// because without it the statement would take what follows, or because the
// table doesn't know the statement.
func keepsSemicolon(stmts []Stmt, i int) bool {
	if stmts[i].end == "" || stmts[i].Body != nil {
		return false
	}
	if stmts[i].Bad {
		return true
	}
	return i+1 < len(stmts) && stmts[i+1].Comment == nil && stmts[i+1].Row == nil
}
