/* SPDX-License-Identifier: MIT */
/* What is written in assembly: threads, and the functions on memory. */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"

/* libshim.a has them by these names, for itself. */
void *shim_memcpy(void *to, const void *from, size_t n);
void *shim_memmove(void *to, const void *from, size_t n);
void *shim_memset(void *to, int c, size_t n);
int shim_memcmp(const void *a, const void *b, size_t n);

enum { SIZE = 160, STACK_SIZE = 64 * 1024 };

static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + 1);
}

/* Whether a copy within one buffer did what it must, and nothing beside. */
static int moved(void *(*move)(void *, const void *, size_t), size_t to,
		 size_t from, size_t n)
{
	unsigned char got[SIZE], want[SIZE], before[SIZE];

	fill(got, SIZE);
	fill(want, SIZE);
	fill(before, SIZE);
	for (size_t i = 0; i < n; i++)
		want[to + i] = before[from + i];
	if (move(got + to, got + from, n) != got + to)
		return 0;
	for (size_t i = 0; i < SIZE; i++)
		if (got[i] != want[i])
			return 0;
	return 1;
}

static void memmove_copies_any_overlap(void)
{
	int wrong = 0;

	for (size_t n = 0; n <= 80; n++)
		for (size_t to = 0; to <= 72; to++)
			wrong += !moved(shim_memmove, to, 36, n);
	CHECK_EQ(wrong, 0);
}

static void memcpy_copies_any_length(void)
{
	int wrong = 0;

	for (size_t n = 0; n <= 80; n++)
		for (size_t at = 0; at < 8; at++)
			wrong += !moved(shim_memcpy, at, 80 - at / 2, n);
	CHECK_EQ(wrong, 0);
}

static void memset_sets_any_length(void)
{
	unsigned char got[SIZE];
	int wrong = 0;

	for (size_t n = 0; n <= 80; n++) {
		fill(got, SIZE);
		/* Only the low byte counts. */
		if (shim_memset(got + 5, 0x1a5, n) != got + 5)
			wrong++;
		for (size_t i = 0; i < SIZE; i++)
			if (i >= 5 && i < 5 + n)
				wrong += got[i] != 0xa5;
			else
				wrong += got[i] != (unsigned char)(i * 7 + 1);
	}
	CHECK_EQ(wrong, 0);
}

static void memcmp_compares_as_unsigned(void)
{
	unsigned char a[SIZE], b[SIZE];

	fill(a, SIZE);
	fill(b, SIZE);
	CHECK_EQ(shim_memcmp(a, b, SIZE), 0);
	CHECK_EQ(shim_memcmp(a, b + 1, 0), 0);
	for (size_t i = 0; i < 40; i++) {
		a[i] = 0x80;
		b[i] = 0x7f;
		CHECK(shim_memcmp(a, b, 40) > 0);
		CHECK(shim_memcmp(b, a, 40) < 0);
		CHECK_EQ(shim_memcmp(a, b, i), 0);
		b[i] = 0x80;
	}
}

/* What a thread leaves behind. */
struct thread {
	int parent_tid;
	int child_tid; /* 0 when the thread has gone */
	int own_tid;
	int aligned;
};

static int thread_main(void *arg)
{
	struct thread *t = arg;

	t->own_tid = (int)shim_gettid();
	t->aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
	return 7;
}

static long start_thread(struct thread *t, char *stack_top)
{
	return shim_clone(
		SHIM_CLONE_VM | SHIM_CLONE_FS | SHIM_CLONE_FILES |
			SHIM_CLONE_SIGHAND | SHIM_CLONE_THREAD |
			SHIM_CLONE_SYSVSEM | SHIM_CLONE_PARENT_SETTID |
			SHIM_CLONE_CHILD_SETTID | SHIM_CLONE_CHILD_CLEARTID,
		stack_top, &t->parent_tid, NULL, &t->child_tid, thread_main, t);
}

static void a_thread_runs_on_its_stack_and_ends(void)
{
	struct thread t = { .child_tid = -1 };
	char *stack = shim_mmap(NULL, STACK_SIZE,
				SHIM_PROT_READ | SHIM_PROT_WRITE,
				SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	long tid;

	CHECK_FATAL(!shim_ptr_err(stack));
	/* A stack that is not aligned is aligned. */
	tid = start_thread(&t, stack + STACK_SIZE - 4);
	CHECK_FATAL(tid > 0);
	for (;;) {
		int now = __atomic_load_n(&t.child_tid, __ATOMIC_ACQUIRE);

		if (!now)
			break;
		shim_futex((uint32_t *)&t.child_tid, SHIM_FUTEX_WAIT,
			   (uint32_t)now, NULL, NULL, 0);
	}
	CHECK_EQ(t.parent_tid, tid);
	CHECK_EQ(t.own_tid, tid);
	CHECK(t.own_tid != shim_getpid());
	CHECK(t.aligned);
	CHECK_EQ(shim_munmap(stack, STACK_SIZE), 0);
}

static void a_thread_that_cannot_start_is_an_error(void)
{
	struct thread t = { 0 };
	char stack[4096];

	/* The kernel wants CLONE_SIGHAND to go with CLONE_THREAD. */
	CHECK_EQ(shim_clone(SHIM_CLONE_THREAD, stack + sizeof(stack),
			    &t.parent_tid, NULL, &t.child_tid, thread_main, &t),
		 -SHIM_EINVAL);
	CHECK_EQ(t.own_tid, 0);
}

/* An emulator may give the child a copy of the memory. */
static void a_vfork_child_returns_and_then_its_parent(void)
{
	for (int i = 0; i < 100; i++) {
		int status = 0;
		long pid = shim_vfork();

		if (pid == 0)
			shim_exit_group(i);
		CHECK_FATAL(pid > 0);
		CHECK_EQ(shim_wait4((int)pid, &status, 0, NULL), pid);
		CHECK_EQ(status, i << 8);
	}
}

/* What the handler saw. */
static volatile int handled;
static volatile int handler_aligned;

static void handle(int signal)
{
	handler_aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
	handled = signal;
}

static void a_handler_returns_by_our_restorer(void)
{
	const struct shim_sigaction action = {
		.handler = (void *)(uintptr_t)handle,
		.flags = SHIM_SA_RESTORER,
		.restorer = (void *)(uintptr_t)shim_rt_sigreturn,
	};
	struct shim_sigaction old;
	int pid = (int)shim_getpid();

	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR2, &action, &old), 0);
	for (int i = 0; i < 10; i++) {
		handled = 0;
		CHECK_EQ(shim_tgkill(pid, (int)shim_gettid(), SHIM_SIGUSR2), 0);
		CHECK_EQ(handled, SHIM_SIGUSR2);
		CHECK(handler_aligned);
	}
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR2, &old, NULL), 0);
}

static const struct check_test asm_tests[] = {
	{ "memmove_copies_any_overlap", memmove_copies_any_overlap },
	{ "memcpy_copies_any_length", memcpy_copies_any_length },
	{ "memset_sets_any_length", memset_sets_any_length },
	{ "memcmp_compares_as_unsigned", memcmp_compares_as_unsigned },
	{ "a_thread_runs_on_its_stack_and_ends",
	  a_thread_runs_on_its_stack_and_ends },
	{ "a_thread_that_cannot_start_is_an_error",
	  a_thread_that_cannot_start_is_an_error },
	{ "a_vfork_child_returns_and_then_its_parent",
	  a_vfork_child_returns_and_then_its_parent },
	{ "a_handler_returns_by_our_restorer",
	  a_handler_returns_by_our_restorer },
};

CHECK_MAIN(asm, asm_tests)
