/* SPDX-License-Identifier: MIT */
/* The example echo as a user runs it, with clients, on each engine. */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"

enum { PATH_SIZE = 512, NOT_FOUND = 127, CLIENTS = 70, SIZE = 100000 };

/* The program, its input and output, and what it said. */
static struct {
	long pid;
	int in, out;
	unsigned port;
	char line[256];
} echo;

/* Put up/examples/echo next to our own program's directory into path. */
static void find_echo(char *path, const char *up)
{
	long n = shim_readlinkat(SHIM_AT_FDCWD, "/proc/self/exe", path,
				 PATH_SIZE - 64);

	while (n > 0 && path[n - 1] != '/')
		n--;
	while ((path[n] = *up++))
		n++;
}

/* In the child: never returns. */
static void become_echo(int in, int out, const char *port, char *variable)
{
	char name[] = "echo";
	char *const argv[3] = { name, (char *)(uintptr_t)port, NULL };
	char *const envp[2] = { variable, NULL };
	char path[PATH_SIZE];

	shim_dup3(in, 0, 0);
	shim_dup3(out, 1, 0);
	/* A build with sanitizers is one deeper, without examples. */
	find_echo(path, "../examples/echo");
	shim_execve(path, argv, envp);
	find_echo(path, "../../examples/echo");
	shim_execve(path, argv, envp);
	shim_exit_group(NOT_FOUND);
}

/* Start it and read the line in which it names its port. */
static void start_echo(const char *port, const char *variable)
{
	struct shim_clone_args args = { .exit_signal = SHIM_SIGCHLD };
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	long n = 0, got;

	CHECK_EQ(shim_pipe2(in, SHIM_O_CLOEXEC), 0);
	CHECK_EQ(shim_pipe2(out, SHIM_O_CLOEXEC), 0);
	echo.pid = shim_clone3(&args, sizeof(args));
	if (!echo.pid)
		become_echo(in[0], out[1], port, (char *)(uintptr_t)variable);
	shim_close(in[0]);
	shim_close(out[1]);
	echo.in = in[1];
	echo.out = out[0];
	do {
		got = shim_read(echo.out, echo.line + n,
				sizeof(echo.line) - 1 - (size_t)n);
		n += got > 0 ? got : 0;
	} while (got > 0 && echo.line[n - 1] != '\n');
	echo.line[n] = '\0';
	echo.port = 0;
	for (const char *p = echo.line + 11; n > 11 && *p >= '0' && *p <= '9';
	     p++)
		echo.port = echo.port * 10 + (unsigned)(*p - '0');
}

/* End its input; returns its exit status. */
static int end_echo(void)
{
	int status = -1;

	shim_close(echo.in);
	CHECK_EQ(shim_wait4((int)echo.pid, &status, 0, NULL), echo.pid);
	shim_close(echo.out);
	CHECK_EQ(status & 0x7f, 0);
	return status >> 8 & 0xff;
}

static int new_client(void)
{
	const struct shim_sockaddr_in in = {
		.sin_family = SHIM_AF_INET,
		.sin_port = __builtin_bswap16((uint16_t)echo.port),
		.sin_addr.s_addr = __builtin_bswap32(0x7f000001),
	};
	int fd = (int)shim_socket(SHIM_AF_INET,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);

	CHECK_EQ(shim_connect(fd, (const void *)&in, sizeof(in)), 0);
	return fd;
}

static void say_and_hear(int fd, char c)
{
	char heard = 0;

	CHECK_EQ(shim_write(fd, &c, 1), 1);
	CHECK_EQ(shim_read(fd, &heard, 1), 1);
	CHECK_EQ(heard, c);
}

/* More than fits into the sockets' buffers, if echo did not read on. */
static void send_much(int fd)
{
	static char out[SIZE], in[SIZE];
	long sent = 0, received = 0;

	for (int i = 0; i < SIZE; i++)
		out[i] = (char)(i % 251);
	while (received < SIZE) {
		long n = 0;

		if (sent < SIZE)
			n = shim_sendto(fd, out + sent, (size_t)(SIZE - sent),
					SHIM_MSG_DONTWAIT, NULL, 0);
		sent += n > 0 ? n : 0;
		if (n > 0 && sent == SIZE)
			shim_shutdown(fd, SHIM_SHUT_WR);
		n = shim_read(fd, in + received, (size_t)(SIZE - received));
		if (!CHECK(n > 0))
			return;
		received += n;
	}
	for (int i = 0; i < SIZE; i++)
		received -= in[i] == out[i];
	CHECK_EQ(received, 0);
	CHECK_EQ(shim_read(fd, in, 1), 0);
}

static void echo_serves(void)
{
	static const struct shim_sigaction ignore = {
		.handler = (void *)SHIM_SIG_IGN,
	};
	static int fds[CLIENTS];

	/* If echo ends too early, a check says so. */
	shim_rt_sigaction(SHIM_SIGPIPE, &ignore, NULL);
	if (!CHECK(echo.port > 0))
		return;
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = new_client();
	for (int i = 0; i < 64; i++)
		say_and_hear(fds[i], (char)i);
	/* The last ones are served when the first ones go. */
	for (int i = 0; i < 6; i++)
		shim_close(fds[i]);
	for (int i = 64; i < CLIENTS; i++)
		say_and_hear(fds[i], (char)i);
	send_much(fds[CLIENTS - 1]);
	/* Some are still there at the end. */
	for (int i = 6; i < 30; i++)
		shim_close(fds[i]);
	CHECK_EQ(shim_write(echo.in, "go on\n", 6), 6);
	say_and_hear(fds[40], 'x');
	CHECK_EQ(end_echo(), 0);
	for (int i = 30; i < CLIENTS; i++)
		shim_close(fds[i]);
}

static void echo_serves_on_epoll(void)
{
	start_echo("0", "SHIM_AIO_ENGINE=epoll");
	CHECK(contains(echo.line, ", epoll: forced by SHIM_AIO_ENGINE\n"));
	echo_serves();
}

static void echo_serves_on_io_uring(void)
{
	int err = open_aio("io_uring");

	if (is_missing(err))
		SKIP(shim_aio_reason(&aio));
	shim_aio_exit(&aio);
	start_echo("0", "SHIM_AIO_ENGINE=io_uring");
	CHECK(contains(echo.line, ", io_uring: forced by SHIM_AIO_ENGINE\n"));
	echo_serves();
}

static void echo_takes_the_port_that_it_is_told(void)
{
	char port[8] = "", *p = port;
	unsigned n;

	start_echo("0", "X=");
	CHECK_FATAL(echo.port > 0);
	n = echo.port;
	CHECK_EQ(end_echo(), 0);
	for (unsigned unit = 10000; unit; unit /= 10)
		if (n >= unit || unit == 1)
			*p++ = (char)('0' + n / unit % 10);
	start_echo(port, "X=");
	CHECK_EQ(echo.port, n);
	CHECK_EQ(end_echo(), 0);
}

static void echo_says_what_fails(void)
{
	start_echo("0", "SHIM_AIO_ENGINE=none");
	CHECK(same(echo.line, ""));
	CHECK_EQ(end_echo(), 1);
}

static const struct check_test aio_echo_tests[] = {
	TEST(echo_serves_on_epoll),
	TEST(echo_serves_on_io_uring),
	TEST(echo_takes_the_port_that_it_is_told),
	TEST(echo_says_what_fails),
};

CHECK_MAIN(aio_echo, aio_echo_tests)
