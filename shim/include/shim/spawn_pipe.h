/* SPDX-License-Identifier: MIT */
/*
 * Pipes, what flows through them, and pipelines of programs.
 *
 *	struct shim_spawn_pipeline p = {
 *		.options = options, .children = children, .io = io,
 *		.infos = infos, .nr = 3,
 *		.memory = memory, .size = sizeof(memory),
 *	};
 *	shim_spawn_pipeline_run(&p, &timeout);
 *
 * Results are 0 or -errno, the caller owns all memory, and one thread at a time
 * uses a struct, as in <shim/spawn.h>.
 */
#ifndef SHIM_SPAWN_PIPE_H
#define SHIM_SPAWN_PIPE_H

#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

/* The size of a flow that goes on to the end. */
#define SHIM_SPAWN_ALL UINT64_MAX

/*
 * What moves from one descriptor to another. The caller sets what comes before
 * moved, and may change it between calls, but for memory that holds bytes
 * (begin is not end); the rest is 0 at first.
 */
struct shim_spawn_flow {
	int from;
	int to;
	int also; /* of shim_spawn_tee() */
	/* How much there is to move; SHIM_SPAWN_ALL: until from ends. */
	uint64_t size;
	/*
	 * Where bytes pass that the kernel cannot move by itself, between two
	 * files, say. NULL: then they are not moved. From a pipe of packets it
	 * must have room for one (4096 bytes), and size end with one: what a
	 * read does not take of a packet the kernel throws away.
	 */
	void *memory;
	size_t memory_size;

	uint64_t moved; /* what has arrived in to */
	uint64_t teed;	/* what has arrived in also */
	/* After an error: "splice", "tee" (about also), "read" or "write". */
	const char *failed;
	/* Of memory: what was read and has not arrived yet. */
	size_t begin, begin_also, end;
	uint64_t owed;	 /* to has not, what also has */
	unsigned copies; /* what the kernel was found not to do in this call */
};

/* Flags of struct shim_spawn_pipeline. */
enum {
	/*
	 * The programs are one process group, which the first makes and the
	 * others join: shim_spawn_kill_group() of the first reaches them all,
	 * and their descendants.
	 */
	SHIM_SPAWN_ONE_GROUP = 1 << 0,
};

/* Programs of which each reads what the one before it writes. */
struct shim_spawn_pipeline {
	/*
	 * Of the first to the last, nr of each. Only the first program may have
	 * SHIM_SPAWN_IN, only the last SHIM_SPAWN_OUT, and all
	 * SHIM_SPAWN_ERR.
	 */
	const struct shim_spawn_options *options;
	struct shim_spawn *children;
	/* NULL: nothing is captured. in is that of the first, out of the last,
	 * err of each. */
	struct shim_spawn_io *io;
	struct shim_siginfo *infos; /* how they have ended */
	size_t nr;
	/* What the start of the greediest takes, and a struct shim_pollfd for
	 * each program and two more. */
	void *memory;
	size_t size;
	unsigned flags; /* SHIM_SPAWN_ONE_GROUP */
	size_t failed;	/* the number, from 0, of the one that an error is of */
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pipe: fds[0] is the end to read from, fds[1] the one to write to, both
 * close-on-exec. size is how much it should hold; 0: as the kernel likes.
 * flags are SHIM_O_NONBLOCK and SHIM_O_DIRECT: each write of up to 4096 bytes
 * is a packet, which one read takes.
 *
 * Returns 0, or -errno and there is no pipe. -EPERM: only who has
 * CAP_SYS_RESOURCE may have more than /proc/sys/fs/pipe-max-size, or, in many
 * pipes, than pipe-user-pages-hard.
 */
int shim_spawn_pipe(int fds[2], int size, unsigned flags);

/* How much a pipe holds, or -errno. Either end will do. */
int shim_spawn_pipe_size(int fd);

/*
 * Let a pipe hold at least size. Returns how much it holds now, or -errno and
 * it is as before: -EPERM as above; -EBUSY when there is more in it.
 */
int shim_spawn_pipe_resize(int fd, int size);

/*
 * Move flow->size bytes, by splice(2), which does not copy them, or else
 * through the memory. Returns 0 when they have arrived, or from has come to its
 * end: then moved is less than size.
 *
 * After an error, -EAGAIN of a non-blocking descriptor among them, moved says
 * how far it came, and the call may be repeated, with another descriptor if
 * need be: nothing gets lost, for what is in memory goes first. EINTR is
 * retried; -EPIPE comes without SIGPIPE. The error that splice(2) has for what
 * it cannot do is the result where there is no memory. -EINVAL: all that is in
 * a pipe or file shall go to its own end; -EIO: a write takes nothing.
 */
int shim_spawn_splice(struct shim_spawn_flow *flow);

/*
 * The same, and also gets every byte, before to does, by tee(2). After an error
 * with also, shim_spawn_splice() goes on without it.
 */
int shim_spawn_tee(struct shim_spawn_flow *flow);

/*
 * Start them all. Beside the pidfds, and the pipes that flags ask for, three
 * descriptors are open at most. Returns 0, or -errno: then those that ran were
 * killed, by SIGKILL, and waited for; nothing is left. failed is which one it
 * was, whose struct says what failed: "options: pipeline" is a flag that it may
 * not have.
 *
 * "kill" is that of a program that cannot be killed, for it is another user's
 * by now (-EPERM), or a filter forbids it. It is not waited for, and its pipes
 * are closed; pid and pidfd remain, for the caller to wait for it and to close
 * it. So it is with each whose pid is not -1. Why the start had failed before
 * says the struct of the one with another word in it.
 */
int shim_spawn_pipeline_start(struct shim_spawn_pipeline *p);

/*
 * shim_spawn_capture() for them together: feed the first, and read all that was
 * asked for. -ENOBUFS is of the one that failed says. It ends as soon as the
 * pipes do; whoever has inherited an end keeps it waiting.
 */
int shim_spawn_pipeline_capture(struct shim_spawn_pipeline *p,
				const struct shim_timespec *timeout);

/*
 * Wait until all have ended, but no longer than timeout, unless that is NULL:
 * from the last to the first, so that the leader of a group goes last. Returns
 * 0, or -ETIMEDOUT, and may be repeated; or the first error, when all were
 * waited for.
 */
int shim_spawn_pipeline_wait(struct shim_spawn_pipeline *p,
			     const struct shim_timespec *timeout);

/*
 * Send a signal to each that was not waited for, and to the groups that were
 * made for them. Returns 0; -ESRCH: there was nobody; or the first error.
 */
int shim_spawn_pipeline_kill(struct shim_spawn_pipeline *p, int signal);

/* shim_spawn_close() for each. */
void shim_spawn_pipeline_close(struct shim_spawn_pipeline *p);

/*
 * Start, capture, wait and close. Whatever goes wrong, -ETIMEDOUT and -ENOBUFS
 * among it, those that still run are killed by SIGKILL, with their groups, and
 * waited for, so that infos says how they have ended. For one program, too.
 *
 * Returns 0 or -errno. One that cannot be killed is the error, "kill", and
 * remains as it does in shim_spawn_pipeline_start(), so that this call always
 * ends. Those that were waited for have waited set in their structs.
 */
int shim_spawn_pipeline_run(struct shim_spawn_pipeline *p,
			    const struct shim_timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif
