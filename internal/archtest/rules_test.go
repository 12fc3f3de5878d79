package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// readsTime are the packages that may ask package time for the time: the
// clock itself, and programs that run outside the daemon.
func readsTime(f source) bool {
	return f.pkg == "clock" || f.pkg == "e2e" || strings.HasPrefix(f.pkg, "packaging/")
}

var timeFunctions = []string{"Now", "Sleep", "After", "Since", "Until", "Tick", "NewTimer", "NewTicker", "AfterFunc"}

func TestTimeComesFromTheClock(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || readsTime(f) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(timeFunctions, sel.Sel.Name) {
					t.Errorf("%s: time.%s: take the time from an injected clock", f.fset.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestNoInitAndNoPanic(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: init functions hide order: construct explicitly", f.fset.Position(n.Pos()))
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" {
					t.Errorf("%s: return an error instead of a panic", f.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func TestNoLeftovers(t *testing.T) {
	for _, f := range sources(t) {
		if f.pkg == "archtest" {
			continue
		}
		for _, group := range f.ast.Comments {
			for _, word := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(group.Text(), word) {
					t.Errorf("%s: %s in a comment: do it or leave it", f.fset.Position(group.Pos()), word)
				}
			}
		}
	}
}

// backgroundContexts are the packages that may make a context of their own;
// all others are given one.
var backgroundContexts = []string{"app", "cmd/hookaido"}

func TestContextsComeFromTheCaller(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || slices.Contains(backgroundContexts, f.pkg) || f.pkg == "e2e" || strings.HasPrefix(f.pkg, "packaging/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "context" && (sel.Sel.Name == "Background" || sel.Sel.Name == "TODO") {
					t.Errorf("%s: context.%s: take the caller's context", f.fset.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestExportedNamesAreDocumented holds exported top-level names to a comment.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && receiverExported(d) && d.Doc == nil {
					t.Errorf("%s: %s has no comment", f.fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				if d.Tok == token.TYPE && d.Doc == nil {
					for _, spec := range d.Specs {
						if ts := spec.(*ast.TypeSpec); ts.Name.IsExported() && ts.Doc == nil {
							t.Errorf("%s: %s has no comment", f.fset.Position(ts.Pos()), ts.Name.Name)
						}
					}
				}
			}
		}
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	all := sources(t)
	for _, f := range all {
		documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}
