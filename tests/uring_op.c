/* SPDX-License-Identifier: MIT */
/*
 * Every operation of a ring on the real kernel, beside the system call that
 * does the same: this runs the table tests/uring_op.tab, whose first comment
 * says what each verb does. With URING_OPS in the environment it also prints a
 * line for each operation, "uring_op C NUMBER HOW": it gave what the call gave
 * ("beside"), no call could do so here ("alone"), it was never seen to succeed
 * ("refused"), or the kernel lacks it.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"
#include "uring_op_plain.h"
#include "uring_op_proof.h"
#include "uring_op_ring.h"
#include "uring_op_verbs.h"

static union {
	struct shim_io_uring_probe probe;
	char room[SHIM_URING_PROBE_SIZE(NR_OPS)];
} known;
static unsigned features;
static step unsupported; /* where the plain call gave EOPNOTSUPP */
static step plain_end;	 /* where the plain calls had to stop */

static bool knows(long op)
{
	return shim_uring_opcode_supported(&known.probe, (int)op);
}

static bool in_specification[NR_OPS];

/* By the words of the entries that its prep functions make. */
static void read_specification(void)
{
#define LIBURING 9999
#define WORDS(first, ...) ((first)&0xff)
#define PREP(name, words, ...) in_specification[words] = true;
#define CHANGE(name, words, ...)
#include "zuring_prep.h"
}

/* What the ring gave in this row is as wanted. */
static void note_row(step s, long res)
{
	step request = origin(s);

	if (!is_request(request))
		return;
	if (!has_result(s) || !succeeded(request->op, res))
		note_proof(request->op, REFUSED);
	else
		note_proof(request->op, s < plain_end ? BESIDE : ALONE);
}

/* ---- The kernel and its ring ---- */

static long verb_needs(step s)
{
	unsigned n = (unsigned)s->n;

	return knows(s->op) && (features & n) == n ? 0 : NO_TWIN;
}

static long verb_ring(step s)
{
	int err;

	shim_uring_queue_exit(&world.ring);
	err = shim_uring_queue_init(ENTRIES, &world.ring, (unsigned)s->a);
	world.has_ring = !err;
	return err;
}

/* ---- Requests ---- */

/* Append the oldest completion to the log. Returns 0, or -errno. */
static int log_one(void)
{
	struct shim_io_uring_cqe *cqe;
	int err = wait_for_one(&world.ring, &cqe);

	if (err)
		return err;
	if (world.logged == LOG_SIZE)
		return NEVER;
	if (world.ring.flags & SHIM_IORING_SETUP_CQE32)
		world.extra[world.logged] = *(uint64_t *)(cqe + 1);
	world.log[world.logged++] =
		(struct shim_io_uring_cqe){ .user_data = cqe->user_data,
					    .res = cqe->res,
					    .flags = cqe->flags };
	shim_uring_cqe_seen(&world.ring, cqe);
	return 0;
}

/*
 * The oldest completion of ud that was not asked for yet: its result, and the
 * rest of it in the request.
 */
static long next_of(step s)
{
	for (int i = 0;; i++) {
		struct shim_io_uring_cqe *cqe = &world.log[i];
		int err = i < world.logged ? 0 : log_one();

		if (err)
			return err;
		if (cqe->user_data != (uint64_t)s->ud || cqe->flags == ~0U)
			continue;
		request_of(s)->flags = cqe->flags;
		request_of(s)->extra = world.extra[i];
		cqe->flags = ~0U;
		return cqe->res;
	}
}

static bool has_more(step s)
{
	return request_of(s)->flags & SHIM_IORING_CQE_F_MORE;
}

static long verb_end(step s)
{
	long res = next_of(s);

	return has_more(s) ? NEVER : keep_result(origin(s), res);
}

static long verb_more(step s)
{
	long res = next_of(s);

	return has_more(s) ? keep_result(origin(s), res) : NEVER;
}

static long verb_notif(step s)
{
	long res = next_of(s);

	if (!(request_of(s)->flags & SHIM_IORING_CQE_F_NOTIF) || has_more(s))
		return NEVER;
	return res;
}

static long verb_picked(step s)
{
	uint32_t flags = request_of(s)->flags;

	if (!(flags & SHIM_IORING_CQE_F_BUFFER))
		return NEVER;
	return flags >> SHIM_IORING_CQE_BUFFER_SHIFT;
}

