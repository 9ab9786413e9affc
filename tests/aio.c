/* SPDX-License-Identifier: MIT */
/*
 * What aio.tab cannot say: the object itself, its memory, the choice of the
 * engine, and its place in a program.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"

/* The least interface. */

static void file_is_copied(void)
{
	static const char text[] = "read, write, poll events";
	char buf[64] = "";
	int fd = (int)shim_memfd_create("aio", SHIM_MFD_CLOEXEC);

	CHECK_EQ(shim_aio_submit_write(&aio, fd, text, sizeof(text), 0), 0);
	CHECK_EQ(result_of(0), sizeof(text));
	CHECK_EQ(shim_aio_submit_read(&aio, fd, buf, sizeof(buf), 0), 0);
	CHECK_EQ(result_of(0), sizeof(text));
	CHECK(same(buf, text));
	CHECK_EQ(shim_aio_close(&aio, fd, 1), 0);
	CHECK_EQ(result_of(1), 0);
	CHECK_EQ(shim_fcntl(fd, SHIM_F_GETFD, 0), -SHIM_EBADF);
}

static void reads_and_writes_need_no_token(void)
{
	each_engine(file_is_copied);
}

/* Waiting. */

static void nothing_comes(void)
{
	struct shim_aio_event ev;
	int64_t start = now_ns();

	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 20), 0);
	CHECK(now_ns() - start >= 20000000);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 0, 0), -SHIM_EINVAL);
}

static void time_that_is_over_is_no_error(void)
{
	each_engine(nothing_comes);
}

static void events_come_one_by_one(void)
{
	struct shim_aio_event ev;

	for (uint64_t i = 0; i < 10; i++)
		CHECK_EQ(shim_aio_cancel(&aio, 99, i), 0);
	for (uint64_t i = 0; i < 10; i++) {
		CHECK_EQ(shim_aio_sleep_ns(&aio), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, -1), 1);
		CHECK_EQ(ev.token, i);
		CHECK_EQ(ev.result, -SHIM_ENOENT);
		CHECK_EQ(ev.fd, -1);
		CHECK_EQ(ev.op, SHIM_AIO_CANCEL);
	}
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 0);
}

static void little_room_for_events_loses_none(void)
{
	each_engine(events_come_one_by_one);
}

/* The close has ended, and its event waits behind another. */
static void close_and_open_again(void)
{
	struct shim_aio_event ev;
	int old[2], new[2];
	char buf[8];

	CHECK_FATAL(shim_pipe2(old, SHIM_O_CLOEXEC) == 0);
	CHECK_EQ(shim_aio_cancel(&aio, 99, 1), 0);
	CHECK_EQ(shim_aio_close(&aio, old[0], 2), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, PATIENCE), 1);
	CHECK_EQ(ev.token, 1);
	/* Nobody has the number, or another does. */
	CHECK_EQ(shim_aio_read(&aio, old[0], buf, 8, -1, 3), -SHIM_EBADF);
	CHECK_FATAL(shim_pipe2(new, SHIM_O_CLOEXEC) == 0);
	CHECK_EQ(new[0], old[0]);
	CHECK_EQ(shim_aio_read(&aio, new[0], buf, 8, -1, 3), 0);
	CHECK_EQ(result_of(2), 0);
	CHECK_EQ(shim_write(new[1], "abc", 3), 3);
	CHECK_EQ(result_of(3), 3);
	CHECK_EQ(shim_aio_close(&aio, new[0], 4), 0);
	CHECK_EQ(result_of(4), 0);
	shim_close(old[1]);
	shim_close(new[1]);
}

static void a_number_is_free_when_its_close_has_ended(void)
{
	each_engine(close_and_open_again);
}

enum { NR_TIMEOUTS = 30, TIMEOUT_UNIT_NS = 10000000 };

/* Between which times a timeout ends at the earliest. */
struct deadline {
	int64_t from, to;
};

/* The timeout of a token, whose number says how long it takes. */
static struct deadline start_timeout(uint64_t token)
{
	int64_t ns = (int64_t)(token + 1) * TIMEOUT_UNIT_NS;
	int64_t before = now_ns();

	CHECK_EQ(shim_aio_timeout(&aio, (uint64_t)ns, token), 0);
	return (struct deadline){ before + ns, now_ns() + ns };
}

/* Half of the timeouts are cancelled, the rest must end in order. */
static void timeouts_end_in_order(void)
{
	struct deadline deadlines[NR_TIMEOUTS], last = { 0 };
	struct shim_aio_event ev[NR_SLOTS];
	int n, ended = 0, cancelled = 0;

	for (uint64_t i = 0; i < NR_TIMEOUTS; i++) {
		uint64_t token = i * 7 % NR_TIMEOUTS;

		deadlines[token] = start_timeout(token);
	}
	for (uint64_t i = 1; i < NR_TIMEOUTS; i += 2)
		CHECK_EQ(shim_aio_cancel(&aio, i, 100), 0);
	while (ended + cancelled < NR_TIMEOUTS + NR_TIMEOUTS / 2) {
		n = shim_aio_poll_events(&aio, ev, NR_SLOTS, PATIENCE);
		if (!CHECK(n > 0))
			return;
		for (int k = 0; k < n; k++) {
			if (ev[k].token == 100 || ev[k].result) {
				cancelled++;
				continue;
			}
			CHECK(ev[k].token % 2 == 0);
			CHECK(deadlines[ev[k].token].to >= last.from);
			last = deadlines[ev[k].token];
			ended++;
		}
	}
	CHECK_EQ(ended, NR_TIMEOUTS / 2);
	CHECK(now_ns() >= last.from);
	CHECK_EQ(shim_aio_timeout(&aio, UINT64_MAX, 1), 0);
	CHECK_EQ(shim_aio_cancel(&aio, 1, 2), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, ev, 4, PATIENCE), 2);
}

static void timeouts_keep_their_order_when_some_go(void)
{
	each_engine(timeouts_end_in_order);
}

/* Life in another event loop. */

static int readable(int fd, int ms)
{
	struct shim_pollfd p = { fd, SHIM_POLLIN, 0 };
	struct shim_timespec t = { ms / 1000, ms % 1000 * 1000000 };

	return (int)shim_ppoll(&p, 1, &t, NULL) == 1;
}

static void foreign_loop_waits(void)
{
	struct shim_aio_event ev;
	int64_t ns;
	char c;
	int p[2], fd = shim_aio_fd(&aio);

	/* A blocking pipe takes a helper, and longer, on old kernels. */
	CHECK_EQ(shim_pipe2(p, SHIM_O_CLOEXEC | SHIM_O_NONBLOCK), 0);
	CHECK_EQ(shim_aio_sleep_ns(&aio), -1);
	CHECK_EQ(shim_aio_read(&aio, p[0], &c, 1, -1, 1), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 0);
	CHECK_EQ(shim_aio_sleep_ns(&aio), -1);
	CHECK(!readable(fd, 0));
	CHECK_EQ(shim_write(p[1], "x", 1), 1);
	CHECK(readable(fd, PATIENCE));
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 0), 1);
	CHECK_EQ(ev.result, 1);
	CHECK_EQ(shim_aio_timeout(&aio, 5000000000, 2), 0);
	ns = shim_aio_sleep_ns(&aio);
	CHECK(ns > 1000000000 && ns <= 5000000000);
	shim_close(p[1]);
	CHECK_EQ(shim_aio_close(&aio, p[0], 3), 0);
	CHECK_EQ(result_of(3), 0);
}

static void one_descriptor_shows_that_something_ended(void)
{
	each_engine(foreign_loop_waits);
}

/* Storage. */

static void high_descriptors_are_refused(void)
{
	for (int i = 0; i < 2; i++) {
		struct shim_aio_params params = aio_params(engines[i]);
		char c;
		int fd = (int)shim_memfd_create("aio", SHIM_MFD_CLOEXEC);
		int high = (int)shim_fcntl(fd, SHIM_F_DUPFD_CLOEXEC, 100);

		params.nr_fds = 100;
		if (shim_aio_init(&aio, &params) == 0) {
			check_case(engines[i]);
			CHECK_EQ(shim_aio_read(&aio, high, &c, 1, 0, 1),
				 -SHIM_EINVAL);
			CHECK_EQ(shim_aio_close(&aio, high, 1), -SHIM_EINVAL);
			CHECK_EQ(shim_aio_forget(&aio, high, 1), 0);
			CHECK_EQ(result_of(1), 0);
			CHECK_EQ(shim_close(high), 0);
			CHECK_EQ(shim_aio_read(&aio, high, &c, 1, 0, 2), 0);
			CHECK_EQ(result_of(2), -SHIM_EBADF);
			CHECK_EQ(shim_aio_read(&aio, -1, &c, 1, 0, 2),
				 -SHIM_EBADF);
			CHECK_EQ(shim_aio_exit(&aio), 0);
		}
		shim_close(high);
		shim_close(fd);
	}
	check_case("");
}

