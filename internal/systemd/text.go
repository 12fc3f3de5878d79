package systemd

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a text that is sent to systemd or quoted in an error, in bytes.
const maxText = 512

// clean makes foreign text fit for one line: no control characters, valid
// UTF-8, bounded.
func clean(text string) string {
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
