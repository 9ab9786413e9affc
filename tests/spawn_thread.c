/* SPDX-License-Identifier: MIT */
/*
 * Eight threads start programs at the same time: every child is waited for by
 * the one that started it, every byte arrives, and nothing is left behind.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_threads.h"
#include "spawn_util.h"

struct spawner {
	struct thread thread;
	int number;
	int rounds;
	int wrong;
	_Alignas(16) char memory[4096];
};

static char *environment[] = { NULL };

/* One program that copies what it is fed, or one that is not there. */
static int spawn_once(struct spawner *s, int round)
{
	static const char *const paths[] = { "/bin/cat", "/does/not/exist" };
	char in[16], out[16] = "";
	char *const argv[] = { (char *)"cat", NULL };
	struct shim_spawn_options options = {
		.path = paths[round % 4 == 3],
		.argv = argv,
		.envp = environment,
		.flags = SHIM_SPAWN_IN | SHIM_SPAWN_OUT,
	};
	struct shim_spawn_io io = { .in = in, .out = out, .out_size = 15 };
	struct shim_spawn child;
	int err;

	io.in_size =
		(size_t)(put_number(in, (uint64_t)(s->number * 1000 + round)) -
			 in);
	err = shim_spawn_start(&child, &options, s->memory, sizeof(s->memory));
	if (round % 4 == 3)
		return err != -SHIM_ENOENT;
	if (err)
		return 1;
	err = shim_spawn_capture(&child, &io, NULL);
	return end_of(&child) || err || !same(in, out);
}

static int thread_main(void *arg)
{
	struct spawner *s = arg;

	for (int i = 0; i < s->rounds; i++)
		s->wrong += spawn_once(s, i);
	return 0;
}

static void threads_start_programs_at_once(void)
{
	static struct spawner spawners[NR_THREADS];
	struct state before = state_now();

	for (int i = 0; i < NR_THREADS; i++) {
		spawners[i].number = i;
		spawners[i].rounds = check_small() ? 8 : 100;
		CHECK_FATAL(start_thread(&spawners[i].thread, thread_main,
					 &spawners[i]));
	}
	for (int i = 0; i < NR_THREADS; i++) {
		join_thread(&spawners[i].thread);
		CHECK_EQ(spawners[i].wrong, 0);
	}
	check_state(&before);
}

static const struct check_test spawn_thread_tests[] = {
	{ "threads_start_programs_at_once", threads_start_programs_at_once },
};

CHECK_MAIN(spawn_thread, spawn_thread_tests)
