/* SPDX-License-Identifier: MIT */
/*
 * A program's end in a ring of the caller: as waitid has it, since Linux 6.7,
 * and by what its pidfd polls.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>
#include <shim/uring.h>

#include "check.h"
#include "spawn_util.h"
#include "uring_util.h"

enum { STATUS = 7 };

static int start_seven(struct shim_spawn *child)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7",
			       NULL };
	struct shim_spawn_options o = { .path = "/bin/sh", .argv = argv };

	return shim_spawn_start(child, &o, memory, sizeof(memory));
}

/* The result of the one request that is in the ring. */
static int complete(struct shim_uring *ring)
{
	struct shim_io_uring_cqe *cqe;
	int res, err;

	CHECK_EQ(shim_uring_submit(ring), 1);
	err = shim_uring_wait_cqe(ring, &cqe);
	CHECK_EQ(err, 0);
	if (err)
		return err;
	res = cqe->res;
	shim_uring_cqe_seen(ring, cqe);
	return res;
}

static void waitid_in_a_ring_has_the_end(void)
{
	struct state before = state_now();
	struct shim_siginfo info = { 0 };
	struct shim_spawn child;
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	CHECK_FATAL(start_seven(&child) == 0);
	shim_uring_prep_waitid(shim_uring_get_sqe(&ring), SHIM_P_PID,
			       (unsigned)child.pid, &info, SHIM_WEXITED, 0);
	err = complete(&ring);
	/* Before 6.7. */
	if (err == -SHIM_EINVAL)
		err = (int)shim_waitid(SHIM_P_PID, child.pid, &info,
				       SHIM_WEXITED, NULL);
	CHECK_EQ(err, 0);
	CHECK_EQ(info.pid, child.pid);
	CHECK_EQ(info.si_code, SHIM_CLD_EXITED);
	CHECK_EQ(info.status, STATUS);
	shim_spawn_close(&child);
	shim_uring_queue_exit(&ring);
	check_state(&before);
}

static void a_ring_polls_the_pidfd(void)
{
	struct state before = state_now();
	struct shim_spawn child;
	struct shim_uring ring;

	if (no_ring(&ring, 4, 0))
		SKIP(NONE);
	CHECK_FATAL(start_seven(&child) == 0);
	/* A kernel may have none: then shim_spawn_wait it is. */
	if (child.pidfd >= 0) {
		shim_uring_prep_poll_add(shim_uring_get_sqe(&ring), child.pidfd,
					 SHIM_POLLIN);
		CHECK_EQ(complete(&ring), SHIM_POLLIN);
	}
	CHECK_EQ(end_of(&child), STATUS);
	shim_uring_queue_exit(&ring);
	check_state(&before);
}

static const struct check_test spawn_ring_tests[] = {
	{ "waitid_in_a_ring_has_the_end", waitid_in_a_ring_has_the_end },
	{ "a_ring_polls_the_pidfd", a_ring_polls_the_pidfd },
};

int main(int argc, char **argv, char **envp)
{
	check_envp = envp;
	return check_main("spawn_ring", spawn_ring_tests,
			  sizeof(spawn_ring_tests) /
				  sizeof(spawn_ring_tests[0]),
			  argc, argv, envp);
}
