/* SPDX-License-Identifier: MIT */
/* Memory, growing strings, wrapped comments, nearest names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>

#include "gen.h"

void *xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p) {
		fputs("gen: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *vec_grow(void *v, size_t n, size_t size)
{
	void *grown;

	/* The array is full at 0 and at every power of two. */
	if (n & (n - 1))
		return v;
	grown = xalloc((n ? 2 * n : 1) * size);
	if (n)
		memcpy(grown, v, n * size);
	return grown;
}

char *xstrndup(const char *s, size_t n)
{
	char *copy = xalloc(n + 1);

	memcpy(copy, s, n);
	return copy;
}

void put_bytes(struct buf *b, const char *s, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		size_t cap = 2 * (b->len + n + 1);
		char *grown = xalloc(cap);

		if (b->len)
			memcpy(grown, b->s, b->len);
		b->s = grown;
		b->cap = cap;
	}
	memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

static char *vformat(const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	s = xalloc((size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	return s;
}

char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = vformat(fmt, ap);
	va_end(ap);
	return s;
}

void put(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = vformat(fmt, ap);
	va_end(ap);
	put_bytes(b, s, strlen(s));
}

/* Tabs count as 8 columns. */
static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n = *s == '\t' ? (n | 7) + 1 : n + 1;
	return n;
}

void put_wrapped(struct buf *b, const char *lead, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > 79) {
			put(b, "\n");
			column = 0;
		}
		if (column) {
			put(b, " ");
			column++;
		} else {
			put(b, "%s", lead);
			column = columns(lead);
		}
		put_bytes(b, text, n);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	if (column)
		put(b, "\n");
}

bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Levenshtein's distance, or a large number for long names. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);

	if (strlen(a) >= ARRAY_SIZE(row) || n >= ARRAY_SIZE(row))
		return ARRAY_SIZE(row);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const char *nearest(const char *name, const char *const *names, size_t nr)
{
	const char *best = NULL;
	size_t least = strlen(name) / 2 + 1;

	for (size_t i = 0; i < nr; i++) {
		size_t d = distance(name, names[i]);

		if (d <= least && (!best || d < least)) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

/* sq_thread_idle: SqThreadIdle */
char *camel(const char *name)
{
	char *s = xalloc(strlen(name) + 1), *p = s;
	bool up = true;

	for (; *name; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		*p++ = up ? (char)toupper((unsigned char)*name) : *name;
		up = false;
	}
	return s;
}

char *upper(const char *name)
{
	char *s = xstrndup(name, strlen(name));

	for (char *p = s; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return s;
}
