// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn_test

import (
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// getPDeathSig reads which signal this program gets when its parent ends.
func getPDeathSig(sig *int32) error {
	return sys.Prctl(sys.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(sig)), 0, 0, 0)
}
