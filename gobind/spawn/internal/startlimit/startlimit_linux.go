// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package startlimit

// A Limit is a soft and a hard limit, as the kernel has them.
type Limit struct {
	Cur, Max uint64
}

// NoFile is the limit of descriptors that the program was started with, and
// Known whether it could be read.
var NoFile, Known = read()

func read() (l Limit, ok bool) {
	errno := prlimit(&l)
	return l, errno == 0
}

// prlimit reads the RLIMIT_NOFILE of this process. It returns 0 or -errno.
//
//go:noescape
func prlimit(old *Limit) (errno int)
