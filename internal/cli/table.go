package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// table is a list for people: columns that line up, and no character in it that
// a terminal would obey.
type table struct{ w *tabwriter.Writer }

func newTable(to io.Writer, titles ...string) *table {
	t := &table{tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)}
	if len(titles) > 0 {
		t.row(titles...)
	}
	return t
}

// row adds a line. Empty cells show a dash.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = io.WriteString(t.w, "\t") // Flush tells
		}
		_, _ = io.WriteString(t.w, dash(printable(cell)))
	}
	_, _ = io.WriteString(t.w, "\n")
}

// flush prints what there is. The next rows line up among themselves.
func (t *table) flush() error { return t.w.Flush() }

// printable escapes what could drive a terminal or forge a line.
func printable(text string) string {
	if strings.IndexFunc(text, unsafeRune) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unsafeRune(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// unsafeRune reports whether a terminal may do more with r than show it: all
// controls and marks of direction, and every blank but the usual one.
func unsafeRune(r rune) bool { return !unicode.IsPrint(r) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// shownTarget is a target for people: a URL without its user and the values of
// its query, which may be secrets. For programs it is whole, because that is how
// it is named.
func shownTarget(target string) string {
	address, _, query := strings.Cut(target, "?")
	if u, err := url.Parse(address); err == nil && u.User != nil {
		u.User = nil
		address = u.String()
	}
	if query {
		address += "?…"
	}
	return address
}

// number groups digits by three.
func number[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// age shows seconds in the largest unit that says enough.
func age(seconds *int64) string {
	if seconds == nil {
		return ""
	}
	switch n := *seconds; {
	case n < 120:
		return strconv.FormatInt(n, 10) + "s"
	case n < 2*3600:
		return strconv.FormatInt(n/60, 10) + "m"
	case n < 48*3600:
		return strconv.FormatInt(n/3600, 10) + "h"
	default:
		return strconv.FormatInt(n/86400, 10) + "d"
	}
}

// span is age of a duration; what is negative is nothing.
func span(d time.Duration) string {
	seconds := max(0, int64(d/time.Second))
	return age(&seconds)
}

// stamp is a time in UTC, to the second, as the log has it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// size is a number of bytes for people.
func size(n int) string {
	const unit = 1024
	switch {
	case n < unit:
		return strconv.Itoa(n) + " B"
	case n < unit*unit:
		return fmt.Sprintf("%.1f KiB", float64(n)/unit)
	default:
		return fmt.Sprintf("%.1f MiB", float64(n)/(unit*unit))
	}
}

// printJSON prints one document, indented.
func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printJSONLine prints one entry of a list, which may be long.
func (p *program) printJSONLine(v any) error {
	enc := json.NewEncoder(p.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
