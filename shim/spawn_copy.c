/* SPDX-License-Identifier: MIT */
/*
 * Starting a program where processes cannot share memory: the child gets a copy
 * of it, as after fork, except for a mapping with the steps and the child's
 * last word. The kernel does not say when a process leaves memory of its own,
 * so the child holds a pipe that exec closes.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

static int mentioned(const struct shim_spawn_options *o, long fd)
{
	for (size_t i = 0; i < o->nr_fds; i++)
		if (o->fds[i].from == fd || o->fds[i].to == fd)
			return 1;
	return fd < 3;
}

/* Move the descriptor to a number that the program has nothing to do with. */
static long dodge(const struct shim_spawn_options *options, int *fd)
{
	long n;

	while (mentioned(options, *fd)) {
		n = shim_fcntl(*fd, SHIM_F_DUPFD_CLOEXEC,
			       (unsigned long)*fd + 1);
		if (n < 0)
			return n;
		shim_close(*fd);
		*fd = (int)n;
	}
	return 0;
}

/* Until nobody has the other end. */
static long wait_for_exec(int fd)
{
	char none;
	long n;

	do
		n = shim_read(fd, &none, 1);
	while (n == -SHIM_EINTR);
	return n;
}

static int run(struct shim_spawn *child, struct shim_spawn_program *program,
	       int unclosed, int pipe[2])
{
	long err = shim_spawn_launch_how(child, program, 1);

	if (err)
		return (int)err;
	shim_spawn_close_fd(&pipe[1]);
	if (unclosed && shim_spawn_fill(child, program))
		return shim_spawn_abandon(child, "close_range", unclosed);
	err = wait_for_exec(pipe[0]);
	if (err)
		return shim_spawn_abandon(child, "read", err);
	return shim_spawn_outcome(child, program);
}

static int map_and_run(struct shim_spawn *child,
		       const struct shim_spawn_options *options,
		       const int ends[3], const struct shim_spawn_how *how,
		       int pipe[2])
{
	struct shim_spawn_program *program;
	size_t size = shim_spawn_size_how(options, how);
	void *memory = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
				 SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS, -1, 0);
	int err = (int)shim_ptr_err(memory);

	if (err)
		return shim_spawn_fail(child, "mmap", err);
	err = shim_spawn_compile_how(options, ends, how, memory, size,
				     &program);
	err = err ? shim_spawn_fail(child, "options", err)
		  : run(child, program, how->unclosed, pipe);
	shim_munmap(memory, size);
	return err;
}

int shim_spawn_run_copy(struct shim_spawn *child,
			const struct shim_spawn_options *options,
			const int ends[3], int unclosed)
{
	struct shim_spawn_how how = { unclosed, -1 };
	int pipe[2];
	long err = shim_pipe2(pipe, SHIM_O_CLOEXEC);

	if (err)
		return shim_spawn_fail(child, "pipe2", err);
	err = dodge(options, &pipe[1]);
	how.spared = pipe[1];
	err = err ? shim_spawn_fail(child, "fcntl", err)
		  : map_and_run(child, options, ends, &how, pipe);
	shim_spawn_close_fd(&pipe[0]);
	shim_spawn_close_fd(&pipe[1]);
	return (int)err;
}
