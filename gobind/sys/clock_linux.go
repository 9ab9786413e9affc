// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

// ClockGettime calls clock_gettime(2): read a clock. On amd64, most clocks are
// read in the vDSO, without entering the kernel; a tracer or a seccomp filter
// then sees no call. [RawClockGettime] always makes it.
func ClockGettime(clockid int32, time *Timespec) error {
	if e, ok := vdsoClockGettime(clockid, time); ok {
		if e != 0 {
			return e
		}
		return nil
	}
	return RawClockGettime(clockid, time)
}
