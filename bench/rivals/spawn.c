/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>

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
		if (!p->new_user || !unshare(CLONE_NEWUSER))
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

/* What is refused ends the child with its errno. */
static int fork_once(const struct program *p)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (!p->new_user || !unshare(CLONE_NEWUSER))
			execve(p->path.s, p->argv, p->envp);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int fork_batch(void *arg, uint64_t nr_ops)
{
	int err = 0;

	while (nr_ops-- && !err)
		err = fork_once(arg);
	return err;
}

static int run_program(const struct row *row, struct sample *sample,
		       int (*batch)(void *arg, uint64_t nr_ops))
{
	static struct program program;

	program_init(&program, row);
	return measure_program(sample, batch, &program);
}

int run_posix_spawn(const struct row *row, struct sample *sample)
{
	return run_program(row, sample, posix_spawn_batch);
}

int run_vfork(const struct row *row, struct sample *sample)
{
	return run_program(row, sample, vfork_batch);
}

int run_fork(const struct row *row, struct sample *sample)
{
	return run_program(row, sample, fork_batch);
}
