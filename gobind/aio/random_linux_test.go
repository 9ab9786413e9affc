// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// Operations at random on descriptors that come and go while the garbage
// collector runs. Each accepted one has one event; bytes arrive once and in
// order, whatever is cancelled, closed or forgotten in between; and no memory
// changes outside of an operation.

const (
	flows       = 6
	flowBuffer  = 5000
	untouched   = 0xa5
	keptBuffers = 64
)

// flow is a pipe or a pair of sockets, with at most one operation at each end.
type flow struct {
	rd, wr end
	// received and sent count the bytes of this flow.
	received, sent int
}

// end is one descriptor of a flow, -1 when it is closed. Tokens count from 1.
type end struct {
	fd int
	// token is that of the read or write in flight, with its buffer.
	token uint64
	buf   []byte
	// leaving is that of the forget or close in flight.
	leaving uint64
}

type chaos struct {
	*testing.T
	a     *AIO
	r     *rand.Rand
	mode  int
	flows [flows]flow
	token uint64
	// open is what is in flight.
	open map[uint64]Event
	// kept are buffers of operations that have ended.
	kept, copies [keptBuffers][]byte
	nrKept       int
	// over is that nothing begins any more.
	over bool
}

func TestRandomOperationsKeepTheirPromises(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		open(t, engine)
		stop := collectGarbage()
		defer stop()
		for name, mode := range map[string]int{"blocking": 0, "nonblocking": sys.O_NONBLOCK} {
			t.Run(name, func(t *testing.T) { runChaos(t, engine, mode, asItIs) })
			t.Run(name+" on an old kernel", func(t *testing.T) { runChaos(t, engine, mode, makeOld) })
		}
	})
}

// collectGarbage runs the collector, and uses what it frees, until stop.
func collectGarbage() (stop func()) {
	over := make(chan struct{})
	var ended sync.WaitGroup
	ended.Add(1)
	go func() {
		defer ended.Done()
		for {
			select {
			case <-over:
				return
			case <-time.After(4 * time.Millisecond):
				runtime.GC()
				for range 50 {
					bytes.Repeat([]byte{1}, flowBuffer)
				}
			}
		}
	}()
	return func() { close(over); ended.Wait() }
}

