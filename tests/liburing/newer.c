/* SPDX-License-Identifier: MIT */
/* What liburing got after 2.3: with an older header it says only that. */
#define _GNU_SOURCE
#include "say.h"

#if LIBURING < 215
int main(void)
{
	puts("liburing.h is older than 2.15");
	return 0;
}
#else
enum { MEMORY = 1 << 20, GROUP = 2 };

static void nops(struct io_uring *ring, int nr)
{
	for (int i = 0; i < nr; i++)
		next_sqe(ring, (unsigned long)i);
	SAY(io_uring_submit_and_wait(ring, (unsigned)nr));
	say_cqes(ring, nr);
}

static void memory(void)
{
	struct io_uring_params p = { 0 };
	struct io_uring ring;
	char *mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int n = io_uring_queue_init_mem(4, &ring, &p, mem, MEMORY);

	printf("in memory: %d\n", n < 0 ? n : 0);
	if (n < 0)
		return;
	printf("%d\n", n <= io_uring_memory_size(4, 0));
	nops(&ring, 3);
	SAY(io_uring_resize_rings(&ring, &p));
	io_uring_queue_exit(&ring);
	memset(&p, 0, sizeof(p));
	SAY(io_uring_queue_init_mem(4, &ring, &p, mem, 4096));
	SAY(io_uring_queue_init(4, &ring, IORING_SETUP_REGISTERED_FD_ONLY));
	if (!SAY(io_uring_queue_init(
		    4, &ring,
		    IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY))) {
		printf("fd %d\n", ring.ring_fd);
		nops(&ring, 3);
		SAY(io_uring_close_ring_fd(&ring));
		SAY(io_uring_unregister_files(&ring));
		io_uring_queue_exit(&ring);
	}
	SAY(io_uring_memory_size(0, 0));
	p.flags = IORING_SETUP_CQSIZE;
	SAY(io_uring_memory_size_params(4, &p));
	munmap(mem, MEMORY);
}

static void resize(void)
{
	struct io_uring_params p = { .sq_entries = 32 };
	struct io_uring ring;

	if (SAY(io_uring_queue_init(4, &ring,
				    IORING_SETUP_SINGLE_ISSUER |
					    IORING_SETUP_DEFER_TASKRUN)))
		return;
	next_sqe(&ring, 5);
	next_sqe(&ring, 6);
	SAY(io_uring_submit_and_wait(&ring, 2));
	SAY(io_uring_resize_rings(&ring, &p));
	printf("%u %u\n", p.sq_entries, p.flags);
	say_cqes(&ring, 2);
	nops(&ring, (int)ring.sq.ring_entries);
	io_uring_queue_exit(&ring);
}

/* Completions of two sizes: those of 32 bytes count twice. */
static void mixed(void)
{
	struct io_uring_cqe *cqes[8];
	struct io_uring ring;

	if (SAY(io_uring_queue_init(4, &ring, IORING_SETUP_CQE_MIXED)))
		return;
	for (int i = 0; i < 12; i++) {
		unsigned n, slots = 0;

		for (int k = 0; k < 3; k++)
			next_sqe(&ring, (unsigned long)k)->nop_flags =
				k == i % 3 ? IORING_NOP_CQE32 : 0;
		SAY(io_uring_submit(&ring));
		n = io_uring_peek_batch_cqe(&ring, cqes, 8);
		printf("%u:", n);
		for (unsigned k = 0; k < n; k++) {
			printf(" %d/%u", (int)cqes[k]->user_data,
			       io_uring_cqe_nr(cqes[k]));
			slots += io_uring_cqe_nr(cqes[k]);
		}
		puts("");
		io_uring_cq_advance(&ring, slots);
		say_cqes(&ring, 3 - (int)n);
	}
	io_uring_queue_exit(&ring);
}

static void waits(struct io_uring *ring)
{
	struct __kernel_timespec soon = { 0, 1000000 }, late = { 30, 0 };
	struct io_uring_clock_register clock = { .clockid = 7 };
	struct io_uring_cqe *cqe;

	SAY(io_uring_wait_cqes_min_timeout(ring, &cqe, 1, &soon, 100, NULL));
	SAY(io_uring_submit_and_wait_min_timeout(ring, &cqe, 1, &soon, 100,
						 NULL));
	next_sqe(ring, 3);
	SAY(io_uring_submit_and_wait_min_timeout(ring, &cqe, 2, &late, 100,
						 NULL));
	say_cqes(ring, 1);
	SAY(io_uring_submit_and_wait_reg(ring, &cqe, 1, 0));
	SAY(io_uring_register_clock(ring, &clock));
	clock.clockid = 0;
	SAY(io_uring_register_clock(ring, &clock));
	SAY(io_uring_set_iowait(ring, false));
	nops(ring, 2);
	SAY(io_uring_set_iowait(ring, true));
	nops(ring, 2);
}

