package observe

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// unprintable reports whether a character could forge a line or drive a
// terminal: controls of both ranges, the line separators that some readers
// break at, and the marks that turn the direction of text.
func unprintable(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	default:
		return false
	}
}

// plainASCII reports whether s needs no escape in any of our forms.
func plainASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// cutMark ends a value that was cut.
const cutMark = "…"

// appendJSON appends s as a JSON string of printable characters. What would
// exceed limit bytes between the quotes is cut.
func appendJSON(b []byte, s string, limit int) []byte {
	b = append(b, '"')
	if len(s) <= limit && plainASCII(s) {
		b = append(b, s...)
	} else {
		b = appendEscaped(b, s, escape{limit: limit, json: true})
	}
	return append(b, '"')
}

// appendText appends s in printable characters for the journal: a backslash is
// doubled, what is unprintable becomes \n, \r, \t, \xHH or \uHHHH. What would
// exceed limit bytes is cut.
func appendText(b []byte, s string, limit int) []byte {
	if len(s) <= limit && plainASCII(s) {
		return append(b, s...)
	}
	return appendEscaped(b, s, escape{limit: limit})
}

// escape is a way to write text. In JSON a quote is escaped too and an invalid
// byte becomes U+FFFD.
type escape struct {
	limit int
	json  bool
}

func appendEscaped(b []byte, s string, e escape) []byte {
	start := len(b)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		mark := len(b)
		switch {
		case r == utf8.RuneError && size == 1:
			b = e.appendInvalid(b, s[i])
		case r == '\\', r == '"' && e.json:
			b = append(b, '\\', byte(r))
		case unprintable(r):
			b = e.appendControl(b, r)
		default:
			b = append(b, s[i:i+size]...)
		}
		if len(b)-start > e.limit {
			return append(b[:mark], cutMark...)
		}
		i += size
	}
	return b
}

func (e escape) appendInvalid(b []byte, c byte) []byte {
	if e.json {
		return append(b, "\ufffd"...)
	}
	return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&0xf])
}

func (e escape) appendControl(b []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if r < 0x80 && !e.json {
		return append(b, '\\', 'x', hexDigits[r>>4], hexDigits[r&0xf])
	}
	return append(b, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}
