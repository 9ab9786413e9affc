/* SPDX-License-Identifier: MIT */
/*
 * Starting a program where processes cannot share memory: the child gets a copy
 * of it, as after fork, except for a mapping with the steps and the child's
 * last word. The kernel does not say when a process leaves memory of its own,
 * so the child holds a pipe that exec closes.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

static int mentions(const struct shim_spawn_options *o, int fd)
{
	for (size_t i = 0; i < o->nr_fds; i++)
		if (o->fds[i].to == fd)
			return 1;
	return fd < 3 || shim_spawn_reads(o, fd);
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

/* How a child is to run, and in what. */
struct copy {
	const struct shim_spawn_options *options;
	const int *ends;
	struct shim_spawn_how how;
	enum shim_spawn_memory memory;
	int pipe[2];
};

static int run(struct shim_spawn *child, struct copy *copy,
	       struct shim_spawn_program *program, void *helper)
{
	long err = shim_spawn_launch_how(child, program, copy->memory,
					 copy->options->flags);

	if (err)
		return (int)err;
	shim_spawn_close_fd(&copy->pipe[1]);
	err = shim_spawn_attend(child, copy->options, &copy->how, program,
				helper);
	if (err)
		return (int)err;
	err = wait_for_exec(copy->pipe[0]);
	if (err)
		return shim_spawn_abandon(child, NULL, "read", err);
	return shim_spawn_outcome(child, program);
}

static int map_and_run(struct shim_spawn *child, struct copy *copy)
{
	struct shim_spawn_program *program;
	size_t size = shim_spawn_size_how(copy->options, &copy->how);
	size_t all = size + shim_spawn_helper_size(copy->options);
	char *memory = shim_mmap(NULL, all, SHIM_PROT_READ | SHIM_PROT_WRITE,
				 SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS, -1, 0);
	int err = (int)shim_ptr_err(memory);

	if (err)
		return shim_spawn_fail(child, "mmap", err);
	err = shim_spawn_compile_how(copy->options, copy->ends, &copy->how,
				     memory, size, &program);
	err = err ? shim_spawn_fail(child, "options: fds", err)
		  : run(child, copy, program, memory + size);
	shim_munmap(memory, all);
	return err;
}

int shim_spawn_run_copy(struct shim_spawn *child,
			const struct shim_spawn_options *options,
			const int ends[3], const struct shim_spawn_how *how,
			enum shim_spawn_memory memory)
{
	struct copy copy = { options, ends, *how, memory, { -1, -1 } };
	long err = shim_pipe2(copy.pipe, SHIM_O_CLOEXEC);

	if (err)
		return shim_spawn_fail(child, "pipe2", err);
	for (int i = 0; i < 2 && !err; i++)
		err = shim_spawn_dodge(options, mentions, &copy.pipe[i]);
	copy.how.spared = copy.pipe[1];
	err = err ? shim_spawn_fail(child, "fcntl", err)
		  : map_and_run(child, &copy);
	shim_spawn_close_fd(&copy.pipe[0]);
	shim_spawn_close_fd(&copy.pipe[1]);
	return (int)err;
}
