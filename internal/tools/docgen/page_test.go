package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/google/go-cmp/cmp"

	"hookaido/internal/config/compile"
	"hookaido/internal/config/schema"
	"hookaido/internal/config/syntax"
)

const root = "../../.."

// TestPageIsFresh fails when the table or a text changed and the page was not
// written anew.
func TestPageIsFresh(t *testing.T) {
	got, err := os.ReadFile(filepath.Join(root, "packaging/man/Hookaidofile.5.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(schema.Root()), string(got)); diff != "" {
		t.Errorf("stale: run go run ./internal/tools/docgen (-want +got):\n%s", diff)
	}
}

// TestPageHasEveryRow looks for each directive in the page as a manual shows it.
func TestPageHasEveryRow(t *testing.T) {
	text := page(schema.Root())
	schema.Walk(schema.Root(), func(b *schema.Block) {
		for _, row := range b.All() {
			if !strings.Contains(text, "`"+row.Usage()+"`\n:   ") {
				t.Errorf("%s: %s is missing", b.Title, row.Name)
			}
		}
	})
	if roff := string(md2man.Render([]byte(text))); !strings.Contains(roff, ".SH DIRECTIVES") || strings.Contains(roff, "Default: ``") {
		t.Error("md2man does not make a manual of it")
	}
}

// TestPageHasEveryCode finds the codes in the source, so that none is forgotten.
func TestPageHasEveryCode(t *testing.T) {
	found := 0
	for _, pkg := range []string{"syntax", "schema", "compile"} {
		files, err := filepath.Glob(filepath.Join(root, "internal/config", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
					return true
				}
				code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				found++
				if !strings.Contains(notes, "| `"+code+"` |") {
					t.Errorf("the code %s is not documented", code)
				}
				return true
			})
		}
	}
	if found < 30 {
		t.Errorf("only %d codes found", found)
	}
	_, codes, _ := strings.Cut(notes, "# DIAGNOSTICS")
	if rows := strings.Count(codes, "\n| `"); rows != found {
		t.Errorf("%d codes are documented, %d exist", rows, found)
	}
}

// TestExampleOfPage compiles the example of the description.
func TestExampleOfPage(t *testing.T) {
	start := strings.Index(language, "    pull_api {")
	end := strings.Index(language, "**hookaido config validate**")
	cfg, diags := compile.Source("example", []byte(language[start:end]), compile.Options{})
	if cfg == nil || len(diags) > 0 {
		t.Errorf("refused:\n%s", syntax.Render(diags))
	}
}

// TestPackagedFile holds the packaged example to compile without a message, to
// be formatted, and to ask for nothing but the two credentials of the unit.
func TestPackagedFile(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, "etc/Hookaidofile"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, diags := compile.Source("Hookaidofile", src, compile.Options{})
	if cfg == nil || len(diags) > 0 {
		t.Fatalf("refused:\n%s", syntax.Render(diags))
	}
	out, _ := compile.Format("Hookaidofile", src)
	if diff := cmp.Diff(string(src), string(out)); diff != "" {
		t.Errorf("not in canonical form (-file +formatted):\n%s", diff)
	}
	var refs []string
	for _, use := range compile.SecretRefs(cfg) {
		refs = append(refs, use.Ref.String())
	}
	if diff := cmp.Diff([]string{"credential:pull-token", "credential:github-webhook"}, refs); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	for _, route := range cfg.Routes {
		if route.HMAC == nil {
			t.Errorf("the route %s is open to everybody", route.Path)
		}
	}
}

// TestCommentedRoutes compiles what the packaged example shows as comments.
func TestCommentedRoutes(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, "etc/Hookaidofile"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.SplitSeq(string(src), "\n") {
		if code, found := strings.CutPrefix(line, "#| "); found {
			line = code
		}
		b.WriteString(line + "\n")
	}
	cfg, diags := compile.Source("Hookaidofile", []byte(b.String()), compile.Options{})
	if cfg == nil || len(diags) > 0 || len(cfg.Routes) < 2 {
		t.Errorf("refused:\n%s", syntax.Render(diags))
	}
}
