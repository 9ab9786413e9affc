// SPDX-License-Identifier: MIT

package gorows

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"example.com/syshim/bench/internal/row"
)

// patience is how long a server waits for its clients to come and to leave,
// beyond the time of the sample.
const patience = 10 * time.Second

// echoNet serves with package net, a goroutine for each connection.
func echoNet(conns, size int) func(*row.Sample) error {
	return func(s *row.Sample) error {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		return s.MeasureServer(size, func() (int64, error) {
			until := time.Now().Add(s.Budget + patience)
			l.(*net.TCPListener).SetDeadline(until)
			s.Announce(l.Addr().(*net.TCPAddr).Port)
			return acceptAll(l, conns, size, until)
		})
	}
}

// acceptAll serves so many connections until they end.
func acceptAll(l net.Listener, conns, size int, until time.Time) (int64, error) {
	var (
		mu    sync.Mutex
		total int64
		first error
		all   sync.WaitGroup
	)
	for range conns {
		c, err := l.Accept()
		if err != nil {
			first = err
			break
		}
		c.SetDeadline(until)
		all.Go(func() {
			n, err := echo(c, make([]byte, size))
			mu.Lock()
			defer mu.Unlock()
			total += n
			first = errors.Join(first, err)
		})
	}
	all.Wait()
	return total, first
}

// echo returns what it reads until the client leaves.
func echo(c net.Conn, buf []byte) (total int64, err error) {
	defer c.Close()
	for {
		n, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, fmt.Errorf("echo: %w", err)
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return total, fmt.Errorf("echo: %w", err)
		}
		total += int64(n)
	}
}
