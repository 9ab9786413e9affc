// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

// EpollCreate does what epoll_create(2) does, by epoll_create1. The kernel looks
// at size only to refuse what is not positive.
func EpollCreate(size int) (fd int, err error) {
	if size <= 0 {
		return -1, EINVAL
	}
	return EpollCreate1(0)
}

// Poll does what poll(2) does, by ppoll: it waits up to timeout milliseconds,
// for ever when that is negative.
func Poll(fds []PollFd, timeout int) (n int, err error) {
	if timeout < 0 {
		return Ppoll(fds, nil, nil)
	}
	ts := Timespec{Sec: int64(timeout / 1000), Nsec: int64(timeout%1000) * 1e6}
	return Ppoll(fds, &ts, nil)
}

// Select does what select(2) does, by pselect6. It writes the time left to
// timeout.
func Select(nfd int, r *FdSet, w *FdSet, e *FdSet, timeout *Timeval) (n int, err error) {
	if timeout == nil {
		return Pselect(nfd, r, w, e, nil, nil)
	}
	// Like the kernel, take more than a second of microseconds.
	ts := Timespec{Sec: timeout.Sec + timeout.Usec/1e6, Nsec: timeout.Usec % 1e6 * 1e3}
	n, err = Pselect(nfd, r, w, e, &ts, nil)
	*timeout = Timeval{Sec: ts.Sec, Usec: ts.Nsec / 1e3}
	return n, err
}

// Pause does what pause(2) does, by ppoll: it waits for a signal and then
// returns EINTR. The Go runtime uses signals of its own.
func Pause() (err error) {
	_, err = Ppoll(nil, nil, nil)
	return err
}