static long verb_none(step s)
{
	struct shim_io_uring_cqe *cqe;

	(void)s;
	return shim_uring_peek_cqe(&world.ring, &cqe) == -SHIM_EAGAIN ? 0 : 1;
}

static long prepare(step s, unsigned flags)
{
	entry e = shim_uring_get_sqe(&world.ring);

	if (!e)
		return -SHIM_EAGAIN;
	shim_uring_sqe_set_data64(e, (uint64_t)s->ud);
	if (!prep(e, s) || e->opcode != s->op)
		return NEVER;
	e->flags |= (uint8_t)flags;
	if (flags & SHIM_IOSQE_BUFFER_SELECT)
		e->buf_group = GROUP;
	return 0;
}

static long submit(step s, unsigned flags)
{
	long err = prepare(s, flags);

	if (err)
		return err;
	return shim_uring_submit(&world.ring) > 0 ? 0 : NEVER;
}

/* Do it, whatever completions it has. */
static long complete(step s, unsigned flags)
{
	long err = submit(s, flags), res;

	if (err)
		return err;
	res = next_of(s);
	while (has_more(s)) {
		err = next_of(s);
		if (err)
			return err;
	}
	return res;
}

/*
 * What the work of another request, or of a ring that goes, interrupts is to be
 * done again: on 5.10 and 6.1 fallocate of a file in memory is, at times.
 */
static long do_with(step s, unsigned flags)
{
	long res;

	do
		res = world.plain ? plain_call(s) : complete(s, flags);
	while (res == -SHIM_EINTR);
	return world.plain ? res : keep_result(s, res);
}

static long verb_do(step s)
{
	return do_with(s, 0);
}

static long verb_async(step s)
{
	return do_with(s, SHIM_IOSQE_ASYNC);
}

static long verb_slot(step s)
{
	return do_with(s, SHIM_IOSQE_FIXED_FILE);
}

static long verb_pick(step s)
{
	return do_with(s, SHIM_IOSQE_BUFFER_SELECT);
}

static long verb_start(step s)
{
	return submit(s, 0);
}

static long verb_serve(step s)
{
	return submit(s, SHIM_IOSQE_BUFFER_SELECT);
}

static long verb_drain(step s)
{
	return submit(s, SHIM_IOSQE_IO_DRAIN);
}

static long verb_link(step s)
{
	return prepare(s, SHIM_IOSQE_IO_LINK);
}

static long verb_hard(step s)
{
	return prepare(s, SHIM_IOSQE_IO_HARDLINK);
}

/* ---- The runner ---- */

static const struct {
	const char *name;
	long (*run)(step s);
	bool plain; /* plain calls can do it */
} verbs[] = {
	{ "needs", verb_needs, true },	 { "file", verb_file, true },
	{ "pipe", verb_pipe, true },	 { "pair", verb_pair, true },
	{ "socket", verb_socket, true }, { "listen", verb_listen, true },
	{ "call", verb_call, true },	 { "tcp", verb_tcp, true },
	{ "epoll", verb_epoll, true },	 { "child", verb_child, true },
	{ "make", verb_make, true },	 { "there", verb_there, true },
	{ "put", verb_put, true },	 { "hangup", verb_hangup, true },
	{ "holds", verb_holds, true },	 { "size", verb_size, true },
	{ "fill", verb_fill, true },	 { "data", verb_data, true },
	{ "value", verb_value, true },	 { "set", verb_set, true },
	{ "word", verb_word, true },	 { "bufs", verb_bufs, true },
	{ "slots", verb_slots, true },	 { "do", verb_do, true },
	{ "async", verb_async, true },	 { "ring", verb_ring, false },
	{ "other", verb_other, false },	 { "told", verb_told, false },
	{ "zcrx", verb_zcrx, false },	 { "area", verb_area, false },
	{ "slot", verb_slot, false },	 { "pick", verb_pick, false },
	{ "start", verb_start, false },	 { "serve", verb_serve, false },
	{ "link", verb_link, false },	 { "hard", verb_hard, false },
	{ "drain", verb_drain, false },	 { "end", verb_end, false },
	{ "more", verb_more, false },	 { "notif", verb_notif, false },
	{ "none", verb_none, false },	 { "picked", verb_picked, false },
};

static long run(step s)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (is(s->verb, verbs[i].name))
			return world.plain && !verbs[i].plain ? NO_TWIN
							      : verbs[i].run(s);
	return NEVER;
}

