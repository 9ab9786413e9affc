/* SPDX-License-Identifier: MIT */
/* Steps for what a process has: session, terminal, signals, priority, limits.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum { NR_SIGNALS = 64, SIGSET_SIZE = 8 };

/* The terminal's group is that of the child, which it knows only itself: the
 * register is what the kernel reads. */
static void add_foreground(struct shim_spawn_build *b)
{
	const uint64_t *group = &b->program->regs[SHIM_SPAWN_GROUP];

	shim_spawn_put(b, SHIM_NR_getpgid, 0, 0, 0, 0)->flags =
		SHIM_SPAWN_STEP_SAVE | SHIM_SPAWN_STEP_REG(SHIM_SPAWN_GROUP);
	shim_spawn_put(b, SHIM_NR_ioctl, (uint64_t)b->options->foreground_fd,
		       SHIM_TIOCSPGRP, shim_spawn_address(group), 0);
}

void shim_spawn_add_session(struct shim_spawn_build *b)
{
	const unsigned flags = b->options->flags;

	if (flags & SHIM_SPAWN_SETSID)
		shim_spawn_put(b, SHIM_NR_setsid, 0, 0, 0, 0);
	if (flags & (SHIM_SPAWN_SETPGID | SHIM_SPAWN_FOREGROUND))
		shim_spawn_put(b, SHIM_NR_setpgid, 0,
			       (uint64_t)b->options->pgid, 0, 0);
	if (flags & SHIM_SPAWN_FOREGROUND)
		add_foreground(b);
}

/* A step for each run of neighbours. */
static void add_actions(struct shim_spawn_build *b, uint64_t signals,
			const struct shim_sigaction *action)
{
	uint64_t first, last;

	for (first = 1; first <= NR_SIGNALS; first = last + 1) {
		struct shim_spawn_step *step;

		last = first;
		if (!(signals >> (first - 1) & 1))
			continue;
		while (last < NR_SIGNALS && signals >> last & 1)
			last++;
		step = shim_spawn_put(b, SHIM_NR_rt_sigaction, first,
				      shim_spawn_address(action), 0,
				      SIGSET_SIZE);
		step->flags = SHIM_SPAWN_STEP_EACH;
		step->args[5] = last;
	}
}

void shim_spawn_add_signals(struct shim_spawn_build *b)
{
	add_actions(b, b->options->defaults, &b->program->action);
	b->data->ignore.handler = (void *)SHIM_SIG_IGN;
	add_actions(b, b->options->ignore, &b->data->ignore);
}

void shim_spawn_add_priority(struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;

	if (o->flags & SHIM_SPAWN_UMASK)
		shim_spawn_put(b, SHIM_NR_umask, o->umask, 0, 0, 0);
	if (o->flags & SHIM_SPAWN_NICE)
		shim_spawn_put(b, SHIM_NR_setpriority, SHIM_PRIO_PROCESS, 0,
			       (uint64_t)o->nice, 0);
	if (o->sched)
		shim_spawn_put(b, SHIM_NR_sched_setattr, 0,
			       shim_spawn_address(o->sched), 0, 0);
	if (o->cpus)
		shim_spawn_put(b, SHIM_NR_sched_setaffinity, 0, o->cpus_size,
			       shim_spawn_address(o->cpus), 0);
}

/* 1: it may be taken from another session by those who may do that. */
void shim_spawn_add_terminal(struct shim_spawn_build *b)
{
	if (b->options->flags & SHIM_SPAWN_NOCTTY)
		shim_spawn_put(b, SHIM_NR_ioctl, 0, SHIM_TIOCNOTTY, 0, 0);
	if (b->options->flags & SHIM_SPAWN_SETCTTY)
		shim_spawn_put(b, SHIM_NR_ioctl, (uint64_t)b->options->ctty_fd,
			       SHIM_TIOCSCTTY, 1, 0);
}

/* After the descriptors, which may be above the limit. */
void shim_spawn_add_limits(struct shim_spawn_build *b)
{
	for (size_t i = 0; i < b->options->nr_limits; i++) {
		const struct shim_spawn_limit *l = &b->options->limits[i];

		shim_spawn_put(b, SHIM_NR_prlimit64, 0, l->resource,
			       shim_spawn_address(&l->limit), 0);
	}
}

void shim_spawn_add_directory(struct shim_spawn_build *b)
{
	if (b->options->cwd)
		shim_spawn_put(b, SHIM_NR_chdir,
			       shim_spawn_address(b->options->cwd), 0, 0, 0);
}

/* A change of credentials takes the signal back. */
void shim_spawn_add_parent(struct shim_spawn_build *b)
{
	struct shim_spawn_step *step;

	if (b->options->pdeathsig) {
		shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_SET_PDEATHSIG,
			       (uint64_t)b->options->pdeathsig, 0, 0);
		/* A parent that has ended before sends none. */
		step = shim_spawn_put(b, SHIM_NR_getppid, 0, 0, 0, 0);
		step->flags = SHIM_SPAWN_STEP_PARENT;
		step->args[5] = (uint64_t)shim_getpid();
	}
	if (b->options->flags & SHIM_SPAWN_TRACEME)
		shim_spawn_put(b, SHIM_NR_ptrace, SHIM_PTRACE_TRACEME, 0, 0, 0);
}
