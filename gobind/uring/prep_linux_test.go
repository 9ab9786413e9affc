// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"testing"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// The addresses of the table lie in these pages, which nobody touches.
const (
	prepBase = 0x700000000
	prepSize = 1 << 16
)

var prepMemory unsafe.Pointer

// at gives an address that the compiler takes for one of memory.
func at(n int) unsafe.Pointer { return unsafe.Add(prepMemory, n) }

func TestPrepsMakeTheEntriesOfC(t *testing.T) {
	var zero byte
	hint := unsafe.Add(unsafe.Pointer(&zero), prepBase-uintptr(unsafe.Pointer(&zero)))
	p, err := sys.RawMmap(hint, prepSize, sys.PROT_NONE,
		sys.MAP_PRIVATE|sys.MAP_ANONYMOUS|sys.MAP_FIXED_NOREPLACE, -1, 0)
	if err != nil {
		t.Fatal(err)
	}
	prepMemory = p
	defer func() {
		if err := sys.RawMunmap(p, prepSize); err != nil {
			t.Error(err)
		}
	}()
	for _, row := range preps {
		const userData = 0xa5a5a5a5a5a5a5a5
		entry := SQE{UserData: userData}
		row.prep(&entry)
		if entry.UserData != userData {
			t.Errorf("%s: UserData is %#x", row.name, entry.UserData)
		}
		entry.UserData = 0
		got := *(*[8]uint64)(unsafe.Pointer(&entry))
		if got != row.want {
			t.Errorf("%s: %#x, want %#x", row.name, got, row.want)
		}
	}
}
