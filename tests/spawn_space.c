/* SPDX-License-Identifier: MIT */
/*
 * Namespaces, the users and groups in them, their clocks, and cgroups. What
 * this kernel, or this user, does not have is skipped with its error; as root
 * the suite runs once more as somebody else.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"

enum { NOBODY = 65534, NR_IDS = 65536, FIRST_ID = 100000, DAY = 86400 };

/* What the tests want that may be missing. */
static const char *const spaces[] = { "user", "pid", "mnt",   "net",
				      "ipc",  "uts", "cgroup" };

enum { NR_SPACES = sizeof(spaces) / sizeof(spaces[0]) };

static const uint64_t all_spaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWPID |
				   SHIM_CLONE_NEWNS | SHIM_CLONE_NEWNET |
				   SHIM_CLONE_NEWIPC | SHIM_CLONE_NEWUTS |
				   SHIM_CLONE_NEWCGROUP;

/* The namespace of that name: its inode. */
static uint64_t space_of(const char *name)
{
	struct shim_statx st;
	char path[40];

	put_string(put_string(path, "/proc/self/ns/"), name);
	return shim_statx(SHIM_AT_FDCWD, path, 0, SHIM_STATX_INO, &st)
		       ? 0
		       : st.stx_ino;
}

/* Parts of the child; 0: it is as it should be. */

/* argv: which each of its parent is. */
static int compare_spaces(char **argv)
{
	for (int i = 0; i < NR_SPACES; i++)
		if (space_of(spaces[i]) == to_number(argv[i]))
			return 1 + i;
	return shim_getpid() != 1 ? 50 : 0;
}

/* User and group, and that all of the map is there. */
static int compare_ids(char **argv)
{
	if (shim_getuid() != (int)to_number(argv[0]) ||
	    shim_getgid() != (int)to_number(argv[1]))
		return 1;
	return !contains(read_file("/proc/self/uid_map"), argv[2]) ||
	       !contains(read_file("/proc/self/gid_map"), argv[2]);
}

/* Whether groups may be set. */
static int compare_setgroups(const char *word)
{
	return !contains(read_file("/proc/self/setgroups"), word);
}

static int64_t seconds(int clock)
{
	struct shim_timespec t = { 0 };

	shim_clock_gettime(clock, &t);
	return t.tv_sec;
}

/* A minute more is as good. */
static int is_about(int64_t now, int64_t least)
{
	return now >= least && now <= least + 60;
}

/* argv: what the clock, and the file that shows it, is not before. */
static int compare_clock(char **argv)
{
	const int clock = (int)to_number(argv[0]);
	const int64_t least = (int64_t)to_number(argv[1]);

	if (!is_about(seconds(clock), least))
		return 1;
	return clock == SHIM_CLOCK_BOOTTIME &&
	       !is_about((int64_t)to_number(read_file("/proc/uptime")), least);
}

static int lack_capabilities(void)
{
	const char *status = read_file("/proc/self/status");

	return !contains(status, "CapPrm:\t0000000000000000\n") ||
	       !contains(status, "CapEff:\t0000000000000000\n") ||
	       !contains(status, "CapBnd:\t0000000000000000\n");
}

static int child_main(char **argv)
{
	if (same(argv[0], "spaces"))
		return compare_spaces(argv + 1);
	if (same(argv[0], "ids"))
		return compare_ids(argv + 1);
	if (same(argv[0], "setgroups"))
		return compare_setgroups(argv[1]);
	if (same(argv[0], "clock"))
		return compare_clock(argv + 1);
	if (same(argv[0], "caps"))
		return lack_capabilities();
	if (same(argv[0], "cgroup"))
		return !contains(read_file("/proc/self/cgroup"), argv[1]);
	return 99;
}

/* As newuidmap or newgidmap: argv is the child, and a map. */
static int helper_main(char **argv, const char *file)
{
	char path[40], text[200], *end = text;
	int fd;

	put_string(put_string(put_string(path, "/proc/"), argv[1]), file);
	for (int i = 2; argv[i]; i++) {
		end = put_string(end, argv[i]);
		end = put_string(end, i % 3 == 1 ? "\n" : " ");
	}
	fd = open_file(path, SHIM_O_WRONLY);
	return fd < 0 || write_all(fd, text, (size_t)(end - text));
}

#define NEEDS(namespaces)                     \
	do {                                  \
		if (!can_map_own(namespaces)) \
			SKIP(NO_NAMESPACES);  \
	} while (0)

static void a_program_begins_in_namespaces_of_its_own(void)
{
	struct state before = state_now();
	char numbers[NR_SPACES][24];
	char *argv[NR_SPACES + 4] = { (char *)"spawn_space", (char *)CHILD,
				      (char *)"spaces" };
	struct part p;

	NEEDS(all_spaces);
	for (int i = 0; i < NR_SPACES; i++) {
		put_number(numbers[i], space_of(spaces[i]));
		argv[3 + i] = numbers[i];
	}
	play(&p, "spaces", NULL, 0);
	p.options.argv = argv;
	p.options.namespaces = all_spaces;
	map_own(&p.options);
	CHECK_EQ(status_of(&p), 0);
	/* In a copy of the memory, too. */
	p.options.flags |= SHIM_SPAWN_COPY;
	CHECK_EQ(status_of(&p), 0);
	check_state(&before);
}

