/* SPDX-License-Identifier: MIT */
/*
 * A program that tries to get out of a box. tests/sandbox.sh starts it:
 *
 *	escape serve NAME SECRET	outside: listens at the abstract address
 *					NAME; prints its number and the handle
 *					of the file, and waits to be killed
 *	escape try PID NAME SECRET HANDLE	in the box: each attempt
 *	escape reach PID NAME SECRET HANDLE	outside: those for which one
 *					needs no rights, but must not be in a
 *					box: all of them succeed
 *	escape calls			in the box: each call that it must not
 *					have
 *	escape multiply			as many processes as there may be
 *	escape hold			lasts for 30 s, even without a parent
 *	escape user			prints the effective user
 *	escape as USER PROGRAM...	the program, as that user
 *
 * An attempt is a line: its name, then the error, or "OUT"; the last line of
 *all of them is "end".
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "../text.h"
#include "escape.h"

enum {
	PATH_SIZE = 512,
	HANDLE_SIZE = 128,
	MANY = 1000,
	HOLD_SECONDS = 30,
	PTRACE_SEIZE = 0x4206,
};

/* What there is outside. */
static struct {
	int pid;
	const char *name, *secret, *handle;
} outside;

void say(const char *s)
{
	shim_write(1, s, text_length(s));
}

static void say_number(uint64_t n)
{
	char digits[24];

	put_number(digits, n);
	say(digits);
}

void tell(const char *name, long result)
{
	const char *error = result < 0 ? shim_errname(result) : NULL;

	say(name);
	say(" ");
	say(result >= 0 ? "OUT" : error ? error : "an error without a name");
	say("\n");
}

/* The path is opened and closed again. */
static long opens(const char *path, int flags)
{
	long fd =
		shim_openat(SHIM_AT_FDCWD, path, flags | SHIM_O_CLOEXEC, 0600);

	if (fd >= 0)
		shim_close((int)fd);
	return fd;
}

/* The secret, from another place: the first that is open, or the error. */
static long opens_from(const char *place)
{
	char path[PATH_SIZE];

	put_string(put_string(path, place), outside.secret);
	return opens(path, SHIM_O_RDONLY);
}

static long signals_it(void)
{
	return shim_kill(outside.pid, 0);
}

static long names_it(void)
{
	long fd = shim_pidfd_open(outside.pid, 0);

	if (fd >= 0)
		shim_close((int)fd);
	return fd;
}

static long traces_it(void)
{
	return shim_ptrace(PTRACE_SEIZE, outside.pid, 0, 0);
}

static long reads_its_memory(void)
{
	char path[40];

	put_string(put_number(put_string(path, "/proc/"),
			      (uint64_t)outside.pid),
		   "/mem");
	return opens(path, SHIM_O_RDWR);
}

static long goes_by_its_root(void)
{
	char path[40];

	put_string(put_number(put_string(path, "/proc/"),
			      (uint64_t)outside.pid),
		   "/root");
	return opens_from(path);
}

static long goes_by_path(void)
{
	return opens_from("");
}

static long goes_up(void)
{
	return opens_from("../../../../../../../../..");
}

static long goes_by_its_own_root(void)
{
	return opens_from("/proc/self/root/../..");
}

static long goes_by_its_directory(void)
{
	return opens_from("/proc/self/cwd/../../../../../../../..");
}

static long connects(void)
{
	struct shim_sockaddr_un address = { SHIM_AF_UNIX, "" };
	size_t n = (size_t)(put_string(address.sun_path + 1, outside.name) -
			    address.sun_path);
	int fd = (int)shim_socket(SHIM_AF_UNIX,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);
	long err = shim_connect(
		fd, (const struct shim_sockaddr *)&address,
		(int)(offsetof(struct shim_sockaddr_un, sun_path) + n));

	shim_close(fd);
	return err;
}

/* A descriptor above 2 that somebody left open. */
static long inherits(void)
{
	for (int fd = 3; fd < MANY; fd++)
		if (shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0)
			return fd;
	return -SHIM_EBADF;
}

