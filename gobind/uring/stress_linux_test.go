// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package uring_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// Requests of many kinds at random, as tests/uring_stress.c has them, but with
// memory that is new for each, while the collector runs all the time: each
// request completes once, with a result that it may have, and no byte changes
// outside of one.

const (
	stressSlots   = 48
	stressStreams = 4
	stressFile    = 65536
	stressBuffer  = 512
	stressLife    = 2000 // requests on one ring
	stressAhead   = 4096 // bytes of a stream that were not received
)

type stressKind int

const (
	stressNop stressKind = iota
	stressRead
	stressReadv
	stressWrite
	stressSend
	stressRecv
	stressTimeout
	stressCancel
	stressPoll // followed by stressLimit
	stressKinds
	stressLimit
)

// A stressSlot is a request in flight, and what keeps its memory.
type stressSlot struct {
	kind   stressKind
	busy   bool
	turn   uint64
	place  int
	offset int64
	buf    []byte
	iovs   []sys.Iovec
	ts     *sys.Timespec
}

type stressStream struct {
	fds                [2]int
	sending, receiving bool
	sent, received     int64
}

type stressWorld struct {
	t         *testing.T
	r         *uring.Ring
	rand      *rand.Rand
	slots     [stressSlots]stressSlot
	streams   [stressStreams]stressStream
	file      int
	scratch   int
	silent    int
	busy      int
	completed int
	// bystanders are nobody's to change.
	bystanders [64][]byte
}

// stressByte is the byte at a place of a file or stream.
func stressByte(what int, place int64) byte {
	return byte(place*31 + place>>8 + int64(what)*7)
}

func stressBytes(what int, place int64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = stressByte(what, place+int64(i))
	}
	return b
}

func holdsBytes(b []byte, what int, place int64) bool {
	for i, c := range b {
		if c != stressByte(what, place+int64(i)) {
			return false
		}
	}
	return true
}

// canceledRes reports whether a result is that of a canceled request.
func canceledRes(res int32) bool {
	return res == -int32(sys.ECANCELED) || res == -int32(sys.EINTR)
}

// mayBe reports whether the result is one that the request may have.
func (w *stressWorld) mayBe(s *stressSlot, res int32) bool {
	n := int(max(res, 0))
	f := &w.streams[s.place]
	switch s.kind {
	case stressNop:
		return res == 0
	case stressRead, stressReadv:
		return n == len(s.buf) && holdsBytes(s.buf, 0, s.offset)
	case stressWrite:
		back := make([]byte, len(s.buf))
		_, err := sys.Pread(w.scratch, back, s.offset)
		return n == len(s.buf) && err == nil && string(back) == string(s.buf)
	case stressSend:
		f.sending = false
		f.sent += int64(len(s.buf))
		return n == len(s.buf)
	case stressRecv:
		f.receiving = false
		ok := canceledRes(res) || n > 0 && holdsBytes(s.buf[:n], s.place, f.received)
		f.received += int64(n)
		return ok
	case stressTimeout:
		return res == -int32(sys.ETIME) || canceledRes(res)
	case stressPoll:
		return canceledRes(res)
	case stressCancel:
		return res == 0 || res == -int32(sys.ENOENT) || res == -int32(sys.EALREADY)
	case stressLimit:
		return res == -int32(sys.ETIME) || res == -int32(sys.ECANCELED) ||
			res == -int32(sys.ENOENT) || res == -int32(sys.EALREADY)
	}
	return false
}

func (w *stressWorld) reap() {
	for c := range w.r.Completions() {
		s := &w.slots[c.UserData%stressSlots]
		if !s.busy || s.turn != c.UserData/stressSlots {
			w.t.Errorf("a completion of nothing: %+v", c)
			continue
		}
		if !w.mayBe(s, c.Res) {
			w.t.Errorf("kind %d: result %d", s.kind, c.Res)
		}
		// From now on its memory is garbage.
		*s = stressSlot{turn: s.turn}
		w.busy--
		w.completed++
	}
}

// slot returns a free one, or nil.
func (w *stressWorld) slot(kind stressKind) *stressSlot {
	first := w.rand.IntN(stressSlots)
	for i := range stressSlots {
		s := &w.slots[(first+i)%stressSlots]
		if !s.busy {
			*s = stressSlot{kind: kind, busy: true, turn: s.turn + 1, place: w.rand.IntN(stressStreams)}
			w.busy++
			return s
		}
	}
	return nil
}

func (w *stressWorld) giveUp(s *stressSlot) {
	s.busy = false
	w.busy--
}

