/* SPDX-License-Identifier: MIT */
/*
 * What is registered with a ring, on the real kernel, and by requests that use
 * it: buffers, files, rings of buffers, the ring itself, restrictions.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

static struct shim_io_uring_sqe *sqe_of(struct shim_uring *ring)
{
	return shim_uring_get_sqe(ring);
}

/* What was prepared as request 1 results in. */
static int done(struct shim_uring *ring, struct shim_io_uring_sqe *sqe)
{
	shim_uring_sqe_set_data64(sqe, 1);
	return result(ring, 1, NULL);
}

static int file_with(const char *text, size_t n)
{
	int fd = (int)shim_memfd_create("register", SHIM_MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(shim_pwrite64(fd, text, n, 0), (long)n);
	return fd;
}

static void registered_buffers_are_read_and_written(void)
{
	static char a[8] = "abcdefgh", b[8];
	const struct shim_iovec iov[2] = { { a, 8 }, { b, 8 } };
	struct shim_io_uring_sqe *sqe;
	struct shim_uring ring;
	int fd;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	fd = file_with("", 0);
	CHECK_EQ(shim_uring_unregister_buffers(&ring), -SHIM_ENXIO);
	CHECK_EQ(shim_uring_register_buffers(&ring, iov, 2), 0);
	CHECK_EQ(shim_uring_register_buffers(&ring, iov, 2), -SHIM_EBUSY);
	sqe = sqe_of(&ring);
	shim_uring_prep_write_fixed(sqe, fd, a + 2, 6, 0, 0);
	CHECK_EQ(done(&ring, sqe), 6);
	sqe = sqe_of(&ring);
	shim_uring_prep_read_fixed(sqe, fd, b + 1, 7, 0, 1);
	CHECK_EQ(done(&ring, sqe), 6);
	CHECK(b[0] == 0 && b[1] == 'c' && b[6] == 'h');
	sqe = sqe_of(&ring);
	shim_uring_prep_read_fixed(sqe, fd, a, 6, 0, 1);
	CHECK_EQ(done(&ring, sqe), -SHIM_EFAULT);
	CHECK_EQ(shim_uring_unregister_buffers(&ring), 0);
	shim_uring_queue_exit(&ring);
	shim_close(fd);
}

static void a_tag_tells_that_a_buffer_is_free(void)
{
	static char a[8], b[8];
	const struct shim_iovec iov = { a, 8 }, other = { b, 8 };
	const struct shim_iovec none = { NULL, 0 };
	const uint64_t tags[2] = { 0x7461, 0x7462 };
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_register_buffers_tags(&ring, &iov, &tags[0], 1);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(shim_uring_register_buffers_update_tag(&ring, 0, &other,
							&tags[1], 1),
		 1);
	CHECK_EQ(result(&ring, tags[0], NULL), 0);
	/* 6.1 says nothing when all are unregistered. */
	CHECK_EQ(shim_uring_register_buffers_update_tag(&ring, 0, &none, NULL,
							1),
		 1);
	CHECK_EQ(result(&ring, tags[1], NULL), 0);
	CHECK_EQ(shim_uring_unregister_buffers(&ring), 0);
	shim_uring_queue_exit(&ring);
}

static void registered_files_are_read_by_index(void)
{
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	char byte = 0;
	int files[2], none[2] = { -1, SHIM_IORING_REGISTER_FILES_SKIP };

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	files[0] = file_with("0", 1);
	files[1] = file_with("1", 1);
	CHECK_EQ(shim_uring_register_files(&ring, files, 2), 0);
	CHECK_EQ(shim_close(files[1]), 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, 1, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring, sqe), 1);
	CHECK_EQ(byte, '1');
	CHECK_EQ(shim_uring_register_files_update(&ring, 0, none, 1), 1);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, 0, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring, sqe), -SHIM_EBADF);
	CHECK_EQ(shim_uring_register_files_update(&ring, 1, files, 1), 1);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, 1, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring, sqe), 1);
	CHECK_EQ(byte, '0');
	CHECK_EQ(shim_uring_unregister_files(&ring), 0);
	CHECK_EQ(shim_uring_unregister_files(&ring), -SHIM_ENXIO);
	shim_uring_queue_exit(&ring);
	shim_close(files[0]);
}

static void a_file_is_opened_used_and_closed_without_a_descriptor(void)
{
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	char byte = 1;
	int err, slot;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_register_files_sparse(&ring, 4);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	err = shim_uring_register_file_alloc_range(&ring, 2, 2);
	CHECK(!err || lacks(err));
	sqe = sqe_of(&ring);
	shim_uring_prep_openat_direct(sqe, SHIM_AT_FDCWD, "/dev/zero",
				      SHIM_O_RDONLY, 0,
				      SHIM_IORING_FILE_INDEX_ALLOC);
	slot = done(&ring, sqe);
	CHECK(slot >= (err ? 0 : 2) && slot < 4);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, slot, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring, sqe), 1);
	CHECK_EQ(byte, 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_close_direct(sqe, (unsigned)slot);
	CHECK_EQ(done(&ring, sqe), 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, slot, &byte, 1, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_FIXED_FILE);
	CHECK_EQ(done(&ring, sqe), -SHIM_EBADF);
	shim_uring_queue_exit(&ring);
}

