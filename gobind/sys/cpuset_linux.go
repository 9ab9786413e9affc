// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package sys

import (
	"math/bits"
	"unsafe"
)

// CPUSet is a set of the CPUs 0 to 1023. CPUs outside of that are ignored by
// its methods, and never in it.
type CPUSet [1024 / 64]uint64

// Zero makes the set empty.
func (s *CPUSet) Zero() {
	*s = CPUSet{}
}

// Fill adds every CPU.
func (s *CPUSet) Fill() {
	for i := range s {
		s[i] = ^uint64(0)
	}
}

// Set adds cpu.
func (s *CPUSet) Set(cpu int) {
	if i := uint(cpu) / 64; i < uint(len(s)) {
		s[i] |= 1 << (uint(cpu) % 64)
	}
}

// Clear removes cpu.
func (s *CPUSet) Clear(cpu int) {
	if i := uint(cpu) / 64; i < uint(len(s)) {
		s[i] &^= 1 << (uint(cpu) % 64)
	}
}

// IsSet reports whether cpu is in the set.
func (s *CPUSet) IsSet(cpu int) bool {
	i := uint(cpu) / 64
	return i < uint(len(s)) && s[i]&(1<<(uint(cpu)%64)) != 0
}

// Count returns the number of CPUs in the set.
func (s *CPUSet) Count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// SchedSetaffinity calls sched_setaffinity(2): the thread pid may run on the
// CPUs of set only. A pid of 0 is the calling thread, and needs
// runtime.LockOSThread.
func SchedSetaffinity(pid int, set *CPUSet) error {
	return RawSchedSetaffinity(pid, unsafe.Sizeof(*set), unsafe.Pointer(set))
}

// SchedGetaffinity calls sched_getaffinity(2) and stores the CPUs that the
// thread pid may run on in set. A pid of 0 is the calling thread.
func SchedGetaffinity(pid int, set *CPUSet) error {
	// The kernel writes only as many words as it has CPUs for.
	*set = CPUSet{}
	_, err := RawSchedGetaffinity(pid, unsafe.Sizeof(*set), unsafe.Pointer(set))
	return err
}

// SetMemPolicy calls set_mempolicy(2): mask has the nodes. It acts on the calling
// thread only: needs runtime.LockOSThread.
func SetMemPolicy(mode int, mask *CPUSet) error {
	return RawSetMempolicy(mode, unsafe.Pointer(mask), unsafe.Sizeof(*mask)*8)
}
