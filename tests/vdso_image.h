/* SPDX-License-Identifier: MIT */
/*
 * An image as a linker makes one, as small as can be: a header, one segment,
 * the dynamic table and what it names. Every address is an offset plus ADDRESS.
 */
#ifndef VDSO_IMAGE_H
#define VDSO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "elf.h"

enum { IMAGE_ADDRESS = 0x10000, IMAGE_SYMBOLS = 5, IMAGE_BUCKETS = 2 };
enum { IMAGE_HASH = 1, IMAGE_GNU_HASH = 2 };

/* The symbols by their numbers; number 0 is none. */
enum { SYM_CLOCK_GETTIME = 1, SYM_GETTIMEOFDAY, SYM_CLOCK_GETRES, SYM_OTHER };

struct vdso_image {
	struct {
		uint8_t ident[16];
		uint16_t type, machine;
		uint32_t version;
		uint64_t entry, phoff, shoff;
		uint32_t flags;
		uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	} header;
	struct {
		uint32_t type, flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
	} segments[2];
	struct {
		uint64_t tag, value;
	} dynamic[8];
	struct {
		uint32_t name;
		uint8_t info, other;
		uint16_t section;
		uint64_t value, size;
	} symbols[IMAGE_SYMBOLS];
	struct {
		uint32_t nr_buckets, nr_chains;
		uint32_t buckets[IMAGE_BUCKETS], chains[IMAGE_SYMBOLS];
	} hash;
	struct {
		uint32_t nr_buckets, first, nr_filters, shift;
		uint64_t filters[1];
		uint32_t buckets[1], chains[IMAGE_SYMBOLS - 1];
	} gnu_hash;
	struct {
		uint16_t revision, flags, index, nr_names;
		uint32_t hash, names, next;
		uint32_t name, next_name;
	} versions[2];
	uint16_t symbol_versions[IMAGE_SYMBOLS];
	char strings[128];
	uint8_t code[16];
};

static inline uint64_t image_add_string(struct vdso_image *im, size_t *end,
					const char *s)
{
	size_t begin = *end;

	do
		im->strings[(*end)++] = *s;
	while (*s++);
	return begin;
}

static inline uint32_t image_hash(const char *s)
{
	uint64_t h = 0, high;

	for (; *s; s++) {
		h = ((h << 4) + (uint8_t)*s) & 0xffffffff;
		high = h & 0xf0000000;
		if (high)
			h ^= high >> 24;
		h &= ~high;
	}
	return (uint32_t)h;
}

static inline uint32_t image_gnu_hash(const char *s)
{
	uint32_t h = 5381;

	for (; *s; s++)
		h = (h << 5) + h + (uint8_t)*s;
	return h;
}

#define IMAGE_AT(field) (IMAGE_ADDRESS + offsetof(struct vdso_image, field))

static inline void image_add_symbol(struct vdso_image *im, uint32_t i,
				    const char *name, size_t *end)
{
	uint32_t *bucket = &im->hash.buckets[image_hash(name) % IMAGE_BUCKETS];

	im->symbols[i].name = (uint32_t)image_add_string(im, end, name);
	im->symbols[i].info = 1 << 4 | 2; /* global, a function */
	im->symbols[i].section = 1;
	im->symbols[i].value = IMAGE_AT(code) + i;
	im->symbol_versions[i] = 2;
	im->hash.chains[i] = *bucket;
	*bucket = i;
	/* The last of a chain is odd. */
	im->gnu_hash.chains[i - 1] = (image_gnu_hash(name) & ~1U) |
				     (i == IMAGE_SYMBOLS - 1);
}

static inline void image_add_tables(struct vdso_image *im, int hashes)
{
	const struct {
		uint64_t tag, value;
	} tables[] = {
		{ 5, IMAGE_AT(strings) },
		{ 10, sizeof(im->strings) },
		{ 6, IMAGE_AT(symbols) },
		{ 0x6ffffff0, IMAGE_AT(symbol_versions) },
		{ 0x6ffffffc, IMAGE_AT(versions) },
		{ hashes & IMAGE_HASH ? 4 : 21, IMAGE_AT(hash) },
		{ hashes & IMAGE_GNU_HASH ? 0x6ffffef5 : 21,
		  IMAGE_AT(gnu_hash) },
	};

	/* 21 is DT_DEBUG, which means nothing here. */
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		im->dynamic[i].tag = tables[i].tag;
		im->dynamic[i].value = tables[i].value;
	}
}

static inline void image_add_headers(struct vdso_image *im)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	for (size_t i = 0; i < sizeof(ident); i++)
		im->header.ident[i] = ident[i];
	im->header.type = 3;
	im->header.machine = ELF_MACHINE;
	im->header.phoff = offsetof(struct vdso_image, segments);
	im->header.phentsize = sizeof(im->segments[0]);
	im->header.phnum = 2;
	im->segments[0].type = 1;
	im->segments[0].vaddr = IMAGE_ADDRESS;
	im->segments[0].filesz = im->segments[0].memsz = sizeof(*im);
	im->segments[1].type = 2;
	im->segments[1].offset = offsetof(struct vdso_image, dynamic);
	im->segments[1].vaddr = IMAGE_AT(dynamic);
	im->segments[1].filesz = sizeof(im->dynamic);
	im->segments[1].memsz = sizeof(im->dynamic);
}

/* The name of the library itself, and the version of its functions. */
static inline void image_add_versions(struct vdso_image *im, size_t *end)
{
	for (uint16_t i = 0; i < 2; i++) {
		im->versions[i].revision = 1;
		im->versions[i].flags = i ? 0 : 1;
		im->versions[i].index = (uint16_t)(i + 1);
		im->versions[i].nr_names = 1;
		im->versions[i].names = 20;
		im->versions[i].next = i ? 0 : sizeof(im->versions[0]);
		im->versions[i].name =
			(uint32_t)image_add_string(im, end, VDSO_VERSION);
	}
}

static inline void image_make(struct vdso_image *im, int hashes)
{
	size_t end = 1;

	*im = (struct vdso_image){ 0 };
	im->hash.nr_buckets = IMAGE_BUCKETS;
	im->hash.nr_chains = IMAGE_SYMBOLS;
	im->gnu_hash.nr_buckets = 1;
	im->gnu_hash.first = 1;
	im->gnu_hash.nr_filters = 1;
	im->gnu_hash.filters[0] = UINT64_MAX;
	im->gnu_hash.buckets[0] = 1;
	image_add_headers(im);
	image_add_tables(im, hashes);
	image_add_symbol(im, SYM_CLOCK_GETTIME, VDSO_NAME(clock_gettime), &end);
	image_add_symbol(im, SYM_GETTIMEOFDAY, VDSO_NAME(gettimeofday), &end);
	image_add_symbol(im, SYM_CLOCK_GETRES, VDSO_NAME(clock_getres), &end);
	image_add_symbol(im, SYM_OTHER, "other", &end);
	image_add_versions(im, &end);
}

#endif
