/* SPDX-License-Identifier: MIT */
/*
 * check.h without a libc, for programs that have none, or one that CUnit does
 * not know. It enters the kernel by real_syscall: a test may be shim_syscall
 * itself, and then neither its output nor its end is for that to see.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "../check.h"
#include "../text.h"
#include "znr.h"

long real_syscall(long nr, long a, long b, long c, long d, long e, long f);

enum { FAILURES_SIZE = 8192, NUMBER_SIZE = 24 };

char **check_envp;

static struct {
	const char *suite, *where, *skipped;
	unsigned passed, failed, skips;
	/* Of the running test: its checks, and lines about those that failed.
	 */
	unsigned checks, wrong;
	size_t used;
	char failures[FAILURES_SIZE];
} state;

static void print(const char *s, size_t n)
{
	while (n) {
		long done = real_syscall(SHIM_NR_write, 1, (long)s, (long)n, 0,
					 0, 0);

		if (done <= 0)
			return;
		s += done;
		n -= (size_t)done;
	}
}

/* A line in one write, cut where the buffer ends. */
struct line {
	size_t used;
	char text[512];
};

static void add(struct line *line, const char *s)
{
	while (*s && line->used < sizeof(line->text) - 1)
		line->text[line->used++] = *s++;
}

static void add_number(struct line *line, long long n)
{
	unsigned long long rest = (unsigned long long)n;
	char digits[NUMBER_SIZE], *p = digits + sizeof(digits);

	if (n < 0)
		rest = 0 - rest;
	*--p = '\0';
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (n < 0)
		*--p = '-';
	add(line, p);
}

static void end_line(struct line *line)
{
	line->text[line->used++] = '\n';
	print(line->text, line->used);
}

static void keep_failure(const struct line *line)
{
	if (line->used + 1 > sizeof(state.failures) - state.used)
		return;
	for (size_t i = 0; i < line->used; i++)
		state.failures[state.used++] = line->text[i];
	state.failures[state.used++] = '\n';
}

bool check_note(bool ok, const char *file, int line, const char *text)
{
	struct line out = { 0 };

	state.checks++;
	if (ok)
		return true;
	state.wrong++;
	add(&out, "\t");
	add(&out, file);
	add(&out, ":");
	add_number(&out, line);
	add(&out, ": ");
	add(&out, state.where);
	add(&out, *state.where ? ": " : "");
	add(&out, text);
	keep_failure(&out);
	return false;
}

bool check_equal(long long a, long long b, const char *file, int line,
		 const char *text)
{
	struct line full = { 0 };

	if (a != b) {
		add(&full, text);
		add(&full, ": ");
		add_number(&full, a);
		add(&full, ", not ");
		add_number(&full, b);
	}
	return check_note(a == b, file, line, full.text);
}

void check_case(const char *name)
{
	state.where = name;
}

void check_skip(const char *why)
{
	state.skipped = why;
}

bool check_small(void)
{
	for (char **e = check_envp; *e; e++)
		if (same(*e, "TEST_SCALE=small"))
			return true;
	return false;
}

static void tell(const char *verdict, const char *test, const char *why)
{
	struct line out = { 0 };

	add(&out, verdict);
	add(&out, state.suite);
	add(&out, "/");
	add(&out, test);
	add(&out, why ? ": " : "");
	add(&out, why ? why : "");
	end_line(&out);
}

static void run_test(const struct check_test *test)
{
	state.where = "";
	state.skipped = NULL;
	state.checks = state.wrong = 0;
	state.used = 0;
	test->run();
	if (state.wrong) {
		tell("FAIL ", test->name, NULL);
		print(state.failures, state.used);
		state.failed++;
	} else if (state.skipped) {
		tell("skip ", test->name, state.skipped);
		state.skips++;
	} else if (!state.checks) {
		tell("FAIL ", test->name, "checked nothing");
		state.failed++;
	} else {
		tell("ok ", test->name, NULL);
		state.passed++;
	}
}

int check_main(const char *name, const struct check_test *tests, size_t nr,
	       int argc, char **argv, char **envp)
{
	struct line out = { 0 };
	int status;

	check_envp = envp;
	state.suite = name;
	for (size_t i = 0; i < nr; i++)
		if (argc < 2 || same(argv[1], tests[i].name))
			run_test(&tests[i]);
	add_number(&out, state.passed);
	add(&out, " passed, ");
	add_number(&out, state.failed);
	add(&out, " failed, ");
	add_number(&out, state.skips);
	add(&out, " skipped");
	end_line(&out);
	status = state.failed || !(state.passed + state.skips);
	/* Without a libc, the end of main is a call of shim_syscall. */
	real_syscall(SHIM_NR_exit_group, status, 0, 0, 0, 0, 0);
	return status;
}
