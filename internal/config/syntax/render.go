package syntax

import (
	"fmt"
	"strings"
	"unicode"
)

// maxShown bounds how much of a long source line is shown, in characters.
const maxShown = 120

// Render formats diagnostics for people: for each a line
// "file:line:column: error: message", the source line with a caret under the
// text that is meant, a hint, and the second place if there is one.
func Render(list []Diagnostic) string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String())
		b.WriteByte('\n')
		excerpt(&b, d.Source, d.Span)
		if d.Hint != "" {
			fmt.Fprintf(&b, "hint: %s\n", printable(d.Hint))
		}
		if d.Related != nil {
			at := d.Related.Span.Start
			fmt.Fprintf(&b, "%s:%d:%d: note: %s\n", d.File, at.Line, at.Column, printable(d.Related.Message))
			excerpt(&b, d.Related.Source, d.Related.Span)
		}
	}
	return b.String()
}

// String returns the first line of what [Render] gives. A diagnostic about a
// file as a whole has no line and column.
func (d Diagnostic) String() string {
	if d.Span.Start == (Pos{}) {
		return fmt.Sprintf("%s: %s: %s", d.File, d.Severity, printable(d.Message))
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Span.Start.Line, d.Span.Start.Column, d.Severity, printable(d.Message))
}

// excerpt writes the source line and the caret line. Tabs before the caret are
// repeated, so that the two lines stay in step whatever a tab is worth.
func excerpt(b *strings.Builder, source string, span Span) {
	if source == "" {
		return
	}
	line := []rune(source)
	at := min(max(span.Start.Column-1, 0), len(line))
	width := 1
	if span.End.Line == span.Start.Line {
		width = max(span.End.Column-span.Start.Column, 1)
	}
	if len(line) > maxShown {
		from := max(at-maxShown/2, 0)
		line = line[from:min(from+maxShown, len(line))]
		at -= from
	}
	width = min(width, max(len(line)-at, 1))
	b.WriteString("    ")
	b.WriteString(printable(string(line)))
	b.WriteString("\n    ")
	for _, r := range line[:at] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat("^", width))
	b.WriteByte('\n')
}

// printable replaces what could confuse a terminal, one character for one.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}

// Lines returns the lines of the file as it was read, without their ends.
func (f *File) Lines() []string { return strings.Split(f.src, "\n") }
