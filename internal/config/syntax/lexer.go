package syntax

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxFaults bounds what is said about the encoding of a file, so that a binary
// file doesn't give a message per byte.
const maxFaults = 20

type lexer struct {
	src    string
	off    int
	pos    Pos
	faults []Diagnostic
	// unclosed is set once a string swallowed the rest of its line.
	unclosed bool
}

// normalise drops a byte order mark and makes every line end a line feed.
func normalise(src []byte) string {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(src, '\r') < 0 {
		return string(src)
	}
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	return string(bytes.ReplaceAll(src, []byte("\r"), []byte("\n")))
}

func (l *lexer) fault(code string, span Span, hint, message string) {
	l.faults = append(l.faults, Diagnostic{
		Code: code, Span: span, Message: message, Hint: hint,
	})
}

func (l *lexer) flooded() bool { return len(l.faults) >= maxFaults }

// advance moves over n bytes that form whole characters.
func (l *lexer) advance(n int) {
	for _, r := range l.src[l.off : l.off+n] {
		if r == '\n' {
			l.pos = Pos{l.pos.Line + 1, 1}
		} else {
			l.pos.Column++
		}
	}
	l.off += n
}

// next returns the next token; after the last one it returns EOF for ever.
func (l *lexer) next() Token {
	for l.off < len(l.src) && isSpace(l.src[l.off]) {
		l.advance(1)
	}
	start, from := l.pos, l.off
	tok := l.scan()
	tok.Raw = l.src[from:l.off]
	tok.Span = Span{start, l.pos}
	switch tok.Kind {
	case Word, Comment:
		tok.Text = tok.Raw
	}
	if tok.Kind != EOF {
		l.check(&tok)
	}
	return tok
}

func (l *lexer) scan() Token {
	if l.off == len(l.src) {
		return Token{Kind: EOF}
	}
	rest := l.src[l.off:]
	switch rest[0] {
	case '}':
		l.advance(1)
		return Token{Kind: Close}
	case '"':
		return l.quoted()
	case '#':
		n := strings.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		glued := l.off > 0 && !isSpace(l.src[l.off-1])
		l.advance(n)
		return Token{Kind: Comment, Glued: glued}
	}
	if n := placeholder(rest); n > 0 && !strings.HasPrefix(rest, varsPrefix) {
		l.advance(n)
		return Token{Kind: Word}
	}
	n := bareLen(rest)
	if n == 0 {
		l.advance(1)
		return Token{Kind: Open}
	}
	if word := strings.TrimRight(rest[:n], ";"); word != "" {
		l.advance(len(word))
		return Token{Kind: Word}
	}
	glued := l.off > 0 && !isSpace(l.src[l.off-1]) && strings.IndexByte("{}\"", l.src[l.off-1]) < 0
	l.advance(1)
	return Token{Kind: Semi, Glued: glued}
}

const varsPrefix = "{vars."

// placeholder returns the length of the placeholder that text begins with, or
// 0. A brace that isn't closed before a space, a quote or another brace is an
// ordinary brace.
func placeholder(text string) int {
	for _, prefix := range []string{"{$", "{env.", "{file.", varsPrefix} {
		if !strings.HasPrefix(text, prefix) {
			continue
		}
		for i := len(prefix); i < len(text); i++ {
			switch c := text[i]; {
			case c == '}':
				return i + 1
			case isSpace(c), c == '{', c == '"':
				return 0
			}
		}
	}
	return 0
}

// bareLen returns the length of the bare word at the start of text. A
// {vars.X} may stand anywhere in it.
func bareLen(text string) int {
	i := 0
	for i < len(text) {
		c := text[i]
		if c == '{' && strings.HasPrefix(text[i:], varsPrefix) {
			if n := placeholder(text[i:]); n > 0 {
				i += n
				continue
			}
		}
		if isSpace(c) || strings.IndexByte("{}\"#", c) >= 0 {
			break
		}
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// quoted reads a string in double quotes, which ends on its line unless the
// line feed follows a backslash.
func (l *lexer) quoted() Token {
	var text strings.Builder
	i := l.off + 1
	for i < len(l.src) {
		switch c := l.src[i]; {
		case c == '"':
			l.advance(i + 1 - l.off)
			return Token{Kind: Quoted, Text: text.String()}
		case c == '\n':
			return l.unterminated(i, "this string has no closing quote",
				`close it with " on the same line; a " inside it is written \"`)
		case c == '\\' && i+1 == len(l.src):
			return l.unterminated(i+1, "the file ends inside an escape",
				`write \\ for a backslash, and close the string with "`)
		case c == '\\':
			text.WriteString(unescape(l.src[i+1]))
			i += 2
		default:
			text.WriteByte(c)
			i++
		}
	}
	return l.unterminated(i, "this string has no closing quote",
		`close it with " on the same line; a " inside it is written \"`)
}

func (l *lexer) unterminated(end int, message, hint string) Token {
	start := l.pos
	l.unclosed = true
	l.advance(end - l.off)
	l.fault(CodeString, Span{start, l.pos}, hint, message)
	return Token{Kind: Quoted, Bad: true}
}

func unescape(c byte) string {
	switch c {
	case '\\', '"':
		return string(c)
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	}
	return string([]byte{'\\', c})
}

// check refuses what no token may hold.
func (l *lexer) check(tok *Token) {
	if len(tok.Raw) > MaxToken && tok.Kind != Comment {
		tok.Bad = true
		l.fault(CodeTooLong, Span{tok.Span.Start, tok.Span.Start},
			"a missing quote or space is the usual cause", fmt.Sprintf("a word of %d bytes; the limit is %d", len(tok.Raw), MaxToken))
		return
	}
	pos := tok.Span.Start
	for i, r := range tok.Raw {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(tok.Raw[i:]); n == 1 {
				tok.Bad = true
				l.fault(CodeEncoding, Span{pos, Pos{pos.Line, pos.Column + 1}},
					"save the file as UTF-8", fmt.Sprintf("byte 0x%02x is not valid UTF-8", tok.Raw[i]))
				return
			}
		}
		if r == 0 {
			tok.Bad = true
			l.fault(CodeEncoding, Span{pos, Pos{pos.Line, pos.Column + 1}},
				"remove it; if the file is UTF-16, save it as UTF-8", "a NUL character")
			return
		}
		if r == '\n' {
			pos = Pos{pos.Line + 1, 1}
		} else {
			pos.Column++
		}
	}
}
