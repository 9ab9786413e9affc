/* SPDX-License-Identifier: MIT */
/*
 * Eight threads start programs while signals arrive all the time, and while the
 * programs become other users: each end is that of the program, EINTR is
 * nobody's business, no handler runs in a child, and nothing is left behind.
 * SPAWN_STRESS_SECONDS in the environment says for how long, and
 * SPAWN_STRESS_STARTS how many programs are started one after the other.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_dumpable.h"
#include "spawn_threads.h"
#include "spawn_util.h"

enum {
	DEFAULT_MS = 2000,
	SMALL_MS = 500,
	PROGRESS_MS = 10000,
	TIMER_US = 1000,
	PAUSE_NS = 50000,
	DEFAULT_STARTS = 2000,
	SMALL_STARTS = 100,
	NR_STATUSES = 100,
	NOBODY = 65534,
	NR_SIGNALS = 3,
	RESIDENT_MAX = 128, /* pages that a parent may grow */
};

static const int signals[NR_SIGNALS] = { SHIM_SIGALRM, SHIM_SIGPROF,
					 SHIM_SIGURG };

/* What handlers note, also those of a child in a copy of the memory. */
static struct noted {
	uint64_t signals[65];
	uint64_t astray; /* in a process that is not this one */
} * noted;

static struct spawner {
	struct thread thread;
	int number;
	int is_done;
	uint64_t starts;
	/* The first thing that went wrong: in which round, and the result. */
	uint64_t round;
	int wrong;
	struct shim_spawn_options base;
	_Alignas(16) char memory[8192];
} spawners[NR_THREADS];

static int own_pid;
static int64_t end_ms;
static int is_over;

static void note_signal(int signal)
{
	__atomic_fetch_add(&noted->signals[signal], 1, __ATOMIC_RELAXED);
	if (shim_getpid() != own_pid)
		__atomic_fetch_add(&noted->astray, 1, __ATOMIC_RELAXED);
}

/* ---- What each thread does ---- */

/* The program of the test, which ends with this status, or by a signal. */
static int end_with(struct spawner *s, const char *how, int number)
{
	char text[24];
	char *const argv[] = { (char *)"spawn", (char *)CHILD, (char *)how,
			       text, NULL };
	struct shim_spawn_options o = s->base;
	struct shim_spawn child;
	int err;

	put_number(text, (uint64_t)number);
	o.argv = argv;
	o.envp = check_envp;
	if (!(o.flags & SHIM_SPAWN_EXEC_FD))
		o.path = "/proc/self/exe";
	err = shim_spawn_start(&child, &o, s->memory, sizeof(s->memory));
	return err ? err : end_of(&child);
}

/* Fed and read, and waited for with timeouts. */
static int copy_bytes(struct spawner *s)
{
	const struct shim_timespec minute = { 60, 0 };
	char in[] = "some bytes", out[16] = "";
	char *const argv[] = { (char *)"cat", NULL };
	struct shim_spawn_options o = {
		.path = "cat",
		.search = "/nosuch:/usr/bin:/bin",
		.argv = argv,
		.flags = SHIM_SPAWN_IN | SHIM_SPAWN_OUT,
	};
	struct shim_spawn_io io = { .in = in,
				    .in_size = sizeof(in),
				    .out = out,
				    .out_size = sizeof(out) };
	struct shim_siginfo info;
	struct shim_spawn child;
	int err = shim_spawn_start(&child, &o, s->memory, sizeof(s->memory));

	if (err)
		return err;
	err = shim_spawn_capture(&child, &io, &minute);
	if (!err)
		err = shim_spawn_wait(&child, &minute, &info);
	if (!err && info.status)
		err = info.status;
	if (!err && (io.out_len != sizeof(in) || !same(in, out)))
		err = 1;
	shim_spawn_close(&child);
	return err;
}

