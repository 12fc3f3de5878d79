package observe

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscapes(t *testing.T) { // C101
	for _, tc := range []struct{ name, in, json, text string }{
		{"plain", "/webhooks/github", `/webhooks/github`, `/webhooks/github`},
		{"letters beyond ASCII", "/größe/日本", `/größe/日本`, `/größe/日本`},
		{"line feed", "/h\r\nFAKE\t", `/h\r\nFAKE\t`, `/h\r\nFAKE\t`},
		{"terminal", "\x1b[2J\x00\x7f", `\u001b[2J\u0000\u007f`, `\x1b[2J\x00\x7f`},
		{"next line", "a\u0085b", `a\u0085b`, `a\u0085b`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`, `a\u2028b\u2029c`},
		{"direction", "a\u202eb\u2066c", `a\u202eb\u2066c`, `a\u202eb\u2066c`},
		{"quote and backslash", `a"b\n`, `a\"b\\n`, `a"b\\n`},
		{"invalid UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd", `a\xffb\xc3`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(appendJSON(nil, tc.in, 100)); got != `"`+tc.json+`"` {
				t.Errorf("JSON %s, want %q", got, tc.json)
			}
			if got := string(appendText(nil, tc.in, 100)); got != tc.text {
				t.Errorf("text %s, want %s", got, tc.text)
			}
		})
	}
}

func FuzzEscapes(f *testing.F) {
	for _, s := range []string{"", "/a", "\x1b\n\"\\", "\u0085\u2028\u202e", "\xff\xfe", strings.Repeat("ü", 40)} {
		f.Add(s, 20)
		f.Add(s, 1000)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(0, min(limit, 4096))
		quoted := appendJSON(nil, s, limit)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil {
			t.Fatalf("%q became %s: %v", s, quoted, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); !strings.HasSuffix(back, cutMark) && utf8.ValidString(s) && back != want {
			t.Errorf("%q reads back as %q", s, back)
		}
		for name, b := range map[string][]byte{"JSON": quoted[1 : len(quoted)-1], "text": appendText(nil, s, limit)} {
			if len(b) > limit+len(cutMark) || !utf8.Valid(b) {
				t.Errorf("%s of %q: %d bytes at a limit of %d: %q", name, s, len(b), limit, b)
			}
			for _, r := range string(b) {
				if unprintable(r) {
					t.Errorf("%s of %q has %U", name, s, r)
				}
			}
		}
	})
}