/* What the probe does not know, the ring refuses. */
static void check_lacking(struct shim_uring *ring, int op)
{
	struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);
	struct shim_io_uring_cqe *cqe;
	int res;

	CHECK_FATAL(sqe);
	*sqe = (struct shim_io_uring_sqe){ .opcode = (uint8_t)op };
	CHECK_EQ(shim_uring_submit_and_wait(ring, 1), 1);
	CHECK_EQ(shim_uring_peek_cqe(ring, &cqe), 0);
	CHECK_FATAL(cqe);
	res = cqe->res;
	shim_uring_cqe_seen(ring, cqe);
	check_equal(res == -SHIM_EINVAL || res == -SHIM_EOPNOTSUPP ? 0 : res, 0,
		    "operation", op, "is refused");
	note_proof(op, LACKS);
}

/* Whether this machine cannot do what plain calls are asked for. */
static bool cannot(step s, long res)
{
	if (res == s->want || (res != -SHIM_EOPNOTSUPP && res != -SHIM_ENOSYS))
		return false;
	/* A kernel without the call has not the operation either. */
	if (res == -SHIM_EOPNOTSUPP)
		unsupported = s;
	return true;
}

/*
 * Run the rows of a case, up to end. Returns the row where it had to stop: the
 * plain calls behind the last that they can do, the ring at the first operation
 * that the kernel lacks; both at the first that is wrong.
 */
static step run_rows(step s, step end)
{
	for (; s < end; s++) {
		long want = s == unsupported ? -SHIM_EOPNOTSUPP : s->want, res;

		if (!world.plain && is_request(s) && !knows(s->op))
			return s;
		res = run(s);
		if (world.plain && cannot(s, res))
			return s + 1;
		if (res == NO_TWIN ||
		    !check_equal(res, want, "uring_ops", (int)(s - uring_ops),
				 s->verb))
			return s;
		if (!world.plain)
			note_row(s, res);
		if (s == unsupported) {
			excused[s->op] = true;
			return s;
		}
	}
	return s;
}

/* Run the case that begins at s. Returns the row behind it. */
static step run_case(step s)
{
	const size_t nr = sizeof(uring_ops) / sizeof(uring_ops[0]);
	step end = s;

	unsupported = NULL;
	while (end < uring_ops + nr && is(end->case_, s->case_))
		end++;
	check_case(s->case_);
	begin_world(true);
	plain_end = run_rows(s, end);
	end_world();
	begin_world(false);
	run_rows(s, end);
	end_world();
	check_case("");
	return end;
}

/* ---- The tests ---- */

static void every_operation_does_what_the_table_says(void)
{
	const size_t nr = sizeof(uring_ops) / sizeof(uring_ops[0]);
	struct shim_uring ring;
	int err = shim_uring_queue_init(1, &ring, 0);

	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP("this kernel has no io_uring, or forbids it");
	CHECK_FATAL(!err);
	read_specification();
	features = ring.features;
	CHECK_EQ(shim_uring_register_probe(&ring, &known.probe, NR_OPS), 0);
	for (step s = uring_ops; s < uring_ops + nr;)
		s = run_case(s);
	for (int op = 0; op < NR_OPS; op++)
		if (knows(op) && in_specification[op])
			check_equal(proofs[op] >=
					    (excused[op] ? REFUSED : ALONE),
				    true, "operation", op, "was done");
		else if (in_specification[op])
			check_lacking(&ring, op);
	shim_uring_queue_exit(&ring);
	print_proofs();
}

static void every_operation_of_the_specification_has_a_row(void)
{
	static bool has_row[NR_OPS];
	const size_t nr = sizeof(uring_ops) / sizeof(uring_ops[0]);

	read_specification();
	for (step s = uring_ops; s < uring_ops + nr; s++)
		if (is_request(s))
			has_row[s->op] = true;
	for (int op = 0; op < NR_OPS; op++)
		check_equal(has_row[op], in_specification[op], "operation", op,
			    "has a row");
}

static const struct check_test uring_op_tests[] = {
	{ "every_operation_does_what_the_table_says",
	  every_operation_does_what_the_table_says },
	{ "every_operation_of_the_specification_has_a_row",
	  every_operation_of_the_specification_has_a_row },
};

CHECK_MAIN(uring_op, uring_op_tests)
