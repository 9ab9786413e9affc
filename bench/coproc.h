/* SPDX-License-Identifier: MIT */
/*
 * The co-process side of the driver's protocol. A line in, one line out:
 *
 *   info              compiler TEXT
 *   rows              row NAME ... for each row, then end
 *   run NS NAME       measure for so long
 *   ops N NAME        make exactly N operations
 *
 * A row answers `ok OPS NS [KEY=N ...]`, `skip REASON` or `fail REASON`; a
 * server says `port N` first, and answers when its clients have left. The
 * keys are cpu, p50, p99 (ns) and calls. The end of the input ends the
 * co-process. Include after the program's calls.h.
 */
#ifndef BENCH_COPROC_H
#define BENCH_COPROC_H

#include "parent.h"
#include "row.h"
#include "text.h"

#ifdef __clang__
#define BENCH_COMPILER "clang " __clang_version__
#else
#define BENCH_COMPILER "gcc " __VERSION__
#endif

#ifndef BENCH_WITH
#define BENCH_WITH ""
#endif

static inline void answer_rows(void)
{
	struct text out = { 0 };

	for (size_t i = 0; i < bench_nr_rows; i++) {
		text_add(&out, "row ");
		text_add(&out, bench_rows[i].name);
		text_add(&out, "\n");
		text_flush(&out, 1);
	}
	text_add(&out, "end\n");
	text_flush(&out, 1);
}

static inline void add_key(struct text *out, const char *key, uint64_t value)
{
	if (!value)
		return;
	text_add(out, key);
	text_add_number(out, value);
}

/* The line that says what came of a sample. */
static inline void add_result(struct text *out, const struct sample *sample,
			      int result)
{
	if (result) {
		text_add(out, result == ROW_SKIP ? "skip " : "fail ");
		text_add(out, sample->reason ? sample->reason : "no reason");
		if (sample->err) {
			text_add(out, ": errno ");
			text_add_number(out, (uint64_t)sample->err);
		}
	} else {
		text_add(out, "ok ");
		text_add_number(out, sample->nr_ops);
		text_add(out, " ");
		text_add_number(out, (uint64_t)sample->elapsed_ns);
		add_key(out, " cpu=", (uint64_t)sample->cpu_ns);
		add_key(out, " p50=", sample->p50_ns);
		add_key(out, " p99=", sample->p99_ns);
		add_key(out, " calls=", sample->nr_calls);
	}
	text_add(out, "\n");
}

static inline const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < bench_nr_rows; i++)
		if (text_equal(bench_rows[i].name, name))
			return &bench_rows[i];
	return NULL;
}

static inline int announce_port(struct sample *sample, unsigned port)
{
	struct text out = { 0 };

	(void)sample;
	text_add(&out, "port ");
	text_add_number(&out, port);
	text_add(&out, "\n");
	return (int)text_flush(&out, 1);
}

/* NUMBER NAME, after the command. */
static inline void answer_sample(const char *args, bool timed)
{
	struct sample sample = { .announce = announce_port };
	struct text out = { 0 };
	const struct row *row;
	uint64_t n;
	int result;

	if (!parse_number(&args, &n) || !n || n > INT64_MAX ||
	    !parse_prefix(&args, " ")) {
		text_add(&out, "fail the number is missing\n");
	} else if (!(row = find_row(args))) {
		text_add(&out, "fail no such row\n");
	} else {
		if (timed)
			sample.budget_ns = (int64_t)n;
		else
			sample.nr_ops = n;
		sample.nr_calls = call_count();
		result = run_row(row, &sample);
		sample.nr_calls =
			row->calls_unknown ? 0 : call_count() - sample.nr_calls;
		add_result(&out, &sample, result);
	}
	text_flush(&out, 1);
}

/*
 * Serves the driver until its end. more handles a program's own commands and
 * returns false for an unknown one; it may be NULL.
 */
static inline void serve_driver(bool (*more)(const char *line))
{
	static struct lines in;
	struct text out = { 0 };
	const char *line;

	while ((line = next_line(&in))) {
		const char *args = line;

		if (text_equal(line, "info")) {
			text_add(&out,
				 "compiler " BENCH_COMPILER BENCH_WITH "\n");
		} else if (text_equal(line, "rows")) {
			answer_rows();
		} else if (parse_prefix(&args, "run ")) {
			answer_sample(args, true);
		} else if (parse_prefix(&args, "ops ")) {
			answer_sample(args, false);
		} else if (!more || !more(line)) {
			text_add(&out, "fail unknown command\n");
		}
		text_flush(&out, 1);
	}
}

#endif