/* It cannot be started, and says why. Returns 0 if so. */
static int fail_to_start(struct spawner *s, const char *path, const char *cwd,
			 const char *step)
{
	struct shim_spawn_options o = { .path = path, .cwd = cwd };
	struct shim_spawn child;
	int err = shim_spawn_start(&child, &o, s->memory, sizeof(s->memory));

	if (!err)
		return end_of(&child) + 1;
	return err != -SHIM_ENOENT || !same(child.failed, step) ? err : 0;
}

/* One program, of the kinds in turn. Returns 0 if all was well. */
static int start_one(struct spawner *s, uint64_t round)
{
	const int status = (int)(round % NR_STATUSES);
	int end;

	switch (round % 8) {
	case 0:
		end = end_with(s, "die", SHIM_SIGKILL);
		return end == 1000 + SHIM_SIGKILL ? 0 : end;
	case 1:
		return copy_bytes(s);
	case 2:
		return fail_to_start(s, "/does/not/exist", NULL, "execve");
	case 3:
		return fail_to_start(s, "/bin/true", "/does/not/exist",
				     "chdir");
	default:
		end = end_with(s, "exit", status);
		return end == status ? 0 : end ? end : 1;
	}
}

static void start_until_the_end(struct spawner *s)
{
	do {
		s->wrong = start_one(s, s->starts);
		s->round = s->starts;
		s->starts++;
	} while (!s->wrong && now_ms() < end_ms);
	__atomic_store_n(&s->is_done, 1, __ATOMIC_RELEASE);
}

static int storm_main(void *arg)
{
	start_until_the_end(arg);
	return 0;
}

/* As another user, who never reads what this one does. */
static int users_main(void *arg)
{
	struct spawner *s = arg;

	s->base.flags = SHIM_SPAWN_EXEC_FD | SHIM_SPAWN_SETUID |
			SHIM_SPAWN_SETGID | SHIM_SPAWN_SETGROUPS;
	s->base.uid = s->base.gid = (uint32_t)(NOBODY - s->number);
	start_until_the_end(s);
	return 0;
}

/* ---- The storm ---- */

/*
 * Signals to one thread after the other, and to the whole group, for which
 * SIGURG is none once a child has its program.
 */
static int send_signals(void *arg)
{
	const struct shim_timespec pause = { 0, PAUSE_NS };

	for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE);
	     i++) {
		const struct spawner *s = &spawners[i % NR_THREADS];

		shim_tgkill(own_pid, s->thread.tid,
			    signals[i / NR_THREADS % NR_SIGNALS]);
		shim_kill(0, SHIM_SIGURG);
		shim_nanosleep(&pause, NULL);
	}
	return arg != NULL;
}

/* Start threads, each with that function, for a share of the time. */
static void begin(int (*run)(void *), int exec_fd, int share)
{
	const uint64_t ms = setting("SPAWN_STRESS_SECONDS", 0) * 1000;

	is_over = 0;
	end_ms = ms ? (int64_t)ms : check_small() ? SMALL_MS : DEFAULT_MS;
	end_ms = now_ms() + end_ms / share;
	for (int i = 0; i < NR_THREADS; i++) {
		spawners[i] = (struct spawner){ .number = i };
		spawners[i].base.exec_fd = exec_fd;
		CHECK(start_thread(&spawners[i].thread, run, &spawners[i]));
	}
}

static uint64_t starts_until_now(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_THREADS; i++)
		sum += __atomic_load_n(&spawners[i].starts, __ATOMIC_RELAXED);
	return sum;
}

