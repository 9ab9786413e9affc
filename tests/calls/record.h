/* SPDX-License-Identifier: MIT */
/* A call as the kernel sees it, kept for people and for comparisons. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdio.h>

#include "process.h"
#include "table.h"
#include "watch.h"

/* Who makes the call. */
enum origin {
	PROGRAM,
	LOADER,	 /* ld.so */
	START,	 /* libc or Go, before main */
	RUNTIME, /* Go's */
	LISTED,	 /* of memory, threads or signals */
	GUESSED, /* as LISTED, for a Go program without symbols */
};

/* An argument. Two are the same when all of these are. */
struct value {
	char *shown;
	char *meaning;	      /* in place of shown, to compare; or NULL */
	unsigned char *bytes; /* all of a buffer, of which shown has a part */
	size_t n;
	bool is_time;
	double seconds;
	bool is_number;
	uint64_t number;
};

struct record {
	const char *name;
	char other[24];		 /* the name of a call without one */
	const struct call *spec; /* NULL: the specification has no such call */
	pid_t thread;
	int process;
	enum origin from;
	int nr_args;
	struct value args[MAX_ARGS];
};

/*
 * What is in a call that waits. Memory that cannot be read is shown as an
 * address; watch_read's error is then in *unread.
 */
void record_init(struct record *r, struct watch *w,
		 const struct seccomp_notif *call, struct process *p,
		 int *unread);
void record_exit(struct record *r);

/* name(argument, ...) */
void record_print(const struct record *r, FILE *to);

bool values_same(const struct value *a, const struct value *b);
/* The same call with the same arguments. */
bool records_same(const struct record *a, const struct record *b);
/* Sorts by all that makes two the same: negative, 0 or positive. */
int records_order(const struct record *a, const struct record *b);

#endif
