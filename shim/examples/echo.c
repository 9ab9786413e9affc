/* SPDX-License-Identifier: MIT */
/*
 * echo: sends back what it receives, to up to 64 clients at once over TCP on
 * 127.0.0.1, until its standard input ends. The port is the argument; 0, or
 * none, takes a free one. SHIM_AIO_ENGINE=epoll forces the engine.
 *
 *	$ SHIM_AIO_ENGINE=epoll build/x86_64/examples/echo 7007 &
 *	echo: port 7007, epoll: forced by SHIM_AIO_ENGINE
 *	$ exec 3<>/dev/tcp/127.0.0.1/7007; echo hello >&3; head -n 1 <&3
 *	hello
 *
 * (In bash, which stops a background program that reads from the terminal:
 * give it "< <(sleep 60)", or use two terminals and end with Ctrl-D.)
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

enum { STDIN = 0, STDOUT = 1, STDERR = 2 };
enum { CLIENTS = 64, SIZE = 16 * 1024, BATCH = 32, FDS = 1024 };

/* Tokens: the number of a client, or one of these. */
enum { ACCEPT = CLIENTS, INPUT, STOP };

/* A client's operation is always one: it receives, sends, or is closed. */
struct client {
	int fd; /* -1: none */
	int sent, size;
	char data[SIZE];
};

static struct shim_aio aio;
static struct shim_aio_slot slots[CLIENTS + 2];
static struct shim_aio_fdslot fds[FDS];
static struct client clients[CLIENTS];
static int nr_clients, listener;
static char input[64];

static void say(int fd, const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	shim_write(fd, s, n);
}

static void say_number(int fd, unsigned n)
{
	char digits[12], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	say(fd, p);
}

/* Report -errno; returns the exit status. */
static int fail(const char *what, long err)
{
	say(STDERR, "echo: ");
	say(STDERR, what);
	say(STDERR, ": error ");
	say_number(STDERR, (unsigned)-err);
	say(STDERR, "\n");
	return 1;
}

/* A socket that listens on *port, which is set if it was 0; or -errno. */
static int listen_on(unsigned *port)
{
	struct shim_sockaddr_in in = {
		.sin_family = SHIM_AF_INET,
		.sin_port = __builtin_bswap16((uint16_t)*port),
		.sin_addr.s_addr = __builtin_bswap32(0x7f000001),
	};
	int len = sizeof(in), on = 1;
	/* epoll needs a thread to accept from one that blocks. */
	long fd = shim_socket(
		SHIM_AF_INET,
		SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC | SHIM_SOCK_NONBLOCK, 0);
	long err;

	if (fd < 0)
		return (int)fd;
	shim_setsockopt((int)fd, SHIM_SOL_SOCKET, SHIM_SO_REUSEADDR, &on,
			sizeof(on));
	err = shim_bind((int)fd, (const void *)&in, len);
	if (!err)
		err = shim_listen((int)fd, CLIENTS);
	if (!err)
		err = shim_getsockname((int)fd, (void *)&in, &len);
	if (err) {
		shim_close((int)fd);
		return (int)err;
	}
	*port = __builtin_bswap16(in.sin_port);
	return (int)fd;
}

/* Each submission below has a slot: none can be refused for lack of one. */

static int accept_next(void)
{
	if (nr_clients == CLIENTS)
		return 0;
	return shim_aio_accept(&aio, listener, 0, ACCEPT);
}

static int receive(struct client *c)
{
	c->sent = 0;
	return shim_aio_recv(&aio, c->fd, c->data, SIZE, 0,
			     (uint64_t)(c - clients));
}

static int send_rest(struct client *c)
{
	return shim_aio_send(&aio, c->fd, c->data + c->sent,
			     (size_t)(c->size - c->sent), 0,
			     (uint64_t)(c - clients));
}

static int accepted(int fd)
{
	struct client *c = clients;

	/* An error of the connection, which is gone; or of the server. */
	if (fd == -SHIM_EMFILE || fd == -SHIM_ENFILE || fd == -SHIM_ENOMEM)
		return fd;
	if (fd >= FDS) {
		shim_close(fd);
		return -SHIM_EMFILE;
	}
	if (fd >= 0) {
		while (c->fd >= 0)
			c++;
		c->fd = fd;
		nr_clients++;
		if (receive(c))
			return -SHIM_EINVAL;
	}
	return accept_next();
}

/* Go on with the client whose operation has ended. */
static int served(struct client *c, const struct shim_aio_event *ev)
{
	if (ev->op == SHIM_AIO_CLOSE) {
		c->fd = -1;
		return nr_clients-- == CLIENTS ? accept_next() : 0;
	}
	/* The client has gone, or has nothing more to say. */
	if (ev->result <= 0)
		return shim_aio_close(&aio, c->fd, ev->token);
	if (ev->op == SHIM_AIO_RECV)
		c->size = ev->result;
	else
		c->sent += ev->result;
	return c->sent < c->size ? send_rest(c) : receive(c);
}

/* Returns 0, -errno, or STOP at the end of the input. */
static int handle(const struct shim_aio_event *ev)
{
	switch (ev->token) {
	case ACCEPT:
		return accepted(ev->result);
	case INPUT:
		if (ev->result <= 0)
			return STOP;
		return shim_aio_read(&aio, STDIN, input, sizeof(input), -1,
				     INPUT);
	default:
		return served(&clients[ev->token], ev);
	}
}

/* Returns the exit status. */
static int serve(void)
{
	struct shim_aio_event events[BATCH];
	int err = accept_next();

	if (!err)
		err = shim_aio_read(&aio, STDIN, input, sizeof(input), -1,
				    INPUT);
	while (!err) {
		int n = shim_aio_poll_events(&aio, events, BATCH, -1);

		if (n < 0)
			err = n;
		for (int i = 0; i < n && !err; i++)
			err = handle(&events[i]);
	}
	return err == STOP ? 0 : fail("server", err);
}

int main(int argc, char **argv, char **envp)
{
	const struct shim_aio_params params = {
		.slots = slots,
		.nr_slots = CLIENTS + 2,
		.fds = fds,
		.nr_fds = FDS,
		.envp = envp,
	};
	unsigned port = 0;
	int status, err;

	for (const char *p = argc > 1 ? argv[1] : ""; *p; p++)
		port = port * 10 + (unsigned)(*p - '0');
	for (int i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	listener = listen_on(&port);
	if (listener < 0)
		return fail("listen", listener);
	err = shim_aio_init(&aio, &params);
	if (err)
		return fail(shim_aio_reason(&aio), err);
	say(STDOUT, "echo: port ");
	say_number(STDOUT, port);
	say(STDOUT, ", ");
	say(STDOUT, shim_aio_reason(&aio));
	say(STDOUT, "\n");
	status = serve();
	/* Ends what is in flight; only then may the buffers go. */
	err = shim_aio_exit(&aio);
	return err ? fail("exit", err) : status;
}
