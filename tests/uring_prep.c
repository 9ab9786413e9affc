/* SPDX-License-Identifier: MIT */
/*
 * What the prep functions make of an SQE, all 64 bytes: the generator's table
 * has the words, Go's methods (gobind/uring) must make the same, and
 * uring_oracle.c compares with liburing's.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

#define AT(n) ((void *)(uintptr_t)(0x700000000 + (n)))
#define WORDS(...) ((const uint64_t[8]){ __VA_ARGS__ })
#define LIBURING 9999

enum { USER_DATA_WORD = 4 };

union entry {
	struct shim_io_uring_sqe sqe;
	uint64_t words[8];
};

static void fill(union entry *e, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		e->words[i] = value;
}

/* user_data is still what it was filled with. */
static void compare(const union entry *e, const uint64_t *want,
		    uint64_t user_data, const char *name)
{
	int same = 1;

	for (size_t i = 0; i < 8; i++)
		same &= e->words[i] ==
			(i == USER_DATA_WORD ? user_data : want[i]);
	check_note(same, __FILE__, __LINE__, name);
}

#define TRY(name, want, before, ...)                           \
	do {                                                   \
		union entry e;                                 \
                                                               \
		fill(&e, before);                              \
		shim_uring_prep_##name(&e.sqe, ##__VA_ARGS__); \
		compare(&e, want, before, #name);              \
	} while (0);

static void preps_set_all_but_user_data(void)
{
#define PREP(name, want, ...) TRY(name, want, ~0ULL, ##__VA_ARGS__)
#define CHANGE(name, want, ...)
#include "zuring_prep.h"
#undef PREP
#undef CHANGE
}

static void changes_set_their_fields_alone(void)
{
#define PREP(name, want, ...)
#define CHANGE(name, want, ...) TRY(name, want, 0, ##__VA_ARGS__)
#include "zuring_prep.h"
#undef PREP
#undef CHANGE
}

static const struct check_test uring_prep_tests[] = {
	{ "preps_set_all_but_user_data", preps_set_all_but_user_data },
	{ "changes_set_their_fields_alone", changes_set_their_fields_alone },
};

CHECK_MAIN(uring_prep, uring_prep_tests)
