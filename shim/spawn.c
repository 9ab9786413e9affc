/* SPDX-License-Identifier: MIT */
/* Starting a child, and what can be done with one by itself. */
#include <shim/spawn.h>

#include "spawn_impl.h"

void shim_spawn_close_fd(int *fd)
{
	if (*fd >= 0)
		shim_close(*fd);
	*fd = -1;
}

void shim_spawn_init(struct shim_spawn *child)
{
	*child = (struct shim_spawn){
		.pid = -1,
		.pidfd = -1,
		.in = -1,
		.out = -1,
		.err = -1,
	};
}

void shim_spawn_close_pipes(struct shim_spawn *child)
{
	shim_spawn_close_fd(&child->in);
	shim_spawn_close_fd(&child->out);
	shim_spawn_close_fd(&child->err);
}

void shim_spawn_close(struct shim_spawn *child)
{
	shim_spawn_close_pipes(child);
	shim_spawn_close_fd(&child->pidfd);
}

int shim_spawn_reads(const struct shim_spawn_options *o, int fd)
{
	for (size_t i = 0; i < o->nr_fds; i++)
		if (o->fds[i].from == fd)
			return 1;
	return (o->flags & SHIM_SPAWN_FCHDIR && o->cwd_fd == fd) ||
	       (o->flags & SHIM_SPAWN_EXEC_FD && o->exec_fd == fd) ||
	       (o->flags & SHIM_SPAWN_CGROUP && o->cgroup_fd == fd) ||
	       (o->flags & SHIM_SPAWN_LANDLOCK && o->landlock_fd == fd) ||
	       (o->flags & SHIM_SPAWN_FOREGROUND && o->foreground_fd == fd);
}

long shim_spawn_dodge(const struct shim_spawn_options *options,
		      int (*mentions)(const struct shim_spawn_options *o,
				      int fd),
		      int *fd)
{
	long n;

	while (mentions(options, *fd)) {
		n = shim_fcntl(*fd, SHIM_F_DUPFD_CLOEXEC,
			       (unsigned long)*fd + 1);
		if (n < 0)
			return n;
		shim_close(*fd);
		*fd = (int)n;
	}
	return 0;
}

/* Each pipe that the flags ask for and that is not there: the caller's ends go
 * into child. */
static int open_pipes(struct shim_spawn *child,
		      const struct shim_spawn_options *options, int ends[3])
{
	int *mine[3] = { &child->in, &child->out, &child->err };
	int fds[2];
	long err;

	for (int i = 0; i < 3; i++) {
		if (!(options->flags & (unsigned)SHIM_SPAWN_IN << i) ||
		    ends[i] >= 0)
			continue;
		err = shim_pipe2(fds, SHIM_O_CLOEXEC);
		if (err)
			return shim_spawn_fail(child, "pipe2", err);
		/* The program reads 0, and writes 1 and 2. */
		ends[i] = fds[i > 0];
		*mine[i] = fds[i == 0];
		err = shim_spawn_dodge(options, shim_spawn_reads, &ends[i]);
		if (!err)
			err = shim_spawn_dodge(options, shim_spawn_reads,
					       mine[i]);
		if (err)
			return shim_spawn_fail(child, "fcntl", err);
	}
	return 0;
}

/* The error of close_range when there is none; for no descriptor. */
static int no_close_range(const struct shim_spawn_options *options)
{
	long err;

	if (options->flags & SHIM_SPAWN_KEEP_FDS)
		return 0;
	err = shim_close_range(UINT32_MAX, 0, 0);
	return shim_spawn_unavailable(err) ? (int)err : 0;
}

/* The memory of the programs that write maps is the last of the block. */
static int run_shared(struct shim_spawn *child,
		      const struct shim_spawn_options *options,
		      const int ends[3], const struct shim_spawn_how *how,
		      char *memory, size_t size)
{
	struct shim_spawn_program *program;
	int err = shim_spawn_compile_how(options, ends, how, memory, size,
					 &program);

	if (err)
		return shim_spawn_fail(child, "options: fds", err);
	err = shim_spawn_launch_how(child, program, SHIM_SPAWN_SHARED,
				    options->flags);
	if (!err)
		err = shim_spawn_attend(child, options, how, program,
					memory + size);
	return err ? err : shim_spawn_join(child, program);
}

/* Where and as the options want it; the rest is found out. */
static int run_somewhere(struct shim_spawn *child,
			 const struct shim_spawn_options *options,
			 const int ends[3], const struct shim_spawn_how *how,
			 char *memory, size_t size)
{
	int err;

	if (shim_spawn_copies(options))
		return shim_spawn_run_copy(child, options, ends, how,
					   SHIM_SPAWN_COPIED);
	err = run_shared(child, options, ends, how, memory, size);
	if (err == SHIM_SPAWN_NOT_SHARED)
		err = shim_spawn_run_copy(child, options, ends, how,
					  SHIM_SPAWN_UNSHARED);
	return err;
}

static int run(struct shim_spawn *child,
	       const struct shim_spawn_options *options, int ends[3],
	       void *memory, size_t size)
{
	struct shim_spawn_how how = {
		.gate = SHIM_SPAWN_NO_GATE,
		.spared = -1,
	};
	const size_t helper = shim_spawn_helper_size(options);
	long err = open_pipes(child, options, ends);

	if (err)
		return (int)err;
	how.unclosed = no_close_range(options);
	if (shim_spawn_waits(options, &how))
		err = shim_spawn_open_gate(&how.gate);
	if (err)
		return shim_spawn_fail(child, "pipe2", err);
	size -= helper;
	err = run_somewhere(child, options, ends, &how, memory, size);
	if (err == SHIM_SPAWN_NO_CGROUP) {
		how.enters = 1;
		err = run_somewhere(child, options, ends, &how, memory, size);
	}
	shim_spawn_close_gate(&how.gate);
	return (int)err;
}

/* Whether the program is the leader of a new group. */
static int leads(const struct shim_spawn_options *options)
{
	return options->flags & SHIM_SPAWN_SETSID ||
	       (options->flags & (SHIM_SPAWN_SETPGID | SHIM_SPAWN_FOREGROUND) &&
		!options->pgid);
}

int shim_spawn_start_between(struct shim_spawn *child,
			     const struct shim_spawn_options *options,
			     int ends[3], void *memory, size_t size)
{
	const char *wrong = shim_spawn_check(options);
	int err;

	shim_spawn_init(child);
	if (!wrong && ((uintptr_t)memory % sizeof(void *) ||
		       size < shim_spawn_size(options)))
		wrong = "options: memory";
	if (wrong)
		err = shim_spawn_fail(child, wrong, -SHIM_EINVAL);
	else
		err = run(child, options, ends, memory, size);
	for (int i = 0; i < 3; i++)
		shim_spawn_close_fd(&ends[i]);
	if (!err && leads(options))
		child->group = child->pid;
	if (err && child->pid < 0)
		shim_spawn_close(child);
	else if (err)
		shim_spawn_close_pipes(child);
	return err;
}

int shim_spawn_start(struct shim_spawn *child,
		     const struct shim_spawn_options *options, void *memory,
		     size_t size)
{
	int ends[3] = { -1, -1, -1 };

	return shim_spawn_start_between(child, options, ends, memory, size);
}
