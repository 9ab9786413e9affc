// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

// stopped starts a program and waits until it has stopped for its tracer.
func stopped(t *testing.T, pid int) {
	t.Helper()
	var status sys.WaitStatus
	_, err := retry(func() (int, error) { return sys.Wait4(pid, &status, sys.WALL, nil) })
	check(t, err)
	if !status.Stopped() {
		t.Fatalf("status %#x", status)
	}
}

func TestTracerReadsAndWritesMemory(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	check(t, err)
	defer in.Close()
	check(t, cmd.Start())
	pid := cmd.Process.Pid
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := sys.PtraceAttach(pid); err == sys.ENOSYS || err == sys.EPERM {
		t.Skipf("ptrace is not there, or not allowed: %v", err)
	} else {
		check(t, err)
	}
	stopped(t, pid)
	check(t, sys.PtraceSetOptions(pid, sys.PTRACE_O_TRACESYSGOOD))
	// The program's own stack, from its auxiliary vector on, can be written.
	addr := stackOf(t, pid)
	// Neither begin nor length fit words, and no other byte may change.
	for begin := uintptr(0); begin < 8; begin++ {
		for length := 1; length <= 17; length++ {
			pokeAndPeek(t, pid, addr+begin, length)
		}
	}
	if n, err := sys.PtracePeekText(pid, 0, make([]byte, 4)); n != 0 || err != sys.EIO {
		t.Errorf("nothing is mapped at 0: %d, %v", n, err)
	}
	check(t, sys.PtraceDetach(pid))
	wantErrno(t, "PtraceCont", sys.PtraceCont(pid, 0), sys.ESRCH)
}

func stackOf(t *testing.T, pid int) uintptr {
	t.Helper()
	fields := statFields(t, pid)
	const startstack = 27 // proc_pid_stat(5), from 0
	return uintptr(fields[startstack]) &^ 7
}

// statFields returns the numbers of /proc/PID/stat; what is none is 0.
func statFields(t *testing.T, pid int) []uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	numbers := make([]uint64, 2) // the number and the name
	for _, f := range strings.Fields(rest) {
		n, _ := strconv.ParseUint(f, 10, 64)
		numbers = append(numbers, n)
	}
	return numbers
}

func pokeAndPeek(t *testing.T, pid int, addr uintptr, length int) {
	t.Helper()
	before := make([]byte, length+16)
	_, err := sys.PtracePeekData(pid, addr-8, before)
	check(t, err)
	data := make([]byte, length)
	for i := range data {
		data[i] = ^before[8+i]
	}
	n, err := sys.PtracePokeData(pid, addr, data)
	check(t, err)
	after := make([]byte, length+16)
	_, err = sys.PtracePeekText(pid, addr-8, after)
	check(t, err)
	for i := range after {
		inside := i >= 8 && i < 8+length
		if (after[i] == before[i]) == inside {
			t.Fatalf("%d bytes at %#x: byte %d is %#x, was %#x", length, addr, i-8, after[i], before[i])
		}
	}
	if n != length {
		t.Errorf("%d bytes written, want %d", n, length)
	}
	_, err = sys.PtracePokeText(pid, addr, before[8:8+length])
	check(t, err)
}

func TestTracerSeesTheUserArea(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("this CPU has no user area: PTRACE_GETREGSET reads registers")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	check(t, err)
	defer in.Close()
	check(t, cmd.Start())
	pid := cmd.Process.Pid
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := sys.PtraceSeize(pid); err == sys.ENOSYS || err == sys.EPERM {
		t.Skipf("ptrace is not there, or not allowed: %v", err)
	} else {
		check(t, err)
	}
	check(t, sys.PtraceInterrupt(pid))
	stopped(t, pid)
	// r15 is the first register of the area.
	var was, is [8]byte
	_, err = sys.PtracePeekUser(pid, 0, was[:])
	check(t, err)
	wrote := was
	wrote[3] ^= 0xff
	_, err = sys.PtracePokeUser(pid, 0, wrote[:])
	check(t, err)
	_, err = sys.PtracePeekUser(pid, 0, is[:])
	check(t, err)
	if is != wrote {
		t.Errorf("the register is %x, want %x", is, wrote)
	}
	_, err = sys.PtracePokeUser(pid, 0, was[:])
	check(t, err)
	check(t, sys.PtraceDetach(pid))
}
