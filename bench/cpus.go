// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// A placement says where an echo server and its client run.
type placement struct{ server, client int }

// place takes the last CPU that the driver may use for the server, because
// interrupts tend to go to the first ones, and for the client one of another
// core if there is one, else of the same.
func place() (placement, error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return placement{}, os.NewSyscallError("sched_getaffinity", err)
	}
	var cpus []int
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	server := cpus[len(cpus)-1]
	p := placement{server, cpus[max(0, len(cpus)-2)]}
	for i := len(cpus) - 2; i >= 0; i-- {
		if core(cpus[i]) != core(server) {
			p.client = cpus[i]
			break
		}
	}
	return p, nil
}

// core names the physical core of a CPU.
func core(cpu int) string {
	dir := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/", cpu)
	return readLine(dir+"physical_package_id") + ":" + readLine(dir+"core_id")
}

func (p placement) String() string {
	switch {
	case p.server == p.client:
		return fmt.Sprintf("server and client share CPU %d, the only one", p.server)
	case core(p.server) == core(p.client) && core(p.server) != ":":
		return fmt.Sprintf("server on CPU %d, client on CPU %d of the same core", p.server, p.client)
	}
	return fmt.Sprintf("server on CPU %d, client on CPU %d", p.server, p.client)
}

func cpuSet(cpu int) *unix.CPUSet {
	var set unix.CPUSet
	set.Set(cpu)
	return &set
}

// onCPUs calls f, which starts a process, so that the process begins on these
// CPUs: a Go program sizes itself by them.
func onCPUs(cpus *unix.CPUSet, f func() error) error {
	if cpus == nil {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	if err := unix.SchedSetaffinity(0, cpus); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	defer unix.SchedSetaffinity(0, &before)
	return f()
}
