// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// choice is what is copied.
type choice struct {
	sources *sources
	command command
	version string
	sys     *pkg
	whole   map[string]*pkg
	kept    map[*unit]bool
	has     map[ref]bool
}

// choose finds what the names of cmd stand for, and all that this needs.
func choose(s *sources, cmd command) (*choice, error) {
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	c := &choice{
		sources: s,
		command: cmd,
		version: version,
		sys:     s.pkgs[root],
		whole:   map[string]*pkg{},
		kept:    map[*unit]bool{},
		has:     map[ref]bool{},
	}
	var failed []error
	for _, name := range cmd.names {
		failed = append(failed, c.ask(name))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	for c.complete() {
	}
	return c, c.checkOrder()
}

func isPattern(name string) bool {
	return strings.ContainsAny(name, `*?[\`)
}

// ask adds what the user calls name.
func (c *choice) ask(name string) error {
	if slices.Contains(packages(c.sources.fsys), name) {
		c.addPackage(name)
		return nil
	}
	names := c.sys.exported()
	var match []string
	switch {
	case isPattern(name):
		for _, n := range names {
			ok, err := path.Match(name, n)
			if err != nil {
				return fmt.Errorf("%s: %w; write one like IORING_*", name, err)
			}
			if ok {
				match = append(match, n)
			}
		}
	case slices.Contains(names, name):
		match = []string{name}
	}
	if match == nil {
		return unknown(name, append(names, packages(c.sources.fsys)...))
	}
	for _, n := range match {
		c.add(ref{root, n})
		c.addConstants(n)
	}
	return nil
}

// add keeps a declaration and what it needs.
func (c *choice) add(r ref) {
	if r.pkg != root {
		c.addPackage(r.pkg)
		return
	}
	if c.has[r] {
		return
	}
	c.has[r] = true
	for _, u := range c.sys.units[r.name] {
		c.keep(u)
	}
	for _, o := range c.sys.others {
		if slices.Contains(o.defines, r.name) {
			c.addMentioned(o)
		}
	}
}

// addMentioned adds what assembly of sys speaks of.
func (c *choice) addMentioned(o *other) {
	for _, name := range o.uses {
		if c.sys.units[name] != nil {
			c.add(ref{root, name})
		}
	}
}

func (c *choice) keep(u *unit) {
	if c.kept[u] {
		return
	}
	c.kept[u] = true
	for r := range u.uses {
		c.add(r)
	}
	for p := range u.imports {
		below, ok := strings.CutPrefix(p, module+"/")
		if ok && below != root {
			c.addPackage(below)
		}
	}
}

// addPackage adds all of a package, and what it uses.
func (c *choice) addPackage(p string) {
	if c.whole[p] != nil {
		return
	}
	loaded := c.sources.pkgs[p]
	c.whole[p] = loaded
	for _, f := range loaded.files {
		for _, u := range f.all() {
			for _, name := range u.names {
				c.has[ref{p, name}] = true
			}
			c.keep(u)
		}
	}
}

// complete adds what nothing refers to, and says whether there was any: a
// declaration without a name (as an assertion) when all that it is about is
// there, and a function init when any of it is.
func (c *choice) complete() (more bool) {
	for _, u := range slices.Concat(c.sys.units["_"], c.sys.units["init"]) {
		if c.kept[u] {
			continue
		}
		n := 0
		for r := range u.uses {
			if c.has[r] {
				n++
			}
		}
		if n > 0 && (n == len(u.uses) || u.names[0] == "init") {
			c.keep(u)
			more = true
		}
	}
	return more
}

// addConstants adds the constants for callers of function name: the groups
// whose comment mentions its system call.
func (c *choice) addConstants(name string) {
	calls := c.calls(name, map[string]bool{})
	if len(calls) == 0 {
		return
	}
	mentioned := func(word string) bool { return calls[word] }
	for _, f := range c.sys.files {
		for _, u := range f.all() {
			if !u.isConst || !slices.ContainsFunc(u.about, mentioned) {
				continue
			}
			for _, n := range u.names {
				c.add(ref{root, n})
			}
		}
	}
}

// calls returns the system calls that function name makes, as in the numbers
// that it uses itself or by functions of this package.
func (c *choice) calls(name string, seen map[string]bool) map[string]bool {
	calls := map[string]bool{}
	for _, u := range c.sys.units[name] {
		if !u.isFunc || seen[name] {
			continue
		}
		calls[strings.ToLower(name)] = true
		for r := range u.uses {
			if number, ok := strings.CutPrefix(r.name, "SYS_"); ok {
				calls[strings.ToLower(number)] = true
			}
		}
	}
	if len(calls) == 0 {
		return calls
	}
	seen[name] = true
	for _, u := range c.sys.units[name] {
		for r := range u.uses {
			maps.Copy(calls, c.calls(r.name, seen))
		}
	}
	return calls
}

// checkOrder refuses an import path that a package cannot have, by its line
// "//sysvendor:before PATH REASON": it is initialised in the order of paths.
func (c *choice) checkOrder() error {
	for p, loaded := range c.whole {
		for _, f := range loaded.files {
			for _, line := range strings.Split(string(f.src), "\n") {
				args, ok := strings.CutPrefix(line, "//sysvendor:before ")
				if !ok {
					continue
				}
				before, reason, _ := strings.Cut(args, " ")
				if to, _ := c.moved(module + "/" + p); to >= before {
					return fmt.Errorf("%s needs an import path that sorts before %q: %s", p, before, reason)
				}
			}
		}
	}
	return nil
}

// moved returns the import path that a package of the module has in the copy.
func (c *choice) moved(from string) (to string, ok bool) {
	below, ok := strings.CutPrefix(from, module+"/")
	if !ok {
		return from, false
	}
	return path.Join(c.command.path, directory(below)), true
}

// directory returns where the files of package p are in the copy.
func directory(p string) string {
	if p == root {
		return ""
	}
	return p
}

// files returns the copy: the text of each file by its name.
func (c *choice) files() (map[string]string, error) {
	files := map[string]string{}
	licence, err := fs.ReadFile(c.sources.fsys, "LICENSE")
	if err != nil {
		return nil, err
	}
	files["LICENSE"] = string(licence)
	if err := c.copyPackage(files, c.sys, c.command.name()); err != nil {
		return nil, err
	}
	for p, loaded := range c.whole {
		if p == root {
			continue
		}
		if err := c.copyPackage(files, loaded, loaded.files[0].syntax.Name.Name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (c *choice) copyPackage(files map[string]string, p *pkg, name string) error {
	for _, f := range p.files {
		text, err := f.cut(c, name)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", p.path, f.name, err)
		}
		if text == nil {
			continue
		}
		if f.name == "doc.go" && name != path.Base(p.path) {
			text = []byte(renamed(string(text), path.Base(p.path), name))
		}
		files[path.Join(directory(p.path), f.name)] = string(text)
	}
	for _, o := range p.others {
		if c.whole[p.path] != nil || c.assembles(o) {
			text := withoutNotice(string(o.src))
			files[path.Join(directory(p.path), o.name)] = c.command.header(c.version) + text
		}
	}
	return nil
}

// assembles says whether a file of sys defines a function of the copy.
func (c *choice) assembles(o *other) bool {
	return slices.ContainsFunc(o.defines, func(name string) bool { return c.has[ref{root, name}] })
}

// renamed makes text speak of the package by its new name.
func renamed(text, from, to string) string {
	qualified := regexp.MustCompile(`\b` + from + `\.([A-Z])`)
	text = strings.Replace(text, "Package "+from+" ", "Package "+to+" ", 1)
	return qualified.ReplaceAllString(text, to+".$1")
}
