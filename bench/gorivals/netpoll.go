// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"example.com/syshim/bench/internal/row"
	"github.com/cloudwego/netpoll"
)

// closePatience is how long a server that has no clients may take to end.
const closePatience = 5 * time.Second

// echoNetpoll serves with netpoll's defaults: one poller, and goroutines of a
// pool for the messages.
func echoNetpoll(conns, size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		l, err := netpoll.CreateListener("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		return s.MeasureServer(size, func() (int64, error) {
			n := &netpollServer{gone: make(chan struct{}, conns)}
			loop, err := netpoll.NewEventLoop(n.onRequest, netpoll.WithOnDisconnect(n.onDisconnect))
			if err != nil {
				return 0, err
			}
			ended := make(chan error, 1)
			go func() { ended <- loop.Serve(l) }()
			s.Announce(l.Addr().(*net.TCPAddr).Port)
			for range conns {
				select {
				case <-n.gone:
				case err := <-ended:
					return n.bytes.Load(), err
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), closePatience)
			defer cancel()
			return n.bytes.Load(), loop.Shutdown(ctx)
		})
	}
}

// A netpollServer echoes.
type netpollServer struct {
	bytes atomic.Int64
	// gone gets something for each client that has left.
	gone chan struct{}
}

func (n *netpollServer) onRequest(_ context.Context, c netpoll.Connection) error {
	r, w := c.Reader(), c.Writer()
	defer r.Release()
	buf, err := r.Next(r.Len())
	if err != nil {
		return err
	}
	if _, err := w.WriteBinary(buf); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	n.bytes.Add(int64(len(buf)))
	return nil
}

func (n *netpollServer) onDisconnect(context.Context, netpoll.Connection) {
	n.gone <- struct{}{}
}
