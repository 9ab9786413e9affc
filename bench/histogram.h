/* SPDX-License-Identifier: MIT */
/*
 * A histogram of times in integers: log2-linear buckets, 32 for each power of
 * two, so that a percentile is exact below 32 ns and within 3 % above.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 5
#define HISTOGRAM_LINEAR (1u << HISTOGRAM_BITS)
#define HISTOGRAM_NR ((64u - HISTOGRAM_BITS + 1) * HISTOGRAM_LINEAR)

struct histogram {
	uint64_t total;
	uint64_t count[HISTOGRAM_NR];
};

static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_LINEAR)
		return (unsigned)value;
	shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
	return shift * HISTOGRAM_LINEAR + (unsigned)(value >> shift);
}

/* The smallest value of a bucket. */
static inline uint64_t histogram_floor(unsigned bucket)
{
	unsigned shift = bucket / HISTOGRAM_LINEAR;

	if (!shift)
		return bucket;
	shift--;
	return (uint64_t)(bucket - shift * HISTOGRAM_LINEAR) << shift;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	h->count[histogram_bucket(value)]++;
	h->total++;
}

/* The value that so many of a hundred do not exceed; 0 when empty. */
static inline uint64_t histogram_percentile(const struct histogram *h,
					    unsigned percent)
{
	uint64_t rank = (h->total * percent + 99) / 100;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_NR && h->total; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return histogram_floor(i);
	}
	return 0;
}

#endif
