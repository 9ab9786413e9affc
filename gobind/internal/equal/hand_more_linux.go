// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/binary"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// More of hand; tests/equal/hand_more.c says what must be there.
var _ = also(table{
	"Accept": func(f *frame) (int64, error) {
		fd, sa, err := sys.Accept(int(f.v[0]))
		f.putSockaddr(4, sa)
		return int64(fd), err
	},
	"Alarm": func(f *frame) (int64, error) {
		n, err := sys.Alarm(uint(f.v[0]))
		return int64(n), err
	},
	"Dup2": func(f *frame) (int64, error) {
		return 0, sys.Dup2(int(f.v[0]), int(f.v[1]))
	},
	"Dup2/same": func(f *frame) (int64, error) {
		return 0, sys.Dup2(int(f.v[0]), int(f.v[0]))
	},
	"EpollCreate": func(f *frame) (int64, error) {
		return result(sys.EpollCreate(77))
	},
	"Faccessat": func(f *frame) (int64, error) {
		return 0, sys.Faccessat(int(f.v[0]), f.str(1), uint32(f.v[2]), 0)
	},
	"Faccessat/flags": func(f *frame) (int64, error) {
		return 0, sys.Faccessat(int(f.v[0]), f.str(1), uint32(f.v[2]), int(f.v[3]))
	},
	"Fchmodat": func(f *frame) (int64, error) {
		return 0, sys.Fchmodat(int(f.v[0]), f.str(1), uint32(f.v[2]), 0)
	},
	"Fchmodat/flags": func(f *frame) (int64, error) {
		return 0, sys.Fchmodat(int(f.v[0]), f.str(1), uint32(f.v[2]), int(f.v[3]))
	},
	"FanotifyMark": func(f *frame) (int64, error) {
		return 0, sys.FanotifyMark(int(f.v[0]), uint(f.v[1]), f.v[2], int(f.v[3]), f.str(4))
	},
	"FsconfigSetFlag": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetFlag(int(f.v[0]), f.str(2))
	},
	"FsconfigSetString": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetString(int(f.v[0]), f.str(2), f.str(2))
	},
	"FsconfigSetBinary": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetBinary(int(f.v[0]), f.str(2), f.mem[3][:5])
	},
	"FsconfigSetPath": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetPath(int(f.v[0]), f.str(2), f.str(2), int(f.v[4]))
	},
	"FsconfigSetPathEmpty": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetPathEmpty(int(f.v[0]), f.str(2), f.str(2), int(f.v[4]))
	},
	"FsconfigSetFd": func(f *frame) (int64, error) {
		return 0, sys.FsconfigSetFd(int(f.v[0]), f.str(2), int(f.v[4]))
	},
	"FsconfigCreate": func(f *frame) (int64, error) {
		return 0, sys.FsconfigCreate(int(f.v[0]))
	},
	"FsconfigReconfigure": func(f *frame) (int64, error) {
		return 0, sys.FsconfigReconfigure(int(f.v[0]))
	},
	"Futimesat": func(f *frame) (int64, error) {
		return 0, sys.Futimesat(int(f.v[0]), f.str(1), two[sys.Timeval](f, 2))
	},
	"Utimes": func(f *frame) (int64, error) {
		return 0, sys.Utimes(f.str(1), two[sys.Timeval](f, 2))
	},
	"Lutimes": func(f *frame) (int64, error) {
		return 0, sys.Lutimes(f.str(1), two[sys.Timeval](f, 2))
	},
	"Futimes": func(f *frame) (int64, error) {
		return 0, sys.Futimes(7, two[sys.Timeval](f, 2))
	},
	"Utime": func(f *frame) (int64, error) {
		return 0, sys.Utime(f.str(1), (*sys.Utimbuf)(f.ptr(2)))
	},
	"UtimesNano": func(f *frame) (int64, error) {
		return 0, sys.UtimesNano(f.str(1), two[sys.Timespec](f, 2))
	},
	"UtimesNanoAt": func(f *frame) (int64, error) {
		return 0, sys.UtimesNanoAt(int(f.v[0]), f.str(1), two[sys.Timespec](f, 2), int(f.v[3]))
	},
	"Getitimer": func(f *frame) (int64, error) {
		it, err := sys.Getitimer(sys.ItimerWhich(f.v[0]))
		return 0, leave(f, 1, it, err)
	},
	"Setitimer": func(f *frame) (int64, error) {
		it, err := sys.Setitimer(sys.ItimerWhich(f.v[0]), *(*sys.Itimerval)(unsafe.Pointer(&f.mem[1])))
		return 0, leave(f, 2, it, err)
	},
	"Getpgrp": func(f *frame) (int64, error) {
		return int64(sys.Getpgrp()), nil
	},
	"Getresuid": func(f *frame) (int64, error) {
		f.put32(sys.Getresuid())
		return 0, nil
	},
	"Getresgid": func(f *frame) (int64, error) {
		f.put32(sys.Getresgid())
		return 0, nil
	},
	"Gettimeofday": func(f *frame) (int64, error) {
		return 0, sys.Gettimeofday((*sys.Timeval)(f.ptr(0)))
	},
	"Settimeofday": func(f *frame) (int64, error) {
		return 0, sys.Settimeofday((*sys.Timeval)(f.ptr(0)))
	},
	"IoctlGetInt": func(f *frame) (int64, error) {
		return result(sys.IoctlGetInt(int(f.v[0]), uint(f.v[1])))
	},
	"IoctlGetUint32": func(f *frame) (int64, error) {
		v, err := sys.IoctlGetUint32(int(f.v[0]), uint(f.v[1]))
		return int64(v), err
	},
	"IoctlRetInt": func(f *frame) (int64, error) {
		return result(sys.IoctlRetInt(int(f.v[0]), uint(f.v[1])))
	},
	"IoctlSetInt": func(f *frame) (int64, error) {
		return 0, sys.IoctlSetInt(int(f.v[0]), uint(f.v[1]), int(f.v[2]))
	},
	"IoctlSetPointerInt": func(f *frame) (int64, error) {
		return 0, sys.IoctlSetPointerInt(int(f.v[0]), uint(f.v[1]), int(f.v[2]))
	},
	"KexecFileLoad": func(f *frame) (int64, error) {
		return 0, sys.KexecFileLoad(int(f.v[0]), int(f.v[1]), "command", int(f.v[4]))
	},
	"KeyctlInt": func(f *frame) (int64, error) {
		return result(sys.KeyctlInt(int(f.v[0]), int(f.v[1]), int(f.v[2]), int(f.v[3]), int(f.v[4])))
	},
	"KeyctlBuffer": func(f *frame) (int64, error) {
		return result(sys.KeyctlBuffer(int(f.v[0]), int(f.v[1]), f.mem[2][:9], int(f.v[4])))
	},
	"KeyctlGetKeyringID": func(f *frame) (int64, error) {
		return result(sys.KeyctlGetKeyringID(int(f.v[1]), true))
	},
	"KeyctlSetperm": func(f *frame) (int64, error) {
		return 0, sys.KeyctlSetperm(int(f.v[1]), uint32(f.v[2]))
	},
	"KeyctlJoinSessionKeyring": func(f *frame) (int64, error) {
		return result(sys.KeyctlJoinSessionKeyring("ring"))
	},
	"KeyctlJoinSessionKeyring/new": func(f *frame) (int64, error) {
		return result(sys.KeyctlJoinSessionKeyring(""))
	},
	"KeyctlSearch": func(f *frame) (int64, error) {
		return result(sys.KeyctlSearch(int(f.v[1]), "user", "a key", int(f.v[4])))
	},
	"Mremap": func(f *frame) (int64, error) {
		b, err := sys.Mmap(-1, 0, 8192, sys.PROT_READ|sys.PROT_WRITE, sys.MAP_PRIVATE|sys.MAP_ANONYMOUS)
		if err != nil {
			return -1, err
		}
		copy(b, f.mem[0][:])
		b, err = sys.Mremap(b, 12288, sys.MREMAP_MAYMOVE)
		if len(b) != 0 && len(b) != 12288 {
			return int64(len(b)), err
		}
		return address(unsafe.Pointer(unsafe.SliceData(b)), err)
	},
	"NameToHandleAt": func(f *frame) (int64, error) {
		h, id, err := sys.NameToHandleAt(int(f.v[0]), f.str(1), int(f.v[4]))
		if err == nil {
			leave(f, 2, [2]int32{int32(h.Size()), h.Type()}, nil)
			leave(f, 3, int32(id), nil)
		}
		return 0, err
	},
	"OpenByHandleAt": func(f *frame) (int64, error) {
		return result(sys.OpenByHandleAt(int(f.v[0]), sys.NewFileHandle(0x77, []byte("abcde")), int(f.v[2])))
	},
	"Pause": func(f *frame) (int64, error) {
		return 0, sys.Pause()
	},
	"Pipe": func(f *frame) (int64, error) {
		return 0, sys.Pipe(f.ints(0))
	},
	"Poll": func(f *frame) (int64, error) {
		return result(sys.Poll(slice[sys.PollFd](f, 0, 1), 1234))
	},
	"Poll/for_ever": func(f *frame) (int64, error) {
		return result(sys.Poll(slice[sys.PollFd](f, 0, 1), -1))
	},
	"Preadv": func(f *frame) (int64, error) {
		return result(sys.Preadv(int(f.v[0]), f.buffers(), int64(f.v[3])))
	},
	"Pwritev": func(f *frame) (int64, error) {
		return result(sys.Pwritev(int(f.v[0]), f.buffers(), int64(f.v[3])))
	},
	"PtraceAttach": func(f *frame) (int64, error) {
		return 0, sys.PtraceAttach(int(f.v[1]))
	},
	"PtraceSeize": func(f *frame) (int64, error) {
		return 0, sys.PtraceSeize(int(f.v[1]))
	},
	"PtraceDetach": func(f *frame) (int64, error) {
		return 0, sys.PtraceDetach(int(f.v[1]))
	},
	"PtraceInterrupt": func(f *frame) (int64, error) {
		return 0, sys.PtraceInterrupt(int(f.v[1]))
	},
	"PtraceCont": func(f *frame) (int64, error) {
		return 0, sys.PtraceCont(int(f.v[1]), int(f.v[3]))
	},
	"PtraceSyscall": func(f *frame) (int64, error) {
		return 0, sys.PtraceSyscall(int(f.v[1]), int(f.v[3]))
	},
	"PtraceSingleStep": func(f *frame) (int64, error) {
		return 0, sys.PtraceSingleStep(int(f.v[1]))
	},
	"PtraceSetOptions": func(f *frame) (int64, error) {
		return 0, sys.PtraceSetOptions(int(f.v[1]), int(f.v[3]))
	},
	"PtraceGetEventMsg": func(f *frame) (int64, error) {
		msg, err := sys.PtraceGetEventMsg(int(f.v[1]))
		return int64(msg), err
	},
	"SchedGetAttr": func(f *frame) (int64, error) {
		attr, err := sys.SchedGetAttr(int(f.v[0]), uint(f.v[3]))
		if err != nil {
			return 0, err
		}
		return 0, leave(f, 1, *attr, nil)
	},
	"Select": func(f *frame) (int64, error) {
		return result(sys.Select(int(f.v[0]), (*sys.FdSet)(f.ptr(1)), (*sys.FdSet)(f.ptr(2)), (*sys.FdSet)(f.ptr(3)), (*sys.Timeval)(f.ptr(4))))
	},
	"SetMemPolicy": func(f *frame) (int64, error) {
		return 0, sys.SetMemPolicy(int(f.v[0]), (*sys.CPUSet)(unsafe.Pointer(&f.mem[1])))
	},
	"SetfsuidRetUid": func(f *frame) (int64, error) {
		return result(sys.SetfsuidRetUid(int(f.v[0])))
	},
	"SetfsgidRetGid": func(f *frame) (int64, error) {
		return result(sys.SetfsgidRetGid(int(f.v[0])))
	},
	"Setfsuid": func(f *frame) (int64, error) {
		return 0, sys.Setfsuid(int(f.v[0]))
	},
	"Setfsgid": func(f *frame) (int64, error) {
		return 0, sys.Setfsgid(int(f.v[0]))
	},
	"SysvShmGet": func(f *frame) (int64, error) {
		return result(sys.SysvShmGet(int(f.v[0]), int(f.v[1]), int(f.v[2])))
	},
	"SysvShmCtl": func(f *frame) (int64, error) {
		return result(sys.SysvShmCtl(int(f.v[0]), int(f.v[1]), (*sys.SysvShmDesc)(f.ptr(2))))
	},
})

// two returns the memory of argument i as two elements, or nil.
func two[T any](f *frame, i int) []T {
	p := f.ptr(i)
	if p == nil {
		return nil
	}
	return unsafe.Slice((*T)(p), 2)
}

// leave puts a result into the memory of argument i, unless err tells that there
// is none.
func leave[T any](f *frame, i int, v T, err error) error {
	if err == nil {
		*(*T)(unsafe.Pointer(&f.mem[i])) = v
	}
	return err
}

// put32 leaves three numbers of 32 bits.
func (f *frame) put32(a, b, c int) {
	for i, v := range []int{a, b, c} {
		binary.NativeEndian.PutUint32(f.mem[i][:], uint32(v))
	}
}
