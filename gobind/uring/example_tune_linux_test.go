// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// Waits of which the kernel knows the arguments already.
func ExampleWaitRegion() {
	ring := must(uring.New(8, uring.WithFlags(uring.SetupRDisabled)))
	defer ring.Close()
	waits := must(ring.NewWaitRegion(1))
	waits.Set(0, 0, time.Millisecond)
	must(0, ring.Enable())
	_, err := waits.SubmitAndWait(1, 0)
	fmt.Println(errors.Is(err, syscall.ETIME))
}

// A server that would rather poll its network card for 50 us than sleep.
func ExampleNAPI() {
	ring := must(uring.New(8))
	defer ring.Close()
	before, err := ring.RegisterNAPI(uring.NAPI{BusyPoll: 50 * time.Microsecond})
	fmt.Println(before.BusyPoll, err)
}

// Which kind of ring the kernel can make, asked before it is made.
func ExampleKernel() {
	flags := uring.SetupSingleIssuer | uring.SetupDeferTaskrun
	kernel, err := uring.Query()
	if err != nil {
		fmt.Println("before Linux 6.18, so try it:", err)
	} else if kernel.Setup&flags != flags {
		fmt.Println("lacks", flags&^kernel.Setup)
	}
}

func ExampleZeroCopyQuery() {
	z, err := uring.QueryZeroCopy()
	fmt.Println(z.HeadSize, err)
}

// No request of this ring opens a file, whatever it is asked for: a program of
// classic BPF that answers 0.
func ExampleFilterFlags() {
	runtime.LockOSThread()
	must(0, sys.Prctl(sys.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	ring := must(uring.New(8))
	defer ring.Close()
	var flags uring.FilterFlags
	deny := []sys.SockFilter{{Code: sys.BPF_RET | sys.BPF_K, K: 0}}
	for _, op := range []uring.Op{uring.OpOpenat, uring.OpOpenat2} {
		must(0, ring.Filter(op, 0, flags, deny))
	}
}
