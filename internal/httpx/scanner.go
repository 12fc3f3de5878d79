package httpx

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks over a JSON text. Its methods leave at behind what they took;
// a method that reports failure leaves it where the fault is.
type scanner struct {
	body []byte
	at   int
}

func (s *scanner) fail(what string) *Error {
	return invalidBody("invalid JSON body: " + what + " (at byte " + strconv.Itoa(s.at+1) + ")")
}

// end makes sure that nothing follows.
func (s *scanner) end() *Error {
	s.blanks()
	if s.at < len(s.body) {
		return s.fail("something follows the object")
	}
	return nil
}

func (s *scanner) blanks() {
	for s.at < len(s.body) {
		switch s.body[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) ahead(c byte) bool { return s.at < len(s.body) && s.body[s.at] == c }

func (s *scanner) take(c byte) bool {
	if !s.ahead(c) {
		return false
	}
	s.at++
	return true
}

// literal takes word if it stands here on its own.
func (s *scanner) literal(word string) bool {
	end := s.at + len(word)
	if end > len(s.body) || string(s.body[s.at:end]) != word {
		return false
	}
	s.at = end
	return true
}

// integer takes a JSON number without fraction and exponent that fits an int.
func (s *scanner) integer() (int, bool) {
	negative := s.take('-')
	first, n := s.at, uint64(0)
	for s.at < len(s.body) && '0' <= s.body[s.at] && s.body[s.at] <= '9' {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n = n*10 + uint64(s.body[s.at]-'0')
		s.at++
	}
	digits := s.at - first
	switch {
	case digits == 0, digits > 1 && s.body[first] == '0', n > math.MaxInt64:
		return 0, false
	case s.ahead('.'), s.ahead('e'), s.ahead('E'):
		return 0, false
	case negative:
		return -int(n), true
	}
	return int(n), true
}

// text takes a string. The result may be a part of the body.
func (s *scanner) text() ([]byte, *Error) {
	if !s.take('"') {
		return nil, s.fail("expected a string")
	}
	start := s.at
	for s.at < len(s.body) {
		switch c := s.body[s.at]; {
		case c == '"':
			s.at++
			return s.body[start : s.at-1], nil
		case c == '\\':
			return s.escaped(start)
		default:
			if err := s.character(c); err != nil {
				return nil, err
			}
		}
	}
	return nil, s.fail("a string is not closed")
}

// character steps over one plain character that begins with c.
func (s *scanner) character(c byte) *Error {
	if c < ' ' {
		return s.fail("a control character in a string")
	}
	if c < utf8.RuneSelf {
		s.at++
		return nil
	}
	r, size := utf8.DecodeRune(s.body[s.at:])
	if r == utf8.RuneError && size == 1 {
		return s.fail("invalid UTF-8 in a string")
	}
	s.at += size
	return nil
}

// escaped finishes a string that began at start and has escapes from here on.
func (s *scanner) escaped(start int) ([]byte, *Error) {
	out := append([]byte(nil), s.body[start:s.at]...)
	for s.at < len(s.body) {
		from := s.at
		switch c := s.body[s.at]; c {
		case '"':
			s.at++
			return out, nil
		case '\\':
			r, ok := s.escape()
			if !ok {
				s.at = from
				return nil, s.fail("a bad escape in a string")
			}
			out = utf8.AppendRune(out, r)
		default:
			if err := s.character(c); err != nil {
				return nil, err
			}
			out = append(out, s.body[from:s.at]...)
		}
	}
	return nil, s.fail("a string is not closed")
}

// escape takes one escape; half a surrogate pair is none.
func (s *scanner) escape() (rune, bool) {
	s.at++ // the backslash
	if s.at == len(s.body) {
		return 0, false
	}
	c := s.body[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, false
	}
	r, ok := s.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !s.take('\\') || !s.take('u') {
		return 0, false
	}
	low, ok := s.hex4()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (s *scanner) hex4() (rune, bool) {
	var r rune
	for range 4 {
		if s.at == len(s.body) {
			return 0, false
		}
		c := s.body[s.at]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
		s.at++
	}
	return r, true
}
