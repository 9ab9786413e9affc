/* SPDX-License-Identifier: MIT */
/*
 * How a child waits until its parent has done what only it can do: it reads a
 * byte from a pipe. A parent that is killed writes none, and must leave no
 * child that waits for ever in its memory. The end of the pipe says that it is
 * gone; but another child that begins meanwhile has a copy of the pipe's other
 * end, and two that wait may have each other's. So the child looks at the
 * parent's pidfd as well, which holds nothing back. Where there is none, the
 * pipe is all.
 *
 * The signal of the parent's death is no way: it comes when a thread ends, and
 * not at all when the parent has ended before it was asked for.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

void shim_spawn_add_gate(struct shim_spawn_build *b)
{
	const struct shim_spawn_gate *gate = &b->how->gate;

	if (!shim_spawn_waits(b->options, b->how))
		return;
	b->data->wake[0].fd = gate->ends[0];
	b->data->wake[1].fd = gate->caller;
	b->data->wake[0].events = b->data->wake[1].events = SHIM_POLLIN;
	shim_spawn_put(b, SHIM_NR_close, (uint64_t)gate->ends[1], 0, 0, 0);
	shim_spawn_put(b, SHIM_NR_ppoll, shim_spawn_address(b->data->wake), 2,
		       0, 0)
		->flags = SHIM_SPAWN_STEP_WAIT;
	shim_spawn_put(b, SHIM_NR_read, (uint64_t)gate->ends[0],
		       shim_spawn_address(&b->program->filled), 1, 0)
		->flags = SHIM_SPAWN_STEP_WAIT;
	shim_spawn_put(b, SHIM_NR_close, (uint64_t)gate->ends[0], 0, 0, 0);
	if (gate->caller >= 0)
		shim_spawn_put(b, SHIM_NR_close, (uint64_t)gate->caller, 0, 0,
			       0);
}

long shim_spawn_open_gate(struct shim_spawn_gate *gate)
{
	/* After the parent's end there is nothing to read, and no wait. */
	long err = shim_pipe2(gate->ends, SHIM_O_CLOEXEC | SHIM_O_NONBLOCK);
	long fd;

	if (err)
		return err;
	fd = shim_pidfd_open((int)shim_getpid(), 0);
	gate->caller = fd < 0 ? -1 : (int)fd;
	return 0;
}

long shim_spawn_pass_gate(const struct shim_spawn_gate *gate)
{
	long n;

	do
		n = shim_write(gate->ends[1], "\1", 1);
	while (n == -SHIM_EINTR);
	return n < 0 ? n : 0;
}

void shim_spawn_close_gate(struct shim_spawn_gate *gate)
{
	shim_spawn_close_fd(&gate->ends[0]);
	shim_spawn_close_fd(&gate->ends[1]);
	shim_spawn_close_fd(&gate->caller);
}