static void finish(void)
{
	int64_t next = now_ms() + PROGRESS_MS;

	for (int i = 0; i < NR_THREADS; i++) {
		while (!__atomic_load_n(&spawners[i].is_done,
					__ATOMIC_ACQUIRE)) {
			const struct shim_timespec pause = { 0, 10000000 };

			shim_nanosleep(&pause, NULL);
			if (now_ms() < next)
				continue;
			show_progress(starts_until_now());
			next += PROGRESS_MS;
		}
		join_thread(&spawners[i].thread);
	}
	show_progress(starts_until_now());
	for (int i = 0; i < NR_THREADS; i++) {
		CHECK_EQ(spawners[i].wrong, 0);
		CHECK_EQ(spawners[i].wrong ? spawners[i].round : 0, 0);
		CHECK(spawners[i].starts >= 1);
	}
}

static void set_timers(long us)
{
	const struct shim_itimerval timer = { { 0, us }, { 0, us } };

	CHECK_EQ(shim_setitimer(SHIM_ITIMER_REAL, &timer, NULL), 0);
	CHECK_EQ(shim_setitimer(SHIM_ITIMER_PROF, &timer, NULL), 0);
}

/* Each has arrived; that of the time used needs some of it. */
static void see_all_signals(void)
{
	const int64_t end = now_ms() + PROGRESS_MS;

	for (int i = 0; i < NR_SIGNALS; i++)
		while (!__atomic_load_n(&noted->signals[signals[i]],
					__ATOMIC_RELAXED) &&
		       now_ms() < end)
			;
}

