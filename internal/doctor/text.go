package doctor

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// maxText bounds a text of others in a report, in characters.
const maxText = 600

// plain makes text of others fit for a terminal: no control characters, valid
// UTF-8, bounded.
func plain(text string) string {
	text = printable(text)
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return text
}

// printable is plain without the bound, for commands: a part of one is another
// command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// quote makes text one word of a shell.
func quote(text string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-:=@%+,", r)
	}
	if text != "" && !strings.ContainsFunc(text, odd) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// aside is the command that gives a file a name with the suffix, and with a
// number if another has that name.
func aside(path, suffix string) string {
	free := path + suffix
	for n := 2; ; n++ {
		if _, err := os.Lstat(free); err != nil {
			return "mv " + quote(path) + " " + quote(free)
		}
		free = fmt.Sprintf("%s%s.%d", path, suffix, n)
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
