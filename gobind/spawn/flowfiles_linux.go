// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"os"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// The files of a Flow.
const (
	from = iota
	to
	also
	nrFiles
)

// held is what a Flow keeps, lest each call allocates: its files, which cannot
// be closed under it, while it moves.
type held struct {
	flow  *Flow
	files [nrFiles]heldFile
	tees  bool
	err   error
	// What wait asks of a file.
	polled [1]sys.PollFd
	ready  func(fd uintptr) bool
	// look notes whether a file is ready.
	look    func(fd uintptr)
	isReady bool
}

type heldFile struct {
	file *os.File
	raw  syscall.RawConn // nil: there is none
	fd   int
	use  func(fd uintptr)
}

// hold prepares the files.
func (f *Flow) hold() *held {
	if f.held == nil {
		f.held = newHeld()
	}
	h := f.held
	h.flow = f
	for i, file := range [nrFiles]*os.File{f.From, f.To, f.Also} {
		if c := &h.files[i]; c.file != file {
			c.file = file
			// The error is about a file that is nil.
			c.raw, _ = file.SyscallConn()
		}
	}
	return h
}

func newHeld() *held {
	h := &held{}
	for i := range h.files {
		h.files[i].use = func(fd uintptr) {
			h.files[i].fd = int(fd)
			h.enter(i + 1)
		}
	}
	h.ready = func(fd uintptr) bool {
		n, err := h.poll(int(fd), 0)
		return n > 0 || err != nil
	}
	h.look = func(fd uintptr) { h.isReady = h.ready(fd) }
	return h
}

// enter holds the files from i on, and then moves what there is.
func (h *held) enter(i int) {
	if i == nrFiles {
		h.err = h.flow.move(h)
		return
	}
	c := &h.files[i]
	c.fd = -1
	if i == also && !h.tees || c.raw == nil || c.raw.Control(c.use) != nil {
		h.enter(i + 1)
	}
}

func (h *held) fd(i int) int {
	return h.files[i].fd
}

// poll asks for what wait has noted.
func (h *held) poll(fd, timeout int) (n int, err error) {
	err = sys.EINTR
	for err == sys.EINTR {
		h.polled[0].Fd = int32(fd)
		n, err = sys.Poll(h.polled[:], timeout)
	}
	return n, err
}

// wait waits for the file for which call had to.
func (h *held) wait(call string) error {
	f := h.flow
	i, events := from, int16(sys.POLLIN)
	switch {
	case call == "read":
	case call == "tee" && f.beginAlso < f.end:
		i, events = also, sys.POLLOUT
	case call == "write" || h.isReadable():
		i, events = to, sys.POLLOUT
		if call == "tee" {
			i = also
		}
	}
	h.polled[0].Events = events
	c := &h.files[i]
	if c.raw == nil {
		return os.NewSyscallError(call, sys.EAGAIN)
	}
	var err error
	if events == sys.POLLIN {
		err = c.raw.Read(h.ready)
	} else {
		err = c.raw.Write(h.ready)
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return h.waitOnThread(c, call)
}

// isReadable reports whether From has something, so that it is not the one to
// wait for.
func (h *held) isReadable() bool {
	h.polled[0].Events = sys.POLLIN
	h.isReady = false
	if raw := h.files[from].raw; raw != nil {
		raw.Control(h.look)
	}
	return h.isReady
}

// waitOnThread is for a file that is not polled. One that blocks would have
// held up a thread if the other were not non-blocking.
func (h *held) waitOnThread(c *heldFile, call string) error {
	var err error
	e := c.raw.Control(func(fd uintptr) {
		var flags int
		flags, err = sys.FcntlInt(fd, sys.F_GETFL, 0)
		switch {
		case err != nil:
			call = "fcntl"
		case flags&sys.O_NONBLOCK != 0:
			err = sys.EAGAIN
		default:
			_, err = h.poll(int(fd), -1)
			call = "ppoll"
		}
	})
	if e != nil {
		return os.ErrClosed
	}
	return os.NewSyscallError(call, err)
}
