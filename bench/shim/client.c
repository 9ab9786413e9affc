/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "../histogram.h"

#define EVENTS_MAX 64
#define PATIENCE_MS 5000

struct conn {
	int fd;
	unsigned received;
	uint64_t number;
	int64_t sent_ns;
	char buf[CLIENT_SIZE_MAX];
};

struct client {
	const struct client_job *job;
	struct sample *sample;
	int epoll_fd;
	/* Exchanges begun and ended, and those that may begin. */
	uint64_t nr_begun, nr_ended, nr_max;
	/* Before start_ns it warms up; after end_ns nothing more begins. */
	int64_t start_ns, end_ns;
	struct histogram latencies;
	struct conn conns[CLIENT_CONNS_MAX];
};

static int open_conn(struct client *c, struct conn *conn)
{
	struct shim_sockaddr_in addr = {
		.sin_family = SHIM_AF_INET,
		.sin_port = __builtin_bswap16((uint16_t)c->job->port),
		.sin_addr = { __builtin_bswap32(0x7f000001) },
	};
	struct shim_epoll_event event = { .events = SHIM_EPOLLIN };
	int one = 1;
	long err, fd = shim_socket(SHIM_AF_INET,
				   SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	if (fd < 0)
		return row_fail(c->sample, "socket", fd);
	conn->fd = (int)fd;
	err = shim_connect(conn->fd, (struct shim_sockaddr *)(void *)&addr,
			   sizeof(addr));
	if (err)
		return row_fail(c->sample, "connect", err);
	err = shim_setsockopt(conn->fd, SHIM_IPPROTO_TCP, SHIM_TCP_NODELAY,
			      &one, sizeof(one));
	if (err)
		return row_fail(c->sample, "setsockopt TCP_NODELAY", err);
	event.data = (uint64_t)(conn - c->conns);
	err = shim_epoll_ctl(c->epoll_fd, SHIM_EPOLL_CTL_ADD, conn->fd, &event);
	return err ? row_fail(c->sample, "epoll_ctl", err) : 0;
}

/* A sample is at least one exchange, however long that takes. */
static bool is_over(const struct client *c, int64_t now)
{
	return now >= c->end_ns && c->sample->nr_ops;
}

static bool may_begin(const struct client *c, int64_t now)
{
	return !is_over(c, now) && c->nr_begun < c->nr_max;
}

/* Sends a message with the next number. */
static int begin_exchange(struct client *c, struct conn *conn, int64_t now)
{
	long n;

	conn->received = 0;
	conn->number = ++c->nr_begun;
	conn->sent_ns = now;
	__builtin_memcpy(conn->buf, &conn->number, sizeof(conn->number));
	n = shim_sendto(conn->fd, conn->buf, c->job->size,
			SHIM_MSG_DONTWAIT | SHIM_MSG_NOSIGNAL, NULL, 0);
	n = wrong_result(n, c->job->size);
	return n ? row_fail(c->sample, "send", n) : 0;
}

static int end_exchange(struct client *c, struct conn *conn, int64_t now)
{
	uint64_t number;

	__builtin_memcpy(&number, conn->buf, sizeof(number));
	if (number != conn->number)
		return row_fail(c->sample, "the echo is another message", -5);
	c->nr_ended++;
	/* What was begun before the start, or ends after the end, is ignored.
	 */
	if (conn->sent_ns >= c->start_ns && !is_over(c, conn->sent_ns)) {
		histogram_add(&c->latencies, (uint64_t)(now - conn->sent_ns));
		c->sample->nr_ops++;
		c->sample->elapsed_ns = now - c->start_ns;
	}
	return may_begin(c, now) ? begin_exchange(c, conn, now) : 0;
}

static int receive(struct client *c, struct conn *conn)
{
	long n = shim_recvfrom(conn->fd, conn->buf + conn->received,
			       c->job->size - conn->received, SHIM_MSG_DONTWAIT,
			       NULL, NULL);

	if (n == -SHIM_EAGAIN)
		return 0;
	if (n <= 0)
		return row_fail(c->sample, "the server closed a connection", n);
	conn->received += (unsigned)n;
	if (conn->received < c->job->size)
		return 0;
	return end_exchange(c, conn, call_now_ns());
}

/* Until no exchange is under way. */
static int exchange(struct client *c)
{
	struct shim_epoll_event events[EVENTS_MAX];
	int err;

	while (c->nr_ended < c->nr_begun) {
		long n = shim_epoll_pwait(c->epoll_fd, events, EVENTS_MAX,
					  PATIENCE_MS, NULL);

		if (n == -SHIM_EINTR)
			continue;
		if (n <= 0)
			return row_fail(c->sample, "the server does not answer",
					n);
		for (long i = 0; i < n; i++) {
			err = receive(c, &c->conns[events[i].data]);
			if (err)
				return err;
		}
	}
	return 0;
}

static void prepare(struct client *c, const struct client_job *job,
		    struct sample *sample)
{
	int64_t now = call_now_ns();

	c->job = job;
	c->sample = sample;
	c->nr_begun = 0;
	c->nr_ended = 0;
	c->nr_max = sample->budget_ns ? UINT64_MAX : sample->nr_ops;
	c->start_ns = now + sample->budget_ns / 8;
	c->end_ns = sample->budget_ns ? now + sample->budget_ns : INT64_MAX;
	c->latencies = (struct histogram){ 0 };
	sample->nr_ops = 0;
	sample->elapsed_ns = 0;
}

static int run_conns(struct client *c, unsigned *nr_open)
{
	int64_t now;
	int err;

	while (*nr_open < c->job->conns) {
		c->conns[*nr_open].fd = -1;
		err = open_conn(c, &c->conns[(*nr_open)++]);
		if (err)
			return err;
	}
	prepare(c, c->job, c->sample);
	now = call_now_ns();
	for (unsigned i = 0; i < *nr_open && may_begin(c, now); i++) {
		err = begin_exchange(c, &c->conns[i], now);
		if (err)
			return err;
	}
	return exchange(c);
}

int client_run(const struct client_job *job, struct sample *sample)
{
	static struct client client;
	unsigned nr_open = 0;
	long fd = shim_epoll_create1(SHIM_EPOLL_CLOEXEC);
	int err;

	if (fd < 0)
		return row_fail(sample, "epoll_create1", fd);
	client.job = job;
	client.sample = sample;
	client.epoll_fd = (int)fd;
	err = run_conns(&client, &nr_open);
	sample->p50_ns = histogram_percentile(&client.latencies, 50);
	sample->p99_ns = histogram_percentile(&client.latencies, 99);
	while (nr_open)
		shim_close(client.conns[--nr_open].fd);
	shim_close(client.epoll_fd);
	return err;
}

int pin_to_cpu(unsigned cpu)
{
	uint64_t cpus[1024 / 64] = { 0 };

	if (cpu >= 1024)
		return -SHIM_EINVAL;
	cpus[cpu / 64] = UINT64_C(1) << cpu % 64;
	return (int)shim_sched_setaffinity(0, sizeof(cpus), (void *)cpus);
}
