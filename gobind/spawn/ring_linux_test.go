// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"errors"
	"testing"

	"example.com/syshim/gobind/internal/leakcheck"
	"example.com/syshim/gobind/spawn"
	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// complete makes one request of a ring, and returns its result.
func complete(t *testing.T, ring *uring.Ring, fill func(*uring.SQE)) (int32, error) {
	t.Helper()
	fill(ring.NextSQE())
	_, err := ring.SubmitAndWait(1)
	check(t, err)
	for cqe := range ring.Completions() {
		return cqe.Res, cqe.Err()
	}
	t.Fatal("nothing is complete")
	return 0, nil
}

func TestRingWaitsForAProgram(t *testing.T) {
	leakcheck.Check(t)
	ring, err := uring.New(4)
	if errors.Is(err, sys.ENOSYS) || errors.Is(err, sys.EPERM) || errors.Is(err, sys.EACCES) {
		t.Skipf("no io_uring: %v", err)
	}
	check(t, err)
	defer ring.Close()
	for _, how := range []string{"waitid", "poll"} {
		t.Run(how, func(t *testing.T) {
			pid, pidfd, err := spawn.Start(&spawn.Options{
				Path: "/bin/sh",
				Args: []string{"sh", "-c", "exit 7"},
			})
			check(t, err)
			if pidfd >= 0 {
				defer sys.Close(pidfd)
			}
			ringWait(t, ring, how, pid, pidfd)
			noChild(t)
		})
	}
}

// ringWait waits in the ring for a program that exits with status 7: for its
// end as waitid does, since Linux 6.7, or for what its pidfd polls.
func ringWait(t *testing.T, ring *uring.Ring, how string, pid, pidfd int) {
	t.Helper()
	var info sys.Siginfo
	err := error(sys.EINVAL)
	if how == "waitid" {
		_, err = complete(t, ring, func(e *uring.SQE) {
			e.Waitid(sys.P_PID, uint32(pid), &info, sys.WEXITED, 0)
		})
		if err == sys.EINVAL {
			t.Logf("no waitid in rings of this kernel")
		}
	}
	if how == "poll" && pidfd >= 0 {
		var events int32
		events, err = complete(t, ring, func(e *uring.SQE) {
			e.PollAdd(pidfd, sys.POLLIN)
		})
		check(t, err)
		if events&sys.POLLIN == 0 {
			t.Errorf("the pidfd polls %#x", events)
		}
		err = sys.EINVAL
	}
	if err == sys.EINVAL {
		err = sys.Waitid(sys.P_PID, pid, &info, sys.WEXITED, nil)
	}
	check(t, err)
	if int(info.Pid) != pid || info.Code != sys.CLD_EXITED || info.Status != 7 {
		t.Errorf("program %d: %+v", pid, info)
	}
}
