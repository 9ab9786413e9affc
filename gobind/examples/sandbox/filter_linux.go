// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"runtime"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// refused are calls by which boxes are left, or the kernel itself is changed.
var refused = []uint32{
	sys.SYS_MOUNT,
	sys.SYS_UMOUNT2,
	sys.SYS_PIVOT_ROOT,
	sys.SYS_CHROOT,
	sys.SYS_UNSHARE,
	sys.SYS_SETNS,
	sys.SYS_OPEN_TREE,
	sys.SYS_MOVE_MOUNT,
	sys.SYS_FSOPEN,
	sys.SYS_FSPICK,
	sys.SYS_FSMOUNT,
	sys.SYS_MOUNT_SETATTR,
	sys.SYS_OPEN_BY_HANDLE_AT,
	sys.SYS_PTRACE,
	sys.SYS_PROCESS_VM_READV,
	sys.SYS_PROCESS_VM_WRITEV,
	sys.SYS_PIDFD_GETFD,
	sys.SYS_BPF,
	sys.SYS_PERF_EVENT_OPEN,
	sys.SYS_USERFAULTFD,
	sys.SYS_IO_URING_SETUP,
	sys.SYS_KEYCTL,
	sys.SYS_ADD_KEY,
	sys.SYS_REQUEST_KEY,
	sys.SYS_INIT_MODULE,
	sys.SYS_FINIT_MODULE,
	sys.SYS_DELETE_MODULE,
	sys.SYS_KEXEC_LOAD,
	sys.SYS_KEXEC_FILE_LOAD,
	sys.SYS_REBOOT,
	sys.SYS_SWAPON,
	sys.SYS_SWAPOFF,
	sys.SYS_ACCT,
	sys.SYS_QUOTACTL,
	sys.SYS_SYSLOG,
	sys.SYS_SETTIMEOFDAY,
	sys.SYS_CLOCK_SETTIME,
	sys.SYS_CLOCK_ADJTIME,
	sys.SYS_ADJTIMEX,
}

// refusedArguments are those that are refused with some values of an argument. In
// a user namespace of its own a program has all rights; sockets beyond NETLINK
// know other networks than the namespace's (VSOCK), or much of the kernel (ALG);
// terminals take input from who has them open; and without a death signal the
// program would not end with this one.
var refusedArguments = []struct {
	nr, argument uint32
	compare      uint16
	value        uint32
}{
	{sys.SYS_CLONE, 0, sys.BPF_JSET, namespaces},
	{sys.SYS_SOCKET, 0, sys.BPF_JGT, sys.AF_NETLINK},
	{sys.SYS_IOCTL, 1, sys.BPF_JEQ, sys.TIOCSTI},
	{sys.SYS_IOCTL, 1, sys.BPF_JEQ, sys.TIOCLINUX},
	{sys.SYS_PRCTL, 0, sys.BPF_JEQ, sys.PR_SET_PDEATHSIG},
}

// x32 is in the numbers of calls that are x86_64's by another number.
const x32 = 0x40000000

// architectures: numbers mean something else to programs of another one.
var architectures = map[string]uint32{
	"amd64": sys.AUDIT_ARCH_X86_64,
	"arm64": sys.AUDIT_ARCH_AARCH64,
}

// makeFilter returns what the kernel asks with each call, as a program for its
// machine.
func makeFilter() []sys.SockFilter {
	const (
		load   = sys.BPF_LD | sys.BPF_W | sys.BPF_ABS
		jump   = sys.BPF_JMP | sys.BPF_K
		leave  = sys.BPF_RET | sys.BPF_K
		refuse = sys.SECCOMP_RET_ERRNO | uint32(sys.EPERM)
	)
	var data sys.SeccompData
	number := uint32(unsafe.Offsetof(data.Nr))
	var code []sys.SockFilter
	put := func(what uint16, ifTrue, ifFalse int, k uint32) {
		code = append(code, sys.SockFilter{Code: what, Jt: uint8(ifTrue), Jf: uint8(ifFalse), K: k})
	}
	put(load, 0, 0, uint32(unsafe.Offsetof(data.Arch)))
	put(jump|sys.BPF_JEQ, 1, 0, architectures[runtime.GOARCH])
	put(leave, 0, 0, sys.SECCOMP_RET_KILL_PROCESS)
	put(load, 0, 0, number)
	for _, r := range refusedArguments {
		// Other calls come out behind this, with the number.
		put(jump|sys.BPF_JEQ, 0, 4, r.nr)
		put(load, 0, 0, uint32(unsafe.Offsetof(data.Args))+8*r.argument)
		put(jump|r.compare, 0, 1, r.value)
		put(leave, 0, 0, refuse)
		put(load, 0, 0, number)
	}
	// Its flags are out of reach; all do without it.
	put(jump|sys.BPF_JEQ, 0, 1, sys.SYS_CLONE3)
	put(leave, 0, 0, sys.SECCOMP_RET_ERRNO|uint32(sys.ENOSYS))
	put(jump|sys.BPF_JGE, len(refused)+1, 0, x32)
	for i, nr := range refused {
		put(jump|sys.BPF_JEQ, len(refused)-i, 0, nr)
	}
	put(leave, 0, 0, sys.SECCOMP_RET_ALLOW)
	put(leave, 0, 0, refuse)
	return code
}

func allow(ruleset int, path string, access uint64) error {
	fd, err := sys.Open(path, sys.O_PATH|sys.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	rule := sys.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	return sys.LandlockAddRule(ruleset, sys.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule), 0)
}

// makeRuleset returns a second lock on what can be written: /tmp. Kernels have
// them since 5.13.
func makeRuleset(box string) (fd int, err error) {
	changes := sys.LandlockRulesetAttr{
		Handled_access_fs: sys.LANDLOCK_ACCESS_FS_WRITE_FILE |
			sys.LANDLOCK_ACCESS_FS_REMOVE_DIR | sys.LANDLOCK_ACCESS_FS_REMOVE_FILE |
			sys.LANDLOCK_ACCESS_FS_MAKE_CHAR | sys.LANDLOCK_ACCESS_FS_MAKE_DIR |
			sys.LANDLOCK_ACCESS_FS_MAKE_REG | sys.LANDLOCK_ACCESS_FS_MAKE_SOCK |
			sys.LANDLOCK_ACCESS_FS_MAKE_FIFO | sys.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
			sys.LANDLOCK_ACCESS_FS_MAKE_SYM,
	}
	fd, err = sys.LandlockCreateRuleset(&changes, 0)
	if err != nil {
		return -1, err
	}
	if err = allow(fd, box+"/tmp", changes.Handled_access_fs); err == nil {
		err = allow(fd, "/dev/null", sys.LANDLOCK_ACCESS_FS_WRITE_FILE)
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}
