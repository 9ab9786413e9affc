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
	// users are the starts that may take it away.
	users int
}

// keepDumpable returns what is to be called when the child has left this memory,
// or nil when it may not share it: only 1 can be given back without a moment in
// which this program is less protected than it was. The kernel sets what
// /proc/sys/fs/suid_dumpable says, which may let others trace a program that is
// 0 or 2, and nobody may set 2.
func keepDumpable() (giveBack func()) {
	d := &dumpable
	d.Lock()
	defer d.Unlock()
	// While others start, what there is may be their doing.
	if d.users == 0 {
		is, err := sys.RawPrctl(sys.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil || is != 1 {
			return nil
		}
	}
	d.users++
	return func() {
		d.Lock()
		defer d.Unlock()
		d.users--
		// One alone cannot give back what it found: that may be another's loss.
		if d.users == 0 {
			sys.Prctl(sys.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
	}
}
