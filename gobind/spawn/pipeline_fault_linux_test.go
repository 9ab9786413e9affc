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

// A world lacks what older kernels and sandboxes lack.
type world struct {
	name  string
	lacks []spawn.Denial
}

func lacking(name string, errno syscall.Errno, calls ...uint32) world {
	w := world{name: name}
	for _, nr := range calls {
		w.lacks = append(w.lacks, spawn.Denial{Call: nr, Errno: errno})
	}
	return w
}

func (w world) with(d ...spawn.Denial) world {
	w.lacks = append(w.lacks, d...)
	return w
}

// worlds are those of tests/spawn_kernel.h. Package os needs a waitid that is
// not forbidden.
func worlds() []world {
	const (
		clone3, closeRange = sys.SYS_CLONE3, sys.SYS_CLOSE_RANGE
		open, send, wait   = sys.SYS_PIDFD_OPEN, sys.SYS_PIDFD_SEND_SIGNAL, sys.SYS_WAITID
		threadBits         = sys.CLONE_THREAD | sys.CLONE_VFORK | sys.CLONE_VM
	)
	noFlag := spawn.Denial{Call: sys.SYS_CLONE, Errno: sys.EINVAL, Bits: sys.CLONE_PIDFD, Value: sys.CLONE_PIDFD}
	noWait := spawn.Denial{Call: wait, Errno: sys.EINVAL, Bits: ^uint32(0), Value: sys.P_PIDFD}
	noSharing := spawn.Denial{Call: sys.SYS_CLONE, Errno: sys.EINVAL, Bits: threadBits, Value: sys.CLONE_VM}
	return []world{
		lacking("nothing", 0),
		lacking("clone3", sys.ENOSYS, clone3),
		lacking("clone3 forbidden", sys.EPERM, clone3),
		lacking("clone3 smaller", sys.E2BIG, clone3),
		lacking("clone3 with less", sys.EINVAL, clone3),
		lacking("close_range", sys.ENOSYS, closeRange),
		lacking("close_range forbidden", sys.EPERM, closeRange),
		lacking("CLONE_PIDFD", sys.ENOSYS, clone3).with(noFlag),
		lacking("P_PIDFD", 0).with(noWait),
		lacking("pidfds", sys.ENOSYS, clone3, open, send).with(noFlag, noWait),
		lacking("pidfds forbidden", sys.EPERM, clone3, open, send).with(noFlag, noWait),
		lacking("waitid", sys.ENOSYS, clone3, open, send, wait).with(noFlag),
		lacking("sharing", sys.ENOSYS, clone3).with(noSharing),
		lacking("everything", sys.ENOSYS, clone3, open, send, closeRange, wait).with(noFlag, noSharing),
		lacking("everything forbidden", sys.EPERM, clone3, open, send, closeRange).with(noFlag, noWait, noSharing),
	}
}

// runOfThree runs three programs that move the data.
func runOfThree(data []byte) error {
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
}

func TestCallOfAPipelineThatFailsLeavesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	// The supervisors of the calls are children until the test is over.
	t.Cleanup(func() { noChild(t) })
	data := pattern(5000)
	calls := []uintptr{
		sys.SYS_CLONE3, sys.SYS_FCNTL, sys.SYS_MMAP, sys.SYS_OPENAT, sys.SYS_PIDFD_OPEN,
		sys.SYS_PIPE2, sys.SYS_WAIT4, sys.SYS_WAITID,
	}
	all := worlds()
	if testing.Short() {
		all = []world{all[0], all[len(all)-1]}
	}
	for _, w := range all {
		spawn.DropArenas()
		failed := 0
		for i, err := range faultkernel.Each(t, calls, sys.ENOMEM, func() error {
			defer spawn.DropArenas()
			if err := spawn.DenySome(w.lacks); err != nil {
				return err
			}
			return runOfThree(data)
		}) {
			// Wait does without pidfds, and package os without some of fcntl.
			if err == nil {
				continue
			}
			failed++
			var e *spawn.PipelineError
			// The list of what a child must close has its own error.
			listed := strings.Contains(err.Error(), "close_range")
			if !errors.As(err, &e) || !errors.Is(err, sys.ENOMEM) && !listed {
				t.Errorf("%s: run %d: error %v", w.name, i+1, err)
			}
		}
		// Two pipes between them, two to this program that are made blocking,
		// three null devices, memory.
		if failed < 10 {
			t.Errorf("%s: %d calls have failed", w.name, failed)
		}
	}
}

func TestPipelineMakesInterruptedCallsAgain(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector maps memory on its own")
	}
	t.Cleanup(func() { noChild(t) })
	spawn.DropArenas()
	data := pattern(5000)
	calls := []uintptr{sys.SYS_FUTEX, sys.SYS_READ, sys.SYS_WAIT4, sys.SYS_WAITID}
	errs := faultkernel.Each(t, calls, sys.EINTR, func() error {
		defer spawn.DropArenas()
		return runOfThree(data)
	})
	for i, err := range errs {
		if err != nil {
			t.Errorf("run %d: error %v", i+1, err)
		}
	}
	// Three ends are waited for.
	if len(errs) <= 6 {
		t.Errorf("%d runs", len(errs))
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
