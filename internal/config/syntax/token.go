package syntax

// Limits of a file. Longer or deeper input is refused with a position.
const (
	// MaxFile bounds a file, in bytes.
	MaxFile = 16 << 20
	// MaxToken bounds one word or quoted string, in bytes.
	MaxToken = 8 << 10
	// MaxDepth bounds the nesting of blocks.
	MaxDepth = 64
)

// Pos is a place in a file. Line and Column start at 1; Column counts
// characters. The zero Pos is no place.
type Pos struct{ Line, Column int }

// Before reports whether p stands before q.
func (p Pos) Before(q Pos) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// Span is a piece of text; End is just after its last character.
type Span struct{ Start, End Pos }

// Kind is the kind of a token.
type Kind int

// The kinds of tokens.
const (
	EOF     Kind = iota
	Word         // a bare word, placeholders included
	Quoted       // a string in double quotes
	Comment      // from # to the end of the line
	Open         // {
	Close        // }
	Semi         // ; on its own or at the end of a bare word
)

// Token is one piece of a file.
type Token struct {
	Kind Kind
	// Raw is the text as typed; Text the value that it stands for.
	Raw, Text string
	Span      Span
	// Glued is set for a semicolon that follows a bare word without a space, and
	// for a comment that follows anything so.
	Glued bool
	// Bad is set if the token was refused; its value means nothing then.
	Bad bool
}

// IsValue reports whether the token can be a directive's name or argument.
func (t Token) IsValue() bool { return t.Kind == Word || t.Kind == Quoted }

// IsBare reports whether the token is the bare word text.
func (t Token) IsBare(text string) bool { return t.Kind == Word && t.Text == text }
