/* SPDX-License-Identifier: MIT */
/*
 * 10,000 random maps of descriptors against a model. The steps are not run, but
 * played on a table of what would be open, and so is exec: each number then has
 * the file that the options name for it, and no other is open. Beside the map,
 * the program may be an open file, in the way or not; descriptors may be kept;
 * one may be spared; there may be no close_range, so that the child waits.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "../shim/spawn_impl.h"
#include "check.h"
#include "spawn_util.h"

enum {
	NR_FDS = 24,	 /* that options speak of */
	TABLE_SIZE = 64, /* with those that steps choose */
	ROUNDS = 10000,
	NOTHING = 0, /* else a file */
};

/* What is open. */
struct table {
	int file[TABLE_SIZE];
	int cloexec[TABLE_SIZE];
};

static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

/* Two of three are open, half of these close-on-exec, but for the first. */
static void open_some(struct table *t)
{
	*t = (struct table){ 0 };
	for (int fd = 0; fd < NR_FDS; fd++) {
		t->file[fd] = random_below(3) ? 100 + fd : NOTHING;
		t->cloexec[fd] = fd > 2 && random_below(2);
	}
}

static int random_open(const struct table *t)
{
	int fd = (int)random_below(NR_FDS);

	for (int i = 0; i < NR_FDS; i++, fd = (fd + 1) % NR_FDS)
		if (t->file[fd])
			return fd;
	return -1;
}

static size_t random_map(struct shim_spawn_fd fds[NR_FDS],
			 const struct table *t, int spared)
{
	size_t want = random_below(NR_FDS / 2), nr = 0;
	uint32_t taken = spared >= 0 ? 1U << spared : 0;

	while (nr < want) {
		int to = (int)random_below(NR_FDS);

		if (taken & 1U << to)
			to = (to + 1) % NR_FDS;
		if (taken & 1U << to)
			continue;
		taken |= 1U << to;
		fds[nr].to = to;
		fds[nr++].from = random_below(8) ? random_open(t) : -1;
	}
	return nr;
}

/* Lets one step happen. Returns 0, or what the kernel would not do. */
static int play_step(struct table *t, const struct shim_spawn_step *step,
		     uint64_t regs[SHIM_SPAWN_NR_REGS])
{
	uint64_t a[6];
	int from, to;

	for (int i = 0; i < 6; i++)
		a[i] = step->flags & (uint32_t)SHIM_SPAWN_STEP_ARG(i)
			       ? regs[step->args[i] & 7]
			       : step->args[i];
	from = (int)a[0];
	to = (int)a[1];
	if (step->nr == SHIM_NR_dup3) {
		if (from == to || !t->file[from])
			return 1;
		t->file[to] = t->file[from];
		t->cloexec[to] = (a[2] & SHIM_O_CLOEXEC) != 0;
	} else if (step->nr == SHIM_NR_fcntl && a[1] == SHIM_F_SETFD) {
		if (!t->file[from])
			return 1;
		t->cloexec[from] = a[2] & SHIM_FD_CLOEXEC;
	} else if (step->nr == SHIM_NR_fcntl) {
		if (a[1] != SHIM_F_DUPFD_CLOEXEC || !t->file[from])
			return 1;
		for (to = (int)a[2]; t->file[to]; to++)
			continue;
		t->file[to] = t->file[from];
		t->cloexec[to] = 1;
		regs[step->flags >> SHIM_SPAWN_STEP_REG_SHIFT & 7] =
			(uint64_t)to;
	} else if (step->nr == SHIM_NR_close_range ||
		   step->flags & SHIM_SPAWN_STEP_EACH) {
		uint64_t last = step->nr == SHIM_NR_close ? a[5] : a[1];

		for (uint64_t fd = a[0]; fd <= last && fd < TABLE_SIZE; fd++)
			t->file[fd] = NOTHING;
	} else if (step->nr == SHIM_NR_close) {
		t->file[from] = NOTHING;
	}
	return 0;
}

/* The file that is executed, or -1 where the steps are wrong. */
static int play_all(struct table *t, const struct shim_spawn_program *p)
{
	uint64_t regs[SHIM_SPAWN_NR_REGS] = { 0 };
	const struct shim_spawn_step *exec = &p->steps[p->nr_steps - 1];
	uint64_t fd = exec->args[0];

	for (uint32_t i = 0; i + 1 < p->nr_steps; i++)
		if (play_step(t, &p->steps[i], regs))
			return -1;
	if (exec->flags & (uint32_t)SHIM_SPAWN_STEP_ARG(0))
		fd = regs[fd & 7];
	return exec->nr == SHIM_NR_execveat ? t->file[fd] : NOTHING;
}

