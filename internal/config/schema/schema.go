// Package schema has the directive table: each directive of the language is
// one row that says where it may stand, what it takes, its default and bounds,
// whether a change needs a restart, what it means, and which field of
// [hookaido/internal/config.Config] it sets.
//
// Everything that knows directives works from the rows: cutting the text into
// directives ([Block.Cut]), reading arguments, defaults, suggestions, the
// formatter, the manual. A new directive is a row here and its field; nothing
// else in the language changes.
//
// [Root] builds the table anew, so that nothing is shared or mutable.
package schema

import (
	"slices"
	"strings"
)

// Form says what follows the name of a directive.
type Form int

// The forms.
const (
	Args      Form = iota // arguments only
	Braces                // the arguments, if it has any, and then a block
	MayBraces             // the arguments and then perhaps a block
	Either                // arguments or a block
	Both                  // arguments, a block, or first the one and then the other
	Channel               // perhaps arguments, and then a block
)

// Arg is one argument.
type Arg struct {
	Name string // in capitals, for usage lines; of an option its keyword
	Kind Kind
	// Field is the tag of the field that it sets, if the row's own Field
	// doesn't take it.
	Field string
	// Default is the text that stands for an option that isn't written.
	Default string
	// Optional is set for a last argument that may be left out; it is always
	// quoted.
	Optional bool
}

// Directive is one row of the table.
type Directive struct {
	// Name is one or more words, such as "listen" or "auth token".
	Name string
	Form Form
	Args []Arg
	// List is set if the arguments may repeat until the next directive.
	List bool
	// Options are keywords with a value that may follow the arguments.
	Options []Arg
	// Block is the block in braces; Alone the one that stands there if no
	// argument does, where that is another.
	Block, Alone *Block
	// Repeat allows the directive several times; OneBody allows only one of
	// them to have a block.
	Repeat, OneBody bool
	// Required is set if the block is not complete without the directive.
	Required bool
	// Short names the directive inside Block that the arguments stand for.
	Short string
	// Default is the text that stands for a directive that isn't written;
	// Inherit the tag of the field that does; DefaultHelp says it in words
	// where the text alone says too little.
	Default, Inherit, DefaultHelp string
	// Expected warns if the directive is missing from a block that is written.
	Expected bool
	// Restart is set if a change takes effect only with a restart.
	Restart bool
	// Later marks a directive that compiles but that this version doesn't run
	// yet.
	Later bool
	// Field is the hk tag of the field that it sets; empty for none.
	Field string
	// Help is one sentence, Example a line that shows the use.
	Help, Example string
}

// Block is what may stand between two braces, or at top level.
type Block struct {
	// Name is the first part of the tags of its fields; Title is what messages
	// call it.
	Name, Title string
	Help        string
	Rows        []*Directive
	// Route is the row of statements that begin with "/" or a quote, Matcher of
	// those that begin with "@", Any of all others; nil where none may stand.
	Route, Matcher, Any *Directive

	homes  map[string][]string     // directive name → titles of the blocks that take it
	firsts map[string][]*Directive // first word of a name → rows, those of [Block.starting]
}

// All returns the rows of the block with those that have no fixed name.
func (b *Block) All() []*Directive {
	all := slices.Clone(b.Rows)
	for _, row := range []*Directive{b.Route, b.Matcher, b.Any} {
		if row != nil {
			all = append(all, row)
		}
	}
	return all
}

// Row returns the row with the name, nil if there is none.
func (b *Block) Row(name string) *Directive {
	for _, row := range b.All() {
		if row.Name == name {
			return row
		}
	}
	return nil
}

// starting returns the rows whose name begins with the word, those with the
// longest name first.
func (b *Block) starting(word string) []*Directive { return b.firsts[word] }

// indexFirsts notes the rows by the first words of their names.
func (b *Block) indexFirsts() {
	b.firsts = map[string][]*Directive{}
	for _, row := range b.Rows {
		first, _, _ := strings.Cut(row.Name, " ")
		b.firsts[first] = append(b.firsts[first], row)
	}
	for _, rows := range b.firsts {
		slices.SortStableFunc(rows, func(a, b *Directive) int {
			return strings.Count(b.Name, " ") - strings.Count(a.Name, " ")
		})
	}
}

// Usage returns how the directive is written, such as "listen ADDRESS".
func (d *Directive) Usage() string {
	var words []string
	if !strings.ContainsAny(d.Name, "<") {
		words = append(words, d.Name)
	}
	for _, arg := range d.Args {
		if arg.Optional {
			words = append(words, "["+arg.Name+"]")
			continue
		}
		words = append(words, arg.Name)
	}
	if d.List {
		words[len(words)-1] += "..."
	}
	for _, opt := range d.Options {
		words = append(words, "["+opt.Name+" "+strings.ToUpper(opt.Kind.Short())+"]")
	}
	args := strings.Join(words, " ")
	switch d.Form {
	case Args:
		return args
	case Either:
		return args + " | " + d.Name + " { ... }"
	case MayBraces:
		return args + " [{ ... }]"
	case Both:
		return args + " [{ ... }] | " + d.Name + " { ... }"
	}
	return args + " { ... }"
}

// Walk calls visit for the block and each block inside it, once each, outer
// ones first.
func Walk(root *Block, visit func(*Block)) {
	seen := map[*Block]bool{}
	var walk func(*Block)
	walk = func(b *Block) {
		if b == nil || seen[b] {
			return
		}
		seen[b] = true
		visit(b)
		for _, row := range b.All() {
			walk(row.Block)
			walk(row.Alone)
		}
	}
	walk(root)
}
