/* SPDX-License-Identifier: MIT */
/* Lines and words of a specification, and complaints about them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

enum { LINE_MAX_LEN = 500, COMPLAINTS_MAX = 20 };

static int nr_complaints;

static void vcomplain(struct loc at, const char *fmt, va_list ap)
{
	if (++nr_complaints > COMPLAINTS_MAX)
		return;
	fprintf(stderr, "%s:", at.file);
	if (at.line)
		fprintf(stderr, "%d:%d:", at.line, at.col);
	fputc(' ', stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	if (nr_complaints == COMPLAINTS_MAX)
		fputs("gen: further complaints are not shown\n", stderr);
}

void complain(struct loc at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(at, fmt, ap);
	va_end(ap);
}

void complain_name(struct loc at, const char *what, const char *name,
		   const char *const *names, size_t nr)
{
	const char *near = nearest(name, names, nr);
	struct buf list = { 0 };

	if (near) {
		complain(at, "unknown %s \"%s\"; write \"%s\" instead", what,
			 name, near);
		return;
	}
	for (size_t i = 0; i < nr && i < 16; i++)
		put(&list, "%s%s", i ? ", " : "", names[i]);
	if (nr > 16)
		put(&list, ", ...");
	complain(at, "unknown %s \"%s\"; write one of: %s", what, name,
		 nr ? list.s : "(there is none)");
}

int complaints(void)
{
	return nr_complaints;
}

struct loc here(struct cur *c)
{
	while (*c->p == ' ' || *c->p == '\t')
		c->p++;
	return (struct loc){ c->file, c->line, (int)(c->p - c->start) + 1 };
}

/* What no line may hold, with what to write. */
static const char *bad_byte(unsigned char ch)
{
	if (ch == '\0')
		return "a NUL byte; remove it: a specification is plain text";
	if (ch == '\r')
		return "a carriage return; end lines with a line feed alone";
	if (ch >= 0x80)
		return "a byte that is not ASCII; write ASCII";
	if (ch < ' ' && ch != '\t' && ch != '\n')
		return "a control character; remove it";
	return NULL;
}

bool file_valid(const struct file *f)
{
	struct loc at = { f->name, 1, 1 };

	for (size_t i = 0; i < f->len; i++, at.col++) {
		const char *bad = bad_byte((unsigned char)f->text[i]);

		if (bad) {
			complain(at, "%s", bad);
			return false;
		}
		if (at.col > LINE_MAX_LEN) {
			complain(at,
				 "the line is longer than %d characters; write "
				 "several lines",
				 LINE_MAX_LEN);
			return false;
		}
		if (f->text[i] == '\n') {
			at.line++;
			at.col = 0;
		}
	}
	if (f->len && f->text[f->len - 1] != '\n') {
		complain(at, "the file ends within a line; end it with \"end\" "
			     "and a line feed (is it truncated?)");
		return false;
	}
	return true;
}

/* The length of the line without its comment and trailing blanks. */
static size_t code_length(const char *s, size_t n)
{
	bool in_quotes = false;
	size_t end = n;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"')
			in_quotes = !in_quotes;
		if (s[i] == '#' && !in_quotes &&
		    (i == 0 || s[i - 1] == ' ' || s[i - 1] == '\t')) {
			end = i;
			break;
		}
	}
	while (end && (s[end - 1] == ' ' || s[end - 1] == '\t'))
		end--;
	return end;
}

bool next_line(const struct file *f, size_t *pos, int *line, struct cur *c)
{
	while (*pos < f->len) {
		const char *s = f->text + *pos;
		const char *nl = memchr(s, '\n', f->len - *pos);
		size_t n = nl ? (size_t)(nl - s) : f->len - *pos;
		size_t code = code_length(s, n);

		*pos += n + 1;
		++*line;
		if (!code)
			continue;
		c->file = f->name;
		c->line = *line;
		c->start = c->p = xstrndup(s, code);
		c->indented = *s == ' ' || *s == '\t';
		return true;
	}
	return false;
}

bool at_end(struct cur *c)
{
	here(c);
	return *c->p == '\0';
}

const char *word(struct cur *c, struct loc *at)
{
	struct loc begin = here(c);
	size_t n = strcspn(c->p, " \t()[]?,=\"");
	const char *w = xstrndup(c->p, n);

	if (at)
		*at = begin;
	c->p += n;
	return w;
}

bool accept(struct cur *c, char ch)
{
	here(c);
	if (*c->p != ch)
		return false;
	c->p++;
	return true;
}

bool accept_word(struct cur *c, const char *w)
{
	struct cur saved = *c;

	if (strcmp(word(c, NULL), w) == 0)
		return true;
	*c = saved;
	return false;
}

bool expect(struct cur *c, char ch)
{
	struct loc at = here(c);

	if (accept(c, ch))
		return true;
	complain(at, "\"%c\" is missing here; write it", ch);
	return false;
}

const char *quoted(struct cur *c, const char *what)
{
	struct loc at = here(c);
	const char *end, *s;

	if (*c->p != '"' || !(end = strchr(c->p + 1, '"'))) {
		complain(at, "%s is missing; write it in \"quotes\"", what);
		c->p += strlen(c->p);
		return "";
	}
	s = xstrndup(c->p + 1, (size_t)(end - c->p - 1));
	if (!*s)
		complain(at, "%s is empty; write it in \"quotes\"", what);
	c->p = end + 1;
	return s;
}

const char *rest(struct cur *c)
{
	const char *s;

	here(c);
	s = c->p;
	c->p += strlen(c->p);
	return s;
}

void expect_end(struct cur *c)
{
	struct loc at = here(c);

	if (*c->p)
		complain(at, "\"%s\" is one too many; remove it", c->p);
}

/* Decimal, octal, hexadecimal, negative, or N<<M, of at most 64 bits. */
bool parse_int(const char *s, int64_t *value)
{
	bool minus = *s == '-';
	char *end;
	uint64_t u;

	s += minus;
	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	u = strtoull(s, &end, 0);
	if (errno || (minus && u > (uint64_t)INT64_MAX + 1))
		return false;
	if (end[0] == '<' && end[1] == '<' && isdigit((unsigned char)end[2])) {
		unsigned long shift = strtoul(end + 2, &end, 10);

		if (shift > 63 || u << shift >> shift != u)
			return false;
		u <<= shift;
	}
	*value = minus ? (int64_t)(0 - u) : (int64_t)u;
	return *end == '\0';
}

bool parse_count(const char *s, int64_t *count)
{
	return parse_int(s, count) && *count >= 1 && *count <= COUNT_MAX;
}

int version(struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);
	int major, minor, used = 0;

	if (sscanf(w, "%3d.%3d%n", &major, &minor, &used) == 2 && major >= 1 &&
	    minor >= 0 && minor < 256 && (w[used] == '\0' || w[used] == '.'))
		return 256 * major + minor;
	complain(at, "\"%s\" is no kernel version; write one like 5.10", w);
	return 0;
}
