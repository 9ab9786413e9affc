// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"example.com/syshim/gobind/uring"
)

const (
	depth     = 32
	blockSize = 64 << 10
)

// What the UserData of a pair's completions says, with the number of its slot.
const (
	read = iota
	write
	kinds
)

// From off to end of the file is still to be copied, through the block.
type slot struct {
	off, end int64
	block    []byte
	read     uring.CQE
}

type copier struct {
	ring       *uring.Ring
	from, to   *os.File
	size, next int64 // of the file; the first byte of no slot
	pairs      int   // in the ring
	slots      [depth]slot
	err        error // the first
}

// putPair asks for a block. A short read ends a link, too: the block is as long
// as what can be read.
func (c *copier) putPair(i int, size int64) {
	s := &c.slots[i]
	sqe := c.ring.NextSQE()
	sqe.Read(int(c.from.Fd()), s.block[:size], s.off)
	sqe.Flags |= uring.SQEIOLink
	sqe.UserData = uint64(kinds*i + read)
	sqe = c.ring.NextSQE()
	sqe.Write(int(c.to.Fd()), s.block[:size], s.off)
	sqe.UserData = uint64(kinds*i + write)
	c.pairs++
}

// goOn lets the slot copy what it has left, or else the next block, if any.
func (c *copier) goOn(i int) {
	s := &c.slots[i]
	if s.off == s.end {
		s.off = c.next
		s.end = min(c.next+blockSize, c.size)
		c.next = s.end
	}
	if s.off < s.end && c.err == nil {
		c.putPair(i, s.end-s.off)
	}
}

func (c *copier) stop(op string, f *os.File, err error) {
	if c.err == nil {
		c.err = &os.PathError{Op: op, Path: f.Name(), Err: err}
	}
}

// endPair takes the end of a slot's write. Its read has ended before.
func (c *copier) endPair(i int, cqe uring.CQE) {
	s := &c.slots[i]
	c.pairs--
	switch err := cqe.Err(); {
	case cqe.Res > 0:
		s.off += int64(cqe.Res)
		c.goOn(i)
	case err == nil:
		c.stop("write", c.to, io.ErrShortWrite)
	case err != syscall.ECANCELED:
		c.stop("write", c.to, err)
	case s.read.Res > 0 && c.err == nil:
		// Less than there was: as much as that.
		c.putPair(i, int64(s.read.Res))
	case s.read.Res == 0:
		c.stop("read", c.from, io.ErrUnexpectedEOF)
	case s.read.Res < 0:
		c.stop("read", c.from, s.read.Err())
	}
}

// copy copies all. When the ring itself fails there is no way on: the blocks
// are still the kernel's.
func (c *copier) copy() error {
	for i := range c.slots {
		c.slots[i].block = make([]byte, blockSize)
		c.goOn(i)
	}
	for c.pairs > 0 {
		if _, err := c.ring.SubmitAndWait(1); err != nil {
			os.Exit(fail(err))
		}
		for cqe := range c.ring.Completions() {
			i := int(cqe.UserData / kinds)
			if cqe.UserData%kinds == read {
				c.slots[i].read = cqe
			} else {
				c.endPair(i, cqe)
			}
		}
	}
	return c.err
}

// empty empties the file to copy to, unless it is the one to copy from.
func empty(to *os.File, from os.FileInfo) error {
	info, err := to.Stat()
	switch {
	case err != nil:
		return err
	case os.SameFile(info, from):
		return &os.PathError{Op: "copy", Path: to.Name(), Err: errors.New("this is the file to copy from")}
	case info.Mode().IsRegular():
		return to.Truncate(0)
	}
	return nil
}

func copyFile(ring *uring.Ring, fromName, toName string) (err error) {
	from, err := os.Open(fromName)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &os.PathError{Op: "copy", Path: fromName, Err: errors.New("not a regular file")}
	}
	to, err := os.OpenFile(toName, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := empty(to, info); err != nil {
		return err
	}
	c := &copier{ring: ring, from: from, to: to, size: info.Size()}
	return c.copy()
}

// run returns the exit status.
func run(args []string) (status int) {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: copy FROM TO")
		return 2
	}
	ring, err := uring.New(kinds * depth)
	if err != nil {
		return fail(err)
	}
	if err := copyFile(ring, args[0], args[1]); err != nil {
		status = fail(err)
	}
	if err := ring.Close(); err != nil {
		status = fail(err)
	}
	return status
}

func fail(err error) (status int) {
	fmt.Fprintln(os.Stderr, "copy:", err)
	return 1
}

func main() {
	os.Exit(run(os.Args[1:]))
}
