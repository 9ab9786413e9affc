/* SPDX-License-Identifier: MIT */
#include "aio_rows.h"

#include <shim/aio.h>

#include "../file.h"

#define DEPTH_MAX 64
#define CONNS_MAX 1024
/* An operation for each connection, for accepting, and for watching. */
#define SLOTS_MAX (CONNS_MAX + 2)
#define FDS_MAX (CONNS_MAX + 64)
#define MESSAGE_MAX 4096
#define EVENTS_MAX 64
#define PATIENCE_MS 5000

/* Static, for a sample's reason may point into it. */
static struct shim_aio aio;
static struct shim_aio_slot slots[SLOTS_MAX];
static struct shim_aio_fdslot fds[FDS_MAX];

/*
 * On epoll a helper for each operation that can be in flight keeps a device as
 * busy as the ring does.
 */
static int init_aio(const char *engine, unsigned nr_slots,
		    struct sample *sample)
{
	struct shim_aio_params params = {
		.slots = slots,
		.nr_slots = nr_slots,
		.fds = fds,
		.nr_fds = FDS_MAX,
		.engine = engine,
		.nr_helpers = nr_slots,
	};
	int err = shim_aio_init(&aio, &params);

	return err ? row_unavailable(sample, shim_aio_reason(&aio), err) : 0;
}

/* Ends the aio; a failure of the row goes before one of its end. */
static int exit_aio(struct sample *sample, int result)
{
	int err = shim_aio_exit(&aio);

	if (err && !result)
		return row_fail(sample, "shim_aio_exit", err);
	return result;
}

struct reader {
	struct test_file file;
	unsigned depth;
	/* A token is an index of these. */
	int64_t offsets[DEPTH_MAX];
};

static _Alignas(FILE_BLOCK) char blocks[DEPTH_MAX][FILE_BLOCK];

static int submit_read(struct reader *r, uint64_t token)
{
	r->offsets[token] = test_file_offset(&r->file);
	return shim_aio_read(&aio, r->file.fd, blocks[token], FILE_BLOCK,
			     r->offsets[token], token);
}

static int check_read(const struct reader *r, const struct shim_aio_event *ev)
{
	return test_file_check(blocks[ev->token], ev->result,
			       r->offsets[ev->token]);
}

static int read_batch(void *arg, uint64_t nr_ops)
{
	struct reader *r = arg;
	struct shim_aio_event events[EVENTS_MAX];
	uint64_t nr_begun = 0, nr_ended = 0;
	int err = 0;

	while (!err && nr_begun < nr_ops && nr_begun < r->depth)
		err = submit_read(r, nr_begun++);
	while (!err && nr_ended < nr_ops) {
		int nr = shim_aio_poll_events(&aio, events, EVENTS_MAX, -1);

		if (nr < 0)
			return nr;
		for (int i = 0; i < nr && !err; i++) {
			err = check_read(r, &events[i]);
			nr_ended++;
			if (err || nr_begun == nr_ops)
				continue;
			err = submit_read(r, events[i].token);
			nr_begun++;
		}
	}
	return err;
}

int run_aio_read(const struct row *row, struct sample *sample)
{
	struct reader reader = { .depth = row->depth };
	int result = test_file_open(&reader.file, row, sample);

	if (result)
		return result;
	result = init_aio(row->engine, row->depth, sample);
	if (!result)
		result = exit_aio(sample, measure(sample, read_batch, &reader));
	shim_close(reader.file.fd);
	return result;
}

struct conn {
	int fd;
	/* What was received, and how much of it has been sent. */
	unsigned received, sent;
	char buf[MESSAGE_MAX];
};

static struct server {
	const struct row *row;
	int listener;
	/* Those that have come, and gone. */
	unsigned nr_conns, nr_left;
	/* How long to wait: for ever while there are clients. */
	int wait_ms;
	uint64_t nr_bytes;
	/* A token is an index. */
	struct conn conns[CONNS_MAX];
} server;

