// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// errDiffers is a copy that is not what its command makes; how, was said.
var errDiffers = errors.New("the copy differs")

// vendored is a copy that stands in a directory.
type vendored struct {
	command command
	version string
	// files holds the text of its files by their names, with slashes.
	files map[string]string
}

// readCopy reads the copy in dir, or returns nil when there is none: a copy has
// files in dir itself. Other files may stand between its own.
func readCopy(dir string) (*vendored, error) {
	copied, err := identify(dir)
	if copied == nil {
		return nil, err
	}
	names, err := filesOf(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		cmd, _, ok := parseHeader(string(data))
		// Another copy may stand below this one.
		if ok && cmd.path == copied.command.path || name == "LICENSE" {
			copied.files[name] = string(data)
		}
	}
	return copied, nil
}

// identify returns the copy in dir without its files, or nil.
func identify(dir string) (*vendored, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if cmd, version, ok := parseHeader(string(data)); ok {
			return &vendored{command: cmd, version: version, files: map[string]string{}}, nil
		}
	}
	return nil, nil
}

// filesOf returns the names of the regular files below dir, with slashes.
func filesOf(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, full)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}

// vendor makes the copy of cmd in dir.
func vendor(dir string, cmd command, stdout io.Writer) error {
	if err := cmd.checkPath(); err != nil {
		return err
	}
	old, err := occupant(dir)
	if err != nil {
		return err
	}
	return write(dir, cmd, old, stdout)
}

// occupant returns the copy that dir holds, nil if dir is empty or not there,
// and an error when something else is in it.
func occupant(dir string) (*vendored, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil, nil
	case err != nil:
		return nil, err
	}
	old, err := readCopy(dir)
	if err == nil && old == nil {
		err = fmt.Errorf("%s is neither empty nor a copy made by sysvendor; name a new directory", dir)
	}
	return old, err
}

// generate returns the files that cmd makes, and the version of the module.
func generate(cmd command) (files map[string]string, version string, err error) {
	s, err := ownSources()
	if err != nil {
		return nil, "", err
	}
	c, err := choose(s, cmd)
	if err != nil {
		return nil, "", err
	}
	files, err = c.files()
	return files, c.version, err
}

func write(dir string, cmd command, old *vendored, stdout io.Writer) error {
	files, version, err := generate(cmd)
	if err != nil {
		return err
	}
	var former []string
	if old != nil {
		former = slices.Sorted(maps.Keys(old.files))
	}
	if err := install(dir, files, former); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	fmt.Fprintf(stdout, "%s: package %s in %d files, from %s %s\n", dir, cmd.path, len(files), module, version)
	return nil
}

// existing returns the copy in dir, which must be there.
func existing(dir string) (*vendored, error) {
	old, err := readCopy(dir)
	if err == nil && old == nil {
		err = fmt.Errorf("%s holds no copy made by sysvendor", dir)
	}
	return old, err
}

// renew makes the copy in dir once more, by its own command.
func renew(dir string, stdout io.Writer) error {
	old, err := existing(dir)
	if err != nil {
		return err
	}
	if err := old.command.checkPath(); err != nil {
		return err
	}
	return write(dir, old.command, old, stdout)
}

// compare tells how the copy in dir differs from what its command makes.
func compare(dir string, stdout io.Writer) error {
	old, err := existing(dir)
	if err != nil {
		return err
	}
	files, version, err := generate(old.command)
	if err != nil {
		return err
	}
	equal := true
	say := func(format string, args ...any) {
		equal = false
		fmt.Fprintf(stdout, format+"\n", args...)
	}
	if old.version != version {
		say("%s: copied from %s %s, this is %s", dir, module, old.version, version)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		got, err := os.ReadFile(full)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			say("%s: missing", full)
		case err != nil:
			return err
		case body(string(got), old.version) != body(files[name], version):
			say("%s: differs", full)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.files)) {
		if _, ok := files[name]; !ok {
			say("%s: no longer a part", filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	if !equal {
		fmt.Fprintf(stdout, "sysvendor -update %s makes it anew\n", dir)
		return errDiffers
	}
	return nil
}

// body is text without the version, which is one line's difference in every
// file and said once.
func body(text, version string) string {
	return strings.TrimPrefix(text, firstLine+version+firstEnd)
}
