/* SPDX-License-Identifier: MIT */
/*
 * Who makes a call: the program, or what runs it. The rule stands in the man
 * page; the lists are in origin.c.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "process.h"
#include "record.h"
#include "watch.h"

/* To be called for every call, in their order. */
enum origin origin_of(struct watch *w, const struct seccomp_notif *call,
		      struct process *p, const struct record *r);
/* A call of this name is the runtime's, where nothing better is known. */
bool origin_guess(const char *name);

#endif
