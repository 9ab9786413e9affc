/* SPDX-License-Identifier: MIT */
/*
 * The vDSO of the running kernel: each function equals its system call, and so
 * it does where there is no vDSO.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/vdso.h>

#include "check.h"

enum { STACK_SIZE = 64 * 1024, STACK_ROOM = 800, TRIES = 1000 };

static const int clocks[] = {
	SHIM_CLOCK_REALTIME,
	SHIM_CLOCK_MONOTONIC,
	SHIM_CLOCK_PROCESS_CPUTIME_ID,
	SHIM_CLOCK_THREAD_CPUTIME_ID,
	SHIM_CLOCK_MONOTONIC_RAW,
	SHIM_CLOCK_REALTIME_COARSE,
	SHIM_CLOCK_MONOTONIC_COARSE,
	SHIM_CLOCK_BOOTTIME,
	SHIM_CLOCK_TAI,
	-1,
	12345,
};

enum { NR_CLOCKS = sizeof(clocks) / sizeof(clocks[0]) };

/* Calls test with the vDSO of this kernel, and with none. */
static void with_and_without(void (*test)(const struct shim_vdso *vdso))
{
	struct shim_vdso vdso;
	int err = shim_vdso_init(&vdso, shim_auxv(check_envp));

	/* qemu-user has none. */
	CHECK(!err || err == -SHIM_ENOENT);
	check_case(err ? "no vDSO here" : "vDSO");
	test(&vdso);
	vdso = (struct shim_vdso){ 0 };
	check_case("system calls");
	test(&vdso);
	check_case("");
}

static int not_after(const struct shim_timespec *a,
		     const struct shim_timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec <= b->tv_nsec);
}

static void check_gettime(const struct shim_vdso *vdso)
{
	for (int i = 0; i < NR_CLOCKS; i++) {
		struct shim_timespec before, now, after;
		long want = shim_clock_gettime(clocks[i], &before);

		CHECK_EQ(shim_vdso_clock_gettime(vdso, clocks[i], &now), want);
		CHECK_EQ(shim_clock_gettime(clocks[i], &after), want);
		if (!want)
			CHECK(not_after(&before, &now) &&
			      not_after(&now, &after));
	}
}

static void clock_gettime_is_between_two_calls(void)
{
	with_and_without(check_gettime);
}

static void check_getres(const struct shim_vdso *vdso)
{
	for (int i = 0; i < NR_CLOCKS; i++) {
		struct shim_timespec a = { 1, 2 }, b = { 3, 4 };
		long want = shim_clock_getres(clocks[i], &a);

		CHECK_EQ(shim_vdso_clock_getres(vdso, clocks[i], &b), want);
		CHECK_EQ(shim_vdso_clock_getres(vdso, clocks[i], NULL), want);
		if (!want)
			CHECK(a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec);
	}
}

static void clock_getres_equals_the_call(void)
{
	with_and_without(check_getres);
}

static void check_timeofday(const struct shim_vdso *vdso)
{
	struct shim_timespec before, now, after;
	struct shim_timeval tv = { 0 };

	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_REALTIME, &before), 0);
	CHECK_EQ(shim_vdso_gettimeofday(vdso, &tv), 0);
	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_REALTIME, &after), 0);
	before.tv_nsec -= before.tv_nsec % 1000;
	now = (struct shim_timespec){ tv.tv_sec, tv.tv_usec * 1000 };
	CHECK(not_after(&before, &now) && not_after(&now, &after));
}

static void gettimeofday_is_between_two_calls(void)
{
	with_and_without(check_timeofday);
}

static void check_time(const struct shim_vdso *vdso)
{
	struct shim_timespec before, after;
	long now;

	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_REALTIME_COARSE, &before), 0);
	now = shim_vdso_time(vdso);
	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_REALTIME_COARSE, &after), 0);
	CHECK(before.tv_sec <= now && now <= after.tv_sec);
}

static void time_is_between_two_calls(void)
{
	with_and_without(check_time);
}

/* The thread may move at any time; but not each time. */
static void check_getcpu(const struct shim_vdso *vdso)
{
	for (int i = 0; i < TRIES; i++) {
		unsigned cpu[3] = { 1, 2, 3 }, node[3] = { 1, 2, 3 };

		CHECK_EQ(shim_getcpu(&cpu[0], &node[0]), 0);
		CHECK_EQ(shim_vdso_getcpu(vdso, &cpu[1], &node[1]), 0);
		CHECK_EQ(shim_getcpu(&cpu[2], &node[2]), 0);
		if (cpu[0] != cpu[2])
			continue;
		if (cpu[1] == cpu[0] && node[1] == node[0]) {
			CHECK_EQ(shim_vdso_getcpu(vdso, NULL, NULL), 0);
			return;
		}
	}
	CHECK(!"getcpu says what the call says");
}

static void getcpu_equals_the_call(void)
{
	with_and_without(check_getcpu);
}

/* How many of the eighths of buf are zero: random ones are not. */
static int zeros(const uint64_t *buf, size_t nr)
{
	int n = 0;

	while (nr--)
		n += !*buf++;
	return n;
}

