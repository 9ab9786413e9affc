/* SPDX-License-Identifier: MIT */
/*
 * The program that the Spawn rows start: descriptor 4, opened by the driver.
 * Include after the program's calls.h.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include "row.h"
#include "text.h"

/* What a row of Spawn starts, with one argument and no environment. */
struct program {
	struct text path;
	char *argv[2];
	char *envp[1];
};

/*
 * The path is by our own number, for a child may close what it inherits before
 * it runs the program. argv points into the structure.
 */
static inline void program_init(struct program *p)
{
	*p = (struct program){ 0 };
	text_add(&p->path, "/proc/");
	text_add_number(&p->path, (uint64_t)call_getpid());
	text_add(&p->path, "/fd/4");
	p->argv[0] = p->path.s;
}

/* Measures a batch function on a program, after one attempt: not every kernel
 * allows it. */
static inline int measure_program(struct sample *sample,
				  int (*batch)(void *arg, uint64_t nr_ops),
				  void *arg)
{
	const struct program *p = arg;
	long fd = call_open(p->path.s, false);
	int err;

	if (fd < 0)
		return row_skip(sample, "there is no program to start", fd);
	call_close((int)fd);
	err = batch(arg, 1);
	if (err)
		return row_unavailable(sample, "starting a program", err);
	return measure(sample, batch, arg);
}

#endif
