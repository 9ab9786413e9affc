/* SPDX-License-Identifier: MIT */
/* The plans of the mechanical wrappers, from the specification alone. */
#include <errno.h>
#include <string.h>

#include "plan.h"

/*
 * The first error that package syscall takes for one. For amd64 Go's runtime
 * compares with -4095 itself and calls that a result; the kernel has no error
 * of that number.
 */
#if defined(__x86_64__)
const int cpu = 0;
enum { GO_FIRST_ERROR = -4094 };
#elif defined(__aarch64__)
const int cpu = 1;
enum { GO_FIRST_ERROR = -4095 };
#endif
enum { FIRST_ERROR = -4095 };

/* INT64_MAX stands for the largest that the call can return. */
const int64_t answers[] = {
	0, 1, INT64_MAX, -1, -4095, -4096, -EINTR, -ENOSYS,
};
const int nr_answers = sizeof(answers) / sizeof(answers[0]);

unsigned char plan_byte(int i, size_t j, bool kernel)
{
	return (unsigned char)(41 * i + 11 * (int)j + (kernel ? 0x90 : 0x07));
}

void want_value(struct plan *p, int i, uint64_t value)
{
	p->args[i] = (struct wanted){ .look = REGISTER, .value = value };
}

void want_bytes(struct plan *p, int i, const void *bytes, size_t n)
{
	p->args[i] = (struct wanted){ .look = POINTS_TO, .n = n };
	memcpy(p->args[i].bytes, bytes, n);
}

void give_bytes(struct plan *p, int i, const void *bytes, size_t n)
{
	p->args[i].nr_given = n;
	memcpy(p->args[i].given, bytes, n);
}

void set_memory(struct plan *p, int i, const void *bytes, size_t n)
{
	memcpy(p->frame.mem[i], bytes, n);
	memcpy(p->after[i], bytes, n);
}

/* The buffer that argument i is the length of, or NULL. */
static const struct arg *measured(const struct call *call, int i)
{
	for (int j = 0; j < call->nr_args; j++)
		if (call->args[j].len == i + 1)
			return &call->args[j];
	return NULL;
}

/* Both halves of a wide number are negative, and no two are alike. */
static uint64_t poison(const struct plan *p, int i)
{
	const struct arg *a = &p->call->args[i];
	const struct arg *buffer = measured(p->call, i);
	uint64_t half = 0x80000001U + 0x01000000U * (unsigned)i;

	if (p->variant == NOTHINGS)
		return buffer ? 0 : 33 + (unsigned)i;
	if (p->variant != WIDE)
		return buffer ? 5 + (unsigned)i : 33 + (unsigned)i;
	if (buffer && a->size == 8)
		return 0x180000003U + (unsigned)i;
	if (buffer)
		return (a->sign ? 0x40000003U : 0x80000003U) + (unsigned)i;
	if (a->size == 8)
		return half << 32 | half;
	if (a->size == 4)
		return a->sign ? (uint64_t)(int32_t)half : half;
	half = 0x81 + (unsigned)i;
	if (a->size == 2)
		half |= half << 8;
	if (!a->sign)
		return half;
	return a->size == 2 ? (uint64_t)(int16_t)half : (uint64_t)(int8_t)half;
}

/* As much of the buffer as is there. */
static size_t bytes_of(const struct plan *p, const struct arg *a)
{
	size_t elem = (size_t)a->elem[cpu], n = elem;

	if (a->len) {
		n = p->frame.v[a->len - 1];
		if (!a->len_bytes && n <= MEM_SIZE)
			n *= elem;
	} else if (a->count) {
		n *= (size_t)a->count;
	}
	return n < MEM_SIZE ? n : MEM_SIZE;
}

static void plan_buffer(struct plan *p, int i, enum language language)
{
	const struct arg *a = &p->call->args[i];
	struct wanted *w = &p->args[i];
	bool null = a->nullable && p->variant == NOTHINGS;

	w->n = null ? 0 : bytes_of(p, a);
	w->look = a->kind == PAIR ? PAIR_OF : POINTS_TO;
	w->value = a->kind == PAIR ? (uint64_t)a->value : 0;
	if (!null)
		p->frame.present |= 1U << i;
	if (a->kind == BUFFER && null && !(a->slice && language == GO))
		w->look = REGISTER;
	else if (a->kind == BUFFER && !w->n)
		w->look = SOME_POINTER;
	memcpy(w->bytes, p->frame.mem[i], w->n);
	if (a->dir == IN)
		return;
	w->nr_given = w->n;
	for (size_t j = 0; j < w->n; j++)
		w->given[j] = p->after[i][j] = plan_byte(i, j, true);
}

