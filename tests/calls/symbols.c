/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pclntab.h"
#include "symbols.h"

/* In Go's moduledata, which begins with the address of the table. */
enum { MIN_PC = 160, TEXT = 176 };

struct file {
	struct object object;
	dev_t dev;
	ino_t ino;
	const unsigned char *bytes; /* stays mapped, for the names are in it */
	size_t size;
	struct function *functions; /* by address */
	size_t nr_functions;
	struct file *next;
};

static struct file *files;

/* n things of some size at an offset, when the file is so long. */
static const void *part(const struct file *f, uint64_t at, uint64_t n,
			size_t size)
{
	if (at > f->size || n > (f->size - at) / size)
		return NULL;
	return f->bytes + at;
}

static const Elf64_Ehdr *header(const struct file *f)
{
	const Elf64_Ehdr *h = part(f, 0, 1, sizeof(*h));

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64)
		return NULL;
	return h;
}

static const Elf64_Shdr *sections(const struct file *f, size_t *n)
{
	const Elf64_Ehdr *h = header(f);
	const Elf64_Shdr *s;

	*n = 0;
	s = h ? part(f, h->e_shoff, h->e_shnum, sizeof(*s)) : NULL;
	if (s)
		*n = h->e_shnum;
	return s;
}

/* A string of a table, if it ends in there. */
static const char *string_at(const struct file *f, const Elf64_Shdr *table,
			     uint64_t at)
{
	const char *s;

	if (at >= table->sh_size)
		return "";
	s = part(f, table->sh_offset, table->sh_size, 1);
	return s && memchr(s + at, 0, table->sh_size - at) ? s + at : "";
}

static int by_address(const void *a, const void *b)
{
	const struct function *f = a, *g = b;

	return f->address < g->address ? -1 : f->address > g->address;
}

static void take_symbols(struct file *f, const Elf64_Shdr *table,
			 const Elf64_Shdr *strings)
{
	size_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *s = part(f, table->sh_offset, n, sizeof(*s));

	if (!s)
		return;
	f->functions = calloc(n + 1, sizeof(*f->functions));
	if (!f->functions)
		abort();
	for (size_t i = 0; i < n; i++)
		if (ELF64_ST_TYPE(s[i].st_info) == STT_FUNC && s[i].st_value)
			f->functions[f->nr_functions++] = (struct function){
				s[i].st_value,
				string_at(f, strings, s[i].st_name),
			};
	qsort(f->functions, f->nr_functions, sizeof(*f->functions), by_address);
}

static uint64_t word_at(const struct file *f, uint64_t at)
{
	uint64_t word = 0;

	if (part(f, at, 1, sizeof(word)))
		memcpy(&word, f->bytes + at, sizeof(word));
	return word;
}

/*
 * Where Go's text begins: with its section, if Go's linker has made the file;
 * C code may be before it, else. Then the runtime's own data tell, which are
 * known by the address of the table; in a position independent file they are
 * not there yet. Returns 0 when it is not found.
 */
static uint64_t go_text(const struct file *f, const Elf64_Shdr *text,
			const Elf64_Shdr *table)
{
	uint64_t entry = header(f)->e_entry - text->sh_addr;

	for (size_t i = 0; i < f->nr_functions; i++)
		if (f->functions[i].address == entry &&
		    strncmp(f->functions[i].name, "_rt0_", 5) == 0)
			return text->sh_addr;
	for (uint64_t at = 0; at + TEXT < f->size; at += sizeof(uint64_t)) {
		uint64_t start;

		if (word_at(f, at) != table->sh_addr)
			continue;
		start = word_at(f, at + TEXT);
		if (start - text->sh_addr < text->sh_size &&
		    word_at(f, at + MIN_PC) == start + f->functions[0].address)
			return start;
	}
	return 0;
}

