/* SPDX-License-Identifier: MIT */
/*
 * Rings that are more than a ring, on the real kernel: in memory of the
 * caller's, without a descriptor, of entries of two sizes, made larger and
 * smaller; and how much memory they take.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_util.h"

#define NO_SUCH_RING "this kernel cannot set up such a ring"
#define DEFER \
	(SHIM_IORING_SETUP_SINGLE_ISSUER | SHIM_IORING_SETUP_DEFER_TASKRUN)

enum { MEMORY = 1 << 20 };

static char *memory(void)
{
	void *p = shim_mmap(NULL, MEMORY, SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(shim_ptr_err(p), 0);
	return p;
}

static void put_nop(struct shim_uring *ring, uint64_t data)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	if (!CHECK(sqe != NULL))
		return;
	shim_uring_prep_nop(sqe);
	shim_uring_sqe_set_data64(sqe, data);
}

static void take(struct shim_uring *ring, uint64_t data)
{
	struct shim_io_uring_cqe *cqe;

	if (!CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0))
		return;
	CHECK_EQ(cqe->user_data, data);
	CHECK_EQ(cqe->res, 0);
	shim_uring_cqe_seen(ring, cqe);
}

/* Around the queues, more than once. */
static void work(struct shim_uring *ring)
{
	struct shim_io_uring_cqe *cqe;

	for (uint64_t i = 0; i < 40; i += 4) {
		for (uint64_t k = 0; k < 4; k++)
			put_nop(ring, i + k);
		CHECK_EQ(shim_uring_submit_and_wait(ring, 4), 4);
		for (uint64_t k = 0; k < 4; k++)
			take(ring, i + k);
	}
	CHECK_EQ(shim_uring_peek_cqe(ring, &cqe), -SHIM_EAGAIN);
}

/* ---- Memory ---- */

static void a_ring_gets_memory_of_its_own(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, SHIM_IORING_SETUP_NO_MMAP))
		SKIP(NO_SUCH_RING);
	work(&ring);
	shim_uring_queue_exit(&ring);
	if (!no_ring(&ring, 256, SHIM_IORING_SETUP_NO_MMAP)) {
		work(&ring);
		shim_uring_queue_exit(&ring);
	}
}

static void rings_share_the_memory_of_their_user(void)
{
	struct shim_io_uring_params p = { 0 }, q = { 0 };
	struct shim_uring a, b;
	char *mem = memory();
	int n, m;

	for (size_t i = 0; i < MEMORY; i++)
		mem[i] = (char)0xa5;
	n = shim_uring_queue_init_mem(4, &a, &p, mem, MEMORY);
	if (n == -SHIM_EINVAL || n == -SHIM_ENOSYS || n == -SHIM_EPERM) {
		shim_munmap(mem, MEMORY);
		SKIP(NO_SUCH_RING);
	}
	CHECK_EQ(n, shim_uring_memory_size(4, SHIM_IORING_SETUP_NO_MMAP));
	q.flags = SHIM_IORING_SETUP_CQSIZE;
	q.cq_entries = 64;
	CHECK_EQ(shim_uring_memory_size_params(4, &q), n);
	CHECK_EQ(shim_uring_queue_init_mem(4, &b, &q, mem + n, (size_t)n - 1),
		 -SHIM_ENOMEM);
	CHECK_EQ(shim_uring_queue_init_mem(4, &b, &q, mem + n + 64, MEMORY / 2),
		 -SHIM_EINVAL);
	m = shim_uring_queue_init_mem(4, &b, &q, mem + n, (size_t)n);
	CHECK_EQ(m, n);
	CHECK_EQ(b.cq.ring_entries, 64);
	work(&a);
	work(&b);
	shim_uring_queue_exit(&a);
	work(&b);
	shim_uring_queue_exit(&b);
	/* It is the caller's again, and still there. */
	mem[0] = mem[MEMORY - 1] = 0;
	CHECK_EQ(shim_munmap(mem, MEMORY), 0);
}

static void a_ring_needs_no_descriptor(void)
{
	const unsigned flags = SHIM_IORING_SETUP_NO_MMAP |
			       SHIM_IORING_SETUP_REGISTERED_FD_ONLY;
	struct shim_io_uring_probe probe;
	struct shim_uring ring;

	if (no_ring(&ring, 4, flags))
		SKIP(NO_SUCH_RING);
	/* The thread has room for 16 such rings: each exit frees one. */
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(ring.ring_fd, -1);
		work(&ring);
		CHECK_EQ(shim_uring_register_probe(&ring, &probe, 0), 0);
		CHECK(probe.last_op > 0);
		shim_uring_queue_exit(&ring);
		CHECK_EQ(shim_uring_queue_init(4, &ring, flags), 0);
	}
	CHECK_EQ(shim_uring_close_ring_fd(&ring), -SHIM_EBADF);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_uring_queue_init(4, &ring,
				       SHIM_IORING_SETUP_REGISTERED_FD_ONLY),
		 -SHIM_EINVAL);
}

