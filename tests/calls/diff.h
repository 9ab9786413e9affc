/* SPDX-License-Identifier: MIT */
/* Two sequences of calls, and how the second differs. */
#ifndef DIFF_H
#define DIFF_H

#include "record.h"

struct sequence {
	struct record **v;
	size_t n;
};

/* What is told of all processes. */
struct report {
	FILE *to;
	bool titled; /* the process that is compared has been named */
	long same, differ;
};

/* The calls of one process in two runs. Adds to the report. */
void diff_calls(struct report *report, const struct sequence *a,
		const struct sequence *b, const char *title);

#endif
