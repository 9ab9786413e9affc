// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
)

// An Attr is what a program may become, beside what it is and has open. What is
// zero is not changed. [Options] has it, and [Cmd.Attr] is beside SysProcAttr.
//
// This is the order, of which each part comes only if it is asked for:
//
//	namespaces, cgroup     with the child itself; then its maps
//	session, group, foreground
//	signals                Defaults, then Ignore
//	Umask, Nice, Sched, CPUs
//	Unshare, the time namespace
//	mounts private, PivotRoot begins, Mounts, PivotRoot ends; or Chroot;
//	                       then the directory is "/"
//	DirFD
//	NoNewPrivs, Landlock
//	descriptors            by FDs, and the rest is closed
//	terminal               Ctty is one of the new descriptors
//	Limits
//	Caps, Groups, GID, UID
//	Dir                    as the new user
//	PDeathSig, Ptrace
//	Filter                 it must let pass what follows
//	signal mask            rt_sigprocmask(2)
//	exec                   execve(2), or execveat(2) of ExecFD; exit_group(2)
//
// A child that changes its user lets the kernel make this program, too, one that
// cannot be traced (PR_SET_DUMPABLE), for their memory is one: that is undone
// when the last such child of the moment runs its program, and with it what this
// program has made of itself meanwhile. Where it cannot be traced already, such a
// child gets a copy of the memory, as with Copy. So does a child that changes its
// user in a new user namespace, and each in a new time namespace, which kernels
// before 6.3 do not let begin with exec. A user namespace alone, with or without
// maps, costs no copy, nor do capabilities alone.
type Attr struct {
	// Defaults are signals, as bits from signal 1 on, that get their default
	// effect though this program ignores them; Ignore those that are ignored.
	Defaults, Ignore uint64
	// PDeathSig is sent when this program ends; a child whose parent has ended
	// before does not run, but in a new PID namespace, where that cannot be seen.
	// The kernel sends it when the thread ends that has started the child: that
	// is one of its own, which waits as long, and NOT that of a caller who has
	// locked his ([runtime.LockOSThread]). What only the caller's thread has (a
	// namespace that it has joined or unshared, its directory, user, CPUs) the
	// program does not get then, unless CallersThread is set, or Ptrace.
	PDeathSig syscall.Signal
	// CallersThread starts a child with PDeathSig from the caller's thread, which
	// he has locked, and keeps until the child has ended: with the thread the
	// child ends.
	CallersThread bool

	Umask *int
	Nice  *int
	// Sched is a scheduling policy.
	Sched *sys.SchedAttr
	// CPUs are those that the program may run on, as bits.
	CPUs []uint64
	// Limits are set in their order.
	Limits []Limit

	// UID and GID become the real, effective and saved ones. Groups, unless
	// it is nil, are all supplementary ones.
	UID, GID *uint32
	Groups   []uint32
	Caps     *Caps

	// Namespaces are flags of clone (CLONE_NEWUSER, ...) that the program
	// begins in, Unshare flags of unshare.
	Namespaces, Unshare uint64
	// UIDs and GIDs are the users and groups of a new user namespace. This
	// program writes them, or starts the programs at the paths NewUIDMap and
	// NewGIDMap for it ("/usr/bin/newuidmap"). For a user namespace of Unshare
	// the child writes its own, which must be one of each. setgroups is denied
	// where there are GIDs, unless AllowSetgroups: without rights in this
	// program's namespace it must be denied.
	UIDs, GIDs           []IDMap
	AllowSetgroups       bool
	NewUIDMap, NewGIDMap string
	// Clocks is what is added to the clocks of a new time namespace.
	Clocks *Clocks
	// CgroupFD, with UseCgroupFD, is a directory of cgroup version 2.
	UseCgroupFD bool
	CgroupFD    int

	// Chroot is the root directory. PivotRoot, in a new mount namespace, is
	// the only directory that remains of the file systems, but for what is
	// mounted on it before: relative targets of Mounts begin there, sources at
	// the old root. No mount reaches another namespace.
	Chroot, PivotRoot string
	Mounts            []Mount

	// NoNewPrivs: nothing gains rights by exec. LandlockFD, with
	// UseLandlockFD, is a ruleset; Filter is a seccomp filter. Both want
	// NoNewPrivs, or CAP_SYS_ADMIN.
	NoNewPrivs    bool
	UseLandlockFD bool
	LandlockFD    int
	Filter        []sys.SockFilter

	// Setctty makes the program's descriptor Ctty the controlling terminal,
	// for which it wants Setsid. Noctty leaves the one at descriptor 0.
	// Foreground makes the process group, which is new unless Pgid is set,
	// that of the terminal at this program's descriptor ForegroundFD.
	Setctty      bool
	Ctty         int
	Noctty       bool
	Foreground   bool
	ForegroundFD int
	// Ptrace makes the thread that starts the program its tracer.
	Ptrace bool
	// Copy gives the child a copy of this program's memory, as fork does.
	Copy bool

	// What only SysProcAttr has.
	ambient []uintptr
}

// A Limit is one of setrlimit: RLIMIT_NOFILE, ...
type Limit struct {
	Resource int
	Cur, Max uint64
}

// An IDMap is a range of users or groups of a user namespace.
type IDMap struct {
	Inside, Outside, Count uint32
}

// A Mount is a call of mount(2); what is empty is null.
type Mount struct {
	Source, Target, FSType string
	Flags                  uintptr
	Data                   string
}

