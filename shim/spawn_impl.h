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
	int spared; /* it stays as it is: from == to */
	int done;
	unsigned readers; /* moves that still read what to was before */
};

/*
 * Steps that make every move at once: none overwrites what another still
 * reads. Sorts the moves. Returns 0, or -EINVAL.
 */
HIDDEN int shim_spawn_add_moves(struct shim_spawn_program *program,
				struct shim_spawn_move *moves, size_t nr);

/*
 * Steps that close what is above 2 and no move's end. Listed: as steps that
 * shim_spawn_fill() completes.
 */
HIDDEN void shim_spawn_add_close(struct shim_spawn_program *program,
				 const struct shim_spawn_move *moves, size_t nr,
				 int listed);

/* How many steps the two need at most. */
static inline size_t shim_spawn_move_steps(size_t nr)
{
	/* A cycle of two costs three steps. Gaps: one more than ends. */
	return nr + nr / 2 + nr + 1;
}

/* How a program is made where the kernel lacks something. */
struct shim_spawn_how {
	/* Not 0: there is no close_range, and this is its error. */
	int unclosed;
	/* A descriptor of the child that closes by exec, no move's end; -1. */
	int spared;
};

/* shim_spawn_size() and shim_spawn_compile() for that. */
HIDDEN size_t shim_spawn_size_how(const struct shim_spawn_options *options,
				  const struct shim_spawn_how *how);
HIDDEN int shim_spawn_compile_how(const struct shim_spawn_options *options,
				  const int pipes[3],
				  const struct shim_spawn_how *how,
				  void *memory, size_t size,
				  struct shim_spawn_program **program);

/*
 * Fill in what the child, which waits for that, has open and must close.
 * Returns 0 or -errno; then it still waits.
 */
HIDDEN int shim_spawn_fill(const struct shim_spawn *child,
			   struct shim_spawn_program *program);

/* What shim_spawn_launch_how() returns when memory cannot be shared. */
enum { SHIM_SPAWN_NOT_SHARED = 1 };

/*
 * Let a child run the program: in the caller's memory, or in a copy of it, of
 * which only what is mapped shared is common. Returns 0, -errno or
 * SHIM_SPAWN_NOT_SHARED.
 */
HIDDEN int shim_spawn_launch_how(struct shim_spawn *child,
				 struct shim_spawn_program *program, int copy);

/* shim_spawn_start() with a copy of the memory; unclosed as in how. */
HIDDEN int shim_spawn_run_copy(struct shim_spawn *child,
			       const struct shim_spawn_options *options,
			       const int ends[3], int unclosed);

/* What the program came to, now that it is over: as shim_spawn_join(). */
HIDDEN int shim_spawn_outcome(struct shim_spawn *child,
			      const struct shim_spawn_program *program);

/* Take away everything that was started, for a child that is not wanted. */
HIDDEN void shim_spawn_reap(struct shim_spawn *child);

/* End a child that cannot be managed. Returns err, for what. */
HIDDEN int shim_spawn_abandon(struct shim_spawn *child, const char *what,
			      long err);

/* Close *fd, unless it is -1, which it becomes. */
HIDDEN void shim_spawn_close_fd(int *fd);

/* Returns err. */
static inline int shim_spawn_fail(struct shim_spawn *child, const char *what,
				  long err)
{
	child->failed = what;
	return (int)err;
}

/* The kernel is too old for a call, or a filter forbids it. */
static inline int shim_spawn_unavailable(long err)
{
	return err == -SHIM_ENOSYS || err == -SHIM_EPERM ||
	       err == -SHIM_EACCES || err == -SHIM_EOPNOTSUPP;
}

#endif
