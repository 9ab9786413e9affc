/* SPDX-License-Identifier: MIT */
/* For ztable.h: what the specification says of a call. */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#include "frame.h"

enum { NR_CPUS = 2 };

enum kind { VALUE, CONSTANT, BUFFER, STRING, PAIR };
enum direction { IN, OUT, INOUT };
enum returns { FD, NUMBER, POINTER, NOTHING, INFALLIBLE, NORETURN };

/* What C has: nothing, what a case calls, or what one cannot. */
enum c_wrapper { NONE, CALLED, ELSEWHERE };

struct arg {
	const char *name;
	enum kind kind;
	enum direction dir;
	int size, sign;	   /* of a value */
	int size_of;	   /* Go gives the size of this argument less 1 */
	int loose;	   /* Go extends the value in another way */
	int elem[NR_CPUS]; /* size of what a buffer has */
	int count;	   /* of these, unless 0 */
	int len;	   /* or as the argument of this number less 1 says */
	int len_bytes;	   /* in bytes */
	int nullable;
	int slice;     /* Go never gives a null pointer */
	int unchecked; /* Go takes a string with an inner NUL as C does */
	int64_t value; /* of a constant, or the size in a pair */
};

struct call {
	const char *name;
	const char *go;	  /* the mechanical form, or NULL */
	const char *hand; /* the form written by hand, or NULL */
	int nr[NR_CPUS];
	enum returns returns;
	enum c_wrapper c;
	int blocks;
	int go_drops; /* Go returns an error only */
	int reordered, order[NR_CPUS][MAX_ARGS];
	/* Go makes this call instead, unless 0. */
	int twin[NR_CPUS];
	int nr_twin;
	struct {
		int arg; /* of this number less 1, unless 0 */
		int64_t value;
	} from[MAX_ARGS];
	int nr_args;
	struct arg args[MAX_ARGS];
};

#endif
