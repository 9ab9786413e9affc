// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/syshim/gobind"
)

const app = "example.org/app/internal/sys"

func makeReal(t *testing.T, names ...string) map[string]string {
	t.Helper()
	files, _, err := generate(command{app, names})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// stdlib is the standard library by its sources, each package read once, with
// what there is under -race only.
type stdlib struct {
	sources types.Importer
	done    map[string]*types.Package
}

var library = sync.OnceValue(func() *stdlib {
	build.Default.GOOS = "linux"
	build.Default.CgoEnabled = false
	build.Default.BuildTags = []string{"race"}
	return &stdlib{importer.ForCompiler(token.NewFileSet(), "source", nil), map[string]*types.Package{}}
})

func (l *stdlib) Import(name string) (*types.Package, error) {
	if done := l.done[name]; done != nil {
		return done, nil
	}
	done, err := l.sources.Import(name)
	if err == nil {
		l.done[name] = done
	}
	return done, err
}

// checker compiles a copy as the go command would for one CPU, but for the code
// that it makes.
type checker struct {
	files map[string]string
	build build.Context
	fset  *token.FileSet
	done  map[string]*types.Package
}

func newChecker(files map[string]string, arch string, race bool) *checker {
	k := &checker{files: files, build: build.Default, fset: token.NewFileSet(), done: map[string]*types.Package{}}
	k.build.GOOS, k.build.GOARCH, k.build.CgoEnabled = "linux", arch, false
	k.build.BuildTags = nil
	if race {
		k.build.BuildTags = []string{"race"}
	}
	k.build.JoinPath = path.Join
	k.build.OpenFile = func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(files[name])), nil
	}
	return k
}

func (k *checker) Import(name string) (*types.Package, error) {
	below, ok := strings.CutPrefix(name, app)
	if !ok {
		return library().Import(name)
	}
	if done := k.done[name]; done != nil {
		return done, nil
	}
	dir := path.Join(".", strings.TrimPrefix(below, "/"))
	var files []*ast.File
	for file, text := range k.files {
		if path.Dir(file) != dir || path.Ext(file) != ".go" {
			continue
		}
		match, err := k.build.MatchFile(dir, path.Base(file))
		if err != nil {
			return nil, err
		}
		if !match {
			continue
		}
		syntax, err := parser.ParseFile(k.fset, file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, syntax)
	}
	config := types.Config{Importer: k, GoVersion: "go1.24", Sizes: types.SizesFor("gc", k.build.GOARCH)}
	done, err := config.Check(name, k.fset, files, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.build.GOARCH, err)
	}
	k.done[name] = done
	return done, nil
}

// compiles checks every package of a copy for every target, and returns the
// package that is made of sys.
func compiles(t *testing.T, files map[string]string) (sys *types.Package) {
	t.Helper()
	variants := []bool{false}
	for name := range files {
		if path.Base(name) == "race_linux.go" {
			variants = []bool{true, false}
		}
	}
	for _, arch := range []string{"arm64", "amd64"} {
		for _, race := range variants {
			k := newChecker(files, arch, race)
			for name := range files {
				if path.Base(name) != "doc.go" {
					continue
				}
				if _, err := k.Import(path.Join(app, path.Dir(name))); err != nil {
					t.Error(err)
				}
			}
			sys = k.done[app]
		}
	}
	return sys
}

func TestEveryNameCanBeCopiedAlone(t *testing.T) {
	s, err := ownSources()
	if err != nil {
		t.Fatal(err)
	}
	names := s.pkgs[root].exported()
	if len(names) < 500 {
		t.Fatalf("package sys has %d names", len(names))
	}
	for _, name := range names {
		files := makeReal(t, name)
		sys := compiles(t, files)
		if sys == nil {
			t.Fatalf("%s: no package", name)
		}
		if sys.Scope().Lookup(name) == nil && !strings.Contains(files["zconst_linux_arm64.go"], name) {
			t.Errorf("%s is not in its copy", name)
		}
		if t.Failed() {
			t.Fatalf("%s alone does not compile", name)
		}
	}
}

