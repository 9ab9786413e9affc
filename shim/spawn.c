/* SPDX-License-Identifier: MIT */
/* Starting a child, and what can be done with one by itself. */
#include <shim/spawn.h>

#include "spawn_impl.h"

const char *shim_spawn_step_name(const struct shim_spawn_step *step)
{
	switch (step->nr) {
	case SHIM_NR_chdir:
		return "chdir";
	case SHIM_NR_chroot:
		return "chroot";
	case SHIM_NR_close:
		return "close";
	case SHIM_NR_close_range:
		return "close_range";
	case SHIM_NR_dup3:
		return "dup3";
	case SHIM_NR_execve:
		return "execve";
	case SHIM_NR_execveat:
		return "execveat";
	case SHIM_NR_fchdir:
		return "fchdir";
	case SHIM_NR_fcntl:
		return "fcntl";
	case SHIM_NR_futex:
		return "futex";
	case SHIM_NR_openat:
		return "openat";
	case SHIM_NR_prctl:
		return "prctl";
	case SHIM_NR_prlimit64:
		return "prlimit64";
	case SHIM_NR_rt_sigaction:
		return "rt_sigaction";
	case SHIM_NR_rt_sigprocmask:
		return "rt_sigprocmask";
	case SHIM_NR_seccomp:
		return "seccomp";
	case SHIM_NR_setpgid:
		return "setpgid";
	case SHIM_NR_setsid:
		return "setsid";
	case SHIM_NR_umask:
		return "umask";
	default:
		return "step";
	}
}

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

void shim_spawn_close(struct shim_spawn *child)
{
	shim_spawn_close_fd(&child->in);
	shim_spawn_close_fd(&child->out);
	shim_spawn_close_fd(&child->err);
	shim_spawn_close_fd(&child->pidfd);
}

/* Each pipe that the flags ask for: the caller's ends go into child. */
static long open_pipes(struct shim_spawn *child, unsigned flags, int ends[3])
{
	int *mine[3] = { &child->in, &child->out, &child->err };
	int fds[2];
	long err;

	for (int i = 0; i < 3; i++) {
		if (!(flags & (unsigned)SHIM_SPAWN_IN << i))
			continue;
		err = shim_pipe2(fds, SHIM_O_CLOEXEC);
		if (err)
			return err;
		/* The program reads 0, and writes 1 and 2. */
		ends[i] = fds[i > 0];
		*mine[i] = fds[i == 0];
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

static int run_shared(struct shim_spawn *child,
		      const struct shim_spawn_options *options,
		      const int ends[3], int unclosed, void *memory,
		      size_t size)
{
	const struct shim_spawn_how how = { unclosed, -1 };
	struct shim_spawn_program *program;
	int err = shim_spawn_compile_how(options, ends, &how, memory, size,
					 &program);

	if (err)
		return shim_spawn_fail(child, "options", err);
	err = shim_spawn_launch_how(child, program, 0);
	if (err)
		return err;
	if (unclosed && shim_spawn_fill(child, program))
		return shim_spawn_abandon(child, "close_range", unclosed);
	return shim_spawn_join(child, program);
}

static int run(struct shim_spawn *child,
	       const struct shim_spawn_options *options, int ends[3],
	       void *memory, size_t size)
{
	long err = open_pipes(child, options->flags, ends);
	int unclosed;

	if (err)
		return shim_spawn_fail(child, "pipe2", err);
	unclosed = no_close_range(options);
	err = run_shared(child, options, ends, unclosed, memory, size);
	if (err == SHIM_SPAWN_NOT_SHARED)
		err = shim_spawn_run_copy(child, options, ends, unclosed);
	return (int)err;
}

int shim_spawn_start(struct shim_spawn *child,
		     const struct shim_spawn_options *options, void *memory,
		     size_t size)
{
	int ends[3] = { -1, -1, -1 };
	int err;

	shim_spawn_init(child);
	err = run(child, options, ends, memory, size);
	for (int i = 0; i < 3; i++)
		shim_spawn_close_fd(&ends[i]);
	if (err)
		shim_spawn_close(child);
	return err;
}

int shim_spawn_pipe(int fds[2], int size)
{
	long err = shim_pipe2(fds, SHIM_O_CLOEXEC);

	if (err || !size)
		return (int)err;
	err = shim_fcntl(fds[0], SHIM_F_SETPIPE_SZ, (unsigned long)size);
	if (err >= 0)
		return 0;
	shim_close(fds[0]);
	shim_close(fds[1]);
	return (int)err;
}
