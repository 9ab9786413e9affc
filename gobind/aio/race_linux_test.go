// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package aio

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

// What is written before a byte goes into a pipe is seen after it came out. The
// detector knows that only from the hooks: without them this test fails.
func TestAWriteHappensBeforeTheReadOfIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for name, use := range map[string]struct {
			write, read func(t *testing.T, a *AIO, fd int, b []byte)
		}{
			"both through aio":  {writeThrough, readThrough},
			"the write outside": {func(t *testing.T, _ *AIO, fd int, b []byte) { sys.Write(fd, b) }, readThrough},
			"the read outside":  {writeThrough, func(t *testing.T, _ *AIO, fd int, b []byte) { sys.Read(fd, b) }},
		} {
			t.Run(name, func(t *testing.T) {
				in, out := open(t, engine), open(t, engine)
				r, w := pipe(t, 0)
				shared := 0
				done := make(chan struct{})
				go func() {
					shared = 42
					use.write(t, out, w, []byte{1})
					close(done)
				}()
				use.read(t, in, r, make([]byte, 1))
				if shared != 42 {
					t.Errorf("shared is %d", shared)
				}
				<-done
			})
		}
	})
}

func writeThrough(t *testing.T, a *AIO, fd int, b []byte) {
	if err := a.Write(fd, b, -1, 1); err != nil {
		t.Error(err)
	}
	if _, err := a.PollEvents(patience); err != nil {
		t.Error(err)
	}
}

func readThrough(t *testing.T, a *AIO, fd int, b []byte) {
	check(t, a.Read(fd, b, -1, 1))
	want(t, next(t, a), 1, nil)
}

// racyEnv names, for a child process, the racy program to be: an operation and
// an engine.
const racyEnv = "SYSHIM_TEST_RACY"

func TestRacyProgram(t *testing.T) {
	op, engine, found := strings.Cut(os.Getenv(racyEnv), " ")
	if !found {
		t.Skip("runs as a child of TestTheUseOfABufferInFlightIsFound only")
	}
	a := open(t, engine)
	r, w := pipe(t, 0)
	b := make([]byte, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if op == "write" {
			writeThrough(t, a, w, b)
			return
		}
		sys.Write(w, []byte{1})
		a.Read(r, b, -1, 1)
		a.PollEvents(patience)
	}()
	b[0]++
	<-done
}

func TestTheUseOfABufferInFlightIsFound(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		open(t, engine)
		for _, op := range []string{"read", "write"} {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestRacyProgram$")
			cmd.Env = append(os.Environ(), racyEnv+"="+op+" "+engine, "GORACE=atexit_sleep_ms=0")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "DATA RACE") {
				t.Errorf("%s: no race found: %v\n%s", op, err, out)
			}
		}
	})
}
