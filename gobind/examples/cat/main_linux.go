// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"example.com/syshim/gobind/sys"
	"example.com/syshim/gobind/uring"
)

// The user data of the requests: an open or a close is alone in the ring.
const (
	read = iota
	write
	other = read
)

// position is the offset that means: where the file is now. Pipes have no
// other.
const position = -1

// A copier copies files. The kernel has its blocks only while finish waits.
type copier struct {
	ring    *uring.Ring
	blocks  [2][]byte
	results [2]uring.CQE // of the last read and the last write
}

// putRead asks for the next block. The queue has room: it never holds more than
// two entries.
func (c *copier) putRead(f *os.File, block []byte) {
	sqe := c.ring.NextSQE()
	sqe.Read(int(f.Fd()), block, position)
	sqe.UserData = read
}

func (c *copier) putWrite(data []byte) {
	sqe := c.ring.NextSQE()
	sqe.Write(int(os.Stdout.Fd()), data, position)
	sqe.UserData = write
}

// finish submits what was put and waits for n completions. When the ring itself
// fails there is no way on: the blocks are still the kernel's.
func (c *copier) finish(n int) {
	for n > 0 {
		if _, err := c.ring.SubmitAndWait(1); err != nil {
			os.Exit(fail(err))
		}
		for cqe := range c.ring.Completions() {
			c.results[cqe.UserData] = cqe
			n--
		}
	}
}

// finishWrite writes what the last write of data has left.
func (c *copier) finishWrite(data []byte) error {
	for {
		cqe := c.results[write]
		if err := cqe.Err(); err != nil {
			return err
		}
		if cqe.Res == 0 {
			return io.ErrShortWrite
		}
		if data = data[cqe.Res:]; len(data) == 0 {
			return nil
		}
		c.putWrite(data)
		c.finish(1)
	}
}

// copy copies all of f.
func (c *copier) copy(f *os.File) error {
	c.putRead(f, c.blocks[0])
	c.finish(1)
	for i := 0; c.results[read].Res > 0; i = 1 - i {
		data := c.blocks[i][:c.results[read].Res]
		c.putWrite(data)
		c.putRead(f, c.blocks[1-i])
		c.finish(2)
		if err := c.finishWrite(data); err != nil {
			return &os.PathError{Op: "write", Path: os.Stdout.Name(), Err: err}
		}
	}
	if err := c.results[read].Err(); err != nil {
		return &os.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	return nil
}

// alone finishes a request that is the only one, and returns its result.
func (c *copier) alone(prep func(*uring.SQE)) (int, error) {
	sqe := c.ring.NextSQE()
	prep(sqe)
	sqe.UserData = other
	c.finish(1)
	return int(c.results[other].Res), c.results[other].Err()
}

// open opens by a request. The path is kept until that has ended.
func (c *copier) open(name string) (*os.File, error) {
	path, err := syscall.BytePtrFromString(name)
	fd := -1
	if err == nil {
		fd, err = c.alone(func(sqe *uring.SQE) {
			sqe.Openat(sys.AT_FDCWD, path, sys.O_RDONLY|sys.O_CLOEXEC, 0)
		})
		runtime.KeepAlive(path)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (c *copier) copyName(name string) error {
	if name == "-" {
		return c.copy(os.Stdin)
	}
	f, err := c.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.copy(f)
}

// run returns the exit status. A file that fails does not stop the others.
func run(names []string) (status int) {
	ring, err := uring.New(2)
	if err != nil {
		return fail(err)
	}
	const size = 128 << 10
	c := &copier{ring: ring, blocks: [2][]byte{make([]byte, size), make([]byte, size)}}
	for _, name := range names {
		if err := c.copyName(name); err != nil {
			status = fail(err)
		}
	}
	if err := ring.Close(); err != nil {
		status = fail(err)
	}
	return status
}

func fail(err error) (status int) {
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
