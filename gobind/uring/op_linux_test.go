// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"example.com/syshim/gobind/sys"
)

// An opStep is a row of tests/uring_op.tab, whose first comment says what each
// verb does. C runs the same table.
type opStep struct {
	case_, verb string
	op          int
	how         string
	ud, a, b, n int
	text        string
	want        int
}

const (
	// noTwin: no plain call does it. Like never, it is no result.
	noTwin    = -4097
	opGroup   = 1 // of the provided buffers
	opMemory  = 65536
	opBuffer  = 64
	opFutex   = sys.FUTEX2_SIZE_U32 | sys.FUTEX2_PRIVATE
	opSyncAll = sys.SYNC_FILE_RANGE_WAIT_BEFORE | sys.SYNC_FILE_RANGE_WRITE | sys.SYNC_FILE_RANGE_WAIT_AFTER
	opTCP     = sys.SOCK_STREAM | sys.SOCK_CLOEXEC
	attribute = "user.shim"
)

// An opWorld is what the rows of a case share.
type opWorld struct {
	plain     bool // no ring, but system calls
	ring      *Ring
	other     *Ring
	fds       [8]int
	dir       int
	path      string // of dir
	memory    unsafe.Pointer
	queue     unsafe.Pointer // of zcrx, or nil
	zcrx      uint32
	addr      sys.RawSockaddrAny
	child     int
	value     int
	bufs      [16][opBuffer]byte
	requests  [16]opRequest
	log       []CQE32 // what was not asked for
	unlike    int     // the row at which the plain call gave EOPNOTSUPP, or -1
	supported func(op int) bool
	features  Features
	steps     []opStep
	at        int
}

// An opRequest is what a request points to, until its last completion.
type opRequest struct {
	iovs        [2]sys.Iovec
	msg         sys.Msghdr
	ts          sys.Timespec
	how         sys.OpenHow
	stx         sys.Statx_t
	info        sys.Siginfo
	events      [1]sys.EpollEvent
	futex       [1]sys.FutexWaiter
	pair        [2]int32
	fds         [1]int32
	number      [4]byte
	path, path2 *byte
	// Of the completion that was asked for last.
	flags CQEFlags
	extra uint64 // what a large one has behind
}

// opWorlds keeps what a ring still used when it was closed.
var opWorlds []*opWorld

func (w *opWorld) request(s opStep) *opRequest { return &w.requests[s.ud] }

// fd is descriptor a; a number of something else is -1.
func (w *opWorld) fd(s opStep) int {
	if s.a < len(w.fds) {
		return w.fds[s.a]
	}
	return -1
}

// load puts text into the buffer of ud and returns that part of it.
func (w *opWorld) load(s opStep) []byte {
	return w.bufs[s.ud][:copy(w.bufs[s.ud][:], s.text)]
}

// pieces describes b in two pieces, the first of 3 bytes.
func (w *opWorld) pieces(s opStep, b []byte) []sys.Iovec {
	r := w.request(s)
	r.iovs = [2]sys.Iovec{
		{Base: unsafe.SliceData(b), Len: 3},
		{Base: unsafe.SliceData(b[3:]), Len: uint64(len(b) - 3)},
	}
	return r.iovs[:]
}

func (w *opWorld) message(s opStep, b []byte) *sys.Msghdr {
	r := w.request(s)
	r.msg = sys.Msghdr{Iov: &w.pieces(s, b)[0], Iovlen: 2}
	return &r.msg
}

func (w *opWorld) span(s opStep, ns int) *sys.Timespec {
	r := w.request(s)
	r.ts = sys.Timespec{Sec: int64(ns / 1e9), Nsec: int64(ns % 1e9)}
	return &r.ts
}

func (w *opWorld) openHow(s opStep) *sys.OpenHow {
	r := w.request(s)
	r.how = sys.OpenHow{Flags: uint64(s.n)}
	if s.how == "beneath" {
		r.how.Resolve = sys.RESOLVE_BENEATH
	}
	return &r.how
}

func (w *opWorld) waiter(s opStep) []sys.FutexWaiter {
	r := w.request(s)
	r.futex[0] = sys.FutexWaiter{Val: uint64(s.n), Uaddr: uint64(uintptr(w.memory)), Flags: opFutex}
	return r.futex[:]
}