func (w *stressWorld) userData(i int) uint64 {
	return w.slots[i].turn*stressSlots + uint64(i)
}

func (w *stressWorld) index(s *stressSlot) int {
	for i := range w.slots {
		if s == &w.slots[i] {
			return i
		}
	}
	return -1
}

// entry is one for the slot; some requests go to a worker at once.
func (w *stressWorld) entry(s *stressSlot, flags uring.SQEFlags) *uring.SQE {
	e := w.r.NextSQE()
	e.UserData = w.userData(w.index(s))
	e.Flags = flags
	return e
}

// mustWait reports whether there can be no such request now.
func (w *stressWorld) mustWait(s *stressSlot) bool {
	f := &w.streams[s.place]
	switch s.kind {
	case stressSend:
		return f.sending || f.sent-f.received > stressAhead
	case stressRecv:
		return f.receiving
	}
	return false
}

func (w *stressWorld) newSpan() *sys.Timespec {
	return &sys.Timespec{Nsec: int64(w.rand.IntN(300000))}
}

// put prepares a request at random, if there is room for it.
func (w *stressWorld) put() {
	kind := stressKind(w.rand.IntN(int(stressKinds)))
	if w.r.SQEntries()-w.r.Queued() < 2 {
		return
	}
	s := w.slot(kind)
	if s == nil {
		return
	}
	if w.mustWait(s) {
		w.giveUp(s)
		return
	}
	if kind == stressPoll {
		w.putPoll(s)
		return
	}
	flags := uring.SQEFlags(0)
	if w.rand.IntN(4) == 0 {
		flags = uring.SQEAsync
	}
	w.describe(w.entry(s, flags), s)
}

// putPoll prepares a poll that only its time ends.
func (w *stressWorld) putPoll(s *stressSlot) {
	limit := w.slot(stressLimit)
	if limit == nil {
		w.giveUp(s)
		return
	}
	w.entry(s, uring.SQEIOLink).PollAdd(w.silent, sys.POLLIN)
	limit.ts = w.newSpan()
	w.entry(limit, 0).LinkTimeout(limit.ts, 0)
}

func (w *stressWorld) describe(e *uring.SQE, s *stressSlot) {
	f := &w.streams[s.place]
	n := 2 + w.rand.IntN(stressBuffer-2)
	s.offset = int64(w.rand.IntN(stressFile - stressBuffer))
	switch s.kind {
	case stressRead:
		s.buf = make([]byte, n)
		e.Read(w.file, s.buf, s.offset)
	case stressReadv:
		s.buf = make([]byte, n)
		s.iovs = []sys.Iovec{{Base: &s.buf[0], Len: 1}, {Base: &s.buf[1], Len: uint64(n - 1)}}
		e.Readv(w.file, s.iovs, s.offset)
	case stressWrite:
		// Where no other slot writes.
		s.offset = int64(w.index(s)) * stressBuffer
		s.buf = stressBytes(w.rand.IntN(256), s.offset, n)
		e.Write(w.scratch, s.buf, s.offset)
	case stressSend:
		f.sending = true
		s.buf = stressBytes(s.place, f.sent, n)
		e.Send(f.fds[1], s.buf, sys.MSG_NOSIGNAL)
	case stressRecv:
		f.receiving = true
		s.buf = make([]byte, n)
		e.Recv(f.fds[0], s.buf, 0)
	case stressTimeout:
		s.ts = w.newSpan()
		e.Timeout(s.ts, 0, 0)
	case stressCancel:
		victim := w.rand.IntN(stressSlots)
		data := ^uint64(0)
		if k := w.slots[victim].kind; k == stressTimeout || k == stressRecv {
			data = w.userData(victim)
		}
		e.Cancel(data, 0)
	default:
		e.Nop()
	}
}

func (w *stressWorld) submit() {
	var err error
	switch {
	case w.busy > stressSlots/2:
		_, err = w.r.SubmitAndWaitTimeout(1, time.Millisecond)
	default:
		_, err = w.r.Submit()
	}
	if err != nil && !errors.Is(err, sys.EBUSY) && !errors.Is(err, sys.EAGAIN) && !errors.Is(err, sys.ETIME) {
		w.t.Error(err)
	}
}

// lookAround replaces a bystander, which must be what it was.
func (w *stressWorld) lookAround() {
	i := w.rand.IntN(len(w.bystanders))
	if !holdsBytes(w.bystanders[i], i, 0) {
		w.t.Error("memory of nobody has changed")
	}
	w.bystanders[i] = stressBytes(i, 0, 1+w.rand.IntN(stressBuffer))
}

