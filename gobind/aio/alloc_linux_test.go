// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64) && !race

package aio

import (
	"testing"
	"time"

	"example.com/syshim/gobind/sys"
)

// The race detector allocates on its own, so this is not built with -race.
func TestOperationsDoNotAllocate(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		a := open(t, engine)
		r, w := pipe(t, 0)
		s, peer := socketpair(t)
		file := tempFile(t, pattern(8192))
		l, addr := listener(t, 0)
		in, out := make([]byte, 8192), make([]byte, 64)
		// reap waits for n events.
		reap := func(n int) {
			for n > 0 {
				events, err := a.PollEvents(patience)
				if err != nil || len(events) == 0 {
					t.Fatal(len(events), err)
				}
				n -= len(events)
			}
		}
		for _, tc := range []struct {
			name string
			do   func()
		}{
			{"read of a file", func() { a.Read(file, in, 0, 1); reap(1) }},
			{"write of a file", func() { a.Write(file, out, 0, 1); reap(1) }},
			{"read that waits", func() { a.Read(r, in, -1, 1); a.PollEvents(0); a.Write(w, out, -1, 2); reap(2) }},
			{"recv and send", func() { a.Recv(s, in, 0, 1); a.Send(peer, out, 0, 2); reap(2) }},
			{"recv with MSG_WAITALL", func() {
				a.Recv(s, in[:128], sys.MSG_WAITALL, 1)
				a.Send(peer, out, 0, 2)
				reap(1)
				a.Send(peer, out, 0, 2)
				reap(2)
			}},
			{"poll", func() { a.Poll(w, sys.POLLOUT, 1); reap(1) }},
			{"timeout", func() { a.Timeout(time.Microsecond, 1); reap(1) }},
			{"wait in vain", func() { a.PollEvents(1) }},
			{"cancel", func() { a.Read(r, in, -1, 1); a.PollEvents(0); a.Cancel(1, 2); reap(2) }},
			{"forget", func() { a.Read(r, in, -1, 1); a.Forget(r, 2); reap(2) }},
			{"error", func() { a.Read(w, in, -1, 1); reap(1) }},
			{"refusal", func() { a.Accept(l, -1, 1) }},
		} {
			if n := testing.AllocsPerRun(100, tc.do); n != 0 {
				t.Errorf("%s allocates %v times", tc.name, n)
			}
		}
		// Package sys makes an address for each connection; the accept and
		// the close are to add nothing.
		connected := testing.AllocsPerRun(100, func() {
			sys.Close(connectAgain(t, addr))
			nfd, err := sys.RawAccept4(l, nil, nil, sys.SOCK_CLOEXEC)
			check(t, err)
			sys.Close(nfd)
		})
		n := testing.AllocsPerRun(100, func() {
			sys.Close(connectAgain(t, addr))
			a.Accept(l, 0, 1)
			events, err := a.PollEvents(patience)
			if err != nil || len(events) != 1 || events[0].Err != nil {
				t.Fatal(events, err)
			}
			a.CloseFD(events[0].N, 2)
			reap(1)
		})
		if n > connected {
			t.Errorf("accept and close allocate %v times", n-connected)
		}
	})
}

func connectAgain(t *testing.T, addr sys.Sockaddr) int {
	fd, err := sys.Socket(sys.AF_INET, sys.SOCK_STREAM|sys.SOCK_CLOEXEC, 0)
	check(t, err)
	check(t, sys.Connect(fd, addr))
	return fd
}
