/* SPDX-License-Identifier: MIT */
/* What the test programs of spawn have in common; they have no libc. */
#ifndef SPAWN_UTIL_H
#define SPAWN_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "text.h"

/* Programs that are started with this as argument 1 are children of tests. */
#define CHILD "--child"

/* What a process has, and must have again after a test. */
struct state {
	int fds;
	size_t maps; /* bytes of the list of mappings: its lines have names */
	uint64_t mask;
	int zombies;
};

static inline int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0;
	return n;
}

static inline size_t count_maps(void)
{
	static char buf[4096];
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/self/maps",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	size_t lines = 0;
	long n;

	while ((n = shim_read(fd, buf, sizeof(buf))) > 0)
		for (long i = 0; i < n; i++)
			lines += buf[i] == '\n';
	shim_close(fd);
	return lines;
}

/* Children that nobody has waited for, running or not. */
static inline int has_children(void)
{
	return shim_waitid(SHIM_P_ALL, 0, NULL,
			   SHIM_WEXITED | SHIM_WNOHANG | SHIM_WNOWAIT,
			   NULL) != -SHIM_ECHILD;
}

static inline struct state state_now(void)
{
	struct state s = { .fds = count_fds(), .maps = count_maps() };

	shim_rt_sigprocmask(SHIM_SIG_SETMASK, NULL, &s.mask);
	s.zombies = has_children();
	return s;
}

static inline void check_state(const struct state *before)
{
	struct state now = state_now();

	CHECK_EQ(now.fds, before->fds);
	CHECK_EQ(now.maps, before->maps);
	CHECK_EQ(now.mask, before->mask);
	CHECK_EQ(now.zombies, before->zombies);
}

/* Leaves so many numbers for new descriptors. */
static inline void limit_fds(size_t nr, struct shim_rlimit64 *old)
{
	struct shim_rlimit64 limit;
	uint64_t end = 0;

	for (; nr; end++)
		nr -= shim_fcntl((int)end, SHIM_F_GETFD, 0) < 0;
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, NULL, old), 0);
	limit = (struct shim_rlimit64){ end, old->rlim_max };
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Wait for the end; the exit status, or 1000 and the signal, or -errno. */
static inline int end_of(struct shim_spawn *child)
{
	struct shim_siginfo info = { 0 };
	int err = shim_spawn_wait(child, NULL, &info);

	shim_spawn_close(child);
	if (err)
		return err;
	return info.si_code == SHIM_CLD_EXITED ? info.status
					       : 1000 + info.status;
}

static inline int write_all(int fd, const char *s, size_t n)
{
	while (n) {
		long done = shim_write(fd, s, n);

		if (done <= 0)
			return 1;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

static inline int open_file(const char *path, int flags)
{
	return (int)shim_openat(SHIM_AT_FDCWD, path, flags | SHIM_O_CLOEXEC,
				0600);
}

/* What is in a file, up to 4095 bytes. */
static inline const char *read_file(const char *path)
{
	static char text[4096];
	int fd = open_file(path, SHIM_O_RDONLY);
	long n = fd < 0 ? 0 : shim_read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		shim_close(fd);
	return text;
}

/* This program as a new file with that mode. */
static inline int copy_program(const char *path, unsigned mode)
{
	static char piece[65536];
	int from = open_file("/proc/self/exe", SHIM_O_RDONLY);
	int to = open_file(path, SHIM_O_CREAT | SHIM_O_EXCL | SHIM_O_WRONLY);
	long n = -1;

	if (from >= 0 && to >= 0)
		while ((n = shim_read(from, piece, sizeof(piece))) > 0)
			if (write_all(to, piece, (size_t)n))
				break;
	shim_close(from);
	shim_close(to);
	return !n && !shim_fchmodat(SHIM_AT_FDCWD, path, mode);
}

/*
 * What run returns in a copy of this program, or -1. Not by clone3, which may
 * be missing.
 */
static inline int result_in_copy(int (*run)(void *), void *arg)
{
	static _Alignas(16) char stack[65536];
	struct shim_siginfo info = { 0 };
	int pid = (int)shim_clone(SHIM_SIGCHLD, stack + sizeof(stack), NULL,
				  NULL, NULL, run, arg);

	if (pid < 0 ||
	    shim_waitid(SHIM_P_PID, pid, &info, SHIM_WEXITED, NULL) ||
	    info.si_code != SHIM_CLD_EXITED)
		return -1;
	return info.status;
}

static _Alignas(16) char memory[8192];

/* Whether a child can use the memory of its parent, as programs of steps that
 * are launched by hand must. */
static inline int shares_memory(void)
{
	struct shim_spawn_program nothing;
	struct shim_spawn child;

	shim_spawn_init(&child);
	shim_spawn_program_init(&nothing, NULL, 0, memory, 1024);
	if (shim_spawn_launch(&child, &nothing))
		return 0;
	shim_spawn_join(&child, &nothing);
	return end_of(&child) == 0;
}

#define NEEDS_SHARED_MEMORY()                                       \
	do {                                                        \
		if (!shares_memory())                               \
			SKIP("processes cannot share memory here"); \
	} while (0)

/* The program of the test, in a part that its arguments name. */
struct part {
	char *argv[5];
	struct shim_spawn_options options;
};

static inline void play(struct part *p, const char *name, const char *arg,
			unsigned flags)
{
	*p = (struct part){
		.argv = { (char *)"spawn", (char *)CHILD, (char *)name,
			  (char *)arg, NULL },
		.options = { .path = "/proc/self/exe", .flags = flags },
	};
	p->options.argv = p->argv;
	p->options.envp = check_envp;
}

static inline int start(struct shim_spawn *child, struct part *p)
{
	return shim_spawn_start(child, &p->options, memory, sizeof(memory));
}

/* Start it and wait; the exit status, or -errno. */
static inline int status_of(struct part *p)
{
	struct shim_spawn child;
	int err = start(&child, p);

	return err ? err : end_of(&child);
}

#endif
