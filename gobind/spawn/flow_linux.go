// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"math"
	"os"

	"example.com/syshim/gobind/sys"
)

// All is the Size of a [Flow] that goes on to the end.
const All = -1

// A Flow is what moves from one file to another. The caller sets what comes
// before Moved, and may change it between calls, but for Memory, which may hold
// bytes after an error. One goroutine at a time uses it; a file that is nil or
// closed is the kernel's EBADF.
//
// Whoever waits for a file that the runtime polls (a pipe, a socket) holds up no
// thread, and deadlines hold: [os.ErrDeadlineExceeded] comes after what there is
// has moved. A file that blocks takes a thread meanwhile. One that is
// non-blocking, and not polled, gives EAGAIN. See splice(2) and tee(2), since Linux
// 2.6.17.
type Flow struct {
	From, To *os.File
	Also     *os.File // of Tee
	// Size is how much there is to move; All: until From ends.
	Size int64
	// Memory is where bytes pass that the kernel cannot move by itself: between
	// two files, say. None: then they are not moved. From a pipe of packets it
	// must have room for one (4096 bytes), and Size end with one: what a read
	// does not take of a packet the kernel throws away.
	Memory []byte

	Moved int64 // what has arrived in To
	Teed  int64 // what has arrived in Also

	// Of Memory: what was read and has not arrived yet.
	begin, beginAlso, end int
	owed                  int64 // To has not, what Also has
	noSplice, noTee       bool  // what the kernel was found not to do in this call
	call                  string
	held                  *held
}

// pieceMax is how much moves in one call.
const pieceMax = 1 << 30

// Splice moves Size bytes, by splice(2), which does not copy them, or else
// through Memory. Without an error they have arrived, or From has come to its
// end: then Moved is less than Size.
//
// An error is an [*os.SyscallError] that names the call, or of a deadline. After
// it Moved says how far it came, and Splice may be called again, with another
// file if need be: nothing gets lost, for what is in Memory goes first. The
// error that splice has for what it cannot do is the result where there is no
// Memory. EINVAL: all that is in a pipe or file shall go to its own end. A
// reader that is gone is EPIPE, for descriptors 1 and 2, too: the program goes
// on.
func (f *Flow) Splice() error {
	return f.run(false)
}

// Tee does the same, and Also gets every byte, before To does, by tee(2). After
// an error about Also, which names tee, Splice goes on without it.
func (f *Flow) Tee() error {
	return f.run(true)
}

// run moves and waits in turns.
func (f *Flow) run(tees bool) error {
	h := f.hold()
	h.tees = tees
	// Files, Size and Memory may be others than before.
	f.noSplice, f.noTee = false, false
	for {
		f.call = ""
		h.enter(0)
		if h.err != sys.EAGAIN {
			return os.NewSyscallError(f.call, h.err)
		}
		if err := h.wait(f.call); err != nil {
			return err
		}
	}
}

// move moves until there is an error, or nothing left to do.
func (f *Flow) move(h *held) error {
	if h.tees {
		return f.teeAll(h)
	}
	return f.spliceAll(h)
}

func (f *Flow) fail(call string, err error) error {
	f.call = call
	return err
}

func (f *Flow) left() int64 {
	if f.Size < 0 {
		return math.MaxInt64
	}
	return max(f.Size-f.Moved, 0)
}

// isOne reports whether both are one pipe, or one file: who reads all of it and
// writes to it never ends.
func isOne(a, b int) bool {
	var s, t sys.Stat_t
	if sys.Fstat(a, &s) != nil || sys.Fstat(b, &t) != nil {
		return false
	}
	kind := s.Mode & sys.S_IFMT
	return (kind == sys.S_IFIFO || kind == sys.S_IFREG) && s.Dev == t.Dev && s.Ino == t.Ino
}

