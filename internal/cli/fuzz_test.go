package cli

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What a table shows drives no terminal, whatever it is given, and what is
// harmless is shown as it is.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "/plain", "\x1b[2J", "ä\u0085\u2028", "\xff", "a\tb\n", "\u202eabc", `back\slash`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := printable(text)
		if !utf8.ValidString(shown) || strings.IndexFunc(shown, unsafeRune) >= 0 {
			t.Errorf("printable(%q) = %q", text, shown)
		}
		if printable(shown) != shown {
			t.Errorf("%q is escaped twice", text)
		}
	})
}

// A moment is a time that was written, or one in the past.
func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"2026-01-31T11:00:00Z", "90m", "7d", "-1h", "d", "1e9h", "9999999h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := moment(text, noon)
		if err == nil && at.After(noon) && !strings.Contains(text, "T") && !strings.Contains(text, "t") {
			t.Errorf("moment(%q) = %v, which is to come", text, at)
		}
	})
}

// What is taken for headers has names, and each once.
func FuzzHeadersOf(f *testing.F) {
	f.Add("Name: value", "Other:")
	f.Add("a:b:c", " : ")
	f.Add("A: 1", "A: 2")
	f.Fuzz(func(t *testing.T, one, two string) {
		headers, err := headersOf([]string{one, two})
		if err != nil {
			return
		}
		if len(headers) != 2 {
			t.Errorf("%q and %q make %v", one, two, headers)
		}
		for name, value := range headers {
			if name == "" || name != strings.TrimSpace(name) || value != strings.TrimSpace(value) {
				t.Errorf("%q and %q make %q: %q", one, two, name, value)
			}
		}
	})
}
