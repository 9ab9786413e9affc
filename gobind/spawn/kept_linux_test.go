// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"fmt"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

// startBesideAnotherUser is a helper that may change users, and not kill those of
// others. It writes what comes of a pipeline whose first program is another
// user's, and whose second is not there.
func startBesideAnotherUser([]string) {
	p := spawn.NewPipeline(shells("read x; exit 3", "/nosuch")...)
	if _, err := p.Cmds[0].StdinPipe(); err != nil {
		fmt.Println(err)
	}
	p.Cmds[0].Attr = &spawn.Attr{UID: ptr(uint32(idsUser + 1))}
	err := p.Start()
	fmt.Println(err, errors.Is(err, sys.EPERM), errors.Is(err, sys.ENOENT))
}

func TestProgramOfAnotherUserIsLeft(t *testing.T) {
	leakcheck.Check(t)
	needRoot(t)
	needSelf(t)
	const may = 1<<sys.CAP_SETUID | 1<<sys.CAP_SETGID
	c := helper("beside")
	c.Attr = &spawn.Attr{
		UID: ptr(uint32(idsUser)), GID: ptr(uint32(idsUser)), Groups: []uint32{},
		Caps: &spawn.Caps{Bounding: ^uint64(0), Permitted: may, Effective: may, Inheritable: may, Ambient: may},
	}
	wantOutput(t, c, "spawn: program 1 (/bin/sh -c read x; exit 3): kill: operation not permitted; "+
		"spawn: program 2 (/nosuch): execve /nosuch: no such file or directory true true\n")
	noChild(t)
}
