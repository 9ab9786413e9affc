/* SPDX-License-Identifier: MIT */
/*
 * Functions by name in the image of a shared library. Nothing in it is
 * trusted: every address goes through at(), which knows the image's end.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/vdso.h>

#include "elf.h"
#include "elf_impl.h"

enum { DT_HASH = 4, DT_STRTAB = 5, DT_SYMTAB = 6, DT_STRSZ = 10 };
enum {
	DT_GNU_HASH = 0x6ffffef5,
	DT_VERSYM = 0x6ffffff0,
	DT_VERDEF = 0x6ffffffc,
};
enum { SHN_UNDEF = 0, SHN_ABS = 0xfff1 };
enum { STT_NOTYPE = 0, STT_FUNC = 2, STB_GLOBAL = 1, STB_WEAK = 2 };
enum { VER_FLG_BASE = 1, VER_INDEX = 0x7fff };

struct elf_symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
	uint64_t value, size;
};

struct elf_version {
	uint16_t revision, flags, index, nr_names;
	uint32_t hash, names, next;
};

struct elf_version_name {
	uint32_t name, next;
};

struct elf_hash {
	uint32_t nr_buckets, nr_chains;
};

struct elf_gnu_hash {
	uint32_t nr_buckets, first_symbol, nr_filters, shift;
};

/* The tables are addresses as the image has them, 0 for none. */
struct image {
	const char *begin;
	uint64_t size;
	uint64_t address; /* that begin has in the image */
	uint64_t strings, strings_size, symbols, hash, gnu_hash;
	uint64_t symbol_versions, versions;
	unsigned version; /* index of VDSO_VERSION */
};

/* nr elements of a size at address; NULL unless all are in the image. */
static const void *at(const struct image *image, uint64_t address, uint64_t nr,
		      uint64_t size, uint64_t align)
{
	uint64_t offset = address - image->address;

	if (offset > image->size || nr > (image->size - offset) / size)
		return NULL;
	if ((uintptr_t)(image->begin + offset) % align)
		return NULL;
	return image->begin + offset;
}

#define AT(image, address, nr, type) \
	((const type *)at(image, address, nr, sizeof(type), _Alignof(type)))

/* Whether the string number offset is name. */
static int string_is(const struct image *image, uint64_t offset,
		     const char *name)
{
	const char *s;
	uint64_t len = 1;

	while (name[len - 1])
		len++;
	if (offset > image->strings_size || len > image->strings_size - offset)
		return 0;
	s = AT(image, image->strings + offset, len, char);
	for (uint64_t i = 0; s && i < len; i++)
		if (s[i] != name[i])
			return 0;
	return s != NULL;
}

static const struct elf_segment *find_segment(const struct image *image,
					      uint32_t type)
{
	const struct elf_header *elf =
		AT(image, image->address, 1, struct elf_header);
	const struct elf_segment *s;

	if (!elf || elf->phentsize != sizeof(*s))
		return NULL;
	s = AT(image, image->address + elf->phoff, elf->phnum,
	       struct elf_segment);
	for (int i = 0; s && i < elf->phnum; i++)
		if (s[i].type == type)
			return &s[i];
	return NULL;
}

size_t shim_elf_size(const void *begin, size_t size)
{
	const struct image image = { .begin = begin, .size = size };
	const struct elf_segment *load = find_segment(&image, PT_LOAD);

	/* Only what is loaded from the start on is near the header. */
	return load && !load->offset && load->file_size > size
		       ? (size_t)load->file_size
		       : size;
}

static int header_is_ours(const struct image *image)
{
	/* The magic number, 64 bits, little-endian, version 1. */
	static const char ident[] = "\177ELF\2\1\1";
	const struct elf_header *elf = AT(image, 0, 1, struct elf_header);

	for (size_t i = 0; elf && i < sizeof(ident) - 1; i++)
		if (elf->ident[i] != (unsigned char)ident[i])
			return 0;
	return elf && elf->type == ET_DYN && elf->machine == ELF_MACHINE;
}

static void read_dynamic(struct image *image, const struct elf_dynamic *d,
			 uint64_t nr)
{
	for (; nr && d->tag; nr--, d++) {
		switch (d->tag) {
		case DT_STRTAB:
			image->strings = d->value;
			break;
		case DT_STRSZ:
			image->strings_size = d->value;
			break;
		case DT_SYMTAB:
			image->symbols = d->value;
			break;
		case DT_HASH:
			image->hash = d->value;
			break;
		case DT_GNU_HASH:
			image->gnu_hash = d->value;
			break;
		case DT_VERSYM:
			image->symbol_versions = d->value;
			break;
		case DT_VERDEF:
			image->versions = d->value;
			break;
		}
	}
}

/* The index that the symbols of VDSO_VERSION have, or 0. */
static unsigned find_version(const struct image *image)
{
	uint64_t address = image->versions;

	/* Each lies behind the one before, so it ends with the image. */
	for (;;) {
		const struct elf_version *v =
			AT(image, address, 1, struct elf_version);
		const struct elf_version_name *name;

		if (!v)
			return 0;
		name = AT(image, address + v->names, 1,
			  struct elf_version_name);
		if (name && !(v->flags & VER_FLG_BASE) &&
		    string_is(image, name->name, VDSO_VERSION))
			return v->index & VER_INDEX;
		if (!v->next)
			return 0;
		address += v->next;
	}
}

