/* SPDX-License-Identifier: MIT */
/*
 * The first process of a virtual machine: it makes the machine fit for tests,
 * runs what /list says, tells on the console how each program ended, and turns
 * the machine off. Whoever reads the console demands the last line. An argument
 * "PATH=VALUE" is written to that file first. A line of /list is "env
 * NAME=VALUE", for all programs behind it, "on PREFIX...", for the programs
 * behind it that are only for kernels with such a release, or "run SECONDS
 * NAME DIRECTORY PROGRAM ARGUMENTS...", with one blank between words.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "../../bench/shim/calls.h"
#include "../../bench/text.h"

enum { WORDS_MAX = 32, ENV_MAX = 16, ENV_SIZE = 1024, STACK_SIZE = 16384 };
enum { NOT_STARTED = 127 };
enum { AT_PAGESZ = 6 };

/* In order: programs have nothing but these three. */
enum { CONSOLE = 1 };

struct program {
	uint64_t seconds;
	const char *name, *directory;
	char *argv[WORDS_MAX];
	int output; /* the end of its pipe that it writes to */
};

static char *environment[ENV_MAX + 1];
static _Alignas(16) char stack[STACK_SIZE];
static struct text out;

static void say(const char *a, const char *b)
{
	text_add(&out, a);
	text_add(&out, b);
}

/* ---- The machine ---- */

static void attach(const char *type, const char *path)
{
	shim_mkdirat(SHIM_AT_FDCWD, path, 0755);
	if (shim_mount(type, path, type, 0, NULL)) {
		say("no ", path);
		say("\n", "");
	}
}

/* A message to the kernel that the first interface, "lo", is to be up. */
static void start_loopback(void)
{
	enum { NEWLINK = 16, REQUEST = 1, UP = 1, RAW = 3, ROUTE = 0 };
	const struct {
		uint32_t len;
		uint16_t type, flags;
		uint32_t seq, pid;
		uint8_t family, pad;
		uint16_t kind;
		int32_t index;
		uint32_t up, change;
	} message = { .len = sizeof(message),
		      .type = NEWLINK,
		      .flags = REQUEST,
		      .index = 1,
		      .up = UP,
		      .change = UP };
	int fd = (int)shim_socket(SHIM_AF_NETLINK, RAW | SHIM_SOCK_CLOEXEC,
				  ROUTE);

	if (shim_sendto(fd, &message, sizeof(message), 0, NULL, 0) < 0)
		say("no loopback", "\n");
	shim_close(fd);
}

static void open_console(void)
{
	int fd =
		(int)shim_openat(SHIM_AT_FDCWD, "/dev/console", SHIM_O_RDWR, 0);

	for (int i = 0; i < 3; i++)
		if (fd != i)
			shim_dup3(fd, i, 0);
	if (fd > 2)
		shim_close(fd);
}

static uint64_t page_size(char **envp)
{
	const uint64_t *auxv;

	while (*envp)
		envp++;
	auxv = (const uint64_t *)(envp + 1);
	while (auxv[0] && auxv[0] != AT_PAGESZ)
		auxv += 2;
	return auxv[1];
}

/* What "PATH=VALUE" says: the kernel hands its parameters behind "--" over. */
static void set(char *parameter)
{
	char *value = parameter;
	size_t len = 0;
	int fd;

	while (*value && *value != '=')
		value++;
	if (!*value)
		return;
	*value++ = '\0';
	while (value[len])
		len++;
	fd = (int)shim_openat(SHIM_AT_FDCWD, parameter,
			      SHIM_O_WRONLY | SHIM_O_CLOEXEC, 0);
	if (shim_write(fd, value, len) != (long)len) {
		say("cannot set ", parameter);
		say("\n", "");
	}
	shim_close(fd);
}

/* What distinguishes this machine from others, in one line. */
static void introduce(char **envp)
{
	struct shim_utsname name;
	long err;

	shim_uname(&name);
	say("\n== kernel ", name.release);
	say(" ", name.machine);
	say(" pages ", "");
	text_add_number(&out, page_size(envp));
	/* What may not be used fails before its arguments are looked at. */
	err = shim_io_uring_setup(0, NULL);
	say(" io_uring ", "");
	say(err == -SHIM_EPERM || err == -SHIM_ENOSYS ? "off" : "on", "\n");
	text_flush(&out, CONSOLE);
}

static void prepare(void)
{
	attach("proc", "/proc");
	attach("sysfs", "/sys");
	attach("cgroup2", "/sys/fs/cgroup");
	attach("devtmpfs", "/dev");
	/* Some kernels look up what is executed by its descriptor. */
	shim_symlinkat("/proc/self/fd", SHIM_AT_FDCWD, "/dev/fd");
	attach("devpts", "/dev/pts");
	attach("tmpfs", "/dev/shm");
	attach("tmpfs", "/tmp");

	open_console();
	start_loopback();
}

/*
 * The last close of a terminal waits until all of it is out. Nothing is on a
 * disk.
 */
static void turn_off(void)
{
	text_flush(&out, CONSOLE);
	for (int i = 0; i < 3; i++)
		shim_close(i);
	shim_reboot(SHIM_LINUX_REBOOT_CMD_POWER_OFF);
}

/* ---- A program ---- */

static int become(void *arg)
{
	struct program *p = arg;
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/dev/null",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

	shim_setsid();
	shim_dup3(fd, 0, 0);
	shim_dup3(p->output, 1, 0);
	shim_dup3(p->output, 2, 0);
	if (!shim_chdir(p->directory))
		shim_execve(p->argv[0], p->argv, environment);
	return NOT_STARTED;
}

