package compile

import (
	"slices"
	"strings"

	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// masks are the places of text that must not be shown, by line.
type masks map[int][]syntax.Span

// note keeps the secrets of a statement: arguments whose kind is secret, unless
// they only say where the secret is, and what follows them by mistake.
func (m *masks) note(s, before *stmt) {
	if s.Row == nil {
		surplus := before != nil && before.Row != nil && before.Bad && len(s.Words) > 0 && !refersOutside(s.Words[0].Text)
		if surplus && slices.ContainsFunc(before.Row.Args, func(a schema.Arg) bool { return a.Kind.Secret }) {
			m.add(s.Words[0].Span)
		}
		return
	}
	for i, tok := range s.Args {
		if s.Row.Args[i%len(s.Row.Args)].Kind.Secret && !refersOutside(tok.Text) {
			m.add(tok.Span)
		}
	}
	for _, opt := range s.Options {
		if opt.Arg.Kind.Secret && !refersOutside(opt.Value.Text) {
			m.add(opt.Value.Span)
		}
	}
}

func (m *masks) add(span syntax.Span) {
	if *m == nil {
		*m = masks{}
	}
	for line := span.Start.Line; line <= span.End.Line; line++ {
		(*m)[line] = append((*m)[line], span)
	}
}

func refersOutside(text string) bool {
	for _, scheme := range []string{"env:", "file:", "credential:", "vault:", "{"} {
		if strings.HasPrefix(text, scheme) {
			return true
		}
	}
	return false
}

// shower returns a function that gives a line of the file with its secrets
// masked, character for character so that columns stay.
func (m masks) shower(file *syntax.File) func(line int) string {
	lines := file.Lines()
	return func(n int) string {
		if n < 1 || n > len(lines) {
			return ""
		}
		line := []rune(lines[n-1])
		for _, span := range m[n] {
			from, to := 0, len(line)
			if span.Start.Line == n {
				from = span.Start.Column - 1
			}
			if span.End.Line == n {
				to = span.End.Column - 1
			}
			hide(line, from, to)
		}
		hideRaw(line)
		hideUserinfo(line)
		hideQuery(line)
		if file.Broken {
			hideStrings(line)
		}
		return string(line)
	}
}

// hide masks what is between two columns, but not quotes at its ends.
func hide(line []rune, from, to int) {
	for i := max(from, 0); i < min(to, len(line)); i++ {
		if line[i] != '"' || i != from && i != to-1 {
			line[i] = '*'
		}
	}
}

// hideRaw masks what follows "raw:" wherever it stands, because the directive
// around it may not have been understood.
func hideRaw(line []rune) {
	text := string(line)
	for from := 0; ; {
		i := strings.Index(text[from:], "raw:")
		if i < 0 {
			return
		}
		start := from + i
		from = start + len("raw:")
		end := len(text)
		stop := " \t{}#"
		if start > 0 && text[start-1] == '"' {
			stop = `"`
		}
		if n := strings.IndexAny(text[from:], stop); n >= 0 {
			end = from + n
		}
		hide(line, len([]rune(text[:from])), len([]rune(text[:end])))
	}
}

// hideUserinfo masks what stands in front of an "@" and has a ":", as user and
// password do in a URL.
func hideUserinfo(line []rune) {
	for at, r := range line {
		if r != '@' {
			continue
		}
		from := at
		for from > 0 && !strings.ContainsRune(" \t\"{}#", line[from-1]) {
			from--
		}
		text := string(line[from:at])
		if i := strings.Index(text, "://"); i >= 0 {
			from += len([]rune(text[:i])) + len("://")
		}
		if strings.ContainsRune(string(line[from:at]), ':') {
			hide(line, from, at)
		}
	}
}

// hideQuery masks the values in the queries of URLs.
func hideQuery(line []rune) {
	text := string(line)
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return
		}
		from += i + len("://")
		end := len(text)
		if n := strings.IndexAny(text[from:], " \t\"{}#"); n >= 0 {
			end = from + n
		}
		if n := strings.IndexByte(text[from:end], '?'); n >= 0 {
			hide(line, len([]rune(text[:from+n+1])), len([]rune(text[:end])))
		}
	}
}

// hideStrings masks quoted texts of a line that looks like one about secrets,
// for files in which nothing could be understood.
func hideStrings(line []rune) {
	text := string(line)
	if !strings.Contains(text, "auth") && !strings.Contains(text, "secret") && !strings.Contains(text, "sign") {
		return
	}
	for i := 0; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(line) && line[end] != '"' {
			end++
		}
		if !refersOutside(string(line[i+1 : end])) {
			hide(line, i+1, end)
		}
		i = end
	}
}
