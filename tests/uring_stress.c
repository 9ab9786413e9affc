/* SPDX-License-Identifier: MIT */
/*
 * Requests of many kinds at random, on rings of many kinds that come and go.
 * Each request completes once, with a result that it may have; bytes arrive
 * once and in order, whatever is cancelled in between; at the end nothing is
 * open that was not before. URING_STRESS_SECONDS in the environment says for
 * how long, and that it tells how far it is; URING_STRESS_SEED repeats one. The
 * Go twin is stress_linux_test.go.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_stress.h"

enum {
	BATCH = 16,
	ENTRIES = 16,
	LIFE_REQUESTS = 3000, /* on one ring */
	DEFAULT_MS = 2500,
	SMALL_MS = 500,
	DEADLINE_S = 60,
	REPORT_S = 30,
	AHEAD_MAX = 4096, /* bytes of a stream that were not received */
};

static struct shim_uring ring;
static bool fixed; /* the slots are registered */
static int nr_busy;
static uint64_t completed;
static uint64_t nr_rings;

static int64_t now_ms(void)
{
	struct shim_timespec ts = { 0, 0 };

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The number behind name= in the environment, or otherwise. */
static uint64_t number_of(const char *name, uint64_t otherwise)
{
	for (char **e = check_envp; *e; e++) {
		const char *s = *e, *n = name;
		uint64_t value = 0;

		while (*n && *s == *n) {
			s++;
			n++;
		}
		if (*n || *s++ != '=')
			continue;
		while (*s >= '0' && *s <= '9')
			value = 10 * value + (uint64_t)(*s++ - '0');
		return value;
	}
	return otherwise;
}

/* Take all completions that are ready. Returns how many. */
static unsigned reap(void)
{
	struct shim_io_uring_cqe *cqes[BATCH];
	unsigned n = shim_uring_peek_batch_cqe(&ring, cqes, BATCH);

	for (unsigned i = 0; i < n; i++) {
		uint64_t data = cqes[i]->user_data;
		struct slot *s = &slots[data % NR_SLOTS];

		if (!CHECK(s->busy && s->turn == data / NR_SLOTS))
			continue;
		check_result(s, cqes[i]->res, may_be(s, cqes[i]->res));
		s->busy = false;
		nr_busy--;
	}
	shim_uring_cq_advance(&ring, n);
	completed += n;
	return n;
}

/* ---- Requests ---- */

static struct slot *free_slot(enum kind kind)
{
	for (unsigned i = below(NR_SLOTS), k = 0; k < NR_SLOTS; i++, k++) {
		struct slot *s = &slots[i % NR_SLOTS];

		if (s->busy)
			continue;
		s->busy = true;
		s->kind = kind;
		s->turn++;
		s->place = below(4);
		s->n = 1 + below(BUF_SIZE);
		nr_busy++;
		return s;
	}
	return NULL;
}

static uint64_t user_data(const struct slot *s)
{
	return (uint64_t)s->turn * NR_SLOTS + (uint64_t)(s - slots);
}

/* The entry of a request, which is prepared; some go to a worker at once. */
static void sign(struct shim_io_uring_sqe *sqe, const struct slot *s,
		 unsigned flags)
{
	if (!flags && !below(4))
		flags = SHIM_IOSQE_ASYNC;
	sqe->flags = (uint8_t)(sqe->flags | flags);
	shim_uring_sqe_set_data64(sqe, user_data(s));
}

static void put_transfer(struct slot *s, struct shim_io_uring_sqe *sqe)
{
	struct stream *f = &streams[s->place];

	s->offset = below(FILE_SIZE - BUF_SIZE);
	switch (s->kind) {
	case READ:
		shim_uring_prep_read(sqe, file, s->buf, s->n, s->offset);
		break;
	case READ_FIXED:
		shim_uring_prep_read_fixed(sqe, file, s->buf, s->n, s->offset,
					   0);
		break;
	case WRITE:
		/* Where no other slot writes. */
		s->offset = (uint64_t)(s - slots) * BUF_SIZE;
		fill(s, below(256), s->offset);
		shim_uring_prep_write(sqe, scratch, s->buf, s->n, s->offset);
		break;
	case SEND:
		f->sending = true;
		fill(s, s->place, f->sent);
		shim_uring_prep_send(sqe, f->fds[1], s->buf, s->n,
				     SHIM_MSG_NOSIGNAL);
		break;
	default:
		f->receiving = true;
		shim_uring_prep_recv(sqe, f->fds[0], s->buf, s->n, 0);
		break;
	}
	sign(sqe, s, 0);
}

static void put_simple(struct slot *s, struct shim_io_uring_sqe *sqe)
{
	const struct slot *victim = &slots[below(NR_SLOTS)];

	s->ts = (struct shim_timespec){ 0, below(NS_MAX) };
	if (s->kind == TIMEOUT)
		shim_uring_prep_timeout(sqe, &s->ts, 0, 0);
	else if (s->kind == CANCEL)
		shim_uring_prep_cancel64(sqe,
					 victim->kind == TIMEOUT ||
							 victim->kind == RECV
						 ? user_data(victim)
						 : ~0ULL,
					 0);
	else
		shim_uring_prep_nop(sqe);
	sign(sqe, s, 0);
}

/* A request and the one that is linked to it. */
static void put_linked(struct slot *s, struct slot *t)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(&ring);

	if (s->kind == POLL) {
		shim_uring_prep_poll_add(sqe, silent[0], SHIM_POLLIN);
	} else {
		s->offset = below(FILE_SIZE);
		fill(s, s->place, s->offset);
		shim_uring_prep_write(sqe, pipes[s->place].fds[1], s->buf, s->n,
				      0);
	}
	sign(sqe, s, SHIM_IOSQE_IO_LINK);
	sqe = shim_uring_get_sqe(&ring);
	if (s->kind == POLL) {
		t->ts = (struct shim_timespec){ 0, below(NS_MAX) };
		shim_uring_prep_link_timeout(sqe, &t->ts, 0);
		sqe->flags = 0;
		shim_uring_sqe_set_data64(sqe, user_data(t));
		return;
	}
	pipes[s->place].busy = true;
	t->place = s->place;
	t->offset = s->offset;
	t->n = s->n;
	shim_uring_prep_read(sqe, pipes[s->place].fds[0], t->buf, t->n, 0);
	sign(sqe, t, 0);
}

