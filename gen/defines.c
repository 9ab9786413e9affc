/* SPDX-License-Identifier: MIT */
/*
 * The specification against the kernel's own prototypes, which are in a table:
 * name, CPU, number, number of arguments, prototype, file; separated by tabs.
 */
#include <stdlib.h>
#include <string.h>

#include "gen.h"

enum { NR_COLUMNS = 6 };

/* What a type of the kernel is on both CPUs. */
struct width {
	const char *name;
	int size;
	bool is_signed;
};

static const struct width widths[] = {
	{ "int", 4, true },
	{ "unsigned", 4, false },
	{ "unsigned int", 4, false },
	{ "long", 8, true },
	{ "unsigned long", 8, false },
	{ "size_t", 8, false },
	{ "loff_t", 8, true },
	{ "off_t", 8, true },
	{ "u32", 4, false },
	{ "__u32", 4, false },
	{ "__s32", 4, true },
	{ "u64", 8, false },
	{ "__u64", 8, false },
	{ "pid_t", 4, true },
	{ "uid_t", 4, false },
	{ "gid_t", 4, false },
	{ "qid_t", 4, false },
	{ "umode_t", 2, false },
	{ "clockid_t", 4, true },
	{ "key_t", 4, true },
	{ "key_serial_t", 4, true },
	{ "mqd_t", 4, true },
	{ "timer_t", 4, true },
	{ "aio_context_t", 8, false },
	{ "rwf_t", 4, true },
	{ "enum landlock_rule_type", 4, false },
	{ "cap_user_header_t", 0, false },
	{ "cap_user_data_t", 0, false },
};

/* One argument of a kernel prototype; size 0 is a pointer. */
struct defined {
	char *text, *name;
	int size;
	bool is_signed;
};

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " ");
	n = strlen(s);
	while (n && s[n - 1] == ' ')
		s[--n] = '\0';
	return s;
}

/* Drops a word wherever it stands alone. */
static void drop(char *s, const char *w)
{
	size_t n = strlen(w);

	for (char *p = strstr(s, w); p; p = strstr(p + 1, w))
		if ((p == s || p[-1] == ' ') && p[n] == ' ')
			memmove(p, p + n + 1, strlen(p + n + 1) + 1);
}

/* "const char __user * name"; false when the type is not known. */
static bool parse_defined(struct defined *d, char *text)
{
	char *name;

	d->text = format("%s", text);
	name = strrchr(text, ' ');
	if (!name)
		return false;
	*name++ = '\0';
	d->name = name + strspn(name, "_*");
	d->size = 0;
	if (strchr(text, '*') || *name == '*')
		return true;
	text = format("%s ", text);
	drop(text, "const");
	drop(text, "__user");
	text = trim(text);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		if (strcmp(widths[i].name, text) == 0) {
			d->size = widths[i].size;
			d->is_signed = widths[i].is_signed;
			return true;
		}
	}
	return false;
}

static bool is_type(const struct arg *a, const char *name)
{
	return !a->dir && !strcmp(a->type_name, name);
}

/* Whether our argument takes exactly what the kernel's does. */
static bool same_type(const struct arg *a, const struct defined *d)
{
	bool pointer = a->dir || a->string || !a->type ||
		       !strcmp(a->type_name, "cstrs");

	/* An address that is not looked at, and what may be one. */
	if (is_type(a, "addr") || is_type(a, "word"))
		return d->size == 0 || (d->size == 8 && !d->is_signed);
	if (d->size == 0 || pointer)
		return d->size == 0 && pointer;
	/* A descriptor is compared as a whole: no sign is ever extended. */
	if (is_type(a, "fd"))
		return d->size == 4;
	/* The kernel cuts modes to 16 bits, as it does for libc. */
	if (is_type(a, "mode") && d->size == 2)
		return true;
	return d->size == a->type->size && d->is_signed == a->type->is_signed;
}

