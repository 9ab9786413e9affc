// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"

	"example.com/syshim/gobind/sys"
)

// The steps of an Attr, for what a process has: session, terminal, signals,
// priority, limits. The steps and their order are those of C.

// Registers of the child.
const (
	// kept is the descriptor kept of a cycle.
	kept = 0
	// group is the process group, for its terminal.
	group = 1
	// opened is a file that a step has opened.
	opened = 2
	// executed is ExecFD, where it has no fixed number.
	executed = 3
)

// A build is a program that grows from a plan.
type build struct {
	*plan
	*program
	*arena
}

func (b *build) addSession() {
	if b.Setsid {
		b.add(sys.SYS_SETSID, 0)
	}
	if b.Setpgid || b.Foreground {
		b.add(sys.SYS_SETPGID, 0, 0, uint64(b.Pgid))
	}
	if b.Foreground {
		// Only the child knows its group: the register is what the kernel
		// reads.
		b.add(sys.SYS_GETPGID, stepSave|group<<stepRegShift)
		b.add(sys.SYS_IOCTL, 0, uint64(b.ForegroundFD), sys.TIOCSPGRP, address(&b.regs[group]))
	}
}

// addActions makes a step for each run of neighbours.
func (b *build) addActions(signals uint64, action *sigaction) {
	for first := uint64(1); first <= 64; first++ {
		if signals>>(first-1)&1 == 0 {
			continue
		}
		last := first
		for last < 64 && signals>>last&1 != 0 {
			last++
		}
		b.add(sys.SYS_RT_SIGACTION, stepEach, first, address(action), 0, sigsetSize, 0, last)
		first = last
	}
}

func (b *build) addSignals() {
	b.addActions(b.Defaults, &b.action)
	if b.Ignore != 0 {
		ignore := &vector[sigaction](b.arena, 1)[0]
		ignore.handler = ignored
		b.addActions(b.Ignore, ignore)
	}
}

func (b *build) addPriority() {
	if b.Umask != nil {
		b.add(sys.SYS_UMASK, 0, uint64(*b.Umask))
	}
	if b.Nice != nil {
		b.add(sys.SYS_SETPRIORITY, 0, sys.PRIO_PROCESS, 0, uint64(*b.Nice))
	}
	if b.Sched != nil {
		b.add(sys.SYS_SCHED_SETATTR, 0, 0, put(b.arena, *b.Sched))
	}
	if len(b.CPUs) > 0 {
		b.add(sys.SYS_SCHED_SETAFFINITY, 0, 0, uint64(len(b.CPUs))*8, putAll(b.arena, b.CPUs))
	}
}

// addTerminal comes when Ctty is there. 1: it may be taken from another session
// by those who may do that.
func (b *build) addTerminal() {
	if b.Noctty {
		b.add(sys.SYS_IOCTL, 0, 0, sys.TIOCNOTTY)
	}
	if b.Setctty {
		b.add(sys.SYS_IOCTL, 0, uint64(b.Ctty), sys.TIOCSCTTY, 1)
	}
}

// addLimits comes after the descriptors, which may be above the limit.
func (b *build) addLimits() {
	if b.noFile != nil {
		b.addLimit(Limit{sys.RLIMIT_NOFILE, b.noFile.Cur, b.noFile.Max})
	}
	for _, l := range b.Limits {
		b.addLimit(l)
	}
}

func (b *build) addLimit(l Limit) {
	b.add(sys.SYS_PRLIMIT64, 0, 0, uint64(l.Resource), put(b.arena, sys.Rlimit{Cur: l.Cur, Max: l.Max}), 0)
}

// addParent comes last, for a change of credentials takes the signal back. A
// parent that has ended before sends none.
func (b *build) addParent() {
	if b.PDeathSig != 0 {
		b.add(sys.SYS_PRCTL, 0, sys.PR_SET_PDEATHSIG, uint64(b.PDeathSig))
		b.add(sys.SYS_GETPPID, stepParent, 0, 0, 0, 0, 0, uint64(os.Getpid()))
	}
	if b.Ptrace {
		b.add(sys.SYS_PTRACE, 0, sys.PTRACE_TRACEME)
	}
}
