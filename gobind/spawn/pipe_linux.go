// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// Pipe returns a pipe, as [os.Pipe] does: r reads what is written to w, both are
// close-on-exec, and nobody holds up a thread who waits for them. size is how
// much it should hold; 0: as the kernel likes. See pipe(2), pipe(7).
//
// flags are [sys.O_DIRECT] and [sys.O_NONBLOCK]. With the first each write of up
// to 4096 bytes is a packet, which one read takes. With the second the ends stay
// non-blocking for a program that gets one; without, Fd makes an end blocking.
//
// Only who has CAP_SYS_RESOURCE may have more than /proc/sys/fs/pipe-max-size,
// or, in many pipes, than pipe-user-pages-hard: else the error is EPERM.
func Pipe(size, flags int) (r, w *os.File, err error) {
	if size < 0 || flags&^(sys.O_DIRECT|sys.O_NONBLOCK) != 0 {
		return nil, nil, mistake("a pipe of size %d with flags %#x", size, flags)
	}
	if flags&sys.O_NONBLOCK != 0 {
		var fds [2]int
		if err := sys.Pipe2(fds[:], flags|sys.O_CLOEXEC); err != nil {
			return nil, nil, os.NewSyscallError("pipe2", err)
		}
		r, w = os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1")
	} else if r, w, err = os.Pipe(); err != nil {
		return nil, nil, err
	} else if flags != 0 {
		_, err = fcntl(w, sys.F_SETFL, flags|sys.O_NONBLOCK)
	}
	if err == nil && size > 0 {
		_, err = SetPipeSize(r, size)
	}
	if err != nil {
		r.Close()
		w.Close()
		return nil, nil, err
	}
	return r, w, nil
}

// PipeSize returns how many bytes a pipe holds. Either end will do. See
// F_GETPIPE_SZ in fcntl(2), since Linux 2.6.35.
func PipeSize(f *os.File) (int, error) {
	return fcntl(f, sys.F_GETPIPE_SZ, 0)
}

// SetPipeSize lets a pipe hold at least size bytes, and returns how many it holds
// now: the kernel rounds up.
// After an error it is as before: EPERM as for [Pipe], EBUSY when there is more
// in it. See F_SETPIPE_SZ in
// fcntl(2), since Linux 2.6.35.
func SetPipeSize(f *os.File, size int) (int, error) {
	if size <= 0 {
		return 0, mistake("a pipe of size %d", size)
	}
	return fcntl(f, sys.F_SETPIPE_SZ, size)
}

// fcntl leaves the file as non-blocking as it is, which Fd would not.
func fcntl(f syscall.Conn, cmd, arg int) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	e := raw.Control(func(fd uintptr) {
		n, err = sys.FcntlInt(fd, cmd, arg)
	})
	if e != nil {
		return 0, os.ErrClosed
	}
	if err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return n, nil
}
