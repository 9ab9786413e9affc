/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* The call that is looked at. */
struct view {
	struct watch *w;
	const struct seccomp_notif *call;
	const struct plan *p;
	char *why;
};

static bool differs(const struct view *v, int i, const char *what)
{
	const struct call *call = v->p->call;
	int arg = call->reordered && i < call->nr_args ? call->order[cpu][i]
						       : i;

	snprintf(v->why, WHY_SIZE, "argument %d (%s): %s", i + 1,
		 arg < call->nr_args ? call->args[arg].name : "none", what);
	return false;
}

static bool same_number(const struct view *v, int i, uint64_t got,
			uint64_t want)
{
	char what[80];

	if (got == want)
		return true;
	snprintf(what, sizeof(what), "%#llx, want %#llx",
		 (unsigned long long)got, (unsigned long long)want);
	return differs(v, i, what);
}

/* The n bytes at an address of the caller's. */
static bool same_bytes(const struct view *v, int i, uint64_t at,
		       const unsigned char *want, size_t n)
{
	unsigned char got[MEM_SIZE];
	char what[80];
	size_t j = 0;

	if (watch_read(v->w, v->call, at, got, n)) {
		snprintf(what, sizeof(what), "%zu bytes at %#llx are not there",
			 n, (unsigned long long)at);
		return differs(v, i, what);
	}
	while (j < n && got[j] == want[j])
		j++;
	if (j == n)
		return true;
	snprintf(what, sizeof(what),
		 "byte %zu of %zu behind it is %#x, want "
		 "%#x",
		 j, n, got[j], want[j]);
	return differs(v, i, what);
}

static bool read_words(const struct view *v, uint64_t at, uint64_t *words,
		       size_t n)
{
	return watch_read(v->w, v->call, at, words, n * sizeof(*words)) == 0;
}

/* {pointer, size} */
static bool same_pair(const struct view *v, int i)
{
	const struct wanted *a = &v->p->args[i];
	uint64_t pair[2];

	if (!read_words(v, v->call->data.args[i], pair, 2))
		return differs(v, i, "no pair is there");
	if (!same_number(v, i, pair[1], a->value))
		return false;
	if (!a->n)
		return same_number(v, i, pair[0], 0);
	return same_bytes(v, i, pair[0], a->bytes, a->n);
}

/* 100 bytes, none, and 50: the parts of the memory of arguments 3 and 4. */
static bool same_buffers(const struct view *v, int i)
{
	static const size_t lengths[] = { 100, 0, 50 };
	uint64_t vec[6];

	if (!read_words(v, v->call->data.args[i], vec, 6))
		return differs(v, i, "no three iovecs are there");
	for (int j = 0; j < 3; j++) {
		const unsigned char *want = v->p->frame.mem[j == 0 ? 3 : 4];

		if (!same_number(v, i, vec[2 * j + 1], lengths[j]))
			return false;
		if (!vec[2 * j])
			return differs(v, i, "an iovec has a null pointer");
		if (!same_bytes(v, i, vec[2 * j], want, lengths[j]))
			return false;
	}
	return true;
}

static bool same_strings(const struct view *v, int i)
{
	const struct wanted *a = &v->p->args[i];
	const char *want = (const char *)a->bytes;
	uint64_t list[4];

	if (!read_words(v, v->call->data.args[i], list, a->n + 1))
		return differs(v, i, "no list of strings is there");
	for (size_t j = 0; j < a->n; j++) {
		size_t n = strlen(want) + 1;

		if (!same_bytes(v, i, list[j], (const unsigned char *)want, n))
			return false;
		want += n;
	}
	return same_number(v, i, list[a->n], 0);
}

static bool same_argument(const struct view *v, int i)
{
	const struct wanted *a = &v->p->args[i];
	uint64_t got = v->call->data.args[i];

	switch (a->look) {
	case REGISTER:
		return same_number(v, i, got, a->value);
	case LOW_HALF:
		return same_number(v, i, (uint32_t)got, (uint32_t)a->value);
	case SOME_POINTER:
		return got ? true : differs(v, i, "a null pointer");
	case POINTS_TO:
		return same_bytes(v, i, got, a->bytes, a->n);
	case PAIR_OF:
		return same_pair(v, i);
	case BUFFERS:
		return same_buffers(v, i);
	case STRINGS:
		return same_strings(v, i);
	}
	return false;
}

/* Into the buffers of same_buffers. */
static int give_buffers(const struct view *v, int i)
{
	unsigned char bytes[2][100];
	uint64_t vec[6];
	int err;

	for (size_t j = 0; j < sizeof(bytes[0]); j++) {
		bytes[0][j] = plan_byte(3, j, true);
		bytes[1][j] = plan_byte(4, j, true);
	}
	err = watch_read(v->w, v->call, v->call->data.args[i], vec,
			 sizeof(vec));
	if (!err)
		err = watch_write(v->w, v->call, vec[0], bytes[0], 100);
	return err ? err : watch_write(v->w, v->call, vec[4], bytes[1], 50);
}

static bool give(const struct view *v, int i)
{
	const struct wanted *a = &v->p->args[i];
	int err;

	if (!a->nr_given)
		return true;
	if (a->look == BUFFERS)
		err = give_buffers(v, i);
	else
		err = watch_write(v->w, v->call, v->call->data.args[i],
				  a->given, a->nr_given);
	return err ? differs(v, i, "cannot be written to") : true;
}

bool compare_call(struct watch *w, const struct seccomp_notif *call,
		  const struct plan *p, char *why)
{
	const struct view v = { w, call, p, why };

	if (p->no_call) {
		snprintf(why, WHY_SIZE, "a call is made for such a string");
		return false;
	}
	if (call->data.nr != p->nr) {
		snprintf(why, WHY_SIZE, "call number %d, want %d",
			 call->data.nr, p->nr);
		return false;
	}
	for (int i = 0; i < MAX_ARGS; i++)
		if (!same_argument(&v, i))
			return false;
	for (int i = 0; i < MAX_ARGS; i++)
		if (!give(&v, i))
			return false;
	return true;
}

/* The first byte of the caller's memory that is not as planned. */
static bool same_memory(const struct plan *p, const struct frame *frame,
			char *why)
{
	for (int i = 0; i < MAX_ARGS; i++)
		for (size_t j = 0; j < MEM_SIZE; j++) {
			if (frame->mem[i][j] == p->after[i][j])
				continue;
			snprintf(why, WHY_SIZE,
				 "byte %zu of the caller's memory %d is %#x, "
				 "want %#x",
				 j, i + 1, frame->mem[i][j], p->after[i][j]);
			return false;
		}
	return true;
}

bool compare_result(struct watch *w, const struct seccomp_notif *mark,
		    const struct plan *p, char *why)
{
	int64_t result = (int64_t)mark->data.args[2];
	int64_t error = (int64_t)mark->data.args[3];
	struct frame frame;

	if (error == NO_CASE) {
		snprintf(why, WHY_SIZE, "the caller has no case for it");
		return false;
	}
	if (result != p->result || error != p->error) {
		snprintf(why, WHY_SIZE,
			 "it returns %lld and error %lld, want %lld and %lld",
			 (long long)result, (long long)error,
			 (long long)p->result, (long long)p->error);
		return false;
	}
	if (watch_read(w, mark, mark->data.args[1], &frame, sizeof(frame))) {
		snprintf(why, WHY_SIZE, "the frame cannot be read");
		return false;
	}
	return same_memory(p, &frame, why);
}
