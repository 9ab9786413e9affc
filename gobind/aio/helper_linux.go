// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import (
	"sync"

	"example.com/syshim/gobind/sys"
)

// helpers is a bounded pool of goroutines that make the calls of the epoll
// engine that block. They start when they are needed and stay until close.
type helpers struct {
	e     *epoll
	queue list
	// more is signalled when the queue grows, and at the end.
	more                 sync.Cond
	limit, started, busy int
	queued               int
	stopping             bool
	ended                sync.WaitGroup
}

func (h *helpers) init(e *epoll, limit int) {
	h.e = e
	h.limit = limit
	h.more.L = &e.mu
}

// put gives slot i to a helper. Called with the mutex held, as is remove.
func (h *helpers) put(i uint32) {
	h.e.slots[i].state = queued
	h.queue.push(h.e.slots, i, engineLinks)
	h.queued++
	if h.queued > h.started-h.busy && h.started < h.limit {
		h.started++
		h.ended.Add(1)
		go h.run()
	}
	h.more.Signal()
}

// remove takes slot i back before a helper has begun.
func (h *helpers) remove(i uint32) {
	h.queue.remove(h.e.slots, i, engineLinks)
	h.queued--
}

// close waits for the end of the helpers, who have nothing to do. Called with
// the mutex held, which it releases meanwhile.
func (h *helpers) close() {
	h.stopping = true
	h.more.Broadcast()
	h.e.mu.Unlock()
	h.ended.Wait()
	h.e.mu.Lock()
}

func (h *helpers) run() {
	defer h.ended.Done()
	h.e.mu.Lock()
	defer h.e.mu.Unlock()
	for {
		for h.queue.head == 0 {
			if h.stopping {
				return
			}
			h.more.Wait()
		}
		i := h.queue.head
		h.remove(i)
		h.serve(i)
	}
}

// serve does the operation of slot i with the mutex released. Nobody touches a
// slot that is running, but f belongs to the mutex.
func (h *helpers) serve(i uint32) {
	s := &h.e.slots[i]
	s.state = running
	h.busy++
	var noSeek, whole bool
	if f := h.e.fds.get(s.fd); f != nil {
		noSeek, whole = f.noSeek, f.kind == file
	}
	// A copy: cancel writes to the slot meanwhile.
	job := *s
	h.e.mu.Unlock()
	res := job.block(noSeek, whole)
	h.e.mu.Lock()
	h.busy--
	h.e.helped(i, res)
}

// block does the operation, however long it takes. With whole, what is short is
// continued.
func (s *slot) block(noSeek, whole bool) int32 {
	switch s.op {
	case OpClose:
		return result(0, sys.Close(int(s.fd)))
	case OpAccept:
		return s.blockingAccept()
	}
	f := fdState{noSeek: noSeek}
	for {
		res := s.once(&f, 0)
		if res < 0 && s.n == 0 {
			return res
		}
		s.n += max(res, 0)
		if res <= 0 || int(s.n) == len(s.buf) || !whole {
			return s.n
		}
	}
}
