package syntax

// File is a parsed file.
type File struct {
	Name string
	// Root has the items at top level; it has no braces of its own.
	Root *Block
	// Broken is set if braces or quotes don't match, so that the blocks are
	// not what the author meant.
	Broken bool
	// End is the place just after the last character.
	End Pos

	src string
}

// Block is what stands between two braces.
type Block struct {
	Open, Close Token
	Items       []Item
}

// Item is one piece of a block: a token that is a word, string, comment or
// semicolon, or a nested block.
type Item struct {
	Token Token
	Block *Block // set for a nested block; Token is its opening brace then
}

// Start returns where the item begins.
func (it Item) Start() Pos { return it.Token.Span.Start }

// End returns the place just after the item.
func (it Item) End() Pos {
	if it.Block != nil {
		return it.Block.Close.Span.End
	}
	return it.Token.Span.End
}