static int64_t now_ms(void)
{
	struct shim_timespec t = { 0 };

	shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Copy what is there to the console. Returns false at the end of the file. */
static bool copy_output(int fd, bool *in_line)
{
	char buf[4096];
	long n = shim_read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n == -SHIM_EAGAIN;
	*in_line = buf[n - 1] != '\n';
	for (long done = 0, m; done < n; done += m) {
		m = shim_write(CONSOLE, buf + done, (size_t)(n - done));
		if (m <= 0)
			break;
	}
	return true;
}

/*
 * Show the output until nobody can write any, the program has ended, or its
 * time is over. Returns whether it was not.
 */
static bool watch(const struct program *p, int output, int pidfd, bool *in_line)
{
	int64_t end = now_ms() + (int64_t)p->seconds * 1000, now;
	bool open = true;

	while ((now = now_ms()) < end) {
		struct shim_timespec left = { (end - now) / 1000,
					      (end - now) % 1000 * 1000000 };
		struct shim_pollfd fds[] = {
			{ pidfd, SHIM_POLLIN, 0 },
			{ open ? output : -1, SHIM_POLLIN, 0 },
		};

		shim_ppoll(fds, 2, &left, NULL);
		if (fds[1].revents)
			open = copy_output(output, in_line);
		else if (fds[0].revents)
			return true;
	}
	return false;
}

/* End all that is left but this, and wait for it; the status of pid. */
static int clear(long pid)
{
	int status = 0, s;
	long p;

	while ((p = shim_wait4(-1, &s, 0, NULL)) > 0) {
		if (p == pid)
			status = s;
		shim_kill(-1, SHIM_SIGKILL);
	}
	return status;
}

static void tell_end(const struct program *p, bool in_time, int status,
		     int64_t ms)
{
	say("== end ", p->name);
	if (!in_time)
		say(" hung", "");
	else if (status & 127)
		say(" signal ", "");
	else
		say(" status ", "");
	if (in_time)
		text_add_number(&out, (uint64_t)(status & 127 ? status & 127
							      : status >> 8));
	say(" ms ", "");
	text_add_number(&out, (uint64_t)ms);
	say("\n", "");
	text_flush(&out, CONSOLE);
}

static void run(struct program *p)
{
	bool in_line = false, in_time = false;
	int64_t begin = now_ms();
	int pipe[2], pidfd, status;
	long pid;

	say("== run ", p->name);
	say("\n", "");
	text_flush(&out, CONSOLE);
	shim_pipe2(pipe, SHIM_O_CLOEXEC | SHIM_O_NONBLOCK);
	/* The program's end blocks, as it expects. */
	shim_fcntl(pipe[1], SHIM_F_SETFL, SHIM_O_WRONLY);
	p->output = pipe[1];
	pid = shim_clone(SHIM_SIGCHLD, stack + sizeof(stack), NULL, NULL, NULL,
			 become, p);
	shim_close(pipe[1]);
	pidfd = (int)shim_pidfd_open((int)pid, 0);
	if (pid > 0 && pidfd >= 0)
		in_time = watch(p, pipe[0], pidfd, &in_line);
	if (!in_time)
		shim_kill(-1, SHIM_SIGKILL);
	status = clear(pid);
	while (copy_output(pipe[0], &in_line))
		;
	if (in_line)
		say("\n", "");
	shim_close(pidfd);
	shim_close(pipe[0]);
	tell_end(p, in_time, status, now_ms() - begin);
}

/* ---- The list ---- */

static char *next_word(char **line)
{
	char *word = *line, *p = word;

	while (*p && *p != ' ')
		p++;
	if (*p)
		*p++ = '\0';
	*line = p;
	return *word ? word : NULL;
}

static void add_environment(char *word)
{
	static char copies[ENV_SIZE], *end = copies;
	static int nr;

	if (!word || nr == ENV_MAX)
		return;
	environment[nr++] = end;
	do
		if (end < copies + sizeof(copies) - 1)
			*end++ = *word;
	while (*word++);
}

static bool begins(const char *text, const char *prefix)
{
	while (*prefix && *prefix == *text)
		prefix++, text++;
	return !*prefix;
}

/* Whether the kernel's release begins like one of the words. */
static bool is_kernel(char *words)
{
	struct shim_utsname name;
	const char *prefix;

	shim_uname(&name);
	while ((prefix = next_word(&words)))
		if (begins(name.release, prefix))
			return true;
	return false;
}

static bool run_line(char *line)
{
	struct program p = { 0 };
	const char *seconds;
	int n = 0;

	seconds = next_word(&line);
	p.name = next_word(&line);
	p.directory = next_word(&line);
	while (n < WORDS_MAX - 1 && (p.argv[n] = next_word(&line)))
		n++;
	if (!n || !parse_number(&seconds, &p.seconds))
		return false;
	run(&p);
	return true;
}

int main(int argc, char **argv, char **envp)
{
	static struct lines in;
	bool wanted = true;
	uint64_t nr = 0;
	char *line;

	prepare();
	for (int i = 1; i < argc; i++)
		set(argv[i]);
	introduce(envp);
	in.fd = (int)shim_openat(SHIM_AT_FDCWD, "/list", SHIM_O_CLOEXEC, 0);
	while ((line = next_line(&in))) {
		const char *word = next_word(&line);

		if (!word)
			continue;
		if (text_equal(word, "env"))
			add_environment(next_word(&line));
		else if (text_equal(word, "on"))
			wanted = is_kernel(line);
		else if (text_equal(word, "run") && wanted)
			nr += run_line(line);
	}
	say("== done ", "");
	text_add_number(&out, nr);
	say("\n", "");
	turn_off();
	return 1;
}
