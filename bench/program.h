/* SPDX-License-Identifier: MIT */
/*
 * The program that the Spawn rows start: that of the row, or descriptor 4,
 * opened by the driver. Include after the program's calls.h.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include "row.h"
#include "text.h"

#define PROGRAM_FD 4

/* What a row of Spawn starts, with one argument and no environment. */
struct program {
	struct text path;
	/* Not -1: the path is no file's, and this is the program. */
	int fd;
	bool new_user;
	char *argv[2];
	char *envp[1];
};

/* The rows of one rival: in the order of works, and each but for its name. */
#define SPAWN_ROW(impl, program_, path, parent, mib, ns, user, ...)       \
	{                                                                 \
		.name = "BenchmarkSpawn/lang=c/impl=" impl                \
			"/program=" program_ "/parent=" parent "/ns=" ns, \
		.program = path, .parent_mib = mib, .new_user = user,     \
		__VA_ARGS__                                               \
	}
#define SPAWN_ROWS_OF(impl, ns, user, ...)                                   \
	SPAWN_ROW(impl, "tiny", NULL, "10MiB", 10, ns, user, __VA_ARGS__),   \
		SPAWN_ROW(impl, "true", "/bin/true", "10MiB", 10, ns, user,  \
			  __VA_ARGS__),                                      \
		SPAWN_ROW(impl, "tiny", NULL, "1GiB", 1024, ns, user,        \
			  __VA_ARGS__),                                      \
		SPAWN_ROW(impl, "true", "/bin/true", "1GiB", 1024, ns, user, \
			  __VA_ARGS__)

/*
 * argv points into the structure. A new user namespace has no right to
 * /proc/PID of another one, so the path is the file's own.
 */
static inline void program_init(struct program *p, const struct row *row)
{
	long n, fd;

	*p = (struct program){ .fd = -1, .new_user = row->new_user };
	p->argv[0] = p->path.s;
	if (row->program) {
		text_add(&p->path, row->program);
		return;
	}
	n = call_readlink("/proc/self/fd/4", p->path.s, sizeof(p->path.s) - 1);
	if (n < 0)
		return;
	fd = call_open(p->path.s, false);
	if (fd < 0)
		p->fd = PROGRAM_FD;
	else
		call_close((int)fd);
}

/* Measures a batch function on a program, after one attempt: not every kernel
 * allows it. */
static inline int measure_program(struct sample *sample,
				  int (*batch)(void *arg, uint64_t nr_ops),
				  void *arg)
{
	const struct program *p = arg;
	long fd = p->fd < 0 ? call_open(p->path.s, false) : 0;
	int err;

	if (fd < 0)
		return row_skip(sample, "there is no program to start", fd);
	if (p->fd < 0)
		call_close((int)fd);
	err = batch(arg, 1);
	/* user.max_user_namespaces is 0, or all are in use. */
	if (err == -28 && p->new_user)
		return row_skip(sample, "no user namespace is left", err);
	if (err)
		return row_unavailable(sample, "starting a program", err);
	return measure(sample, batch, arg);
}

#endif
