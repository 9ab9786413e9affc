/* SPDX-License-Identifier: MIT */
/* What the files of spawn have in common. */
#ifndef SHIM_SPAWN_IMPL_H
#define SHIM_SPAWN_IMPL_H

#include <shim/spawn.h>

#include "znr.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* The number of an argument, as a register has it. */
static inline uint64_t shim_spawn_address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* A step at the end of the program, all zero but its number. */
HIDDEN struct shim_spawn_step *
shim_spawn_add(struct shim_spawn_program *program, uint32_t nr);

/* A descriptor on its way; what the new program gets, in the order of to. */
struct shim_spawn_move {
	int from; /* -1: nothing */
	int to;
	int done;
	unsigned readers; /* moves that still read what to was before */
};

/*
 * Steps that make every move at once: none overwrites what another still
 * reads. Sorts the moves. Returns 0, or -EINVAL.
 */
HIDDEN int shim_spawn_add_moves(struct shim_spawn_program *program,
				struct shim_spawn_move *moves, size_t nr);

/* Steps that close what is above 2 and no move's end. */
HIDDEN void shim_spawn_add_close(struct shim_spawn_program *program,
				 const struct shim_spawn_move *moves,
				 size_t nr);

/* How many steps the two need at most. */
static inline size_t shim_spawn_move_steps(size_t nr)
{
	/* A cycle of two costs three steps. Gaps: one more than ends. */
	return nr + nr / 2 + nr + 1;
}

/* Take away everything that was started, for a child that is not wanted. */
HIDDEN void shim_spawn_reap(struct shim_spawn *child);

/* Close *fd, unless it is -1, which it becomes. */
HIDDEN void shim_spawn_close_fd(int *fd);

#endif
