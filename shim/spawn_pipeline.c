/* SPDX-License-Identifier: MIT */
/* Programs of which each reads what the one before it writes. */
#include <shim/spawn_pipe.h>

#include "spawn_impl.h"

/* What a program may not ask for because the pipeline does. */
static int conflicts(const struct shim_spawn_pipeline *p, size_t i)
{
	unsigned taken = 0;

	if (i > 0)
		taken |= SHIM_SPAWN_IN;
	if (i < p->nr - 1)
		taken |= SHIM_SPAWN_OUT;
	if (p->flags & SHIM_SPAWN_ONE_GROUP)
		taken |= SHIM_SPAWN_SETSID | SHIM_SPAWN_SETPGID;
	return (p->options[i].flags & taken) != 0;
}

static int fail(struct shim_spawn_pipeline *p, size_t i, const char *what,
		long err)
{
	p->failed = i;
	return shim_spawn_fail(&p->children[i], what, err);
}

/* Move it to a number that no program from the first on reads. */
static long dodge(const struct shim_spawn_pipeline *p, size_t first, int *fd)
{
	long err = 0;
	int before;

	if (*fd < 0)
		return 0;
	do {
		before = *fd;
		for (size_t i = first; i < p->nr && !err; i++)
			err = shim_spawn_dodge(&p->options[i], shim_spawn_reads,
					       fd);
	} while (!err && *fd != before);
	return err;
}

/* What is open of one, while those behind it start. */
static int dodge_next(struct shim_spawn_pipeline *p, size_t i)
{
	struct shim_spawn *child = &p->children[i];
	long err = dodge(p, i + 1, &child->pidfd);

	if (!err)
		err = dodge(p, i + 1, &child->in);
	if (!err)
		err = dodge(p, i + 1, &child->err);
	return err ? fail(p, i, "fcntl", err) : 0;
}

/* The pipe from one to the next. */
static int open_pipe(struct shim_spawn_pipeline *p, size_t i, int ends[2])
{
	long err = shim_spawn_pipe(ends, 0, 0);

	if (err)
		return fail(p, i, "pipe2", err);
	err = dodge(p, i, &ends[0]);
	if (!err)
		err = dodge(p, i, &ends[1]);
	if (!err)
		return 0;
	shim_spawn_close_fd(&ends[0]);
	shim_spawn_close_fd(&ends[1]);
	return fail(p, i, "fcntl", err);
}

/* Start one, whose input is *in, which becomes that of the next. */
static int start(struct shim_spawn_pipeline *p, size_t i, int *in)
{
	struct shim_spawn_options options = p->options[i];
	int ends[3] = { *in, -1, -1 }, next[2] = { -1, -1 };
	int err;

	if (i > 0)
		options.flags |= SHIM_SPAWN_IN;
	if (p->flags & SHIM_SPAWN_ONE_GROUP) {
		options.flags |= SHIM_SPAWN_SETPGID;
		options.pgid = i ? p->children[0].pid : 0;
	}
	if (i < p->nr - 1) {
		options.flags |= SHIM_SPAWN_OUT;
		err = open_pipe(p, i, next);
		if (err)
			return err;
		ends[1] = next[1];
	}
	err = shim_spawn_start_between(&p->children[i], &options, ends,
				       p->memory, p->size);
	*in = next[0];
	if (err)
		p->failed = i;
	return err ? err : dodge_next(p, i);
}

static void forget(struct shim_spawn *child)
{
	child->pid = -1;
	child->waited = child->group = 0;
}

/*
 * Kill those that were started, wait for them and close all. infos says how
 * they have ended; NULL: they are forgotten. Returns 0, or the error of the
 * first that cannot be killed, which goes on, and keeps its number and pidfd.
 */
static int finish(struct shim_spawn_pipeline *p, struct shim_siginfo *infos)
{
	const size_t failed = p->failed;
	int first = 0;

	/* The groups, while the numbers are theirs. */
	shim_spawn_pipeline_kill(p, SHIM_SIGKILL);
	p->failed = failed;
	for (size_t i = p->nr; i-- > 0;) {
		struct shim_spawn *child = &p->children[i];
		struct shim_siginfo info;
		const int goes = child->pid > 0 && !child->waited;
		const int err = goes ? shim_spawn_finish(child, &info) : 0;

		shim_spawn_close_pipes(child);
		if (err) {
			first = fail(p, i, "kill", err);
			continue;
		}
		shim_spawn_close(child);
		child->waited = 1;
		if (!infos)
			forget(child);
		else if (goes)
			infos[i] = info;
	}
	return first;
}

/* No child is there yet. Returns whether there shall be any. */
static int begin(struct shim_spawn_pipeline *p)
{
	p->failed = 0;
	for (size_t i = 0; i < p->nr; i++)
		shim_spawn_init(&p->children[i]);
	return p->nr != 0;
}

