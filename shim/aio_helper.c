/* SPDX-License-Identifier: MIT */
/*
 * A bounded pool of threads that make the calls of the epoll engine that block.
 * They start when they are needed and stay until the end. They share memory and
 * descriptors with their starter, block all signals, and have a stack of the
 * library's with a guard below it; its top holds what is known of the thread.
 *
 * While a slot is with the helpers, its state is QUEUED; the thread reads the
 * operation and writes res, taken, nr_moved and no_seek, the starter only what
 * a cancel writes. The lock orders these accesses with those before and after.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

/* The guard is as big as the biggest page. */
enum { GUARD_SIZE = 1 << 16, STACK_SIZE = 1 << 16 };

/* All that a thread of a program shares with the others. */
#define THREAD_FLAGS                                                   \
	(SHIM_CLONE_VM | SHIM_CLONE_FS | SHIM_CLONE_FILES |            \
	 SHIM_CLONE_SIGHAND | SHIM_CLONE_THREAD | SHIM_CLONE_SYSVSEM | \
	 SHIM_CLONE_PARENT_SETTID | SHIM_CLONE_CHILD_CLEARTID)

struct helper {
	struct helper *next;
	struct aio *aio;
	char *stack;
	/* The kernel clears it and wakes its futex when the thread is gone. */
	uint32_t tid;
};

