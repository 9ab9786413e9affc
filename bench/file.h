/* SPDX-License-Identifier: MIT */
/*
 * The file that the rows read: descriptor 3, made by the driver, already
 * without a name, so that nobody can leave it behind. Each block begins with
 * its offset. Include after the program's calls.h.
 */
#ifndef BENCH_FILE_H
#define BENCH_FILE_H

#include "row.h"

#define FILE_BLOCK 4096
#define TEST_FILE_PATH "/proc/self/fd/3"

struct test_file {
	int fd;
	uint64_t nr_blocks;
	uint64_t random;
};

/* Opens the file anew, for O_DIRECT belongs to an open file. */
static inline int test_file_open(struct test_file *file, const struct row *row,
				 struct sample *sample)
{
	long fd = call_open(TEST_FILE_PATH, row->direct);
	int64_t size;

	if (fd < 0 && row->direct)
		return row_skip(sample, "the file system refuses O_DIRECT", fd);
	if (fd < 0)
		return row_fail(sample, "open " TEST_FILE_PATH, fd);
	size = call_file_size((int)fd);
	if (size < FILE_BLOCK) {
		call_close((int)fd);
		return row_fail(sample, "descriptor 3 is no test file", -22);
	}
	file->fd = (int)fd;
	file->nr_blocks = (uint64_t)size / FILE_BLOCK;
	file->random = 88172645463325252;
	return 0;
}

/* The next of the same random offsets for every rival (xorshift64). */
static inline int64_t test_file_offset(struct test_file *file)
{
	uint64_t x = file->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	file->random = x;
	return (int64_t)((x >> 32) * file->nr_blocks >> 32) * FILE_BLOCK;
}

/* Whether a read gave the whole block of that offset. Returns 0 or -errno. */
static inline int test_file_check(const char *buf, long result, int64_t offset)
{
	if (result != FILE_BLOCK)
		return wrong_result(result, FILE_BLOCK);
	return *(const int64_t *)(const void *)buf == offset ? 0 : -5;
}

#endif
