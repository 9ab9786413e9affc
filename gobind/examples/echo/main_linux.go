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

const (
	mostClients = 64
	size        = 16 << 10
)

// Tokens. That of a client's operation is its descriptor.
const (
	accept = 1<<32 + iota
	input
)

// errStop is the end of standard input.
var errStop = errors.New("standard input has ended")

// A client's operation is always one: it receives, sends, or is closed.
type client struct {
	data   [size]byte
	unsent []byte
}

type server struct {
	*aio.AIO
	listener int
	clients  map[int]*client
	input    [64]byte
}

// listenOn returns a socket that listens on port, and the port if that was 0.
func listenOn(port int) (fd, bound int, err error) {
	// epoll needs a goroutine to accept from one that blocks.
	fd, err = sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC|sys.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	bound, err = bindTo(fd, port)
	if err != nil {
		sys.Close(fd)
		return -1, 0, err
	}
	return fd, bound, nil
}

func bindTo(fd, port int) (bound int, err error) {
	if err := sys.SetsockoptInt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	in := &sys.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := sys.Bind(fd, in); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	if err := sys.Listen(fd, mostClients); err != nil {
		return 0, os.NewSyscallError("listen", err)
	}
	sa, err := sys.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	return sa.(*sys.SockaddrInet4).Port, nil
}

// Each submission below has a slot: none can be refused for lack of one.

func (s *server) acceptNext() error {
	if len(s.clients) == mostClients {
		return nil
	}
	return s.Accept(s.listener, 0, accept)
}

func (s *server) receive(fd int) error {
	return s.Recv(fd, s.clients[fd].data[:], 0, uint64(fd))
}

func (s *server) sendRest(fd int) error {
	return s.Send(fd, s.clients[fd].unsent, 0, uint64(fd))
}

func (s *server) accepted(ev aio.Event) error {
	switch ev.Err {
	case nil:
		s.clients[ev.N] = &client{}
		if err := s.receive(ev.N); err != nil {
			return err
		}
	case sys.EMFILE, sys.ENFILE, sys.ENOMEM:
		return os.NewSyscallError("accept", ev.Err)
	}
	// Any other error is one of the connection, which is gone.
	return s.acceptNext()
}

// served goes on with the client whose operation has ended.
func (s *server) served(ev aio.Event) error {
	fd, c := ev.FD, s.clients[ev.FD]
	switch {
	case ev.Op == aio.OpClose:
		delete(s.clients, fd)
		if len(s.clients) == mostClients-1 {
			return s.acceptNext()
		}
		return nil
	case ev.N <= 0:
		// The client has gone, or has nothing more to say.
		return s.CloseFD(fd, uint64(fd))
	case ev.Op == aio.OpRecv:
		c.unsent = c.data[:ev.N]
	default:
		c.unsent = c.unsent[ev.N:]
	}
	if len(c.unsent) > 0 {
		return s.sendRest(fd)
	}
	return s.receive(fd)
}

func (s *server) readInput() error {
	return s.Read(0, s.input[:], -1, input)
}

func (s *server) handle(ev aio.Event) error {
	switch ev.Token {
	case accept:
		return s.accepted(ev)
	case input:
		if ev.N <= 0 {
			return errStop
		}
		return s.readInput()
	}
	return s.served(ev)
}

// serve returns when something fails, or errStop.
func (s *server) serve() error {
	if err := errors.Join(s.acceptNext(), s.readInput()); err != nil {
		return err
	}
	for {
		events, err := s.PollEvents(-1)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if err := s.handle(ev); err != nil {
				return err
			}
		}
	}
}

// run serves on a port until standard input ends.
func run(port int) error {
	listener, port, err := listenOn(port)
	if err != nil {
		return err
	}
	a, err := aio.New(aio.WithSlots(mostClients + 2))
	if err != nil {
		return err
	}
	fmt.Printf("echo: port %d, %s\n", port, a.Reason())
	s := &server{AIO: a, listener: listener, clients: make(map[int]*client)}
	err = s.serve()
	if err == errStop {
		err = nil
	}
	// It ends what is in flight.
	return errors.Join(err, a.Close())
}

func main() {
	port := uint64(0)
	if len(os.Args) > 1 {
		var err error
		port, err = strconv.ParseUint(os.Args[1], 10, 16)
		if err != nil || len(os.Args) > 2 {
			fmt.Fprintln(os.Stderr, "usage: echo [PORT]")
			os.Exit(2)
		}
	}
	if err := run(int(port)); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}
