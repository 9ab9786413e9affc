// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"

	"example.com/syshim/gobind/sys"
)

// A child that is not waited for yet. pidfd is -1 where the kernel has none: its
// number is its own until its status is taken.
type child struct {
	pid, pidfd int
}

var noChild = child{-1, -1}

// wait is waitid(2) by the pidfd, or by the number where there is none, or, in
// Linux 5.3, one that cannot be waited for. EINTR is retried.
func (c child) wait(info *sys.Siginfo, options int) error {
	for {
		var err error = sys.ENOSYS
		if c.pidfd >= 0 {
			err = sys.Waitid(sys.P_PIDFD, c.pidfd, info, options, nil)
		}
		if err == sys.EINVAL || unavailable(err) {
			err = sys.Waitid(sys.P_PID, c.pid, info, options, nil)
		}
		if err != sys.EINTR {
			return err
		}
	}
}

// reap waits for the end, and for nothing if the kernel reaps the child.
func (c child) reap() {
	err := c.wait(nil, sys.WEXITED)
	if unavailable(err) {
		for err = sys.EINTR; err == sys.EINTR; {
			_, err = sys.Wait4(c.pid, nil, 0, nil)
		}
	}
}

// kill ends a child that is there.
func (c child) kill() error {
	if c.pidfd >= 0 {
		if err := sys.PidfdSendSignal(c.pidfd, sys.SIGKILL, nil, 0); !unavailable(err) {
			return err
		}
	}
	return sys.Kill(c.pid, sys.SIGKILL)
}

// abandon ends a child that cannot be managed, and returns err. One that cannot
// be killed either goes on, and is waited for beside this program; p, unless that
// is nil, is this program's again.
func (c child) abandon(p *program, err error) error {
	if e := c.kill(); e != nil && e != sys.ESRCH {
		if p != nil {
			p.look()
		}
		go c.discard()
		return fmt.Errorf("%w; process %d goes on: kill: %w", err, c.pid, e)
	}
	c.discard()
	return err
}

// discard reaps a child that ends.
func (c child) discard() {
	c.reap()
	if c.pidfd >= 0 {
		sys.Close(c.pidfd)
	}
}

// gone reports whether the kernel has reaped the child, so that its number may be
// another process's.
func (c child) gone() bool {
	return c.wait(nil, sys.WEXITED|sys.WNOHANG|sys.WNOWAIT) == sys.ECHILD
}

// ended reports whether the child has ended; it stays there to be waited for.
func (c child) ended() (bool, error) {
	var info sys.Siginfo
	err := c.wait(&info, sys.WEXITED|sys.WNOWAIT|sys.WNOHANG)
	return info.Pid != 0, err
}

// errLost is that of a child that is not there to be waited for.
var errLost = fmt.Errorf("spawn: the status of the child is lost, for SIGCHLD is ignored or somebody else waited: %w",
	os.NewSyscallError("waitid", sys.ECHILD))