static void give_up(struct slot *s)
{
	s->busy = false;
	nr_busy--;
}

static void put_pair(enum kind first, enum kind second)
{
	struct slot *s = free_slot(first);
	struct slot *t = s ? free_slot(second) : NULL;

	if (t && shim_uring_sq_space_left(&ring) >= 2 &&
	    (first == POLL || !pipes[s->place].busy)) {
		put_linked(s, t);
		return;
	}
	if (s)
		give_up(s);
	if (t)
		give_up(t);
}

/* Whether there can be no such request now. */
static bool must_wait(const struct slot *s)
{
	const struct stream *f = &streams[s->place];

	switch (s->kind) {
	case SEND:
		return f->sending || f->sent - f->received > AHEAD_MAX;
	case RECV:
		return f->receiving;
	case READ_FIXED:
		return !fixed;
	default:
		return false;
	}
}

/* Prepare a request at random, if there is room for it. */
static void put_request(void)
{
	enum kind kind = (enum kind)below(NR_KINDS);
	struct shim_io_uring_sqe *sqe;
	struct slot *s;

	if (kind >= POLL) {
		if (kind <= LIMIT)
			put_pair(POLL, LIMIT);
		else
			put_pair(PUT, GET);
		return;
	}
	if (!shim_uring_sq_space_left(&ring))
		return;
	s = free_slot(kind);
	if (!s)
		return;
	if (must_wait(s)) {
		give_up(s);
		return;
	}
	sqe = shim_uring_get_sqe(&ring);
	if (kind >= READ && kind <= RECV)
		put_transfer(s, sqe);
	else
		put_simple(s, sqe);
}

/* ---- The life of a ring ---- */

static int make_ring(void)
{
	static const unsigned flags[] = {
		0,
		SHIM_IORING_SETUP_COOP_TASKRUN,
		SHIM_IORING_SETUP_SINGLE_ISSUER |
			SHIM_IORING_SETUP_DEFER_TASKRUN,
		SHIM_IORING_SETUP_SQPOLL,
		SHIM_IORING_SETUP_SUBMIT_ALL | SHIM_IORING_SETUP_CQE32,
		SHIM_IORING_SETUP_SQE128,
		SHIM_IORING_SETUP_NO_SQARRAY,
	};
	struct shim_io_uring_params p = {
		.flags = flags[below(sizeof(flags) / sizeof(flags[0]))] |
			 SHIM_IORING_SETUP_CQSIZE,
		.cq_entries = ENTRIES << below(3),
		.sq_thread_idle = 1,
	};
	const struct shim_iovec iov = { slots, sizeof(slots) };
	int err = shim_uring_queue_init_params(ENTRIES, &ring, &p);

	if (err == -SHIM_EINVAL || err == -SHIM_EPERM)
		err = shim_uring_queue_init(ENTRIES, &ring, 0);
	if (!err)
		fixed = !shim_uring_register_buffers(&ring, &iov, 1);
	return err;
}

