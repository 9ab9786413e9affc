/* SPDX-License-Identifier: MIT */
/*
 * What a program without libc does before main and after it. In a static PIE
 * nobody else adds the load address to the pointers in its data, so nothing
 * here uses one before relocate() has run.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "elf.h"
#include "elf_impl.h"

enum { PT_GNU_RELRO = 0x6474e552 };
enum { DT_RELA = 7, DT_RELASZ = 8, DT_RELRSZ = 35, DT_RELR = 36, DT_NR = 37 };
enum { AT_PAGESZ = 6 };

struct elf_rela {
	uint64_t offset, info;
	int64_t addend;
};

int main(int argc, char **argv, char **envp);
__attribute__((noreturn, visibility("hidden"))) void shim_start(long *sp);

/*
 * From the linker: the file's header, where it is loaded. Not weak: then its
 * address would be read from a table that is not relocated yet.
 */
extern const struct elf_header __ehdr_start
	__attribute__((visibility("hidden")));

static const struct elf_segment *find_segment(const struct elf_header *elf,
					      uint32_t type)
{
	const char *p = (const char *)elf + elf->phoff;

	for (int i = 0; i < elf->phnum; i++, p += elf->phentsize) {
		const struct elf_segment *s = (const void *)p;

		if (s->type == type)
			return s;
	}
	return NULL;
}

static void relocate_rela(uintptr_t base, const struct elf_rela *rela,
			  uint64_t size)
{
	for (uint64_t i = 0; i < size / sizeof(*rela); i++)
		if ((uint32_t)rela[i].info == R_RELATIVE)
			*(uint64_t *)(base + rela[i].offset) =
				base + (uint64_t)rela[i].addend;
}

/*
 * The packed form: an even entry is the address of a word, an odd one a map of
 * the next 63 words.
 */
static void relocate_relr(uintptr_t base, const uint64_t *relr, uint64_t size)
{
	uint64_t *word = NULL;

	for (uint64_t i = 0; i < size / sizeof(*relr); i++) {
		uint64_t entry = relr[i];

		if (!(entry & 1)) {
			word = (uint64_t *)(base + entry);
			*word++ += base;
			continue;
		}
		for (int bit = 0; entry >>= 1; bit++)
			if (entry & 1)
				word[bit] += base;
		word += 63;
	}
}

static void relocate(uintptr_t base, const struct elf_segment *dynamic)
{
	const struct elf_dynamic *d = (const void *)(base + dynamic->addr);
	uint64_t values[DT_NR];

	for (int i = 0; i < DT_NR; i++)
		values[i] = 0;
	for (; d->tag; d++)
		if (d->tag < DT_NR)
			values[d->tag] = d->value;
	relocate_rela(base, (const void *)(base + values[DT_RELA]),
		      values[DT_RELASZ]);
	relocate_relr(base, (const void *)(base + values[DT_RELR]),
		      values[DT_RELRSZ]);
}

static uint64_t page_size(const uint64_t *auxv)
{
	for (; auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == AT_PAGESZ)
			return auxv[1];
	return 4096;
}

/* Make read-only what only relocations wrote to; whole pages. */
static void protect(uintptr_t base, const struct elf_segment *relro,
		    uint64_t page)
{
	uintptr_t begin = (base + relro->addr) & ~(page - 1);
	uintptr_t end = (base + relro->addr + relro->size) & ~(page - 1);

	if (begin < end)
		shim_mprotect((void *)begin, end - begin, SHIM_PROT_READ);
}

void shim_start(long *sp)
{
	int argc = (int)sp[0];
	char **argv = (char **)(sp + 1);
	char **envp = argv + argc + 1, **p = envp;
	const struct elf_header *elf = &__ehdr_start;
	const struct elf_segment *s;
	uintptr_t base = elf->type == ET_DYN ? (uintptr_t)elf : 0;

	while (*p)
		p++;
	s = find_segment(elf, PT_DYNAMIC);
	if (s && base)
		relocate(base, s);
	s = find_segment(elf, PT_GNU_RELRO);
	if (s)
		protect(base, s, page_size((uint64_t *)(p + 1)));
	shim_exit_group(main(argc, argv, envp));
}
