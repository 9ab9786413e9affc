/* SPDX-License-Identifier: MIT */
/*
 * A compiled program as text, a line per step, which is the same wherever it
 * lies in memory: the step's name and its arguments up to the last that is not
 * 0. One from a register is "r2"; instead of an address stands what is there:
 *
 *	'text'			a string; TEXT with ';' for a new line
 *	['a' 'b']		strings; [1 2] numbers
 *	&filled &mask &r1	of the program
 *	[{...}]			structures
 *	{...}			the fields of a structure, in their order
 *
 * Then, if so: "ignore", "try", "wait", "each", "-> r2", "retry 3".
 */
#ifndef SPAWN_DUMP_H
#define SPAWN_DUMP_H

#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "znr.h"

enum {
	DUMP_STRING = 1,
	DUMP_STRINGS,
	DUMP_TEXT, /* as long as argument 2 says */
	DUMP_FILLED,
	DUMP_MASK,
	DUMP_GROUP,
	DUMP_ACTION,  /* handler flags mask */
	DUMP_LIMIT,   /* current greatest */
	DUMP_SCHED,   /* size policy flags nice priority */
	DUMP_CPUS,    /* as many bytes as argument 1 says */
	DUMP_IDS,     /* as many as argument 0 says */
	DUMP_VERSION, /* version pid */
	DUMP_CAPS,    /* effective permitted inheritable, twice */
	DUMP_FILTER,  /* instructions, each {code jt jf k} */
	DUMP_POLL,    /* as many {fd events revents} as argument 1 says */
};

/* Which arguments are addresses, and of what. */
static const struct {
	uint32_t nr;
	int kinds[6];
} dump_kinds[] = {
	{ SHIM_NR_capset, { DUMP_VERSION, DUMP_CAPS } },
	{ SHIM_NR_chdir, { DUMP_STRING } },
	{ SHIM_NR_chroot, { DUMP_STRING } },
	{ SHIM_NR_execve, { DUMP_STRING, DUMP_STRINGS, DUMP_STRINGS } },
	{ SHIM_NR_execveat, { 0, DUMP_STRING, DUMP_STRINGS, DUMP_STRINGS } },
	{ SHIM_NR_mount,
	  { DUMP_STRING, DUMP_STRING, DUMP_STRING, 0, DUMP_STRING } },
	{ SHIM_NR_openat, { 0, DUMP_STRING } },
	{ SHIM_NR_pivot_root, { DUMP_STRING, DUMP_STRING } },
	{ SHIM_NR_ppoll, { DUMP_POLL } },
	{ SHIM_NR_prlimit64, { 0, 0, DUMP_LIMIT } },
	{ SHIM_NR_read, { 0, DUMP_FILLED } },
	{ SHIM_NR_rt_sigaction, { 0, DUMP_ACTION } },
	{ SHIM_NR_rt_sigprocmask, { 0, DUMP_MASK } },
	{ SHIM_NR_sched_setaffinity, { 0, 0, DUMP_CPUS } },
	{ SHIM_NR_sched_setattr, { 0, DUMP_SCHED } },
	{ SHIM_NR_seccomp, { 0, 0, DUMP_FILTER } },
	{ SHIM_NR_setgroups, { 0, DUMP_IDS } },
	{ SHIM_NR_umount2, { DUMP_STRING } },
	{ SHIM_NR_write, { 0, DUMP_TEXT } },
};

struct dump {
	const struct shim_spawn_program *program;
	const struct shim_spawn_step *step;
	char *to;
};

static inline void dump_text(struct dump *d, const char *s)
{
	while (*s)
		*d->to++ = *s++;
	*d->to = '\0';
}

static inline void dump_number(struct dump *d, int64_t n)
{
	char digits[20];
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	int nr = 0;

	if (n < 0)
		*d->to++ = '-';
	do
		digits[nr++] = (char)('0' + left % 10);
	while (left /= 10);
	while (nr)
		*d->to++ = digits[--nr];
	*d->to = '\0';
}

