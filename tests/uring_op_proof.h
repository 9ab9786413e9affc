/* SPDX-License-Identifier: MIT */
/* What the rows of uring_op.tab show of each operation. */
#ifndef TESTS_URING_OP_PROOF_H
#define TESTS_URING_OP_PROOF_H

#include "uring_op_world.h"

enum { NR_OPS = 256 };

/* How well an operation was seen to work; the best counts. */
enum proof { NOT_SEEN, LACKS, REFUSED, ALONE, BESIDE };

static enum proof proofs[NR_OPS];

/*
 * Those that need not succeed here: the system call does not either; zero-copy
 * receive needs a queue of a network card to itself before 7.2; and commands a
 * disk before 6.7, which uring_nvme.c has.
 */
static bool excused[NR_OPS] = {
	[SHIM_IORING_OP_RECV_ZC] = true,
	[SHIM_IORING_OP_URING_CMD] = true,
};

static inline void note_proof(long op, enum proof proof)
{
	if (proofs[op] < proof)
		proofs[op] = proof;
}

/* Whether the row is a request: what the others do is no operation. */
static inline bool is_request(step s)
{
	static const char *const names[] = { "do",   "async", "slot",
					     "pick", "start", "serve",
					     "link", "hard",  "drain" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(s->verb, names[i]))
			return true;
	return false;
}

/* Whether the result of the row is that of a request, and not of its submit. */
static inline bool has_result(step s)
{
	static const char *const names[] = { "do",   "async", "slot",
					     "pick", "end",   "more" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(s->verb, names[i]))
			return true;
	return false;
}

/* The row that asked for the request of s, or s. */
static inline step origin(step s)
{
	step row = s;

	while (!is_request(s) && row > uring_ops &&
	       is(row[-1].case_, s->case_)) {
		row--;
		if (row->ud == s->ud && is_request(row))
			return row;
	}
	return s;
}

/* A timeout that is over has done what it is for. */
static inline bool succeeded(long op, long res)
{
	return res >= 0 ||
	       (res == -SHIM_ETIME && (op == SHIM_IORING_OP_TIMEOUT ||
				       op == SHIM_IORING_OP_LINK_TIMEOUT));
}

static inline void print_proofs(void)
{
	static const char *const how[] = { NULL, " lacks\n", " refused\n",
					   " alone\n", " beside\n" };
	char **e = check_envp;

	while (*e && !equal(*e, "URING_OPS=", 10))
		e++;
	for (unsigned op = 0; *e && op < NR_OPS; op++) {
		char line[NAME_SIZE], number[NAME_SIZE];

		if (!proofs[op])
			continue;
		join_number(number, "uring_op C ", op);
		join(line, number, how[proofs[op]]);
		shim_write(1, line, length(line));
	}
}

#endif
