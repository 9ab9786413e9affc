// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// A ring without package uring: one request that does nothing.
func ExampleIoUringParams() {
	var params sys.IoUringParams
	fd, err := sys.IoUringSetup(1, &params)
	must(err)
	defer sys.Close(fd)
	mapped := func(offset int64, size uint32) []byte {
		b, err := sys.Mmap(fd, offset, int(size), sys.PROT_READ|sys.PROT_WRITE, sys.MAP_SHARED|sys.MAP_POPULATE)
		must(err)
		return b
	}
	var sq sys.IoSqringOffsets = params.SqOff
	var cq sys.IoCqringOffsets = params.CqOff
	ring := mapped(sys.IORING_OFF_SQ_RING, max(sq.Array+4*params.SqEntries,
		cq.Cqes+params.CqEntries*uint32(unsafe.Sizeof(sys.IoUringCqe{}))))
	defer sys.Munmap(ring)
	entries := mapped(sys.IORING_OFF_SQES, params.SqEntries*uint32(unsafe.Sizeof(sys.IoUringSqe{})))
	defer sys.Munmap(entries)

	sqe := (*sys.IoUringSqe)(unsafe.Pointer(&entries[0]))
	*sqe = sys.IoUringSqe{Opcode: sys.IORING_OP_NOP, UserData: 42}
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&ring[sq.Tail])), 1)
	_, err = sys.IoUringEnter(fd, 1, 1, sys.IORING_ENTER_GETEVENTS, nil, 0)
	must(err)
	if atomic.LoadUint32((*uint32)(unsafe.Pointer(&ring[cq.Tail]))) == 1 {
		cqe := (*sys.IoUringCqe)(unsafe.Pointer(&ring[cq.Cqes]))
		fmt.Println(cqe.UserData, cqe.Res)
	}
}

// How long a wait on a ring may last.
func ExampleIoUringGeteventsArg() {
	fd, err := sys.IoUringSetup(1, new(sys.IoUringParams))
	must(err)
	defer sys.Close(fd)
	limit := &sys.Timespec{Nsec: 1e6}
	// Addresses that stand as numbers do not follow a stack that moves.
	var pin runtime.Pinner
	pin.Pin(limit)
	defer pin.Unpin()
	arg := sys.IoUringGeteventsArg{Ts: uint64(uintptr(unsafe.Pointer(limit)))}
	_, err = sys.IoUringEnter(fd, 0, 1, sys.IORING_ENTER_GETEVENTS|sys.IORING_ENTER_EXT_ARG,
		unsafe.Pointer(&arg), unsafe.Sizeof(arg))
	fmt.Println(err == sys.ETIME)
}

// Whether the kernel has an operation.
func ExampleIoUringProbe() {
	fd, err := sys.IoUringSetup(1, new(sys.IoUringParams))
	must(err)
	defer sys.Close(fd)
	var probe struct {
		sys.IoUringProbe
		ops [256]sys.IoUringProbeOp
	}
	_, err = sys.IoUringRegister(fd, sys.IORING_REGISTER_PROBE, unsafe.Pointer(&probe), 256)
	must(err)
	fmt.Println(probe.ops[sys.IORING_OP_SEND_ZC].Flags&sys.IO_URING_OP_SUPPORTED != 0)
}

// Standard input becomes the registered file 0.
func ExampleIoUringFilesUpdate() {
	fd, err := sys.IoUringSetup(1, new(sys.IoUringParams))
	must(err)
	defer sys.Close(fd)
	table := []int32{-1, -1}
	_, err = sys.IoUringRegister(fd, sys.IORING_REGISTER_FILES, unsafe.Pointer(&table[0]), 2)
	must(err)
	files := &[1]int32{0}
	var pin runtime.Pinner
	pin.Pin(files)
	defer pin.Unpin()
	update := sys.IoUringFilesUpdate{Offset: 0, Fds: uint64(uintptr(unsafe.Pointer(files)))}
	_, err = sys.IoUringRegister(fd, sys.IORING_REGISTER_FILES_UPDATE, unsafe.Pointer(&update), 1)
	must(err)
}