static void wrong_parameters_errno(void)
{
	struct shim_aio_params good = aio_params(NULL), p;

	p = good;
	p.slots = NULL;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.nr_slots = 0;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.nr_slots = SHIM_AIO_SLOTS_MAX + 1;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.fds = NULL;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.nr_helpers = SHIM_AIO_HELPERS_MAX + 1;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.flags = 1;
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	p = good;
	p.engine = "kqueue";
	CHECK_EQ(shim_aio_init(&aio, &p), -SHIM_EINVAL);
	CHECK(same(shim_aio_reason(&aio),
		   "unknown engine \"kqueue\" in the parameters"));
}

/* The choice of the engine. */

static void the_environment_forces_an_engine(void)
{
	char *envp[] = { (char *)"SHIM_AIO_ENGINES=x",
			 (char *)"SHIM_AIO_ENGINE=epoll", NULL };
	struct shim_aio_params params = aio_params(NULL);

	params.envp = envp;
	CHECK_FATAL(CHECK_EQ(shim_aio_init(&aio, &params), 0));
	CHECK(same(shim_aio_engine(&aio), "epoll"));
	CHECK(same(shim_aio_reason(&aio), "epoll: forced by SHIM_AIO_ENGINE"));
	CHECK_EQ(shim_aio_exit(&aio), 0);

	envp[1] = (char *)"SHIM_AIO_ENGINE=poll";
	CHECK_EQ(shim_aio_init(&aio, &params), -SHIM_EINVAL);
	CHECK(same(shim_aio_reason(&aio),
		   "unknown engine \"poll\" in SHIM_AIO_ENGINE"));
	/* The parameters come first. */
	params.engine = "epoll";
	CHECK_EQ(shim_aio_init(&aio, &params), 0);
	CHECK(same(shim_aio_reason(&aio), "epoll: forced by the parameters"));
	CHECK_EQ(shim_aio_exit(&aio), 0);
	/* A variable without a value is none. */
	envp[1] = (char *)"SHIM_AIO_ENGINE=";
	params.engine = NULL;
	CHECK_EQ(shim_aio_init(&aio, &params), 0);
	CHECK_EQ(shim_aio_exit(&aio), 0);
}

/* The other tests do without, where it is not. */
static void io_uring_is_there(void)
{
	int err = open_aio("io_uring");

	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	CHECK_FATAL(CHECK_EQ(err, 0));
	CHECK(same(shim_aio_reason(&aio),
		   "io_uring: forced by the parameters"));
	CHECK_EQ(shim_aio_exit(&aio), 0);
}

/* This program's environment decides here, and says so. */
static void an_engine_has_a_reason(void)
{
	struct shim_aio_params params = aio_params(NULL);

	params.envp = check_envp;
	CHECK_FATAL(CHECK_EQ(shim_aio_init(&aio, &params), 0));
	CHECK(contains(shim_aio_reason(&aio), shim_aio_engine(&aio)));
	CHECK(contains(shim_aio_reason(&aio), "first choice") ||
	      contains(shim_aio_reason(&aio), "forced by SHIM_AIO_ENGINE") ||
	      contains(shim_aio_reason(&aio), "io_uring_setup failed with"));
	CHECK_EQ(shim_aio_exit(&aio), 0);
}

/* Descriptors and buffers. */

static void part_of_a_message_is_not_lost(void)
{
	struct shim_aio_event ev[2];
	char buf[10];
	int s[2];

	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, s),
		 0);
	CHECK_EQ(shim_write(s[1], "part", 4), 4);
	CHECK_EQ(shim_aio_recv(&aio, s[0], buf, 10, SHIM_MSG_WAITALL, 1), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, ev, 2, 0), 0);
	CHECK_EQ(shim_aio_cancel(&aio, 1, 1), 0);
	for (int n = 0; n < 2;) {
		int got = shim_aio_poll_events(&aio, ev, 2, PATIENCE);

		if (!CHECK(got > 0))
			break;
		for (int k = 0; k < got; k++)
			CHECK_EQ(ev[k].result,
				 ev[k].op == SHIM_AIO_CANCEL ? 0 : 4);
		n += got;
	}
	CHECK_EQ(shim_aio_close(&aio, s[0], 2), 0);
	CHECK_EQ(result_of(2), 0);
	shim_close(s[1]);
}

static void a_cancel_keeps_what_came(void)
{
	each_engine(part_of_a_message_is_not_lost);
}

