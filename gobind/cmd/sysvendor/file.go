// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// unit is the least that is copied: a function, or a specification within a
// declaration. Constants that count with iota are one unit.
type unit struct {
	// start and end are its part of the file, comments included.
	start, end int
	// names are what it declares; of a method, its type.
	names  []string
	method string
	// path is what an import declaration is for.
	path string
	// uses are the declarations of this module that it needs, imports the
	// packages.
	uses    map[ref]bool
	imports map[string]bool
	// about are the words of the comment above the declaration, which may
	// be of several units.
	about   []string
	isConst bool
	isFunc  bool // and no method
}

// decl is a declaration: what stands before its units, the units, and the rest.
type decl struct {
	start, end int
	units      []*unit
	isImport   bool
}

// file is a Go file. Its text is divided among the declarations, so that the
// comments between two of them belong to the second.
type file struct {
	name   string
	src    []byte
	syntax *ast.File
	tokens *token.File
	decls  []*decl
}

func newFile(tokens *token.File, name string, src []byte, syntax *ast.File) *file {
	f := &file{name: name, src: src, syntax: syntax, tokens: tokens}
	at := f.lineEnd(syntax.Name.End())
	for _, d := range syntax.Decls {
		end := f.lineEnd(d.End())
		f.decls = append(f.decls, f.newDecl(d, at, end))
		at = end
	}
	return f
}

func (f *file) offset(pos token.Pos) int {
	return f.tokens.Offset(pos)
}

// lineEnd returns the offset behind the line of pos.
func (f *file) lineEnd(pos token.Pos) int {
	at := f.offset(pos)
	if n := bytes.IndexByte(f.src[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(f.src)
}

func (f *file) newDecl(syntax ast.Decl, start, end int) *decl {
	d := &decl{start: start, end: end}
	one := func(names ...string) *unit {
		u := newUnit(start, end, names...)
		d.units = append(d.units, u)
		return u
	}
	switch syntax := syntax.(type) {
	case *ast.FuncDecl:
		if syntax.Recv == nil {
			one(syntax.Name.Name).isFunc = true
		} else {
			one(receiver(syntax.Recv.List[0].Type)).method = syntax.Name.Name
		}
	case *ast.GenDecl:
		d.isImport = syntax.Tok == token.IMPORT
		switch {
		case d.isImport && !syntax.Lparen.IsValid():
			start = f.offset(syntax.Specs[0].Pos())
			describe(one(), syntax.Specs[0])
		case syntax.Lparen.IsValid() && !counts(syntax):
			start = f.offset(syntax.Lparen) + 1
			for _, spec := range syntax.Specs {
				end = f.lineEnd(spec.End())
				describe(one(), spec)
				start = end
			}
		default:
			u := one()
			for _, spec := range syntax.Specs {
				describe(u, spec)
			}
		}
		about := words(syntax.Doc.Text())
		for _, u := range d.units {
			u.about = about
			u.isConst = syntax.Tok == token.CONST
		}
	}
	return d
}

// words returns what may be the name of a system call.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

func newUnit(start, end int, names ...string) *unit {
	return &unit{start: start, end: end, names: names, uses: map[ref]bool{}, imports: map[string]bool{}}
}

func describe(u *unit, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ImportSpec:
		u.path, _ = strconv.Unquote(spec.Path.Value)
		if spec.Name != nil && spec.Name.Name == "_" {
			u.names = []string{"_"}
		}
	case *ast.TypeSpec:
		u.names = append(u.names, spec.Name.Name)
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			u.names = append(u.names, name.Name)
		}
	}
}

// receiver returns the name of the type that a method is of.
func receiver(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return receiver(typ.X)
	case *ast.IndexExpr:
		return receiver(typ.X)
	case *ast.IndexListExpr:
		return receiver(typ.X)
	case *ast.Ident:
		return typ.Name
	}
	return "_"
}

