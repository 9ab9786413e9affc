// SPDX-License-Identifier: MIT

package main

import (
	"go/ast"
	"go/build"
	"go/types"
	"io"
	"path"
	"regexp"
	"strings"
)

// target is one of the systems that a package is compiled for, each of which
// sees files of its own. What any of them uses is copied.
type target struct {
	sources *sources
	build   build.Context
	checked map[string]*types.Package
}

// copyTag is the build tag that holds for every copy, so that its files need
// not name it: linkname, which reaches into the Go runtime, is never copied.
const copyTag = "nolinkname"

func newTarget(s *sources, arch string, race bool) *target {
	t := &target{sources: s, build: build.Default, checked: map[string]*types.Package{}}
	t.build.GOOS = "linux"
	t.build.GOARCH = arch
	t.build.CgoEnabled = false
	t.build.BuildTags = []string{copyTag}
	if race {
		t.build.BuildTags = append(t.build.BuildTags, "race")
	}
	t.build.JoinPath = path.Join
	t.build.OpenFile = func(name string) (io.ReadCloser, error) {
		return s.fsys.Open(name)
	}
	return t
}

// check resolves the names in p. Of the standard library it knows nothing, and
// of the many errors that follow none matters: a name that is declared in this
// module is found all the same.
func (t *target) check(p *pkg) error {
	var files []*ast.File
	for _, f := range p.files {
		match, err := t.build.MatchFile(p.path, f.name)
		if err != nil {
			return err
		}
		if match {
			files = append(files, f.syntax)
		}
	}
	config := types.Config{
		Importer: t,
		Error:    func(error) {},
		Sizes:    types.SizesFor("gc", t.build.GOARCH),
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	checked, _ := config.Check(path.Join(module, p.path), t.sources.fset, files, &info)
	t.checked[p.path] = checked
	for ident, object := range info.Uses {
		p.note(ident, object)
	}
	return nil
}

var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// Import is for package types.
func (t *target) Import(name string) (*types.Package, error) {
	if name == "unsafe" {
		return types.Unsafe, nil
	}
	if below, ok := strings.CutPrefix(name, module+"/"); ok {
		if _, err := t.sources.load(below); err != nil {
			return nil, err
		}
		return t.checked[below], nil
	}
	empty := types.NewPackage(name, path.Base(majorVersion.ReplaceAllString(name, "")))
	empty.MarkComplete()
	return empty, nil
}

// note adds object to what is used at ident.
func (p *pkg) note(ident *ast.Ident, object types.Object) {
	u := p.unitAt(ident)
	if u == nil || object.Pkg() == nil {
		return
	}
	if imported, ok := object.(*types.PkgName); ok {
		u.imports[imported.Imported().Path()] = true
		return
	}
	below, ok := strings.CutPrefix(object.Pkg().Path(), module+"/")
	if ok && object.Parent() == object.Pkg().Scope() {
		u.uses[ref{below, object.Name()}] = true
	}
}

func (p *pkg) unitAt(ident *ast.Ident) *unit {
	for _, f := range p.files {
		if f.syntax.FileStart <= ident.Pos() && ident.Pos() < f.syntax.FileEnd {
			return f.unitAt(f.offset(ident.Pos()))
		}
	}
	return nil
}
