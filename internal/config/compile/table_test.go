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
				if arg.Kind.Parse == nil && b.Name != "vars" {
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
	"secret":     {"value env:K", "valid_from 2026-01-01T00:00:00Z"},
	"tls":        {"cert_file /c", "key_file /k"},
	"rate_limit": {"rps 1"},
	"metrics":    {"enabled on"},
	"auth_hmac":  {"secret env:K"},
	"access_log": {"output file", "path /x"}, "runtime_log": {"output file", "path /x"},
}

// extras are what the example of a directive needs beside it.
var extras = map[string]string{
	"application": "endpoint_name e", "endpoint_name": "application a", "ignore_unmatched": "match { method PUT }",
	"url": "provider twilio", "proxy_protocol": "trusted_proxies 10.0.0.1", "max_versions": "runtime on", "deliver_concurrency": "deliver https://a.example { }",
	"signature_prefix": generic, "digest": generic, "encoding": generic, "timestamp_unit": generic,
	"signed_text": generic + " timestamp_header X-T", "cert_file": "key_file /k", "key_file": "cert_file /c",
	"sign signature_header": "sign hmac env:K", "sign timestamp_header": "sign hmac env:K",
	"sign secret_selection": "sign hmac secret_ref month-07",
}

const (
	generic = "provider generic signature_header X-S"
	months  = "secrets { secret month-07 { value env:A valid_from 2026-07-01T00:00:00Z } secret month-08 { value env:B valid_from 2026-08-01T00:00:00Z } }"
)

// misplaced are rows that their table has in both kinds of target but only one
// kind takes.
func misplaced(b *schema.Block, row *schema.Directive) bool {
	if b.Title == "deliver exec" {
		return strings.HasPrefix(row.Name, "sign ") || row.Name == "retry_status"
	}
	return b.Title == "deliver" && row.Name == "env"
}

// fill adds to an example what its block needs.
func fill(block, example string) string {
	first, _, _ := strings.Cut(example, " ")
	if strings.HasSuffix(block, "_log") && first != "path" {
		return example
	}
	for name, extra := range extras {
		if (example == name || strings.HasPrefix(example, name+" ")) && block != "tls" {
			example += " " + extra
		}
	}
	for _, line := range fillers[block] {
		if name, _, _ := strings.Cut(line, " "); name != first && !(name == "pull" && strings.Contains(example, "deliver ")) {
			example += " " + line
		}
	}
	return example
}

// TestExamplesCompile puts the example of each row into a file where it may
// stand and compiles that. Rows that this version doesn't run must be reported.
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
			if misplaced(b, row) {
				continue
			}
			src := fmt.Sprintf(wrap, fill(b.Name, row.Example))
			if strings.Contains(src, "month-0") && !strings.Contains(src, "secrets {") {
				src += " " + months
			}
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
		case d.Code == CodeNotRunning:
			refused = true
		case d.Severity == syntax.Error:
			t.Errorf("%s: %s\n%v", where, src, d)
		}
	}
	if refused != later {
		t.Errorf("%s: reported as not running yet: %v, want %v\n%s\n%s", where, refused, later, src, syntax.Render(diags))
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

// TestEveryRowIsExplained finds each row of the table by its own name and by its
// name with its blocks.
func TestEveryRowIsExplained(t *testing.T) {
	root := schema.Root()
	for _, place := range schema.Places(root) {
		for _, name := range []string{strings.Trim(place.Row.Name, "<>"), strings.Trim(place.Name(), "<>")} {
			found := slices.ContainsFunc(schema.Find(root, name), func(p schema.Place) bool { return p.Row == place.Row && p.Name() == place.Name() })
			if !found {
				t.Errorf("%s is not found", name)
			}
		}
	}
	if found := schema.Find(root, "frobnicate"); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if full := schema.Find(root, "Pull_API.max_batch"); len(full) != 1 {
		t.Errorf("a name with its block has %d places", len(full))
	}
}