static void a_ring_is_made_of_a_descriptor(void)
{
	struct shim_io_uring_params p = { 0 };
	struct shim_uring ring;
	long fd = shim_io_uring_setup(4, &p);

	if (fd == -SHIM_ENOSYS || fd == -SHIM_EPERM)
		SKIP(NO_SUCH_RING);
	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_uring_queue_mmap(-1, &p, &ring), -SHIM_EBADF);
	CHECK_EQ(shim_uring_queue_mmap((int)fd, &p, &ring), 0);
	CHECK_EQ(ring.ring_fd, fd);
	work(&ring);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close((int)fd), -SHIM_EBADF);
}

/* What mincore says of the ring in a child. */
static int in_child(const struct shim_uring *ring)
{
	struct shim_clone_args clone = { .exit_signal = SHIM_SIGCHLD };
	unsigned char vec[64];
	int status = -1;
	long pid = shim_clone3(&clone, sizeof(clone));

	if (!pid)
		shim_exit_group((int)-shim_mincore(ring->sq.sqes, 1, vec));
	CHECK(pid > 0);
	CHECK_EQ(shim_wait4((int)pid, &status, 0, NULL), pid);
	CHECK_EQ(status & 0x7f, 0);
	return -(status >> 8 & 0xff);
}

static void a_child_does_not_inherit_the_memory(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, 0))
		SKIP(NO_SUCH_RING);
	CHECK_EQ(in_child(&ring), 0);
	CHECK_EQ(shim_uring_ring_dontfork(&ring), 0);
	CHECK_EQ(in_child(&ring), -SHIM_ENOMEM);
	work(&ring);
	shim_uring_queue_exit(&ring);
}

static void sizes_are_those_of_the_kernel(void)
{
	struct shim_io_uring_params p = { 0 };
	struct shim_uring ring;
	long size;

	CHECK_EQ(shim_uring_memory_size(0, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_uring_memory_size(32769, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_uring_memory_size(32769, SHIM_IORING_SETUP_CLAMP),
		 shim_uring_memory_size(32768, 0));
	CHECK_EQ(shim_uring_memory_size(100, 0),
		 shim_uring_memory_size(128, 0));
	p.flags = SHIM_IORING_SETUP_CQSIZE;
	CHECK_EQ(shim_uring_memory_size_params(4, &p), -SHIM_EINVAL);
	p.cq_entries = 2;
	CHECK_EQ(shim_uring_memory_size_params(4, &p), -SHIM_EINVAL);
	CHECK(shim_uring_memory_size(4096, SHIM_IORING_SETUP_SQE128) >=
	      4096 * 128 + 8192 * 16);
	CHECK(shim_uring_memory_size(4096, SHIM_IORING_SETUP_CQE32) >=
	      4096 * 64 + 8192 * 32);
	CHECK_EQ(shim_uring_mlock_size(0, 0), -SHIM_EINVAL);
	if (no_ring(&ring, 128, 0))
		SKIP(NO_SUCH_RING);
	size = (long)(ring.sq.ring_sz + ring.sq.sqes_sz);
	CHECK(shim_uring_memory_size(128, 0) >= size);
	if (ring.features & SHIM_IORING_FEAT_NATIVE_WORKERS)
		CHECK_EQ(shim_uring_mlock_size(128, 0), 0);
	else
		CHECK(shim_uring_mlock_size(128, 0) >= size);
	shim_uring_queue_exit(&ring);
}

/* ---- Entries of two sizes ---- */

/* A nop whose completion has 32 bytes: two words of the SQE come back. */
static void put_nop32(struct shim_uring *ring, uint64_t data)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

	shim_uring_prep_nop(sqe);
	sqe->nop_flags = SHIM_IORING_NOP_CQE32;
	sqe->off = data + 100;
	sqe->addr = data + 200;
	shim_uring_sqe_set_data64(sqe, data);
}

static int is_big(uint64_t i)
{
	return i % 3 == 0;
}

static void check_cqe(const struct shim_io_uring_cqe *cqe, uint64_t i)
{
	CHECK_EQ(cqe->user_data, i);
	CHECK_EQ(cqe->res, 0);
	CHECK_EQ(shim_uring_cqe_nr(cqe), is_big(i) ? 2 : 1);
	if (is_big(i)) {
		CHECK_EQ(cqe[1].user_data, i + 100);
		CHECK_EQ(cqe[1].res, i + 200);
		CHECK_EQ(cqe[1].flags, 0);
	}
}

/* In batches, of which the queue of 8 has room for one. */
static unsigned take_batch(struct shim_uring *ring, uint64_t i)
{
	struct shim_io_uring_cqe *cqes[4];
	unsigned n = shim_uring_peek_batch_cqe(ring, cqes, 4), slots = 0;

	for (unsigned k = 0; k < n; k++) {
		check_cqe(cqes[k], i + k);
		slots += shim_uring_cqe_nr(cqes[k]);
	}
	shim_uring_cq_advance(ring, slots);
	return n;
}

static unsigned take_each(struct shim_uring *ring, uint64_t i)
{
	struct shim_io_uring_cqe *cqe;
	unsigned head, n = 0, slots = 0;

	shim_uring_for_each_cqe(ring, head, cqe)
	{
		slots += shim_uring_cqe_nr(cqe);
		if (cqe->flags & SHIM_IORING_CQE_F_SKIP)
			continue;
		check_cqe(cqe, i + n);
		n++;
	}
	shim_uring_cq_advance(ring, slots);
	return n;
}

static unsigned take_one(struct shim_uring *ring, uint64_t i)
{
	struct shim_io_uring_cqe *cqe;

	if (!CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0))
		return 1;
	check_cqe(cqe, i);
	shim_uring_cqe_seen(ring, cqe);
	return 1;
}