static void its_user_and_groups_are_the_mapped_ones(void)
{
	struct state before = state_now();
	struct part p;
	char *argv[] = { (char *)"spawn_space",
			 (char *)CHILD,
			 (char *)"ids",
			 (char *)"0",
			 (char *)"0",
			 (char *)" 1\n",
			 NULL };

	NEEDS(SHIM_CLONE_NEWUSER);
	play(&p, "ids", NULL, 0);
	p.options.argv = argv;
	map_own(&p.options);
	CHECK_EQ(status_of(&p), 0);
	play(&p, "setgroups", "deny", 0);
	map_own(&p.options);
	CHECK_EQ(status_of(&p), 0);
	check_state(&before);
}

/* This program also plays newuidmap and newgidmap. */
static void ranges_are_mapped_by_root_or_by_programs(void)
{
	static const struct shim_spawn_map ranges[] = { { 0, FIRST_ID, NR_IDS },
							{ NR_IDS, 0, 1 } };
	struct state before = state_now();
	struct part p;
	char *argv[] = { (char *)"spawn_space",
			 (char *)CHILD,
			 (char *)"ids",
			 (char *)"65536",
			 (char *)"65536",
			 (char *)" 65536\n",
			 NULL };

	NEEDS(SHIM_CLONE_NEWUSER);
	if (shim_geteuid())
		SKIP("only root can change users it is not");
	for (int i = 0; i < 4; i++) {
		play(&p, "ids", NULL, 0);
		p.options.argv = argv;
		map_own(&p.options);
		p.options.uids = p.options.gids = ranges;
		p.options.nr_uids = p.options.nr_gids = 2;
		if (i & 1) {
			p.options.newuidmap = "/proc/self/exe";
			p.options.newgidmap = "/proc/./self/exe";
		}
		if (i & 2)
			p.options.flags |= SHIM_SPAWN_COPY;
		CHECK_EQ(status_of(&p), 0);
	}
	/* Becoming root in there is a change of the user. */
	argv[3] = argv[4] = (char *)"0";
	p.options.flags |= SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID |
			   SHIM_SPAWN_SETGROUPS | SHIM_SPAWN_ALLOW_SETGROUPS;
	CHECK_EQ(status_of(&p), 0);
	argv[2] = (char *)"setgroups";
	argv[3] = (char *)"allow";
	CHECK_EQ(status_of(&p), 0);
	check_state(&before);
}

static void a_map_that_is_not_written_is_told(void)
{
	static const struct shim_spawn_map twice[] = { { 0, 1, 1 },
						       { 0, 2, 1 } };
	static struct shim_spawn_map many[400];
	static const struct {
		const char *failed;
		struct shim_spawn_options options;
		int err;
	} rows[] = {
		{ "uid_map", { .uids = twice, .nr_uids = 2 }, -SHIM_EINVAL },
		{ "gid_map", { .gids = twice, .nr_gids = 2 }, -SHIM_EINVAL },
		{ "uid_map", { .uids = many, .nr_uids = 400 }, -SHIM_EINVAL },
		{ "newuidmap",
		  { .newuidmap = "/does/not/exist" },
		  -SHIM_ENOENT },
		{ "newgidmap",
		  { .newgidmap = "/does/not/exist" },
		  -SHIM_ENOENT },
		{ "newuidmap", { .newuidmap = "/bin/false" }, -SHIM_EPERM },
	};
	struct state before = state_now();

	NEEDS(SHIM_CLONE_NEWUSER);
	for (uint32_t i = 0; i < 400; i++)
		many[i] =
			(struct shim_spawn_map){ i * 1000000, i * 1000000, 1 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static _Alignas(16) char large[65536];
		struct shim_spawn_options o = rows[i].options;
		struct shim_spawn child;
		int err;

		check_case(rows[i].failed);
		o.path = "/bin/true";
		o.namespaces = SHIM_CLONE_NEWUSER;
		if (!o.nr_uids && !o.nr_gids)
			map_own(&o);
		CHECK_FATAL(shim_spawn_size(&o) <= sizeof(large));
		err = shim_spawn_start(&child, &o, large, sizeof(large));
		/* Only who may write maps at all is told what is wrong. */
		CHECK(err == rows[i].err ||
		      (err == -SHIM_EPERM && shim_geteuid()));
		CHECK(child.failed && same(child.failed, rows[i].failed));
		check_state(&before);
	}
	check_case("");
}

