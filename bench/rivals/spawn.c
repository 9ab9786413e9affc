/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <spawn.h>
#include <sys/wait.h>

#include "../program.h"

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? -EIO : 0;
}

static int posix_spawn_batch(void *arg, uint64_t nr_ops)
{
	const struct program *p = arg;
	int err = 0;

	while (nr_ops-- && !err) {
		pid_t pid;

		err = -posix_spawn(&pid, p->path.s, NULL, NULL, p->argv,
				   p->envp);
		if (!err)
			err = wait_for(pid);
	}
	return err;
}

/* Alone in a function: the child uses its stack frame. */
__attribute__((noinline)) static int vfork_once(const struct program *p)
{
	volatile int err = 0;
	pid_t pid = vfork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execve(p->path.s, p->argv, p->envp);
		err = -errno;
		_exit(127);
	}
	if (err) {
		wait_for(pid);
		return err;
	}
	return wait_for(pid);
}

static int vfork_batch(void *arg, uint64_t nr_ops)
{
	int err = 0;

	while (nr_ops-- && !err)
		err = vfork_once(arg);
	return err;
}

static int run_program(struct sample *sample,
		       int (*batch)(void *arg, uint64_t nr_ops))
{
	static struct program program;

	program_init(&program);
	return measure_program(sample, batch, &program);
}

int run_posix_spawn(const struct row *row, struct sample *sample)
{
	(void)row;
	return run_program(sample, posix_spawn_batch);
}

int run_vfork(const struct row *row, struct sample *sample)
{
	(void)row;
	return run_program(sample, vfork_batch);
}