static void completions_of_two_sizes_come_in_order(void)
{
	static unsigned (*const takes[])(struct shim_uring *,
					 uint64_t) = { take_one, take_batch,
						       take_each };
	struct shim_uring ring;

	if (no_ring(&ring, 4, SHIM_IORING_SETUP_CQE_MIXED))
		SKIP(NO_SUCH_RING);
	for (size_t way = 0; way < 3; way++) {
		uint64_t put = 0, got = 0;

		while (got < 200) {
			for (; put < 200 && put < got + 3; put++)
				if (is_big(put))
					put_nop32(&ring, put);
				else
					put_nop(&ring, put);
			if (!CHECK(shim_uring_submit_and_wait(&ring, 1) >= 0))
				return;
			while (got < put)
				got += takes[way](&ring, got);
		}
	}
	shim_uring_queue_exit(&ring);
}

static void requests_of_two_sizes_are_submitted_together(void)
{
	struct shim_io_uring_sqe *sqe;
	struct shim_uring ring;

	if (no_ring(&ring, 8, SHIM_IORING_SETUP_SQE_MIXED))
		SKIP(NO_SUCH_RING);
	for (uint64_t i = 0; i < 60; i += 2) {
		put_nop(&ring, i);
		sqe = shim_uring_get_sqe128(&ring);
		if (!CHECK(sqe != NULL))
			break;
		shim_uring_prep_nop128(sqe);
		shim_uring_sqe_set_data64(sqe, i + 1);
		CHECK(shim_uring_submit_and_wait(&ring, 2) >= 3);
		CHECK_EQ(shim_uring_sq_ready(&ring), 0);
		take(&ring, i);
		take(&ring, i + 1);
	}
	/* It takes two that are next to each other. */
	for (int i = 0; i < 7; i++)
		put_nop(&ring, 0);
	CHECK(!shim_uring_get_sqe128(&ring));
	shim_uring_queue_exit(&ring);
}

static void large_requests_need_a_ring_for_them(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, 0))
		SKIP(NO_SUCH_RING);
	CHECK(!shim_uring_get_sqe128(&ring));
	shim_uring_queue_exit(&ring);
	if (no_ring(&ring, 4, SHIM_IORING_SETUP_SQE128))
		SKIP(NO_SUCH_RING);
	for (int i = 0; i < 4; i++)
		CHECK(shim_uring_get_sqe128(&ring) == &ring.sq.sqes[2 * i]);
	CHECK(!shim_uring_get_sqe128(&ring));
	shim_uring_queue_exit(&ring);
}

/* ---- The first SQE is always the first ---- */

