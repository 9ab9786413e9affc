// SPDX-License-Identifier: MIT

package gobind_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"

	"example.com/syshim/gobind"
)

// parse calls see with the files of that pattern, or, with tests false, with
// those of them that are no tests.
func parse(t *testing.T, pattern string, tests bool, see func(*ast.File)) {
	t.Helper()
	names, err := fs.Glob(gobind.Sources, pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !tests && strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(gobind.Sources, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		see(file)
	}
}

// exportedTypes are the names of the types that a package offers, without the
// kernel's structures, which are generated and described in its manual.
func exportedTypes(t *testing.T, pkg string) map[string]bool {
	types := map[string]bool{}
	parse(t, pkg+"/[^z]*.go", false, func(file *ast.File) {
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				if name := spec.(*ast.TypeSpec).Name; name.IsExported() {
					types[name.Name] = true
				}
			}
		}
	})
	return types
}

// shown are the names of a package that the files with its examples use.
func shown(t *testing.T, pkg string) map[string]bool {
	names := map[string]bool{}
	parse(t, pkg+"/example*_test.go", true, func(file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if name, ok := strings.CutPrefix(n.Name.Name, "Example"); ok {
					names[name] = true
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == pkg {
					names[n.Sel.Name] = true
				}
			}
			return true
		})
	})
	return names
}

func TestEveryExportedTypeIsInAnExample(t *testing.T) {
	for _, pkg := range []string{"sys", "uring", "aio", "spawn"} {
		types := exportedTypes(t, pkg)
		if len(types) == 0 {
			t.Errorf("package %s has no type", pkg)
		}
		examples := shown(t, pkg)
		for name := range types {
			if !examples[name] {
				t.Errorf("no example of package %[1]s is called after, or uses, %[1]s.%[2]s", pkg, name)
			}
		}
	}
}