// anyPort makes the address 127.0.0.1 with any port.
func (w *opWorld) anyPort() *sys.RawSockaddrAny {
	*(*sys.RawSockaddrInet4)(unsafe.Pointer(&w.addr)) = sys.RawSockaddrInet4{
		Family: sys.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	return &w.addr
}

// keepResult notes what an operation that gave res has made or found, and
// returns res, or 0 for a descriptor.
func (w *opWorld) keepResult(s opStep, res int) int {
	r := w.request(s)
	if res < 0 {
		return res
	}
	switch Op(s.op) {
	case OpAccept, OpOpenat, OpOpenat2, OpSocket, OpFixedFDInstall:
		if s.how != "direct" {
			w.fds[s.b] = res
			return 0
		}
	case OpPipe:
		w.fds[s.a], w.fds[s.b] = int(r.pair[0]), int(r.pair[1])
	case OpClose:
		if s.how != "direct" {
			w.fds[s.a] = -1
		}
	case OpStatx:
		w.value = int(r.stx.Size)
	case OpEpollWait:
		w.value = int(r.events[0].Fd)
	case OpWaitid:
		w.value = int(r.info.Status)
	case OpUringCmd, OpUringCmd128:
		w.value = int(*(*int32)(unsafe.Pointer(&r.number)))
	}
	return res
}

// take moves the oldest completion to the log.
func (w *opWorld) take() int {
	if err := w.ring.WaitTimeout(1, time.Minute); err != nil {
		return result(0, err)
	}
	var c [1]CQE32
	if w.ring.Reap32(c[:]) != 1 {
		return never
	}
	w.log = append(w.log, c[0])
	return 0
}

// next gives the result of the oldest completion of ud that was not asked for
// yet; the rest of it is in the request.
func (w *opWorld) next(s opStep) int {
	for i := 0; ; i++ {
		if i == len(w.log) {
			if err := w.take(); err != 0 {
				return err
			}
		}
		if c := w.log[i]; c.UserData == uint64(s.ud) {
			w.log = slices.Delete(w.log, i, i+1)
			w.request(s).flags, w.request(s).extra = c.Flags, c.Extra[0]
			return int(c.Res)
		}
	}
}

// reaped checks whether there are more completions of ud.
func (w *opWorld) reaped(s opStep, more bool) int {
	res := w.next(s)
	if (w.request(s).flags&CQEMore != 0) != more {
		return never
	}
	return w.keepResult(w.origin(s), res)
}

func (w *opWorld) notif(s opStep) int {
	res := w.next(s)
	if w.request(s).flags&(CQENotif|CQEMore) != CQENotif {
		return never
	}
	return res
}

func (w *opWorld) picked(s opStep) int {
	c := CQE{Flags: w.request(s).flags}
	if c.Flags&CQEBuffer == 0 {
		return never
	}
	return int(c.BufferID())
}

func (w *opWorld) none() int {
	if err := w.ring.Wait(0); err != nil {
		return result(0, err)
	}
	return w.ring.Ready()
}

func (w *opWorld) prepare(s opStep, flags SQEFlags) int {
	e := w.ring.NextSQE()
	if e == nil {
		return -int(sys.EAGAIN)
	}
	e.UserData = uint64(s.ud)
	if !w.describe(e, s) || int(e.Opcode) != s.op {
		return never
	}
	e.Flags |= flags
	if flags&SQEBufferSelect != 0 {
		e.BufIndex = opGroup
	}
	return 0
}

func (w *opWorld) submit(s opStep, flags SQEFlags) int {
	if err := w.prepare(s, flags); err != 0 {
		return err
	}
	_, err := w.ring.Submit()
	return result(0, err)
}

// complete does it, whatever completions it has.
func (w *opWorld) complete(s opStep, flags SQEFlags) int {
	if err := w.submit(s, flags); err != 0 {
		return err
	}
	res := w.next(s)
	for w.request(s).flags&CQEMore != 0 {
		if err := w.next(s); err != 0 {
			return err
		}
	}
	return res
}

// do makes a call, or a request. What the work of another request, or of a ring
// that goes, interrupts is to be done again: on 5.10 and 6.1 fallocate of a file
// in memory is, at times.
func (w *opWorld) do(s opStep, flags SQEFlags) int {
	for {
		res := 0
		if w.plain {
			res = w.plainCall(s)
		} else {
			res = w.complete(s, flags)
		}
		if res == -int(sys.EINTR) {
			continue
		}
		if w.plain {
			return res
		}
		return w.keepResult(s, res)
	}
}

// cannot reports whether this machine cannot do what plain calls are asked for.
func (w *opWorld) cannot(s opStep, res int) bool {
	switch {
	case res == s.want:
		return false
	case res == -int(sys.EOPNOTSUPP):
		w.unlike = w.at
		return true
	}
	// A kernel without the call has not the operation either.
	return res == -int(sys.ENOSYS)
}

// runSteps runs the rows of a case and returns how many: the plain calls up to
// the last that they can do, the ring to the first operation that the kernel
// lacks; both to the first that is wrong. The plain calls have done so many.
func (w *opWorld) runSteps(t *testing.T, p proofs, byPlain int) int {
	for i, s := range w.steps {
		unlike := !w.plain && i == w.unlike
		w.at = i
		if !w.plain && s.isRequest() && !w.supported(s.op) {
			return i
		}
		res := w.run(s)
		if w.plain && w.cannot(s, res) {
			return i + 1
		}
		if res == noTwin {
			return i
		}
		want := s.want
		if unlike {
			want = -int(sys.EOPNOTSUPP)
		}
		if res != want {
			t.Errorf("row %d, %q, plain %v: %d, want %d", i+1, s.verb, w.plain, res, want)
			return i
		}
		if !w.plain {
			w.noteRow(p, s, res, i < byPlain)
		}
		if unlike {
			excused[s.op] = true
			return i
		}
	}
	return len(w.steps)
}

// checkLacking checks that the ring refuses what the probe does not know.
func checkLacking(t *testing.T, r *Ring, op int) {
	t.Helper()
	r.NextSQE().Opcode = Op(op)
	if _, err := r.SubmitAndWait(1); err != nil {
		t.Fatal(err)
	}
	var c [1]CQE
	if n := r.Reap(c[:]); n != 1 || c[0].Res != -int32(sys.EINVAL) && c[0].Res != -int32(sys.EOPNOTSUPP) {
		t.Errorf("operation %d, which the probe does not know: %+v", op, c)
	}
}

// inSpecification are the operations of the specification, by the words of the
// entries that their methods make.
func inSpecification() map[int]bool {
	ops := make(map[int]bool)
	for _, p := range preps {
		ops[int(byte(p.want[0]))] = true
	}
	return ops
}

func TestEveryOperationOfTheSpecificationHasARow(t *testing.T) {
	has := make(map[int]bool)
	for _, row := range uringOps {
		if opStep(row).isRequest() {
			has[row.op] = true
		}
	}
	for op := range inSpecification() {
		if !has[op] {
			t.Errorf("no row for operation %d", op)
		}
		delete(has, op)
	}
	for op := range has {
		t.Errorf("operation %d is not in the specification", op)
	}
}

func TestEveryOperationDoesWhatTheTableSays(t *testing.T) {
	r, err := New(1)
	ringMade(t, err)
	probe, err := r.Probe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	features := r.Features()
	supported := func(op int) bool { return probe.Supported(Op(op)) }
	p := make(proofs)
	for i := 0; i < len(uringOps); {
		name := uringOps[i].case_
		var steps []opStep
		for ; i < len(uringOps) && uringOps[i].case_ == name; i++ {
			steps = append(steps, opStep(uringOps[i]))
		}
		t.Run(name, func(t *testing.T) {
			// Some rings belong to one thread.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			unlike, byPlain := -1, 0
			for _, plain := range []bool{true, false} {
				w := newOpWorld(t, plain)
				w.supported, w.features, w.steps, w.unlike = supported, features, steps, unlike
				byPlain = w.runSteps(t, p, byPlain)
				w.end(t)
				unlike = w.unlike
			}
		})
	}
	var report strings.Builder
	for op := range inSpecification() {
		switch {
		case !supported(op):
			checkLacking(t, r, op)
			p.note(op, lacks)
		case p[op] < refused || p[op] == refused && !excused[op]:
			t.Errorf("operation %d was not done", op)
		}
	}
	for op, seen := range p {
		fmt.Fprintf(&report, "uring_op Go %d %v\n", op, seen)
	}
	if os.Getenv("URING_OPS") != "" {
		fmt.Print(report.String())
	}
}
