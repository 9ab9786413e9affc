/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"
#include "ztable.h"

#if defined(__x86_64__)
enum { CPU = 0 };
#elif defined(__aarch64__)
enum { CPU = 1 };
#endif

enum {
	NR_CALLS = sizeof(spec) / sizeof(spec[0]),
	/* Later than that is a date. */
	LONGEST_SECONDS = 100000000,
};

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

/* The kernel's prototypes have these names. */
static bool is_fd(const char *name)
{
	return strcmp(name, "nfds") != 0 && strcmp(name, "max_fd") != 0 &&
	       strcmp(name, "newfd") != 0 &&
	       (ends(name, "fd") || strncmp(name, "fd_", 3) == 0 ||
		strcmp(name, "fdin") == 0 || strcmp(name, "fdout") == 0 ||
		strcmp(name, "fildes") == 0 || strcmp(name, "mqdes") == 0);
}

static bool is_pid(const char *name)
{
	return strcmp(name, "pid") == 0 || strcmp(name, "upid") == 0 ||
	       strcmp(name, "tgid") == 0;
}

static bool is_time(const char *name)
{
	static const char *const names[] = { "rqtp", "timeout", "u_abs_timeout",
					     "tsp",  "tvp",	"uts" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Of a socket. */
static bool is_address(const char *name)
{
	return strcmp(name, "umyaddr") == 0 || strcmp(name, "uservaddr") == 0 ||
	       strcmp(name, "addr") == 0;
}

static bool is_bits(const char *name)
{
	return ends(name, "flags") || ends(name, "prot") ||
	       ends(name, "mask") || ends(name, "options") || ends(name, "cmd");
}

static void set_number(struct view *v, struct value *value,
		       const struct arg *arg, uint64_t n)
{
	char text[32];

	if (arg->size == 4 && arg->sign)
		n = (uint64_t)(int32_t)n;
	else if (arg->size < 8)
		n &= (UINT64_C(1) << arg->size * 8) - 1;
	if (is_fd(arg->name))
		return set_fd(v, value, (int)n);
	if (is_pid(arg->name))
		return set_pid(v, value, (int)n);
	if (arg->size == 8 && n >> 16 && process_mapping(v->process, n))
		return set_pointer(v, value, n);
	value->is_number = true;
	value->number = n;
	if (ends(arg->name, "mode"))
		snprintf(text, sizeof(text), "%#" PRIo64, n);
	else if (is_bits(arg->name))
		snprintf(text, sizeof(text), "0x%" PRIx64,
			 arg->size == 4 ? (uint32_t)n : n);
	else if (!arg->sign && n >> 40)
		snprintf(text, sizeof(text), "0x%" PRIx64, n);
	else
		snprintf(text, sizeof(text),
			 arg->sign ? "%" PRId64 : "%" PRIu64, n);
	set_text(value, text);
}

/* How long what a buffer's argument points to is. */
static uint64_t length_of(struct view *v, const struct arg *arg)
{
	uint64_t n = (uint64_t)arg->elem[CPU];
	const struct arg *len;
	uint64_t count;
	uint32_t half;

	if (!arg->len)
		return n * (arg->count ? (unsigned)arg->count : 1);
	len = &v->spec->args[arg->len - 1];
	count = v->v[arg->len - 1];
	if (len->kind == CONSTANT)
		count = (uint64_t)len->value;
	else if (len->kind == BUFFER)
		count = count && get(v, count, &half, 4) ? half : 0;
	else if (len->size == 4)
		count = (uint32_t)count;
	return arg->len_bytes ? count : count > MOST_BYTES ? count : n * count;
}

/* pselect6: a pointer and a size. */
static void set_pair(struct view *v, struct value *value, uint64_t at)
{
	uint64_t pair[2];

	if (!at || !get(v, at, pair, sizeof(pair)))
		set_pointer(v, value, at);
	else if (pair[0] && pair[1] <= MEM_SIZE)
		set_buffer(v, value, pair[0], pair[1], true);
	else
		set_pointer(v, value, pair[0]);
}

static bool named(const struct arg *arg, const char *name)
{
	return strcmp(arg->name, name) == 0;
}

/* Structures that point to others. Returns whether it was one. */
static bool set_known(struct view *v, struct value *value,
		      const struct arg *arg, uint64_t at)
{
	bool out = strstr(v->spec->name, "read") || arg->dir != IN;

	if (named(arg, "argv") || named(arg, "envp"))
		set_strings(v, value, at, named(arg, "envp"));
	else if (named(arg, "vec") && arg->elem[CPU] == 16)
		set_parts(v, value, at, v->v[arg->len - 1], !out);
	else if (named(arg, "msg") && arg->elem[CPU] == 56)
		set_message(v, value, at, !out);
	else if (arg->dir == IN && is_address(arg->name) && arg->len_bytes)
		set_address(v, value, at, length_of(v, arg));
	else if (named(arg, "ufds"))
		set_polled(v, value, at, (uint32_t)v->v[arg->len - 1]);
	else if (is_time(arg->name) && arg->elem[CPU] == 16 && !arg->len)
		set_time(v, value, at, named(arg, "tvp") ? 1e-6 : 1e-9);
	else
		return false;
	return true;
}

static void set_memory(struct view *v, struct value *value,
		       const struct arg *arg, uint64_t at)
{
	uint64_t n = length_of(v, arg);

	if (!at)
		set_text(value, "NULL");
	else if (set_known(v, value, arg, at))
		return;
	else if (strcmp(v->spec->name, "mprotect") == 0)
		set_pointer(v, value, at);
	else if (arg->dir == OUT)
		set_output(value, n);
	else
		set_buffer(v, value, at, n, arg->elem[CPU] > 1);
}

/* Arguments that another one gives a type. Returns the bytes behind it, or 0.*/
static size_t size_behind(const struct view *v, int i)
{
	uint32_t op = (uint32_t)v->v[1];

	if (strcmp(v->spec->name, "fcntl") == 0 && i == 2) {
		if ((op >= F_GETLK && op <= F_SETLKW) ||
		    (op >= F_OFD_GETLK && op <= F_OFD_SETLKW))
			return sizeof(struct flock);
		return 0;
	}
	/* The number of a command has the direction and size, if it is new. */
	if (strcmp(v->spec->name, "ioctl") == 0 && i == 2)
		return op >> 30 & 1 ? op >> 16 & 0x3fff : 0;
	return 0;
}

static void set_argument(struct view *v, struct value *value, int i)
{
	const struct arg *arg = &v->spec->args[i];
	uint64_t n = v->v[i];

	switch (arg->kind) {
	case CONSTANT:
		set_number(v, value, &(struct arg){ .name = "", .size = 8 }, n);
		break;
	case STRING:
		set_string(v, value, n);
		break;
	case BUFFER:
		set_memory(v, value, arg, n);
		break;
	case PAIR:
		set_pair(v, value, n);
		break;
	case VALUE:
		if (n >> 16 && size_behind(v, i))
			set_buffer(v, value, n, size_behind(v, i), true);
		else
			set_number(v, value, arg, n);
	}
}

static const struct call *find_spec(int nr)
{
	for (int i = 0; i < NR_CALLS; i++)
		if (spec[i].nr[CPU] == nr)
			return &spec[i];
	return NULL;
}

static void set_unknown(struct record *r, struct view *v)
{
	static const struct arg word = { .name = "", .size = 8 };

	snprintf(r->other, sizeof(r->other), "call %d", v->call->data.nr);
	r->name = r->other;
	r->nr_args = MAX_ARGS;
	for (int i = 0; i < MAX_ARGS; i++)
		set_number(v, &r->args[i], &word, v->call->data.args[i]);
}

void record_init(struct record *r, struct watch *w,
		 const struct seccomp_notif *call, struct process *p,
		 int *unread)
{
	struct view v = { w, call, p, find_spec(call->data.nr), unread, { 0 } };

	*r = (struct record){
		.spec = v.spec,
		.thread = (pid_t)call->pid,
		.process = p->number,
	};
	if (!v.spec) {
		set_unknown(r, &v);
		return;
	}
	r->name = v.spec->name;
	r->nr_args = v.spec->nr_args;
	for (int i = 0; i < r->nr_args; i++)
		v.v[v.spec->reordered ? v.spec->order[CPU][i] : i] =
			call->data.args[i];
	for (int i = 0; i < r->nr_args; i++)
		set_argument(&v, &r->args[i], i);
}

void record_exit(struct record *r)
{
	for (int i = 0; i < r->nr_args; i++) {
		free(r->args[i].shown);
		free(r->args[i].meaning);
		free(r->args[i].bytes);
	}
}

void record_print(const struct record *r, FILE *to)
{
	fprintf(to, "%s(", r->name);
	for (int i = 0; i < r->nr_args; i++)
		fprintf(to, "%s%s", i ? ", " : "", r->args[i].shown);
	putc(')', to);
}

/* What is left of a timeout is never twice the same. */
static bool times_same(double a, double b)
{
	if (a > LONGEST_SECONDS && b > LONGEST_SECONDS)
		return true;
	return a == b || (a > 0 && b > 0 && a < 2 * b && b < 2 * a);
}

static int values_order(const struct value *a, const struct value *b)
{
	const char *s = a->meaning ? a->meaning : a->shown;
	const char *t = b->meaning ? b->meaning : b->shown;

	if (a->is_time && b->is_time)
		return 0;
	if (strcmp(s, t) != 0)
		return strcmp(s, t);
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return a->n ? memcmp(a->bytes, b->bytes, a->n) : 0;
}

bool values_same(const struct value *a, const struct value *b)
{
	if (a->is_time && b->is_time)
		return times_same(a->seconds, b->seconds);
	return values_order(a, b) == 0;
}

bool records_same(const struct record *a, const struct record *b)
{
	if (strcmp(a->name, b->name) != 0 || a->nr_args != b->nr_args)
		return false;
	for (int i = 0; i < a->nr_args; i++)
		if (!values_same(&a->args[i], &b->args[i]))
			return false;
	return true;
}

int records_order(const struct record *a, const struct record *b)
{
	int order = strcmp(a->name, b->name);

	for (int i = 0; !order && i < a->nr_args && i < b->nr_args; i++)
		order = values_order(&a->args[i], &b->args[i]);
	return order;
}