/* A listening TCP socket on the loopback device. Returns it, or -errno. */
static int open_listener(unsigned *port)
{
	struct shim_sockaddr_in addr = {
		.sin_family = SHIM_AF_INET,
		.sin_addr = { __builtin_bswap32(0x7f000001) },
	};
	struct shim_sockaddr *sa = (void *)&addr;
	int len = sizeof(addr);
	long err, fd = shim_socket(SHIM_AF_INET,
				   SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	if (fd < 0)
		return (int)fd;
	err = shim_bind((int)fd, sa, len);
	if (!err)
		err = shim_listen((int)fd, CONNS_MAX);
	if (!err)
		err = shim_getsockname((int)fd, sa, &len);
	if (err) {
		shim_close((int)fd);
		return (int)err;
	}
	*port = __builtin_bswap16(addr.sin_port);
	return (int)fd;
}

static int receive(uint64_t token)
{
	struct conn *c = &server.conns[token];

	return shim_aio_recv(&aio, c->fd, c->buf, server.row->size, 0, token);
}

static int send_rest(uint64_t token)
{
	struct conn *c = &server.conns[token];

	return shim_aio_send(&aio, c->fd, c->buf + c->sent,
			     c->received - c->sent, 0, token);
}

static int accepted(int fd)
{
	uint64_t token = server.nr_conns++;
	int one = 1;
	long err = shim_setsockopt(fd, SHIM_IPPROTO_TCP, SHIM_TCP_NODELAY, &one,
				   sizeof(one));

	server.conns[token].fd = fd;
	if (!err && server.nr_conns < server.row->conns)
		err = shim_aio_accept(&aio, server.listener, 0, 0);
	return err ? (int)err : receive(token);
}

/* Goes on with what an event ended. */
static int step(const struct shim_aio_event *ev)
{
	struct conn *c = &server.conns[ev->token];

	if (ev->result < 0)
		return ev->result;
	switch (ev->op) {
	case SHIM_AIO_ACCEPT:
		return accepted(ev->result);
	case SHIM_AIO_RECV:
		if (!ev->result)
			return shim_aio_close(&aio, c->fd, ev->token);
		c->received = (unsigned)ev->result;
		c->sent = 0;
		return send_rest(ev->token);
	case SHIM_AIO_SEND:
		c->sent += (unsigned)ev->result;
		server.nr_bytes += (unsigned)ev->result;
		return c->sent < c->received ? send_rest(ev->token)
					     : receive(ev->token);
	case SHIM_AIO_POLL:
		server.wait_ms = PATIENCE_MS;
		return 0;
	default:
		c->fd = -1;
		server.nr_left++;
		return 0;
	}
}

/*
 * Until all clients have come and left. A wait without an end needs no clock,
 * so it is the clients that are watched, or the driver that ends us.
 */
static int serve(struct sample *sample)
{
	struct shim_aio_event events[EVENTS_MAX];

	while (server.nr_left < server.row->conns) {
		int err, nr = shim_aio_poll_events(&aio, events, EVENTS_MAX,
						   server.wait_ms);

		if (nr <= 0)
			return row_fail(sample, "waiting for the clients", nr);
		for (int i = 0; i < nr; i++) {
			err = step(&events[i]);
			if (err)
				return row_fail(sample, "echo", err);
		}
	}
	return 0;
}

/* What the process has used. */
static int64_t cpu_ns(void)
{
	struct shim_rusage ru = { 0 };

	shim_getrusage(SHIM_RUSAGE_SELF, &ru);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000 +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

static int serve_measured(struct sample *sample, unsigned port)
{
	int64_t start = call_now_ns(), cpu = cpu_ns();
	int result = shim_aio_accept(&aio, server.listener, 0, 0);

	if (result)
		return row_fail(sample, "accept", result);
	result = sample->announce(sample, port);
	if (!result && sample->clients_fd) {
		result =
			shim_aio_poll(&aio, sample->clients_fd, SHIM_POLLIN, 0);
		if (result)
			row_fail(sample, "poll", result);
	}
	if (!result)
		result = serve(sample);
	sample->nr_ops = server.nr_bytes / server.row->size;
	sample->elapsed_ns = call_now_ns() - start;
	sample->cpu_ns = cpu_ns() - cpu;
	if (!result && !sample->nr_ops)
		return row_fail(sample, "no message came", 0);
	return result;
}

int run_aio_echo(const struct row *row, struct sample *sample)
{
	unsigned port = 0;
	int result = init_aio(row->engine, row->conns + 2, sample);

	if (result)
		return result;
	server.row = row;
	server.nr_conns = 0;
	server.nr_left = 0;
	server.nr_bytes = 0;
	server.wait_ms = -1;
	server.listener = open_listener(&port);
	if (server.listener < 0)
		return exit_aio(sample,
				row_fail(sample, "listen", server.listener));
	result = exit_aio(sample, serve_measured(sample, port));
	shim_close(server.listener);
	/* Those that did not leave, when something failed. */
	for (unsigned i = 0; i < server.nr_conns; i++)
		if (server.conns[i].fd >= 0)
			shim_close(server.conns[i].fd);
	return result;
}
