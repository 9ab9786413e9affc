/* SPDX-License-Identifier: MIT */
/*
 * What one case gives to a caller, what must arrive in the kernel, how that is
 * answered, and what the caller must then have.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>

#include "table.h"

enum language { C, GO, NR_LANGUAGES };

/* What the arguments are. */
enum variant {
	WIDE,  /* every half of a number matters, lengths beyond any buffer */
	EXACT, /* small numbers, buffers as long as said */
	NOTHINGS,  /* null pointers and empty buffers */
	INNER_NUL, /* strings that C cannot have */
	HELD,	   /* as EXACT, the answer comes late */
	NR_VARIANTS,
};

/* What an argument must look like in the kernel. */
enum look {
	REGISTER,     /* all 64 bits are value */
	LOW_HALF,     /* the lower 32 bits are */
	POINTS_TO,    /* n bytes are behind it */
	SOME_POINTER, /* it is not null */
	PAIR_OF,      /* {pointer to n bytes or null, value} are behind it */
	BUFFERS,      /* the iovecs of Go's vectored calls */
	STRINGS,      /* pointers to the n strings in bytes, then null */
};

struct wanted {
	enum look look;
	uint64_t value;
	size_t n;
	unsigned char bytes[MEM_SIZE];
	/* What the kernel writes there. */
	size_t nr_given;
	unsigned char given[MEM_SIZE];
};

struct plan {
	const char *name; /* of the function */
	enum variant variant;
	const struct call *call;
	struct frame frame; /* what the caller is given */
	bool no_call;	    /* the kernel must not hear of it */
	int before;	    /* this call comes first and is made; or -1 */
	int nr;
	struct wanted args[MAX_ARGS]; /* in the order of registers */
	int64_t answer;
	bool ok;	/* the answer is not an error */
	int64_t result; /* what the function returns */
	int64_t error;
	unsigned char after[MAX_ARGS][MEM_SIZE]; /* the caller's memory */
};

extern const int64_t answers[];
extern const int nr_answers;
/* The CPU that this is compiled for, in the order of the table. */
extern const int cpu;

void plan_init(struct plan *p, const struct call *call, enum language language,
	       enum variant variant, int64_t answer);
/* Byte j of what argument i has in the caller, or from the kernel. */
unsigned char plan_byte(int i, size_t j, bool kernel);

/* For forms that differ from the mechanical. */
void want_value(struct plan *p, int i, uint64_t value);
void want_bytes(struct plan *p, int i, const void *bytes, size_t n);
void give_bytes(struct plan *p, int i, const void *bytes, size_t n);
/* What is in the memory of argument i before, and after unless that differs. */
void set_memory(struct plan *p, int i, const void *bytes, size_t n);

/* hand.c: Go's functions that are written by hand. */
struct hand {
	const char *name; /* a function, or function/variant */
	const char *call;
	/* Turn the plan of the mechanical form into this one's. */
	void (*adapt)(struct plan *p);
	const char *not_held; /* why it is not called with a late answer */
};

/* NULL behind the last. */
const struct hand *hand_at(int i);

#endif
