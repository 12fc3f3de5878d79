package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hookaido/internal/config/syntax"
)

// maxWhole is the size up to which a Hookaidofile is compiled whole here, in
// bytes. Of a larger one only what decides the addresses is, so that thousands
// of routes delay no boot.
const maxWhole = 32 << 10

// reduce blanks the routes of a large file but for one, best one with pull,
// since that decides whether the pull API is served. Lines stay where they are.
func reduce(src []byte, file *syntax.File, faults []syntax.Diagnostic) ([]byte, error) {
	if len(src) <= maxWhole {
		return src, nil
	}
	if syntax.HasErrors(faults) {
		return nil, fmt.Errorf("the Hookaidofile is wrong: %s", firstError(faults))
	}
	at := newLines(src)
	routes := routesOf(file.Root, at)
	keep := max(0, slices.IndexFunc(routes, func(r span) bool { return r.pull }))
	out := slices.Clone(src)
	for i, r := range routes {
		if i != keep {
			blank(out[r.from:r.to])
		}
	}
	for _, item := range file.Root.Items {
		if item.Block == nil && item.Token.Kind == syntax.Comment {
			blank(out[at.offset(item.Start()):at.offset(item.End())])
		}
	}
	if rest := len(strings.Join(strings.Fields(string(out)), " ")); rest > maxWhole {
		return nil, fmt.Errorf("%s has %d bytes beside its routes, at most %d are read at boot", file.Name, rest, maxWhole)
	}
	return out, nil
}

// span is a route, or a block with routes, in bytes of the file.
type span struct {
	from, to int
	pull     bool
}

func routesOf(root *syntax.Block, at lines) []span {
	var routes []span
	from, head := 0, ""
	for _, item := range root.Items {
		switch {
		case item.Block == nil && (item.Token.Kind == syntax.Comment || item.Token.Kind == syntax.Semi):
		case item.Block == nil && head == "":
			from, head = at.offset(item.Start()), item.Token.Text
		case item.Block != nil:
			if isRoute(head) {
				routes = append(routes, span{from, at.offset(item.End()), mentions(item.Block, "pull")})
			}
			head = ""
		}
	}
	return routes
}

func isRoute(head string) bool {
	return strings.HasPrefix(head, "/") || head == "inbound" || head == "outbound" || head == "internal"
}

func mentions(b *syntax.Block, word string) bool {
	for _, item := range b.Items {
		if item.Block != nil && mentions(item.Block, word) || item.Block == nil && item.Token.Text == word {
			return true
		}
	}
	return false
}

func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}

// lines finds places of a text, by the bytes where its lines begin.
type lines struct {
	src    []byte
	starts []int
}

func newLines(src []byte) lines {
	l := lines{src: src, starts: []int{0}}
	for i, c := range src {
		if c == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// offset returns where in the text a place is; columns count characters.
func (l lines) offset(p syntax.Pos) int {
	if p.Line < 1 || p.Line > len(l.starts) {
		return len(l.src)
	}
	at := l.starts[p.Line-1]
	for range p.Column - 1 {
		if at >= len(l.src) {
			break
		}
		_, size := utf8.DecodeRune(l.src[at:])
		at += size
	}
	return at
}
