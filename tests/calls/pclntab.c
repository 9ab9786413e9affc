/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "pclntab.h"

/* Since Go 1.20. */
enum { MAGIC = 0xfffffff1 };

struct header {
	uint32_t magic;
	uint8_t zero[2], quantum, pointer_size;
	uint64_t nr_functions, nr_files, unused;
	uint64_t names, units, files, counters, functions;
};

/* An entry: where the function begins, and where the table tells of it. */
struct entry {
	uint32_t begin, at;
};

static const void *part(const unsigned char *table, size_t size, uint64_t at,
			uint64_t n)
{
	return at <= size && n <= size - at ? table + at : NULL;
}

static const char *name_of(const unsigned char *table, size_t size,
			   const struct header *h, const struct entry *e)
{
	/* Of what stands there, the first is the beginning once more. */
	const int32_t *told =
		part(table, size, h->functions + e->at, 2 * sizeof(*told));
	uint64_t at = told ? h->names + (uint32_t)told[1] : size;

	if (at >= size || !memchr(table + at, 0, size - at))
		return "";
	return (const char *)table + at;
}

struct function *pclntab_read(const unsigned char *table, size_t size,
			      size_t *nr)
{
	const struct header *h = part(table, size, 0, sizeof(*h));
	const struct entry *e;
	struct function *found;

	if (!h || h->magic != (uint32_t)MAGIC || h->pointer_size != 8 ||
	    h->nr_functions > size / sizeof(*e))
		return NULL;
	/* The last entry is the end of the text, and of nothing else. */
	e = part(table, size, h->functions,
		 h->nr_functions * sizeof(*e) + sizeof(e->begin));
	if (!e)
		return NULL;
	*nr = h->nr_functions + 1;
	found = calloc(*nr, sizeof(*found));
	if (!found)
		abort();
	for (size_t i = 0; i < *nr; i++)
		found[i] = (struct function){
			e[i].begin,
			i + 1 < *nr ? name_of(table, size, h, &e[i]) : "",
		};
	return found;
}
