// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"

	"example.com/syshim/gobind/uring"
	"golang.org/x/sys/unix"
)

// ringState says why there is no io_uring here, "" when there is one.
func ringState() string {
	ring, err := uring.New(1)
	if err != nil {
		return whyNoRing(err, readLine("/proc/sys/kernel/io_uring_disabled"))
	}
	ring.Close()
	return ""
}

// whyNoRing explains the error of a ring's set-up, and who can change it;
// disabled is the kernel's setting, "" when there is none.
func whyNoRing(err error, disabled string) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "none: this kernel has none, or a seccomp filter hides it"
	case !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES):
		return fmt.Sprintf("none: %v", err)
	case disabled != "" && disabled != "0":
		return fmt.Sprintf("none: kernel.io_uring_disabled is %s; root can set it to 0", disabled)
	}
	return "none: a seccomp filter forbids it, as those of containers do; run outside of it"
}
