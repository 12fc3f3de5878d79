package compile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hookaido/internal/config"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

// TestRowsAreComplete asks every row for what the manual, the messages and the
// reader need.
func TestRowsAreComplete(t *testing.T) {
	schema.Walk(schema.Root(), func(b *schema.Block) {
		if b.Help == "" || b.Title == "" {
			t.Errorf("block %q has no help or title", b.Name)
		}
		for _, row := range b.All() {
			where := b.Title + ": " + row.Name
			if !strings.HasSuffix(row.Help, ".") || row.Example == "" {
				t.Errorf("%s: help must be a sentence, and there must be an example", where)
			}
			if len(row.Args) == 0 && row.Block == nil {
				t.Errorf("%s takes nothing", where)
			}
			leaf := row.Block == nil && !row.Repeat && !row.Required
			if leaf && row.Default == "" && row.DefaultHelp == "" && row.Inherit == "" {
				t.Errorf("%s: nothing says what holds without it", where)
			}
			for _, arg := range slices.Concat(row.Args, row.Options) {
				if arg.Name == "" || arg.Kind.Name == "" || arg.Kind.Form == "" {
					t.Errorf("%s: argument %q has no name or form", where, arg.Name)
				}
				if arg.Kind.Parse == nil && !row.Later && b.Name != "vars" {
					t.Errorf("%s: argument %q can't be read", where, arg.Name)
				}
			}
		}
	})
}

// fieldTags returns the hk tags of all structs that a config is made of.
func fieldTags(t reflect.Type, tags map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fieldTags(t.Elem(), tags)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			tag := f.Tag.Get("hk")
			if tag != "" && tag != "-" {
				tags[tag] = true
			}
			if f.IsExported() && tag != "-" {
				fieldTags(f.Type, tags)
			}
		}
	}
}

// TestRowsAndFieldsMatch holds that each row of this version sets a field or
// has a reason not to, and that each field has a row.
func TestRowsAndFieldsMatch(t *testing.T) {
	fields := map[string]bool{}
	fieldTags(reflect.TypeFor[config.Config](), fields)
	rows := map[string]bool{}
	schema.Walk(schema.Root(), func(b *schema.Block) {
		for _, row := range b.All() {
			if row.Later {
				continue
			}
			set := []string{row.Field}
			for _, arg := range slices.Concat(row.Args, row.Options) {
				set = append(set, arg.Field)
			}
			for _, field := range set {
				rows[field] = true
			}
			sets := row.Field != "" || row.Block != nil || b.Name == "vars"
			if !sets && row.Name != "format" { // there is one format
				t.Errorf("%s: %s sets no field", b.Title, row.Name)
			}
		}
	})
	delete(rows, "")
	for field := range fields {
		if !rows[field] {
			t.Errorf("no row sets the field %s", field)
		}
	}
	for row := range rows {
		if !fields[row] {
			t.Errorf("no field for %s", row)
		}
	}
}

// fillers are what a block needs besides an example; "FIRST" stands for the
// example's first word.
var fillers = map[string][]string{
	"":           {"pull_api { listen 127.0.0.1:9443 auth token env:T }", "/zz { pull { path /zz } }"},
	"pull_api":   {"auth token env:T", "listen 127.0.0.1:9443"},
	"route":      {"pull { path /yy }"},
	"pull":       {"path /xx"},
	"auth_hmac":  {"secret env:K"},
	"access_log": {"output file", "path /x"}, "runtime_log": {"output file", "path /x"},
}

// fill adds to an example what its block needs.
func fill(block, example string) string {
	first, _, _ := strings.Cut(example, " ")
	if strings.HasSuffix(block, "_log") && first != "path" {
		return example
	}
	for _, line := range fillers[block] {
		if name, _, _ := strings.Cut(line, " "); name != first {
			example += " " + line
		}
	}
	return example
}

// TestExamplesCompile puts the example of each row into a file where it may
// stand and compiles that. Rows for later versions must say that they are.
func TestExamplesCompile(t *testing.T) {
	seen := map[*schema.Block]bool{}
	var walk func(b *schema.Block, wrap string, later bool)
	walk = func(b *schema.Block, wrap string, later bool) {
		if b == nil || seen[b] {
			return
		}
		seen[b] = true
		for _, row := range b.All() {
			later := later || row.Later
			src := fmt.Sprintf(wrap, fill(b.Name, row.Example))
			checkExample(t, b.Title+": "+row.Name, src, later)
			head, _, braces := strings.Cut(row.Example, "{")
			if !braces && row.Form == schema.Either {
				head = row.Name
			}
			walk(row.Block, fmt.Sprintf(wrap, fill(b.Name, head+" { %s }")), later)
			walk(row.Alone, fmt.Sprintf(wrap, fill(b.Name, row.Name+" { %s }")), later)
		}
	}
	walk(schema.Root(), "%s", false)
}

func checkExample(t *testing.T, where, src string, later bool) {
	t.Helper()
	_, diags := Source("f", []byte(src), testOptions())
	refused := false
	for _, d := range diags {
		switch {
		case d.Code == schema.CodeLater:
			refused = true
		case d.Severity == syntax.Error:
			t.Errorf("%s: %s\n%v", where, src, d)
		}
	}
	if refused != later {
		t.Errorf("%s: refused as not supported yet: %v, want %v\n%s\n%s", where, refused, later, src, syntax.Render(diags))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"max_body", "max_headers", "match", "pull", "queue"}
	for word, want := range map[string]string{
		"max_bdy": "max_body", "MAX_BODY": "max_body", "max_hedaers": "max_headers", "pul": "pull",
		"macth": "match", "frobnicate": "", "x": "", "": "", "queue": "queue", strings.Repeat("q", 100): "",
	} {
		if got := schema.Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
