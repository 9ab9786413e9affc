// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

// Pipe2 calls pipe2(2): p[0] is the end to read from, p[1] the one to write to.
// p stays as it is when the call fails.
func Pipe2(p []int, flags int) error {
	if len(p) != 2 {
		return EINVAL
	}
	var fds [2]int32
	if err := RawPipe2(&fds, flags); err != nil {
		return err
	}
	p[0], p[1] = int(fds[0]), int(fds[1])
	return nil
}

// FcntlInt calls fcntl(2) for a command whose argument is a number or absent.
//
// F_GETOWN of a small process group is a negative number that cannot be told
// from an error, and comes back as one; F_GETOWN_EX has no such gap.
func FcntlInt(fd uintptr, cmd, arg int) (int, error) {
	return RawFcntl(int(fd), cmd, uintptr(arg))
}

// EpollWait calls epoll_pwait(2) without a signal mask. It waits up to msec
// milliseconds, for ever when that is negative, and returns how many elements
// of events it filled.
func EpollWait(epfd int, events []EpollEvent, msec int) (n int, err error) {
	return EpollPwait(epfd, events, msec, nil)
}

// Dup3 calls dup3(2): newfd becomes a second descriptor of the file of oldfd.
func Dup3(oldfd int, newfd int, flags int) (err error) {
	_, err = RawDup3(oldfd, newfd, flags)
	return err
}

// Dup2 makes newfd a second descriptor of the file of oldfd, as dup2(2) does,
// by dup3(2). Equal descriptors are left alone.
func Dup2(oldfd, newfd int) error {
	if oldfd == newfd {
		_, err := FcntlInt(uintptr(oldfd), F_GETFD, 0)
		return err
	}
	return Dup3(oldfd, newfd, 0)
}

// Pipe calls [Pipe2] without flags: the descriptors are not close-on-exec.
func Pipe(p []int) error {
	return Pipe2(p, 0)
}
