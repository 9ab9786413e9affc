// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"math"
	"slices"

	"example.com/syshim/gobind/sys"
)

// A move is a descriptor on its way.
type move struct {
	FD
	done bool
	// spared is a descriptor that stays as it is.
	spared bool
	// readers is how many moves still read what To was before.
	readers int
}

// moves are one parallel assignment, in the order of To: what one writes to
// must have been read by all others before. Those that nobody waits for are
// made first, each followed by the one that it has set free; what remains are
// cycles, of which one descriptor is kept above all others until the cycle is
// closed.
type moves []move

// moveSteps is how many steps nr moves need at most: a cycle of two costs three
// steps, and there is one more gap to close than there are ends.
func moveSteps(nr int) int {
	return nr + nr/2 + nr + 1
}

// newMoves returns the moves of fds, which stand in any order.
func newMoves(fds []FD) moves {
	m := make(moves, len(fds), len(fds)+2)
	for i, fd := range fds {
		m[i].FD = fd
	}
	return m
}

// spare adds a descriptor that stays as it is.
func (m moves) spare(fd int) moves {
	return append(m, move{FD: FD{fd, fd}, spared: true})
}

// order brings the moves into order, and finds what is done and what waits.
func (m moves) order() error {
	slices.SortFunc(m, func(a, b move) int { return a.To - b.To })
	for i := range m {
		fd := &m[i]
		switch {
		case fd.From < -1 || fd.From > math.MaxInt32 || fd.To < 0 || fd.To > math.MaxInt32:
			return mistake("descriptor %d as %d", fd.From, fd.To)
		case i > 0 && m[i-1].To == fd.To:
			return mistake("descriptor %d twice", fd.To)
		}
		w := m.writer(fd.From)
		fd.done = fd.From < 0 || w == fd
		if w != nil {
			w.readers++
		}
	}
	return nil
}

// writer returns the move that writes to fd, or nil.
func (m moves) writer(fd int) *move {
	i, found := slices.BinarySearchFunc(m, fd, func(m move, fd int) int { return m.To - fd })
	if !found {
		return nil
	}
	return &m[i]
}

// add makes steps of the moves.
func (m moves) add(p *program) {
	for i := range m {
		m.follow(p, &m[i])
	}
	for i := range m {
		if !m[i].done {
			m.closeCycle(p, &m[i])
		}
	}
	for _, fd := range m {
		switch {
		case fd.spared:
		case fd.From == fd.To:
			// It only must not be closed by exec.
			p.add(sys.SYS_FCNTL, 0, uint64(fd.To), sys.F_SETFD, 0)
		case fd.From < 0:
			p.add(sys.SYS_CLOSE, stepIgnore, uint64(fd.To))
		}
	}
}

// follow makes the move, then the one that it has set free, and so on.
func (m moves) follow(p *program, fd *move) {
	for fd != nil && !fd.done && fd.readers == 0 {
		p.add(sys.SYS_DUP3, 0, uint64(fd.From), uint64(fd.To))
		fd.done = true
		fd = m.writer(fd.From)
		if fd != nil {
			fd.readers--
		}
	}
}

// closeCycle makes the moves of a cycle, where everything is read once and
// written once.
func (m moves) closeCycle(p *program, first *move) {
	p.add(sys.SYS_FCNTL, stepSave|kept<<stepRegShift,
		uint64(first.To), sys.F_DUPFD_CLOEXEC, m.above())
	fd := first
	for fd.From != first.To {
		p.add(sys.SYS_DUP3, 0, uint64(fd.From), uint64(fd.To))
		fd.done = true
		fd = m.writer(fd.From)
	}
	p.add(sys.SYS_DUP3, stepArg, kept, uint64(fd.To))
	fd.done = true
}

// above is greater than every descriptor of the moves.
func (m moves) above() uint64 {
	most := 2
	for _, fd := range m {
		most = max(most, fd.From, fd.To)
	}
	return uint64(min(most+1, math.MaxInt32))
}

// addClose makes steps that close what is above 2 and no move's end. Where there
// is no close_range the ranges are for [program.fill] to narrow.
func (m moves) addClose(p *program, unknown bool) {
	first := 3
	add := func(last int) {
		switch {
		case first > last:
		case unknown:
			p.add(sys.SYS_CLOSE, stepEach|stepIgnore, uint64(first), 0, 0, 0, 0, uint64(last))
		default:
			p.add(sys.SYS_CLOSE_RANGE, 0, uint64(first), uint64(last))
		}
	}
	for _, fd := range m {
		if fd.To >= 3 {
			add(fd.To - 1)
			first = fd.To + 1
		}
	}
	add(math.MaxUint32)
}

// writes reports whether a move writes to the descriptor.
func (m moves) writes(fd int) bool {
	return slices.ContainsFunc(m, func(m move) bool { return m.To == fd })
}

// reads reports whether a move reads the descriptor.
func (m moves) reads(fd int) bool {
	return slices.ContainsFunc(m, func(m move) bool { return m.From == fd })
}

// An execFD is what execveat is given: a descriptor or the number of a register,
// with the flags that say which.
type execFD struct {
	fd    int
	flags uint32
}

// addFDs makes the steps for the descriptors, and returns the one of the program.
func (b *build) addFDs() (program execFD, err error) {
	m := newMoves(b.FDs)
	if b.spared >= 0 {
		m = m.spare(b.spared)
	}
	if b.UseExecFD {
		if program = b.keepProgram(m); program.fd > 2 && program.flags == 0 {
			m = m.spare(program.fd)
		}
	}
	if err := m.order(); err != nil {
		return program, err
	}
	m.add(b.program)
	if !b.KeepFDs {
		m.addClose(b.program, b.unclosed != 0)
	}
	return program, nil
}

// keepProgram keeps the program open for exec, and no longer.
func (b *build) keepProgram(m moves) execFD {
	if m.writes(b.ExecFD) {
		return b.setAside(m)
	}
	if b.ExecFD > 2 {
		b.add(sys.SYS_FCNTL, 0, uint64(b.ExecFD), sys.F_SETFD, sys.FD_CLOEXEC)
	}
	return execFD{b.ExecFD, 0}
}

// setAside moves the program to a number that is free of moves; where others are
// kept it must not be one of theirs.
func (b *build) setAside(m moves) execFD {
	if b.KeepFDs {
		b.add(sys.SYS_FCNTL, stepSave|executed<<stepRegShift, uint64(b.ExecFD), sys.F_DUPFD_CLOEXEC, m.above())
		return execFD{executed, stepArg}
	}
	to := 3
	for m.writes(to) || m.reads(to) {
		to++
	}
	b.add(sys.SYS_DUP3, 0, uint64(b.ExecFD), uint64(to), sys.O_CLOEXEC)
	return execFD{to, 0}
}
