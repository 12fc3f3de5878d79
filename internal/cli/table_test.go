package cli

import (
	"bytes"
	"strings"
	"testing"
)

// C101, badinput: nothing that comes in drives a terminal.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"/plain":          "/plain",
		"äöü – ✓":         "äöü – ✓",
		"a\tb\nc":         `a\tb\nc`,
		"\x1b[2J":         `\x1b[2J`,
		"x\u0085y":        `x\u0085y`,
		"\u2028\u202e":    `\u2028\u202e`,
		"\xff\xfe":        `\xff\xfe`,
		"quote' and \"\"": "quote' and \"\"",
		"'":               "'",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %s, want %s", in, got, want)
		}
	}
}

// C107: what tables show of a target has no secret.
func TestShownTarget(t *testing.T) {
	for in, want := range map[string]string{
		"pull": "pull", "https://a.example/in": "https://a.example/in", "https://a.example/in?token=s&b": "https://a.example/in?…",
		"https://u:pw@a.example/in?x": "https://a.example/in?…", "/usr/bin/handle": "/usr/bin/handle", "": "",
	} {
		if got := shownTarget(in); got != want {
			t.Errorf("shownTarget(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out, "A", "LONG", "C")
	table.row("x", "", "\x1b")
	table.row("xyz", "y", "z")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	want := "A    LONG  C\nx    -     \\x1b\nxyz  y     z\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 messages", 1: "1 message", 1234: "1,234 messages"} {
		if got := plural(n, "message"); got != want {
			t.Errorf("plural(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0s", 119: "119s", 120: "2m", 7200: "2h", 172800: "2d"} {
		if got := age(&n); got != want {
			t.Errorf("age(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 20: "5.0 MiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestIsText(t *testing.T) {
	for in, want := range map[string]bool{
		"": true, "{\"a\": \"ä\"}\n": true, "a\r\nb\tc": true,
		"\x00": false, "\x1b[2J": false, "bell\a": false, "\xff": false, "over\rwrite": false, "end\r": false, "\u202e": false,
	} {
		if got := isText([]byte(in)); got != want {
			t.Errorf("isText(%q) = %v", in, got)
		}
	}
}

func TestFrame(t *testing.T) {
	got := string(frame([]byte("one line\ntwo ääää\nthree\n"), 7, 3))
	want := toTop + "one lin" + clearLine + "\r\n" + "two äää" + clearLine + "\r\n" + "q ends" + clearLine + clearBelow
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(frame([]byte("short\n"), 80, 24)); !strings.Contains(got, "short"+clearLine) {
		t.Errorf("got %q", got)
	}
}

func TestAwaitQ(t *testing.T) {
	quits := 0
	awaitQ(strings.NewReader("xyzq"), func() { quits++ })
	awaitQ(strings.NewReader("xyz"), func() { quits++ })
	if quits != 1 {
		t.Errorf("q was typed once, and quit called %d times", quits)
	}
}
