// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"errors"
	"testing"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
)

func TestCallOfAPipelineThatFailsLeavesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	// The supervisor of the calls is a child until the test is over.
	t.Cleanup(func() { noChild(t) })
	spawn.DropArenas()
	data := pattern(5000)
	calls := []uintptr{sys.SYS_MMAP, sys.SYS_PIPE2, sys.SYS_OPENAT, sys.SYS_PIDFD_OPEN}
	failed := 0
	for i, err := range faultkernel.Each(t, calls, sys.ENOMEM, func() error {
		defer spawn.DropArenas()
		p := repeat(3, "cat")
		p.OneGroup = true
		var out bytes.Buffer
		p.Cmds[0].Stdin, p.Cmds[2].Stdout = bytes.NewReader(data), &out
		if err := p.Run(); err != nil {
			return err
		}
		if !bytes.Equal(out.Bytes(), data) {
			return errors.New("other bytes came out")
		}
		return nil
	}) {
		// Wait does without pidfds.
		if err == nil {
			continue
		}
		failed++
		var e *spawn.PipelineError
		if !errors.As(err, &e) || !errors.Is(err, sys.ENOMEM) && !spawn.LacksCloseRange() {
			t.Errorf("run %d: error %v", i+1, err)
		}
	}
	// Two pipes between them, two to this program, three null devices, memory.
	if failed < 8 {
		t.Errorf("%d calls have failed", failed)
	}
}

func TestChildrenThatCannotBeKilledDoNotHoldUpAStart(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, one := range []bool{false, true} {
		p := spawn.NewPipeline(shells("exec sleep 1000", "/nosuch")...)
		p.OneGroup = one
		err := denied(t, sys.SYS_KILL, sys.EPERM, p.Start)
		if !errors.Is(err, sys.ENOENT) {
			t.Errorf("error %v", err)
		}
		// It goes on, and somebody waits for it.
		check(t, p.Cmds[0].Kill())
	}
	waitUntil(t, "the sleepers end", func() bool {
		return sys.Waitid(sys.P_ALL, 0, nil, sys.WEXITED|sys.WNOHANG|sys.WNOWAIT, nil) == sys.ECHILD
	})
}
