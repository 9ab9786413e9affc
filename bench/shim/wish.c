/* SPDX-License-Identifier: MIT */
#include "alone.h"

#include "calls.h"

#include "../text.h"

#define QUICK_NS 20000000000
#define DEFAULT_NS 120000000000

static int refuse(const char *text)
{
	struct text out = { 0 };

	text_add(&out, "shim-bench: BENCHTIME=");
	text_add(&out, text);
	text_add(&out, ": write a time as 90s, 2m or 500ms, or quick\n");
	text_flush(&out, 2);
	return -1;
}

static int64_t unit_ns(const char *s)
{
	if (text_equal(s, "ms"))
		return 1000000;
	if (text_equal(s, "s"))
		return 1000000000;
	if (text_equal(s, "m"))
		return 60000000000;
	return 0;
}

static int parse_time(struct wish *wish, const char *text)
{
	const char *s = text;
	uint64_t n;
	int64_t unit;

	if (!*text)
		return 0;
	if (text_equal(text, "quick")) {
		wish->budget_ns = QUICK_NS;
		wish->nr_runs = 6;
		return 0;
	}
	if (!parse_number(&s, &n) || !n || n > 1000000)
		return refuse(text);
	unit = unit_ns(s);
	if (!unit)
		return refuse(text);
	wish->budget_ns = (int64_t)n * unit;
	return 0;
}

int wish_parse(struct wish *wish, char **envp)
{
	wish->budget_ns = DEFAULT_NS;
	wish->nr_runs = 10;
	wish->glob = "*";
	for (; *envp; envp++) {
		const char *value = *envp;

		if (parse_prefix(&value, "BENCH=") && *value)
			wish->glob = value;
		value = *envp;
		if (parse_prefix(&value, "BENCHTIME=") &&
		    parse_time(wish, value))
			return -1;
	}
	return 0;
}