func TestEveryPackageCanBeCopiedAlone(t *testing.T) {
	for _, name := range packages(gobind.Sources) {
		files := makeReal(t, name)
		if compiles(t, files) == nil {
			t.Fatalf("%s: no package", name)
		}
		if name != root && files[name+"/doc.go"] == "" {
			t.Errorf("%s is not in its copy", name)
		}
		for file, text := range files {
			if strings.Contains(text, `"`+module) {
				t.Errorf("%s: %s imports what was copied", name, file)
			}
		}
	}
}

// Every file of sys is seen by a target, else names in it would be missed.
func TestTargetsSeeEveryFile(t *testing.T) {
	s, err := ownSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.pkgs[root].files {
		seen := slices.ContainsFunc(s.targets, func(target *target) bool {
			match, err := target.build.MatchFile(root, f.name)
			return err == nil && match
		})
		if !seen {
			t.Errorf("no target sees %s", f.name)
		}
	}
}

func TestModuleIsCalledAsInGoMod(t *testing.T) {
	data, err := gobind.Sources.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if line, _, _ := strings.Cut(string(data), "\n"); line != "module "+module {
		t.Errorf("go.mod says %q", line)
	}
}

func TestCallersGetTheConstantsOfTheirCall(t *testing.T) {
	for name, want := range map[string]string{
		"Pipe2":         "O_CLOEXEC O_NONBLOCK O_DIRECT",
		"Openat":        "AT_FDCWD O_RDONLY O_CREAT O_TMPFILE",
		"MemfdCreate":   "MFD_CLOEXEC",
		"Mmap":          "PROT_READ MAP_ANONYMOUS",
		"FcntlInt":      "F_GETFL FD_CLOEXEC",
		"Seek":          "SEEK_END",
		"Statx":         "STATX_BTIME AT_EMPTY_PATH S_IFDIR",
		"Socket":        "AF_INET SOCK_STREAM SOCK_CLOEXEC IPPROTO_TCP",
		"Accept4":       "SOCK_NONBLOCK",
		"SetsockoptInt": "SOL_SOCKET SO_REUSEADDR",
		"Recvfrom":      "MSG_PEEK",
		"Shutdown":      "SHUT_WR",
		"Ppoll":         "POLLIN",
		"EpollWait":     "EPOLLIN",
		"EpollCtl":      "EPOLL_CTL_ADD EPOLLET",
		"ClockGettime":  "CLOCK_MONOTONIC",
		"Prlimit":       "RLIMIT_NOFILE",
		"Setrlimit":     "RLIMIT_NOFILE",
		"Kill":          "SIGTERM",
		"Wait4":         "WNOHANG",
		"IoUringSetup":  "IORING_SETUP_SQPOLL IORING_FEAT_NODROP",
		"IoUringEnter":  "IORING_ENTER_GETEVENTS",
	} {
		t.Run(name, func(t *testing.T) {
			sys := compiles(t, makeReal(t, name))
			for _, constant := range strings.Fields(want) {
				if sys.Scope().Lookup(constant) == nil {
					t.Errorf("%s is missing", constant)
				}
			}
		})
	}
	if files := makeReal(t, "Read"); strings.Contains(files["zconst_linux.go"], "const") {
		t.Errorf("Read has constants:\n%s", files["zconst_linux.go"])
	}
}

func TestCopyIsFormattedAndCommented(t *testing.T) {
	files := makeReal(t, "*", "O_*")
	for name, text := range files {
		if path.Ext(name) != ".go" {
			continue
		}
		formatted, err := format.Source([]byte(text))
		if err != nil || string(formatted) != text {
			t.Errorf("%s is not formatted: %v", name, err)
		}
		for _, lost := range []string{"gen/spec", "go:linkname", "SPDX-License-Identifier: MIT\n//go:build"} {
			if strings.Contains(text, lost) {
				t.Errorf("%s has %q", name, lost)
			}
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.IsExported() && !strings.HasPrefix(f.Doc.Text(), f.Name.Name+" ") {
				t.Errorf("%s: %s has the comment %q", name, f.Name.Name, f.Doc.Text())
			}
		}
	}
}
