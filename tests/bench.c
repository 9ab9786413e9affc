/* SPDX-License-Identifier: MIT */
/* What shim-bench and rivals are made of; bench/ has the Go side's tests. */
#include "check.h"
#include "zglob_tab.h"

#include "../bench/shim/calls.h"

#include "../bench/glob.h"
#include "../bench/histogram.h"
#include "../bench/row.h"
#include "../bench/text.h"

static void a_pattern_matches_the_whole_name(void)
{
	for (size_t i = 0; i < sizeof(glob_cases) / sizeof(*glob_cases); i++) {
		const struct glob_cases *c = &glob_cases[i];

		check_case(c->pattern);
		CHECK_EQ(glob_match(c->pattern, c->name), c->matches);
	}
}

static void buckets_are_exact_below_32_and_within_3_percent_above(void)
{
	for (uint64_t v = 0; v < 32; v++)
		CHECK_EQ(histogram_floor(histogram_bucket(v)), v);
	for (unsigned shift = 5; shift < 64; shift++) {
		uint64_t v =
			(UINT64_C(1) << shift) + (UINT64_C(1) << shift) / 3;
		uint64_t floor = histogram_floor(histogram_bucket(v));

		CHECK(floor <= v && v - floor <= v / 32);
	}
	CHECK(histogram_bucket(UINT64_MAX) < HISTOGRAM_NR);
}

static void buckets_are_in_order_without_a_gap(void)
{
	for (unsigned i = 0; i + 1 < HISTOGRAM_NR; i++) {
		uint64_t last = histogram_floor(i + 1) - 1;

		CHECK_EQ(histogram_bucket(histogram_floor(i)), i);
		CHECK_EQ(histogram_bucket(last), i);
	}
}

static void percentiles_are_those_of_the_values(void)
{
	static struct histogram h;

	CHECK_EQ(histogram_percentile(&h, 50), 0);
	for (uint64_t v = 1; v <= 20; v++)
		histogram_add(&h, v);
	CHECK_EQ(histogram_percentile(&h, 50), 10);
	CHECK_EQ(histogram_percentile(&h, 99), 20);
	CHECK_EQ(histogram_percentile(&h, 100), 20);
	CHECK_EQ(histogram_percentile(&h, 1), 1);
}

static void numbers_become_text(void)
{
	struct text t = { 0 };

	text_add_number(&t, 0);
	text_add(&t, " ");
	text_add_number(&t, UINT64_MAX);
	text_add(&t, " ");
	text_add_hundredths(&t, 1205);
	text_add(&t, " ");
	text_add_hundredths(&t, 7);
	CHECK(text_equal(t.s, "0 18446744073709551615 12.05 0.07"));
}

static void text_that_does_not_fit_is_cut(void)
{
	static struct text t;

	for (int i = 0; i < TEXT_MAX; i++)
		text_add(&t, "ab");
	CHECK_EQ(t.len, TEXT_MAX);
	text_pad(&t, TEXT_MAX + 10);
	CHECK_EQ(t.len, TEXT_MAX);
}

static void numbers_are_read_up_to_the_largest(void)
{
	const char *s = "17 x";
	uint64_t n;

	CHECK(parse_number(&s, &n) && n == 17 && text_equal(s, " x"));
	CHECK(!parse_number(&s, &n));
	s = "99999999999999999999";
	CHECK(!parse_number(&s, &n));
	s = "-1";
	CHECK(!parse_number(&s, &n));
}

static void lines_arrive_whole_however_they_were_written(void)
{
	static struct lines in;
	int fds[2];

	CHECK_FATAL(!shim_pipe2(fds, SHIM_O_CLOEXEC));
	in.fd = fds[0];
	shim_write(fds[1], "one\ntwo\nth", 10);
	CHECK(text_equal(next_line(&in), "one"));
	CHECK(text_equal(next_line(&in), "two"));
	shim_write(fds[1], "ree\n\nlost", 9);
	shim_close(fds[1]);
	CHECK(text_equal(next_line(&in), "three"));
	CHECK(text_equal(next_line(&in), ""));
	CHECK(!next_line(&in));
	shim_close(fds[0]);
}