// counts says whether the value of a constant depends on those before it.
func counts(d *ast.GenDecl) (found bool) {
	if d.Tok != token.CONST {
		return false
	}
	for _, spec := range d.Specs {
		if len(spec.(*ast.ValueSpec).Values) == 0 {
			return true
		}
	}
	ast.Inspect(d, func(n ast.Node) bool {
		ident, ok := n.(*ast.Ident)
		found = found || ok && ident.Name == "iota"
		return !found
	})
	return found
}

// all returns the units that are no imports.
func (f *file) all() (units []*unit) {
	for _, d := range f.decls {
		if !d.isImport {
			units = append(units, d.units...)
		}
	}
	return units
}

func (f *file) unitAt(offset int) *unit {
	units := f.all()
	i := sort.Search(len(units), func(i int) bool { return offset < units[i].end })
	if i < len(units) && units[i].start <= offset {
		return units[i]
	}
	return nil
}

// cut returns the file with the units that are kept, or nil when there are
// none of its own. Its package is called name.
func (f *file) cut(c *choice, name string) ([]byte, error) {
	units := f.all()
	imports := map[string]bool{}
	kept := 0
	for _, u := range units {
		if !c.kept[u] {
			continue
		}
		kept++
		for p := range u.imports {
			imports[p] = true
		}
	}
	if kept == 0 && len(units) > 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.WriteString(c.command.header(c.version) + "\n" + f.head() + "package " + name + "\n")
	for _, d := range f.decls {
		if d.isImport {
			f.putImports(&b, d, imports, c)
		} else {
			f.put(&b, d, c)
		}
	}
	return format.Source(b.Bytes())
}

// head returns the comments that stand before the package clause and are not
// about the file as a source of this module.
func (f *file) head() string {
	var b strings.Builder
	for _, group := range f.syntax.Comments {
		if group.Pos() > f.syntax.Package {
			break
		}
		text := string(f.src[f.offset(group.Pos()):f.offset(group.End())])
		if text = withoutNotice(text); text == "" {
			continue
		}
		if strings.HasPrefix(text, "//go:build ") {
			text = strings.Replace(text, " && "+copyTag, "", 1)
		}
		b.WriteString(text + "\n")
		if group != f.syntax.Doc {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// withoutNotice drops the lines for which a copy has lines of its own.
func withoutNotice(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "// SPDX-License-Identifier:") ||
			strings.HasPrefix(line, "// Code generated ")
	})
	return strings.Join(lines, "\n")
}

func (f *file) put(b *bytes.Buffer, d *decl, c *choice) {
	units := slices.DeleteFunc(slices.Clone(d.units), func(u *unit) bool { return !c.kept[u] })
	if len(units) == 0 {
		return
	}
	b.Write(f.src[d.start:d.units[0].start])
	for _, u := range units {
		b.Write(f.src[u.start:u.end])
	}
	b.Write(f.src[d.units[len(d.units)-1].end:d.end])
}

// putImports puts the imports that are used, from where the copy has them.
func (f *file) putImports(b *bytes.Buffer, d *decl, used map[string]bool, c *choice) {
	var specs []string
	for _, u := range d.units {
		if used[u.path] || slices.Contains(u.names, "_") {
			specs = append(specs, c.movedImport(string(f.src[u.start:u.end]), u.path))
		}
	}
	switch len(specs) {
	case 0:
	case 1:
		b.WriteString("\nimport " + strings.TrimSpace(specs[0]) + "\n")
	default:
		b.WriteString("\nimport (\n" + strings.TrimLeft(strings.Join(specs, ""), "\n") + ")\n")
	}
}

// movedImport rewrites the import of a package that is copied too.
func (c *choice) movedImport(spec, from string) string {
	to, ok := c.moved(from)
	if !ok {
		return spec
	}
	moved := strconv.Quote(to)
	unnamed := strings.HasPrefix(strings.TrimSpace(spec), `"`)
	if unnamed && path.Base(from) != path.Base(to) {
		moved = path.Base(from) + " " + moved
	}
	return strings.Replace(spec, strconv.Quote(from), moved, 1)
}
