package httphead

import "encoding/binary"

// Classes of bytes, as bits (RFC 9110 section 5, RFC 9112 section 3).
const (
	inToken  = 1 << iota // methods and field names
	inValue              // field values
	inTarget             // request targets, without the percent sign and the question mark
	inHost               // Host values
)

// classes never changes.
var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	for c := range t {
		letterOrDigit := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if letterOrDigit {
			t[c] |= inToken | inHost
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= inValue
		}
		if c > ' ' && c != 0x7f && c != '%' && c != '?' {
			t[c] |= inTarget
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= inToken
	}
	for _, c := range []byte("!$%&'()*+,-.:;=[]_~") {
		t[c] |= inHost
	}
	return t
}

// hexValue returns the value of a hex digit, or -1.
func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// prefix returns how many bytes at the beginning of p are of a class.
func prefix(p []byte, class uint8) int {
	for i, c := range p {
		if classes[c]&class == 0 {
			return i
		}
	}
	return len(p)
}

// prefixOfValue is prefix for field values, which are most of a head: it looks
// at eight bytes at a time as long as none is a control character.
func prefixOfValue(p []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = ones << 7
	)
	n := 0
	for ; len(p)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(p[n:])
		below20 := (x - ones*' ') & ^x
		del := x ^ ones*0x7f
		if (below20 | (del-ones) & ^del)&highs != 0 {
			break
		}
	}
	return n + prefix(p[n:], inValue)
}