/* A terminal whose driver knows no way not to wait but O_NONBLOCK. */
static void terminal_echoes(void)
{
	static const int flags[] = { 0, SHIM_O_NONBLOCK };

	for (int i = 0; i < 2; i++) {
		struct shim_aio_event ev;
		char c = 0;
		int fd = (int)shim_openat(SHIM_AT_FDCWD, "/dev/ptmx",
					  SHIM_O_RDWR | SHIM_O_NOCTTY |
						  SHIM_O_CLOEXEC | flags[i],
					  0);

		CHECK(fd >= 0);
		CHECK_EQ(shim_aio_read(&aio, fd, &c, 1, 0, 1), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 5), 0);
		CHECK_EQ(shim_aio_write(&aio, fd, "x", 1, 0, 2), 0);
		CHECK_EQ(nr_results(2, 1), 2);
		CHECK_EQ(c, 'x');
		CHECK_EQ(shim_aio_read(&aio, fd, &c, 1, 0, 1), 0);
		CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, 5), 0);
		CHECK_EQ(shim_aio_cancel(&aio, 1, 2), 0);
		CHECK_EQ(nr_results(2, -SHIM_ECANCELED), 1);
		CHECK_EQ(shim_aio_close(&aio, fd, 3), 0);
		CHECK_EQ(result_of(3), 0);
	}
}

static void a_terminal_waits_blocking_or_not(void)
{
	long fd = shim_openat(SHIM_AT_FDCWD, "/dev/ptmx",
			      SHIM_O_RDWR | SHIM_O_NOCTTY | SHIM_O_CLOEXEC, 0);

	if (fd < 0)
		SKIP("no /dev/ptmx");
	shim_close((int)fd);
	each_engine(terminal_echoes);
}

static void peer_ends(void)
{
	char c;
	int s[2];

	CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0, s),
		 0);
	CHECK_EQ(shim_aio_recv(&aio, s[0], &c, 1, 0, 1), 0);
	CHECK_EQ(shim_aio_close(&aio, s[0], 2), 0);
	/* Nothing was reaped: exit does what is left. */
	CHECK_EQ(shim_aio_exit(&aio), 0);
	CHECK_EQ(shim_read(s[1], &c, 1), 0);
	shim_close(s[1]);
	CHECK_EQ(open_aio(shim_aio_engine(&aio)), 0);
}

static void exit_closes_what_was_to_be_closed(void)
{
	each_engine(peer_ends);
}

static int listener(struct shim_sockaddr_in *in)
{
	int len = sizeof(*in);
	int fd = (int)shim_socket(SHIM_AF_INET,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	*in = (struct shim_sockaddr_in){
		.sin_family = SHIM_AF_INET,
		.sin_addr.s_addr = __builtin_bswap32(0x7f000001),
	};
	CHECK_EQ(shim_bind(fd, (void *)in, len), 0);
	CHECK_EQ(shim_listen(fd, 16), 0);
	CHECK_EQ(shim_getsockname(fd, (void *)in, &len), 0);
	return fd;
}

static void nobody_reaps_a_connection(void)
{
	struct shim_sockaddr_in in;
	struct shim_aio_event ev;
	char c;
	int l = listener(&in);
	int s = (int)shim_socket(SHIM_AF_INET,
				 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	CHECK_EQ(shim_connect(s, (void *)&in, sizeof(in)), 0);
	/* Two events, room for one: the other is the connection. */
	CHECK_EQ(shim_aio_timeout(&aio, 0, 1), 0);
	CHECK_EQ(shim_aio_accept(&aio, l, 0, 2), 0);
	CHECK_EQ(shim_aio_poll_events(&aio, &ev, 1, PATIENCE), 1);
	if (ev.token == 2)
		shim_close(ev.result);
	CHECK_EQ(shim_aio_exit(&aio), 0);
	shim_close(l);
	CHECK(shim_read(s, &c, 1) <= 0);
	shim_close(s);
	CHECK_EQ(open_aio(shim_aio_engine(&aio)), 0);
}

static void exit_closes_connections_that_nobody_reaped(void)
{
	each_engine(nobody_reaps_a_connection);
}

static const struct check_test aio_tests[] = {
	TEST(reads_and_writes_need_no_token),
	TEST(time_that_is_over_is_no_error),
	TEST(little_room_for_events_loses_none),
	TEST(a_number_is_free_when_its_close_has_ended),
	TEST(timeouts_keep_their_order_when_some_go),
	TEST(one_descriptor_shows_that_something_ended),
	TEST(high_descriptors_are_refused),
	TEST(wrong_parameters_errno),
	TEST(io_uring_is_there),
	TEST(the_environment_forces_an_engine),
	TEST(an_engine_has_a_reason),
	TEST(a_cancel_keeps_what_came),
	TEST(a_terminal_waits_blocking_or_not),
	TEST(exit_closes_what_was_to_be_closed),
	TEST(exit_closes_connections_that_nobody_reaped),
};

CHECK_MAIN(aio, aio_tests)
