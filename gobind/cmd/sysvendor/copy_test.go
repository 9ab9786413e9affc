// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// call runs sysvendor and returns what it printed.
func call(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, diag bytes.Buffer
	err = run(args, &out, &diag)
	if err != nil && diag.Len() > 0 {
		err = errors.Join(err, errors.New(diag.String()))
	}
	return out.String(), err
}

func must(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	stdout, err := call(t, args...)
	if err != nil {
		t.Fatalf("sysvendor %q: %v%s", args, err, stdout)
	}
	return stdout
}

// tree returns the files below dir, directories with a slash behind.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if err != nil || entry.IsDir() {
			found[name+"/"] = ""
			return err
		}
		data, err := os.ReadFile(full)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := tree(t, dir)
	if maps.Equal(got, want) {
		return
	}
	t.Errorf("%s has %q, want %q, or their texts differ", dir,
		slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestEqualCommandsMakeEqualCopies(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "new", "below", "b")
	must(t, "-dest", a, "-import", app, "uring", "Pipe2", "Get*")
	must(t, "-dest", b, "-import", app, "uring Pipe2\nGet*")
	want := tree(t, a)
	wantTree(t, b, want)
	must(t, "-dest", a, "-import", app, "uring", "Pipe2", "Get*")
	wantTree(t, a, want)
	must(t, "-update", a)
	wantTree(t, a, want)
	t.Chdir(b)
	must(t, "-check")
	must(t, "-update")
	wantTree(t, b, want)
	info, err := os.Stat(b)
	if err != nil || info.Mode().Perm()&0o500 != 0o500 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestCheckNamesWhatDiffers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sys")
	must(t, "-dest", dir, "-import", app, "uring", "O_*")
	if out := must(t, "-check", dir); out != "" {
		t.Errorf("of a good copy it says %q", out)
	}
	fresh := tree(t, dir)
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	header := command{app, []string{"O_*"}}.header("0.1.0")

	for _, tc := range []struct {
		name, want string
		spoil      func()
	}{
		{"edited", at("zsys_linux.go") + ": differs\n", func() { put(t, at("zsys_linux.go"), fresh["zsys_linux.go"]+"\n") }},
		{"edited below", at("uring/doc.go") + ": differs\n", func() { put(t, at("uring/doc.go"), fresh["uring/doc.go"]+"\n") }},
		{"header", at("base_linux.go") + ": differs\n", func() {
			put(t, at("base_linux.go"), strings.Replace(fresh["base_linux.go"], "MIT", "none", 1))
		}},
		{"licence", at("LICENSE") + ": differs\n", func() { put(t, at("LICENSE"), "mine\n") }},
		{"removed", at("base_linux.go") + ": missing\n", func() { os.Remove(at("base_linux.go")) }},
		{"too many", at("old_linux.go") + ": no longer a part\n", func() { put(t, at("old_linux.go"), header) }},
		{"first file removed", at("doc.go") + ": missing\n", func() { os.Remove(at("doc.go")) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.spoil()
			out, err := call(t, "-check", dir)
			if !errors.Is(err, errDiffers) {
				t.Errorf("error %v", err)
			}
			if want := tc.want + "sysvendor -update " + dir + " makes it anew\n"; out != want {
				t.Errorf("it says %q, want %q", out, want)
			}
			must(t, "-update", dir)
			wantTree(t, dir, fresh)
		})
	}
}

// The files of another version differ in their first lines, which is said once,
// and in what has changed since.
func TestCheckTellsTheVersions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sys")
	must(t, "-dest", dir, "-import", app, "Read")
	fresh := tree(t, dir)
	for name, text := range fresh {
		if strings.HasSuffix(name, ".go") {
			put(t, filepath.Join(dir, name), strings.Replace(text, " 0.1.0;", " 0.0.9;", 1))
		}
	}
	doc := filepath.Join(dir, "doc.go")
	put(t, doc, strings.Replace(tree(t, dir)["doc.go"], "Package sys", "A package", 1))
	out, err := call(t, "-check", dir)
	want := dir + ": copied from " + module + " 0.0.9, this is 0.1.0\n" + doc + ": differs\n" +
		"sysvendor -update " + dir + " makes it anew\n"
	if !errors.Is(err, errDiffers) || out != want {
		t.Errorf("it says %q, %v; want %q", out, err, want)
	}
	must(t, "-update", dir)
	wantTree(t, dir, fresh)
}