/* "B-name", so that no two strings of a call are alike. */
static void plan_string(struct plan *p, int i, enum language language)
{
	char text[] = "A-name\0more";
	size_t n = p->variant == INNER_NUL ? sizeof(text) - 1 : strlen(text);

	text[0] = (char)('A' + i);
	p->frame.present |= 1U << i;
	p->frame.v[i] = n;
	set_memory(p, i, text, n + 1);
	want_bytes(p, i, text, strlen(text) + 1);
	if (p->variant == INNER_NUL && language == GO &&
	    !p->call->args[i].unchecked)
		p->no_call = true;
}

static void plan_argument(struct plan *p, int i, enum language language)
{
	const struct arg *a = &p->call->args[i];

	switch (a->kind) {
	case CONSTANT:
		want_value(p, i, (uint64_t)a->value);
		return;
	case STRING:
		plan_string(p, i, language);
		return;
	case BUFFER:
	case PAIR:
		plan_buffer(p, i, language);
		return;
	case VALUE:
		break;
	}
	want_value(p, i, p->frame.v[i]);
	if (language == C)
		return;
	if (a->size_of)
		p->args[i].value =
			(uint64_t)p->call->args[a->size_of - 1].elem[cpu];
	if (a->loose)
		p->args[i].look = LOW_HALF;
}

static void plan_result(struct plan *p, enum language language)
{
	enum returns returns = p->call->returns;

	p->result = p->answer;
	if (language == C)
		return;
	if (!p->ok) {
		p->result = returns == POINTER ? 0 : -1;
		p->error = -p->answer;
	}
	if (p->no_call) {
		p->result = -1;
		p->error = EINVAL;
	}
	if (p->call->go_drops || returns == NORETURN)
		p->result = 0;
	if (returns == INFALLIBLE || returns == NORETURN)
		p->error = 0;
}

static void reorder(struct plan *p)
{
	struct wanted args[MAX_ARGS];

	memcpy(args, p->args, sizeof(args));
	for (int i = 0; i < p->call->nr_args; i++)
		p->args[i] = args[p->call->order[cpu][i]];
}

/* The arguments become those of the call that Go makes. */
static void use_twin(struct plan *p)
{
	struct wanted args[MAX_ARGS];

	memcpy(args, p->args, sizeof(args));
	p->nr = p->call->twin[cpu];
	for (int i = 0; i < p->call->nr_twin; i++) {
		int from = p->call->from[i].arg;

		if (from)
			p->args[i] = args[from - 1];
		else
			want_value(p, i, (uint64_t)p->call->from[i].value);
	}
}

void plan_init(struct plan *p, const struct call *call, enum language language,
	       enum variant variant, int64_t answer)
{
	memset(p, 0, sizeof(*p));
	p->name = language == C ? call->name : call->go;
	p->variant = variant;
	p->call = call;
	p->before = -1;
	p->nr = call->nr[cpu];
	p->answer = answer;
	if (answer == INT64_MAX && call->returns == FD)
		p->answer = INT32_MAX;
	p->ok = answer >= 0 ||
		answer < (language == GO ? GO_FIRST_ERROR : FIRST_ERROR);
	p->frame.hold = variant == HELD;
	for (int i = 0; i < MAX_ARGS; i++)
		for (size_t j = 0; j < MEM_SIZE; j++)
			p->frame.mem[i][j] = p->after[i][j] =
				plan_byte(i, j, false);
	for (int i = 0; i < call->nr_args; i++)
		if (call->args[i].kind == VALUE)
			p->frame.v[i] = poison(p, i);
	for (int i = 0; i < call->nr_args; i++)
		plan_argument(p, i, language);
	plan_result(p, language);
	if (p->no_call)
		memcpy(p->after, p->frame.mem, sizeof(p->after));
	if (call->reordered)
		reorder(p);
	if (call->nr_twin && language == GO)
		use_twin(p);
}
