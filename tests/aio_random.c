/* SPDX-License-Identifier: MIT */
/*
 * Operations at random on descriptors that come and go. Each accepted one has
 * one event; bytes arrive once and in order, whatever is cancelled, closed or
 * forgotten in between; no memory changes outside of an operation, nor after
 * the exit, which comes when it likes. The Go twin is random_linux_test.go.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"

enum {
	NR_FLOWS = 6,
	/* Few, so that they run out. */
	NR_RANDOM_SLOTS = 24,
	READ_MAX = 5000,
	WRITE_MAX = 100000,
	UNTOUCHED = 0xa5,
	NR_TOKENS = 1 << 10,
	/* What bytes count up to. */
	PERIOD = 251,
};

/* One descriptor of a flow, -1 when it is closed. */
struct end {
	int fd;
	/* Of the read or write in flight, and of the forget or close; else 0.
	 */
	uint64_t token, leaving;
	uint32_t size;
	unsigned char *buf;
};

/* A pipe or a pair of sockets, with at most one operation at each end. */
struct flow {
	struct end rd, wr;
	uint32_t received, sent;
};

static unsigned char in[NR_FLOWS][READ_MAX], out[NR_FLOWS][WRITE_MAX];
static struct flow flows[NR_FLOWS];
/* What is in flight, by token, and how much that is. */
static struct shim_aio_event asked[NR_TOKENS];
static int nr_asked;
static int mode, over;
static uint32_t state;

static uint32_t below(uint32_t n)
{
	state = state * 1103515245 + 12345;
	return (state >> 8) % n;
}

static void begin(struct flow *f)
{
	int p[2] = { -1, -1 }, k = (int)(f - flows);

	if (below(2))
		CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC | mode), 0);
	else
		CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
					 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC |
						 mode,
					 0, p),
			 0);
	*f = (struct flow){
		.rd = { .fd = p[0], .buf = in[k] },
		.wr = { .fd = p[1], .buf = out[k] },
	};
}

/* A token that nothing in flight has. */
static uint64_t new_token(void)
{
	uint64_t token;

	do
		token = 1 + below(NR_TOKENS - 1);
	while (asked[token].op);
	return token;
}

/* Notes an operation that was accepted; 0 when it was not. */
static uint64_t submitted(uint64_t token, enum shim_aio_op op, int fd, int err)
{
	if (err == -SHIM_EAGAIN || err == -SHIM_EBUSY || !CHECK_EQ(err, 0))
		return 0;
	asked[token] = (struct shim_aio_event){ .fd = fd, .op = op };
	nr_asked++;
	return token;
}

static int usable(const struct end *e)
{
	return e->fd >= 0 && !e->leaving;
}

static void read_some(struct end *e)
{
	uint64_t t = new_token();

	if (!usable(e))
		return;
	if (!below(9)) {
		submitted(t, SHIM_AIO_POLL, e->fd,
			  shim_aio_poll(&aio, e->fd, SHIM_POLLIN, t));
		return;
	}
	if (e->token)
		return;
	e->size = 1 + below(READ_MAX);
	for (uint32_t i = 0; i < READ_MAX; i++)
		e->buf[i] = UNTOUCHED;
	/* A pipe refuses the first, a socket waits for all. */
	if (!below(8))
		e->token = submitted(t, SHIM_AIO_RECV, e->fd,
				     shim_aio_recv(&aio, e->fd, e->buf, e->size,
						   SHIM_MSG_WAITALL, t));
	else
		e->token = submitted(t, SHIM_AIO_READ, e->fd,
				     shim_aio_read(&aio, e->fd, e->buf, e->size,
						   -1, t));
}

static void write_some(struct flow *f)
{
	struct end *e = &f->wr;
	uint64_t t = new_token();

	if (!usable(e) || e->token)
		return;
	e->size = 1 + below(below(4) ? READ_MAX : WRITE_MAX);
	for (uint32_t i = 0; i < e->size; i++)
		e->buf[i] = (unsigned char)((f->sent + i) % PERIOD);
	e->token =
		submitted(t, SHIM_AIO_WRITE, e->fd,
			  shim_aio_write(&aio, e->fd, e->buf, e->size, -1, t));
}

