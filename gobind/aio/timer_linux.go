// SPDX-License-Identifier: MIT

//go:build linux && (amd64 || arm64)

package aio

import "time"

// timers is a heap of the slots of timeouts, the earliest first. A slot's arg
// is the deadline, its n the place in the heap.
type timers struct {
	heap []uint32
	// base is what deadlines count from.
	base time.Time
}

func (t *timers) init(slots int) {
	t.heap = make([]uint32, 0, slots)
	t.base = time.Now()
}

// add starts the timeout of slot i, whose arg is its duration, and says whether
// it is the earliest.
func (t *timers) add(slots []slot, i uint32) bool {
	now := int64(time.Since(t.base))
	s := &slots[i]
	s.arg = now + min(s.arg, int64(forever)-now)
	s.n = int32(len(t.heap))
	t.heap = append(t.heap, i)
	t.up(slots, len(t.heap)-1)
	return t.heap[0] == i
}

func (t *timers) remove(slots []slot, i uint32) {
	at := int(slots[i].n)
	last := len(t.heap) - 1
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if at == last {
		return
	}
	t.set(slots, at, moved)
	t.up(slots, at)
	t.down(slots, int(slots[moved].n))
}

// expire completes the timeouts that are over, and returns when the next one
// is, if there is one.
func (t *timers) expire(c *core) (left time.Duration, any bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	now := int64(time.Since(t.base))
	for len(t.heap) > 0 {
		i := t.heap[0]
		if left := c.slots[i].arg - now; left > 0 {
			return time.Duration(left), true
		}
		t.remove(c.slots, i)
		c.complete(i, 0)
	}
	return 0, false
}

func (t *timers) set(slots []slot, at int, i uint32) {
	t.heap[at] = i
	slots[i].n = int32(at)
}

func (t *timers) less(slots []slot, a, b int) bool {
	return slots[t.heap[a]].arg < slots[t.heap[b]].arg
}

func (t *timers) swap(slots []slot, a, b int) {
	i, j := t.heap[a], t.heap[b]
	t.set(slots, a, j)
	t.set(slots, b, i)
}

func (t *timers) up(slots []slot, at int) {
	for at > 0 && t.less(slots, at, (at-1)/2) {
		t.swap(slots, at, (at-1)/2)
		at = (at - 1) / 2
	}
}

func (t *timers) down(slots []slot, at int) {
	for {
		child := 2*at + 1
		if child >= len(t.heap) {
			return
		}
		if child+1 < len(t.heap) && t.less(slots, child+1, child) {
			child++
		}
		if !t.less(slots, child, at) {
			return
		}
		t.swap(slots, at, child)
		at = child
	}
}
