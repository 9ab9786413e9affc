/* SPDX-License-Identifier: MIT */
/* Threads, clocks and settings of tests of spawn, which have no libc. */
#ifndef SPAWN_THREADS_H
#define SPAWN_THREADS_H

#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"
#include "spawn_util.h"

enum { NR_THREADS = 8, THREAD_STACK_SIZE = 64 * 1024 };

struct thread {
	int tid;	  /* its number, also when it has gone */
	uint32_t running; /* 0 when it has gone */
	char *stack;
};

/* Returns whether there is such a thread. */
static inline int start_thread(struct thread *t, int (*run)(void *), void *arg)
{
	long tid;

	t->running = 1;
	t->stack = shim_mmap(NULL, THREAD_STACK_SIZE,
			     SHIM_PROT_READ | SHIM_PROT_WRITE,
			     SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	if (shim_ptr_err(t->stack))
		return 0;
	tid = shim_clone(SHIM_CLONE_VM | SHIM_CLONE_FS | SHIM_CLONE_FILES |
				 SHIM_CLONE_SIGHAND | SHIM_CLONE_THREAD |
				 SHIM_CLONE_SYSVSEM | SHIM_CLONE_CHILD_CLEARTID,
			 t->stack + THREAD_STACK_SIZE, NULL, NULL,
			 (int *)&t->running, run, arg);
	if (tid > 0) {
		t->tid = (int)tid;
		return 1;
	}
	shim_munmap(t->stack, THREAD_STACK_SIZE);
	return 0;
}

/* One that was started. */
static inline void join_thread(struct thread *t)
{
	uint32_t running;

	while ((running = __atomic_load_n(&t->running, __ATOMIC_ACQUIRE)))
		shim_futex(&t->running, SHIM_FUTEX_WAIT, running, NULL, NULL,
			   0);
	shim_munmap(t->stack, THREAD_STACK_SIZE);
}

static inline int64_t now_ms(void)
{
	struct shim_timespec ts = { 0, 0 };

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The number behind name= in the environment, or otherwise. */
static inline uint64_t setting(const char *name, uint64_t otherwise)
{
	for (char **e = check_envp; *e; e++) {
		const char *s = *e, *n = name;

		while (*n && *s == *n)
			s++, n++;
		if (!*n && *s == '=')
			return to_number(s + 1);
	}
	return otherwise;
}

/* A line for who waits for as long as SPAWN_STRESS_SECONDS. */
static inline void show_progress(uint64_t starts)
{
	char line[60] = "stress: ";
	char *p = put_number(line + text_length(line), starts);

	if (!setting("SPAWN_STRESS_SECONDS", 0))
		return;
	for (const char *s = " programs\n"; *s; s++)
		*p++ = *s;
	write_all(1, line, (size_t)(p - line));
}

#endif
