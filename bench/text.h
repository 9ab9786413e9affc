/* SPDX-License-Identifier: MIT */
/*
 * Lines in and out without libc's stdio, which shim-bench does not have.
 * Include after the program's calls.h.
 */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_MAX 1024

struct text {
	size_t len;
	char s[TEXT_MAX];
};

/* Appends what fits. */
static inline void text_add(struct text *t, const char *s)
{
	while (*s && t->len < sizeof(t->s))
		t->s[t->len++] = *s++;
}

static inline void text_add_number(struct text *t, uint64_t n)
{
	char digits[21];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text_add(t, digits + i);
}

/* Appends hundredths with a decimal point: 1234 is 12.34. */
static inline void text_add_hundredths(struct text *t, uint64_t n)
{
	char cents[4] = { '.', (char)('0' + n / 10 % 10), (char)('0' + n % 10),
			  '\0' };

	text_add_number(t, n / 100);
	text_add(t, cents);
}

/* Fills with spaces up to a column. */
static inline void text_pad(struct text *t, size_t column)
{
	while (t->len < column && t->len < sizeof(t->s))
		t->s[t->len++] = ' ';
}

/* Writes the text and empties it. Returns 0 or -errno. */
static inline long text_flush(struct text *t, int fd)
{
	size_t done = 0;

	while (done < t->len) {
		long n = call_write(fd, t->s + done, t->len - done);

		if (n < 0)
			return n;
		done += (size_t)n;
	}
	t->len = 0;
	return 0;
}

/* Reads digits and moves *s behind them; false when there are none. */
static inline bool parse_number(const char **s, uint64_t *n)
{
	const char *p = *s;

	*n = 0;
	while (*p >= '0' && *p <= '9') {
		if (*n > (UINT64_MAX - 9) / 10)
			return false;
		*n = *n * 10 + (uint64_t)(*p++ - '0');
	}
	if (p == *s)
		return false;
	*s = p;
	return true;
}

/* Moves *s behind a prefix; false when it is not there. */
static inline bool parse_prefix(const char **s, const char *prefix)
{
	const char *p = *s;

	while (*prefix)
		if (*p++ != *prefix++)
			return false;
	*s = p;
	return true;
}

static inline bool text_equal(const char *a, const char *b)
{
	return parse_prefix(&a, b) && !*a;
}

struct lines {
	int fd;
	size_t start, end;
	char s[TEXT_MAX];
};

/*
 * The next line without its newline, good until the next call; NULL at the
 * end, after an error, and for a line that is too long.
 */
static inline char *next_line(struct lines *in)
{
	size_t i = in->start;

	for (;;) {
		long n;

		for (; i < in->end; i++) {
			char *line = in->s + in->start;

			if (in->s[i] != '\n')
				continue;
			in->s[i] = '\0';
			in->start = i + 1;
			return line;
		}
		for (i = 0; in->start + i < in->end; i++)
			in->s[i] = in->s[in->start + i];
		in->start = 0;
		in->end = i;
		if (in->end == sizeof(in->s))
			return NULL;
		n = call_read(in->fd, in->s + in->end, sizeof(in->s) - in->end);
		if (n <= 0)
			return NULL;
		in->end += (size_t)n;
	}
}

#endif
