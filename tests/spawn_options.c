/* SPDX-License-Identifier: MIT */
/*
 * Each option is what the new program really has: it asks the kernel. Mistakes
 * are told before anything starts.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_util.h"

/* Who is nice may be nicer, but not less so. */
enum { NICE = 19, NO_FILE = 64, NR_GROUPS = 3 };

static const uint32_t groups[NR_GROUPS] = { 11, 22, 33 };

static const uint64_t usr1 = 1UL << (SHIM_SIGUSR1 - 1);
static const uint64_t usr2 = 1UL << (SHIM_SIGUSR2 - 1);
static const uint64_t hup = 1UL << (SHIM_SIGHUP - 1);

/* Parts of the child; 0: it is as it should be. */

static uint64_t ignored(void)
{
	uint64_t set = 0;

	for (int signal = 1; signal <= 64; signal++) {
		struct shim_sigaction action = { .handler = NULL };

		shim_rt_sigaction(signal, NULL, &action);
		if ((uintptr_t)action.handler == SHIM_SIG_IGN)
			set |= 1UL << (signal - 1);
	}
	return set;
}

static int compare_limit(void)
{
	struct shim_rlimit64 limit;

	shim_prlimit64(0, SHIM_RLIMIT_NOFILE, NULL, &limit);
	return limit.rlim_cur != NO_FILE || limit.rlim_max != NO_FILE + 1;
}

static int compare_cpus(const char *arg)
{
	uint64_t cpus[16] = { 0 };

	shim_sched_getaffinity(0, sizeof(cpus), cpus);
	return cpus[0] != to_number(arg);
}

static int death_signal(void)
{
	int signal = 0;

	shim_prctl(SHIM_PR_GET_PDEATHSIG, (unsigned long)(uintptr_t)&signal, 0,
		   0, 0);
	return signal;
}

/* The argument is the user, and the group. */
static int compare_user(const char *arg)
{
	const uint32_t id = (uint32_t)to_number(arg);
	uint32_t r, e, s;

	shim_getresuid(&r, &e, &s);
	if (r != id || e != id || s != id)
		return 1;
	shim_getresgid(&r, &e, &s);
	return r != id || e != id || s != id;
}

static int compare_groups(void)
{
	uint32_t have[NR_GROUPS + 1] = { 0 };

	if (shim_getgroups(NR_GROUPS + 1, have) != NR_GROUPS)
		return 1;
	for (int i = 0; i < NR_GROUPS; i++)
		if (have[i] != groups[i])
			return 1;
	return 0;
}

static struct shim_spawn_caps caps_now(void)
{
	struct shim_user_cap_header header = { SHIM__LINUX_CAPABILITY_VERSION_3,
					       0 };
	struct shim_user_cap_data d[2] = { { 0 } };
	struct shim_spawn_caps caps = { 0 };