static void close_end(struct end *e)
{
	uint64_t t = new_token();

	if (usable(e))
		e->leaving = submitted(t, SHIM_AIO_CLOSE, e->fd,
				       shim_aio_close(&aio, e->fd, t));
}

static void forget_end(struct end *e)
{
	uint64_t t = new_token();

	if (usable(e))
		e->leaving = submitted(t, SHIM_AIO_FORGET, e->fd,
				       shim_aio_forget(&aio, e->fd, t));
}

static void cancel_some(void)
{
	uint64_t t = new_token(), target = 1 + below(NR_TOKENS - 1);

	for (int i = 0; i < NR_TOKENS && !asked[target].op; i++)
		target = target % (NR_TOKENS - 1) + 1;
	submitted(t, SHIM_AIO_CANCEL, -1, shim_aio_cancel(&aio, target, t));
}

/* What a read has brought, and nothing else, is in its buffer. */
static void arrived(struct flow *f, const struct shim_aio_event *ev)
{
	uint32_t n = ev->result > 0 ? (uint32_t)ev->result : 0, wrong = 0;
	int reset = ev->result == -SHIM_ECONNRESET &&
		    (f->wr.leaving || f->wr.fd < 0);
	int no_socket = ev->result == -SHIM_ENOTSOCK && ev->op == SHIM_AIO_RECV;

	for (uint32_t i = 0; i < READ_MAX; i++)
		wrong += f->rd.buf[i] !=
			 (i < n ? (f->received + i) % PERIOD : UNTOUCHED);
	CHECK_EQ(wrong, 0);
	f->received += n;
	CHECK(f->received <= f->sent || f->wr.token);
	CHECK(ev->result >= 0 || ev->result == -SHIM_ECANCELED || reset ||
	      no_socket);
	f->rd.token = 0;
}

static void left(struct flow *f, const struct shim_aio_event *ev)
{
	f->sent += ev->result > 0 ? (uint32_t)ev->result : 0;
	CHECK(ev->result > 0 || ev->result == -SHIM_ECANCELED ||
	      (ev->result == -SHIM_EPIPE && (f->rd.leaving || f->rd.fd < 0)));
	f->wr.token = 0;
}

static void settled(struct flow *f, struct end *e,
		    const struct shim_aio_event *ev)
{
	CHECK_EQ(ev->result, 0);
	CHECK_EQ(e->token, 0);
	e->leaving = 0;
	if (ev->op == SHIM_AIO_CLOSE)
		e->fd = -1;
	if (f->rd.fd < 0 && f->wr.fd < 0 && !over)
		begin(f);
}

static void take(const struct shim_aio_event *ev)
{
	CHECK(ev->token < NR_TOKENS);
	CHECK_EQ(ev->op, asked[ev->token].op);
	CHECK_EQ(ev->fd, asked[ev->token].fd);
	asked[ev->token].op = 0;
	nr_asked--;
	for (struct flow *f = flows; f < flows + NR_FLOWS; f++) {
		if (ev->token == f->rd.token)
			arrived(f, ev);
		else if (ev->token == f->wr.token)
			left(f, ev);
		else if (ev->token == f->rd.leaving)
			settled(f, &f->rd, ev);
		else if (ev->token == f->wr.leaving)
			settled(f, &f->wr, ev);
		else
			continue;
		return;
	}
}

static int reap(int timeout_ms)
{
	struct shim_aio_event ev[7];
	int n = shim_aio_poll_events(&aio, ev, 1 + below(7), timeout_ms);

	CHECK(n >= 0);
	for (int k = 0; k < n; k++)
		take(&ev[k]);
	return n;
}

