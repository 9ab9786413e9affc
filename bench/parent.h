/* SPDX-License-Identifier: MIT */
/*
 * A parent with much memory: what a Spawn row's process has touched, so that
 * fork would have it to copy. It stays from sample to sample of rows that want
 * the same. Include after the program's calls.h.
 */
#ifndef BENCH_PARENT_H
#define BENCH_PARENT_H

#include "row.h"
#include "text.h"

#define PARENT_PAGE 4096

/* kB that can be had without swapping; 0 when the kernel does not say. */
static inline uint64_t available_kb(void)
{
	static struct lines in;
	uint64_t kb = 0;
	const char *line;
	long fd = call_open("/proc/meminfo", false);

	if (fd < 0)
		return 0;
	in = (struct lines){ .fd = (int)fd };
	while ((line = next_line(&in))) {
		if (!parse_prefix(&line, "MemAvailable:"))
			continue;
		while (*line == ' ')
			line++;
		parse_number(&line, &kb);
		break;
	}
	call_close((int)fd);
	return kb;
}

/* Of pages that fork copies. Returns 0, ROW_SKIP or -errno. */
static inline int touch_memory(struct sample *sample, size_t size,
			       char **memory)
{
	const uint64_t kb = available_kb();

	/* Each program of the driver has as much, and something else. */
	if (kb && kb < size / 1024 * 4)
		return row_skip(sample, "too little memory for its parent",
				-12);
	*memory = call_mmap(size);
	if (!*memory)
		return row_skip(sample, "no memory for its parent", -12);
	for (size_t i = 0; i < size; i += PARENT_PAGE)
		((volatile char *)*memory)[i] = 1;
	return 0;
}

/* Runs the row in a process that has touched what the row says, or nothing. */
static inline int run_row(const struct row *row, struct sample *sample)
{
	static char *memory;
	static size_t held;
	const size_t size = (size_t)row->parent_mib << 20;
	int err;

	if (size != held) {
		if (held)
			call_munmap(memory, held);
		held = 0;
		err = size ? touch_memory(sample, size, &memory) : 0;
		if (err)
			return err;
		held = size;
	}
	return row->run(row, sample);
}

#endif
