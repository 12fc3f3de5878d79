package archtest

import (
	"go/ast"
	"strings"
	"testing"
)

// The hard limits. To go past one, add a line to raised with the reason.
const (
	maxFile       = 400
	maxTestFile   = 800
	maxFunction   = 60
	maxMain       = 40
	maxInterface  = 5
	maxParameters = 4
)

// raised has the exceptions: file, or file:function, and why.
var raised = map[string]string{}

func TestFileSizes(t *testing.T) {
	for _, f := range sources(t) {
		limit := maxFile
		if f.test {
			limit = maxTestFile
		}
		if f.lines > limit && !f.generated() && raised[f.path] == "" {
			t.Errorf("%s has %d lines, the limit is %d: split it by subject", f.path, f.lines, limit)
		}
	}
}

func TestFunctionSizes(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.generated() {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil || raised[f.path+":"+fn.Name.Name] != "" {
				continue
			}
			limit := maxFunction
			if f.ast.Name.Name == "main" && fn.Name.Name == "main" {
				limit = maxMain
			}
			if n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1; n > limit {
				t.Errorf("%s: %s has %d lines, the limit is %d", f.path, fn.Name.Name, n, limit)
			}
			if n := parameters(fn); n > maxParameters {
				t.Errorf("%s: %s has %d parameters, the limit is %d: use an options struct", f.path, fn.Name.Name, n, maxParameters)
			}
		}
	}
}

// parameters counts the parameters of fn, but not a list of any length at the
// end, which is one thing to the reader.
func parameters(fn *ast.FuncDecl) int {
	n := fn.Type.Params.NumFields()
	if n == 0 {
		return 0
	}
	last := fn.Type.Params.List[len(fn.Type.Params.List)-1]
	if _, variadic := last.Type.(*ast.Ellipsis); variadic {
		n--
	}
	return n
}

func TestInterfacesAreSmall(t *testing.T) {
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if it, ok := spec.Type.(*ast.InterfaceType); ok && it.Methods.NumFields() > maxInterface {
				t.Errorf("%s: interface %s has %d methods, the limit is %d", f.path, spec.Name.Name, it.Methods.NumFields(), maxInterface)
			}
			return true
		})
	}
}

func TestExceptionsAreStillNeeded(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range sources(t) {
		seen[f.path] = true
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				seen[f.path+":"+fn.Name.Name] = true
			}
		}
	}
	for key, reason := range raised {
		if !seen[key] || strings.TrimSpace(reason) == "" {
			t.Errorf("the exception for %q names nothing that exists, or has no reason", key)
		}
	}
}