// Caps are capabilities, as bits. Those of a program that runs as another user
// than 0 come from the ambient set, which is part of permitted and inheritable;
// those of user 0 are what bounding leaves.
type Caps struct {
	// Bounding: others are dropped.
	Bounding                                   uint64
	Permitted, Effective, Inheritable, Ambient uint64
}

// Clocks are offsets of a time namespace.
type Clocks struct {
	Monotonic, Boottime time.Duration
}

const (
	namespaceFlags = sys.CLONE_NEWUSER | sys.CLONE_NEWPID | sys.CLONE_NEWNS | sys.CLONE_NEWNET |
		sys.CLONE_NEWIPC | sys.CLONE_NEWUTS | sys.CLONE_NEWCGROUP | sys.CLONE_NEWTIME
	// unstoppable are signals that cannot be ignored.
	unstoppable = 1<<(sys.SIGKILL-1) | 1<<(sys.SIGSTOP-1)
	// noID leaves a user or group as it is.
	noID    = 1<<32 - 1
	listMax = 1 << 16
)

// A rule is an option, and whether it is wrong.
type rule struct {
	wrong bool
	name  string
}

// firstWrong returns the error of the first rule that is broken.
func firstWrong(rules []rule) error {
	for _, r := range rules {
		if r.wrong {
			return mistake("%s", r.name)
		}
	}
	return nil
}

// check returns what is wrong with the options together.
func (a *Attr) check(o *Options) error {
	mount := (a.Namespaces|a.Unshare)&sys.CLONE_NEWNS != 0
	user := (a.Namespaces|a.Unshare)&sys.CLONE_NEWUSER != 0
	err := firstWrong([]rule{
		{a.Setctty && (a.Ctty < 0 || !o.Setsid), "Setctty"},
		{a.Foreground && (a.ForegroundFD < 0 || o.Setsid || a.Setctty), "Foreground"},
		{a.UseCgroupFD && a.CgroupFD < 0, "CgroupFD"},
		{a.UseLandlockFD && a.LandlockFD < 0, "LandlockFD"},
		{a.Defaults&unstoppable != 0, "Defaults"},
		{a.Ignore&(unstoppable|a.Defaults) != 0, "Ignore"},
		{a.PDeathSig < 0 || a.PDeathSig > 64, "PDeathSig"},
		{a.Umask != nil && (*a.Umask < 0 || *a.Umask > 0o777), "Umask"},
		{a.Nice != nil && (*a.Nice < -20 || *a.Nice > 19), "Nice"},
		{a.UID != nil && *a.UID == noID, "UID"},
		{a.GID != nil && *a.GID == noID, "GID"},
		{len(a.Groups) > listMax, "Groups"},
		{a.Groups != nil && len(a.GIDs) > 0 && !a.AllowSetgroups, "Groups with GIDs"},
		{a.Namespaces&^namespaceFlags != 0, "Namespaces"},
		{!validMaps(a.UIDs) || len(a.UIDs) > 0 && !user, "UIDs"},
		{!validMaps(a.GIDs) || len(a.GIDs) > 0 && !user, "GIDs"},
		{a.NewUIDMap != "" && len(a.UIDs) == 0, "NewUIDMap"},
		{a.NewGIDMap != "" && len(a.GIDs) == 0, "NewGIDMap"},
		{a.Clocks != nil && a.Namespaces&sys.CLONE_NEWTIME == 0, "Clocks"},
		{a.PivotRoot != "" && (!mount || a.Chroot != ""), "PivotRoot"},
		{len(a.Mounts) > listMax || len(a.Mounts) > 0 && !mount, "Mounts"},
		{len(a.Filter) > sys.BPF_MAXINSNS, "Filter"},
	})
	if err != nil {
		return err
	}
	return a.checkLists()
}

func (a *Attr) checkLists() error {
	if len(a.Limits) > listMax {
		return mistake("Limits")
	}
	for _, l := range a.Limits {
		if l.Resource < 0 || l.Resource >= sys.RLIM_NLIMITS {
			return mistake("Limits: resource %d", l.Resource)
		}
	}
	if c := a.Caps; c != nil && (c.Effective&^c.Permitted != 0 || c.Ambient&^(c.Permitted&c.Inheritable) != 0) {
		return mistake("Caps")
	}
	texts := []string{a.NewUIDMap, a.NewGIDMap, a.Chroot, a.PivotRoot}
	for _, m := range a.Mounts {
		if m.Target == "" {
			return mistake("Mounts: no target")
		}
		texts = append(texts, m.Source, m.Target, m.FSType, m.Data)
	}
	for _, s := range texts {
		if hasNUL(s) {
			return mistake("a NUL byte in %q", s)
		}
	}
	return nil
}

func validMaps(maps []IDMap) bool {
	for _, m := range maps {
		if m.Count == 0 {
			return false
		}
	}
	return len(maps) <= listMax
}

// copies reports whether the child must not share this program's memory.
func (a *Attr) copies() bool {
	return a.Copy || a.Namespaces&sys.CLONE_NEWTIME != 0 ||
		a.changesUser() && (a.Namespaces|a.Unshare)&sys.CLONE_NEWUSER != 0
}

// changesUser reports whether the child becomes somebody else, which the kernel
// takes for a reason to hide its memory. Capabilities are none: a child can only
// lose some (capset, the bounding set) or have those it has as ambient ones, and
// what is left is a part of what this program has. Nor does that let anybody trace
// the child who could not before, and write to this memory by it: in a new user
// namespace that is who has its owner's user, whatever the capabilities inside.
func (a *Attr) changesUser() bool {
	return a.UID != nil || a.GID != nil
}
