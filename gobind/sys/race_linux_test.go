// SPDX-License-Identifier: MIT

//go:build linux && race && (amd64 || arm64)

package sys_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/syshim/gobind/sys"
)

// What is written before a byte goes into a pipe is seen after it came out. The
// detector knows that only from the hooks: without them these tests fail.
func TestWriteHappensBeforeRead(t *testing.T) {
	b, one := make([]byte, 1), []byte{1}
	iov := func(p []byte) [][]byte { return [][]byte{p} }
	for name, call := range map[string]struct {
		write, read func(fd int) (int, error)
	}{
		"Write, Read": {
			func(fd int) (int, error) { return sys.Write(fd, one) },
			func(fd int) (int, error) { return sys.Read(fd, b) },
		},
		"Writev, Readv": {
			func(fd int) (int, error) { return sys.Writev(fd, iov(one)) },
			func(fd int) (int, error) { return sys.Readv(fd, iov(b)) },
		},
		"Pwritev2, Preadv2": {
			func(fd int) (int, error) { return sys.Pwritev2(fd, iov(one), -1, 0) },
			func(fd int) (int, error) { return sys.Preadv2(fd, iov(b), -1, 0) },
		},
		"RawWritev, RawReadv": {
			func(fd int) (int, error) {
				return sys.RawWritev(fd, []sys.Iovec{{Base: &one[0], Len: 1}})
			},
			func(fd int) (int, error) {
				return sys.RawReadv(fd, []sys.Iovec{{Base: &b[0], Len: 1}})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t, 0)
			shared := 0
			go func() {
				shared = 42
				call.write(w)
			}()
			n, err := call.read(r)
			wantCount(t, "read", n, err, 1)
			if shared != 42 {
				t.Errorf("shared is %d", shared)
			}
		})
	}
}

func TestSendHappensBeforeReceive(t *testing.T) {
	a, b := socketpair(t, sys.SOCK_STREAM)
	shared := 0
	go func() {
		shared = 42
		sys.Sendto(a, []byte{1}, 0, nil)
	}()
	n, _, err := sys.Recvfrom(b, make([]byte, 1), 0)
	wantCount(t, "Recvfrom", n, err, 1)
	if shared != 42 {
		t.Errorf("shared is %d", shared)
	}
}

// racyEnv names, for a child process, the racy program to be.
const racyEnv = "SYSHIM_TEST_RACY"

// Each of these programs has a race between a call and plain code, which the
// detector can see only when the call reports its buffer.
var racy = map[string]func(r, w int, b []byte){
	"Read": func(r, w int, b []byte) {
		sys.Write(w, []byte{1})
		alongside(b, func() { sys.Read(r, b) })
	},
	"Write": func(r, w int, b []byte) { alongside(b, func() { sys.Write(w, b) }) },
	"Readv": func(r, w int, b []byte) {
		sys.Write(w, []byte{1})
		alongside(b, func() { sys.Readv(r, [][]byte{nil, b}) })
	},
	"Writev": func(r, w int, b []byte) {
		alongside(b, func() { sys.Writev(w, [][]byte{nil, b}) })
	},
}

// alongside runs call and a write to b without an order between them.
func alongside(b []byte, call func()) {
	done := make(chan struct{})
	go func() {
		call()
		close(done)
	}()
	b[0]++
	<-done
}

func TestRacyProgram(t *testing.T) {
	run := racy[os.Getenv(racyEnv)]
	if run == nil {
		t.Skip("runs as a child of TestBuffersAreReported only")
	}
	r, w := pipe(t, 0)
	run(r, w, make([]byte, 1))
}

func TestBuffersAreReported(t *testing.T) {
	for name := range racy {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestRacyProgram$")
		cmd.Env = append(os.Environ(), racyEnv+"="+name, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "DATA RACE") {
			t.Errorf("%s: no race found: %v\n%s", name, err, out)
		}
	}
}
