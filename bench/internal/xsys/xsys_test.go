// SPDX-License-Identifier: MIT

// Package xsys compares gobind/sys with golang.org/x/sys/unix: what both have
// must have the same type, so that a port is a change of import.
package xsys

import (
	"go/build"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"testing"

	// What is compared, so that go.mod has it.
	_ "example.com/syshim/gobind/sys"
	_ "golang.org/x/sys/unix"
)

// differs says why something is not as in x/sys.
var differs = map[string]string{
	"CPUSet":        "x/sys's element has no exported name; both are words of 64 bits",
	"O_LARGEFILE":   "the kernel's value, as open(2) takes it; x/sys has glibc's 0",
	"PerfEventAttr": "two fields more, config3 of Linux 6.3 and config4 of 6.18",
	"Siginfo":       "with the fields of a child's end, which waitid(2) fills",
}

func load(t *testing.T, path string) *types.Scope {
	t.Helper()
	p, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.Scope()
}

// text is a type without package names, for ours and theirs are namesakes.
func text(typ types.Type) string {
	return types.TypeString(typ, func(*types.Package) string { return "" })
}

func TestWhatXsysHasToo(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			before := build.Default
			defer func() { build.Default = before }()
			build.Default.GOARCH = arch
			build.Default.CgoEnabled = false
			compare(t)
		})
	}
}

func compare(t *testing.T) {
	ours := load(t, "example.com/syshim/gobind/sys")
	theirs := load(t, "golang.org/x/sys/unix")
	same := 0
	for _, name := range ours.Names() {
		a, b := ours.Lookup(name), theirs.Lookup(name)
		if b == nil || !a.Exported() {
			continue
		}
		got, want := describe(a), describe(b)
		reason, listed := differs[name]
		switch {
		case got == want && listed:
			t.Errorf("%s is listed as different, and is not: %s", name, reason)
		case got != want && !listed:
			t.Errorf("%s: %s; in x/sys %s", name, got, want)
		case got == want:
			same++
		}
	}
	if same < 500 {
		t.Errorf("only %d names in common", same)
	}
	t.Logf("%d names are as in x/sys, %d are not", same, len(differs))
}

// describe is what a program sees of an object.
func describe(o types.Object) string {
	switch o := o.(type) {
	case *types.Const:
		kind := "const " + text(o.Type())
		if o.Val().Kind() == constant.Int {
			return kind + " " + o.Val().ExactString()
		}
		return kind
	case *types.Func:
		return signature(o.Type().(*types.Signature))
	case *types.TypeName:
		return "type " + underlying(o.Type().Underlying())
	}
	return text(o.Type())
}

// underlying leaves out what a program cannot name.
func underlying(typ types.Type) string {
	switch typ := typ.(type) {
	case *types.Struct:
		s := "struct "
		for f := range typ.Fields() {
			if f.Exported() {
				s += f.Name() + " " + text(f.Type()) + "; "
			}
		}
		return s
	case *types.Interface:
		s := "interface "
		for m := range typ.Methods() {
			if m.Exported() {
				s += m.Name() + signature(m.Signature()) + "; "
			}
		}
		return s
	}
	return text(typ)
}

// signature leaves the names of parameters and results out.
func signature(s *types.Signature) string {
	return "func" + tuple(s.Params()) + " " + tuple(s.Results())
}

func tuple(t *types.Tuple) string {
	s := "("
	for i := range t.Len() {
		s += text(t.At(i).Type()) + ","
	}
	return s + ")"
}
