// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
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

func TestStartLeavesProgramsThatItCannotKill(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	for _, row := range spawnKept {
		p := spawn.NewPipeline(shells(strings.Split(row.stages, "|")...)...)
		p.OneGroup = row.group != 0
		in, err := p.Cmds[0].StdinPipe()
		check(t, err)
		err = behind(func() error { return spawn.DenyKill(syscall.Errno(-row.group_gets)) }, p.Start)
		var e *spawn.PipelineError
		if !errors.Is(err, syscall.Errno(-row.want)) || !errors.Is(err, syscall.Errno(-row.also)) ||
			!errors.As(err, &e) || e.Index != row.failed-1 || e.Cmd != p.Cmds[e.Index] {
			t.Errorf("%s: error %v", row.case_, err)
		}
		if _, err := in.Write([]byte{0}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: the pipe to the first is open: %v", row.case_, err)
		}
		for _, c := range p.Cmds[:row.left] {
			if c.ProcessState != nil {
				t.Errorf("%s: %v has ended: %v", row.case_, c, c.ProcessState)
			}
			if row.ends == 0 {
				check(t, c.Kill())
			}
		}
		waitUntil(t, row.case_+": somebody waits for those that are left", func() bool {
			return sys.Waitid(sys.P_ALL, 0, nil, sys.WEXITED|sys.WNOHANG|sys.WNOWAIT, nil) == sys.ECHILD
		})
	}
}

// The signal has reached others of the group.
func TestGroupThatIsKilledButForItsLeaderIsNot(t *testing.T) {
	leakcheck.Check(t)
	needSeccomp(t)
	p := spawn.NewPipeline(shells("exec sleep 1000")...)
	p.OneGroup = true
	check(t, p.Start())
	for sig, want := range map[syscall.Signal]error{sys.SIGKILL: sys.EPERM, sys.SIGTERM: nil} {
		err := behind(func() error { return spawn.DenyKill(0) }, func() error { return p.Signal(sig) })
		if !errors.Is(err, want) {
			t.Errorf("%v: error %v, want %v", sig, err, want)
		}
	}
	check(t, p.Kill())
	if err := p.Wait(); err == nil || p.Cmds[0].ProcessState.Sys().(syscall.WaitStatus).Signal() != sys.SIGKILL {
		t.Errorf("error %v", err)
	}
}