enum { GROUP = 7, BUFS = 4, BUF_LEN = 16 };

/* Three messages through two buffers, one of which is given back. */
static void receive(struct shim_uring *ring, struct shim_io_uring_buf_ring *br,
		    char (*bufs)[BUF_LEN], int from, int to)
{
	struct shim_io_uring_sqe *sqe = sqe_of(ring);
	uint32_t flags = 0;

	shim_uring_prep_recv_multishot(sqe, from, NULL, 0, 0);
	shim_uring_sqe_set_flags(sqe, SHIM_IOSQE_BUFFER_SELECT);
	sqe->buf_group = GROUP;
	shim_uring_sqe_set_data64(sqe, 2);
	CHECK_EQ(shim_uring_submit(ring), 1);
	for (int i = 0; i < 3; i++) {
		char c = (char)('a' + i);
		unsigned id;

		CHECK_EQ(shim_write(to, &c, 1), 1);
		CHECK_EQ(result(ring, 2, &flags), 1);
		CHECK(flags & SHIM_IORING_CQE_F_BUFFER);
		CHECK(flags & SHIM_IORING_CQE_F_MORE);
		id = flags >> SHIM_IORING_CQE_BUFFER_SHIFT;
		if (!CHECK(id < BUFS))
			return;
		CHECK_EQ(bufs[id][0], c);
		shim_uring_buf_ring_add(br, bufs[id], BUF_LEN,
					(unsigned short)id,
					shim_uring_buf_ring_mask(BUFS), 0);
		shim_uring_buf_ring_advance(br, 1);
	}
	CHECK_EQ(shim_shutdown(to, SHIM_SHUT_WR), 0);
	CHECK_EQ(result(ring, 2, &flags), 0);
	CHECK(!(flags & SHIM_IORING_CQE_F_MORE));
}

static void a_multishot_receive_takes_provided_buffers(void)
{
	static char bufs[BUFS][BUF_LEN];
	struct shim_io_uring_buf_ring *br;
	struct shim_uring ring;
	uint16_t head = 0;
	int err = 0, pair[2];

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	br = shim_uring_setup_buf_ring(&ring, BUFS, GROUP, 0, &err);
	if (!br && lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_FATAL(br != NULL);
	for (int i = 0; i < 2; i++)
		shim_uring_buf_ring_add(br, bufs[i], BUF_LEN, (unsigned short)i,
					shim_uring_buf_ring_mask(BUFS), i);
	shim_uring_buf_ring_advance(br, 2);
	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, pair),
		 0);
	receive(&ring, br, bufs, pair[0], pair[1]);
	err = shim_uring_buf_ring_head(&ring, GROUP, &head);
	if (!lacks(err)) {
		CHECK_EQ(err, 0);
		CHECK_EQ(head, 3);
	}
	CHECK_EQ(shim_uring_free_buf_ring(&ring, br, BUFS, GROUP), 0);
	err = shim_uring_unregister_buf_ring(&ring, GROUP);
	CHECK(err == -SHIM_ENOENT || err == -SHIM_EINVAL);
	shim_uring_queue_exit(&ring);
	shim_close(pair[0]);
	shim_close(pair[1]);
}

