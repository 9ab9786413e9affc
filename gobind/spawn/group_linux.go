// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// A processGroup is the one that a child leads.
type processGroup struct {
	pid int
	// mu is held while the number must stay the child's, which it need not
	// after reaped.
	mu     sync.Mutex
	reaped bool
	// pidfd is the child's, beyond its status, or -1.
	pidfd int
}

// errNoGroup is for who would signal programs that are not the child's.
var errNoGroup = fmt.Errorf("spawn: no process group was made for the program: %w", sys.EINVAL)

// signalMax is the last signal that there is.
const signalMax = 64

// ownsGroup reports whether the program leads the group that it begins in.
func (o *Options) ownsGroup() bool {
	return o.Setsid || (o.Setpgid || o.Foreground) && o.Pgid == 0
}

// KillGroup ends with SIGKILL the program and all that it has started and left
// in its process group, as [Cmd.SignalGroup] does. So a context ends a program
// with its descendants:
//
//	c := spawn.CommandContext(ctx, "make")
//	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
//	c.Cancel = c.KillGroup
func (c *Cmd) KillGroup() error {
	return c.SignalGroup(sys.SIGKILL)
}

// SignalGroup sends a signal to the process group that was made for the program,
// because SysProcAttr has Setsid, or Setpgid or Foreground without a Pgid: to the
// program and all of its descendants that have not left the group, as jobs of an
// interactive shell do. EINVAL says that no group was made for it; nothing is
// sent then.
//
// It reaches what the program leaves behind until Wait has returned. While
// ProcessState is known and Wait still waits for the pipes, which a descendant
// holds open, that needs Linux 6.9: the number of the group may be another's
// then, and only a pidfd tells. [os.ErrProcessDone] says that nobody is left, or
// can be told from others.
func (c *Cmd) SignalGroup(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	switch {
	case !ok:
		return errors.New("spawn: unsupported signal type")
	case c.Process == nil:
		return errNotStarted
	case c.group == nil:
		return errNoGroup
	case s < 0 || s > signalMax:
		return os.NewSyscallError("kill", sys.EINVAL)
	}
	err := c.group.send(s)
	if errors.Is(err, sys.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// send sends a signal that there is.
func (g *processGroup) send(sig syscall.Signal) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pidfd >= 0 {
		err := sys.PidfdSendSignal(g.pidfd, sig, nil, sys.PIDFD_SIGNAL_PROCESS_GROUP)
		// EINVAL: the kernel does not know the flag.
		if err != sys.EINVAL && !unavailable(err) {
			return os.NewSyscallError("pidfd_send_signal", err)
		}
	}
	if g.reaped || g.leader().gone() {
		return sys.ESRCH
	}
	return os.NewSyscallError("kill", sys.Kill(-g.pid, sig))
}

func (g *processGroup) leader() child {
	return child{g.pid, g.pidfd}
}

// hold opens the pidfd of a child that is there.
func (g *processGroup) hold() {
	if fd, err := sys.PidfdOpen(g.pid, 0); err == nil {
		g.pidfd = fd
	}
}

// reap is Process.Wait. When the status is there it is taken while nobody signals
// the group by its number, and with a pidfd, which goes on to mean the group.
func (g *processGroup) reap(p *os.Process) (*os.ProcessState, error) {
	err := g.leader().wait(nil, sys.WEXITED|sys.WNOWAIT)
	if err != nil {
		// Nobody may look, or there is nothing to be seen.
		state, err := p.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.reaped = true
		return state, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pidfd < 0 {
		g.hold()
	}
	g.reaped = true
	return p.Wait()
}

// release makes that no signal is sent any more, if there is a group.
func (g *processGroup) release() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reaped = true
	if g.pidfd >= 0 {
		sys.Close(g.pidfd)
	}
	g.pidfd = -1
}
