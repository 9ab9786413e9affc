/* SPDX-License-Identifier: MIT */
/* check.h over CUnit. */
#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

char **check_envp;

static struct {
	const char *where; /* the row of a table */
	const char *skipped;
	unsigned passed, failed, skips;
} state = { .where = "" };

bool check_note(bool ok, const char *file, int line, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s%s", state.where,
		 *state.where ? ": " : "", text);
	return CU_assertImplementation(ok, (unsigned)line, full, file, "",
				       CU_FALSE);
}

bool check_equal(long long a, long long b, const char *file, int line,
		 const char *text)
{
	char full[400];

	snprintf(full, sizeof(full), "%s: %lld, not %lld", text, a, b);
	return check_note(a == b, file, line, full);
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
	const char *scale = getenv("TEST_SCALE");

	return scale && strcmp(scale, "small") == 0;
}

static void print_failures(void)
{
	CU_pFailureRecord f = CU_get_failure_list();

	for (; f; f = f->pNext)
		printf("\t%s:%u: %s\n", f->strFileName ? f->strFileName : "",
		       f->uiLineNumber, f->strCondition ? f->strCondition : "");
}

static void run_test(CU_pSuite suite, CU_pTest test)
{
	const char *name = test->pName;
	bool failed;

	state.where = "";
	state.skipped = NULL;
	failed = CU_run_test(suite, test) != CUE_SUCCESS ||
		 CU_get_number_of_failure_records() > 0;
	if (failed) {
		printf("FAIL %s/%s\n", suite->pName, name);
		print_failures();
		state.failed++;
	} else if (state.skipped) {
		printf("skip %s/%s: %s\n", suite->pName, name, state.skipped);
		state.skips++;
	} else if (!CU_get_number_of_asserts()) {
		printf("FAIL %s/%s: checked nothing\n", suite->pName, name);
		state.failed++;
	} else {
		printf("ok %s/%s\n", suite->pName, name);
		state.passed++;
	}
	/* A crash in the next test does not hide this line. */
	fflush(stdout);
}

int check_main(const char *name, const struct check_test *tests, size_t nr,
	       int argc, char **argv, char **envp)
{
	CU_pSuite suite;

	check_envp = envp;
	if (CU_initialize_registry() != CUE_SUCCESS ||
	    !(suite = CU_add_suite(name, NULL, NULL))) {
		fprintf(stderr, "%s\n", CU_get_error_msg());
		return 1;
	}
	for (size_t i = 0; i < nr; i++) {
		CU_pTest test;

		if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
			continue;
		test = CU_add_test(suite, tests[i].name, tests[i].run);
		if (!test) {
			fprintf(stderr, "%s\n", CU_get_error_msg());
			return 1;
		}
		run_test(suite, test);
	}
	CU_cleanup_registry();
	printf("%u passed, %u failed, %u skipped\n", state.passed, state.failed,
	       state.skips);
	return state.failed || !(state.passed + state.skips);
}
