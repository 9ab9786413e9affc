// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// install puts files into dir, where the former files stood. All are written
// beside their places first, and then moved: when it fails, dir is as it was.
func install(dir string, files map[string]string, former []string) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	_, err = os.Stat(dir)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return err
	}
	var u undo
	defer func() {
		if err != nil {
			u.run()
		}
	}()
	beside := dir
	if fresh {
		beside = filepath.Dir(dir)
		if err := u.mkdirAll(beside); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp(beside, ".sysvendor-")
	if err != nil {
		return err
	}
	// It is gone before the directories that were made for it.
	u.add(func() { os.RemoveAll(work) })
	written := filepath.Join(work, "new")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writeFile(filepath.Join(written, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	if fresh {
		err = os.Rename(written, dir)
	} else {
		err = swap(&u, dir, written, filepath.Join(work, "old"), slices.Sorted(maps.Keys(files)), former)
	}
	if err != nil {
		return err
	}
	u = undo{}
	return os.RemoveAll(work)
}

func writeFile(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o666)
}

// swap moves the former files of dir to old, and the files of written to dir.
func swap(u *undo, dir, written, old string, files, former []string) error {
	for _, name := range former {
		name = filepath.FromSlash(name)
		if err := u.move(filepath.Join(dir, name), filepath.Join(old, name)); err != nil {
			return err
		}
	}
	for _, name := range files {
		name = filepath.FromSlash(name)
		to := filepath.Join(dir, name)
		if _, err := os.Lstat(to); err == nil {
			return &fs.PathError{Op: "replace", Path: to, Err: errors.New("the file is not one of sysvendor's")}
		}
		if err := u.move(filepath.Join(written, name), to); err != nil {
			return err
		}
	}
	for _, name := range former {
		// Directories that have become empty; others stay, with an error.
		for d := filepath.Dir(filepath.FromSlash(name)); d != "."; d = filepath.Dir(d) {
			os.Remove(filepath.Join(dir, d))
		}
	}
	return nil
}

// undo is what takes back the steps that were done, the last one first.
type undo struct {
	steps []func()
}

func (u *undo) add(step func()) {
	u.steps = append(u.steps, step)
}

func (u *undo) run() {
	for _, step := range slices.Backward(u.steps) {
		step()
	}
}

// mkdirAll makes dir and what it is in.
func (u *undo) mkdirAll(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err := u.mkdirAll(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
	}
	switch {
	case err == nil:
		u.add(func() { os.Remove(dir) })
	case errors.Is(err, fs.ErrExist):
		return nil
	}
	return err
}

// move renames a file, into a directory that need not exist.
func (u *undo) move(from, to string) error {
	if err := u.mkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	u.add(func() { os.Rename(to, from) })
	return nil
}
