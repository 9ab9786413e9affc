/* SPDX-License-Identifier: MIT */
/*
 * A small test framework. A suite is a table of tests, each a function named
 * by its claim; CHECK_MAIN makes the program, whose optional argument is the
 * name of the one test to run. A test that checks nothing fails. The program
 * prints a line per test and closes with "N passed, N failed, N skipped".
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct check_test {
	const char *name;
	void (*run)(void);
};

/* What the program was started with. */
extern char **check_envp;

/* The exit status of main. */
int check_main(const char *suite, const struct check_test *tests, size_t nr,
	       int argc, char **argv, char **envp);

/* Notes a check; returns ok. text is what was checked. */
bool check_note(bool ok, const char *file, int line, const char *text);
bool check_equal(long long a, long long b, const char *file, int line,
		 const char *text);
/* Names the row of a table that the next checks are about; "" ends it. */
void check_case(const char *name);
void check_skip(const char *why);
/* TEST_SCALE=small asks for a short run. */
bool check_small(void);

#define CHECK(condition) check_note((condition), __FILE__, __LINE__, #condition)

/* Ends the test, which must be a function that returns nothing. */
#define CHECK_FATAL(condition)         \
	do {                           \
		if (!CHECK(condition)) \
			return;        \
	} while (0)

#define CHECK_EQ(a, b)                                                  \
	check_equal((long long)(a), (long long)(b), __FILE__, __LINE__, \
		    #a " == " #b)

/* Ends the test, which then counts as skipped. */
#define SKIP(why)                \
	do {                     \
		check_skip(why); \
		return;          \
	} while (0)

#define CHECK_MAIN(suite, tests)                                            \
	int main(int argc, char **argv, char **envp)                        \
	{                                                                   \
		return check_main(#suite, tests,                            \
				  sizeof(tests) / sizeof((tests)[0]), argc, \
				  argv, envp);                              \
	}

#endif
