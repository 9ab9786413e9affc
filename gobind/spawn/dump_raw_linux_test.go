// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// How is how a program is made where the kernel lacks something.
type How struct {
	Unclosed syscall.Errno
	Spared   int
	// Gate is the ends of a pipe and this program's pidfd.
	Gate   [3]int
	Enters bool
}

// A Dumped is a program as text, in the form of tests/spawn_dump.h.
type Dumped struct {
	CloneFlags, Cgroup uint64
	Steps              []string
}

// Dump compiles options.
func Dump(o *Options, how How) (Dumped, error) {
	l, err := newPlan(o, nil)
	if err != nil {
		return Dumped{}, err
	}
	l.unclosed, l.spared, l.enters = how.Unclosed, how.Spared, how.Enters
	l.gate = gate{how.Gate[0], how.Gate[1], how.Gate[2]}
	a, err := newArena(l.size())
	if err != nil {
		return Dumped{}, err
	}
	defer a.release()
	p, err := l.compile(a)
	if err != nil {
		return Dumped{}, err
	}
	d := dumper{a, p}
	all := Dumped{CloneFlags: p.cloneFlags, Cgroup: p.cgroup}
	for i := range p.list() {
		all.Steps = append(all.Steps, d.step(&p.list()[i]))
	}
	return all, nil
}

type dumper struct {
	*arena
	p *program
}

// at is what lies at an address of the arena.
func at[T any](d dumper, address uint64) *T {
	return (*T)(unsafe.Add(d.base, address-uint64(uintptr(d.base))))
}

func listAt[T any](d dumper, address uint64, n int) []T {
	return unsafe.Slice(at[T](d, address), n)
}

func (d dumper) string(address uint64) string {
	return "'" + d.textAt(address) + "'"
}

func (d dumper) strings(address uint64) string {
	var s []string
	for i := 0; ; i++ {
		p := *at[uint64](d, address+uint64(i)*8)
		if p == 0 {
			return "[" + strings.Join(s, " ") + "]"
		}
		s = append(s, d.string(p))
	}
}

// An addressed is an argument that is an address: of what, in the step.
type addressed struct {
	nr  uint32
	arg int
}