/* The program's clocks are a day and more ahead. */
static void clocks_of_a_time_namespace_are_set(void)
{
	static const struct shim_spawn_time ahead = {
		.monotonic = { DAY, 0 },
		.boottime = { 2 * DAY, 0 },
	};
	static const int clocks[] = { SHIM_CLOCK_MONOTONIC,
				      SHIM_CLOCK_BOOTTIME };
	struct state before = state_now();
	char clock[24], least[24];
	char *argv[] = { (char *)"spawn_space",
			 (char *)CHILD,
			 (char *)"clock",
			 clock,
			 least,
			 NULL };
	struct part p;

	NEEDS(SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWTIME);
	for (int i = 0; i < 4; i++) {
		play(&p, "clock", NULL, 0);
		p.options.argv = argv;
		map_own(&p.options);
		p.options.namespaces |= SHIM_CLONE_NEWTIME;
		if (i < 2)
			p.options.time = &ahead;
		put_number(clock, (uint64_t)clocks[i % 2]);
		put_number(least,
			   (uint64_t)seconds(clocks[i % 2]) +
				   (uint64_t)(i < 2 ? (i % 2 + 1) * DAY : 0));
		CHECK_EQ(status_of(&p), 0);
	}
	check_state(&before);
}

/* The child loses them in the memory of the caller, who stays one that can be
 * traced. */
static void capabilities_alone_leave_the_caller_as_it_is(void)
{
	static const struct shim_spawn_caps none = { 0 };
	struct state before = state_now();
	const long dumpable = shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0);
	struct part p;

	NEEDS(SHIM_CLONE_NEWUSER);
	play(&p, "caps", NULL, 0);
	map_own(&p.options);
	p.options.caps = &none;
	CHECK_EQ(status_of(&p), 0);
	CHECK_EQ(shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
	check_state(&before);
}

/* Where cgroups of version 2 are, or are mounted now: *mounted. */
static const char *find_cgroups(int *mounted)
{
	static const char *const places[] = {
		"/sys/fs/cgroup/unified/cgroup.procs",
		"/sys/fs/cgroup/cgroup.procs",
	};

	*mounted = 0;
	for (int i = 0; i < 2; i++)
		if (!shim_faccessat(SHIM_AT_FDCWD, places[i], SHIM_W_OK))
			return i ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
	if (shim_mkdirat(SHIM_AT_FDCWD, "/tmp/shim_cgroup", 0700))
		return NULL;
	*mounted = !shim_mount("none", "/tmp/shim_cgroup", "cgroup2", 0, NULL);
	if (*mounted)
		return "/tmp/shim_cgroup";
	shim_unlinkat(SHIM_AT_FDCWD, "/tmp/shim_cgroup", SHIM_AT_REMOVEDIR);
	return NULL;
}

static void a_program_begins_in_a_cgroup(void)
{
	struct state before = state_now();
	int mounted;
	const char *place = find_cgroups(&mounted);
	char path[80], name[32];
	struct part p;

	if (!place)
		SKIP("only root can change cgroups, and only of version 2");
	put_number(put_string(name, "/shim_spawn_"), (uint64_t)shim_getpid());
	put_string(put_string(path, place), name);
	CHECK_EQ(shim_mkdirat(SHIM_AT_FDCWD, path, 0755), 0);
	play(&p, "cgroup", name, SHIM_SPAWN_CGROUP);
	p.options.cgroup_fd = open_file(path, SHIM_O_RDONLY | SHIM_O_DIRECTORY);
	CHECK_EQ(status_of(&p), 0);
	p.options.flags |= SHIM_SPAWN_COPY;
	CHECK_EQ(status_of(&p), 0);
	shim_close(p.options.cgroup_fd);
	remove_cgroup(path);
	if (mounted) {
		CHECK_EQ(shim_umount2("/tmp/shim_cgroup", 0), 0);
		shim_unlinkat(SHIM_AT_FDCWD, "/tmp/shim_cgroup",
			      SHIM_AT_REMOVEDIR);
	}
	check_state(&before);
}

static void all_this_holds_for_another_user(void)
{
	const struct shim_spawn_options o = { 0 };
	const char *said;

	if (shim_geteuid())
		SKIP("only root can change users");
	CHECK_EQ(run_again_as(NOBODY, "spawn_space", &o, &said), 0);
}

static const struct check_test spawn_space_tests[] = {
	{ "a_program_begins_in_namespaces_of_its_own",
	  a_program_begins_in_namespaces_of_its_own },
	{ "its_user_and_groups_are_the_mapped_ones",
	  its_user_and_groups_are_the_mapped_ones },
	{ "ranges_are_mapped_by_root_or_by_programs",
	  ranges_are_mapped_by_root_or_by_programs },
	{ "a_map_that_is_not_written_is_told",
	  a_map_that_is_not_written_is_told },
	{ "clocks_of_a_time_namespace_are_set",
	  clocks_of_a_time_namespace_are_set },
	{ "capabilities_alone_leave_the_caller_as_it_is",
	  capabilities_alone_leave_the_caller_as_it_is },
	{ "a_program_begins_in_a_cgroup", a_program_begins_in_a_cgroup },
	{ "all_this_holds_for_another_user", all_this_holds_for_another_user },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2);
	if (argc > 2 && same(argv[0], "/proc/self/exe"))
		return helper_main(argv, "/uid_map");
	if (argc > 2 && same(argv[0], "/proc/./self/exe"))
		return helper_main(argv, "/gid_map");
	return check_main("spawn_space", spawn_space_tests,
			  sizeof(spawn_space_tests) /
				  sizeof(spawn_space_tests[0]),
			  argc, argv, envp);
}