func TestFormerCopyIsReplacedAndOtherFilesStay(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "sys")
	must(t, "-dest", dir, "-import", app, "uring", "Pipe2")
	// A package, a test and another copy that somebody put there.
	put(t, filepath.Join(dir, "sys_test.go"), "package sys\n")
	put(t, filepath.Join(dir, "extra", "extra.go"), "package extra\n")
	must(t, "-dest", filepath.Join(dir, "other"), "-import", app+"/other", "Read")
	must(t, "-dest", dir, "-import", app, "Getpid")
	got := tree(t, dir)
	for name, there := range map[string]bool{
		"sys_test.go": true, "extra/extra.go": true, "other/zsys_linux.go": true,
		"zsys_linux.go": true, "uring/": false, "fd_linux.go": false,
	} {
		if _, ok := got[name]; ok != there {
			t.Errorf("%s is there: %v, want %v", name, ok, there)
		}
	}
	must(t, "-check", dir)
	must(t, "-check", filepath.Join(dir, "other"))
	// Another import path is another command, for the same place.
	must(t, "-dest", dir, "-import", "example.org/moved/sys", "Getpid")
	must(t, "-check", dir)
	if names := slices.Sorted(maps.Keys(tree(t, parent))); slices.ContainsFunc(names, func(name string) bool {
		return strings.Contains(name, ".sysvendor")
	}) {
		t.Errorf("left over: %q", names)
	}
}

func TestMistakesAreExplainedAndChangeNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "full", "mine.txt"), "mine")
	put(t, filepath.Join(dir, "file"), "mine")
	must(t, "-dest", filepath.Join(dir, "copy"), "-import", app, "Getpid")
	put(t, filepath.Join(dir, "copy", "fd_linux.go"), "package sys\n")
	before := tree(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }

	for _, tc := range []struct {
		want string
		args []string
	}{
		{"Pipe3 is unknown; near it are: Pipe, Pipe2", []string{"-dest", at("new"), "-import", app, "Read", "Pipe3"}},
		{"io_uring_setup is unknown; near it are: IoUringSetup", []string{"-dest", at("new"), "-import", app, "io_uring_setup"}},
		{"SYS_EPOLLCTL is unknown; near it are: SYS_EPOLL_CTL", []string{"-dest", at("new"), "-import", app, "SYS_EPOLLCTL"}},
		{"urin is unknown; near it are: uring", []string{"-dest", at("new"), "-import", app, "urin"}},
		{"base is unknown", []string{"-dest", at("new"), "-import", app, "base"}},
		{"Xylophone is unknown, and no name is near it", []string{"-dest", at("new"), "-import", app, "Xylophone"}},
		{"IORNG_* matches no name", []string{"-dest", at("new"), "-import", app, "IORNG_*"}},
		{"O_[: syntax error in pattern", []string{"-dest", at("new"), "-import", app, "O_["}},
		{"-dest is missing", []string{"-import", app, "Read"}},
		{"-import is missing", []string{"-dest", at("new"), "Read"}},
		{"no names are given", []string{"-dest", at("new"), "-import", app, " "}},
		{"flag provided but not defined: -only", []string{"-only", "Read"}},
		{"stand alone", []string{"-check", "-dest", at("copy")}},
		{"stand alone", []string{"-check", "-update", at("copy")}},
		{`"/a/b" is no import path`, []string{"-dest", at("new"), "-import", "/a/b", "Read"}},
		{`"a//b" is no import path`, []string{"-dest", at("new"), "-import", "a//b", "Read"}},
		{`"../b" is no import path`, []string{"-dest", at("new"), "-import", "../b", "Read"}},
		{`"a b/c" is no import path`, []string{"-dest", at("new"), "-import", "a b/c", "Read"}},
		{`the package cannot be called "my-sys"`, []string{"-dest", at("new"), "-import", "a.org/my-sys", "Read"}},
		{`the package cannot be called "type"`, []string{"-dest", at("new"), "-import", "a.org/type", "Read"}},
		{`the package cannot be called "main"`, []string{"-dest", at("new"), "-import", "a.org/main", "Read"}},
		{"write an import path of your own", []string{"-dest", at("new"), "-import", module + "/sys", "Read"}},
		{"neither empty nor a copy", []string{"-dest", at("full"), "-import", app, "Read"}},
		{"file: not a directory", []string{"-dest", at("file"), "-import", app, "Read"}},
		{"file/sys: not a directory", []string{"-dest", at("file/sys"), "-import", app, "Read"}},
		{"fd_linux.go: the file is not one of sysvendor's; nothing was changed", []string{"-dest", at("copy"), "-import", app, "Getpid", "Pipe2"}},
		// A copy stands below it.
		{"neither empty nor a copy", []string{"-dest", at(""), "-import", app, "Read"}},
		{"holds no copy", []string{"-check", at("")}},
		{"holds no copy", []string{"-update", at("")}},
		{"holds no copy", []string{"-check", at("full")}},
		{"holds no copy", []string{"-update", at("full")}},
		{"no such file", []string{"-check", at("new")}},
	} {
		_, err := call(t, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("sysvendor %q: %v, want %s", tc.args, err, tc.want)
		}
		wantTree(t, dir, before)
	}
}

func TestNearestNamesComeFirst(t *testing.T) {
	names := []string{"Pread", "Pwrite", "Read", "Readv", "Write"}
	for name, want := range map[string]string{
		"reads": "Read Readv", "pRead": "Pread Read", "X": "", "PWRITE64": "Pwrite",
		"Raed": "Read", "wrtie": "Write",
	} {
		if got := strings.Join(nearest(name, names), " "); got != want {
			t.Errorf("nearest to %s: %q, want %q", name, got, want)
		}
	}
}