static void share(struct io_uring *ring)
{
	static char buf[2][32];
	struct iovec iov[2] = { { buf[0], 32 }, { buf[1], 32 } };
	struct io_uring other;

	open_ring(&other, 4, 0);
	SAY(io_uring_clone_buffers(&other, ring));
	SAY(io_uring_register_buffers(ring, iov, 2));
	SAY(io_uring_clone_buffers(&other, ring));
	SAY(io_uring_clone_buffers(&other, ring));
	SAY(io_uring_clone_buffers_offset(&other, ring, 1, 0, 1,
					  IORING_REGISTER_DST_REPLACE));
	SAY(__io_uring_clone_buffers(&other, ring, 0));
	SAY(__io_uring_clone_buffers_offset(&other, ring, 0, 5, 9, 0));
	SAY(io_uring_unregister_buffers(&other));
	SAY(io_uring_unregister_buffers(ring));
	io_uring_queue_exit(&other);
}

static void buffers(struct io_uring *ring)
{
	struct io_uring_buf_ring *br;
	uint16_t head = 9;
	char buf[8];
	int err = 0;

	br = io_uring_setup_buf_ring(ring, 8, GROUP, 0, &err);
	printf("buffers %d %d\n", br != NULL, err);
	io_uring_buf_ring_add(br, buf, 8, 1, io_uring_buf_ring_mask(8), 0);
	io_uring_buf_ring_advance(br, 1);
	SAY(io_uring_buf_ring_head(ring, GROUP, &head));
	printf("head %u\n", head);
	SAY(io_uring_buf_ring_available(ring, br, GROUP));
	printf("again %d\n",
	       io_uring_setup_buf_ring(ring, 8, GROUP, 0, &err) != NULL);
	say("err", err);
	printf("not a power %d\n",
	       io_uring_setup_buf_ring(ring, 7, GROUP + 1, 0, &err) != NULL);
	say("err", err);
	SAY(io_uring_buf_ring_head(ring, GROUP + 1, &head));
	SAY(io_uring_free_buf_ring(ring, br, 8, GROUP));
	SAY(io_uring_free_buf_ring(ring, br, 8, GROUP));
}

static void others(struct io_uring *ring)
{
	struct io_uring_napi napi = { .busy_poll_to = 20 };
	struct io_uring_mem_region_reg region = { 0 };
	struct io_uring_zcrx_ifq_reg ifq = { 0 };
	struct io_uring_query_hdr query = { .query_op = 9999 };
	struct io_uring_sqe sqe;

	if (!SAY(io_uring_register_napi(ring, &napi)))
		SAY(io_uring_unregister_napi(ring, &napi));
	printf("%u\n", napi.busy_poll_to);
	SAY(io_uring_register_region(ring, &region));
	SAY(io_uring_register_ifq(ring, &ifq));
	SAY(io_uring_register_zcrx_ctrl(ring, NULL));
	SAY(io_uring_register_bpf_filter(ring, NULL));
	SAY(io_uring_register_bpf_filter_task(NULL));
	SAY(io_uring_register_query(&query));
	printf("%d\n", query.result);
	memset(&sqe, 0, sizeof(sqe));
	io_uring_prep_msg_ring(&sqe, ring->ring_fd, 4, 5, 0);
	if (!SAY(io_uring_register_sync_msg(&sqe)))
		say_cqes(ring, 1);
	printf("%d.%d\n", io_uring_major_version() >= 2,
	       io_uring_minor_version() >= 15);
	SAY(io_uring_check_version(2, 3));
	SAY(io_uring_check_version(99, 0));
	SAY(io_uring_register_ring_fd(ring));
	SAY(io_uring_close_ring_fd(ring));
	nops(ring, 2);
}

int main(void)
{
	struct io_uring ring;

	open_ring(&ring, 8, 0);
	memory();
	resize();
	mixed();
	waits(&ring);
	share(&ring);
	buffers(&ring);
	others(&ring);
	io_uring_queue_exit(&ring);
	return 0;
}
#endif
