// SPDX-License-Identifier: MIT

package gorows

import (
	"fmt"
	"unsafe"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/uring"
)

// newRing makes a bare ring, with the kernel's defaults.
func newRing(entries int) (*uring.Ring, error) {
	r, err := uring.New(uint32(entries))
	return r, row.Unavailable("ring", err)
}

// nop submits and reaps requests that do nothing, so many in a call. A linked
// one waits for another before it, which does not count.
func nop(batch int, linked bool) func(*row.Sample) error {
	each := 1
	if linked {
		each = 2
	}
	return func(s *row.Sample) error {
		r, err := newRing(batch * each)
		if err != nil {
			return err
		}
		defer r.Close()
		cqes := make([]uring.CQE, batch*each)
		return s.Measure(func(n int64) error {
			for n > 0 {
				k := min(batch, int(n))
				if err := nops(r, cqes[:k*each], linked); err != nil {
					return err
				}
				n -= int64(k)
			}
			return nil
		})
	}
}

// nops makes a request for each of cqes; every other one may be linked with the
// one behind it.
func nops(r *uring.Ring, cqes []uring.CQE, linked bool) error {
	for i := range cqes {
		sqe := r.NextSQE()
		sqe.Nop()
		if linked && i%2 == 0 {
			sqe.Flags = uring.SQEIOLink
		}
	}
	if taken, err := r.SubmitAndWait(len(cqes)); err != nil || taken != len(cqes) {
		return fmt.Errorf("%d of %d requests taken: %v", taken, len(cqes), err)
	}
	if n := r.Reap(cqes); n != len(cqes) {
		return fmt.Errorf("%d of %d completions", n, len(cqes))
	}
	for i := range cqes {
		if err := cqes[i].Err(); err != nil {
			return err
		}
	}
	return nil
}

// readRing keeps so many reads in flight on a bare ring.
func readRing(depth int, direct bool) func(*row.Sample) error {
	return ringRead(depth, direct, false)
}

// readFixed is readRing with a file and buffers that the ring knows.
func readFixed(depth int, direct bool) func(*row.Sample) error {
	return ringRead(depth, direct, true)
}

func ringRead(depth int, direct, fixed bool) func(*row.Sample) error {
	return func(s *row.Sample) error {
		f, blocks, err := openTestFile(direct)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := newRing(depth)
		if err != nil {
			return err
		}
		reader := ringReader{
			r: r, fd: int(f.Fd()), bufs: alignedBlocks(depth),
			at: make([]int64, depth), cqes: make([]uring.CQE, depth),
			offsets: newOffsets(blocks), fixed: fixed,
		}
		defer reader.close()
		if fixed {
			if err := reader.fix(); err != nil {
				return err
			}
		}
		return s.Measure(reader.read)
	}
}

type ringReader struct {
	offsets
	r  *uring.Ring
	fd int
	// UserData is an index of these.
	bufs  [][]byte
	at    []int64
	cqes  []uring.CQE
	fixed bool
	// flying are reads that have not completed.
	flying int
}

// fix tells the ring the file and the blocks, which lie one behind the other.
func (r *ringReader) fix() error {
	if err := r.r.RegisterFiles([]int32{int32(r.fd)}); err != nil {
		return err
	}
	all := unsafe.Slice(&r.bufs[0][0], len(r.bufs)*blockSize)
	return r.r.RegisterBuffers([][]byte{all})
}

func (r *ringReader) queue(token uint64) {
	r.at[token] = r.next()
	sqe := r.r.NextSQE()
	if r.fixed {
		sqe.ReadFixed(0, r.bufs[token], r.at[token], 0)
		sqe.Flags = uring.SQEFixedFile
	} else {
		sqe.Read(r.fd, r.bufs[token], r.at[token])
	}
	sqe.UserData = token
	r.flying++
}

func (r *ringReader) read(n int64) error {
	begun := min(n, int64(len(r.bufs)))
	for token := range begun {
		r.queue(uint64(token))
	}
	for ended := int64(0); ended < n; {
		if _, err := r.r.SubmitAndWait(1); err != nil {
			return err
		}
		for _, c := range r.cqes[:r.r.Reap(r.cqes)] {
			r.flying--
			if err := r.check(c); err != nil {
				return err
			}
			ended++
			if begun < n {
				begun++
				r.queue(c.UserData)
			}
		}
	}
	return nil
}

func (r *ringReader) check(c uring.CQE) error {
	if err := c.Err(); err != nil {
		return err
	}
	return checkBlock(r.bufs[c.UserData], int(c.Res), r.at[c.UserData])
}

// close waits for what is in flight after a failure, for the buffers are the
// kernel's until then.
func (r *ringReader) close() {
	for r.flying > 0 {
		if _, err := r.r.SubmitAndWait(1); err != nil {
			break
		}
		r.flying -= r.r.Reap(r.cqes)
	}
	r.r.Close()
}
