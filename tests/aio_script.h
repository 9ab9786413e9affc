/* SPDX-License-Identifier: MIT */
/*
 * The runner of aio.tab, which says what each verb does: run_table() runs every
 * test on an engine, with blocking descriptors or with O_NONBLOCK.
 */
#ifndef TESTS_AIO_SCRIPT_H
#define TESTS_AIO_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_verbs.h"
#include "check.h"
#include "zaio_tab.h"

/* The operations. */

/* Notes what the event of an operation must look like. */
static long submitted(step s, enum shim_aio_op op, int fd, int err)
{
	if (!err)
		script.last[s->token] =
			(struct shim_aio_event){ .fd = fd, .op = op };
	return err;
}

static long op_read(step s)
{
	return submitted(s, SHIM_AIO_READ, fd_of(s),
			 shim_aio_read(&script.aio, fd_of(s), bufs[s->token],
				       (size_t)s->n, s->arg,
				       (uint64_t)s->token));
}

static long op_write(step s)
{
	fill_pattern(bufs[s->token], 0, s->n);
	return submitted(s, SHIM_AIO_WRITE, fd_of(s),
			 shim_aio_write(&script.aio, fd_of(s), bufs[s->token],
					(size_t)s->n, s->arg,
					(uint64_t)s->token));
}

static long op_recv(step s)
{
	return submitted(s, SHIM_AIO_RECV, fd_of(s),
			 shim_aio_recv(&script.aio, fd_of(s), bufs[s->token],
				       (size_t)s->n, (unsigned)s->arg,
				       (uint64_t)s->token));
}

static long op_send(step s)
{
	fill_pattern(bufs[s->token], 0, s->n);
	return submitted(s, SHIM_AIO_SEND, fd_of(s),
			 shim_aio_send(&script.aio, fd_of(s), bufs[s->token],
				       (size_t)s->n, (unsigned)s->arg,
				       (uint64_t)s->token));
}

static long op_accept(step s)
{
	return submitted(s, SHIM_AIO_ACCEPT, fd_of(s),
			 shim_aio_accept(&script.aio, fd_of(s),
					 (unsigned)s->arg, (uint64_t)s->token));
}

static long op_poll(step s)
{
	return submitted(s, SHIM_AIO_POLL, fd_of(s),
			 shim_aio_poll(&script.aio, fd_of(s), (unsigned)s->arg,
				       (uint64_t)s->token));
}

static long op_timeout(step s)
{
	return submitted(s, SHIM_AIO_TIMEOUT, -1,
			 shim_aio_timeout(&script.aio, (uint64_t)s->n * 1000000,
					  (uint64_t)s->token));
}

static long op_cancel(step s)
{
	return submitted(s, SHIM_AIO_CANCEL, -1,
			 shim_aio_cancel(&script.aio, (uint64_t)s->n,
					 (uint64_t)s->token));
}

static long op_close(step s)
{
	int err = shim_aio_close(&script.aio, fd_of(s), (uint64_t)s->token);

	if (!err)
		script.vars[s->fd].open = 0;
	return submitted(s, SHIM_AIO_CLOSE, fd_of(s), err);
}

static long op_forget(step s)
{
	return submitted(s, SHIM_AIO_FORGET, fd_of(s),
			 shim_aio_forget(&script.aio, fd_of(s),
					 (uint64_t)s->token));
}

/* The verbs that wait and look. */

/* Keeps what comes within ms milliseconds. Returns how many came. */
static int gather(int ms)
{
	int n = shim_aio_poll_events(&script.aio, script.kept + script.nr_kept,
				     2 * NR_SLOTS - script.nr_kept, ms);

	NEED(n >= 0);
	if (n > 0)
		script.nr_kept += (unsigned)n;
	return n;
}

/* Removes the kept event at and returns its result. */
static long result_at(unsigned at)
{
	struct shim_aio_event ev = script.kept[at], want;

	script.nr_kept--;
	for (unsigned i = at; i < script.nr_kept; i++)
		script.kept[i] = script.kept[i + 1];
	want = script.last[ev.token % NR_TOKENS];
	CHECK_EQ(ev.fd, want.fd);
	CHECK_EQ(ev.op, want.op);
	CHECK_EQ(ev.flags, 0);
	return ev.result;
}

static long event(step s)
{
	for (unsigned seen = 0;; seen++) {
		if (seen == script.nr_kept && NEED(gather(PATIENCE) > 0))
			return -SHIM_ETIME;
		if (script.kept[seen].token == (uint64_t)s->token)
			return result_at(seen);
	}
}

static long next_event(step s)
{
	if (!script.nr_kept && NEED(gather(PATIENCE) > 0))
		return -SHIM_ETIME;
	NEED(script.kept[0].token == (uint64_t)s->token);
	return result_at(0);
}

static long some(step s)
{
	long n = event(s);

	return n < 1 || n > s->n ? n : 0;
}

static long any(step s)
{
	event(s);
	return 0;
}

