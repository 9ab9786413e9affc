// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package spawn

import (
	"runtime"

	"example.com/syshim/gobind/sys"
)

// onItsThread calls start on a thread that lasts as long as the child: the
// kernel sends the signal of its parent's death when the thread ends that has
// made it, and Go may end a thread at any time. Who is traced, too, is traced by
// the caller's thread, which is the caller's to keep; or the caller says so.
func (l *plan) onItsThread(start func() (child, error)) (child, error) {
	if l.PDeathSig == 0 || l.Ptrace || l.CallersThread {
		return start()
	}
	type result struct {
		child
		err error
	}
	started := make(chan result)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		c, err := start()
		started <- result{c, err}
		if err == nil {
			// By the number, which the kernel looks up once, at the start.
			child{c.pid, -1}.wait(nil, sys.WEXITED|sys.WNOWAIT)
		}
	}()
	r := <-started
	return r.child, r.err
}
