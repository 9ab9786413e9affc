// SPDX-License-Identifier: MIT

package main

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/syshim/gobind"
)

// goCommand runs the go command in dir, without a network and without cgo.
func goCommand(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOFLAGS=-mod=mod",
		"GOWORK=off", "GOTOOLCHAIN=local", "GOSUMDB=off")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q go %s: %v\n%s", env, strings.Join(args, " "), err, out)
	}
	return string(out)
}

const tag = "//go:build linux && (amd64 || arm64)\n\n"

// consumer makes a module with a copy of names, and a program.
func consumer(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, append([]string{"-dest", filepath.Join(dir, "internal", "sys"), "-import", app}, names...)...)
	put(t, filepath.Join(dir, "go.mod"), "module example.org/app\n\ngo 1.24\n")
	put(t, filepath.Join(dir, "main.go"), `package main

var hello = func() string { return "no such system" }

func main() { print(hello()) }
`)
	put(t, filepath.Join(dir, "hello_linux.go"), tag+`package main

import "example.org/app/internal/sys"

func init() { hello = pipe }

// pipe sends a word through a pipe.
func pipe() string {
	var p [2]int
	var params sys.IoUringParams
	buf := make([]byte, 10)
	if err := sys.Pipe2(p[:], sys.O_CLOEXEC); err != nil {
		return err.Error()
	}
	if _, err := sys.Write(p[1], []byte("hello")); err != nil {
		return err.Error()
	}
	n, err := sys.Read(p[0], buf)
	if err != nil {
		return err.Error()
	}
	if fd, err := sys.IoUringSetup(0, &params); fd != -1 || err == nil {
		return "a ring of nothing"
	}
	return string(buf[:n])
}
`)
	return dir
}

var pipeNames = []string{"Pipe2", "Read", "Write", "IoUringSetup"}

// emptyRoot runs a program where no other file is.
func emptyRoot(t *testing.T, program, want string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	root := t.TempDir()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "program"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/program")
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("it prints %q, %v; want %q", out, err, want)
	}
}

func TestProgramWithACopyRunsInAnEmptyRoot(t *testing.T) {
	dir := consumer(t, pipeNames...)
	goCommand(t, dir, nil, "build", "-o", "program", ".")
	emptyRoot(t, filepath.Join(dir, "program"), "hello")
}

// Every package of this module is used, so that every one is linked.
func TestProgramWithEveryPackageRunsInAnEmptyRoot(t *testing.T) {
	names := packages(gobind.Sources)
	dir := consumer(t, append(names, pipeNames...)...)
	imports := tag + "package main\n\nimport (\n"
	for _, name := range names {
		imports += "\t_ \"" + path.Join(app, directory(name)) + "\"\n"
	}
	put(t, filepath.Join(dir, "imports_linux.go"), imports+")\n")
	goCommand(t, dir, nil, "vet", "./...")
	goCommand(t, dir, nil, "build", "-o", "program", ".")
	goCommand(t, dir, []string{"GOARCH=arm64"}, "build", "./...")
	emptyRoot(t, filepath.Join(dir, "program"), "hello")
}

func TestConsumersAreVettedOnEverySystem(t *testing.T) {
	dir := consumer(t, append(packages(gobind.Sources), pipeNames...)...)
	for _, target := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64", "linux/riscv64", "linux/386"} {
		system, cpu, _ := strings.Cut(target, "/")
		goCommand(t, dir, []string{"GOOS=" + system, "GOARCH=" + cpu}, "vet", "./...")
	}
}

// A module that replaces this one by its directory.
func TestRunsThroughAReplacement(t *testing.T) {
	here, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "go.mod"), "module example.org/app\n\ngo 1.24\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+here+"\n")
	runsFrom(t, dir, nil, module+"/cmd/sysvendor")
}

// runsFrom copies by "go run program" in the module dir, and runs the command
// of the copy's header where it stands.
func runsFrom(t *testing.T, dir string, env []string, program string) {
	t.Helper()
	goCommand(t, dir, env, "run", program, "-dest", "internal/sys", "-import", app, "Read", "GRND_*")
	copied := filepath.Join(dir, "internal", "sys")
	must(t, "-check", copied)
	want := tree(t, copied)
	_, line, ok := strings.Cut(want["doc.go"], "// Command: go ")
	if !ok {
		t.Fatal("no command in doc.go")
	}
	line, _, _ = strings.Cut(line, "\n")
	args := strings.Fields(strings.ReplaceAll(line, "'", ""))
	args[1] = program
	goCommand(t, copied, env, args...)
	wantTree(t, copied, want)
	goCommand(t, dir, env, "run", program, "-check", "internal/sys")
	goCommand(t, dir, env, "run", program, "-update", "internal/sys")
}

// A module proxy that is a directory, as behind a firewall.
func TestRunsThroughAProxy(t *testing.T) {
	proxy := t.TempDir()
	writeProxy(t, filepath.Join(proxy, filepath.FromSlash(module), "@v"))
	env := []string{"GOPROXY=file://" + proxy, "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-mod=mod -modcacherw"}
	dir := t.TempDir()
	runsFrom(t, dir, env, module+"/cmd/sysvendor@v0.1.0")

	dir = t.TempDir()
	put(t, filepath.Join(dir, "go.mod"), "module example.org/app\n\ngo 1.24\n")
	goCommand(t, dir, env, "get", module+"@latest")
	runsFrom(t, dir, env, module+"/cmd/sysvendor")
	// What the program needs, and nothing else.
	if out := goCommand(t, dir, env, "list", "-m", "all"); out != "example.org/app\n"+module+" v0.1.0\n" {
		t.Errorf("modules: %s", out)
	}
}

// writeProxy writes this module as version 0.1.0 of itself.
func writeProxy(t *testing.T, dir string) {
	t.Helper()
	goMod, err := gobind.Sources.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "list"), "v0.1.0\n")
	put(t, filepath.Join(dir, "v0.1.0.info"), `{"Version": "v0.1.0"}`)
	put(t, filepath.Join(dir, "v0.1.0.mod"), string(goMod))
	archive, err := os.Create(filepath.Join(dir, "v0.1.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	w := zip.NewWriter(archive)
	err = fs.WalkDir(gobind.Sources, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := gobind.Sources.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := w.Create(module + "@v0.1.0/" + name)
		if err == nil {
			_, err = file.Write(data)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// make vendor-go says what is missing, and copies.
func TestMakeVendorGo(t *testing.T) {
	top := filepath.Join("..", "..", "..")
	if _, err := os.Stat(filepath.Join(top, "Makefile")); err != nil {
		t.Skip("this module stands alone, without a Makefile")
	}
	dir := filepath.Join(t.TempDir(), "a copy")
	variables := []string{"DEST=" + dir, "IMPORT=" + app, "ONLY=Pipe2 GRND_*"}
	vendorGo := func(variables ...string) ([]byte, error) {
		cmd := exec.Command("make", append([]string{"-C", top, "vendor-go"}, variables...)...)
		// Not what a make above this test was given.
		cmd.Env = append(os.Environ(), "MAKEFLAGS=")
		return cmd.CombinedOutput()
	}
	for i := range variables {
		out, err := vendorGo(slices.Delete(slices.Clone(variables), i, i+1)...)
		if err == nil || !strings.Contains(string(out), "usage: make vendor-go DEST=") {
			t.Errorf("without %s: %v\n%s", variables[i], err, out)
		}
	}
	if out, err := vendorGo(variables...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	must(t, "-check", dir)
}
