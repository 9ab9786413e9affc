/* SPDX-License-Identifier: MIT */
#include "spawn_rows.h"

#include <shim/spawn.h>

#include "../program.h"

static int spawn_once(const struct shim_spawn_options *options)
{
	static _Alignas(16) char memory[4096];
	struct shim_spawn child;
	struct shim_siginfo info = { 0 };
	int err = shim_spawn_start(&child, options, memory, sizeof(memory));

	if (err)
		return err;
	err = shim_spawn_wait(&child, NULL, &info);
	shim_spawn_close(&child);
	if (!err && (info.si_code != SHIM_CLD_EXITED || info.status))
		return -SHIM_EIO;
	return err;
}

static int spawn_batch(void *arg, uint64_t nr_ops)
{
	const struct program *p = arg;
	const struct shim_spawn_options options = {
		.path = p->path.s,
		.argv = p->argv,
		.envp = p->envp,
	};
	int err = 0;

	while (nr_ops-- && !err)
		err = spawn_once(&options);
	return err;
}

int run_spawn(const struct row *row, struct sample *sample)
{
	static struct program program;

	(void)row;
	program_init(&program);
	return measure_program(sample, spawn_batch, &program);
}