static void a_queue_begins_at_its_start_again(void)
{
	const unsigned flags = SHIM_IORING_SETUP_SQ_REWIND |
			       SHIM_IORING_SETUP_NO_SQARRAY;
	struct shim_io_uring_cqe *cqe;
	struct shim_io_uring_sqe *sqe;
	struct shim_uring ring;

	if (no_ring(&ring, 4, flags))
		SKIP(NO_SUCH_RING);
	work(&ring);
	put_nop(&ring, 1);
	sqe = shim_uring_get_sqe(&ring);
	CHECK(sqe == &ring.sq.sqes[1]);
	shim_uring_prep_nop(sqe);
	sqe->opcode = 255;
	shim_uring_sqe_set_data64(sqe, 2);
	put_nop(&ring, 3);
	put_nop(&ring, 4);
	CHECK(!shim_uring_get_sqe(&ring));
	/* The kernel stops behind the malformed one. */
	CHECK_EQ(shim_uring_submit(&ring), 2);
	CHECK_EQ(shim_uring_sq_ready(&ring), 2);
	take(&ring, 1);
	CHECK_EQ(shim_uring_wait_cqe(&ring, &cqe), 0);
	CHECK_EQ(cqe->user_data, 2);
	CHECK_EQ(cqe->res, -SHIM_EINVAL);
	shim_uring_cqe_seen(&ring, cqe);
	put_nop(&ring, 5);
	CHECK_EQ(shim_uring_submit(&ring), 3);
	CHECK_EQ(shim_uring_submit(&ring), 0);
	take(&ring, 3);
	take(&ring, 4);
	take(&ring, 5);
	work(&ring);
	shim_uring_queue_exit(&ring);
}

/* ---- Larger and smaller ---- */

static int resize(struct shim_uring *ring, unsigned sq, unsigned cq)
{
	struct shim_io_uring_params p = { .sq_entries = sq };
	int err;

	p.flags = cq ? SHIM_IORING_SETUP_CQSIZE : 0;
	p.cq_entries = cq;
	err = shim_uring_resize_rings(ring, &p);
	if (!err)
		CHECK_EQ(ring->sq.ring_entries, p.sq_entries);
	return err;
}

static void a_ring_keeps_what_is_in_it_when_it_grows(void)
{
	struct shim_uring ring;
	int err;

	if (no_ring(&ring, 4, DEFER))
		SKIP(NO_SUCH_RING);
	err = resize(&ring, 8, 0);
	if (err == -SHIM_EINVAL) {
		shim_uring_queue_exit(&ring);
		SKIP("this kernel cannot change the size");
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(ring.sq.ring_entries, 8);
	CHECK_EQ(ring.cq.ring_entries, 16);
	work(&ring);
	for (uint64_t i = 0; i < 8; i++)
		put_nop(&ring, i);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 8), 8);
	put_nop(&ring, 8);
	put_nop(&ring, 9);
	/* Not submitted, not reaped: both stay. */
	CHECK_EQ(resize(&ring, 64, 256), 0);
	CHECK_EQ(ring.cq.ring_entries, 256);
	CHECK_EQ(shim_uring_sq_ready(&ring), 2);
	CHECK_EQ(shim_uring_sq_space_left(&ring), 62);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 10), 2);
	CHECK_EQ(resize(&ring, 4, 4), -SHIM_EOVERFLOW);
	for (uint64_t i = 0; i < 10; i++)
		take(&ring, i);
	CHECK_EQ(resize(&ring, 4, 0), 0);
	CHECK_EQ(ring.sq.ring_entries, 4);
	work(&ring);
	shim_uring_queue_exit(&ring);
}

static void not_each_ring_can_change_its_size(void)
{
	struct shim_uring ring;

	if (no_ring(&ring, 4, 0))
		SKIP(NO_SUCH_RING);
	CHECK_EQ(resize(&ring, 8, 0), -SHIM_EINVAL);
	work(&ring);
	shim_uring_queue_exit(&ring);
	if (no_ring(&ring, 4, DEFER | SHIM_IORING_SETUP_NO_MMAP))
		SKIP(NO_SUCH_RING);
	CHECK_EQ(resize(&ring, 8, 0), -SHIM_EINVAL);
	work(&ring);
	shim_uring_queue_exit(&ring);
}

static const struct check_test uring_setup_tests[] = {
#define TEST(name)          \
	{                   \
#name, name \
	}
	TEST(a_ring_gets_memory_of_its_own),
	TEST(rings_share_the_memory_of_their_user),
	TEST(a_ring_needs_no_descriptor),
	TEST(a_ring_is_made_of_a_descriptor),
	TEST(a_child_does_not_inherit_the_memory),
	TEST(sizes_are_those_of_the_kernel),
	TEST(completions_of_two_sizes_come_in_order),
	TEST(requests_of_two_sizes_are_submitted_together),
	TEST(large_requests_need_a_ring_for_them),
	TEST(a_queue_begins_at_its_start_again),
	TEST(a_ring_keeps_what_is_in_it_when_it_grows),
	TEST(not_each_ring_can_change_its_size),
};

CHECK_MAIN(uring_setup, uring_setup_tests)