static size_t count_threads(void)
{
	_Alignas(8) char buf[4096];
	int fd = (int)shim_openat(
		SHIM_AT_FDCWD, "/proc/self/task",
		SHIM_O_RDONLY | SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	size_t n = 0;
	long size;

	while ((size = shim_getdents64(fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < size; n++)
			at += buf[at + 16] & 0xff;
	shim_close(fd);
	return n;
}

/* A thread that has been joined is still listed for a moment. */
static size_t threads_soon(size_t wanted)
{
	const struct shim_timespec pause = { 0, 1000000 };
	const int64_t end = now_ms() + PROGRESS_MS;
	size_t n;

	while ((n = count_threads()) != wanted && now_ms() < end)
		shim_nanosleep(&pause, NULL);
	return n;
}

static void are_as_before(const struct shim_sigaction *actions)
{
	for (int i = 0; i < NR_SIGNALS; i++) {
		struct shim_sigaction now;

		CHECK_EQ(shim_rt_sigaction(signals[i], &actions[i], &now), 0);
		CHECK(now.handler == (void *)note_signal);
		CHECK(now.flags == SHIM_SA_RESTORER);
		CHECK_EQ(noted->signals[signals[i]] > 0, 1);
	}
	CHECK_EQ(noted->astray, 0);
}

static void nothing_is_lost_in_a_storm_of_signals(void)
{
	/* Without SA_RESTART: calls end with EINTR. */
	const struct shim_sigaction action = {
		.handler = (void *)note_signal,
		.flags = SHIM_SA_RESTORER,
		.restorer = (void *)shim_rt_sigreturn,
	};
	const int group = (int)shim_getpgid(0);
	struct shim_sigaction old[NR_SIGNALS];
	struct thread sender;
	struct state before;
	size_t threads;

	own_pid = (int)shim_getpid();
	noted = shim_mmap(NULL, sizeof(*noted),
			  SHIM_PROT_READ | SHIM_PROT_WRITE,
			  SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS, -1, 0);
	CHECK_FATAL(!shim_ptr_err(noted));
	before = state_now();
	threads = count_threads();
	for (int i = 0; i < NR_SIGNALS; i++)
		CHECK_EQ(shim_rt_sigaction(signals[i], &action, &old[i]), 0);
	/* Others have no part in it. */
	shim_setpgid(0, 0);
	set_timers(TIMER_US);
	begin(storm_main, -1, 1);
	CHECK(start_thread(&sender, send_signals, NULL));
	finish();
	see_all_signals();
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	join_thread(&sender);
	set_timers(0);
	shim_setpgid(0, group);
	are_as_before(old);
	CHECK_EQ(threads_soon(threads), threads);
	check_state(&before);
	shim_munmap(noted, sizeof(*noted));
}

/* ---- Other users ---- */

static void other_users_do_not_hide(int rule)
{
	const size_t nr = sizeof(spawn_dumpable) / sizeof(spawn_dumpable[0]);
	const int was = dumpable();
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/exe",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	struct state before = state_now();

	for (size_t i = 0; i < nr; i++) {
		if (spawn_dumpable[i].rule != rule)
			continue;
		become((int)spawn_dumpable[i].is);
		begin(users_main, fd, 3);
		finish();
		CHECK_EQ(dumpable(), spawn_dumpable[i].is);
		check_state(&before);
	}
	become(was);
	shim_close(fd);
}

static void other_users_do_not_hide_this_process(void)
{
	if (shim_geteuid())
		SKIP("only root can change users");
	other_users_do_not_hide(rule_now());
}

static void nor_do_they_by_another_rule(void)
{
	static const char *const names[] = { "0", "1", "2" };
	const int rule = rule_now();

	if (!setting("OWN_MACHINE", 0))
		SKIP("only in a machine of its own (OWN_MACHINE)");
	for (int i = 0; i < 3; i++) {
		check_case(names[i]);
		set_rule(i);
		other_users_do_not_hide(i);
	}
	check_case("");
	set_rule(rule);
}

/* ---- Many, one after the other ---- */

/* The pages of memory that this process has. */
static uint64_t resident(void)
{
	char text[128] = "";
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/statm",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	const char *p = text;

	CHECK(shim_read(fd, text, sizeof(text) - 1) > 0);
	shim_close(fd);
	while (*p && *p != ' ')
		p++;
	return to_number(p + 1);
}

static int start_true_or_false(uint64_t round)
{
	static const char *const paths[] = { "/bin/true", "/bin/false" };
	const int which = round % 3 == 2;
	char *const argv[] = { (char *)(which ? "false" : "true"), NULL };
	struct shim_spawn_options o = { .path = paths[which], .argv = argv };
	struct shim_spawn child;
	int err = shim_spawn_start(&child, &o, memory, sizeof(memory));

	return err ? err : end_of(&child) != which;
}

static void none_of_many_is_lost(void)
{
	const uint64_t starts =
		setting("SPAWN_STRESS_STARTS",
			check_small() ? SMALL_STARTS : DEFAULT_STARTS);
	struct state before = state_now();
	uint64_t resident_before = 0, i;
	int64_t next = now_ms() + PROGRESS_MS;
	int wrong = 0;

	for (i = 0; i < starts && !wrong; i++) {
		/* What the first ones touch is there to stay. */
		if (i == 10)
			resident_before = resident();
		wrong = start_true_or_false(i);
		if (now_ms() < next)
			continue;
		show_progress(i);
		next += PROGRESS_MS;
	}
	show_progress(i);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(i, starts);
	CHECK(resident() <= resident_before + RESIDENT_MAX);
	check_state(&before);
}

static int child_main(char **argv)
{
	const int number = (int)to_number(argv[1]);

	if (same(argv[0], "die"))
		shim_kill((int)shim_getpid(), number);
	return number;
}

static const struct check_test spawn_storm_tests[] = {
	{ "nothing_is_lost_in_a_storm_of_signals",
	  nothing_is_lost_in_a_storm_of_signals },
	{ "other_users_do_not_hide_this_process",
	  other_users_do_not_hide_this_process },
	{ "nor_do_they_by_another_rule", nor_do_they_by_another_rule },
	{ "none_of_many_is_lost", none_of_many_is_lost },
};

int main(int argc, char **argv, char **envp)
{
	check_envp = envp;
	if (argc > 3 && same(argv[1], CHILD))
		return child_main(argv + 2);
	return check_main("spawn_storm", spawn_storm_tests,
			  sizeof(spawn_storm_tests) /
				  sizeof(spawn_storm_tests[0]),
			  argc, argv, envp);
}