// allowCopies returns nil if to may have bytes through Memory, after err.
func (f *Flow) allowCopies(from, to int, err error) error {
	if err != sys.EINVAL && !unavailable(err) || len(f.Memory) == 0 {
		return err
	}
	if f.Size < 0 && isOne(from, to) {
		return sys.EINVAL
	}
	return nil
}

// fill reads into Memory, which is empty, for To.
func (f *Flow) fill(from int, most int64) (int64, error) {
	p := f.Memory[:min(most, int64(len(f.Memory)))]
	n, err := sys.Read(from, p)
	for err == sys.EINTR {
		n, err = sys.Read(from, p)
	}
	if err != nil {
		return 0, f.fail("read", err)
	}
	f.begin, f.beginAlso, f.end = 0, n, n
	return int64(n), nil
}

// empty writes what is in Memory, from begin.
func (f *Flow) empty(to int, begin *int, count *int64) error {
	for *begin < f.end {
		n, err := sys.Write(to, f.Memory[*begin:f.end])
		switch {
		case err == sys.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return sys.EIO
		}
		*begin += n
		*count += int64(n)
	}
	return nil
}

// moveOnce is splice(2), or tee(2), as often as need be.
func moveOnce(tees bool, from, to int, most int64) (n int64, err error) {
	size := int(min(most, pieceMax))
	err = sys.EINTR
	for err == sys.EINTR {
		if tees {
			n, err = sys.Tee(from, to, size, 0)
		} else {
			n, err = sys.Splice(from, nil, to, nil, size, 0)
		}
	}
	return n, err
}

// movePiece moves a piece to To. It returns how much; 0 at the end.
func (f *Flow) movePiece(h *held, most int64) (int64, error) {
	src, dst := h.fd(from), h.fd(to)
	if f.begin >= f.end && !f.noSplice {
		n, err := moveOnce(false, src, dst, most)
		if err == nil {
			f.Moved += n
			return n, nil
		}
		if err = f.allowCopies(src, dst, err); err != nil {
			return 0, f.fail("splice", err)
		}
		f.noSplice = true
	}
	if f.begin >= f.end {
		if n, err := f.fill(src, most); n <= 0 {
			return 0, err
		}
	}
	before := f.Moved
	if err := f.empty(dst, &f.begin, &f.Moved); err != nil {
		// What has arrived is no longer owed.
		f.owed -= min(f.owed, f.Moved-before)
		return 0, f.fail("write", err)
	}
	return f.Moved - before, nil
}

// movePieceAlso gives Also a piece, which To is then owed.
func (f *Flow) movePieceAlso(h *held, most int64) (int64, error) {
	src, dst := h.fd(from), h.fd(also)
	if !f.noTee {
		n, err := moveOnce(true, src, dst, most)
		if err == nil {
			f.Teed += n
			f.owed = n
			return n, nil
		}
		if err = f.allowCopies(src, dst, err); err != nil {
			return 0, f.fail("tee", err)
		}
		f.noTee = true
	}
	n, err := f.fill(src, most)
	if n > 0 {
		f.beginAlso = 0
	}
	return n, err
}

func (f *Flow) spliceAll(h *held) error {
	for left := f.left(); left > 0; left = f.left() {
		n, err := f.movePiece(h, left)
		if n <= 0 {
			return err
		}
		f.owed -= min(f.owed, n)
	}
	return nil
}

// teeAll gives what is in Memory to Also, then to To; then To what it is owed.
func (f *Flow) teeAll(h *held) error {
	for left := f.left(); left > 0; left = f.left() {
		if f.beginAlso < f.end {
			if err := f.empty(h.fd(also), &f.beginAlso, &f.Teed); err != nil {
				return f.fail("tee", err)
			}
		}
		var n int64
		var err error
		if f.begin >= f.end && f.owed == 0 {
			n, err = f.movePieceAlso(h, left)
		} else {
			if f.owed > 0 {
				left = f.owed
			}
			n, err = f.movePiece(h, left)
			f.owed -= min(f.owed, n)
		}
		if n <= 0 {
			return err
		}
	}
	return nil
}
