// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"sync"

	"example.com/syshim/gobind/sys"
)

// dumpable is whether this program may be traced, which the kernel takes away
// when a child that shares the memory becomes another user.
var dumpable struct {
	sync.Mutex
	// users are the starts that may take it away, before is what it was
	// without them.
	users  int
	before int
}

// keepDumpable returns what is to be called when the child has left this memory.
// One alone cannot give back what it found: that may be another's loss.
func keepDumpable() (giveBack func()) {
	d := &dumpable
	d.Lock()
	defer d.Unlock()
	if d.users == 0 {
		d.before, _ = sys.RawPrctl(sys.PR_GET_DUMPABLE, 0, 0, 0, 0)
	}
	d.users++
	return func() {
		d.Lock()
		defer d.Unlock()
		d.users--
		if d.users == 0 && d.before == 1 {
			sys.Prctl(sys.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
	}
}
