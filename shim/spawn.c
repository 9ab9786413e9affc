/* SPDX-License-Identifier: MIT */
/*
 * Starting a child, and what can be done with one. The memory of a program of
 * steps is shared with the child until the kernel has made its tid 0; nothing
 * here returns before, except shim_spawn_launch().
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

#define OFFSET_IS(field, offset)                                     \
	_Static_assert(offsetof(struct shim_spawn_program, field) == \
			       SHIM_SPAWN_PROGRAM_##offset,          \
		       #field)

OFFSET_IS(steps, STEPS);
OFFSET_IS(nr_steps, NR_STEPS);
OFFSET_IS(error, ERROR);
OFFSET_IS(failed, FAILED);
OFFSET_IS(try_error, TRY_ERROR);
OFFSET_IS(try_failed, TRY_FAILED);
OFFSET_IS(regs, REGS);
OFFSET_IS(pause, PAUSE);
_Static_assert(sizeof(struct shim_spawn_step) == SHIM_SPAWN_STEP_SIZE, "step");
_Static_assert(offsetof(struct shim_spawn_step, nr) == SHIM_SPAWN_STEP_NR,
	       "nr");
_Static_assert(offsetof(struct shim_spawn_step, flags) == SHIM_SPAWN_STEP_FLAGS,
	       "flags");
_Static_assert(offsetof(struct shim_spawn_step, args) == SHIM_SPAWN_STEP_ARGS,
	       "args");

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
	*child = (struct shim_spawn){ -1, -1, -1, -1, -1, NULL };
}

void shim_spawn_close(struct shim_spawn *child)
{
	shim_spawn_close_fd(&child->in);
	shim_spawn_close_fd(&child->out);
	shim_spawn_close_fd(&child->err);
	shim_spawn_close_fd(&child->pidfd);
}

static long wait_for_end(const struct shim_spawn *child,
			 struct shim_siginfo *info)
{
	long err;

	do
		err = shim_waitid(SHIM_P_PIDFD, child->pidfd, info,
				  SHIM_WEXITED, NULL);
	while (err == -SHIM_EINTR);
	return err;
}

/* Where SIGCHLD is ignored there is nothing to take away. */
void shim_spawn_reap(struct shim_spawn *child)
{
	wait_for_end(child, NULL);
	shim_spawn_close_fd(&child->pidfd);
	child->pid = -1;
}

/* Returns err. */
static int fail(struct shim_spawn *child, const char *what, long err)
{
	child->failed = what;
	return (int)err;
}

int shim_spawn_launch(struct shim_spawn *child,
		      struct shim_spawn_program *program)
{
	const uint64_t all = ~0UL;
	uint64_t old;
	long pid, err;
	int pidfd = -1;
	struct shim_clone_args args = {
		.flags = SHIM_CLONE_VM | SHIM_CLONE_PIDFD |
			 SHIM_CLONE_CLEAR_SIGHAND | SHIM_CLONE_CHILD_CLEARTID,
		.pidfd = shim_spawn_address(&pidfd),
		.child_tid = shim_spawn_address(&program->tid),
		.exit_signal = SHIM_SIGCHLD,
		.stack = shim_spawn_address(program->stack),
		.stack_size = program->stack_size,
	};

	/* No signal may find the child before exec: it kills the parent on
	 * 5.10 when it dumps core. */
	err = shim_rt_sigprocmask(SHIM_SIG_SETMASK, &all, &old);
	if (err)
		return fail(child, "rt_sigprocmask", err);
	if (!program->has_mask)
		program->mask = old;
	program->tid = 1;
	pid = shim_spawn_child(&args, sizeof(args), program);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return fail(child, "clone3", pid);
	child->pid = (int)pid;
	/* Not before: the kernel writes a number even when it fails later. */
	child->pidfd = pidfd;
	return 0;
}

/* The wake comes to a shared futex: FUTEX_PRIVATE_FLAG would miss it. */
static long wait_for_exec(struct shim_spawn_program *program)
{
	uint32_t tid;
	long err = 0;

	/* Acquire: the child's last word comes before the kernel's 0. */
	while ((tid = __atomic_load_n(&program->tid, __ATOMIC_ACQUIRE)) &&
	       (!err || err == -SHIM_EAGAIN || err == -SHIM_EINTR))
		err = shim_futex(&program->tid, SHIM_FUTEX_WAIT, tid, NULL,
				 NULL, 0);
	return tid ? err : 0;
}

int shim_spawn_join(struct shim_spawn *child,
		    struct shim_spawn_program *program)
{
	long err = wait_for_exec(program);

	if (err) {
		/* The memory is the caller's again once the child is gone. */
		shim_spawn_kill(child, SHIM_SIGKILL);
		shim_spawn_reap(child);
		return fail(child, "futex", err);
	}
	if (!program->error)
		return 0;
	shim_spawn_reap(child);
	return fail(child,
		    shim_spawn_step_name(&program->steps[program->failed]),
		    -(long)program->error);
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

static int run(struct shim_spawn *child,
	       const struct shim_spawn_options *options, int ends[3],
	       void *memory, size_t size)
{
	struct shim_spawn_program *program;
	long err = open_pipes(child, options->flags, ends);

	if (err)
		return fail(child, "pipe2", err);
	err = shim_spawn_compile(options, ends, memory, size, &program);
	if (err)
		return fail(child, "options", err);
	err = shim_spawn_launch(child, program);
	return err ? (int)err : shim_spawn_join(child, program);
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

int shim_spawn_wait(struct shim_spawn *child,
		    const struct shim_timespec *timeout,
		    struct shim_siginfo *info)
{
	struct shim_pollfd pidfd = { child->pidfd, SHIM_POLLIN, 0 };
	struct shim_timespec left;
	long n;

	if (timeout) {
		/* The kernel writes back what is left when a signal comes. */
		left = *timeout;
		do
			n = shim_ppoll(&pidfd, 1, &left, NULL);
		while (n == -SHIM_EINTR);
		if (n < 0)
			return fail(child, "ppoll", n);
		if (!n)
			return -SHIM_ETIMEDOUT;
	}
	n = wait_for_end(child, info);
	return n ? fail(child, "waitid", n) : 0;
}

int shim_spawn_kill(const struct shim_spawn *child, int signal)
{
	return (int)shim_pidfd_send_signal(child->pidfd, signal, NULL, 0);
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