static long connection(step s)
{
	long fd = event(s);

	if (fd < 0)
		return fd;
	CHECK_EQ(shim_fcntl((int)fd, SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
	return set(s->fd, fd, nonblock((int)fd));
}

static long quiet(step s)
{
	if (!script.nr_kept)
		gather((int)s->n);
	NEED(script.nr_kept == 0);
	return 0;
}

static long data(step s)
{
	const unsigned char *p = bufs[s->token];
	long i;

	fill_pattern(scratch, s->arg, s->n);
	for (i = 0; i < s->n && p[i] == scratch[i]; i++)
		;
	CHECK_EQ(i, s->n);
	return 0;
}

static long number(step s)
{
	int64_t n = s->n;

	for (unsigned i = 0; i < sizeof(n); i++)
		CHECK_EQ(bufs[s->token][i], ((unsigned char *)&n)[i]);
	return 0;
}

static long start_clock(step s)
{
	(void)s;
	script.clock = now_ns();
	return 0;
}

static long passed(step s)
{
	CHECK(now_ns() - script.clock >= s->n * 1000000);
	return 0;
}

static long end(step s)
{
	(void)s;
	script.ended = 1;
	return shim_aio_exit(&script.aio);
}

static const struct verb {
	const char *name;
	long (*run)(step s);
} verbs[] = {
	{ "pipe", make_pipe },
	{ "pair", make_pair },
	{ "tcp", make_tcp },
	{ "listen", make_listener },
	{ "connect", make_connection },
	{ "file", make_file },
	{ "directory", make_directory },
	{ "eventfd", make_eventfd },
	{ "move", move },
	{ "drop", drop },
	{ "reset", reset },
	{ "shutdown", shut_down },
	{ "put", put },
	{ "take", take },
	{ "fill", fill },
	{ "drain", drain },
	{ "add", add },
	{ "seek", seek },
	{ "tell", tell },
	{ "nonblock", is_nonblock },
	{ "read", op_read },
	{ "write", op_write },
	{ "recv", op_recv },
	{ "send", op_send },
	{ "accept", op_accept },
	{ "poll", op_poll },
	{ "timeout", op_timeout },
	{ "cancel", op_cancel },
	{ "close", op_close },
	{ "forget", op_forget },
	{ "next", next_event },
	{ "event", event },
	{ "some", some },
	{ "any", any },
	{ "conn", connection },
	{ "quiet", quiet },
	{ "data", data },
	{ "number", number },
	{ "clock", start_clock },
	{ "passed", passed },
	{ "end", end },
};

static long run_step(step s)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (same(verbs[i].name, s->verb))
			return verbs[i].run(s);
	CHECK_EQ(s - aio_steps, -1);
	return -SHIM_ENOSYS;
}

static int open_aio(const char *engine)
{
	const struct shim_aio_params params = {
		.slots = slots,
		.nr_slots = NR_SLOTS,
		.fds = fdslots,
		.nr_fds = NR_FDS,
		.engine = engine,
	};

	return shim_aio_init(&script.aio, &params);
}

/* The end of a test. Nothing must be left, and O_NONBLOCK not changed. */
static void finish(void)
{
	if (!script.ended) {
		if (!script.broken) {
			gather(0);
			CHECK_EQ(script.nr_kept, 0);
		}
		CHECK_EQ(shim_aio_exit(&script.aio), 0);
	}
	for (int i = 0; i < NR_VARIABLES; i++) {
		const struct variable *v = &script.vars[i];

		if (!v->open)
			continue;
		CHECK_EQ(nonblock(v->fd), v->mode);
		shim_close(v->fd);
	}
}

/* Runs the test whose first row is at; returns the row after it. */
static int run_test(int at, const char *engine, int mode)
{
	const char *name = aio_steps[at].test;
	int first = at, next = at + 1;

	while (next < NR_STEPS && !aio_steps[next].test[0])
		next++;
	check_case(name);
	script.mode = mode;
	script.ended = script.broken = 0;
	script.nr_kept = 0;
	for (int i = 0; i < NR_VARIABLES; i++)
		script.vars[i] = (struct variable){ .fd = -1 };
	if (!CHECK_EQ(open_aio(engine), 0))
		return next;
	for (; at < next && !script.broken; at++) {
		long got = run_step(&aio_steps[at]);

		if (got != aio_steps[at].want) {
			/* Which row it is says more than an address. */
			CHECK_EQ(at - first + 1, -1);
			CHECK_EQ(got, aio_steps[at].want);
			script.broken = 1;
		}
	}
	finish();
	return next;
}

static inline void run_table(const char *engine, int mode)
{
	static const struct shim_sigaction ignore = {
		.handler = (void *)SHIM_SIG_IGN,
	};
	int err = open_aio(engine);

	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		SKIP(shim_aio_reason(&script.aio));
	CHECK_FATAL(err == 0);
	shim_aio_exit(&script.aio);
	shim_rt_sigaction(SHIM_SIGPIPE, &ignore, NULL);
	for (int at = 0; at < NR_STEPS;)
		at = run_test(at, engine, mode);
	check_case("");
}

#endif
