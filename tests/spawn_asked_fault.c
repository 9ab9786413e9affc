/* SPDX-License-Identifier: MIT */
/*
 * The calls of the parent that only some starts make fail once: the error is
 * told with the name of what failed, and no child, descriptor, mapping or
 * blocked signal is left. This program is the kernel for the parent's calls.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_kernel.h"
#include "spawn_util.h"
#include "zspawn_fault_tab.h"

enum { DODGED = 120, ROOM = 65536, PATH_MAX = 48 };

static const struct world no_clone3 = { "clone3", CLONE3, -SHIM_ENOSYS };

static _Alignas(16) char room[ROOM];

/* What is asked for, in room. */
static struct {
	struct shim_spawn_options options;
	struct shim_spawn_map user, group;
	struct shim_spawn_fd fds[DODGED];
} all;

static char *const argv[] = { (char *)"true", NULL };

static void ask(const char *what)
{
	struct shim_spawn_options *o = &all.options;

	all.user = (struct shim_spawn_map){ 0, (uint32_t)shim_geteuid(), 1 };
	all.group = (struct shim_spawn_map){ 0, (uint32_t)shim_getegid(), 1 };
	*o = (struct shim_spawn_options){ .path = "/bin/true", .argv = argv };
	world = same(what, "clone") ? &no_clone3 : worlds;
	if (same(what, "maps") || same(what, "helped")) {
		o->namespaces = SHIM_CLONE_NEWUSER;
		o->uids = &all.user;
		o->gids = &all.group;
		o->nr_uids = o->nr_gids = 1;
	}
	if (same(what, "helped"))
		o->newuidmap = "/bin/true";
	if (same(what, "copy") || same(what, "dodge"))
		o->flags |= SHIM_SPAWN_COPY;
	if (same(what, "dodge")) {
		for (int i = 0; i < DODGED; i++)
			all.fds[i] = (struct shim_spawn_fd){ -1, i + 3 };
		o->fds = all.fds;
		o->nr_fds = DODGED;
	}
	if (same(what, "cgroup")) {
		o->flags |= SHIM_SPAWN_CGROUP;
		o->cgroup_fd =
			(int)shim_openat(SHIM_AT_FDCWD, "/",
					 SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	}
	if (same(what, "user")) {
		o->flags |= SHIM_SPAWN_SETUID;
		o->uid = all.user.outside;
	}
}

static int start_asked(struct shim_spawn *child)
{
	return shim_spawn_start(child, &all.options, room, sizeof(room));
}

/* Closes what was asked for. */
static void forget(void)
{
	if (all.options.flags & SHIM_SPAWN_CGROUP)
		shim_close(all.options.cgroup_fd);
	world = worlds;
}

static void run_row(const struct spawn_asked_faults *row)
{
	struct state before = state_now();
	struct shim_spawn child;
	int err;

	ask(row->asks);
	fail_named(row->call, row->nth, row->errno);
	check_case(row->asks);
	err = start_asked(&child);
	CHECK_EQ(err, row->want);
	if (err)
		CHECK(child.failed && same(child.failed, row->step));
	else
		CHECK_EQ(end_of(&child), 0);
	fail_no_more();
	forget();
	check_state(&before);
}

static int wants_maps(const struct spawn_asked_faults *row)
{
	return same(row->asks, "maps") || same(row->asks, "helped");
}

static void run_rows(int with_maps)
{
	const size_t nr =
		sizeof(spawn_asked_faults) / sizeof(spawn_asked_faults[0]);

	for (size_t i = 0; i < nr; i++)
		if (wants_maps(&spawn_asked_faults[i]) == with_maps)
			run_row(&spawn_asked_faults[i]);
	check_case("");
}

/* Whether everybody may have a user namespace here. */
static int has_maps(void)
{
	struct shim_spawn child;

	ask("maps");
	return start_asked(&child) == 0 && end_of(&child) == 0;
}

#define NEEDS_MAPS()                                                          \
	do {                                                                  \
		if (!has_maps())                                              \
			SKIP("no such namespaces here, or no right to them"); \
	} while (0)

static void a_start_fails_as_the_table_says(void)
{
	run_rows(0);
}

static void a_start_with_maps_fails_as_the_table_says(void)
{
	NEEDS_MAPS();
	run_rows(1);
}

/* A script of the shell that does this, as a path. Returns its descriptor. */
static int put_script(const char *text, char path[PATH_MAX])
{
	static const char head[] = "#!/bin/sh\n";
	int writes = (int)shim_memfd_create("script", 0), fd;
	char *end = put_number(path + 6, (uint64_t)shim_getpid());

	path[0] = '/', path[1] = 'p', path[2] = 'r', path[3] = 'o';
	path[4] = 'c', path[5] = '/';
	for (const char *s = "/fd/"; *s; s++)
		*end++ = *s;
	put_number(end, (uint64_t)writes);
	CHECK_EQ(write_all(writes, head, sizeof(head) - 1), 0);
	CHECK_EQ(write_all(writes, text, text_length(text)), 0);
	/* What is open for writing is not executed. */
	fd = (int)shim_openat(SHIM_AT_FDCWD, path,
			      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	shim_close(writes);
	put_number(end, (uint64_t)fd);
	return fd;
}

static void run_program(const struct spawn_map_programs *row, int of_groups)
{
	const char *program = row->program;
	char path[PATH_MAX] = "";
	struct state before = state_now();
	struct shim_spawn child;
	int fd = -1;

	check_case(program);
	if (*program != '/') {
		fd = put_script(program, path);
		program = path;
	}
	ask("maps");
	if (of_groups)
		all.options.newgidmap = program;
	else
		all.options.newuidmap = program;
	CHECK_EQ(start_asked(&child), row->want);
	CHECK(child.failed &&
	      same(child.failed, of_groups ? "newgidmap" : "newuidmap"));
	forget();
	if (fd >= 0)
		shim_close(fd);
	check_state(&before);
}

static void a_program_that_writes_no_map_is_told(void)
{
	const size_t nr =
		sizeof(spawn_map_programs) / sizeof(spawn_map_programs[0]);

	NEEDS_MAPS();
	for (size_t i = 0; i < 2 * nr; i++)
		run_program(&spawn_map_programs[i / 2], (int)(i % 2));
	check_case("");
}

/* Calls whose failure is told as the result of another one, or not at all. */
static int is_silent(long nr)
{
	return nr == SHIM_NR_close || nr == SHIM_NR_rt_sigprocmask ||
	       nr == SHIM_NR_close_range || nr == SHIM_NR_pidfd_open ||
	       nr == SHIM_NR_munmap || nr == SHIM_NR_getpid;
}

/* Lets call n of a start fail. Returns whether there was one. */
static int fail_once(const char *asks, const struct world *w, int n, int *err,
		     const struct state *before)
{
	struct shim_spawn child;

	ask(asks);
	world = w;
	fail_call(n, -SHIM_EIO);
	*err = start_asked(&child);
	fault.at = NEVER;
	world = worlds;
	if (*err)
		CHECK(child.failed != NULL);
	else
		CHECK_EQ(end_of(&child), 0);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before->mask, NULL);
	check_state(before);
	return fault.nr >= 0;
}

static void every_call_for_maps_may_fail(void)
{
	const int every = check_small() ? NR_WORLDS - 1 : 1;
	struct state before;

	NEEDS_MAPS();
	before = state_now();
	for (int i = 0; i < 2 * NR_WORLDS; i += every) {
		const struct world *w = &worlds[i % NR_WORLDS];
		int failed = 0, err;

		check_case(w->name);
		for (int n = 0; fail_once(i < NR_WORLDS ? "maps" : "helped", w,
					  n, &err, &before);
		     n++)
			if (err)
				failed++;
			else
				CHECK(is_silent(fault.nr));
		CHECK_EQ(err, 0);
		CHECK(failed > 5);
	}
	check_case("");
}

static const struct check_test spawn_asked_fault_tests[] = {
	{ "a_start_fails_as_the_table_says", a_start_fails_as_the_table_says },
	{ "a_start_with_maps_fails_as_the_table_says",
	  a_start_with_maps_fails_as_the_table_says },
	{ "a_program_that_writes_no_map_is_told",
	  a_program_that_writes_no_map_is_told },
	{ "every_call_for_maps_may_fail", every_call_for_maps_may_fail },
};

CHECK_MAIN(spawn_asked_fault, spawn_asked_fault_tests)