func runChaos(t *testing.T, engine string, mode int, prepare func(*AIO)) {
	steps := 1_000
	if small() {
		steps = 200
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	// One for each end: a write to a full pipe may keep its helper for long.
	a := open(t, engine, WithSlots(24), WithHelpers(2*flows))
	c := &chaos{T: t, a: a, r: rand.New(rand.NewPCG(seed, 0)),
		mode: mode, open: make(map[uint64]Event)}
	prepare(c.a)
	for i := range c.flows {
		c.begin(&c.flows[i])
	}
	for range steps {
		c.step(&c.flows[c.r.IntN(flows)])
		if c.Failed() {
			break
		}
	}
	c.over = true
	for !c.Failed() && c.leave() {
		if c.reap(patience) == 0 {
			t.Fatalf("no event for %v", c.open)
		}
	}
	check(t, c.a.Close())
	for i := range c.nrKept {
		c.check(i)
	}
}

// leave closes all that can be closed, and says whether something is in flight.
func (c *chaos) leave() bool {
	for i := range c.flows {
		c.close(&c.flows[i].rd)
		c.close(&c.flows[i].wr)
	}
	return len(c.open) > 0
}

// begin makes a flow, whose descriptors are likely to have been used before.
func (c *chaos) begin(f *flow) {
	var p [2]int
	if c.r.IntN(2) == 0 {
		check(c, sys.Pipe2(p[:], sys.O_CLOEXEC|c.mode))
	} else {
		var err error
		p, err = sys.Socketpair(sys.AF_UNIX, sys.SOCK_STREAM|sys.SOCK_CLOEXEC|c.mode, 0)
		check(c, err)
	}
	*f = flow{rd: end{fd: p[0]}, wr: end{fd: p[1]}}
}

// submitted notes an operation that was accepted.
func (c *chaos) submitted(err error, op Op, fd int) (token uint64) {
	if err == sys.EAGAIN || err == sys.EBUSY {
		return 0
	}
	if err != nil {
		c.Errorf("%v of %d: %v", op, fd, err)
		return 0
	}
	c.open[c.token] = Event{FD: fd, Op: op}
	return c.token
}

func (c *chaos) step(f *flow) {
	c.token++
	k := c.r.IntN(40)
	switch {
	case k < 16:
		c.reap(c.r.IntN(2) * c.r.IntN(3))
	case k < 19:
		for target := range c.open {
			c.submitted(c.a.Cancel(target, c.token), OpCancel, -1)
			break
		}
	case k < 20:
		c.submitted(c.a.Timeout(time.Duration(c.r.IntN(2000))*time.Microsecond, c.token), OpTimeout, -1)
	case k < 29:
		c.read(f)
	case k < 38:
		c.write(f)
	case k < 39:
		e := [...]*end{&f.rd, &f.wr}[c.r.IntN(2)]
		if e.fd >= 0 && e.leaving == 0 {
			e.leaving = c.submitted(c.a.Forget(e.fd, c.token), OpForget, e.fd)
		}
	default:
		c.close(&f.rd)
		c.close(&f.wr)
	}
}

func (c *chaos) read(f *flow) {
	e := &f.rd
	switch {
	case e.fd < 0 || e.leaving != 0:
	case c.r.IntN(9) == 0:
		c.submitted(c.a.Poll(e.fd, sys.POLLIN, c.token), OpPoll, e.fd)
	case e.token != 0:
	case c.r.IntN(8) == 0:
		// A pipe refuses it, a socket waits for all.
		e.buf = bytes.Repeat([]byte{untouched}, 1+c.r.IntN(flowBuffer))
		e.token = c.submitted(c.a.Recv(e.fd, e.buf, sys.MSG_WAITALL, c.token), OpRecv, e.fd)
	default:
		e.buf = bytes.Repeat([]byte{untouched}, 1+c.r.IntN(flowBuffer))
		e.token = c.submitted(c.a.Read(e.fd, e.buf, -1, c.token), OpRead, e.fd)
	}
}

func (c *chaos) write(f *flow) {
	e := &f.wr
	if e.fd < 0 || e.leaving != 0 || e.token != 0 {
		return
	}
	e.buf = make([]byte, 1+c.r.IntN(flowBuffer)*(1+19*c.r.IntN(2)))
	for i := range e.buf {
		e.buf[i] = byte((f.sent + i) % 251)
	}
	e.token = c.submitted(c.a.Write(e.fd, e.buf, -1, c.token), OpWrite, e.fd)
}

func (c *chaos) close(e *end) {
	if e.fd >= 0 && e.leaving == 0 {
		c.token++
		e.leaving = c.submitted(c.a.CloseFD(e.fd, c.token), OpClose, e.fd)
	}
}

func (c *chaos) reap(ms int) int {
	events, err := c.a.PollEvents(ms)
	check(c, err)
	for _, ev := range events {
		asked, ok := c.open[ev.Token]
		if !ok || asked.FD != ev.FD || asked.Op != ev.Op {
			c.Fatalf("event %v for %v", ev, asked)
		}
		delete(c.open, ev.Token)
		c.take(ev)
	}
	return len(events)
}

func (c *chaos) take(ev Event) {
	for i := range c.flows {
		f := &c.flows[i]
		switch {
		case ev.Token == f.rd.token:
			c.arrived(f, ev)
			return
		case ev.Token == f.wr.token:
			c.left(f, ev)
			return
		}
		for _, e := range []*end{&f.rd, &f.wr} {
			if ev.Token == e.leaving {
				c.settled(f, e, ev)
				return
			}
		}
	}
}

// settled takes the end of a forget or close.
func (c *chaos) settled(f *flow, e *end, ev Event) {
	if ev.Err != nil || e.token != 0 {
		c.Errorf("%v while %d is in flight", ev, e.token)
	}
	e.leaving = 0
	if ev.Op == OpClose {
		e.fd = -1
	}
	if f.rd.fd < 0 && f.wr.fd < 0 && !c.over {
		c.begin(f)
	}
}

// arrived looks at what a read has brought.
func (c *chaos) arrived(f *flow, ev Event) {
	n := max(ev.N, 0)
	for i, b := range f.rd.buf {
		if want := byte((f.received + i) % 251); i < n && b != want || i >= n && b != untouched {
			c.Errorf("%v: byte %d is %d after %d", ev, i, b, f.received)
			break
		}
	}
	f.received += n
	if f.received > f.sent && f.wr.token == 0 {
		c.Errorf("%v: %d bytes of %d", ev, f.received, f.sent)
	}
	reset := ev.Err == sys.ECONNRESET && (f.wr.leaving != 0 || f.wr.fd < 0)
	noSocket := ev.Err == sys.ENOTSOCK && ev.Op == OpRecv
	if ev.Err != nil && ev.Err != sys.ECANCELED && !reset && !noSocket {
		c.Errorf("%v", ev)
	}
	c.ended(&f.rd)
}

func (c *chaos) left(f *flow, ev Event) {
	f.sent += max(ev.N, 0)
	broken := ev.Err == sys.EPIPE && (f.rd.leaving != 0 || f.rd.fd < 0)
	if ev.Err != nil && ev.Err != sys.ECANCELED && !broken {
		c.Errorf("%v", ev)
	}
	c.ended(&f.wr)
}

// ended takes leave of the buffer of e, which nobody may write to any more.
func (c *chaos) ended(e *end) {
	c.keep(e.buf)
	e.token, e.buf = 0, nil
}

// keep watches a buffer that nobody may write to any more.
func (c *chaos) keep(b []byte) {
	i := c.r.IntN(keptBuffers)
	if c.nrKept < keptBuffers {
		i = c.nrKept
		c.nrKept++
	} else {
		c.check(i)
	}
	c.kept[i], c.copies[i] = b, bytes.Clone(b)
}

func (c *chaos) check(i int) {
	if !bytes.Equal(c.kept[i], c.copies[i]) {
		c.Errorf("a buffer has changed after the event of its operation")
	}
}
