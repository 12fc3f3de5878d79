// Package archtest holds the source to the rules that a compiler doesn't
// check: which package may import which, how large files and functions may
// grow, where time may be read. It has tests only.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// source is one parsed Go file of ours.
type source struct {
	path  string // from the root of the repository
	pkg   string // path below internal/, or cmd/…
	test  bool
	fset  *token.FileSet
	ast   *ast.File
	lines int
}

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.ast.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

func (s source) generated() bool { return ast.IsGenerated(s.ast) }

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, top := range []string{"cmd", "internal", "packaging"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || path == filepath.Join(root, "packaging", "tools")):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go"):
				return nil
			}
			s, err := parse(path)
			all = append(all, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d Go files found: the walk is broken", len(all))
	}
	return all
}

func parse(path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{
		path:  rel,
		pkg:   strings.TrimPrefix(filepath.ToSlash(filepath.Dir(rel)), "internal/"),
		test:  strings.HasSuffix(rel, "_test.go"),
		fset:  fset,
		ast:   file,
		lines: strings.Count(string(text), "\n"),
	}, err
}