// drain sends to who receives; the rest ends on its own.
func (w *stressWorld) drain() {
	for end := time.Now().Add(time.Minute); w.busy > 0 && time.Now().Before(end); {
		for i := range w.slots {
			s := &w.slots[i]
			f := &w.streams[s.place]
			if s.busy && s.kind == stressRecv && !f.sending && f.sent == f.received {
				if _, err := sys.Write(f.fds[1], []byte{stressByte(s.place, f.sent)}); err != nil {
					w.t.Error(err)
				}
				f.sent++
			}
		}
		if _, err := w.r.SubmitAndWaitTimeout(1, time.Millisecond); err != nil && !errors.Is(err, sys.ETIME) && !errors.Is(err, sys.EBUSY) {
			w.t.Error(err)
		}
		w.reap()
	}
	if w.busy > 0 {
		w.t.Errorf("%d requests do not end", w.busy)
	}
}

// live is the life of one ring.
func (w *stressWorld) live(end time.Time, progress *stressProgress) bool {
	kinds := []uring.Option{
		uring.WithFlags(0),
		uring.WithFlags(uring.SetupCoopTaskrun),
		uring.WithFlags(uring.SetupSubmitAll),
		uring.WithFlags(uring.SetupSingleIssuer | uring.SetupDeferTaskrun),
		uring.WithSQPoll(time.Millisecond),
	}
	r, err := uring.New(16, kinds[w.rand.IntN(len(kinds))], uring.WithCQEntries(16<<w.rand.IntN(3)))
	if errors.Is(err, sys.EINVAL) {
		r, err = uring.New(16)
	}
	if err != nil {
		w.t.Error(err)
		return false
	}
	w.r = r
	before := w.completed
	for until := before + stressLife; w.completed < until && time.Now().Before(end); {
		for range w.rand.IntN(8) {
			w.put()
		}
		w.submit()
		w.reap()
		w.lookAround()
	}
	w.drain()
	progress.rings.Add(1)
	progress.completed.Add(int64(w.completed - before))
	if err := r.Close(); err != nil {
		w.t.Error(err)
	}
	return w.busy == 0 && !w.t.Failed()
}

func newStressWorld(t *testing.T, seed uint64) *stressWorld {
	w := &stressWorld{t: t, rand: rand.New(rand.NewPCG(seed, seed))}
	for i := range w.streams {
		a, b := socketpair(t)
		w.streams[i].fds = [2]int{a, b}
	}
	w.file = tempFile(t, string(stressBytes(0, 0, stressFile)))
	w.scratch = tempFile(t, "")
	w.silent, _ = pipe(t)
	return w
}

// A stressProgress is what all users have done.
type stressProgress struct {
	seed             uint64
	rings, completed atomic.Int64
}

// tell says how far it is: every half minute until done is closed, and
// once more then. tests/go.sh passes it on.
func (p *stressProgress) tell(t *testing.T, done <-chan struct{}) {
	begin := time.Now()
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for end := false; ; {
		t.Logf("stress: %.0f s of %.0f, seed %d, %d rings, %d requests", time.Since(begin).Seconds(),
			stressTime().Seconds(), p.seed, p.rings.Load(), p.completed.Load())
		if end {
			return
		}
		select {
		case <-tick.C:
		case <-done:
			end = true
		}
	}
}

// stressTime is how long it takes: URING_STRESS_SECONDS, if set.
func stressTime() time.Duration {
	if s, err := strconv.Atoi(os.Getenv("URING_STRESS_SECONDS")); err == nil {
		return time.Duration(s) * time.Second
	}
	if testing.Short() {
		return 500 * time.Millisecond
	}
	return 5 * time.Second
}

func TestRequestsOfAllKindsCompleteOnce(t *testing.T) {
	newRing(t, 1)
	end := time.Now().Add(stressTime())
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("URING_STRESS_SEED"), 10, 64); err == nil {
		seed = s
	}
	progress := stressProgress{seed: seed}
	done := make(chan struct{})
	var collector, users sync.WaitGroup
	collector.Add(2)
	go func() {
		defer collector.Done()
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	go func() {
		defer collector.Done()
		progress.tell(t, done)
	}()
	for i := range 2 {
		w := newStressWorld(t, seed+uint64(i))
		users.Add(1)
		go func() {
			defer users.Done()
			// Some rings belong to one thread.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for time.Now().Before(end) && w.live(end, &progress) {
			}
		}()
	}
	users.Wait()
	close(done)
	collector.Wait()
	if progress.completed.Load() == 0 {
		t.Error("nothing has completed")
	}
}