static void a_registered_ring_works_and_may_be_closed(void)
{
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	int n;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	CHECK_EQ(shim_uring_unregister_ring_fd(&ring), -SHIM_EINVAL);
	n = shim_uring_register_ring_fd(&ring);
	if (lacks(n)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(n, 1);
	CHECK_EQ(shim_uring_register_ring_fd(&ring), -SHIM_EEXIST);
	for (int i = 0; i < 3; i++) {
		sqe = sqe_of(&ring);
		shim_uring_prep_nop(sqe);
		CHECK_EQ(done(&ring, sqe), 0);
		if (i == 0) {
			CHECK_EQ(shim_uring_unregister_ring_fd(&ring), 1);
			CHECK_EQ(shim_uring_register_ring_fd(&ring), 1);
		}
		if (i == 1 && ring.features & SHIM_IORING_FEAT_REG_REG_RING) {
			CHECK_EQ(shim_uring_close_ring_fd(&ring), 1);
			CHECK_EQ(shim_uring_close_ring_fd(&ring), -SHIM_EBADF);
			CHECK_EQ(shim_uring_unregister_files(&ring),
				 -SHIM_ENXIO);
		}
	}
	shim_uring_queue_exit(&ring);
}

static void restrictions_forbid_what_they_do_not_name(void)
{
	struct shim_io_uring_restriction only[2] = { 0 };
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	char byte;

	if (no_ring(&ring, 8, SHIM_IORING_SETUP_R_DISABLED))
		SKIP(NONE);
	only[0].opcode = SHIM_IORING_RESTRICTION_SQE_OP;
	only[0].sqe_op = SHIM_IORING_OP_NOP;
	only[1].opcode = SHIM_IORING_RESTRICTION_REGISTER_OP;
	only[1].register_op = SHIM_IORING_REGISTER_ENABLE_RINGS;
	CHECK_EQ(shim_uring_register_restrictions(&ring, only, 2), 0);
	CHECK_EQ(shim_uring_enable_rings(&ring), 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_nop(sqe);
	CHECK_EQ(done(&ring, sqe), 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_read(sqe, 0, &byte, 1, 0);
	CHECK_EQ(done(&ring, sqe), -SHIM_EACCES);
	CHECK_EQ(shim_uring_register_personality(&ring), -SHIM_EACCES);
	shim_uring_queue_exit(&ring);
}

static void a_personality_serves_requests_until_it_is_gone(void)
{
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	int id;

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	id = shim_uring_register_personality(&ring);
	CHECK(id > 0);
	for (int i = 0; i < 2; i++) {
		sqe = sqe_of(&ring);
		shim_uring_prep_nop(sqe);
		sqe->personality = (uint16_t)id;
		CHECK_EQ(done(&ring, sqe), i ? -SHIM_EINVAL : 0);
		CHECK_EQ(shim_uring_unregister_personality(&ring, id),
			 i ? -SHIM_EINVAL : 0);
	}
	shim_uring_queue_exit(&ring);
}

static void workers_are_limited_and_bound_to_cpus(void)
{
	struct shim_uring ring;
	unsigned values[2] = { 3, 5 };
	unsigned long cpus[128];
	long n = shim_sched_getaffinity(0, sizeof(cpus), (void *)cpus);
	int err;

	CHECK(n > 0);
	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	err = shim_uring_register_iowq_max_workers(&ring, values);
	if (lacks(err)) {
		shim_uring_queue_exit(&ring);
		SKIP(LACKS);
	}
	CHECK_EQ(err, 0);
	values[0] = values[1] = 0;
	CHECK_EQ(shim_uring_register_iowq_max_workers(&ring, values), 0);
	CHECK_EQ(values[SHIM_IO_WQ_BOUND], 3);
	CHECK_EQ(values[SHIM_IO_WQ_UNBOUND], 5);
	CHECK_EQ(shim_uring_register_iowq_aff(&ring, (size_t)n, cpus), 0);
	CHECK_EQ(shim_uring_unregister_iowq_aff(&ring), 0);
	shim_uring_queue_exit(&ring);
}

static void a_synchronous_cancel_has_ended_the_request(void)
{
	struct shim_io_uring_sync_cancel_reg reg = { 0 };
	struct shim_uring ring;
	struct shim_io_uring_sqe *sqe;
	int err, pair[2];

	if (no_ring(&ring, 8, 0))
		SKIP(NONE);
	CHECK_EQ(shim_pipe2(pair, SHIM_O_CLOEXEC), 0);
	sqe = sqe_of(&ring);
	shim_uring_prep_poll_add(sqe, pair[0], SHIM_POLLIN);
	shim_uring_sqe_set_data64(sqe, 9);
	CHECK_EQ(shim_uring_submit(&ring), 1);
	reg.addr = 9;
	reg.timeout.tv_sec = reg.timeout.tv_nsec = -1;
	err = shim_uring_register_sync_cancel(&ring, &reg);
	if (!lacks(err)) {
		CHECK_EQ(err, 0);
		CHECK_EQ(result(&ring, 9, NULL), -SHIM_ECANCELED);
		CHECK_EQ(shim_uring_register_sync_cancel(&ring, &reg),
			 -SHIM_ENOENT);
	}
	shim_uring_queue_exit(&ring);
	shim_close(pair[0]);
	shim_close(pair[1]);
	if (lacks(err))
		SKIP(LACKS);
}

#define TEST(name)          \
	{                   \
#name, name \
	}

static const struct check_test uring_register_tests[] = {
	TEST(registered_buffers_are_read_and_written),
	TEST(a_tag_tells_that_a_buffer_is_free),
	TEST(registered_files_are_read_by_index),
	TEST(a_file_is_opened_used_and_closed_without_a_descriptor),
	TEST(a_multishot_receive_takes_provided_buffers),
	TEST(a_registered_ring_works_and_may_be_closed),
	TEST(restrictions_forbid_what_they_do_not_name),
	TEST(a_personality_serves_requests_until_it_is_gone),
	TEST(workers_are_limited_and_bound_to_cpus),
	TEST(a_synchronous_cancel_has_ended_the_request),
};

CHECK_MAIN(uring_register, uring_register_tests)