static void step(struct flow *f)
{
	uint32_t k = below(40);
	uint64_t t;

	if (k < 16) {
		reap((int)(below(2) * below(3)));
	} else if (k < 19) {
		cancel_some();
	} else if (k < 20) {
		t = new_token();
		submitted(t, SHIM_AIO_TIMEOUT, -1,
			  shim_aio_timeout(&aio, below(2000000), t));
	} else if (k < 29) {
		read_some(&f->rd);
	} else if (k < 38) {
		write_some(f);
	} else if (k < 39) {
		forget_end(below(2) ? &f->rd : &f->wr);
	} else {
		close_end(&f->rd);
		close_end(&f->wr);
	}
}

/* Closes all descriptors, and takes every event. */
static void leave(void)
{
	over = 1;
	do
		for (struct flow *f = flows; f < flows + NR_FLOWS; f++) {
			close_end(&f->rd);
			close_end(&f->wr);
		}
	while (nr_asked && CHECK(reap(PATIENCE) > 0));
}

/* After an exit nobody writes to the buffers, whatever arrives. */
static void nothing_more_arrives(void)
{
	static const char more[100] = "more";
	uint32_t wrong = 0;

	spoil(in, sizeof(in));
	for (struct flow *f = flows; f < flows + NR_FLOWS; f++) {
		/* What exit was to close is closed. */
		if (usable(&f->wr)) {
			shim_fcntl(f->wr.fd, SHIM_F_SETFL, SHIM_O_NONBLOCK);
			shim_write(f->wr.fd, more, sizeof(more));
		}
	}
	for (struct flow *f = flows; f < flows + NR_FLOWS; f++) {
		if (f->wr.fd >= 0 && asked[f->wr.leaving].op != SHIM_AIO_CLOSE)
			CHECK_EQ(shim_close(f->wr.fd), 0);
		if (f->rd.fd >= 0 && asked[f->rd.leaving].op != SHIM_AIO_CLOSE)
			CHECK_EQ(shim_close(f->rd.fd), 0);
	}
	for (int k = 0; k < NR_FLOWS; k++)
		for (int i = 0; i < READ_MAX; i++)
			wrong += in[k][i] != UNTOUCHED;
	CHECK_EQ(wrong, 0);
}

static void run_once(const char *engine)
{
	struct shim_aio_params params = aio_params(engine);
	/* What blocks on an old kernel must end before the exit can. */
	int calm = !mode || below(2), steps = (int)below(1000);

	params.nr_slots = NR_RANDOM_SLOTS;
	/* One for each end: a write to a full pipe may keep its thread long. */
	params.nr_helpers = 2 * NR_FLOWS;
	CHECK_FATAL(shim_aio_init(&aio, &params) == 0);
	for (int i = 0; i < NR_TOKENS; i++)
		asked[i].op = 0;
	nr_asked = over = 0;
	for (struct flow *f = flows; f < flows + NR_FLOWS; f++)
		begin(f);
	while (steps--)
		step(&flows[below(NR_FLOWS)]);
	if (calm)
		leave();
	CHECK_EQ(shim_aio_exit(&aio), 0);
	if (!calm)
		nothing_more_arrives();
}

static void run(const char *engine)
{
	struct holdings before = holdings();
	uint64_t ignored = 1ULL << (SHIM_SIGPIPE - 1);
	int err = open_aio(engine), rounds = check_small() ? 3 : 16;

	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	CHECK_FATAL(err == 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_rt_sigprocmask(SHIM_SIG_BLOCK, &ignored, NULL);
	for (int i = 0; i < rounds; i++) {
		/* The same in each run, so that a failure can be repeated. */
		state = (uint32_t)i;
		mode = below(2) ? SHIM_O_NONBLOCK : 0;
		run_once(engine);
		check_holdings(before);
	}
}

static void io_uring_keeps_its_promises(void)
{
	run("io_uring");
}

static void epoll_keeps_its_promises(void)
{
	run("epoll");
}

static const struct check_test aio_random_tests[] = {
	TEST(io_uring_keeps_its_promises),
	TEST(epoll_keeps_its_promises),
};

CHECK_MAIN(aio_random, aio_random_tests)