/* The names that a Go program has always. */
static void take_table(struct file *f, const Elf64_Shdr *text,
		       const Elf64_Shdr *table)
{
	const unsigned char *bytes =
		part(f, table->sh_offset, table->sh_size, 1);
	struct function *functions;
	uint64_t start;
	size_t nr;

	functions = bytes ? pclntab_read(bytes, table->sh_size, &nr) : NULL;
	if (!functions)
		return;
	free(f->functions);
	f->functions = functions;
	f->nr_functions = nr;
	start = go_text(f, text, table);
	for (size_t i = 0; i < nr; i++)
		functions[i].address += start;
	f->object.named = start != 0;
}

static const char *section_name(const struct file *f, const Elf64_Shdr *all,
				size_t n, size_t i)
{
	size_t names = header(f)->e_shstrndx;

	return names < n ? string_at(f, &all[names], all[i].sh_name) : "";
}

static void read_sections(struct file *f)
{
	const Elf64_Shdr *text = NULL, *table = NULL;
	size_t n, chosen = 0;
	const Elf64_Shdr *s = sections(f, &n);

	for (size_t i = 0; i < n; i++) {
		const char *name = section_name(f, s, n, i);

		if (strcmp(name, ".text") == 0)
			text = &s[i];
		if (strstr(name, ".gopclntab"))
			table = &s[i];
		if (s[i].sh_link < n &&
		    (s[i].sh_type == SHT_SYMTAB ||
		     (!chosen && s[i].sh_type == SHT_DYNSYM)))
			chosen = i;
	}
	f->object.is_go = table;
	if (chosen) {
		f->object.named = s[chosen].sh_type == SHT_SYMTAB;
		take_symbols(f, &s[chosen], &s[s[chosen].sh_link]);
	}
	if (text && table && !f->object.named)
		take_table(f, text, table);
}

static struct file *open_file(const struct process *p, const struct mapping *m)
{
	struct file *f = calloc(1, sizeof(*f));
	struct stat st = { 0 };
	char *path;
	int fd;

	if (!f || asprintf(&path, "/proc/%d/root%s", p->pid, m->path) < 0)
		abort();
	fd = m->path[0] == '/' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	free(path);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ,
				   MAP_PRIVATE, fd, 0);

		if (bytes != MAP_FAILED) {
			f->bytes = bytes;
			f->size = (size_t)st.st_size;
		}
	}
	if (fd >= 0)
		close(fd);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return f;
}

/* Each file is read once; paths of two programs may name two files. */
static const struct file *find_file(const struct process *p,
				    const struct mapping *m)
{
	struct file *f = open_file(p, m), *have;

	for (have = files; have; have = have->next)
		if (have->dev == f->dev && have->ino == f->ino)
			break;
	if (have) {
		if (f->bytes)
			munmap((void *)f->bytes, f->size);
		free(f);
		return have;
	}
	read_sections(f);
	f->next = files;
	files = f;
	return f;
}

static const struct file *file_of(const struct process *p, struct mapping *m)
{
	static const struct file nothing;

	if (!m->file)
		m->file = m->path[0] == '/' ? find_file(p, m) : &nothing;
	return m->file;
}

const struct object *object_of(const struct process *p, struct mapping *m)
{
	return &file_of(p, m)->object;
}

/* Symbols have the addresses that the file asks for. */
static bool wanted_address(const struct file *f, uint64_t offset,
			   uint64_t *address)
{
	const Elf64_Ehdr *h = header(f);
	const Elf64_Phdr *s = h ? part(f, h->e_phoff, h->e_phnum, sizeof(*s))
				: NULL;

	for (size_t i = 0; s && i < h->e_phnum; i++) {
		if (s[i].p_type != PT_LOAD || offset < s[i].p_offset ||
		    offset - s[i].p_offset >= s[i].p_filesz)
			continue;
		*address = offset - s[i].p_offset + s[i].p_vaddr;
		return true;
	}
	return false;
}

const char *function_at(const struct process *p, struct mapping *m,
			uint64_t address)
{
	const struct file *f = file_of(p, m);
	size_t low = 0, high = f->nr_functions;
	uint64_t wanted;

	if (!high ||
	    !wanted_address(f, address - m->start + m->offset, &wanted))
		return "";
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->functions[middle].address <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? f->functions[low - 1].name : "";
}