var kinds = map[addressed]func(d dumper, s *step, address uint64) string{
	{sys.SYS_CHDIR, 0}:      dumpString,
	{sys.SYS_CHROOT, 0}:     dumpString,
	{sys.SYS_EXECVE, 0}:     dumpString,
	{sys.SYS_EXECVE, 1}:     dumpStrings,
	{sys.SYS_EXECVE, 2}:     dumpStrings,
	{sys.SYS_EXECVEAT, 1}:   dumpString,
	{sys.SYS_EXECVEAT, 2}:   dumpStrings,
	{sys.SYS_EXECVEAT, 3}:   dumpStrings,
	{sys.SYS_MOUNT, 0}:      dumpString,
	{sys.SYS_MOUNT, 1}:      dumpString,
	{sys.SYS_MOUNT, 2}:      dumpString,
	{sys.SYS_MOUNT, 4}:      dumpString,
	{sys.SYS_OPENAT, 1}:     dumpString,
	{sys.SYS_PIVOT_ROOT, 0}: dumpString,
	{sys.SYS_PIVOT_ROOT, 1}: dumpString,
	{sys.SYS_UMOUNT2, 0}:    dumpString,
	{sys.SYS_WRITE, 1}: func(d dumper, s *step, address uint64) string {
		text := string(listAt[byte](d, address, int(s.args[2])))
		return "'" + strings.ReplaceAll(text, "\n", ";") + "'"
	},
	{sys.SYS_READ, 1}: func(d dumper, s *step, a uint64) string {
		return word(a, address(&d.p.filled), "&filled")
	},
	{sys.SYS_PPOLL, 0}: func(d dumper, s *step, address uint64) string {
		return fmt.Sprint(listAt[sys.PollFd](d, address, int(s.args[1])))
	},
	{sys.SYS_RT_SIGPROCMASK, 1}: func(d dumper, s *step, a uint64) string {
		text := word(a, address(&d.p.mask), "&mask")
		if d.p.hasMask != 0 {
			text += fmt.Sprintf("{%d}", int64(d.p.mask))
		}
		return text
	},
	{sys.SYS_RT_SIGACTION, 1}: func(d dumper, s *step, address uint64) string {
		a := at[sigaction](d, address)
		return fmt.Sprintf("{%d %d %d}", a.handler, a.flags, a.mask)
	},
	{sys.SYS_PRLIMIT64, 2}: func(d dumper, s *step, address uint64) string {
		l := at[sys.Rlimit](d, address)
		return fmt.Sprintf("{%d %d}", int64(l.Cur), int64(l.Max))
	},
	{sys.SYS_SCHED_SETATTR, 1}: func(d dumper, s *step, address uint64) string {
		a := at[sys.SchedAttr](d, address)
		return fmt.Sprintf("{%d %d %d %d %d}", a.Size, a.Policy, a.Flags, a.Nice, a.Priority)
	},
	{sys.SYS_SCHED_SETAFFINITY, 2}: func(d dumper, s *step, address uint64) string {
		return fmt.Sprint(listAt[int64](d, address, int(s.args[1]/8)))
	},
	{sys.SYS_SETGROUPS, 1}: func(d dumper, s *step, address uint64) string {
		return fmt.Sprint(listAt[uint32](d, address, int(s.args[0])))
	},
	{sys.SYS_CAPSET, 0}: func(d dumper, s *step, address uint64) string {
		return fmt.Sprint(*at[sys.CapUserHeader](d, address))
	},
	{sys.SYS_CAPSET, 1}: func(d dumper, s *step, address uint64) string {
		c := listAt[sys.CapUserData](d, address, 2)
		return fmt.Sprintf("{%d %d %d %d %d %d}", c[0].Effective, c[0].Permitted, c[0].Inheritable,
			c[1].Effective, c[1].Permitted, c[1].Inheritable)
	},
	{sys.SYS_SECCOMP, 2}: func(d dumper, s *step, address uint64) string {
		prog := at[sys.SockFprog](d, address)
		return fmt.Sprint(unsafe.Slice(prog.Filter, prog.Len))
	},
}

func dumpString(d dumper, s *step, address uint64) string  { return d.string(address) }
func dumpStrings(d dumper, s *step, address uint64) string { return d.strings(address) }

func word(got, want uint64, name string) string {
	if got != want {
		return "?"
	}
	return name
}

func (d dumper) argument(s *step, i int) string {
	value := s.args[i]
	dump := kinds[addressed{s.nr, i}]
	switch {
	case s.flags&(stepArg<<i) != 0:
		return fmt.Sprintf("r%d", value)
	case s.nr == sys.SYS_IOCTL && i == 2 && s.args[1] == sys.TIOCSPGRP:
		return word(value, address(&d.p.regs[group]), "&r1")
	case s.flags&stepParent != 0 && i == 5:
		return word(value, uint64(os.Getpid()), "&pid")
	case dump != nil && value != 0:
		return dump(d, s, value)
	}
	return fmt.Sprint(int64(value))
}

func (d dumper) step(s *step) string {
	last := len(s.args) - 1
	for last >= 0 && s.args[last] == 0 && s.flags&(stepArg<<last) == 0 {
		last--
	}
	text := s.name()
	for i := 0; i <= last; i++ {
		text += " " + d.argument(s, i)
	}
	for _, f := range []struct {
		flag uint32
		name string
	}{
		{stepIgnore, " ignore"}, {stepTry, " try"}, {stepWait, " wait"}, {stepEach, " each"}, {stepParent, " parent"},
		{stepSave, fmt.Sprintf(" -> r%d", s.flags>>stepRegShift&7)},
	} {
		if s.flags&f.flag != 0 {
			text += f.name
		}
	}
	if n := s.flags >> stepRetryShift; n != 0 {
		text += fmt.Sprintf(" retry %d", n)
	}
	return text
}
