// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"

	"example.com/syshim/gobind/sys"
)

// A gate is where a child waits until this program has done what only it can do:
// the ends of a pipe, of which the child reads a byte. A program that is killed
// writes none, and must leave no child that waits for ever in its memory. The
// end of the pipe says that it is gone; but another child that begins meanwhile
// has a copy of the pipe's other end, and two that wait may have each other's. So
// the child looks at the pidfd of this program as well, which holds nothing back.
// It is -1 where there is none.
//
// The signal of the parent's death is no way: it comes when a thread ends, and
// not at all when the parent has ended before it was asked for.
type gate struct {
	read, write int
	caller      int
}

var noGate = gate{-1, -1, -1}

func openGate() (gate, error) {
	var ends [2]int
	// After this program's end there is nothing to read, and no wait.
	if err := sys.Pipe2(ends[:], sys.O_CLOEXEC|sys.O_NONBLOCK); err != nil {
		return noGate, &StepError{Step: "pipe2", Err: err}
	}
	caller, err := sys.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		caller = -1
	}
	return gate{ends[0], ends[1], caller}, nil
}

func (g gate) close() {
	for _, fd := range [...]int{g.read, g.write, g.caller} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
}

// pass lets the child go on. What was written before, it sees.
func (g gate) pass() error {
	for {
		_, err := sys.Write(g.write, []byte{1})
		if err != sys.EINTR {
			return err
		}
	}
}

// addGate makes the steps of a child that waits.
func (b *build) addGate() {
	if !b.waits() {
		return
	}
	wake := vector[sys.PollFd](b.arena, 2)
	wake[0] = sys.PollFd{Fd: int32(b.gate.read), Events: sys.POLLIN}
	wake[1] = sys.PollFd{Fd: int32(b.gate.caller), Events: sys.POLLIN}
	b.add(sys.SYS_CLOSE, 0, uint64(b.gate.write))
	b.add(sys.SYS_PPOLL, stepWait, address(&wake[0]), uint64(len(wake)))
	b.add(sys.SYS_READ, stepWait, uint64(b.gate.read), address(&b.filled), 1)
	b.add(sys.SYS_CLOSE, 0, uint64(b.gate.read))
	if b.gate.caller >= 0 {
		b.add(sys.SYS_CLOSE, 0, uint64(b.gate.caller))
	}
}
