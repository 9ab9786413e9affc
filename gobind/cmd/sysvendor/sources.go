// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"example.com/syshim/gobind"
)

const (
	// module is what is copied.
	module = "example.com/syshim/gobind"
	// root is the package that is copied in parts; the others go whole.
	root = "sys"
)

// ref names a declaration. Packages are named by their paths below module.
type ref struct{ pkg, name string }

// pkg is a package of the module.
type pkg struct {
	path  string
	files []*file
	// others are the files that are not Go: assembly and its headers.
	others []*other
	// units holds the declarations of each name, of which there may be one
	// per CPU, and under the name of a type also its methods.
	units map[string][]*unit
}

// sources are the packages that can be asked for, and those below them that
// they import.
type sources struct {
	fsys    fs.FS
	fset    *token.FileSet
	pkgs    map[string]*pkg
	targets []*target
}

// ownSources are those of this module.
var ownSources = sync.OnceValues(func() (*sources, error) {
	return readSources(gobind.Sources)
})

// readSources reads the packages of fsys that can be asked for.
func readSources(fsys fs.FS) (*sources, error) {
	s := &sources{fsys: fsys, fset: token.NewFileSet(), pkgs: map[string]*pkg{}}
	// The CPUs are those that call numbers are known of.
	numbers, _ := fs.Glob(fsys, root+"/znr_linux_*.go")
	for _, name := range numbers {
		_, arch, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_linux_")
		for _, race := range []bool{false, true} {
			s.targets = append(s.targets, newTarget(s, arch, race))
		}
	}
	for _, name := range packages(fsys) {
		if _, err := s.load(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// packages returns the names of the packages that can be asked for.
func packages(fsys fs.FS) (names []string) {
	docs, _ := fs.Glob(fsys, "*/doc.go")
	for _, doc := range docs {
		names = append(names, path.Dir(doc))
	}
	return names
}

// version returns that of the module.
func (s *sources) version() (string, error) {
	scope := s.targets[0].checked[root].Scope()
	v, ok := scope.Lookup("Version").(*types.Const)
	if !ok || v.Val().Kind() != constant.String {
		return "", fmt.Errorf("package %s has no Version", root)
	}
	return constant.StringVal(v.Val()), nil
}

// load parses the package at p, and finds what its declarations use.
func (s *sources) load(p string) (*pkg, error) {
	if found := s.pkgs[p]; found != nil {
		return found, nil
	}
	entries, err := fs.ReadDir(s.fsys, p)
	if err != nil {
		return nil, err
	}
	loaded := &pkg{path: p, units: map[string][]*unit{}}
	for _, entry := range entries {
		if err := loaded.read(s, entry.Name()); err != nil {
			return nil, err
		}
	}
	s.pkgs[p] = loaded
	for _, t := range s.targets {
		if err := t.check(loaded); err != nil {
			return nil, err
		}
	}
	return loaded, nil
}

// read adds one file, unless it is none of the package.
func (p *pkg) read(s *sources, name string) error {
	full := path.Join(p.path, name)
	switch path.Ext(name) {
	case ".go":
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		if seen, err := s.seen(p.path, name); err != nil || !seen {
			return err
		}
		src, err := fs.ReadFile(s.fsys, full)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(s.fset, full, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := newFile(s.fset.File(syntax.Pos()), name, src, syntax)
		p.files = append(p.files, f)
		for _, u := range f.all() {
			for _, n := range u.names {
				p.units[n] = append(p.units[n], u)
			}
		}
	case ".s", ".h":
		src, err := fs.ReadFile(s.fsys, full)
		if err != nil {
			return err
		}
		p.others = append(p.others, newOther(name, src))
	}
	return nil
}

// seen says whether any target compiles a file.
func (s *sources) seen(dir, name string) (bool, error) {
	for _, t := range s.targets {
		if match, err := t.build.MatchFile(dir, name); err != nil || match {
			return match, err
		}
	}
	return false, nil
}

// exported returns the exported names that p declares, sorted.
func (p *pkg) exported() (names []string) {
	for name, units := range p.units {
		declared := func(u *unit) bool { return u.method == "" }
		if ast.IsExported(name) && slices.ContainsFunc(units, declared) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// other is a file that is not Go.
type other struct {
	name string
	src  []byte
	// defines are the Go functions that it holds, uses the Go names that
	// it mentions.
	defines, uses []string
}

var (
	asmFunction = regexp.MustCompile(`(?m)^TEXT\s+·(\w+)`)
	asmName     = regexp.MustCompile(`(?:·|\bconst_)(\w+)`)
)

func newOther(name string, src []byte) *other {
	o := &other{name: name, src: src}
	for _, m := range asmFunction.FindAllSubmatch(src, -1) {
		o.defines = append(o.defines, string(m[1]))
	}
	for _, m := range asmName.FindAllSubmatch(src, -1) {
		o.uses = append(o.uses, string(m[1]))
	}
	return o
}
