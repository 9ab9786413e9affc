// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
	"os"

	"example.com/syshim/gobind/uring"
)

// A copier makes one request at a time. Its buffer lives as long as its ring.
type copier struct {
	ring *uring.Ring
	buf  []byte
}

// request gives the kernel the request that prep describes, and waits for its
// result.
func (c *copier) request(prep func(*uring.SQE)) (int, error) {
	sqe := c.ring.NextSQE()
	if sqe == nil {
		panic("one request at a time, and the queue is full")
	}
	prep(sqe)
	if _, err := c.ring.SubmitAndWait(1); err != nil {
		return 0, err
	}
	var cqe [1]uring.CQE
	c.ring.Reap(cqe[:])
	return int(cqe[0].Res), cqe[0].Err()
}

// copy copies from in to out until the end of in. An offset of -1 is the
// position of a file, and suits pipes and terminals, too.
func (c *copier) copy(out, in *os.File) error {
	for {
		n, err := c.request(func(sqe *uring.SQE) {
			sqe.Read(int(in.Fd()), c.buf, -1)
		})
		if err != nil {
			return &os.PathError{Op: "read", Path: in.Name(), Err: err}
		}
		if n == 0 {
			return nil
		}
		if err := c.write(out, c.buf[:n]); err != nil {
			return &os.PathError{Op: "write", Path: out.Name(), Err: err}
		}
	}
}

// write writes all of b, however little the kernel takes at once.
func (c *copier) write(out *os.File, b []byte) error {
	for len(b) > 0 {
		n, err := c.request(func(sqe *uring.SQE) {
			sqe.Write(int(out.Fd()), b, -1)
		})
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// copyName copies the file of that name to standard output.
func (c *copier) copyName(name string) error {
	if name == "-" {
		return c.copy(os.Stdout, os.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.copy(os.Stdout, f)
}

// run returns the exit status. A file that fails does not stop the others.
func run(names []string) (status int) {
	ring, err := uring.New(1)
	if err != nil {
		return complain(err)
	}
	c := &copier{ring, make([]byte, 128<<10)}
	for _, name := range names {
		if err := c.copyName(name); err != nil {
			status = complain(err)
		}
	}
	if err := ring.Close(); err != nil {
		status = complain(err)
	}
	return status
}

func complain(err error) (status int) {
	fmt.Fprintln(os.Stderr, "cat:", err)
	return 1
}

func main() {
	names := os.Args[1:]
	if len(names) == 0 {
		names = []string{"-"}
	}
	os.Exit(run(names))
}
