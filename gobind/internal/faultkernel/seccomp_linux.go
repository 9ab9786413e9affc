// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package faultkernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// auditArch is the CPU as a filter sees it.
var auditArch = map[string]uint32{
	"amd64": sys.AUDIT_ARCH_X86_64,
	"arm64": sys.AUDIT_ARCH_AARCH64,
}[runtime.GOARCH]

// available says why the kernel cannot report calls to a supervisor, or nil.
func available() error {
	var sizes sys.SeccompNotifSizes
	_, err := sys.Seccomp(sys.SECCOMP_GET_NOTIF_SIZES, 0, unsafe.Pointer(&sizes))
	if err != nil {
		return os.NewSyscallError("seccomp", err)
	}
	// The numbers of the ioctls contain the sizes.
	if uintptr(sizes.SeccompNotif) != unsafe.Sizeof(sys.SeccompNotif{}) ||
		uintptr(sizes.SeccompNotifResp) != unsafe.Sizeof(sys.SeccompNotifResp{}) {
		return fmt.Errorf("seccomp notifications of unknown layout: %+v", sizes)
	}
	return nil
}

func load(offset uintptr) syscall.SockFilter {
	return syscall.SockFilter{
		Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS,
		K:    uint32(offset),
	}
}

func result(action uint32) syscall.SockFilter {
	return syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: action}
}

// condition is a word of what a filter sees, and what it must be.
type condition struct {
	offset uintptr
	value  uint32
}

var seen sys.SeccompData

// anywhere has the calls that assembler of this module makes on its own, and the
// runtime does not.
var anywhere = []uintptr{sys.SYS_CLONE3}

// filter reports the calls that are made by the instruction before ip, those of
// anywhere wherever they are made, and allows all others.
func filter(ip uint64, calls []uintptr) ([]syscall.SockFilter, error) {
	var prog []syscall.SockFilter
	for _, nr := range anywhere {
		if slices.Contains(calls, nr) {
			prog = append(prog, reportFirst(nr)...)
		}
	}
	rest, err := program([]condition{
		{unsafe.Offsetof(seen.Arch), auditArch},
		{unsafe.Offsetof(seen.InstructionPointer), uint32(ip)},
		{unsafe.Offsetof(seen.InstructionPointer) + 4, uint32(ip >> 32)},
	}, calls, sys.SECCOMP_RET_USER_NOTIF)
	return append(prog, rest...), err
}

// reportFirst is the beginning of a program that reports a call.
func reportFirst(nr uintptr) []syscall.SockFilter {
	const equal = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K
	return []syscall.SockFilter{
		load(unsafe.Offsetof(seen.Arch)),
		{Code: equal, Jf: 3, K: auditArch},
		load(unsafe.Offsetof(seen.Nr)),
		{Code: equal, Jf: 1, K: uint32(nr)},
		result(sys.SECCOMP_RET_USER_NOTIF),
	}
}

// program does action for the calls under all conditions, and allows all others.
func program(must []condition, calls []uintptr, action uint32) ([]syscall.SockFilter, error) {
	// Jumps are relative to the next instruction and have 8 bits.
	if len(calls) > 100 {
		return nil, errors.New("too many calls for one filter")
	}
	equal := uint16(syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K)
	// Two instructions for each of must, then the number, calls, allow, action.
	allow := 2*len(must) + 1 + len(calls)
	var prog []syscall.SockFilter
	for _, m := range must {
		prog = append(prog, load(m.offset))
		prog = append(prog, syscall.SockFilter{
			Code: equal, Jf: uint8(allow - len(prog) - 1), K: m.value,
		})
	}
	prog = append(prog, load(unsafe.Offsetof(seen.Nr)))
	for _, nr := range calls {
		prog = append(prog, syscall.SockFilter{
			Code: equal, Jt: uint8(allow - len(prog)), K: uint32(nr),
		})
	}
	return append(prog, result(sys.SECCOMP_RET_ALLOW), result(action)), nil
}

// install puts the filter on the calling thread, for good, and returns the
// descriptor of its supervisor.
func install(prog []syscall.SockFilter) (fd int, err error) {
	if err := sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, os.NewSyscallError("prctl", err)
	}
	fprog := syscall.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	// Without WAIT_KILLABLE_RECV (before 5.19) a signal that the runtime sends
	// to preempt the thread makes a call start again: slower, but correct.
	for _, flags := range []int{sys.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0} {
		fd, err = sys.Seccomp(sys.SECCOMP_SET_MODE_FILTER,
			flags|sys.SECCOMP_FILTER_FLAG_NEW_LISTENER, unsafe.Pointer(&fprog))
		if err != sys.EINVAL {
			break
		}
	}
	return fd, os.NewSyscallError("seccomp", err)
}

// callSite returns the address behind the one instruction with which package
// syscall enters the kernel. It lets a thread block there, and asks /proc.
var callSite = sync.OnceValues(func() (uint64, error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return 0, err
	}
	defer syscall.Close(p[0])
	tid := make(chan int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- syscall.Gettid()
		var b [1]byte
		syscall.Read(p[0], b[:])
	}()
	name := fmt.Sprintf("/proc/self/task/%d/syscall", <-tid)
	ip, err := blockedAt(name, fmt.Sprintf("%d %#x ", syscall.SYS_READ, p[0]))
	syscall.Close(p[1])
	<-done
	return ip, err
})

// blockedAt waits until the thread that the file name describes is in the call
// whose description begins with prefix, and returns its instruction pointer.
func blockedAt(name, prefix string) (uint64, error) {
	for {
		b, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		line := string(b)
		if strings.HasPrefix(line, prefix) {
			fields := strings.Fields(line)
			var ip uint64
			_, err := fmt.Sscanf(fields[len(fields)-1], "0x%x", &ip)
			return ip, err
		}
		runtime.Gosched()
	}
}