/* A mutex: 0 is free, 1 held, 2 held while others may wait. */
static void lock(uint32_t *word)
{
	uint32_t was = 0;

	/* Acquire: what was written before the unlock is seen after it. */
	if (__atomic_compare_exchange_n(word, &was, 1, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE))
		shim_futex(word, SHIM_FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void unlock(uint32_t *word)
{
	/* Release: pairs with the acquire in lock. */
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		shim_futex(word, SHIM_FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Tell nr sleeping threads that the queue has changed. */
static void wake(struct helpers *h, uint32_t nr)
{
	shim_futex(&h->more, SHIM_FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
}

/* Wait for a change of the queue, with the lock released meanwhile. */
static void wait_for_more(struct helpers *h)
{
	uint32_t seen = h->more;

	h->nr_sleeping++;
	unlock(&h->lock);
	/* It returns at once when more has changed since. */
	shim_futex(&h->more, SHIM_FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
	lock(&h->lock);
	h->nr_sleeping--;
}

/* Do the first operation of the queue with the lock released. */
static void serve(struct aio *a, struct helpers *h)
{
	static const uint64_t one = 1;
	uint32_t i = h->queue.head;
	struct slot *s = slot_at(a, i);
	int first;

	shim_aio_remove(a, &h->queue, i, QUEUE_LINKS);
	s->taken = 1;
	h->nr_queued--;
	h->nr_busy++;
	unlock(&h->lock);
	s->res = shim_aio_block(s);
	lock(&h->lock);
	h->nr_busy--;
	first = !h->finished.head;
	shim_aio_push(a, &h->finished, i, QUEUE_LINKS);
	if (first)
		shim_write(h->counter, &one, sizeof(one));
}

static int helper_main(void *arg)
{
	struct aio *a = ((struct helper *)arg)->aio;
	struct helpers *h = &a->epoll.helpers;

	lock(&h->lock);
	for (;;) {
		if (h->queue.head)
			serve(a, h);
		else if (h->stopping)
			break;
		else
			wait_for_more(h);
	}
	unlock(&h->lock);
	return 0;
}

/* Start the thread with all signals blocked, which it inherits. */
static long start_thread(struct helper *thread)
{
	static const uint64_t all = UINT64_MAX;
	uint64_t before;
	long err;

	err = shim_rt_sigprocmask(SHIM_SIG_SETMASK, &all, &before);
	if (err)
		return err;
	err = shim_clone(THREAD_FLAGS, thread, (int *)&thread->tid, NULL,
			 (int *)&thread->tid, helper_main, thread);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before, NULL);
	return err < 0 ? err : 0;
}

static long start_helper(struct aio *a, struct helpers *h)
{
	struct helper *thread;
	char *stack;
	long err;

	stack = shim_mmap(
		NULL, GUARD_SIZE + STACK_SIZE, SHIM_PROT_NONE,
		SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS | SHIM_MAP_STACK, -1, 0);
	err = shim_ptr_err(stack);
	if (err)
		return err;
	err = shim_mprotect(stack + GUARD_SIZE, STACK_SIZE,
			    SHIM_PROT_READ | SHIM_PROT_WRITE);
	if (err)
		goto unmap_stack;
	thread = (struct helper *)(stack + GUARD_SIZE + STACK_SIZE) - 1;
	*thread = (struct helper){ h->threads, a, stack, 0 };
	err = start_thread(thread);
	if (err)
		goto unmap_stack;
	h->threads = thread;
	h->nr_started++;
	return 0;

unmap_stack:
	shim_munmap(stack, GUARD_SIZE + STACK_SIZE);
	return err;
}

static void wait_for_end(struct helper *thread)
{
	uint32_t tid;

	/* Acquire: pairs with the kernel's store of 0 when the thread ends. */
	while ((tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE)))
		/* The kernel wakes it as a futex that is not private. */
		shim_futex(&thread->tid, SHIM_FUTEX_WAIT, tid, NULL, NULL, 0);
}

int shim_aio_helpers_init(struct helpers *h, unsigned limit)
{
	long fd = shim_eventfd2(0, SHIM_EFD_CLOEXEC | SHIM_EFD_NONBLOCK);

	if (fd < 0)
		return (int)fd;
	*h = (struct helpers){ .counter = (int)fd, .limit = limit };
	return 0;
}

void shim_aio_helpers_end(struct aio *a, struct helpers *h)
{
	(void)a;
	lock(&h->lock);
	h->stopping = 1;
	h->more++;
	unlock(&h->lock);
	wake(h, INT32_MAX);
	for (struct helper *t = h->threads; t; t = h->threads) {
		wait_for_end(t);
		h->threads = t->next;
		shim_munmap(t->stack, GUARD_SIZE + STACK_SIZE);
	}
	h->nr_started = 0;
	h->stopping = 0;
}

void shim_aio_helpers_abandon(struct helpers *h)
{
	for (struct helper *t = h->threads; t; t = h->threads) {
		h->threads = t->next;
		shim_munmap(t->stack, GUARD_SIZE + STACK_SIZE);
	}
}

int shim_aio_helpers_put(struct aio *a, struct helpers *h, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	int more_threads, asleep;
	long err = 0;

	lock(&h->lock);
	s->state = QUEUED;
	s->taken = 0;
	shim_aio_push(a, &h->queue, i, QUEUE_LINKS);
	h->nr_queued++;
	h->more++;
	asleep = h->nr_sleeping > 0;
	more_threads = h->nr_queued + h->nr_busy > h->nr_started &&
		       h->nr_started < h->limit;
	unlock(&h->lock);
	if (more_threads)
		err = start_helper(a, h);
	/* A thread that runs comes to it in its turn. */
	if (err && !h->nr_started) {
		shim_aio_helpers_take_back(a, h, i);
		return (int)err;
	}
	if (asleep)
		wake(h, 1);
	return 0;
}

int shim_aio_helpers_take_back(struct aio *a, struct helpers *h, uint32_t i)
{
	struct slot *s = slot_at(a, i);
	int taken;

	lock(&h->lock);
	taken = s->taken;
	if (!taken) {
		shim_aio_remove(a, &h->queue, i, QUEUE_LINKS);
		h->nr_queued--;
	}
	unlock(&h->lock);
	return !taken;
}

uint32_t shim_aio_helpers_next(struct aio *a, struct helpers *h)
{
	uint32_t i;

	lock(&h->lock);
	i = h->finished.head;
	if (i)
		shim_aio_remove(a, &h->finished, i, QUEUE_LINKS);
	unlock(&h->lock);
	return i;
}
