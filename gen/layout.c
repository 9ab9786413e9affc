/* SPDX-License-Identifier: MIT */
/* Types, and where the fields of a structure lie on each CPU. */
#include <string.h>

#include "gen.h"

/* Both CPUs are LP64: only packing and whole structures differ. */
static const struct type types[] = {
	{ "fd", "int", "int", "int32", 4, true },
	{ "int", "int", "int", "int32", 4, true },
	{ "uint", "unsigned", "int", "uint32", 4, false },
	{ "long", "long", "int", "int64", 8, true },
	{ "ulong", "unsigned long", "uintptr", "uint64", 8, false },
	{ "word", "unsigned long", "uintptr", "uint64", 8, false },
	{ "size", "size_t", "uintptr", "uint64", 8, false },
	{ "off", "int64_t", "int64", "int64", 8, true },
	{ "pid", "int", "int", "int32", 4, true },
	{ "uid", "unsigned", "int", "uint32", 4, false },
	{ "mode", "unsigned", "uint32", "uint32", 4, false },
	{ "clockid", "int", "int32", "int32", 4, true },
	{ "u8", "uint8_t", "uint8", "uint8", 1, false },
	{ "u16", "uint16_t", "uint16", "uint16", 2, false },
	{ "u32", "uint32_t", "uint32", "uint32", 4, false },
	{ "u64", "uint64_t", "uint64", "uint64", 8, false },
	{ "s8", "int8_t", "int8", "int8", 1, true },
	{ "s16", "int16_t", "int16", "int16", 2, true },
	{ "s32", "int32_t", "int32", "int32", 4, true },
	{ "s64", "int64_t", "int64", "int64", 8, true },
	{ "char", "char", "byte", "byte", 1, false },
	{ "byte", "void", "byte", "byte", 1, false },
	{ "void", "void", "byte", "byte", 0, false },
	{ "sigset", "uint64_t", "Sigset_t", "Sigset_t", 8, false },
	{ "cstr", "const char *", "string", "*byte", 8, false },
	{ "cstrs", "char *const *", "[]string", "**byte", 8, false },
	{ "addr", "void *", "unsafe.Pointer", "unsafe.Pointer", 8, false },
};

const struct type *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

/* cpu ANY_CPU: on any of them. */
const struct structure *find_structure(const char *name, int cpu)
{
	for (size_t i = 0; i < model.structures.n; i++) {
		const struct structure *s = model.structures.v[i];

		if (strcmp(s->name, name) == 0 &&
		    (cpu == ANY_CPU || s->only < 0 || s->only == cpu))
			return s;
	}
	return NULL;
}

bool per_cpu_structure(const struct structure *s)
{
	return s->packed >= 0 || s->only >= 0;
}

void complain_type(struct loc at, const char *name)
{
	size_t n = ARRAY_SIZE(types), nr = n + model.structures.n;
	const char **names = xalloc(nr * sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = types[i].name;
	for (size_t i = n; i < nr; i++)
		names[i] = model.structures.v[i - n]->name;
	complain_name(at, "type", name, names, nr);
}

static void layout_fields(struct field *parent, int cpu, bool packed);

static void base_layout(struct field *f, int cpu, int64_t *size, int64_t *align)
{
	*size = *align = 1;
	if (f->is_union || f->is_struct) {
		layout_fields(f, cpu, false);
		*size = f->size[cpu];
		*align = f->align[cpu];
	} else if (f->pointer) {
		*size = *align = 8;
	} else if (f->type) {
		*size = *align = f->type->size;
	} else if (f->structure) {
		layout_structure((struct structure *)f->structure);
		*size = f->structure->top.size[cpu];
		*align = f->structure->top.align[cpu];
	}
	/* There was a complaint already: void, or recursion. */
	if (!*align)
		*align = 1;
}

static int64_t round_up(int64_t n, int64_t align)
{
	return (n + align - 1) / align * align;
}

/* Offsets of the fields are relative to parent. */
static void layout_fields(struct field *parent, int cpu, bool packed)
{
	int64_t end = 0, most = 0, max_align = 1;

	for (size_t i = 0; i < parent->fields.n; i++) {
		struct field *f = parent->fields.v[i];
		int64_t size, align;

		base_layout(f, cpu, &size, &align);
		if (packed)
			align = 1;
		if (f->count >= 0)
			size *= f->count;
		f->size[cpu] = size;
		f->align[cpu] = align;
		f->offset[cpu] = parent->is_union ? 0 : round_up(end, align);
		end = f->offset[cpu] + size;
		most = end > most ? end : most;
		max_align = align > max_align ? align : max_align;
	}
	parent->align[cpu] = max_align;
	parent->size[cpu] = round_up(most, max_align);
}

static void resolve_fields(struct structure *s, struct field *parent)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		struct field *f = parent->fields.v[i];

		if (f->is_union || f->is_struct) {
			resolve_fields(s, f);
			continue;
		}
		if (f->count == 0)
			s->flexible = true;
		f->type = find_type(f->type_name);
		if (!f->type)
			f->structure = find_structure(
				f->type_name, s->only < 0 ? ANY_CPU : s->only);
		if (!f->type && !f->structure)
			complain_type(f->type_at, f->type_name);
		else if (f->type && !f->type->size && !f->pointer)
			complain(f->type_at,
				 "a field has no type \"%s\"; "
				 "write \"*%s\"",
				 f->type_name, f->type_name);
	}
}

void layout_structure(struct structure *s)
{
	if (s->laid_out)
		return;
	if (s->being_laid_out) {
		complain(s->at, "struct %s contains itself; write a pointer",
			 s->name);
		s->laid_out = true;
		return;
	}
	s->being_laid_out = true;
	if (!s->top.fields.n)
		complain(s->at, "struct %s has no fields; write one per line",
			 s->name);
	resolve_fields(s, &s->top);
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		layout_fields(&s->top, cpu, s->packed == cpu);
	s->laid_out = true;
}

/* The size and alignment of a Go type, e.g. "[4]byte". */
bool go_type_layout(const char *type, int cpu, int64_t *size, int64_t *align)
{
	static const struct {
		const char *name;
		int size;
	} basic[] = {
		{ "byte", 1 },		 { "bool", 1 },	  { "int8", 1 },
		{ "uint8", 1 },		 { "int16", 2 },  { "uint16", 2 },
		{ "int32", 4 },		 { "uint32", 4 }, { "int64", 8 },
		{ "uint64", 8 },	 { "int", 8 },	  { "uintptr", 8 },
		{ "unsafe.Pointer", 8 },
	};
	const char *end;

	if (*type == '*') {
		*size = *align = 8;
		return true;
	}
	if (*type == '[' && (end = strchr(type, ']'))) {
		int64_t n;

		if (!parse_count(xstrndup(type + 1, (size_t)(end - type - 1)),
				 &n) ||
		    !go_type_layout(end + 1, cpu, size, align))
			return false;
		*size *= n;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(basic); i++)
		if (strcmp(type, basic[i].name) == 0) {
			*size = *align = basic[i].size;
			return true;
		}
	for (size_t i = 0; i < model.structures.n; i++) {
		struct structure *s = model.structures.v[i];

		if (s->go && strcmp(s->go, type) == 0 &&
		    (s->only < 0 || s->only == cpu)) {
			layout_structure(s);
			*size = s->top.size[cpu];
			*align = s->top.align[cpu];
			return true;
		}
	}
	return false;
}
