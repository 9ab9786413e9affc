// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syshim/gobind/aio"
	"example.com/syshim/gobind/internal/mainprog"
)

func TestMain(m *testing.M) {
	mainprog.Main(m, main)
}

// patience is how long everything that happens at once may take.
const patience = 20 * time.Second

// start starts a server on an engine, which ends when stop is called.
func start(t *testing.T, engine string) (addr string, stop func()) {
	t.Helper()
	a, err := aio.New(aio.WithEngine(engine))
	if err != nil {
		t.Skipf("no %s: %v", engine, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := mainprog.Command("0")
	cmd.Env = append(cmd.Env, "SHIM_AIO_ENGINE="+engine)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	m := regexp.MustCompile(`^echo: port ([0-9]+), (.*): forced by SHIM_AIO_ENGINE\n$`).FindStringSubmatch(line)
	if m == nil || m[2] != engine {
		t.Fatalf("line %q, %v", line, err)
	}
	return "127.0.0.1:" + m[1], func() {
		t.Helper()
		// Lines do not end it.
		fmt.Fprintln(stdin, "some input")
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// exchange sends n bytes and wants them back.
func exchange(c net.Conn, n int) error {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i % 251)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		sent <- err
	}()
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("other bytes of %d came back", n)
	}
	return <-sent
}

func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range []string{aio.EngineIOUring, aio.EngineEpoll} {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

func TestEverythingComesBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		addr, stop := start(t, engine)
		c := dial(t, addr)
		for _, n := range []int{1, 100, size, 3*size + 7, 4 << 20} {
			if err := exchange(c, n); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		// The end comes back, too.
		c.(*net.TCPConn).CloseWrite()
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read: %d, %v", n, err)
		}
		stop()
	})
}

// More connections than it serves at a time wait for their turn.
func TestManyConnectionsAreServed(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		addr, stop := start(t, engine)
		var all sync.WaitGroup
		for range mostClients + 10 {
			c := dial(t, addr)
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				if err := exchange(c, 10_000); err != nil {
					t.Error(err)
				}
			}()
		}
		all.Wait()
		stop()
	})
}

func TestTheEndOfInputClosesConnections(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		addr, stop := start(t, engine)
		var conns []net.Conn
		for range 5 {
			c := dial(t, addr)
			if err := exchange(c, 10); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		stop()
		for _, c := range conns {
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("Read: %d, %v", n, err)
			}
		}
	})
}

func TestAResetPeerHarmsNobody(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		addr, stop := start(t, engine)
		other := dial(t, addr)
		c := dial(t, addr)
		c.Write(make([]byte, 1<<20))
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
		if err := exchange(other, 1000); err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestWrongUseIsSaid(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"65536"}, {"1", "2"}} {
		out, err := mainprog.Command(args...).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "usage: echo") {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	out, err := mainprog.Command(port).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "echo: bind: address already in use") {
		t.Errorf("port in use: %v, %q", err, out)
	}
}
