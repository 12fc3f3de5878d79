package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Place is a row of the table with the blocks that lead to it.
type Place struct {
	// Path is the names of the blocks, outermost first; empty at top level.
	Path  []string
	Block *Block
	Row   *Directive
	// Later is set if the row, or one that leads to it, is for later versions.
	Later bool
}

// Name returns the directive with its blocks, with dots between.
func (p Place) Name() string { return strings.Join(append(slices.Clone(p.Path), p.Row.Name), ".") }

// Places returns every row of the table, each where it stands first; rows that
// the same block has in several places are there for each place.
func Places(root *Block) []Place {
	var all []Place
	var walk func(b *Block, path []string, later bool)
	walk = func(b *Block, path []string, later bool) {
		for _, row := range b.All() {
			all = append(all, Place{path, b, row, later || row.Later})
			channel := row.Field == "route" && !strings.HasPrefix(row.Name, "<") // its routes are those of <route>
			if row.Block != nil && !channel {
				walk(row.Block, append(slices.Clone(path), strings.Trim(row.Name, "<>")), later || row.Later)
			}
		}
	}
	walk(root, nil, false)
	return all
}

// Find returns the places of a directive that is named alone, such as
// "max_body", or with its blocks, such as "route.max_body".
func Find(root *Block, name string) []Place {
	name = strings.Join(strings.Fields(strings.ToLower(name)), " ")
	var found []Place
	for _, p := range Places(root) {
		if full := strings.Trim(p.Name(), "<>"); full == name || strings.HasSuffix(full, "."+name) || strings.Trim(p.Row.Name, "<>") == name {
			found = append(found, p)
		}
	}
	if len(found) == 0 { // "auth" stands for "auth hmac" and its like
		for _, p := range Places(root) {
			if strings.HasPrefix(p.Row.Name, name+" ") {
				found = append(found, p)
			}
		}
	}
	return found
}

// Names returns what Find takes, sorted and each once.
func Names(root *Block) []string {
	var names []string
	for _, p := range Places(root) {
		names = append(names, strings.Trim(p.Row.Name, "<>"))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// DefaultText returns what holds without the directive, as it is written in
// prose with code in backquotes; empty if there is nothing to say.
func (d *Directive) DefaultText() string {
	switch {
	case d.Default != "":
		return "`" + d.Default + "`"
	case d.Inherit != "":
		block, name, _ := strings.Cut(d.Inherit, ".")
		return fmt.Sprintf("`%s` of `%s`", name, block)
	}
	return d.DefaultHelp
}

// HasRestart reports whether the row itself, and not only what is inside its
// block, needs a restart to change.
func (d *Directive) HasRestart() bool {
	return d.Restart && (d.Block == nil || d.Form == Either)
}
