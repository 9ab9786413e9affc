/* SPDX-License-Identifier: MIT */
/*
 * Restrictions, and filters (since Linux 7.0), of a ring and of all rings of a
 * task, on the real kernel.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

/* What was prepared results in. */
static int done(struct shim_uring *ring)
{
	struct shim_io_uring_cqe *cqe;
	int res;

	CHECK_EQ(shim_uring_submit_and_wait(ring, 1), 1);
	CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0);
	res = cqe->res;
	shim_uring_cqe_seen(ring, cqe);
	return res;
}

/* The example of shim_uring_security(7). */
static int restrict_to_files(struct shim_uring *ring, int *files, unsigned nr)
{
	struct shim_io_uring_restriction only[] = {
		{ .opcode = SHIM_IORING_RESTRICTION_SQE_OP,
		  .sqe_op = SHIM_IORING_OP_READ },
		{ .opcode = SHIM_IORING_RESTRICTION_SQE_OP,
		  .sqe_op = SHIM_IORING_OP_WRITE },
		{ .opcode = SHIM_IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
		  .sqe_flags = SHIM_IOSQE_FIXED_FILE },
		{ .opcode = SHIM_IORING_RESTRICTION_REGISTER_OP,
		  .register_op = SHIM_IORING_REGISTER_ENABLE_RINGS },
	};
	int err = shim_uring_register_files(ring, files, nr);

	if (!err)
		err = shim_uring_register_restrictions(ring, only, 4);
	return err ? err : shim_uring_enable_rings(ring);
}

static void a_ring_reads_registered_files_and_no_others(void)
{
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	int fd = (int)shim_memfd_create("filter", SHIM_MFD_CLOEXEC);
	char byte = 0;

	if (no_ring(&ring, 8, SHIM_IORING_SETUP_R_DISABLED))
		SKIP(NONE);
	CHECK_EQ(shim_write(fd, "x", 1), 1);
	CHECK_EQ(restrict_to_files(&ring, &fd, 1), 0);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_read(sqe, 0, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring), 1);
	CHECK_EQ(byte, 'x');
	shim_uring_prep_read(shim_uring_get_sqe(&ring), fd, &byte, 1, 0);
	CHECK_EQ(done(&ring), -SHIM_EACCES);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_fsync(sqe, 0, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring), -SHIM_EACCES);
	CHECK_EQ(shim_uring_unregister_files(&ring), -SHIM_EACCES);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
}

/* Whether requests are refused that do nothing. */
static int nop_is_refused(struct shim_uring *ring)
{
	int res;

	shim_uring_prep_nop(shim_uring_get_sqe(ring));
	res = done(ring);
	CHECK(!res || res == -SHIM_EACCES || res == -SHIM_EPERM);
	return res != 0;
}

static struct shim_io_uring_bpf
filter(uint32_t opcode, const struct shim_sock_filter *program, uint32_t len)
{
	struct shim_io_uring_bpf bpf = { .cmd_type =
						 SHIM_IO_URING_BPF_CMD_FILTER };

	bpf.filter.opcode = opcode;
	bpf.filter.filter_len = len;
	bpf.filter.filter_ptr = (uint64_t)(uintptr_t)program;
	return bpf;
}

static const struct shim_sock_filter no = { SHIM_BPF_RET | SHIM_BPF_K, 0, 0,
					    0 };

static void a_filter_refuses_requests(void)
{
	struct shim_io_uring_bpf bpf = filter(SHIM_IORING_OP_NOP, &no, 1);
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, 0))
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

enum { SOCKET_WORDS = 3 };

/* Sockets of this machine, and no others. */
static int filter_sockets(struct shim_uring *ring)
{
	const struct shim_sock_filter program[] = {
		{ SHIM_BPF_LD | SHIM_BPF_W | SHIM_BPF_ABS, 0, 0,
		  offsetof(struct shim_io_uring_bpf_ctx, socket.family) },
		{ SHIM_BPF_JMP | SHIM_BPF_JEQ | SHIM_BPF_K, 0, 1,
		  SHIM_AF_UNIX },
		{ SHIM_BPF_RET | SHIM_BPF_K, 0, 0, 1 },
		{ SHIM_BPF_RET | SHIM_BPF_K, 0, 0, 0 },
	};
	struct shim_io_uring_bpf bpf =
		filter(SHIM_IORING_OP_SOCKET, program, 4);

	bpf.filter.pdu_size = SOCKET_WORDS * sizeof(uint32_t);
	return shim_uring_register_bpf_filter(ring, &bpf);
}

static void a_filter_knows_the_family_of_a_socket(void)
{
	struct shim_uring ring;
	int err, fd;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = filter_sockets(&ring);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	shim_uring_prep_socket(shim_uring_get_sqe(&ring), SHIM_AF_INET,
			       SHIM_SOCK_STREAM, 0, 0);
	CHECK_EQ(done(&ring), -SHIM_EACCES);
	shim_uring_prep_socket(shim_uring_get_sqe(&ring), SHIM_AF_UNIX,
			       SHIM_SOCK_STREAM, 0, 0);
	fd = done(&ring);
	CHECK(fd >= 0);
	shim_close(fd);
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

	if (lacks_ringless(err))
		return CANNOT;
	if (err || no_ring(&ring, 8, 0))
		return 100;
	return nop_is_refused(&ring) ? REFUSED : ALLOWED;
}

static int filter_task(void)
{
	struct shim_io_uring_bpf bpf = filter(SHIM_IORING_OP_NOP, &no, 1);

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

	if (no_ring(&ring, 8, 0))
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
	{ "a_ring_reads_registered_files_and_no_others",
	  a_ring_reads_registered_files_and_no_others },
	{ "a_filter_knows_the_family_of_a_socket",
	  a_filter_knows_the_family_of_a_socket },
	{ "a_filter_refuses_requests", a_filter_refuses_requests },
	{ "a_task_refuses_requests_on_all_its_rings",
	  a_task_refuses_requests_on_all_its_rings },
};

CHECK_MAIN(uring_filter, uring_filter_tests)
