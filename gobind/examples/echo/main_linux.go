// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"example.com/syshim/gobind/aio"
	"example.com/syshim/gobind/sys"
)

// Tokens. A connection's token is its descriptor.
const (
	accept = 1<<32 + iota
	stdin
)

const (
	// mostConns leaves a slot for the close of every connection.
	mostConns = 256
	slots     = 2*mostConns + 8
	blockSize = 16 << 10
)

// A conn receives a block, sends it, and so on.
type conn struct {
	fd      int
	block   []byte
	unsent  []byte
	leaving bool
}

type server struct {
	a        *aio.AIO
	listener int
	conns    map[int]*conn
	input    [256]byte
	// accepting, listening: an accept is in flight, the listener is open.
	accepting, listening bool
}

// listen returns a socket on a port of 127.0.0.1, and the port.
func listen(port int) (fd, bound int, err error) {
	fd, err = sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			sys.Close(fd)
		}
	}()
	if err := sys.SetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1); err != nil {
		return -1, 0, os.NewSyscallError("setsockopt", err)
	}
	addr := &sys.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := sys.Bind(fd, addr); err != nil {
		return -1, 0, os.NewSyscallError("bind", err)
	}
	if err := sys.Listen(fd, sys.SOMAXCONN); err != nil {
		return -1, 0, os.NewSyscallError("listen", err)
	}
	name, err := sys.Getsockname(fd)
	if err != nil {
		return -1, 0, os.NewSyscallError("getsockname", err)
	}
	return fd, name.(*sys.SockaddrInet4).Port, nil
}

// acceptNext waits for a connection while there is room for one.
func (s *server) acceptNext() error {
	if s.accepting || !s.listening || len(s.conns) == mostConns {
		return nil
	}
	s.accepting = true
	return s.a.Accept(s.listener, 0, accept)
}

func (s *server) accepted(ev aio.Event) error {
	s.accepting = false
	switch {
	case ev.Err == nil:
		c := &conn{fd: ev.N, block: make([]byte, blockSize)}
		s.conns[c.fd] = c
		if !s.listening {
			return s.leave(c)
		}
		if err := s.receive(c); err != nil {
			return err
		}
	case !s.listening:
	case !errors.Is(ev.Err, sys.ECONNABORTED):
		return os.NewSyscallError("accept", ev.Err)
	}
	return s.acceptNext()
}

func (s *server) receive(c *conn) error {
	return s.a.Recv(c.fd, c.block, 0, uint64(c.fd))
}

// leave closes a connection; what is in flight on it ends.
func (s *server) leave(c *conn) error {
	if c.leaving {
		return nil
	}
	c.leaving = true
	return s.a.CloseFD(c.fd, uint64(c.fd))
}

// served takes the end of an operation on a connection. One that fails is
// closed: the peer has gone.
func (s *server) served(ev aio.Event) error {
	c := s.conns[ev.FD]
	switch {
	case ev.Op == aio.OpClose:
		delete(s.conns, ev.FD)
		return s.acceptNext()
	case c.leaving:
		return nil
	case ev.Err != nil || ev.Op == aio.OpRecv && ev.N == 0:
		return s.leave(c)
	case ev.Op == aio.OpRecv:
		c.unsent = c.block[:ev.N]
	default:
		c.unsent = c.unsent[ev.N:]
	}
	if len(c.unsent) == 0 {
		return s.receive(c)
	}
	return s.a.Send(c.fd, c.unsent, 0, uint64(c.fd))
}

func (s *server) readInput() error {
	return s.a.Read(0, s.input[:], -1, stdin)
}

// inputRead ends the server at the end of standard input.
func (s *server) inputRead(ev aio.Event) error {
	if ev.Err == nil && ev.N > 0 {
		return s.readInput()
	}
	if ev.Err != nil {
		return os.NewSyscallError("read", ev.Err)
	}
	s.listening = false
	if err := s.a.CloseFD(s.listener, accept); err != nil {
		return err
	}
	for _, c := range s.conns {
		if err := s.leave(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) handle(ev aio.Event) error {
	switch {
	case ev.Token == stdin:
		return s.inputRead(ev)
	case ev.Op == aio.OpAccept:
		return s.accepted(ev)
	case ev.Token == accept:
		// The listener is closed.
		s.listener = -1
		return nil
	}
	return s.served(ev)
}

func (s *server) run() error {
	if err := s.acceptNext(); err != nil {
		return err
	}
	if err := s.readInput(); err != nil {
		return err
	}
	for s.listener >= 0 || len(s.conns) > 0 {
		events, err := s.a.PollEvents(-1)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if err := s.handle(ev); err != nil {
				return err
			}
		}
	}
	return nil
}

func serve(port int) error {
	a, err := aio.New(aio.WithSlots(slots))
	if err != nil {
		return err
	}
	fd, port, err := listen(port)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	fmt.Printf("listening on 127.0.0.1:%d, engine %s\n", port, a.Engine())
	s := &server{a: a, listener: fd, conns: make(map[int]*conn), listening: true}
	return errors.Join(s.run(), a.Close())
}

func main() {
	port := 0
	if len(os.Args) > 1 {
		n, err := strconv.ParseUint(os.Args[1], 10, 16)
		if err != nil || len(os.Args) > 2 {
			fmt.Fprintln(os.Stderr, "usage: echo [PORT]")
			os.Exit(2)
		}
		port = int(n)
	}
	if err := serve(port); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}