static void check_random(const struct shim_vdso *vdso)
{
	enum { NR = 1024 };
	struct shim_vdso_random random;
	uint64_t a[NR] = { 0 }, b[NR] = { 0 };
	int err = shim_vdso_random_init(vdso, &random);

	CHECK_EQ(err, vdso->getrandom ? 0 : -SHIM_ENOSYS);
	CHECK_EQ(shim_vdso_getrandom(vdso, &random, a, sizeof(a), 0),
		 sizeof(a));
	CHECK_EQ(shim_vdso_getrandom(vdso, &random, b, sizeof(b) - 8, 0),
		 sizeof(b) - 8);
	CHECK_EQ(zeros(a, NR), 0);
	CHECK_EQ(zeros(b, NR), 1);
	CHECK(a[0] != b[0] && a[NR / 2] != b[NR / 2]);
	CHECK_EQ(shim_vdso_getrandom(vdso, &random, a, 0, 0), 0);
	CHECK_EQ(shim_vdso_getrandom(vdso, &random, a, 8, SHIM_GRND_NONBLOCK),
		 8);
	for (unsigned flags = 0; flags < 16; flags++)
		CHECK_EQ(shim_vdso_getrandom(vdso, &random, a, 8, flags),
			 shim_getrandom(a, 8, flags));
	shim_vdso_random_exit(&random);
	CHECK(!random.state);
	shim_vdso_random_exit(&random);
	CHECK_EQ(shim_vdso_getrandom(vdso, &random, a, 8, 0), 8);
}

static void getrandom_fills_what_it_is_asked_for(void)
{
	with_and_without(check_random);
}

static void the_kernel_tells_of_the_same_vdso(void)
{
	struct shim_vdso a, b;

	CHECK_EQ(shim_vdso_init(&a, shim_auxv(check_envp)),
		 shim_vdso_init(&b, NULL));
	CHECK(a.clock_gettime == b.clock_gettime);
	CHECK(a.clock_getres == b.clock_getres);
	CHECK(a.gettimeofday == b.gettimeofday);
	CHECK(a.time == b.time);
	CHECK(a.getcpu == b.getcpu);
	CHECK(a.getrandom == b.getrandom);
}

/* A thread that makes every call once, and what it makes them with. */
struct caller {
	struct shim_vdso vdso;
	struct shim_vdso_random random;
	struct shim_timespec time;
	struct shim_timeval timeofday;
	unsigned cpu, node;
	char bytes[100];
	int tid;
};

static int call_all(void *arg)
{
	struct caller *c = arg;

	for (int i = 0; i < NR_CLOCKS; i++) {
		c->vdso.clock_gettime(clocks[i], &c->time);
		if (c->vdso.clock_getres)
			c->vdso.clock_getres(clocks[i], &c->time);
	}
	if (c->vdso.gettimeofday)
		c->vdso.gettimeofday(&c->timeofday, NULL);
	if (c->vdso.getcpu)
		c->vdso.getcpu(&c->cpu, &c->node, NULL);
	if (c->random.state)
		c->vdso.getrandom(c->bytes, sizeof(c->bytes), 0,
				  c->random.state, c->random.size);
	return 0;
}

static int gettime_nothing(int clock, struct shim_timespec *tp)
{
	tp->tv_sec = clock;
	return 0;
}

/* How much of a stack call_all() takes with these functions. */
static long stack_use(struct caller *c)
{
	char *stack = shim_mmap(NULL, STACK_SIZE,
				SHIM_PROT_READ | SHIM_PROT_WRITE,
				SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	long tid, unused = 0;

	if (shim_ptr_err(stack))
		return shim_ptr_err(stack);
	for (int i = 0; i < STACK_SIZE; i++)
		stack[i] = 0x5a;
	c->tid = -1;
	tid = shim_clone(SHIM_CLONE_VM | SHIM_CLONE_FS | SHIM_CLONE_FILES |
				 SHIM_CLONE_SIGHAND | SHIM_CLONE_THREAD |
				 SHIM_CLONE_SYSVSEM | SHIM_CLONE_CHILD_SETTID |
				 SHIM_CLONE_CHILD_CLEARTID,
			 stack + STACK_SIZE, NULL, NULL, &c->tid, call_all, c);
	for (int now = -1; tid > 0 && now;
	     now = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE))
		shim_futex((uint32_t *)&c->tid, SHIM_FUTEX_WAIT, (uint32_t)now,
			   NULL, NULL, 0);
	while (unused < STACK_SIZE && stack[unused] == 0x5a)
		unused++;
	shim_munmap(stack, STACK_SIZE);
	return tid < 0 ? tid : STACK_SIZE - unused;
}

/*
 * Package sys of gobind calls the vDSO on goroutine stacks, which have this
 * much room: no kernel may need half of it.
 */
static void the_vdso_needs_little_stack(void)
{
	struct caller c = { .vdso.clock_gettime = gettime_nothing };
	long without = stack_use(&c), with;

	CHECK_FATAL(without > 0);
	if (shim_vdso_init(&c.vdso, NULL) || !c.vdso.clock_gettime)
		SKIP("there is no vDSO");
	shim_vdso_random_init(&c.vdso, &c.random);
	with = stack_use(&c);
	shim_vdso_random_exit(&c.random);
	CHECK_FATAL(with > 0);
	CHECK(2 * (with - without) <= STACK_ROOM);
}

static const struct check_test vdso_tests[] = {
	{ "clock_gettime_is_between_two_calls",
	  clock_gettime_is_between_two_calls },
	{ "clock_getres_equals_the_call", clock_getres_equals_the_call },
	{ "gettimeofday_is_between_two_calls",
	  gettimeofday_is_between_two_calls },
	{ "time_is_between_two_calls", time_is_between_two_calls },
	{ "getcpu_equals_the_call", getcpu_equals_the_call },
	{ "getrandom_fills_what_it_is_asked_for",
	  getrandom_fills_what_it_is_asked_for },
	{ "the_kernel_tells_of_the_same_vdso",
	  the_kernel_tells_of_the_same_vdso },
	{ "the_vdso_needs_little_stack", the_vdso_needs_little_stack },
};

CHECK_MAIN(vdso, vdso_tests)