static void submit(void)
{
	const struct shim_timespec ms = { 0, 1000000 };
	struct shim_io_uring_cqe *cqe;
	int n;

	if (nr_busy > NR_SLOTS / 2)
		n = shim_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ms,
						       NULL);
	else if (below(2))
		n = shim_uring_submit(&ring);
	else
		n = shim_uring_submit_and_get_events(&ring);
	/* EBUSY and EAGAIN: completions must be taken first. */
	CHECK(n >= 0 || n == -SHIM_EBUSY || n == -SHIM_EAGAIN ||
	      n == -SHIM_ETIME || n == -SHIM_EINTR);
}

/* Send to who receives, and let the rest end, as timeouts and polls do. */
static void drain(void)
{
	int64_t end = now_ms() + DEADLINE_S * 1000;

	while (nr_busy && now_ms() < end) {
		for (int i = 0; i < NR_SLOTS; i++) {
			struct slot *s = &slots[i];
			struct stream *f = &streams[s->place];

			if (s->busy && s->kind == RECV && !f->sending &&
			    f->sent == f->received)
				CHECK_EQ(shim_write(
						 f->fds[1],
						 (unsigned char[]){ byte_at(
							 s->place, f->sent++) },
						 1),
					 1);
		}
		submit();
		while (reap())
			;
	}
	CHECK_EQ(nr_busy, 0);
}

static void live(int64_t end)
{
	uint64_t until = completed + LIFE_REQUESTS;

	while (completed < until && now_ms() < end) {
		for (uint32_t n = below(8); n; n--)
			put_request();
		submit();
		while (reap())
			;
	}
	drain();
	CHECK_EQ(*ring.cq.koverflow, 0);
}

/* ---- What it tells ---- */

static struct {
	int64_t begin, next; /* ms */
	uint64_t seconds;    /* 0: nothing is told */
	uint64_t seed;
} report;

struct line {
	size_t used;
	char text[160];
};

static void add(struct line *line, const char *s)
{
	while (*s && line->used < sizeof(line->text))
		line->text[line->used++] = *s++;
}

static void add_number(struct line *line, uint64_t n, const char *unit)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	add(line, p);
	add(line, unit);
}

/* A line like "stress: 30 s of 600, seed 1, 2 rings, 3 requests". */
static void tell(void)
{
	int64_t now = now_ms();
	struct line line = { 0 };

	if (!report.seconds || now < report.next)
		return;
	report.next += REPORT_S * 1000;
	add(&line, "stress: ");
	add_number(&line, (uint64_t)(now - report.begin) / 1000, " s of ");
	add_number(&line, report.seconds, ", seed ");
	add_number(&line, report.seed, ", ");
	add_number(&line, nr_rings, " rings, ");
	add_number(&line, completed, " requests\n");
	shim_write(1, line.text, line.used);
}

static void begin_report(uint64_t seconds, uint64_t seed)
{
	report.begin = now_ms();
	report.next = report.begin;
	report.seconds = seconds;
	report.seed = seed;
	tell();
}

static void end_report(void)
{
	report.next = 0;
	tell();
}

/* ---- The test ---- */

static int open_fds(void)
{
	int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0;
	return nr;
}

static void requests_of_all_kinds_complete_once(void)
{
	uint64_t seconds = number_of("URING_STRESS_SECONDS", 0);
	uint64_t seed = number_of("URING_STRESS_SEED", (uint64_t)now_ms());
	int64_t ms = check_small() ? SMALL_MS : DEFAULT_MS;
	int64_t end = now_ms() + (seconds ? 1000 * (int64_t)seconds : ms);
	struct line name = { 0 };
	int fds = open_fds(), err;

	state = (uint32_t)seed;
	err = make_ring();
	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP("this kernel has no io_uring, or forbids it");
	add(&name, "seed ");
	add_number(&name, seed, "");
	check_case(name.text);
	begin_report(seconds, seed);
	open_world();
	while (!err) {
		nr_rings++;
		live(end);
		shim_uring_queue_exit(&ring);
		tell();
		if (now_ms() >= end || nr_busy)
			break;
		err = make_ring();
	}
	end_report();
	CHECK_EQ(err, 0);
	CHECK(completed > 0);
	close_world();
	CHECK_EQ(open_fds(), fds);
	check_case("");
}

static const struct check_test uring_stress_tests[] = {
	{ "requests_of_all_kinds_complete_once",
	  requests_of_all_kinds_complete_once },
};

CHECK_MAIN(uring_stress, uring_stress_tests)
