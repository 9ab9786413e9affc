/* SPDX-License-Identifier: MIT */
/*
 * Making the child that runs a program: in the best way that there is here,
 * which each launch finds out by trying. A way that is refused costs one call.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

#define OFFSET_IS(field, offset)                                     \
	_Static_assert(offsetof(struct shim_spawn_program, field) == \
			       SHIM_SPAWN_PROGRAM_##offset,          \
		       #field)
#define ARGS_OFFSET_IS(field, offset)                             \
	_Static_assert(offsetof(struct shim_clone_args, field) == \
			       SHIM_SPAWN_ARGS_##offset,          \
		       #field)

OFFSET_IS(steps, STEPS);
OFFSET_IS(nr_steps, NR_STEPS);
OFFSET_IS(error, ERROR);
OFFSET_IS(failed, FAILED);
OFFSET_IS(try_error, TRY_ERROR);
OFFSET_IS(try_failed, TRY_FAILED);
OFFSET_IS(regs, REGS);
OFFSET_IS(pause, PAUSE);
OFFSET_IS(heard, HEARD);
OFFSET_IS(action, ACTION);
ARGS_OFFSET_IS(flags, FLAGS);
ARGS_OFFSET_IS(pidfd, PIDFD);
ARGS_OFFSET_IS(child_tid, CHILD_TID);
ARGS_OFFSET_IS(exit_signal, EXIT_SIGNAL);
ARGS_OFFSET_IS(stack, STACK);
ARGS_OFFSET_IS(stack_size, STACK_SIZE);
_Static_assert(sizeof(struct shim_spawn_step) == SHIM_SPAWN_STEP_SIZE, "step");
_Static_assert(offsetof(struct shim_spawn_step, nr) == SHIM_SPAWN_STEP_NR,
	       "nr");
_Static_assert(offsetof(struct shim_spawn_step, flags) == SHIM_SPAWN_STEP_FLAGS,
	       "flags");
_Static_assert(offsetof(struct shim_spawn_step, args) == SHIM_SPAWN_STEP_ARGS,
	       "args");

/*
 * The ways, best first, in this memory and in a copy of it. Without
 * CLONE_PIDFD: kernels that ignore that flag leave pidfd alone, qemu-user
 * refuses it.
 */
enum way {
	CLONE3,
	CLONE,
	NO_PIDFD,
	COPY3,
	COPY,
	COPY_NO_PIDFD,
	NR_WAYS,
};

static const uint64_t flags_of[NR_WAYS] = {
	[CLONE3] = SHIM_CLONE_VM | SHIM_CLONE_CHILD_CLEARTID |
		   SHIM_CLONE_PIDFD | SHIM_CLONE_CLEAR_SIGHAND,
	[CLONE] = SHIM_CLONE_VM | SHIM_CLONE_CHILD_CLEARTID | SHIM_CLONE_PIDFD,
	[NO_PIDFD] = SHIM_CLONE_VM | SHIM_CLONE_CHILD_CLEARTID,
	[COPY3] = SHIM_CLONE_PIDFD | SHIM_CLONE_CLEAR_SIGHAND,
	[COPY] = SHIM_CLONE_PIDFD,
	[COPY_NO_PIDFD] = 0,
};

/* Where to begin, and what is not tried. When memory cannot be shared, it is
 * known that clone3 is of no use. */
static const enum way first[] = {
	[SHIM_SPAWN_SHARED] = CLONE3,
	[SHIM_SPAWN_COPIED] = COPY3,
	[SHIM_SPAWN_UNSHARED] = COPY,
};
static const enum way end_of[] = {
	[SHIM_SPAWN_SHARED] = COPY3,
	[SHIM_SPAWN_COPIED] = NR_WAYS,
	[SHIM_SPAWN_UNSHARED] = NR_WAYS,
};

static int is_clone3(enum way way)
{
	return way == CLONE3 || way == COPY3;
}

/* The kernel does not know the way, or a filter does not like it. */
static int refused(enum way way, long err)
{
	if (is_clone3(way) &&
	    (shim_spawn_unavailable(err) || err == -SHIM_E2BIG))
		return 1;
	return err == -SHIM_EINVAL;
}

/*
 * The signals that are not ignored: another thread may set up a handler for one
 * of them at any moment. Two cannot have any.
 */
static long find_heard(uint64_t *heard)
{
	*heard = 0;
	for (int signal = 1; signal <= 64; signal++) {
		struct shim_sigaction action;
		long err;

		if (signal == SHIM_SIGKILL || signal == SHIM_SIGSTOP)
			continue;
		err = shim_rt_sigaction(signal, NULL, &action);
		if (err)
			return err;
		if ((uintptr_t)action.handler != SHIM_SIG_IGN)
			*heard |= 1UL << (signal - 1);
	}
	return 0;
}

