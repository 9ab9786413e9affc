// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"bufio"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// lose makes an AIO with a read in flight and drops it, with the buffer. It
// returns what is left to end it, and when the buffer is collected.
func lose(t *testing.T, engine string, fd int) (c *core, collected *atomic.Bool) {
	t.Helper()
	// Skips without the engine.
	open(t, engine)
	a, err := New(WithEngine(engine))
	check(t, err)
	buf := new([4096]byte)
	collected = new(atomic.Bool)
	runtime.AddCleanup(buf, func(b *atomic.Bool) { b.Store(true) }, collected)
	check(t, a.Read(fd, buf[:], -1, 1))
	quiet(t, a, 0)
	return a.c, collected
}

func TestALostAIOIsReportedAndKeepsItsBuffers(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		r, w := pipe(t, 0)
		report, stderr, err := os.Pipe()
		check(t, err)
		defer report.Close()
		defer stderr.Close()
		old := os.Stderr
		os.Stderr = stderr
		defer func() { os.Stderr = old }()

		c, collected := lose(t, engine, r)
		lines := make(chan string)
		go func() {
			line, _ := bufio.NewReader(report).ReadString('\n')
			lines <- line
		}()
		line := ""
		for deadline := time.Now().Add(patience * time.Millisecond); line == ""; {
			runtime.GC()
			select {
			case line = <-lines:
			case <-time.After(time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Fatal("no report")
			}
		}
		if !strings.Contains(line, engine+" was dropped without Close") {
			t.Errorf("report %q", line)
		}
		if collected.Load() {
			t.Error("the buffer was collected before the read has ended")
		}

		check(t, c.close())
		_, err = sys.Write(w, []byte("x"))
		check(t, err)
		for deadline := time.Now().Add(patience * time.Millisecond); !collected.Load(); runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatal("the buffer is kept after the end")
			}
		}
	})
}
