/* SPDX-License-Identifier: MIT */
/* ELF files of 64 bits, as they are in memory, and the auxiliary vector. */
#ifndef SHIM_ELF_IMPL_H
#define SHIM_ELF_IMPL_H

#include <stddef.h>
#include <stdint.h>

enum { ET_DYN = 3 };
enum { PT_LOAD = 1, PT_DYNAMIC = 2 };
enum { AT_NULL = 0, AT_SYSINFO_EHDR = 33 };

struct elf_header {
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t size, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, addr, physical, file_size, size, align;
};

struct elf_dynamic {
	uint64_t tag, value;
};

/*
 * How many bytes of the image begin there, by its headers, which are looked
 * for in the first size bytes; size if they do not say more.
 */
__attribute__((visibility("hidden"))) size_t shim_elf_size(const void *begin,
							   size_t size);

#endif