/* Read the headers and find the tables. Returns 0 or -errno. */
static int open_image(struct image *image)
{
	const struct elf_segment *load, *dynamic;
	const struct elf_dynamic *entries;
	uint64_t nr;

	if (!header_is_ours(image))
		return -SHIM_EINVAL;
	load = find_segment(image, PT_LOAD);
	dynamic = find_segment(image, PT_DYNAMIC);
	if (!load || !dynamic)
		return -SHIM_EINVAL;
	image->address = load->addr - load->offset;
	nr = dynamic->size / sizeof(*entries);
	entries = AT(image, dynamic->addr, nr, struct elf_dynamic);
	if (!entries)
		return -SHIM_EINVAL;
	read_dynamic(image, entries, nr);
	if (!image->strings || !image->symbols ||
	    !(image->hash || image->gnu_hash))
		return -SHIM_EINVAL;
	if (!image->symbol_versions || !image->versions)
		return -SHIM_EINVAL;
	image->version = find_version(image);
	return image->version ? 0 : -SHIM_ENOENT;
}

/* The address of symbol number i if it is the function name, else 0. */
static uintptr_t symbol_address(const struct image *image, uint32_t i,
				const char *name)
{
	const struct elf_symbol *s = AT(image, image->symbols + i * sizeof(*s),
					1, struct elf_symbol);
	const uint16_t *version =
		AT(image, image->symbol_versions + i * 2ULL, 1, uint16_t);
	int type, bind;

	if (!s || !version || (*version & VER_INDEX) != image->version)
		return 0;
	type = s->info & 15;
	bind = s->info >> 4;
	if ((type != STT_FUNC && type != STT_NOTYPE) ||
	    (bind != STB_GLOBAL && bind != STB_WEAK) ||
	    s->section == SHN_UNDEF || s->section == SHN_ABS)
		return 0;
	if (!string_is(image, s->name, name))
		return 0;
	return (uintptr_t)AT(image, s->value, 1, char);
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 0;

	for (; *name; name++) {
		h = (h << 4) + (unsigned char)*name;
		h ^= (h >> 24) & 0xf0;
	}
	return h & 0xfffffff;
}

static uintptr_t find_by_hash(const struct image *image, const char *name)
{
	const struct elf_hash *hash =
		AT(image, image->hash, 1, struct elf_hash);
	uint64_t buckets = image->hash + sizeof(*hash);
	const uint32_t *bucket, *chain;
	uintptr_t found;
	uint32_t i;

	if (!hash || !hash->nr_buckets)
		return 0;
	bucket = AT(image, buckets, hash->nr_buckets, uint32_t);
	chain = AT(image, buckets + hash->nr_buckets * 4ULL, hash->nr_chains,
		   uint32_t);
	if (!bucket || !chain)
		return 0;
	i = bucket[hash_of(name) % hash->nr_buckets];
	/* A chain that is longer than there are symbols is a ring. */
	for (uint32_t n = 0; i && i < hash->nr_chains && n < hash->nr_chains;
	     n++, i = chain[i]) {
		found = symbol_address(image, i, name);
		if (found)
			return found;
	}
	return 0;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* The filters before the buckets only save time. */
static uintptr_t find_by_gnu_hash(const struct image *image, const char *name)
{
	const struct elf_gnu_hash *hash =
		AT(image, image->gnu_hash, 1, struct elf_gnu_hash);
	uint32_t h = gnu_hash_of(name);
	uint64_t buckets, chains;
	const uint32_t *bucket, *chain;
	uintptr_t found;

	if (!hash || !hash->nr_buckets)
		return 0;
	buckets = image->gnu_hash + sizeof(*hash) + hash->nr_filters * 8ULL;
	chains = buckets + hash->nr_buckets * 4ULL;
	bucket = AT(image, buckets + h % hash->nr_buckets * 4ULL, 1, uint32_t);
	if (!bucket || *bucket < hash->first_symbol)
		return 0;
	for (uint32_t i = *bucket; i >= *bucket; i++) {
		chain = AT(image, chains + (i - hash->first_symbol) * 4ULL, 1,
			   uint32_t);
		if (!chain)
			return 0;
		found = (*chain | 1) == (h | 1) ? symbol_address(image, i, name)
						: 0;
		if (found || *chain & 1)
			return found;
	}
	return 0;
}

static uintptr_t find(const struct image *image, const char *name)
{
	return image->gnu_hash ? find_by_gnu_hash(image, name)
			       : find_by_hash(image, name);
}

#define FIND(vdso, image, call) \
	((vdso)->call = (__typeof__((vdso)->call))find(image, VDSO_NAME(call)))

int shim_vdso_init_image(struct shim_vdso *vdso, const void *begin, size_t size)
{
	struct image image = { .begin = begin, .size = size };
	int err = open_image(&image), nr = 0;

	*vdso = (struct shim_vdso){ 0 };
	if (err)
		return err;
	nr += FIND(vdso, &image, getrandom) != NULL;
	nr += FIND(vdso, &image, clock_gettime) != NULL;
	nr += FIND(vdso, &image, clock_getres) != NULL;
	nr += FIND(vdso, &image, gettimeofday) != NULL;
	nr += FIND(vdso, &image, time) != NULL;
	nr += FIND(vdso, &image, getcpu) != NULL;
	return nr ? 0 : -SHIM_ENOENT;
}