int shim_spawn_pipeline_start(struct shim_spawn_pipeline *p)
{
	int in = -1, err = 0, killed;

	if (!begin(p))
		return -SHIM_EINVAL;
	if (p->flags & ~(unsigned)SHIM_SPAWN_ONE_GROUP)
		return fail(p, 0, "options: pipeline", -SHIM_EINVAL);
	for (size_t i = 0; i < p->nr; i++)
		if (conflicts(p, i))
			return fail(p, i, "options: pipeline", -SHIM_EINVAL);
	for (size_t i = 0; i < p->nr && !err; i++)
		err = start(p, i, &in);
	shim_spawn_close_fd(&in);
	killed = err ? finish(p, NULL) : 0;
	return killed ? killed : err;
}

static long capture_until(struct shim_spawn_pipeline *p, int64_t end)
{
	struct shim_spawn_capture c = {
		.children = p->children,
		.io = p->io,
		.nr = p->nr,
		.fds = p->memory,
		.end = end,
	};
	long err;

	if (!p->io)
		return 0;
	if (!p->nr || p->size / sizeof(*c.fds) < p->nr + 2)
		return -SHIM_EINVAL;
	err = shim_spawn_capture_all(&c);
	p->failed = c.at;
	return err;
}

/* Wait for one, and not again. */
static long wait_until(struct shim_spawn *child, int64_t end,
		       struct shim_siginfo *info)
{
	struct shim_timespec left;
	long err = 0;

	if (child->waited || child->pid <= 0)
		return 0;
	if (end == SHIM_SPAWN_NEVER)
		return shim_spawn_wait(child, NULL, info);
	err = shim_spawn_time_until(end, &left);
	return err ? err : shim_spawn_wait(child, &left, info);
}

static long wait_all_until(struct shim_spawn_pipeline *p, int64_t end)
{
	long first = 0;

	for (size_t i = p->nr; i-- > 0;) {
		long err = wait_until(&p->children[i], end, &p->infos[i]);

		if (err && !first)
			p->failed = i;
		if (err == -SHIM_ETIMEDOUT)
			return err;
		first = first ? first : err;
	}
	return first;
}

int shim_spawn_pipeline_capture(struct shim_spawn_pipeline *p,
				const struct shim_timespec *timeout)
{
	int64_t end;
	long err = shim_spawn_deadline(timeout, &end);

	return (int)(err ? err : capture_until(p, end));
}

int shim_spawn_pipeline_wait(struct shim_spawn_pipeline *p,
			     const struct shim_timespec *timeout)
{
	int64_t end;
	long err = shim_spawn_deadline(timeout, &end);

	if (err && p->nr)
		return fail(p, 0, "options: timeout", err);
	return (int)(err ? err : wait_all_until(p, end));
}

/* To the group that was made for it, and to it when it may have left that: a
 * second SIGKILL is none. */
static int signal_one(const struct shim_spawn *child, int signal)
{
	int err = -SHIM_ESRCH, alone;

	if (child->group)
		err = shim_spawn_kill_group(child, signal);
	if (!err && signal != SHIM_SIGKILL)
		return 0;
	alone = shim_spawn_kill(child, signal);
	/* A group is reached when one of it is. */
	return err || alone != -SHIM_ESRCH ? alone : 0;
}

int shim_spawn_pipeline_kill(struct shim_spawn_pipeline *p, int signal)
{
	int first = 0, reached = 0;

	for (size_t i = 0; i < p->nr; i++) {
		int err = signal_one(&p->children[i], signal);

		reached |= !err;
		if (err && err != -SHIM_ESRCH && !first) {
			p->failed = i;
			first = err;
		}
		/* A group that is everybody's needs it once. */
		if (!err && !i && signal != SHIM_SIGKILL &&
		    p->flags & SHIM_SPAWN_ONE_GROUP)
			break;
	}
	if (first)
		return first;
	return reached ? 0 : -SHIM_ESRCH;
}

void shim_spawn_pipeline_close(struct shim_spawn_pipeline *p)
{
	for (size_t i = 0; i < p->nr; i++)
		shim_spawn_close(&p->children[i]);
}

int shim_spawn_pipeline_run(struct shim_spawn_pipeline *p,
			    const struct shim_timespec *timeout)
{
	int64_t end;
	long err = shim_spawn_deadline(timeout, &end);
	int killed;

	if (err && begin(p))
		return fail(p, 0, "options: timeout", err);
	if (!err)
		err = shim_spawn_pipeline_start(p);
	if (err)
		return (int)err;
	err = capture_until(p, end);
	if (!err)
		err = wait_all_until(p, end);
	if (!err) {
		shim_spawn_pipeline_close(p);
		return 0;
	}
	killed = finish(p, p->infos);
	return killed ? killed : (int)err;
}
