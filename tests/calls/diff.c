/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "diff.h"

/* More differences are not aligned: the memory for them grows as the square. */
enum { MOST_EDITS = 3000 };

typedef bool match(const struct record *a, const struct record *b);

/* Pairs of equal records in order, as b's index for each of a; -1 for none. */
struct aligner {
	const struct sequence *a, *b;
	match *same;
	long *pair;
	/* How far in a each diagonal has come, after 0, 1, 2... edits. */
	long **reached;
};

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static long slide(const struct aligner *x, long i, long k)
{
	while (i < (long)x->a->n && i - k < (long)x->b->n &&
	       x->same(x->a->v[i], x->b->v[i - k]))
		i++;
	return i;
}

/* Where diagonal k goes on after d - 1 edits: beside, or below. */
static long step(const long *before, long d, long k, bool *down)
{
	if (d == 0)
		return 0;
	*down = k == -d || (k != d && before[k - 1] < before[k + 1]);
	return *down ? before[k + 1] : before[k - 1] + 1;
}

/*
 * Myers' algorithm: the furthest point of every diagonal with d edits comes
 * from those with d - 1. Returns the number of edits, or MOST_EDITS with the
 * diagonal that has come furthest.
 */
static long search(struct aligner *x, long *diagonal)
{
	long n = (long)x->a->n, m = (long)x->b->n;
	bool down;

	for (long d = 0;; d++) {
		long *row = need(calloc((size_t)(2 * d + 3), sizeof(*row)));
		long best = -1;

		x->reached[d] = row + d + 1;
		for (long k = -d; k <= d; k += 2) {
			long *before = d ? x->reached[d - 1] : NULL;
			long i = step(before, d, k, &down);

			i = slide(x, i, k);
			x->reached[d][k] = i;
			/* Beyond an edge there is nothing. */
			if (i <= n && i - k <= m && 2 * i - k > best) {
				best = 2 * i - k;
				*diagonal = k;
			}
		}
		if (best == n + m || d == MOST_EDITS)
			return d;
	}
}

/* Go back from the end and note what was equal. */
static void trace(struct aligner *x, long d, long k)
{
	long i = x->reached[d][k];
	bool down = false;

	for (;; d--) {
		long begin = step(d ? x->reached[d - 1] : NULL, d, k, &down);

		for (; i > begin; i--)
			x->pair[i - 1] = i - 1 - k;
		if (!d)
			return;
		k += down ? 1 : -1;
		i = down ? begin : begin - 1;
	}
}

static long *align(const struct sequence *a, const struct sequence *b,
		   match *same)
{
	struct aligner x = { .a = a, .b = b, .same = same };
	long d, k = 0;

	x.pair = need(malloc((a->n + 1) * sizeof(*x.pair)));
	for (size_t i = 0; i < a->n; i++)
		x.pair[i] = -1;
	x.reached = need(calloc(MOST_EDITS + 1, sizeof(*x.reached)));
	d = search(&x, &k);
	trace(&x, d, k);
	for (long i = 0; i <= d; i++)
		free(x.reached[i] - i - 1);
	free(x.reached);
	return x.pair;
}

static bool same_name(const struct record *a, const struct record *b)
{
	return strcmp(a->name, b->name) == 0;
}

static void put_call(struct report *report, const char *mark,
		     const struct record *r)
{
	fprintf(report->to, "%s ", mark);
	record_print(r, report->to);
	putc('\n', report->to);
}

/* A call that only one of them makes. */
static void put_single(struct report *report, const char *mark,
		       const struct record *r)
{
	put_call(report, mark, r);
	report->differ++;
}

static void put_bytes(FILE *to, const struct value *a, const struct value *b)
{
	size_t i = 0, n = a->n < b->n ? a->n : b->n;

	while (i < n && a->bytes[i] == b->bytes[i])
		i++;
	if (i == n)
		fprintf(to, "%zu and %zu bytes", a->n, b->n);
	else
		fprintf(to, "byte %zu is 0x%02x and 0x%02x", i, a->bytes[i],
			b->bytes[i]);
}

static bool is_hex(const struct value *v)
{
	return v->is_number && strncmp(v->shown, "0x", 2) == 0;
}

static void put_bits(FILE *to, const struct record *r, int i, const char *who,
		     uint64_t bits)
{
	if (!bits)
		return;
	fprintf(to, "; only the %s has ", who);
	bits_print(to, r->name, r->spec ? r->spec->args[i].name : "", bits);
}

static void put_argument(FILE *to, const struct record *r,
			 const struct record *s, int i)
{
	const struct value *a = &r->args[i], *b = &s->args[i];

	fprintf(to, "    %s: ", r->spec ? r->spec->args[i].name : "argument");
	if (a->bytes && b->bytes &&
	    (*a->shown == '{' || strcmp(a->shown, b->shown) == 0))
		put_bytes(to, a, b);
	else
		fprintf(to, "%s and %s", a->shown, b->shown);
	if (is_hex(a) && is_hex(b)) {
		put_bits(to, r, i, "first", a->number & ~b->number);
		put_bits(to, r, i, "second", b->number & ~a->number);
	}
	putc('\n', to);
}

static void put_pair(struct report *report, const struct record *a,
		     const struct record *b)
{
	put_call(report, "-", a);
	put_call(report, "+", b);
	report->differ++;
	for (int i = 0; i < a->nr_args && i < b->nr_args; i++)
		if (!values_same(&a->args[i], &b->args[i]))
			put_argument(report->to, a, b, i);
}

/* Calls between two that are the same: those of one name belong together. */
static void put_gap(struct report *report, const struct sequence *a,
		    const struct sequence *b)
{
	long *pair = align(a, b, same_name);
	size_t j = 0;

	for (size_t i = 0; i < a->n; i++) {
		for (; pair[i] >= 0 && j < (size_t)pair[i]; j++)
			put_single(report, "+", b->v[j]);
		if (pair[i] < 0) {
			put_single(report, "-", a->v[i]);
			continue;
		}
		put_pair(report, a->v[i], b->v[j]);
		j++;
	}
	for (; j < b->n; j++)
		put_single(report, "+", b->v[j]);
	free(pair);
}

static struct sequence part(const struct sequence *s, size_t from, size_t to)
{
	return (struct sequence){ s->v + from, to - from };
}

void diff_calls(struct report *report, const struct sequence *a,
		const struct sequence *b, const char *title)
{
	long *pair = align(a, b, records_same);
	size_t i = 0, j = 0;

	for (size_t end = 0; end <= a->n; end++) {
		size_t to = end < a->n ? (size_t)pair[end] : b->n;
		struct sequence gap_a, gap_b;

		if (end < a->n && pair[end] < 0)
			continue;
		gap_a = part(a, i, end);
		gap_b = part(b, j, to);
		if ((gap_a.n || gap_b.n) && !report->titled) {
			fputs(title, report->to);
			report->titled = true;
		}
		put_gap(report, &gap_a, &gap_b);
		report->same += end < a->n;
		i = end + 1;
		j = to + 1;
	}
	free(pair);
}