static int digit(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static long goes_by_handle(void)
{
	static union {
		struct shim_file_handle head;
		unsigned char bytes[HANDLE_SIZE];
	} handle;
	const char *hex = outside.handle;
	long fd = shim_openat(SHIM_AT_FDCWD, "/tmp",
			      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	long result;

	for (size_t i = 0; i < HANDLE_SIZE && hex[0] && hex[1]; i++, hex += 2)
		handle.bytes[i] =
			(unsigned char)(digit(hex[0]) * 16 + digit(hex[1]));
	result = shim_open_by_handle_at((int)fd, &handle.head, SHIM_O_RDONLY);
	shim_close((int)fd);
	return result;
}

/* Signals to its group, and the terminal of its session, reach others. */
static long belongs_to_others(void)
{
	if (shim_getppid())
		return 1;
	return shim_getsid(0) == 1 && shim_getpgid(0) == 1 ? -SHIM_ESRCH : 0;
}

static long becomes_root_of_its_own(void)
{
	long pid = shim_syscall(SHIM_NR_clone,
				SHIM_CLONE_NEWUSER | SHIM_SIGCHLD, 0, 0, 0, 0,
				0);

	if (!pid)
		shim_exit_group(0);
	return pid;
}

/* The first of the list that can be opened, or the last error. */
static long opens_one(const char *const *paths, int flags)
{
	long result = -SHIM_ENOENT;

	for (; *paths && result < 0; paths++)
		result = opens(*paths, flags);
	return result;
}

static long changes_the_system(void)
{
	static const char *const paths[] = { "/proc/sysrq-trigger",
					     "/proc/sys/kernel/core_pattern",
					     "/proc/sys/kernel/modprobe",
					     "/proc/sys/kernel/hostname",
					     "/proc/sys/vm/drop_caches",
					     "/sys/kernel/uevent_helper",
					     "/dev/mem",
					     "/dev/kmsg",
					     "/dev/tty",
					     NULL };

	return opens_one(paths, SHIM_O_WRONLY | SHIM_O_NOCTTY);
}

static long reads_the_kernel(void)
{
	static const char *const paths[] = { "/proc/kcore", "/proc/kmsg",
					     "/proc/kpagecount", NULL };

	return opens_one(paths, SHIM_O_RDONLY);
}

static long makes_files(void)
{
	static const char *const paths[] = { "/x",     "/usr/x", "/bin/x",
					     "/lib/x", "/dev/x", "/proc/x",
					     NULL };

	return opens_one(paths, SHIM_O_CREAT | SHIM_O_WRONLY);
}

/* The places that the next box begins with. */
static long moves_directories(void)
{
	static const char *const places[] = { "/dev", "/usr", "/proc", NULL };
	long result = -SHIM_ENOENT;

	for (int i = 0; places[i] && result < 0; i++)
		result = shim_renameat2(SHIM_AT_FDCWD, places[i], SHIM_AT_FDCWD,
					"/moved", 0);
	if (result < 0)
		result = shim_fchmodat(SHIM_AT_FDCWD, "/", 0777);
	if (result < 0)
		result = shim_symlinkat("/", SHIM_AT_FDCWD, "/dev/out");
	if (result < 0)
		result = shim_unlinkat(SHIM_AT_FDCWD, "/dev/null", 0);
	return result;
}

static long makes_a_device(void)
{
	const unsigned memory = 1 << 8 | 1;

	return shim_mknodat(SHIM_AT_FDCWD, "/tmp/mem", SHIM_S_IFCHR | 0666,
			    memory);
}

static const struct attempt {
	const char *name;
	long (*run)(void);
	/* Outside everybody who owns the process and the file can. */
	int is_free;
} attempts[] = {
	{ "signals_it", signals_it, 1 },
	{ "names_it", names_it, 1 },
	{ "traces_it", traces_it, 0 },
	{ "reads_its_memory", reads_its_memory, 0 },
	{ "goes_by_its_root", goes_by_its_root, 0 },
	{ "goes_by_path", goes_by_path, 1 },
	{ "goes_up", goes_up, 1 },
	{ "goes_by_its_own_root", goes_by_its_own_root, 1 },
	{ "goes_by_its_directory", goes_by_its_directory, 1 },
	{ "goes_by_handle", goes_by_handle, 0 },
	{ "connects", connects, 1 },
	{ "inherits", inherits, 1 },
	{ "belongs_to_others", belongs_to_others, 1 },
	{ "becomes_root_of_its_own", becomes_root_of_its_own, 0 },
	{ "changes_the_system", changes_the_system, 0 },
	{ "reads_the_kernel", reads_the_kernel, 0 },
	{ "makes_files", makes_files, 0 },
	{ "moves_directories", moves_directories, 0 },
	{ "makes_a_device", makes_a_device, 0 },
};

static int try_all(char **argv, int free_only)
{
	outside.pid = (int)to_number(argv[0]);
	outside.name = argv[1];
	outside.secret = argv[2];
	outside.handle = argv[3];
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (attempts[i].is_free || !free_only)
			tell(attempts[i].name, attempts[i].run());
	say("end\n");
	return 0;
}

/* In hexadecimal digits; "-": the file system has none. */
static void say_handle(const char *path)
{
	static const char digits[] = "0123456789abcdef";
	static union {
		struct shim_file_handle head;
		unsigned char bytes[HANDLE_SIZE];
	} handle;
	const size_t head = sizeof(handle.head);
	char text[2 * HANDLE_SIZE + 1], *end = text;
	int mount;

	handle.head.handle_bytes = HANDLE_SIZE - (uint32_t)head;
	if (shim_name_to_handle_at(SHIM_AT_FDCWD, path, &handle.head, &mount,
				   0)) {
		say("-");
		return;
	}
	for (size_t i = 0; i < head + handle.head.handle_bytes; i++) {
		*end++ = digits[handle.bytes[i] / 16];
		*end++ = digits[handle.bytes[i] % 16];
	}
	*end = '\0';
	say(text);
}

static void sleep_for(int seconds)
{
	const struct shim_timespec t = { seconds, 0 };

	shim_nanosleep(&t, NULL);
}

static int serve(const char *name, const char *secret)
{
	struct shim_sockaddr_un address = { SHIM_AF_UNIX, "" };
	size_t n = (size_t)(put_string(address.sun_path + 1, name) -
			    address.sun_path);
	int fd = (int)shim_socket(SHIM_AF_UNIX,
				  SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);
	long err = shim_bind(
		fd, (const struct shim_sockaddr *)&address,
		(int)(offsetof(struct shim_sockaddr_un, sun_path) + n));

	if (!err)
		err = shim_listen(fd, MANY);
	if (err) {
		tell("serve", err);
		return 1;
	}
	say_number((uint64_t)shim_getpid());
	say(" ");
	say_handle(secret);
	say("\n");
	/* Longer than the test. */
	sleep_for(MANY);
	return 0;
}

/* Each of them sleeps; they end with the first process of the box. */
static int multiply(void)
{
	long pid = 1;
	int nr = 0;

	while (pid > 0 && nr < MANY) {
		pid = shim_syscall(SHIM_NR_clone, SHIM_SIGCHLD, 0, 0, 0, 0, 0);
		if (!pid) {
			sleep_for(HOLD_SECONDS);
			shim_exit_group(0);
		}
		nr += pid > 0;
	}
	say_number((uint64_t)nr);
	say(" ");
	tell("processes", pid);
	return 0;
}

static int hold(void)
{
	tell("hold", shim_prctl(SHIM_PR_SET_PDEATHSIG, 0, 0, 0, 0));
	sleep_for(HOLD_SECONDS);
	return 0;
}

static int run_as(char **argv, char **envp)
{
	const unsigned user = (unsigned)to_number(argv[0]);
	long err = shim_setgroups(0, NULL);

	if (!err)
		err = shim_setresgid(user, user, user);
	if (!err)
		err = shim_setresuid(user, user, user);
	if (!err)
		err = shim_execve(argv[1], argv + 1, envp);
	tell("as", err);
	return 125;
}

int main(int argc, char **argv, char **envp)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 4 && same(what, "serve"))
		return serve(argv[2], argv[3]);
	if (argc == 6 && same(what, "try"))
		return try_all(argv + 2, 0);
	if (argc == 6 && same(what, "reach"))
		return try_all(argv + 2, 1);
	if (argc == 2 && same(what, "calls"))
		return try_calls();
	if (argc == 2 && same(what, "multiply"))
		return multiply();
	if (argc == 2 && same(what, "hold"))
		return hold();
	if (argc == 2 && same(what, "user")) {
		say_number((uint64_t)shim_geteuid());
		say("\n");
		return 0;
	}
	if (argc >= 4 && same(what, "as"))
		return run_as(argv + 2, envp);
	say("usage: see tests/box/escape.c\n");
	return 2;
}