static void compare_arg(const struct call *call, int cpu, int i, char *text)
{
	const struct arg *a = &call->args[call->order[cpu][i]];
	struct defined d;
	bool same;

	if (!parse_defined(&d, text)) {
		complain(a->at,
			 "%s: the kernel's \"%s\" is of an unknown "
			 "type; teach it to gen/defines.c",
			 call->name, d.text);
		return;
	}
	same = same_type(a, &d) && !strcmp(a->name, d.name);
	if (!same && !a->unlike)
		complain(a->at,
			 "%s: the kernel has \"%s\" here on %s; write that, or "
			 "unlike \"why\" at the end of the line",
			 call->name, d.text, cpus[cpu].name);
	if (same && a->unlike &&
	    (cpu == NR_CPUS - 1 || !call_on(call, cpu + 1)))
		complain(a->at, "%s is as in the kernel; remove \"unlike\"",
			 a->name);
}

static void compare_call(const struct call *call, int cpu, char *prototype)
{
	char *end = strrchr(prototype, ')');
	int n = 0;

	prototype += *prototype == '(';
	if (end)
		*end = '\0';
	prototype = trim(prototype);
	while (*prototype) {
		size_t len = strcspn(prototype, ",");
		char *text = trim(xstrndup(prototype, len));

		if (n < call->nr_args)
			compare_arg(call, cpu, n, text);
		n++;
		prototype += len + (prototype[len] == ',');
	}
	if (n != call->nr_args)
		complain(call->at,
			 "the kernel's %s has %d arguments on %s, not %d",
			 call->name, n, cpus[cpu].name, call->nr_args);
}

static void compare_line(char *const *columns, struct loc at, bool *seen)
{
	int cpu = cpu_find(columns[1]);
	const struct call *call = find_call(columns[0]);
	int64_t nr;

	if (cpu < 0 || !parse_int(columns[2], &nr)) {
		complain(at, "this is no line of name, CPU, number, number of "
			     "arguments, prototype and file");
		return;
	}
	if (!call) {
		complain(at, "the specification has no %s; write a call",
			 columns[0]);
		return;
	}
	seen[(call - model.calls.v) * NR_CPUS + cpu] = true;
	if (call->nr[cpu] != nr)
		complain(call->nr_at[cpu],
			 "the kernel's number of %s on %s is %s; write that",
			 call->name, cpus[cpu].name, columns[2]);
	compare_call(call, cpu, columns[4]);
}

/* Calls of ours that the kernel's table has not. */
static void complain_unseen(const char *path, const bool *seen)
{
	for (size_t i = 0; i < model.calls.n; i++)
		for (int cpu = 0; cpu < NR_CPUS; cpu++)
			if (call_on(&model.calls.v[i], cpu) &&
			    !seen[i * NR_CPUS + (size_t)cpu])
				complain(model.calls.v[i].at,
					 "%s has no %s on %s; remove the "
					 "number",
					 path, model.calls.v[i].name,
					 cpus[cpu].name);
}

void compare_defines(const char *root, const char *path)
{
	bool *seen = xalloc(model.calls.n * NR_CPUS * sizeof(*seen));
	struct loc at = { path, 0, 1 };
	struct file f;
	char *text;

	if (!read_file(format("%s/%s", root, path), &f)) {
		complain(at, "cannot be read; write the path of the table");
		return;
	}
	text = xstrndup(f.text, f.len);
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *columns[NR_COLUMNS],
			*next = text + len + (text[len] != 0);
		int n = 0;

		at.line++;
		text[len] = '\0';
		for (char *p = text; p && n < NR_COLUMNS; n++) {
			columns[n] = p;
			p = strchr(p, '\t');
			if (p)
				*p++ = '\0';
		}
		if (n != NR_COLUMNS)
			complain(at, "%d columns, not %d", n, NR_COLUMNS);
		else if (at.line > 1)
			compare_line(columns, at, seen);
		text = next;
	}
	complain_unseen(path, seen);
}