	shim_capget(&header, d);
	caps.permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	caps.effective = d[0].effective | (uint64_t)d[1].effective << 32;
	caps.inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (shim_prctl(SHIM_PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			caps.bounding |= 1UL << cap;
		if (shim_prctl(SHIM_PR_CAP_AMBIENT, SHIM_PR_CAP_AMBIENT_IS_SET,
			       cap, 0, 0) == 1)
			caps.ambient |= 1UL << cap;
	}
	return caps;
}

static int has_no_caps(void)
{
	struct shim_spawn_caps c = caps_now();

	return (c.bounding | c.permitted | c.effective | c.inheritable |
		c.ambient) != 0;
}

/* Nothing but the right to bind low ports, though it is not root. */
static int has_ambient_cap(void)
{
	const uint64_t bind = 1UL << SHIM_CAP_NET_BIND_SERVICE;
	struct shim_spawn_caps c = caps_now();

	return c.bounding != bind || c.permitted != bind ||
	       c.effective != bind || c.inheritable != bind ||
	       c.ambient != bind;
}

static int child_main(char **argv)
{
	const char *part = argv[0], *arg = argv[1];

	if (same(part, "umask"))
		return shim_umask(0) != 0027;
	if (same(part, "nice"))
		return shim_getpriority(SHIM_PRIO_PROCESS, 0) != 20 - NICE;
	if (same(part, "batch"))
		return shim_sched_getscheduler(0) != SHIM_SCHED_BATCH;
	if (same(part, "cpus"))
		return compare_cpus(arg);
	if (same(part, "limit"))
		return compare_limit();
	if (same(part, "ignored"))
		return (ignored() & (usr1 | usr2 | hup)) != to_number(arg);
	if (same(part, "pdeathsig"))
		return death_signal() != SHIM_SIGTERM;
	if (same(part, "no_new_privs"))
		return shim_prctl(SHIM_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
	if (same(part, "user"))
		return compare_user(arg);
	if (same(part, "groups"))
		return compare_groups();
	if (same(part, "no caps"))
		return has_no_caps();
	if (same(part, "ambient"))
		return has_ambient_cap();
	if (same(part, "exit"))
		return (int)to_number(arg);
	return 99;
}

static void mask_nice_scheduler_and_processors_are_set(void)
{
	static const struct shim_sched_attr batch = {
		.size = SHIM_SCHED_ATTR_SIZE_VER0,
		.sched_policy = SHIM_SCHED_BATCH,
		.sched_nice = NICE,
	};
	uint64_t cpus[16] = { 0 }, first;
	struct state before = state_now();
	char text[24];
	struct part p;

	play(&p, "umask", NULL, SHIM_SPAWN_UMASK);
	p.options.umask = 0027;
	CHECK_EQ(status_of(&p), 0);
	play(&p, "nice", NULL, SHIM_SPAWN_NICE);
	p.options.nice = NICE;
	CHECK_EQ(status_of(&p), 0);
	play(&p, "batch", NULL, 0);
	p.options.sched = &batch;
	CHECK_EQ(status_of(&p), 0);
	CHECK(shim_sched_getaffinity(0, sizeof(cpus), cpus) > 0);
	first = cpus[0] & -cpus[0];
	CHECK_FATAL(first != 0);
	put_number(text, first);
	play(&p, "cpus", text, 0);
	p.options.cpus = &first;
	p.options.cpus_size = sizeof(first);
	CHECK_EQ(status_of(&p), 0);
	check_state(&before);
}

static void limits_are_set_after_the_descriptors(void)
{
	static const struct shim_spawn_limit limits[] = {
		{ SHIM_RLIMIT_NOFILE, { NO_FILE, NO_FILE + 1 } },
		{ SHIM_RLIMIT_CORE, { 0, 0 } },
	};
	static const struct shim_spawn_fd above = { 2, NO_FILE + 2 };
	struct part p;

	play(&p, "limit", NULL, 0);
	p.options.limits = limits;
	p.options.nr_limits = 2;
	p.options.fds = &above;
	p.options.nr_fds = 1;
	CHECK_EQ(status_of(&p), 0);
}

/* Of neighbours, too, which are one step. */
static void signals_are_ignored_or_not(void)
{
	const struct shim_sigaction ignore = { .handler =
						       (void *)SHIM_SIG_IGN };
	struct shim_sigaction old;
	char text[24];
	struct part p;

	CHECK_EQ(shim_rt_sigaction(SHIM_SIGHUP, &ignore, &old), 0);
	play(&p, "ignored", text, 0);
	put_number(text, hup);
	CHECK_EQ(status_of(&p), 0);
	put_number(text, 0);
	p.options.defaults = hup;
	CHECK_EQ(status_of(&p), 0);
	put_number(text, usr1 | usr2);
	p.options.ignore = usr1 | usr2 | 1UL << (SHIM_SIGSEGV - 1) | 1UL << 63;
	CHECK_EQ(status_of(&p), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGHUP, &old, NULL), 0);
}

static void death_of_the_parent_and_privileges_are_told(void)
{
	struct part p;

	play(&p, "pdeathsig", NULL, 0);
	p.options.pdeathsig = SHIM_SIGTERM;
	CHECK_EQ(status_of(&p), 0);
	play(&p, "no_new_privs", NULL, SHIM_SPAWN_NO_NEW_PRIVS);
	CHECK_EQ(status_of(&p), 0);
}

static void a_program_without_arguments_has_its_path(void)
{
	char out[64] = "";
	struct shim_spawn_io io = { .out = out, .out_size = sizeof(out) - 1 };
	struct shim_spawn_options options = {
		.path = "/bin/pwd",
		.cwd = "/",
		.flags = SHIM_SPAWN_OUT,
	};
	struct shim_spawn child;

	CHECK_FATAL(shim_spawn_start(&child, &options, memory,
				     sizeof(memory)) == 0);
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	CHECK_EQ(end_of(&child), 0);
	CHECK(same(out, "/\n"));
}

static void too_many_arguments_are_told_by_exec(void)
{
	enum { NR = 100000, LENGTH = 100 };
	static char *argv[NR + 1], argument[LENGTH + 1];
	struct state before = state_now();
	struct shim_spawn child;
	struct part p;

	for (int i = 0; i < LENGTH; i++)
		argument[i] = 'x';
	for (int i = 0; i < NR; i++)
		argv[i] = argument;
	play(&p, "", NULL, SHIM_SPAWN_OUT);
	p.options.argv = argv;
	CHECK_EQ(start(&child, &p), -SHIM_E2BIG);
	CHECK(child.failed && same(child.failed, "execve"));
	check_state(&before);
}

/* By its descriptor, also where that is a number that the program gets. */
static void an_open_program_is_executed(void)
{
	static const int numbers[] = { 3, 9, 3, 5, 4, 2 };
	static const struct shim_spawn_fd fds[] = { { 2, 4 },
						    { 1, 3 },
						    { 9, 5 } };
	struct state before;
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/exe",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_dup3(2, 9, SHIM_O_CLOEXEC), 9);
	before = state_now();
	for (int i = 0; i < 12; i++) {
		const int number = numbers[i / 2];
		struct part p;
		int own = number != fd && number != 9 && number > 2;

		play(&p, "exit", "42",
		     SHIM_SPAWN_EXEC_FD | (i % 2 ? SHIM_SPAWN_KEEP_FDS : 0));
		p.options.path = NULL;
		p.options.exec_fd = fd;
		if (own)
			p.options.exec_fd = (int)shim_fcntl(
				fd, SHIM_F_DUPFD, (unsigned long)number);
		p.options.fds = fds;
		p.options.nr_fds = i < 4 ? 0 : 3;
		CHECK_EQ(status_of(&p), 42);
		if (own)
			shim_close(p.options.exec_fd);
		check_state(&before);
	}
	shim_close(9);
	shim_close(fd);
}

static void user_and_groups_are_changed(void)
{
	struct shim_spawn_options *o;
	struct state before = state_now();
	struct part p;
	int dumpable = (int)shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (shim_geteuid())
		SKIP("only root can change users");
	play(&p, "user", "4321",
	     SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID | SHIM_SPAWN_SETGROUPS);
	o = &p.options;
	o->uid = 4321;
	o->gid = 4321;
	/* A new program's file may not be readable for others. */
	o->flags |= SHIM_SPAWN_EXEC_FD;
	o->path = NULL;
	o->exec_fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/exe",
				      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	CHECK_EQ(status_of(&p), 0);
	o->groups = groups;
	o->nr_groups = NR_GROUPS;
	p.argv[2] = (char *)"groups";
	CHECK_EQ(status_of(&p), 0);
	/* The signal of the parent's death comes after the change. */
	p.argv[2] = (char *)"pdeathsig";
	o->pdeathsig = SHIM_SIGTERM;
	CHECK_EQ(status_of(&p), 0);
	/* This program can be traced as before. */
	CHECK_EQ(shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
	shim_close(o->exec_fd);
	check_state(&before);
}

static void capabilities_are_dropped_or_kept(void)
{
	const uint64_t bind = 1UL << SHIM_CAP_NET_BIND_SERVICE;
	const struct shim_spawn_caps none = { 0 };
	const struct shim_spawn_caps one = { bind, bind, bind, bind, bind };
	struct state before = state_now();
	struct part p;

	if (shim_prctl(SHIM_PR_CAPBSET_DROP, 63, 0, 0, 0) != -SHIM_EINVAL)
		SKIP("only root can change capabilities");
	play(&p, "no caps", NULL, 0);
	p.options.caps = &none;
	CHECK_EQ(status_of(&p), 0);
	if (shim_geteuid())
		return;
	play(&p, "ambient", NULL, SHIM_SPAWN_SETUID | SHIM_SPAWN_EXEC_FD);
	p.options.uid = 4321;
	p.options.caps = &one;
	p.options.path = NULL;
	p.options.exec_fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/exe",
					     SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	CHECK_EQ(status_of(&p), 0);
	shim_close(p.options.exec_fd);
	check_state(&before);
}

static void mistakes_are_told_by_their_name(void)
{
	static char *const nothing[] = { NULL };
	static const struct shim_spawn_map map = { 0, 0, 0 };
	static const struct shim_spawn_limit limit = { 99, { 0, 0 } };
	static const struct shim_spawn_mount mount = { .target = "/" };
	static const struct shim_spawn_caps caps = { .ambient = 1 };
	static const struct shim_spawn_time time = { { 0, -1 }, { 0, 0 } };
	static const struct shim_sock_fprog filter = { 0, NULL };
	static const uint64_t cpus = 1;
	static const struct shim_spawn_fd fds[] = { { 0, -1 }, { -2, 1 } };
	static const struct {
		const char *name;
		struct shim_spawn_options options;
	} rows[] = {
		{ "options: flags", { .flags = 2U * SHIM_SPAWN_NO_PIDFD } },
		{ "options: path", { .path = NULL } },
		{ "options: path",
		  { .flags = SHIM_SPAWN_EXEC_FD, .path = "/bin/true" } },
		{ "options: argv", { .argv = nothing } },
		{ "options: retries", { .retries = 256 } },
		{ "options: pgid",
		  { .flags = SHIM_SPAWN_SETPGID, .pgid = -1 } },
		{ "options: fds", { .nr_fds = 1 } },
		{ "options: fds", { .fds = fds, .nr_fds = 1 } },
		{ "options: fds", { .fds = fds + 1, .nr_fds = 1 } },
		{ "options: ctty_fd", { .flags = SHIM_SPAWN_SETCTTY } },
		{ "options: ctty_fd",
		  { .flags = SHIM_SPAWN_SETCTTY | SHIM_SPAWN_SETSID,
		    .ctty_fd = -1 } },
		{ "options: foreground_fd",
		  { .flags = SHIM_SPAWN_FOREGROUND | SHIM_SPAWN_SETSID } },
		{ "options: foreground_fd",
		  { .flags = SHIM_SPAWN_FOREGROUND, .foreground_fd = -1 } },
		{ "options: cgroup_fd",
		  { .flags = SHIM_SPAWN_CGROUP, .cgroup_fd = -1 } },
		{ "options: landlock_fd",
		  { .flags = SHIM_SPAWN_LANDLOCK, .landlock_fd = -1 } },
		{ "options: defaults",
		  { .defaults = 1UL << (SHIM_SIGKILL - 1) } },
		{ "options: ignore", { .ignore = 1UL << (SHIM_SIGSTOP - 1) } },
		{ "options: ignore", { .ignore = 1, .defaults = 1 } },
		{ "options: pdeathsig", { .pdeathsig = 65 } },
		{ "options: pdeathsig", { .pdeathsig = -1 } },
		{ "options: umask",
		  { .flags = SHIM_SPAWN_UMASK, .umask = 01000 } },
		{ "options: nice", { .flags = SHIM_SPAWN_NICE, .nice = 20 } },
		{ "options: nice", { .flags = SHIM_SPAWN_NICE, .nice = -21 } },
		{ "options: cpus", { .cpus = &cpus, .cpus_size = 4 } },
		{ "options: cpus", { .cpus = &cpus } },
		{ "options: limits", { .limits = &limit, .nr_limits = 1 } },
		{ "options: limits", { .nr_limits = 1 } },
		{ "options: uid",
		  { .flags = SHIM_SPAWN_SETUID, .uid = UINT32_MAX } },
		{ "options: gid",
		  { .flags = SHIM_SPAWN_SETGID, .gid = UINT32_MAX } },
		{ "options: groups", { .groups = groups, .nr_groups = 1 } },
		{ "options: groups",
		  { .flags = SHIM_SPAWN_SETGROUPS, .nr_groups = 1 } },
		{ "options: caps", { .caps = &caps } },
		{ "options: namespaces", { .namespaces = SHIM_CLONE_THREAD } },
		{ "options: uids", { .uids = &map, .nr_uids = 1 } },
		{ "options: gids",
		  { .namespaces = SHIM_CLONE_NEWUSER,
		    .gids = &map,
		    .nr_gids = 1 } },
		{ "options: newuidmap", { .newuidmap = "/bin/true" } },
		{ "options: newgidmap", { .newgidmap = "/bin/true" } },
		{ "options: time",
		  { .namespaces = SHIM_CLONE_NEWTIME, .time = &time } },
		{ "options: pivot_root", { .pivot_root = "/" } },
		{ "options: chroot",
		  { .namespaces = SHIM_CLONE_NEWNS,
		    .pivot_root = "/",
		    .chroot = "/" } },
		{ "options: mounts", { .mounts = &mount, .nr_mounts = 1 } },
		{ "options: filter", { .filter = &filter } },
	};
	struct state before = state_now();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_spawn_options o = rows[i].options;
		struct shim_spawn child;

		check_case(rows[i].name);
		if (i > 2 || !i)
			o.path = "/bin/true";
		CHECK(shim_spawn_check(&o) &&
		      same(shim_spawn_check(&o), rows[i].name));
		CHECK_EQ(shim_spawn_start(&child, &o, memory, sizeof(memory)),
			 -SHIM_EINVAL);
		CHECK(child.failed && same(child.failed, rows[i].name));
		CHECK_EQ(shim_spawn_size(&o), 0);
	}
	check_case("");
	check_state(&before);
}

static const struct check_test spawn_options_tests[] = {
	{ "mask_nice_scheduler_and_processors_are_set",
	  mask_nice_scheduler_and_processors_are_set },
	{ "limits_are_set_after_the_descriptors",
	  limits_are_set_after_the_descriptors },
	{ "signals_are_ignored_or_not", signals_are_ignored_or_not },
	{ "death_of_the_parent_and_privileges_are_told",
	  death_of_the_parent_and_privileges_are_told },
	{ "a_program_without_arguments_has_its_path",
	  a_program_without_arguments_has_its_path },
	{ "too_many_arguments_are_told_by_exec",
	  too_many_arguments_are_told_by_exec },
	{ "an_open_program_is_executed", an_open_program_is_executed },
	{ "user_and_groups_are_changed", user_and_groups_are_changed },
	{ "capabilities_are_dropped_or_kept",
	  capabilities_are_dropped_or_kept },
	{ "mistakes_are_told_by_their_name", mistakes_are_told_by_their_name },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2);
	return check_main("spawn_options", spawn_options_tests,
			  sizeof(spawn_options_tests) /
				  sizeof(spawn_options_tests[0]),
			  argc, argv, envp);
}
