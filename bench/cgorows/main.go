// SPDX-License-Identifier: MIT

// Command cgorows holds the benchmark's rows that call libc through cgo, as a
// co-process of the driver.
package main

/*
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
*/
import "C"

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"example.com/syshim/bench/internal/row"
)

var rows = []row.Row{
	{Name: "BenchmarkGetppid/lang=go/impl=cgo", Run: getppid},
	{Name: "BenchmarkPipe2Close/lang=go/impl=cgo", Run: pipe2Close},
	{Name: "BenchmarkPipe/lang=go/impl=cgo/size=1", Run: pipe(1)},
	{Name: "BenchmarkPipe/lang=go/impl=cgo/size=4096", Run: pipe(4096)},
}

func getppid(s *row.Sample) error {
	return s.Measure(func(n int64) error {
		for range n {
			C.getppid()
		}
		return nil
	})
}

func pipe2Close(s *row.Sample) error {
	return s.Measure(func(n int64) error {
		p := new([2]C.int)
		for range n {
			// The two-result form reads errno, as a port of C code would.
			if r, err := C.pipe2(&p[0], C.O_CLOEXEC); r != 0 {
				return os.NewSyscallError("pipe2", err)
			}
			C.close(p[0])
			C.close(p[1])
		}
		return nil
	})
}

// pipe writes and reads the same bytes.
func pipe(size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		var p [2]int
		if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
			return os.NewSyscallError("pipe2", err)
		}
		defer syscall.Close(p[0])
		defer syscall.Close(p[1])
		r, w := C.int(p[0]), C.int(p[1])
		buf := make([]byte, size)
		return s.Measure(func(n int64) error {
			for range n {
				k, err := C.write(w, unsafe.Pointer(&buf[0]), C.size_t(size))
				if int(k) != size {
					return fmt.Errorf("write of %d bytes gave %d: %v", size, k, err)
				}
				k, err = C.read(r, unsafe.Pointer(&buf[0]), C.size_t(size))
				if int(k) != size {
					return fmt.Errorf("read of %d bytes gave %d: %v", size, k, err)
				}
			}
			return nil
		})
	}
}

func main() {
	if err := row.Serve(rows, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cgorows:", err)
		os.Exit(1)
	}
}
