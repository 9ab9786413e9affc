// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"example.com/syshim/gobind/internal/faultkernel"
	"example.com/syshim/gobind/sys"
)

// faultSteps are what tests/uring_fault.tab names. C runs the same table.
var faultSteps = map[string]func(r *Ring) error{
	"set_up": func(r *Ring) error { return nil },
	"probe": func(r *Ring) error {
		_, err := r.Probe()
		return err
	},
	"buffers": func(r *Ring) error {
		if err := r.RegisterBuffers([][]byte{make([]byte, 64), make([]byte, 64)}); err != nil {
			return err
		}
		return r.UnregisterBuffers()
	},
	"files": func(r *Ring) error {
		if err := r.RegisterFiles([]int32{-1, 1}); err != nil {
			return err
		}
		if err := r.UpdateFiles(0, []int32{1, -1}, nil); err != nil {
			return err
		}
		return r.UnregisterFiles()
	},
	"eventfd": func(r *Ring) error {
		fd, err := sys.Eventfd(0, sys.EFD_CLOEXEC)
		if err != nil {
			return err
		}
		defer sys.Close(fd)
		if err := r.RegisterEventFD(fd); err != nil {
			return err
		}
		return r.UnregisterEventFD()
	},
	"personality": func(r *Ring) error {
		id, err := r.RegisterPersonality()
		if err != nil {
			return err
		}
		return r.UnregisterPersonality(id)
	},
	"buf_ring": func(r *Ring) error {
		b, err := r.NewBufRing(7, 4, 64)
		if err != nil {
			return err
		}
		return b.Close()
	},
	"restrict": func(r *Ring) error {
		if err := r.Restrict(AllowOp(OpNop)); err != nil {
			return err
		}
		return r.Enable()
	},
	"workers": func(r *Ring) error {
		_, _, err := r.SetMaxWorkers(2, 3)
		return err
	},
	"ring_fd": func(r *Ring) error {
		if err := r.RegisterRingFD(); err != nil {
			return err
		}
		return r.UnregisterRingFD()
	},
	"cancel": func(r *Ring) error { return r.CancelNow(77, 0, -1) },
	"submit": func(r *Ring) error { return faultNop(r, 0) },
	"wait":   func(r *Ring) error { return faultNop(r, 1) },
}

// faultNop does a nop, in two attempts if it must, and returns the first error.
func faultNop(r *Ring, wait int) error {
	r.NextSQE().Nop()
	n, first := r.SubmitAndWait(wait)
	if first != nil {
		var err error
		if n, err = r.SubmitAndWait(wait); err != nil {
			return err
		}
	}
	if n != 1 {
		return fmt.Errorf("%d submitted", n)
	}
	if err := r.Wait(1); err != nil {
		return err
	}
	r.Advance(1)
	return first
}

func runFault(what string) error {
	var flags SetupFlags
	if what == "restrict" {
		flags = SetupRDisabled
	}
	r, err := New(4, WithFlags(flags))
	if err != nil {
		return err
	}
	err = faultSteps[what](r)
	return errors.Join(err, r.Close())
}

func TestEachCallFailsAsTheTableSays(t *testing.T) {
	err := runFault("set_up")
	ringMade(t, err)
	for i, row := range uringFaults {
		err := faultkernel.Named(t, row.call, row.nth, row.errno, func() error { return runFault(row.what) })
		var call *os.SyscallError
		switch {
		case row.want == 0 && err != nil,
			row.want != 0 && (!errors.As(err, &call) || call.Syscall != row.call || !errors.Is(err, syscall.Errno(-row.want))):
			t.Errorf("row %d, %s, %s %d with errno %d: %v, want %d", i+1, row.what, row.call, row.nth, row.errno, err, row.want)
		}
	}
}

// What cannot be unmapped does not keep the rest.
func TestFailedUnmapIsReportedAndEndsTheRest(t *testing.T) {
	oldRing(t, 0)
	for n := 1; n <= 2; n++ {
		_, err := faultkernel.Nth(t, []uintptr{sys.SYS_MUNMAP}, n, sys.ENOMEM, func() error {
			r, err := New(4)
			if err != nil {
				return err
			}
			fd, maps := r.FD(), r.maps
			err = r.Close()
			if _, e := sys.FcntlInt(uintptr(fd), sys.F_GETFD, 0); e != sys.EBADF {
				return fmt.Errorf("the descriptor is open: %v", e)
			}
			return errors.Join(err, sys.RawMunmap(maps[n-1].addr, maps[n-1].size))
		})
		var call *os.SyscallError
		if !errors.As(err, &call) || call.Syscall != "munmap" || call.Err != sys.ENOMEM {
			t.Errorf("munmap %d: %v", n, err)
		}
	}
}