static void play_exec(struct table *t)
{
	for (int fd = 0; fd < TABLE_SIZE; fd++)
		if (t->cloexec[fd])
			t->file[fd] = NOTHING;
}

/* What the options ask for. */
static void expect(struct table *t, const struct table *before,
		   const struct shim_spawn_options *o, int spared)
{
	*t = (struct table){ 0 };
	for (int fd = 0; fd < TABLE_SIZE; fd++)
		if (fd < 3 || (o->flags & SHIM_SPAWN_KEEP_FDS))
			t->file[fd] = before->cloexec[fd] ? NOTHING
							  : before->file[fd];
	/* A program is closed by exec, unless it is one of the first three. */
	if (o->flags & SHIM_SPAWN_EXEC_FD && o->exec_fd > 2)
		t->file[o->exec_fd] = NOTHING;
	if (spared >= 0)
		t->file[spared] = NOTHING;
	for (size_t i = 0; i < o->nr_fds; i++)
		t->file[o->fds[i].to] = o->fds[i].from < 0
						? NOTHING
						: before->file[o->fds[i].from];
}

static int differs(const struct table *a, const struct table *b)
{
	for (int fd = 0; fd < TABLE_SIZE; fd++)
		if (a->file[fd] != b->file[fd])
			return 1;
	return 0;
}

/* Three more are open in the child, which closes them. */
static void open_gate(struct table *t, struct shim_spawn_gate *gate)
{
	int *const ends[] = { &gate->ends[0], &gate->ends[1], &gate->caller };
	int fd = 3;

	for (size_t i = 0; i < 3; i++) {
		while (t->file[fd])
			fd++;
		t->file[fd] = 90;
		t->cloexec[fd] = 1;
		*ends[i] = fd;
	}
}

/* One map. Returns 0, or which part of it is wrong. */
static int try_map(void)
{
	static char *const argv[] = { (char *)"x", NULL };
	static const int pipes[3] = { -1, -1, -1 };
	struct shim_spawn_fd fds[NR_FDS];
	struct shim_spawn_program *program;
	struct shim_spawn_options o = { .argv = argv, .fds = fds };
	struct shim_spawn_how how = {
		.gate = SHIM_SPAWN_NO_GATE,
		.spared = -1,
	};
	struct table before, after, want;
	int file;

	open_some(&before);
	if (!random_below(4)) {
		how.spared = 3 + (int)random_below(NR_FDS - 3);
		before.file[how.spared] = 99;
		before.cloexec[how.spared] = 1;
	}
	how.unclosed = random_below(4) ? 0 : -SHIM_ENOSYS;
	o.nr_fds = random_map(fds, &before, how.spared);
	if (random_below(2) && random_open(&before) >= 0) {
		o.exec_fd = random_open(&before);
		o.flags |= o.exec_fd == how.spared ? 0 : SHIM_SPAWN_EXEC_FD;
	}
	if (!(o.flags & SHIM_SPAWN_EXEC_FD))
		o.path = "x";
	if (!random_below(4))
		o.flags |= SHIM_SPAWN_KEEP_FDS;
	after = before;
	if (how.unclosed)
		open_gate(&after, &how.gate);
	if (shim_spawn_compile_how(&o, pipes, &how, memory, sizeof(memory),
				   &program))
		return 1;
	file = play_all(&after, program);
	if (file != (o.path ? NOTHING : before.file[o.exec_fd]))
		return 2;
	/* Still open, to tell of exec. */
	if (how.spared >= 0 &&
	    (after.file[how.spared] != 99 || !after.cloexec[how.spared]))
		return 3;
	play_exec(&after);
	expect(&want, &before, &o, how.spared);
	return differs(&after, &want) ? 4 : 0;
}

static void random_maps_become_what_the_model_says(void)
{
	int wrong = 0, round = 0;

	for (; round < ROUNDS && !wrong; round++)
		wrong = try_map();
	CHECK_EQ(wrong, 0);
	CHECK_EQ(round, ROUNDS);
}

static const struct check_test spawn_map_tests[] = {
	{ "random_maps_become_what_the_model_says",
	  random_maps_become_what_the_model_says },
};

CHECK_MAIN(spawn_map, spawn_map_tests)
