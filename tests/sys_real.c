/* SPDX-License-Identifier: MIT */
/*
 * Every wrapper makes its call once, really, and libc's syscall() makes the
 * same: both must have the same result, mostly a well-known error. Most
 * arguments are 0, descriptors are -1 and paths lead nowhere; still, some of
 * the calls change a system when root makes them, so this needs a machine of
 * its own, and SYS_REAL=yes. Each call is made in a process of its own.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "equal/zcases.h"
#include "equal/ztable.h"

#if defined(__x86_64__)
enum { CPU = 0 };
#elif defined(__aarch64__)
enum { CPU = 1 };
#endif

enum { NR_CALLS = sizeof(spec) / sizeof(spec[0]), PATIENCE_MS = 3000 };

static const char nowhere[] = "/nowhere/to/be/found";

/* What a call is given beside the usual, or why it is not made. */
static const struct special {
	const char *name, *skip;
	int varies; /* the result is a number of this process, or of now */
	int arg;    /* this argument less 1 is value */
	uint64_t value;
} specials[] = {
	{ "fork", .skip = "its child would go on here; tests/sys_exec.c" },
	{ "clone3", .skip = "as fork; tests/spawn.c" },
	/* A clock or name that changes is for everybody. */
	{ "settimeofday", .skip = "it sets the clock; tests/equal" },
	{ "clock_settime", .arg = 1, .value = 99 },
	{ "sethostname", .arg = 2, .value = (uint64_t)-1 },
	{ "setdomainname", .arg = 2, .value = (uint64_t)-1 },
	{ "getpid", .varies = 1 },
	{ "gettid", .varies = 1 },
	{ "setsid", .varies = 1 },
	{ "getpgid", .varies = 1 },
	{ "set_tid_address", .varies = 1 },
	{ "times", .varies = 1 },
	{ "time", .varies = 1 },
	/* New ones in the system. */
	{ "shmget", .varies = 1 },
	{ "msgget", .varies = 1 },
	{ "semget", .varies = 1 },
	/* Not the one that msgget has made. */
	{ "msgrcv", .arg = 1, .value = (uint64_t)-1 },
	{ "msgctl", .arg = 1, .value = (uint64_t)-1 },
	{ "getcwd", .arg = 2, .value = MEM_SIZE },
	/* An unknown flag: without, it looks for memory, and may for long. */
	{ "kexec_load", .arg = 4, .value = 0x8000 },
};

enum { NR_SPECIALS = sizeof(specials) / sizeof(specials[0]) };

static const struct special *special_of(const char *name)
{
	static const struct special usual = { .name = "" };

	for (int i = 0; i < NR_SPECIALS; i++)
		if (strcmp(specials[i].name, name) == 0)
			return &specials[i];
	return &usual;
}

static int is_length(const struct call *call, int i)
{
	for (int j = 0; j < call->nr_args; j++)
		if (call->args[j].len == i + 1)
			return call->args[j].elem[CPU] > 1 ? 1 : 8;
	return 0;
}

static void fill(struct frame *f, const struct call *call)
{
	const struct special *s = special_of(call->name);

	memset(f, 0, sizeof(*f));
	for (int i = 0; i < call->nr_args; i++) {
		const struct arg *a = &call->args[i];

		if (a->kind == STRING)
			strcpy((char *)f->mem[i], nowhere);
		else if (a->kind == VALUE && a->size == 4 &&
			 strstr(a->name, "fd"))
			f->v[i] = (uint64_t)-1;
		else if (a->kind == VALUE)
			f->v[i] = (uint64_t)is_length(call, i);
		if (a->kind != VALUE)
			f->present |= 1U << i;
	}
	if (s->arg)
		f->v[s->arg - 1] = s->value;
}

/* As a program with libc makes a call that libc has no function for. */
static long by_libc(const struct call *call, struct frame *f)
{
	struct {
		void *p;
		size_t size;
	} pair;
	long args[MAX_ARGS] = { 0 }, a[MAX_ARGS] = { 0 }, result;

	for (int i = 0; i < call->nr_args; i++) {
		const struct arg *arg = &call->args[i];

		pair.p = f->mem[i];
		pair.size = (size_t)arg->value;
		args[i] = arg->kind == CONSTANT ? (long)arg->value
			  : arg->kind == VALUE	? (long)f->v[i]
			  : arg->kind == PAIR	? (long)&pair
						: (long)f->mem[i];
	}
	for (int i = 0; i < call->nr_args; i++)
		a[i] = args[call->reordered ? call->order[CPU][i] : i];
	errno = 0;
	result = syscall(call->nr[CPU], a[0], a[1], a[2], a[3], a[4], a[5]);
	return result == -1 && errno ? -errno : result;
}

static const struct c_case *case_of(const char *name)
{
	for (const struct c_case *c = cases; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* What became of the process that made the call. */
struct outcome {
	long result; /* or the signal that ended it, or NULL */
	int waits;
	int signal;
};

/* The first is written by a child, and is therefore shared. */
static long *shared;

static struct outcome run(const struct call *call, const struct c_case *c)
{
	struct outcome o = { 0 };
	struct pollfd ended = { .events = POLLIN };
	static struct frame frame;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fill(&frame, call);
		*shared = c ? c->call(&frame) : by_libc(call, &frame);
		/* Not exit: the call may have taken what that needs. */
		kill(getpid(), SIGKILL);
		_exit(0);
	}
	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	o.waits = poll(&ended, 1, PATIENCE_MS) == 0;
	if (o.waits)
		kill(pid, SIGKILL);
	close(ended.fd);
	waitpid(pid, &status, 0);
	o.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	o.result = o.waits ? 0 : *shared;
	return o;
}

static void compare(const struct call *call, const struct c_case *c)
{
	const struct special *s = special_of(call->name);
	struct outcome shim, libc;

	*shared = 0;
	shim = run(call, c);
	*shared = 0;
	libc = run(call, NULL);
	CHECK_EQ(shim.waits, libc.waits);
	CHECK_EQ(shim.signal, libc.signal);
	if (s->varies && shim.result >= 0)
		CHECK(libc.result >= 0);
	else
		CHECK_EQ(shim.result, libc.result);
	printf("  %s: %s %ld\n", call->name, shim.waits ? "waits" : "result",
	       shim.result);
}

static void every_call_does_what_libc_does(void)
{
	const char *machine = getenv("SYS_REAL");

	if (!machine || strcmp(machine, "yes") != 0)
		SKIP("it makes every call: only in a machine of its own, with "
		     "SYS_REAL=yes");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_FATAL(shared != MAP_FAILED);
	for (int i = 0; i < NR_CALLS; i++) {
		const struct c_case *c = case_of(spec[i].name);

		if (!c || spec[i].nr[CPU] < 0)
			continue;
		if (special_of(spec[i].name)->skip) {
			printf("  %s is not called: %s\n", spec[i].name,
			       special_of(spec[i].name)->skip);
			continue;
		}
		check_case(spec[i].name);
		compare(&spec[i], c);
	}
	check_case("");
	munmap(shared, sizeof(*shared));
}

static const struct check_test sys_real_tests[] = {
	{ "every_call_does_what_libc_does", every_call_does_what_libc_does },
};

CHECK_MAIN(sys_real, sys_real_tests)
