// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"testing"

	"example.com/syshim/gobind/sys"
)

// Terminals have no reads that do not wait (RWF_NOWAIT).
func TestTerminals(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for name, flags := range map[string]int{"blocking": 0, "nonblocking": sys.O_NONBLOCK} {
			t.Run(name, func(t *testing.T) {
				a := open(t, engine)
				master, slave := terminal(t, flags)
				buf := make([]byte, 10)
				check(t, a.Read(slave, buf, 100, 1))
				quiet(t, a, 5)
				check(t, a.Write(master, []byte("hello"), 100, 2))
				got := collect(t, a, 2)
				want(t, got[1], 5, nil)
				want(t, got[2], 5, nil)
				if string(buf[:5]) != "hello" {
					t.Errorf("%q was read", buf[:5])
				}

				check(t, a.Read(slave, buf, -1, 3))
				quiet(t, a, 5)
				check(t, a.Cancel(3, 4))
				got = collect(t, a, 2)
				want(t, got[3], -1, sys.ECANCELED)
				want(t, got[4], 0, nil)

				check(t, a.Read(slave, buf, -1, 5))
				quiet(t, a, 5)
				check(t, a.CloseFD(slave, 6))
				got = collect(t, a, 2)
				want(t, got[5], -1, sys.ECANCELED)
				want(t, got[6], 0, nil)
				check(t, a.Read(master, buf, -1, 7))
				want(t, next(t, a), -1, sys.EIO)
			})
		}
	})
}
