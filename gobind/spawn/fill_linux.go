// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"math"
	"os"
	"strconv"
	"syscall"

	"example.com/syshim/gobind/sys"
)

// missingCloseRange is the error of close_range when there is none, or 0. The
// call is for no descriptor.
func missingCloseRange() syscall.Errno {
	err, _ := sys.CloseRange(math.MaxUint32, 0, 0).(syscall.Errno)
	if !unavailable(err) {
		return 0
	}
	return err
}

// isUnknown reports whether the parent has to fill in the range of the step.
func (s *step) isUnknown() bool {
	return s.nr == sys.SYS_CLOSE && s.flags&stepEach != 0
}

// fill fills in what the child, which waits for that, has open and must close.
// After an error it still waits.
func (p *program) fill(pid int) error {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return err
	}
	fds := make([]uint64, len(names))
	for i, name := range names {
		if fds[i], err = strconv.ParseUint(name, 10, 32); err != nil {
			return err
		}
	}
	steps := p.list()
	for i := range steps {
		if steps[i].isUnknown() {
			steps[i].narrow(fds)
		}
	}
	return nil
}

// narrow makes the range that of the smallest to the greatest of fds in it; none:
// no call.
func (s *step) narrow(fds []uint64) {
	first, last := uint64(math.MaxUint32), uint64(0)
	for _, fd := range fds {
		if s.args[0] <= fd && fd <= s.args[5] {
			first, last = min(first, fd), max(last, fd)
		}
	}
	s.args[0], s.args[5] = first, last
}
