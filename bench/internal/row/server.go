// SPDX-License-Identifier: MIT

package row

import (
	"errors"
	"syscall"
	"time"
)

// MeasureServer runs an echo server and notes what its process used. The server
// returns when all its clients have left, with the number of bytes it echoed;
// size is that of a message.
func (s *Sample) MeasureServer(size int, server func() (int64, error)) error {
	heap := StartHeap()
	start, cpu := time.Now(), cpuTime()
	bytes, err := server()
	s.Elapsed, s.CPU = time.Since(start), cpuTime()-cpu
	heap.Stop(s)
	s.Ops = bytes / int64(size)
	if err == nil && s.Ops == 0 {
		err = errors.New("no message came")
	}
	return err
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