/* Numbers with blanks between them, in brackets. */
static inline void dump_list(struct dump *d, const char *brackets,
			     const int64_t *list, size_t nr)
{
	*d->to++ = brackets[0];
	for (size_t i = 0; i < nr; i++) {
		if (i)
			*d->to++ = ' ';
		dump_number(d, list[i]);
	}
	*d->to++ = brackets[1];
	*d->to = '\0';
}

static inline void dump_string(struct dump *d, const char *s, size_t n)
{
	*d->to++ = '\'';
	for (size_t i = 0; i < n && s[i]; i++)
		*d->to++ = s[i] == '\n' ? ';' : s[i];
	*d->to++ = '\'';
	*d->to = '\0';
}

static inline void dump_strings(struct dump *d, char *const *list)
{
	*d->to++ = '[';
	for (size_t i = 0; list[i]; i++) {
		if (i)
			*d->to++ = ' ';
		dump_string(d, list[i], SIZE_MAX);
	}
	*d->to++ = ']';
	*d->to = '\0';
}

static inline void dump_filter(struct dump *d, const struct shim_sock_fprog *f)
{
	*d->to++ = '[';
	for (int i = 0; i < f->len; i++)
		dump_list(d, "{}",
			  (const int64_t[]){ f->filter[i].code, f->filter[i].jt,
					     f->filter[i].jf, f->filter[i].k },
			  4);
	*d->to++ = ']';
	*d->to = '\0';
}

/* What the program gets, or that it is as with the parent. */
static inline void dump_mask(struct dump *d, const uint64_t *mask)
{
	dump_text(d, mask == &d->program->mask ? "&mask" : "?");
	if (!d->program->has_mask)
		return;
	dump_list(d, "{}", (const int64_t[]){ (int64_t)*mask }, 1);
}

static inline void dump_structure(struct dump *d, int kind, const void *p)
{
	const struct shim_sigaction *action = p;
	const struct shim_rlimit64 *limit = p;
	const struct shim_sched_attr *sched = p;
	const struct shim_user_cap_header *header = p;
	const struct shim_user_cap_data *c = p;

	if (kind == DUMP_ACTION)
		dump_list(
			d, "{}",
			(const int64_t[]){ (int64_t)(uintptr_t)action->handler,
					   (int64_t)action->flags,
					   (int64_t)action->mask },
			3);
	else if (kind == DUMP_LIMIT)
		dump_list(d, "{}",
			  (const int64_t[]){ (int64_t)limit->rlim_cur,
					     (int64_t)limit->rlim_max },
			  2);
	else if (kind == DUMP_SCHED)
		dump_list(d, "{}",
			  (const int64_t[]){ sched->size, sched->sched_policy,
					     (int64_t)sched->sched_flags,
					     sched->sched_nice,
					     sched->sched_priority },
			  5);
	else if (kind == DUMP_VERSION)
		dump_list(d, "{}",
			  (const int64_t[]){ header->version, header->pid }, 2);
	else if (kind == DUMP_CAPS)
		dump_list(d, "{}",
			  (const int64_t[]){ c[0].effective, c[0].permitted,
					     c[0].inheritable, c[1].effective,
					     c[1].permitted, c[1].inheritable },
			  6);
}

static inline void dump_numbers(struct dump *d, int kind, const void *p)
{
	const size_t nr = kind == DUMP_IDS ? d->step->args[0]
					   : d->step->args[1] / 8;
	int64_t list[16];

	for (size_t i = 0; i < nr; i++)
		list[i] = kind == DUMP_IDS ? ((const uint32_t *)p)[i]
					   : ((const int64_t *)p)[i];
	dump_list(d, "[]", list, nr);
}

static inline void dump_poll(struct dump *d, const struct shim_pollfd *p)
{
	*d->to++ = '[';
	for (uint64_t i = 0; i < d->step->args[1]; i++) {
		if (i)
			*d->to++ = ' ';
		dump_list(d, "{}",
			  (const int64_t[]){ p[i].fd, p[i].events,
					     p[i].revents },
			  3);
	}
	*d->to++ = ']';
	*d->to = '\0';
}

