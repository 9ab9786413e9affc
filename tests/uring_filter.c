/* SPDX-License-Identifier: MIT */
/*
 * Filters and restrictions, of a ring and of all rings of a task, on the real
 * kernel, since Linux 7.0: requests that do nothing are refused.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

#define NONE "this kernel has no io_uring, or forbids it"
#define LACKS "this kernel cannot register that"

static int no_ring(struct shim_uring *ring, unsigned flags)
{
	int err = shim_uring_queue_init(8, ring, flags);

	CHECK(!err || err == -SHIM_ENOSYS || err == -SHIM_EPERM ||
	      (flags && err == -SHIM_EINVAL));
	return err;
}

static int lacks(int err)
{
	return err == -SHIM_EINVAL || err == -SHIM_ENOSYS ||
	       err == -SHIM_EOPNOTSUPP || err == -SHIM_EBADF;
}

/* Whether requests are refused that do nothing. */
static int nop_is_refused(struct shim_uring *ring)
{
	struct shim_io_uring_cqe *cqe;
	int res;

	shim_uring_prep_nop(shim_uring_get_sqe(ring));
	CHECK_EQ(shim_uring_submit_and_wait(ring, 1), 1);
	CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0);
	res = cqe->res;
	shim_uring_cqe_seen(ring, cqe);
	CHECK(!res || res == -SHIM_EACCES || res == -SHIM_EPERM);
	return res != 0;
}

/* A program of one instruction: no. */
static struct shim_io_uring_bpf deny(uint32_t opcode,
				     struct shim_sock_filter *program)
{
	struct shim_io_uring_bpf bpf = { .cmd_type =
						 SHIM_IO_URING_BPF_CMD_FILTER };

	*program =
		(struct shim_sock_filter){ SHIM_BPF_RET | SHIM_BPF_K, 0, 0, 0 };
	bpf.filter.opcode = opcode;
	bpf.filter.filter_len = 1;
	bpf.filter.filter_ptr = (uint64_t)(uintptr_t)program;
	return bpf;
}

static void a_filter_refuses_requests(void)
{
	struct shim_sock_filter program;
	struct shim_io_uring_bpf bpf = deny(SHIM_IORING_OP_NOP, &program);
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 0))
		SKIP(NONE);
	err = shim_uring_register_bpf_filter(&ring, &bpf);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(nop_is_refused(&ring), 1);
	shim_uring_queue_exit(&ring);
}

/* The result of f in a child: 0 to 255. */
static int in_child(int (*f)(void))
{
	struct shim_clone_args clone = { .exit_signal = SHIM_SIGCHLD };
	int status = -1;
	long pid = shim_clone3(&clone, sizeof(clone));

	if (!pid)
		shim_exit_group(f());
	CHECK(pid > 0);
	CHECK_EQ(shim_wait4((int)pid, &status, 0, NULL), pid);
	CHECK_EQ(status & 0x7f, 0);
	return status >> 8 & 0xff;
}

enum { REFUSED, ALLOWED, CANNOT };

/* In a child, which then has a ring. */
static int restricted(int err)
{
	struct shim_uring ring;

	if (lacks(err))
		return CANNOT;
	if (err || no_ring(&ring, 0))
		return 100;
	return nop_is_refused(&ring) ? REFUSED : ALLOWED;
}

static int filter_task(void)
{
	struct shim_sock_filter program;
	struct shim_io_uring_bpf bpf = deny(SHIM_IORING_OP_NOP, &program);

	shim_prctl(SHIM_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return restricted(shim_uring_register_bpf_filter_task(&bpf));
}

/* Reads, and no other requests. */
static int restrict_task(void)
{
	static union {
		struct shim_io_uring_task_restriction task;
		char room[sizeof(struct shim_io_uring_task_restriction) +
			  sizeof(struct shim_io_uring_restriction)];
	} only;

	only.task.nr_res = 1;
	only.task.restrictions[0].opcode = SHIM_IORING_RESTRICTION_SQE_OP;
	only.task.restrictions[0].sqe_op = SHIM_IORING_OP_READ;
	shim_prctl(SHIM_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return restricted(shim_uring_register_restrictions_task(&only.task));
}

static void a_task_refuses_requests_on_all_its_rings(void)
{
	struct shim_uring ring;
	int filter, restriction;

	if (no_ring(&ring, 0))
		SKIP(NONE);
	filter = in_child(filter_task);
	restriction = in_child(restrict_task);
	/* Not those of its parent. */
	CHECK_EQ(nop_is_refused(&ring), 0);
	shim_uring_queue_exit(&ring);
	if (filter == CANNOT && restriction == CANNOT)
		SKIP(LACKS);
	CHECK_EQ(filter, REFUSED);
	CHECK_EQ(restriction, REFUSED);
}

static const struct check_test uring_filter_tests[] = {
	{ "a_filter_refuses_requests", a_filter_refuses_requests },
	{ "a_task_refuses_requests_on_all_its_rings",
	  a_task_refuses_requests_on_all_its_rings },
};

CHECK_MAIN(uring_filter, uring_filter_tests)
