package syntax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump shows the tokens of a tree: bare words plain, strings in quotes,
// nesting in braces.
func dump(b *Block) string {
	var out []string
	for _, item := range b.Items {
		switch {
		case item.Block != nil:
			out = append(out, "{", dump(item.Block), "}")
		case item.Token.Kind == Quoted:
			out = append(out, fmt.Sprintf("%q", item.Token.Text))
		case item.Token.Kind == Semi && item.Token.Glued:
			out = append(out, "~;")
		case item.Token.Kind == Comment:
			out = append(out, "<"+item.Token.Text+">")
		default:
			out = append(out, item.Token.Raw)
		}
	}
	return strings.Join(out, " ")
}

func TestParse(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"words and blocks", "a b{c}d { }", "a b { c } d {  }"},
		{"comment glued to a word", "vault:kv/a#f g\nh", "vault:kv/a <#f g> h"},
		{"adjacent pieces never join", `ab"cd""e"`, `ab "cd" "e"`},
		{"escapes", `"a\\b\"c\nd\te\rf\dg"`, `"a\\b\"c\nd\te\rf\\dg"`},
		{"backslash and line feed", "\"a\\\nb\"", `"a\\\nb"`},
		{"placeholders", "{$A} {$A:b:c} {env.X}{file./a}", "{$A} {$A:b:c} {env.X} {file./a}"},
		{"a composite is several words", "https://h{env.P}/x", "https://h {env.P} /x"},
		{"variables join", "https://{vars.H}/in{vars.P} {vars.A}", "https://{vars.H}/in{vars.P} {vars.A}"},
		{"an open placeholder is a brace", "{$A } {env.x {y}} {vars.a b}", "{ $A } { env.x { y } } { vars.a b }"},
		{"a quote in a fallback", `{$A:"x"}`, `{ $A: "x" }`},
		{"semicolons", "a; b ; c;d ;e \"f\"; {g};", "a ~; b ; c;d ;e \"f\" ; { g } ;"},
		{"other spaces are letters", "a\u00a0b\fc", "a\u00a0b\fc"},
		{"badinput 3: BOM and CR LF", "\ufeffa\r\nb # c\r\nd\re", "a b <# c> d e"},
		{"invalid keywords stay words", "'a' `b`", "'a' `b`"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, diags := Parse("f", []byte(test.src))
			if len(diags) > 0 {
				t.Errorf("diagnostics: %v", diags)
			}
			if got := dump(file.Root); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string
		broken    bool
	}{
		{"badinput 2: NUL", "a\nb\x00c d", []string{"f:2:2: error: a NUL character"}, false},
		{"badinput 2: UTF-16", "\xff\xfea\x00", []string{"f:1:1: error: the file is UTF-16"}, true},
		{"badinput 4: invalid UTF-8 in a word", "/é\xff\xfe {}", []string{"f:1:3: error: byte 0xff is not valid UTF-8"}, false},
		{"badinput 4: in a comment", "a # \xff\n\"\xfe\"", []string{
			"f:1:5: error: byte 0xff is not valid UTF-8", "f:2:2: error: byte 0xfe is not valid UTF-8"}, false},
		{"badinput 5: no closing quote", "a \"b {\nc }", []string{"f:1:3: error: this string has no closing quote"}, true},
		{"badinput 5: escape at the end", `"b\`, []string{"f:1:1: error: the file ends inside an escape"}, true},
		{"badinput 5: no closing brace", "a {\n  b {\n}\n", []string{`f:4:1: error: the file ends inside a block: a "}" is missing`}, true},
		{"badinput 5: brace too many, said once", "a { } } } {", []string{`f:1:7: error: this "}" closes nothing`}, true},
		{"badinput 6: nesting", strings.Repeat("a {", 100_000), []string{"f:1:195: error: blocks are nested deeper than 64 levels"}, true},
		{"badinput 7: long token", "a " + strings.Repeat("x", 1<<20) + " b", []string{"f:1:3: error: a word of 1048576 bytes; the limit is 8192"}, false},
		{"long comment is fine", "a #" + strings.Repeat("x", 1<<20), nil, false},
		{"columns are characters", "äöü \x00", []string{"f:1:5: error: a NUL character"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, diags := Parse("f", []byte(test.src))
			var got []string
			for _, d := range diags {
				got = append(got, d.String())
				if d.Code == "" || d.Hint == "" {
					t.Errorf("no code or hint: %+v", d)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if file.Broken != test.broken {
				t.Errorf("broken: %v", file.Broken)
			}
		})
	}
}

func TestParseBoundsFaults(t *testing.T) {
	_, diags := Parse("f", bytes.Repeat([]byte("\xff "), 100_000))
	if len(diags) != maxFaults {
		t.Errorf("%d diagnostics, want %d", len(diags), maxFaults)
	}
	_, diags = Parse("f", make([]byte, MaxFile+1))
	if len(diags) != 1 || diags[0].Code != CodeTooLong {
		t.Errorf("a file above the limit: %v", diags)
	}
}

func TestRender(t *testing.T) {
	list := []Diagnostic{
		{Code: "x", File: "f", Span: Span{Pos{1, 3}, Pos{1, 6}}, Message: "bad\x1b[31m", Hint: "do",
			Source: "\t\tabc d", Related: &Note{Span: Span{Pos{2, 2}, Pos{2, 2}}, Message: "there", Source: "äb"}},
		{Severity: Warning, File: "f", Message: "whole file"},
	}
	want := "f:1:3: error: bad\uFFFD[31m\n    \t\tabc d\n    \t\t^^^\nhint: do\n" +
		"f:2:2: note: there\n    äb\n     ^\nf: warning: whole file\n"
	if diff := cmp.Diff(want, Render(list)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got, err := json.Marshal(list[0])
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"file":"f","line":1,"column":3,"severity":"error","code":"x","message":"bad\u001b[31m","hint":"do",` +
		`"related":{"file":"f","line":2,"column":2,"message":"there"}}`
	if string(got) != wantJSON {
		t.Errorf("got  %s\nwant %s", got, wantJSON)
	}
}

func TestSort(t *testing.T) {
	list := []Diagnostic{
		{Span: Span{Start: Pos{2, 1}}, Message: "d"},
		{Span: Span{Start: Pos{1, 5}}, Message: "c", Severity: Warning},
		{Span: Span{Start: Pos{1, 5}}, Message: "b"},
		{Span: Span{Start: Pos{1, 2}}, Message: "a"},
	}
	Sort(list)
	var got strings.Builder
	for _, d := range list {
		got.WriteString(d.Message)
	}
	if got.String() != "abcd" {
		t.Errorf("order %s", got.String())
	}
}

// raw puts the text of a tree together again, without white space.
func raw(b *Block, out *strings.Builder) {
	for _, item := range b.Items {
		out.WriteString(item.Token.Raw)
		if item.Block != nil {
			raw(item.Block, out)
			out.WriteString(item.Block.Close.Raw)
		}
	}
}

// FuzzParse holds the parser to this: it never panics, every place lies in the
// file, and a text without a fault is found in the tree to the last character.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "a { b \"c\\n\" } # d", "{$A:b} {vars.x}y; ;", "\ufeffa\r\n\rb", "\"\\\n\"", "\xff\x00", "}{", "{{{", "a;;b;{c};", "{env.", "a#{\n}",
	} {
		f.Add([]byte(seed))
	}
	strip := strings.NewReplacer(" ", "", "\t", "", "\n", "")
	f.Fuzz(func(t *testing.T, src []byte) {
		file, diags := Parse("f", src)
		lines := len(file.Lines())
		for _, d := range diags {
			if d.Span.Start.Line < 1 || d.Span.Start.Line > max(lines, 1) || d.Span.Start.Column < 1 {
				t.Errorf("place %v of %d lines", d.Span.Start, lines)
			}
		}
		_ = Render(diags)
		if file.Broken || len(diags) > 0 {
			return
		}
		var got strings.Builder
		raw(file.Root, &got)
		if want := strip.Replace(normalise(src)); strip.Replace(got.String()) != want {
			t.Errorf("the tree has %q, the file %q", got.String(), want)
		}
	})
}
