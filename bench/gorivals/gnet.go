// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"syscall"

	"example.com/syshim/bench/internal/row"
	"github.com/panjf2000/gnet/v2"
)

// echoGnet serves with gnet's defaults: one event loop.
func echoGnet(conns, size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		return s.MeasureServer(size, func() (int64, error) {
			g := &gnetServer{sample: s, left: conns}
			err := gnet.Run(g, "tcp4://127.0.0.1:0", gnet.WithLogger(quiet{}))
			if err == nil {
				err = g.err
			}
			return g.bytes, err
		})
	}
}

// quiet keeps off the standard output, which is the driver's, and off the
// standard error unless something is wrong.
type quiet struct{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}

func (quiet) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "gnet: "+format+"\n", args...)
}

func (q quiet) Fatalf(format string, args ...any) {
	q.Errorf(format, args...)
	os.Exit(1)
}

// A gnetServer echoes; all its methods are called by the one event loop, but
// OnBoot, which is called before.
type gnetServer struct {
	gnet.BuiltinEventEngine
	sample *row.Sample
	// left are the clients that have not come and gone.
	left  int
	bytes int64
	err   error
}

func (g *gnetServer) OnBoot(e gnet.Engine) gnet.Action {
	port, err := enginePort(e)
	if err != nil {
		g.err = err
		return gnet.Shutdown
	}
	g.sample.Announce(port)
	return gnet.None
}

// enginePort asks the kernel for the port, which gnet does not tell.
func enginePort(e gnet.Engine) (int, error) {
	fd, err := e.Dup()
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("getsockname: %w", err)
	}
	in4, ok := addr.(*syscall.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("gnet listens at %v", addr)
	}
	return in4.Port, nil
}

func (g *gnetServer) OnTraffic(c gnet.Conn) gnet.Action {
	buf, err := c.Next(-1)
	if err == nil {
		_, err = c.Write(buf)
	}
	if err != nil {
		g.err = err
		return gnet.Shutdown
	}
	g.bytes += int64(len(buf))
	return gnet.None
}

func (g *gnetServer) OnClose(gnet.Conn, error) gnet.Action {
	g.left--
	if g.left == 0 {
		return gnet.Shutdown
	}
	return gnet.None
}
