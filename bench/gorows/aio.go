// SPDX-License-Identifier: MIT

package gorows

import (
	"fmt"
	"os"

	"example.com/syshim/bench/internal/row"
	"example.com/syshim/gobind/aio"
	"example.com/syshim/gobind/sys"
)

// newAIO makes an AIO on an engine. On epoll a helper for each operation that
// can be in flight keeps a device as busy as the ring does.
func newAIO(engine string, slots int) (*aio.AIO, error) {
	a, err := aio.New(aio.WithEngine(engine), aio.WithSlots(slots), aio.WithHelpers(slots))
	return a, row.Unavailable(engine, err)
}

// readAIO keeps so many reads in flight.
func readAIO(engine string, depth int, direct bool) func(*row.Sample) error {
	return func(s *row.Sample) error {
		f, blocks, err := openTestFile(direct)
		if err != nil {
			return err
		}
		defer f.Close()
		a, err := newAIO(engine, depth)
		if err != nil {
			return err
		}
		defer a.Close()
		r := aioReader{
			a: a, fd: int(f.Fd()), bufs: alignedBlocks(depth),
			at: make([]int64, depth), offsets: newOffsets(blocks),
		}
		return s.Measure(r.read)
	}
}

type aioReader struct {
	offsets
	a  *aio.AIO
	fd int
	// A token is an index of these.
	bufs [][]byte
	at   []int64
}

func (r *aioReader) submit(token uint64) error {
	r.at[token] = r.next()
	return r.a.Read(r.fd, r.bufs[token], r.at[token], token)
}

func (r *aioReader) read(n int64) error {
	begun := min(n, int64(len(r.bufs)))
	for token := range begun {
		if err := r.submit(uint64(token)); err != nil {
			return err
		}
	}
	for ended := int64(0); ended < n; {
		events, err := r.a.PollEvents(-1)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if ev.Err != nil {
				return ev.Err
			}
			if err := checkBlock(r.bufs[ev.Token], ev.N, r.at[ev.Token]); err != nil {
				return err
			}
			ended++
			if begun == n {
				continue
			}
			begun++
			if err := r.submit(ev.Token); err != nil {
				return err
			}
		}
	}
	return nil
}

// echoAIO serves in one goroutine.
func echoAIO(engine string, conns, size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		a, err := newAIO(engine, conns+1)
		if err != nil {
			return err
		}
		defer a.Close()
		fd, port, err := listen()
		if err != nil {
			return err
		}
		e := echoServer{a: a, listener: fd, conns: make([]echoConn, 0, conns), size: size}
		defer e.close()
		return s.MeasureServer(size, func() (int64, error) {
			if err := a.Accept(fd, 0, 0); err != nil {
				return 0, err
			}
			s.Announce(port)
			return e.run()
		})
	}
}

// listen makes a listening TCP socket on the loopback device.
func listen() (fd, port int, err error) {
	fd, err = sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	err = sys.Bind(fd, &sys.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = sys.Listen(fd, 1024)
	}
	var addr sys.Sockaddr
	if err == nil {
		addr, err = sys.Getsockname(fd)
	}
	if err != nil {
		sys.Close(fd)
		return -1, 0, os.NewSyscallError("listen", err)
	}
	return fd, addr.(*sys.SockaddrInet4).Port, nil
}

// An echoServer has one operation in flight for each connection.
type echoServer struct {
	a        *aio.AIO
	listener int
	size     int
	// A token is an index of conns, which all have come when it is full.
	conns []echoConn
	left  int
	bytes int64
}

type echoConn struct {
	fd  int
	buf []byte
	// unsent is what is still to be sent.
	unsent []byte
}

// run serves until all clients have come and left. When none come, the driver
// ends us.
func (e *echoServer) run() (int64, error) {
	for e.left < cap(e.conns) {
		events, err := e.a.PollEvents(-1)
		if err != nil {
			return e.bytes, err
		}
		for i := range events {
			if err := e.step(&events[i]); err != nil {
				return e.bytes, fmt.Errorf("%v: %w", events[i].Op, err)
			}
		}
	}
	return e.bytes, nil
}

// close ends the AIO, and closes what is open: connections, too, when something
// failed.
func (e *echoServer) close() {
	e.a.Close()
	sys.Close(e.listener)
	for i := range e.conns {
		if e.conns[i].fd >= 0 {
			sys.Close(e.conns[i].fd)
		}
	}
}

// step goes on with what an event ended.
func (e *echoServer) step(ev *aio.Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if ev.Op == aio.OpAccept {
		return e.accepted(ev.N)
	}
	c := &e.conns[ev.Token]
	switch {
	case ev.Op == aio.OpClose:
		c.fd = -1
		e.left++
		return nil
	case ev.Op == aio.OpRecv && ev.N == 0:
		return e.a.CloseFD(c.fd, ev.Token)
	case ev.Op == aio.OpRecv:
		c.unsent = c.buf[:ev.N]
	default:
		c.unsent = c.unsent[ev.N:]
		e.bytes += int64(ev.N)
	}
	if len(c.unsent) > 0 {
		return e.a.Send(c.fd, c.unsent, 0, ev.Token)
	}
	return e.a.Recv(c.fd, c.buf, 0, ev.Token)
}

func (e *echoServer) accepted(fd int) error {
	token := uint64(len(e.conns))
	e.conns = append(e.conns, echoConn{fd: fd, buf: make([]byte, e.size)})
	// As package net does.
	if err := sys.SetsockoptInt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1); err != nil {
		return err
	}
	if len(e.conns) < cap(e.conns) {
		if err := e.a.Accept(e.listener, 0, 0); err != nil {
			return err
		}
	}
	return e.a.Recv(fd, e.conns[token].buf, 0, token)
}