static inline void dump_address(struct dump *d, int kind, const void *p)
{
	switch (kind) {
	case DUMP_STRING:
		dump_string(d, p, SIZE_MAX);
		break;
	case DUMP_STRINGS:
		dump_strings(d, p);
		break;
	case DUMP_TEXT:
		dump_string(d, p, d->step->args[2]);
		break;
	case DUMP_FILLED:
		dump_text(d, p == &d->program->filled ? "&filled" : "?");
		break;
	case DUMP_GROUP:
		dump_text(d, p == &d->program->regs[1] ? "&r1" : "?");
		break;
	case DUMP_MASK:
		dump_mask(d, p);
		break;
	case DUMP_FILTER:
		dump_filter(d, p);
		break;
	case DUMP_POLL:
		dump_poll(d, p);
		break;
	case DUMP_CPUS:
	case DUMP_IDS:
		dump_numbers(d, kind, p);
		break;
	default:
		dump_structure(d, kind, p);
	}
}

static inline int dump_kind_of(const struct shim_spawn_step *step, int arg)
{
	if (step->nr == SHIM_NR_ioctl)
		return arg == 2 && step->args[1] == SHIM_TIOCSPGRP ? DUMP_GROUP
								   : 0;
	for (size_t i = 0; i < sizeof(dump_kinds) / sizeof(dump_kinds[0]); i++)
		if (dump_kinds[i].nr == step->nr)
			return dump_kinds[i].kinds[arg];
	return 0;
}

static inline void dump_argument(struct dump *d, int i)
{
	const uint64_t value = d->step->args[i];
	const int kind = dump_kind_of(d->step, i);

	*d->to++ = ' ';
	if (d->step->flags & (uint32_t)SHIM_SPAWN_STEP_ARG(i))
		*d->to++ = 'r';
	if (i == 5 && d->step->flags & SHIM_SPAWN_STEP_PARENT)
		dump_text(d, value == (uint64_t)shim_getpid() ? "&pid" : "?");
	else if (kind && value)
		dump_address(d, kind, (const void *)(uintptr_t)value);
	else
		dump_number(d, (int64_t)value);
}

static inline void dump_flags(struct dump *d)
{
	const uint32_t flags = d->step->flags;

	if (flags & SHIM_SPAWN_STEP_IGNORE)
		dump_text(d, " ignore");
	if (flags & SHIM_SPAWN_STEP_TRY)
		dump_text(d, " try");
	if (flags & SHIM_SPAWN_STEP_WAIT)
		dump_text(d, " wait");
	if (flags & SHIM_SPAWN_STEP_EACH)
		dump_text(d, " each");
	if (flags & SHIM_SPAWN_STEP_PARENT)
		dump_text(d, " parent");
	if (flags & SHIM_SPAWN_STEP_SAVE) {
		dump_text(d, " -> r");
		dump_number(d, flags >> SHIM_SPAWN_STEP_REG_SHIFT & 7);
	}
	if (flags >> SHIM_SPAWN_STEP_RETRY_SHIFT) {
		dump_text(d, " retry ");
		dump_number(d, flags >> SHIM_SPAWN_STEP_RETRY_SHIFT);
	}
}

/* The line of step i. */
static inline void dump_step(const struct shim_spawn_program *program,
			     uint32_t i, char *to)
{
	struct dump d = { program, &program->steps[i], to };
	int last = 5;

	dump_text(&d, shim_spawn_step_name(d.step));
	while (last >= 0 && !d.step->args[last] &&
	       !(d.step->flags & (uint32_t)SHIM_SPAWN_STEP_ARG(last)))
		last--;
	for (int arg = 0; arg <= last; arg++)
		dump_argument(&d, arg);
	dump_flags(&d);
	*d.to = '\0';
}

#endif
