// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import "os/exec"

// What a program that used os/exec knows by these names. They are os/exec's own,
// so an error of one package is recognised by the names of the other.
type (
	// An Error is a name that [LookPath] could not resolve, and why.
	Error = exec.Error
	// An ExitError is the end of a program that was not successful.
	ExitError = exec.ExitError
)

var (
	// ErrNotFound says that PATH has no such program.
	ErrNotFound = exec.ErrNotFound
	// ErrDot says that a program was found by a relative directory of PATH.
	ErrDot = exec.ErrDot
	// ErrWaitDelay says that WaitDelay was over before the pipes were closed.
	ErrWaitDelay = exec.ErrWaitDelay
)

// LookPath is [exec.LookPath]: the path of an executable file with that name in
// the directories of PATH. A name with a slash is only checked.
func LookPath(file string) (string, error) {
	return exec.LookPath(file)
}
