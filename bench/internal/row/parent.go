// SPDX-License-Identifier: MIT

package row

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A parent is a process with much memory, which fork would have to copy; the
// garbage collector does not know it. It stays from sample to sample of rows that
// want the same. bench/parent.h is its twin.
type parent []byte

var held parent

// hold lets the process have touched so many bytes, and no more.
func (p *parent) hold(size int) error {
	if size == len(*p) {
		return nil
	}
	if *p != nil {
		if err := syscall.Munmap(*p); err != nil {
			return err
		}
		*p = nil
	}
	if size == 0 {
		return nil
	}
	// Each program of the driver has as much, and something else.
	if kb := availableKB(); kb > 0 && kb < size/1024*4 {
		return Skip("too little memory for its parent: %v", syscall.ENOMEM)
	}
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		return Skip("no memory for its parent: %v", err)
	}
	for i := 0; i < size; i += os.Getpagesize() {
		memory[i] = 1
	}
	*p = memory
	return nil
}

// availableKB is what can be had without swapping, 0 when the kernel does not
// say.
func availableKB() int {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(text)[0])
			return kb
		}
	}
	return 0
}
