/* SPDX-License-Identifier: MIT */
/*
 * Timeouts: a heap of their slots, the earliest first. It costs no call and no
 * memory of the kernel's, and both engines end them in the same order. The k-th
 * place of the heap is a field of the k-th slot; arg is the deadline.
 */
#include <stdint.h>

#include <shim/sys.h>

#include "aio_impl.h"

static uint32_t at(const struct aio *a, uint32_t place)
{
	return a->slots[place].heap;
}

static void set(struct aio *a, uint32_t place, uint32_t i)
{
	a->slots[place].heap = i;
	slot_at(a, i)->heap_at = place;
}

static int earlier(const struct aio *a, uint32_t p, uint32_t q)
{
	return slot_at(a, at(a, p))->arg < slot_at(a, at(a, q))->arg;
}

static void swap(struct aio *a, uint32_t p, uint32_t q)
{
	uint32_t i = at(a, p), j = at(a, q);

	set(a, p, j);
	set(a, q, i);
}

static void rise(struct aio *a, uint32_t p)
{
	for (; p && earlier(a, p, (p - 1) / 2); p = (p - 1) / 2)
		swap(a, p, (p - 1) / 2);
}

static void sink(struct aio *a, uint32_t p)
{
	for (;;) {
		uint32_t child = 2 * p + 1;

		if (child >= a->nr_timers)
			return;
		if (child + 1 < a->nr_timers && earlier(a, child + 1, child))
			child++;
		if (!earlier(a, child, p))
			return;
		swap(a, p, child);
		p = child;
	}
}

int64_t shim_aio_now(void)
{
	struct shim_timespec t = { 0 };

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

void shim_aio_timer_add(struct aio *a, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	int64_t now = shim_aio_now();

	s->arg = s->arg < INT64_MAX - now ? now + s->arg : INT64_MAX;
	set(a, a->nr_timers, i);
	rise(a, a->nr_timers++);
}

void shim_aio_timer_remove(struct aio *a, uint32_t i)
{
	uint32_t p = slot_at(a, i)->heap_at, last = --a->nr_timers, moved;

	if (p == last)
		return;
	moved = at(a, last);
	set(a, p, moved);
	rise(a, p);
	sink(a, slot_at(a, moved)->heap_at);
}

/* Nanoseconds until the first timeout, of which there is one. */
static int64_t first(const struct aio *a, int64_t now)
{
	int64_t deadline = slot_at(a, at(a, 0))->arg;

	return deadline > now ? deadline - now : 0;
}

int64_t shim_aio_timer_next(const struct aio *a)
{
	return a->nr_timers ? first(a, shim_aio_now()) : -1;
}

int64_t shim_aio_timer_expire(struct aio *a)
{
	int64_t now, left;

	if (!a->nr_timers)
		return -1;
	now = shim_aio_now();
	while (a->nr_timers) {
		uint32_t i = at(a, 0);

		left = first(a, now);
		if (left)
			return left;
		shim_aio_timer_remove(a, i);
		shim_aio_complete(a, i, 0);
	}
	return -1;
}
