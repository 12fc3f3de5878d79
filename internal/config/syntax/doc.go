// Package syntax reads and prints the text of a Hookaidofile without knowing a
// single directive.
//
// [Parse] turns text into a tree: each block is a flat list of words, nested
// blocks, comments and semicolons, all with their positions. Which words make
// up one directive is not a matter of syntax in this language (line ends mean
// nothing, and a list ends where the next directive's name stands), so the
// directive table cuts the list; see the [Cutter] that [Format] takes.
//
// Faults are values of type [Diagnostic] and are collected, not returned one
// by one. Everything here is a pure function of its arguments and safe for
// concurrent use.
package syntax
