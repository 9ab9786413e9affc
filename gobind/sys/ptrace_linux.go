// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"encoding/binary"
	"unsafe"
)

// All calls for a thread must come from the one that attached to it: they need
// runtime.LockOSThread.

func ptrace(request, pid int, addr, data uintptr) error {
	_, err := RawPtrace(request, pid, addr, data)
	return err
}

// PtraceAttach attaches to a thread, and stops it.
func PtraceAttach(pid int) (err error) { return ptrace(PTRACE_ATTACH, pid, 0, 0) }

// PtraceSeize attaches to a thread without stopping it.
func PtraceSeize(pid int) (err error) { return ptrace(PTRACE_SEIZE, pid, 0, 0) }

// PtraceDetach lets a thread go on without its tracer.
func PtraceDetach(pid int) (err error) { return ptrace(PTRACE_DETACH, pid, 0, 0) }

// PtraceInterrupt stops a thread that [PtraceSeize] attached to.
func PtraceInterrupt(pid int) (err error) { return ptrace(PTRACE_INTERRUPT, pid, 0, 0) }

// PtraceCont lets a thread go on, with a signal unless that is 0.
func PtraceCont(pid int, signal int) (err error) {
	return ptrace(PTRACE_CONT, pid, 0, uintptr(signal))
}

// PtraceSyscall lets a thread go on until it enters or leaves a system call.
func PtraceSyscall(pid int, signal int) (err error) {
	return ptrace(PTRACE_SYSCALL, pid, 0, uintptr(signal))
}

// PtraceSingleStep lets a thread go on for one instruction.
func PtraceSingleStep(pid int) (err error) { return ptrace(PTRACE_SINGLESTEP, pid, 0, 0) }

// PtraceSetOptions sets PTRACE_O_ flags.
func PtraceSetOptions(pid int, options int) (err error) {
	return ptrace(PTRACE_SETOPTIONS, pid, 0, uintptr(options))
}

// PtraceGetEventMsg reads the number that came with the last PTRACE_EVENT_.
func PtraceGetEventMsg(pid int) (msg uint, err error) {
	var data uint64
	_, err = RawPtrace(PTRACE_GETEVENTMSG, pid, 0, uintptr(unsafe.Pointer(&data)))
	return uint(data), err
}

// peek reads words from addr on until out is full.
func peek(request, pid int, addr uintptr, out []byte) (count int, err error) {
	for count < len(out) {
		var word uint64
		at := addr + uintptr(count)
		// The user area knows whole words only; from memory no byte before
		// addr nor behind a page need be there.
		skip := at % 8
		if _, err := RawPtrace(request, pid, at-skip, uintptr(unsafe.Pointer(&word))); err != nil {
			return count, err
		}
		var b [8]byte
		binary.NativeEndian.PutUint64(b[:], word)
		count += copy(out[count:], b[skip:])
	}
	return count, nil
}

// poke writes data from addr on, and leaves the rest of each word as it is.
func poke(peekRequest, request, pid int, addr uintptr, data []byte) (count int, err error) {
	for count < len(data) {
		var b [8]byte
		at := addr + uintptr(count)
		skip := at % 8
		if skip != 0 || len(data)-count < len(b) {
			if _, err := peek(peekRequest, pid, at-skip, b[:]); err != nil {
				return count, err
			}
		}
		n := copy(b[skip:], data[count:])
		if err := ptrace(request, pid, at-skip, uintptr(binary.NativeEndian.Uint64(b[:]))); err != nil {
			return count, err
		}
		count += n
	}
	return count, nil
}

// PtracePeekText reads memory of a stopped thread.
func PtracePeekText(pid int, addr uintptr, out []byte) (count int, err error) {
	return peek(PTRACE_PEEKTEXT, pid, addr, out)
}

// PtracePeekData reads memory of a stopped thread.
func PtracePeekData(pid int, addr uintptr, out []byte) (count int, err error) {
	return peek(PTRACE_PEEKDATA, pid, addr, out)
}

// PtracePeekUser reads the kernel's user area of a stopped thread.
func PtracePeekUser(pid int, addr uintptr, out []byte) (count int, err error) {
	return peek(PTRACE_PEEKUSR, pid, addr, out)
}

// PtracePokeText writes memory of a stopped thread.
func PtracePokeText(pid int, addr uintptr, data []byte) (count int, err error) {
	return poke(PTRACE_PEEKTEXT, PTRACE_POKETEXT, pid, addr, data)
}

// PtracePokeData writes memory of a stopped thread.
func PtracePokeData(pid int, addr uintptr, data []byte) (count int, err error) {
	return poke(PTRACE_PEEKDATA, PTRACE_POKEDATA, pid, addr, data)
}

// PtracePokeUser writes the kernel's user area of a stopped thread.
func PtracePokeUser(pid int, addr uintptr, data []byte) (count int, err error) {
	return poke(PTRACE_PEEKUSR, PTRACE_POKEUSR, pid, addr, data)
}
