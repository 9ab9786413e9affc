// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A rowName is a row's name in its parts. The work is the name without lang,
// impl and engine, which tell its rivals apart.
type rowName struct {
	full, work         string
	lang, impl, engine string
	params             map[string]string
}

// parseName takes Benchmark<Work>/key=value/... apart.
func parseName(full string) (rowName, error) {
	parts := strings.Split(full, "/")
	n := rowName{full: full, work: parts[0], params: map[string]string{}}
	if !strings.HasPrefix(full, "Benchmark") || strings.ContainsAny(full, " \t") {
		return n, fmt.Errorf("%q is not a row's name", full)
	}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" || value == "" {
			return n, fmt.Errorf("%q in row %q is not key=value", part, full)
		}
		switch key {
		case "lang":
			n.lang = value
		case "impl":
			n.impl = value
		case "engine":
			n.engine = value
		default:
			n.params[key] = value
			n.work += "/" + part
		}
	}
	if n.lang == "" || n.impl == "" {
		return n, fmt.Errorf("row %q lacks lang or impl", full)
	}
	return n, nil
}

// rival is what tells the row from others of its work.
func (n *rowName) rival() string {
	return strings.TrimSpace(n.lang + " " + n.impl + " " + n.engine)
}

// param is the number of a parameter, 0 when there is none.
func (n *rowName) param(key string) int {
	v, _ := strconv.Atoi(n.params[key])
	return v
}

// isServer tells whether the row is a server, whose load a client makes.
func (n *rowName) isServer() bool {
	return n.param("conns") > 0
}

// references are the rivals that rows without an engine are compared with;
// README.md lists them, too.
var references = map[string]string{
	"c shim":      "c libc",
	"c uring":     "c liburing",
	"c fio":       "c liburing",
	"go sys":      "go xsys",
	"go syscall":  "go xsys",
	"go cgo":      "go xsys",
	"go spawn":    "go os_exec",
	"go forkexec": "go os_exec",
	"go uring":    "go aio io_uring",
	"go os":       "go aio epoll",
	"go net":      "go aio epoll",
	"go gnet":     "go aio epoll",
	"go netpoll":  "go aio epoll",
}

// twins are what the same work takes in C, in C with the newest liburing, and
// with the least that starts a program.
var twins = map[string]string{
	"go sys":   "c shim",
	"go cgo":   "c libc",
	"go spawn": "c shim",
	"go uring": "c uring",
	"c uring":  "c liburing_newest",
}

// reference is the rival that a row is compared with, "" for what is one.
func (n *rowName) reference() string {
	if n.engine == "io_uring" {
		return n.lang + " " + n.impl + " epoll"
	}
	if n.lang == "c" && strings.HasPrefix(n.work, "BenchmarkSpawn/") {
		return n.spawnReference()
	}
	if strings.HasPrefix(n.work, "BenchmarkRingRead/") && n.rival() == "c libc" {
		return "c uring"
	}
	return references[n.rival()]
}

// spawnReference is what C compares with: posix_spawn, which knows no namespaces.
func (n *rowName) spawnReference() string {
	reference := "c posix_spawn"
	if n.params["ns"] == "user" {
		reference = "c fork"
	}
	if n.rival() == reference {
		return ""
	}
	return reference
}

// twin is the C rival of a Go row, or the other one of a C row, "" when there is
// none.
func (n *rowName) twin() string {
	if strings.HasPrefix(n.work, "BenchmarkSpawn/") && n.rival() == "c shim" {
		return "c vfork"
	}
	if n.lang == "go" && n.engine != "" {
		return "c " + n.impl + " " + n.engine
	}
	return twins[n.rival()]
}