static long try_way(struct shim_spawn *child,
		    struct shim_spawn_program *program, enum way way,
		    unsigned flags)
{
	int pidfd = -1;
	long pid, err;
	struct shim_clone_args args = {
		.flags = flags_of[way] | program->clone_flags,
		.pidfd = shim_spawn_address(&pidfd),
		.child_tid = shim_spawn_address(&program->tid),
		.exit_signal = SHIM_SIGCHLD,
		.stack = shim_spawn_address(program->stack),
		.stack_size = program->stack_size,
		.cgroup = program->cgroup,
	};

	if (flags & SHIM_SPAWN_NO_PIDFD)
		args.flags &= ~(uint64_t)SHIM_CLONE_PIDFD;
	if (!is_clone3(way) && !program->has_heard) {
		err = find_heard(&program->heard);
		if (err)
			return shim_spawn_fail(child, "rt_sigaction", err);
		program->has_heard = 1;
	}
	program->tid = 1;
	pid = shim_spawn_child(&args, is_clone3(way) ? sizeof(args) : 0,
			       program);
	if (pid < 0)
		return shim_spawn_fail(
			child, is_clone3(way) ? "clone3" : "clone", pid);
	/* Not before: the kernel writes a number even when it fails later. */
	child->pid = (int)pid;
	child->pidfd = pidfd;
	child->waited = 0;
	child->failed = NULL;
	return 0;
}

static long try_ways(struct shim_spawn *child,
		     struct shim_spawn_program *program,
		     enum shim_spawn_memory memory, unsigned flags)
{
	const uint64_t cgroup = program->clone_flags & SHIM_CLONE_INTO_CGROUP;
	enum way way = first[memory];
	long err;

	do {
		/* Only clone3 knows cgroups. */
		if (cgroup && !is_clone3(way))
			return SHIM_SPAWN_NO_CGROUP;
		err = try_way(child, program, way, flags);
	} while (err && refused(way, err) && ++way < end_of[memory]);
	return way == COPY3 && memory == SHIM_SPAWN_SHARED
		       ? SHIM_SPAWN_NOT_SHARED
		       : err;
}

/* Where clone gives no pidfd, or none is free, there is none. */
static void open_pidfd(struct shim_spawn *child)
{
	long fd;

	if (child->pidfd >= 0)
		return;
	fd = shim_pidfd_open(child->pid, 0);
	child->pidfd = fd < 0 ? -1 : (int)fd;
}

int shim_spawn_launch_how(struct shim_spawn *child,
			  struct shim_spawn_program *program,
			  enum shim_spawn_memory memory, unsigned flags)
{
	const uint64_t all = ~0UL;
	uint64_t old;
	long err;

	/* clone3 would refuse it with the error of a kernel that is too old. */
	if (!program->stack || !program->stack_size)
		return shim_spawn_fail(child, "options: stack", -SHIM_EINVAL);
	program->has_heard = 0;
	program->heard = 0;
	/* No signal may find the child before exec: it kills the parent on
	 * 5.10 when it dumps core. */
	err = shim_rt_sigprocmask(SHIM_SIG_SETMASK, &all, &old);
	if (err)
		return shim_spawn_fail(child, "rt_sigprocmask", err);
	if (!program->has_mask)
		program->mask = old;
	err = try_ways(child, program, memory, flags);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL);
	if (!err && !(flags & SHIM_SPAWN_NO_PIDFD))
		open_pidfd(child);
	return (int)err;
}

int shim_spawn_launch(struct shim_spawn *child,
		      struct shim_spawn_program *program)
{
	int err = shim_spawn_launch_how(child, program, SHIM_SPAWN_SHARED, 0);

	return err > 0 ? -SHIM_EINVAL : err;
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

int shim_spawn_outcome(struct shim_spawn *child,
		       const struct shim_spawn_program *program)
{
	const char *what = "rt_sigaction";

	if (!program->error)
		return 0;
	shim_spawn_reap(child);
	if (program->failed < program->nr_steps)
		what = shim_spawn_step_name(&program->steps[program->failed]);
	return shim_spawn_fail(child, what, -(long)program->error);
}

int shim_spawn_join(struct shim_spawn *child,
		    struct shim_spawn_program *program)
{
	long err = wait_for_exec(program);

	/* The memory is the caller's again once the child is gone. */
	return err ? shim_spawn_abandon(child, program, "futex", err)
		   : shim_spawn_outcome(child, program);
}