// Cancel what is in flight on standard input, and wait for that.
func ExampleIoUringSyncCancelReg() {
	fd, err := sys.IoUringSetup(1, new(sys.IoUringParams))
	must(err)
	defer sys.Close(fd)
	all := sys.IoUringSyncCancelReg{
		Fd:      0,
		Flags:   sys.IORING_ASYNC_CANCEL_FD | sys.IORING_ASYNC_CANCEL_ALL,
		Timeout: sys.Timespec{Sec: -1, Nsec: -1},
	}
	_, err = sys.IoUringRegister(fd, sys.IORING_REGISTER_SYNC_CANCEL, unsafe.Pointer(&all), 1)
	must(err)
}

// answer is a filter that does the action for getppid.
func answer(action uint32) *sys.SockFprog {
	filter := []sys.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: uint32(unsafe.Offsetof(sys.SeccompData{}.Nr))},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: sys.SYS_GETPPID, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: action},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: sys.SECCOMP_RET_ALLOW},
	}
	return &sys.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
}

// A thread loses a call. It keeps the filter, so it ends with its goroutine,
// which stays locked to it.
func ExampleSockFprog() {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		must(sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_, err := sys.Seccomp(sys.SECCOMP_SET_MODE_FILTER, 0,
			unsafe.Pointer(answer(sys.SECCOMP_RET_ERRNO|uint32(sys.EPERM))))
		must(err)
		_, _, e := syscall.Syscall(sys.SYS_GETPPID, 0, 0, 0)
		done <- e
	}()
	fmt.Println(<-done)
}

// A supervisor answers a call of another thread.
func ExampleSeccompNotif() {
	var sizes sys.SeccompNotifSizes
	_, err := sys.Seccomp(sys.SECCOMP_GET_NOTIF_SIZES, 0, unsafe.Pointer(&sizes))
	must(err)
	if uintptr(sizes.SeccompNotif) != unsafe.Sizeof(sys.SeccompNotif{}) {
		return // A newer kernel wants more room.
	}
	listener, result := make(chan int), make(chan uintptr)
	go func() {
		runtime.LockOSThread()
		must(sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		// Without the second flag, Go's signals repeat the call.
		fd, err := sys.Seccomp(sys.SECCOMP_SET_MODE_FILTER,
			sys.SECCOMP_FILTER_FLAG_NEW_LISTENER|sys.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			unsafe.Pointer(answer(sys.SECCOMP_RET_USER_NOTIF)))
		must(err)
		listener <- fd
		r, _, _ := syscall.Syscall(sys.SYS_GETPPID, 0, 0, 0)
		result <- r
	}()
	fd := <-listener
	defer sys.Close(fd)
	ioctl := func(request uintptr, arg unsafe.Pointer) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); e != 0 {
			must(e)
		}
	}
	var call sys.SeccompNotif
	ioctl(sys.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&call))
	reply := sys.SeccompNotifResp{Id: call.Id, Val: 42}
	ioctl(sys.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&reply))
	fmt.Println(call.Data.Nr == sys.SYS_GETPPID, <-result)
}

// How often the thread has to wait.
func ExamplePerfEventAttr() {
	attr := sys.PerfEventAttr{
		Type:   sys.PERF_TYPE_SOFTWARE,
		Size:   uint32(unsafe.Sizeof(sys.PerfEventAttr{})),
		Config: sys.PERF_COUNT_SW_CONTEXT_SWITCHES,
	}
	fd, err := sys.PerfEventOpen(&attr, 0, -1, -1, sys.PERF_FLAG_FD_CLOEXEC)
	must(err)
	defer sys.Close(fd)
	var count [8]byte
	_, err = sys.Read(fd, count[:])
	must(err)
	fmt.Println(binary.NativeEndian.Uint64(count[:]))
}
