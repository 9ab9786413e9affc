/* SPDX-License-Identifier: MIT */
/*
 * Limits of the parent that are reached: no process, or no descriptor, is left
 * for it. Each start ends well, or with the step that failed and its errno, and
 * leaves nothing behind.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"

enum { ROOM_MAX = 16, USER = 64123, STARTS = 20 };

static char *argv_true[] = { (char *)"true", NULL };

static int start_true(struct shim_spawn *child, uint32_t flags)
{
	struct shim_spawn_options o = {
		.path = "/bin/true",
		.argv = argv_true,
		.flags = flags,
	};

	return shim_spawn_start(child, &o, memory, sizeof(memory));
}

static void start_with_room(size_t room, uint32_t flags)
{
	struct state before = state_now();
	struct shim_rlimit64 old;
	struct shim_spawn child;
	int err;

	limit_fds(room, &old);
	err = start_true(&child, flags);
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &old, NULL), 0);
	if (err)
		CHECK_FATAL(child.failed != NULL);
	else
		CHECK_EQ(end_of(&child), 0);
	/* Where close_range is missing, and what is open cannot be listed. */
	if (err && !same(child.failed, "close_range"))
		CHECK_EQ(err, -SHIM_EMFILE);
	/* The ends of three pipes. */
	if (flags && room < 3)
		CHECK_EQ(err, -SHIM_EMFILE);
	if (room == ROOM_MAX)
		CHECK_EQ(err, 0);
	check_state(&before);
}

static int start_with_own_map(struct shim_spawn *child)
{
	const struct shim_spawn_map own = { 0, (uint32_t)shim_geteuid(), 1 };
	const struct shim_spawn_options o = {
		.path = "/bin/true",
		.argv = argv_true,
		.namespaces = SHIM_CLONE_NEWUSER,
		.uids = &own,
		.nr_uids = 1,
	};

	return shim_spawn_start(child, &o, memory, sizeof(memory));
}

/* The ends of what the child waits at come first, then its map. */
static void start_waiting_with_room(size_t room)
{
	struct state before = state_now();
	struct shim_rlimit64 old;
	struct shim_spawn child;
	int err;

	limit_fds(room, &old);
	err = start_with_own_map(&child);
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &old, NULL), 0);
	if (err)
		CHECK_FATAL(child.failed != NULL);
	else
		CHECK_EQ(end_of(&child), 0);
	if (room < 2)
		CHECK(err == -SHIM_EMFILE && same(child.failed, "pipe2"));
	if (err && !same(child.failed, "close_range"))
		CHECK_EQ(err, -SHIM_EMFILE);
	if (room == ROOM_MAX)
		CHECK_EQ(err, 0);
	check_state(&before);
}

static void no_descriptor_is_left_for_a_child_that_waits(void)
{
	struct shim_spawn child;
	int err = start_with_own_map(&child);

	if (is_refusal(err))
		SKIP(NO_NAMESPACES);
	CHECK_FATAL(err == 0);
	CHECK_EQ(end_of(&child), 0);
	for (size_t room = 0; room <= ROOM_MAX; room++)
		start_waiting_with_room(room);
}

static void no_descriptor_is_left(void)
{
	const uint32_t pipes = SHIM_SPAWN_IN | SHIM_SPAWN_OUT | SHIM_SPAWN_ERR;

	for (size_t room = 0; room <= ROOM_MAX; room++) {
		start_with_room(room, 0);
		start_with_room(room, pipes);
	}
}

/* As a user whose only process this is; returns how many things are wrong. */
static int start_too_many(void *arg)
{
	const struct shim_rlimit64 one = { 1, 1 };
	struct state before = state_now();
	struct state now;
	int wrong = arg != NULL;

	if (!shim_geteuid() && shim_setresuid(USER, USER, USER))
		return 101;
	wrong += shim_prlimit64(0, SHIM_RLIMIT_NPROC, &one, NULL) != 0;
	for (int i = 0; i < STARTS; i++) {
		struct shim_spawn child;

		wrong += start_true(&child, 0) != -SHIM_EAGAIN;
		wrong += !child.failed || child.failed[0] != 'c' ||
			 child.failed[1] != 'l';
	}
	now = state_now();
	return wrong + (now.fds != before.fds) + (now.maps != before.maps) +
	       (now.mask != before.mask) + (now.zombies != before.zombies);
}

static void no_process_is_left(void)
{
	struct state before = state_now();

	CHECK_EQ(result_in_copy(start_too_many, NULL), 0);
	check_state(&before);
}

static const struct check_test spawn_limits_tests[] = {
	{ "no_descriptor_is_left", no_descriptor_is_left },
	{ "no_descriptor_is_left_for_a_child_that_waits",
	  no_descriptor_is_left_for_a_child_that_waits },
	{ "no_process_is_left", no_process_is_left },
};

int main(int argc, char **argv, char **envp)
{
	return check_main("spawn_limits", spawn_limits_tests,
			  sizeof(spawn_limits_tests) /
				  sizeof(spawn_limits_tests[0]),
			  argc, argv, envp);
}
