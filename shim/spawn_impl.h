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

struct shim_spawn_how;
struct shim_spawn_move;

/*
 * What a program is made from, and where it grows. What a step points to is the
 * caller's, or of data. Steps are counted first: then program, data and the
 * strings are no block's, and every step is the one of the program.
 */
struct shim_spawn_build {
	const struct shim_spawn_options *options;
	const struct shim_spawn_how *how;
	const int *pipes;
	struct shim_spawn_program *program;
	struct shim_spawn_data *data;
	struct shim_spawn_move *moves;
	char *strings; /* NULL while counting */
	size_t strings_size;
	int program_fd; /* of EXEC_FD, at last */
	uint32_t program_fd_flags;
	int err;
};

/* Registers of the child. */
enum {
	SHIM_SPAWN_KEPT = 0,	/* the descriptor kept of a cycle */
	SHIM_SPAWN_GROUP = 1,	/* the process group, for its terminal */
	SHIM_SPAWN_OPENED = 2,	/* a file that a step has opened */
	SHIM_SPAWN_PROGRAM = 3, /* exec_fd, where it has no fixed number */
};

enum { SHIM_SPAWN_OFFSETS_SIZE = 80 };

/* What steps point to that is not the caller's. */
struct shim_spawn_data {
	struct shim_sigaction ignore;
	struct shim_user_cap_header cap_header;
	struct shim_user_cap_data caps[2];
	const char *argv[2];
	char offsets[SHIM_SPAWN_OFFSETS_SIZE];
	struct shim_pollfd wake[2];
};

/* A step at the end of the program, with its first arguments. */
HIDDEN struct shim_spawn_step *shim_spawn_put(struct shim_spawn_build *b,
					      uint32_t nr, uint64_t first,
					      uint64_t second, uint64_t third,
					      uint64_t fourth);