static void a_line_that_is_too_long_ends_the_input(void)
{
	static struct lines in;
	static char s[TEXT_MAX + 1];
	int fds[2];

	CHECK_FATAL(!shim_pipe2(fds, SHIM_O_CLOEXEC));
	in.fd = fds[0];
	CHECK_EQ(shim_write(fds[1], s, sizeof(s)), sizeof(s));
	CHECK(!next_line(&in));
	shim_close(fds[0]);
	shim_close(fds[1]);
}

static int count_batch(void *arg, uint64_t nr_ops)
{
	*(uint64_t *)arg += nr_ops;
	return 0;
}

static void a_sample_of_operations_makes_exactly_these(void)
{
	struct sample sample = { .nr_ops = 12345 };
	uint64_t made = 0;

	CHECK_EQ(measure(&sample, count_batch, &made), 0);
	CHECK_EQ(made, 12345);
	CHECK_EQ(sample.nr_ops, 12345);
}

static int call_batch(void *arg, uint64_t nr_ops)
{
	for (uint64_t i = 0; i < nr_ops; i++)
		call_getppid();
	return count_batch(arg, nr_ops);
}

static void a_sample_of_time_keeps_to_it(void)
{
	struct sample sample = { .budget_ns = 4000000 };
	uint64_t made = 0;

	CHECK_EQ(measure(&sample, call_batch, &made), 0);
	/* The warm-up counts for the time, not for the result. */
	CHECK(sample.nr_ops > 0 && sample.nr_ops < made);
	CHECK(sample.elapsed_ns > 0);
}

static int failing_batch(void *arg, uint64_t nr_ops)
{
	(void)arg;
	return nr_ops > 4 ? -SHIM_EPIPE : 0;
}

static void a_failure_ends_the_sample_with_its_reason(void)
{
	struct sample sample = { .budget_ns = 1000000000 };

	CHECK_EQ(measure(&sample, failing_batch, NULL), -SHIM_EPIPE);
	CHECK_EQ(sample.err, SHIM_EPIPE);
	CHECK(sample.reason != NULL);
	CHECK_EQ(row_fail(&sample, "an end that is no error", 0), -SHIM_EIO);
	CHECK_EQ(row_skip(&sample, "not here", -SHIM_EINVAL), ROW_SKIP);
}

static const struct check_test bench_tests[] = {
	{ "a_pattern_matches_the_whole_name",
	  a_pattern_matches_the_whole_name },
	{ "buckets_are_exact_below_32_and_within_3_percent_above",
	  buckets_are_exact_below_32_and_within_3_percent_above },
	{ "buckets_are_in_order_without_a_gap",
	  buckets_are_in_order_without_a_gap },
	{ "percentiles_are_those_of_the_values",
	  percentiles_are_those_of_the_values },
	{ "numbers_become_text", numbers_become_text },
	{ "text_that_does_not_fit_is_cut", text_that_does_not_fit_is_cut },
	{ "numbers_are_read_up_to_the_largest",
	  numbers_are_read_up_to_the_largest },
	{ "lines_arrive_whole_however_they_were_written",
	  lines_arrive_whole_however_they_were_written },
	{ "a_line_that_is_too_long_ends_the_input",
	  a_line_that_is_too_long_ends_the_input },
	{ "a_sample_of_operations_makes_exactly_these",
	  a_sample_of_operations_makes_exactly_these },
	{ "a_sample_of_time_keeps_to_it", a_sample_of_time_keeps_to_it },
	{ "a_failure_ends_the_sample_with_its_reason",
	  a_failure_ends_the_sample_with_its_reason },
};

CHECK_MAIN(bench, bench_tests)
