/* SPDX-License-Identifier: MIT */
#include "spawn_rows.h"

#include <shim/spawn.h>

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
		.path = p->fd < 0 ? p->path.s : NULL,
		.argv = p->argv,
		.envp = p->envp,
		.flags = SHIM_SPAWN_NO_PIDFD |
			 (p->fd < 0 ? 0 : SHIM_SPAWN_EXEC_FD),
		.exec_fd = p->fd,
		.namespaces = p->new_user ? SHIM_CLONE_NEWUSER : 0,
	};
	int err = 0;

	while (nr_ops-- && !err)
		err = spawn_once(&options);
	return err;
}

int run_spawn(const struct row *row, struct sample *sample)
{
	static struct program program;

	program_init(&program, row);
	return measure_program(sample, spawn_batch, &program);
}
