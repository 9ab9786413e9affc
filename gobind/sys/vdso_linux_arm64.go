// SPDX-License-Identifier: MIT

package sys

// vdsoClockGettime has no answer: the vDSO may use the register that holds Go's
// g, and a signal handler that finds the program there takes g from where only
// the runtime can have put it. Without it, SIGCHLD or SIGTERM would be fatal.
func vdsoClockGettime(clockid int32, time *Timespec) (e Errno, ok bool) {
	return 0, false
}
