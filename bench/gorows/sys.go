// SPDX-License-Identifier: MIT

package gorows

import (
	"io"
	"os"
	"syscall"
	"time"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/sys"
	"golang.org/x/sys/unix"
)

// The loops call each package's functions directly, never through a function
// value: what is compared are calls of some tens of nanoseconds.

func getppidSys(s *row.Sample) error {
	return s.Measure(func(n int64) error {
		for range n {
			sys.Getppid()
		}
		return nil
	})
}

func getppidXsys(s *row.Sample) error {
	return s.Measure(func(n int64) error {
		for range n {
			unix.Getppid()
		}
		return nil
	})
}

func getppidSyscall(s *row.Sample) error {
	return s.Measure(func(n int64) error {
		for range n {
			syscall.Getppid()
		}
		return nil
	})
}

func clockGettimeSys(s *row.Sample) error {
	var now sys.Timespec
	return s.Measure(func(n int64) error {
		for range n {
			if err := sys.ClockGettime(sys.CLOCK_MONOTONIC, &now); err != nil {
				return os.NewSyscallError("clock_gettime", err)
			}
		}
		return nil
	})
}

func clockGettimeXsys(s *row.Sample) error {
	var now unix.Timespec
	return s.Measure(func(n int64) error {
		for range n {
			if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
				return os.NewSyscallError("clock_gettime", err)
			}
		}
		return nil
	})
}

// The runtime reads the one clock that this needs.
func clockGettimeTime(s *row.Sample) error {
	begin := time.Now()
	return s.Measure(func(n int64) error {
		for range n {
			time.Since(begin)
		}
		return nil
	})
}

func pipe2CloseSys(s *row.Sample) error {
	p := make([]int, 2)
	return s.Measure(func(n int64) error {
		for range n {
			if err := sys.Pipe2(p, sys.O_CLOEXEC); err != nil {
				return os.NewSyscallError("pipe2", err)
			}
			sys.Close(p[0])
			sys.Close(p[1])
		}
		return nil
	})
}

func pipe2CloseXsys(s *row.Sample) error {
	p := make([]int, 2)
	return s.Measure(func(n int64) error {
		for range n {
			if err := unix.Pipe2(p, unix.O_CLOEXEC); err != nil {
				return os.NewSyscallError("pipe2", err)
			}
			unix.Close(p[0])
			unix.Close(p[1])
		}
		return nil
	})
}

func pipe2CloseSyscall(s *row.Sample) error {
	p := make([]int, 2)
	return s.Measure(func(n int64) error {
		for range n {
			if err := syscall.Pipe2(p, syscall.O_CLOEXEC); err != nil {
				return os.NewSyscallError("pipe2", err)
			}
			syscall.Close(p[0])
			syscall.Close(p[1])
		}
		return nil
	})
}

// withPipe runs f with the two ends of a pipe and a buffer.
func withPipe(size int, f func(r, w int, buf []byte) error) error {
	p := make([]int, 2)
	if err := sys.Pipe2(p, sys.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer sys.Close(p[0])
	defer sys.Close(p[1])
	return f(p[0], p[1], make([]byte, size))
}

// whole is the error of a call that should have moved want bytes.
func whole(n, want int, err error) error {
	if err == nil && n != want {
		return io.ErrShortBuffer
	}
	return err
}

// An operation is a write and the read of the same bytes.
func pipeSys(size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		return withPipe(size, func(r, w int, buf []byte) error {
			return s.Measure(func(n int64) error {
				for range n {
					if k, err := sys.Write(w, buf); k != size {
						return whole(k, size, err)
					}
					if k, err := sys.Read(r, buf); k != size {
						return whole(k, size, err)
					}
				}
				return nil
			})
		})
	}
}

func pipeXsys(size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		return withPipe(size, func(r, w int, buf []byte) error {
			return s.Measure(func(n int64) error {
				for range n {
					if k, err := unix.Write(w, buf); k != size {
						return whole(k, size, err)
					}
					if k, err := unix.Read(r, buf); k != size {
						return whole(k, size, err)
					}
				}
				return nil
			})
		})
	}
}

func pipeSyscall(size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		return withPipe(size, func(r, w int, buf []byte) error {
			return s.Measure(func(n int64) error {
				for range n {
					if k, err := syscall.Write(w, buf); k != size {
						return whole(k, size, err)
					}
					if k, err := syscall.Read(r, buf); k != size {
						return whole(k, size, err)
					}
				}
				return nil
			})
		})
	}
}
