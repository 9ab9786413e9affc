// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhyThereIsNoRingIsExplained(t *testing.T) {
	for _, c := range []struct {
		errno    unix.Errno
		disabled string
		want     string
	}{
		{unix.ENOSYS, "", "this kernel has none"},
		{unix.EPERM, "2", "kernel.io_uring_disabled is 2; root can"},
		{unix.EPERM, "0", "a seccomp filter forbids it"},
		{unix.EACCES, "", "a seccomp filter forbids it"},
		{unix.ENOMEM, "2", "io_uring_setup: cannot allocate memory"},
	} {
		got := whyNoRing(os.NewSyscallError("io_uring_setup", c.errno), c.disabled)
		if !strings.Contains(got, c.want) {
			t.Errorf("%v, %q: %q lacks %q", c.errno, c.disabled, got, c.want)
		}
	}
}