/* The groups of steps that options ask for, in the order of <shim/spawn.h>. */
HIDDEN void shim_spawn_add_gate(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_cgroup(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_session(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_signals(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_priority(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_namespaces(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_root(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_landlock(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_fds(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_terminal(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_limits(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_identity(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_directory(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_parent(struct shim_spawn_build *b);
HIDDEN void shim_spawn_add_filter(struct shim_spawn_build *b);

/* Whether the child must not share the caller's memory. */
HIDDEN int shim_spawn_copies(const struct shim_spawn_options *options);

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

/* How many moves there are at most, and how many steps the two need. */
static inline size_t shim_spawn_moves(const struct shim_spawn_options *o)
{
	/* Three pipes; what a copy and exec_fd keep open. */
	return o->nr_fds + 5;
}

static inline size_t shim_spawn_move_steps(size_t nr)
{
	/* A cycle of two costs three steps. Gaps: one more than ends. */
	return nr + nr / 2 + nr + 1;
}

/* Where a child waits: the ends of a pipe, and the caller's pidfd, or -1. */
struct shim_spawn_gate {
	int ends[2];
	int caller;
};

/* As an initialiser. */
#define SHIM_SPAWN_NO_GATE     \
	{                      \
		{ -1, -1 }, -1 \
	}

/* Returns 0 or -errno. */
HIDDEN long shim_spawn_open_gate(struct shim_spawn_gate *gate);
HIDDEN void shim_spawn_close_gate(struct shim_spawn_gate *gate);

/* Let the child go on. What was written before, it sees. Returns 0 or -errno.
 */
HIDDEN long shim_spawn_pass_gate(const struct shim_spawn_gate *gate);

/* How a program is made where the kernel lacks something. */
struct shim_spawn_how {
	/* Of those that wait. */
	struct shim_spawn_gate gate;
	/* Not 0: there is no close_range, and this is its error. */
	int unclosed;
	/* A descriptor of the child that closes by exec, no move's end; -1. */
	int spared;
	/* Not 0: clone3 does not put it into the cgroup. */
	int enters;
};

/* shim_spawn_size() and shim_spawn_compile() for that. */
HIDDEN size_t shim_spawn_size_how(const struct shim_spawn_options *options,
				  const struct shim_spawn_how *how);
HIDDEN int shim_spawn_compile_how(const struct shim_spawn_options *options,
				  const int pipes[3],
				  const struct shim_spawn_how *how,
				  void *memory, size_t size,
				  struct shim_spawn_program **program);

/* How much memory, the last of the block, the programs that write maps take. */
HIDDEN size_t shim_spawn_helper_size(const struct shim_spawn_options *options);

/* Fill in what the child has open and must close. Returns 0 or -errno. */
HIDDEN int shim_spawn_fill(const struct shim_spawn *child,
			   struct shim_spawn_program *program);

/*
 * Do what the child waits for, if it does, and let it go on. Returns 0, or the
 * error: then the child is gone. memory has the helper size.
 */
HIDDEN int shim_spawn_attend(struct shim_spawn *child,
			     const struct shim_spawn_options *options,
			     const struct shim_spawn_how *how,
			     struct shim_spawn_program *program, void *memory);

/* Whether it does. */
static inline int shim_spawn_waits(const struct shim_spawn_options *options,
				   const struct shim_spawn_how *how)
{
	return how->unclosed || options->nr_uids || options->nr_gids;
}

/* What shim_spawn_launch_how() returns when memory cannot be shared, or no
 * cgroup be given. */
enum { SHIM_SPAWN_NOT_SHARED = 1, SHIM_SPAWN_NO_CGROUP = 2 };

/* In whose memory a child runs: its parent's, a copy that was asked for, or one
 * because the other could not be had. */
enum shim_spawn_memory {
	SHIM_SPAWN_SHARED,
	SHIM_SPAWN_COPIED,
	SHIM_SPAWN_UNSHARED,
};

/*
 * Let a child run the program: in the caller's memory, or in a copy of it, of
 * which only what is mapped shared is common. Of the options' flags NO_PIDFD
 * counts. Returns 0, -errno or one of the two.
 */
HIDDEN int shim_spawn_launch_how(struct shim_spawn *child,
				 struct shim_spawn_program *program,
				 enum shim_spawn_memory memory, unsigned flags);

/* shim_spawn_start() with a copy of the memory, which is no copy; as in how. */
HIDDEN int shim_spawn_run_copy(struct shim_spawn *child,
			       const struct shim_spawn_options *options,
			       const int ends[3],
			       const struct shim_spawn_how *how,
			       enum shim_spawn_memory memory);

/* What the program came to, now that it is over: as shim_spawn_join(). */
HIDDEN int shim_spawn_outcome(struct shim_spawn *child,
			      const struct shim_spawn_program *program);

/*
 * shim_spawn_start() with the program's ends of pipes that are there already,
 * or -1; their flags must be set. They are closed, whatever it returns.
 */
HIDDEN int shim_spawn_start_between(struct shim_spawn *child,
				    const struct shim_spawn_options *options,
				    int ends[3], void *memory, size_t size);

/* No deadline. */
#define SHIM_SPAWN_NEVER INT64_MAX

/* Whether it is one that the kernel takes: not before zero, no second in it. */
HIDDEN int shim_spawn_is_time(const struct shim_timespec *timeout);

/* When the timeout that begins now is over; NULL: never. Returns 0 or -errno:
 * -EINVAL for what is no time. */
HIDDEN long shim_spawn_deadline(const struct shim_timespec *timeout,
				int64_t *end);

/* How long it is until end. */
HIDDEN long shim_spawn_time_until(int64_t end, struct shim_timespec *left);

/* What a capture is about. */
struct shim_spawn_capture {
	struct shim_spawn *children;
	struct shim_spawn_io *io;
	size_t nr;
	struct shim_pollfd *fds; /* nr and 2 more */
	int64_t end;
	size_t at;  /* which of the children an error is about */
	int broken; /* nobody reads what is written to the first */
};

/* shim_spawn_capture() for several, of which each reads from the one before. */
HIDDEN long shim_spawn_capture_all(struct shim_spawn_capture *c);

/*
 * A write to a pipe that nobody reads sends SIGPIPE to the writing thread: so
 * that is blocked, and what came of it is taken. One that waited before is not
 * ours.
 */
struct shim_spawn_hush {
	uint64_t old, before;
};

HIDDEN long shim_spawn_hush(struct shim_spawn_hush *h);
HIDDEN void shim_spawn_unhush(const struct shim_spawn_hush *h, int broken);

/* Take away everything that was started, for a child that ends. */
HIDDEN void shim_spawn_reap(struct shim_spawn *child);

/*
 * Kill the child and wait for it. Returns 0, or the error of the kill, as of a
 * program that has become another user: then it goes on, unless it has ended.
 */
HIDDEN int shim_spawn_finish(struct shim_spawn *child,
			     struct shim_siginfo *info);

/*
 * End a child that cannot be managed. Returns err, for what. One that cannot be
 * killed either keeps its number, to be waited for. The memory of the program,
 * unless that is NULL, is the caller's again.
 */
HIDDEN int shim_spawn_abandon(struct shim_spawn *child,
			      struct shim_spawn_program *program,
			      const char *what, long err);

/* Whether the child reads what the caller has as that descriptor. */
HIDDEN int shim_spawn_reads(const struct shim_spawn_options *o, int fd);

/*
 * Move a descriptor to a number that the options do not mention: one that they
 * do, and that is closed, must not be this one. Returns 0 or -errno.
 */
HIDDEN long shim_spawn_dodge(const struct shim_spawn_options *options,
			     int (*mentions)(const struct shim_spawn_options *o,
					     int fd),
			     int *fd);

/* Close *fd, unless it is -1, which it becomes. */
HIDDEN void shim_spawn_close_fd(int *fd);

/* The caller's ends of the pipes. */
HIDDEN void shim_spawn_close_pipes(struct shim_spawn *child);

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
