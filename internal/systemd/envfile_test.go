package systemd

import (
	"maps"
	"testing"
)

func TestParseEnvironmentFile(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                {},
		"A=1\nB = two words \t\n":         {"A": "1", "B": "two words"},
		"A=1\nA=2":                        {"A": "2"},
		"# A=1\n ; B=2\nC=3 # not one":    {"C": "3 # not one"},
		"# longer \\\nA=1\nB=2":           {"B": "2"},
		"A=\"x y\"\nB='x \\ \"y'\nC=":     {"A": "x y", "B": "x \\ \"y", "C": ""},
		"A=\"two\nlines\"":                {"A": "two\nlines"},
		"A=one\\\ntwo":                    {"A": "onetwo"},
		"A=\\\"x\\\"":                     {"A": "\"x\""},
		"A=\"\\$x\\n\"":                   {"A": "$x\\n"},
		"no name\nexport A=1\n1A=2\n=3\n": {},
		"A=x\r\nB=\" y \"\r\n":            {"A": "x", "B": " y "},
		"A=\\":                            {"A": ""},
	} {
		if got := ParseEnvironmentFile(text); !maps.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzParseEnvironmentFile(f *testing.F) {
	f.Add("A=\"x\\\ny\" z\n#c\nB='")
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range ParseEnvironmentFile(text) {
			if !isVariable(name) || len(name)+len(value) > len(text) {
				t.Errorf("%q=%q from %q", name, value, text)
			}
		}
	})
}
