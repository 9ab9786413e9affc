/* SPDX-License-Identifier: MIT */
/* Constants and structures in C, and the assertions that pin them. */
#include <string.h>

#include "gen.h"

static void put_head(struct buf *b, const char *what)
{
	put(b, "/* %s */\n/* SPDX-License-Identifier: MIT */\n/* %s */\n",
	    GENERATED, what);
}

/* As written in gen/spec, with the suffix and brackets that C needs. */
const char *c_value(const struct constant *k, int cpu)
{
	const char *text = k->text[cpu];
	uint64_t u = (uint64_t)k->value[cpu];
	const char *shift = strstr(text, "<<");

	if (*text == '-')
		return format("(%s)", text);
	if (shift)
		return format("(1%s << %s)", u >> 32 ? "ULL" : "U", shift + 2);
	if (u >> 32)
		return format("%sULL", text);
	return u >> 31 ? format("%sU", text) : text;
}

static void put_comment(struct buf *b, const char *text)
{
	const char *line = format("/* %s */", text);

	if (strlen(line) <= 80) {
		put(b, "\n%s\n", line);
		return;
	}
	put(b, "\n/*\n");
	put_wrapped(b, " * ", text);
	put(b, " */\n");
}

/* cpu ANY_CPU: what is the same on all of them. */
static void put_groups(struct buf *b, int cpu)
{
	for (size_t i = 0; i < model.groups.n; i++) {
		const struct group *g = &model.groups.v[i];
		bool begun = false;

		for (size_t j = 0; j < g->constants.n; j++) {
			const struct constant *k = &g->constants.v[j];

			if (k->per_cpu != (cpu != ANY_CPU) ||
			    (k->per_cpu && !k->text[cpu]))
				continue;
			if (!begun)
				put_comment(b, g->doc);
			begun = true;
			put(b, "#define SHIM_%s %s\n", k->name,
			    c_value(k, cpu == ANY_CPU ? 0 : cpu));
		}
	}
}

static void emit_constants(void)
{
	struct buf *b = output("shim/include/shim/zconst.h");

	put_head(b, "The kernel's constants that are the same on every CPU.");
	put(b,
	    "#ifndef SHIM_ZCONST_H\n#define SHIM_ZCONST_H\n\n"
	    "#define SHIM_VERSION \"%s\"\n",
	    model.version);
	put_groups(b, ANY_CPU);
	put(b, "\n#endif\n");
}

static void put_fields(struct buf *b, const struct field *parent, int depth);

static void put_tabs(struct buf *b, int depth)
{
	while (depth--)
		put(b, "\t");
}

static void put_field(struct buf *b, const struct field *f, int depth)
{
	put_tabs(b, depth);
	if (f->is_union || f->is_struct) {
		put(b, "%s {\n", f->is_union ? "union" : "struct");
		put_fields(b, f, depth + 1);
		put_tabs(b, depth);
		put(b, "}%s%s;\n", *f->name ? " " : "", f->name);
		return;
	}
	put(b, "%s%s%s %s%s", f->constant ? "const " : "",
	    f->structure ? "struct shim_" : "",
	    f->structure ? f->structure->name : f->type->c,
	    f->pointer ? "*" : "", f->name);
	if (f->count > 0)
		put(b, "[%d]", (int)f->count);
	else if (f->count == 0)
		put(b, "[]");
	put(b, ";\n");
}

static void put_fields(struct buf *b, const struct field *parent, int depth)
{
	for (size_t i = 0; i < parent->fields.n; i++)
		put_field(b, parent->fields.v[i], depth);
}

static void put_structure(struct buf *b, const struct structure *s, int cpu)
{
	put_comment(b, sentence(s->doc));
	put(b, "%s shim_%s {\n", s->top.is_union ? "union" : "struct", s->name);
	put_fields(b, &s->top, 1);
	put(b, "}%s;\n",
	    s->packed >= 0 && s->packed == cpu ? " __attribute__((packed))"
					       : "");
}

static bool structure_on(const struct structure *s, int cpu)
{
	if (s->no_c)
		return false;
	return cpu == ANY_CPU ? !per_cpu_structure(s)
			      : per_cpu_structure(s) &&
					(s->only < 0 || s->only == cpu);
}

/* Those that it contains come first. */
static void put_after(struct buf *b, const struct structure *s, int cpu,
		      bool *done);

static void put_contained(struct buf *b, const struct field *parent, int cpu,
			  bool *done)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		const struct field *f = parent->fields.v[i];

		if (f->is_union || f->is_struct)
			put_contained(b, f, cpu, done);
		else if (f->structure && !f->pointer)
			put_after(b, f->structure, cpu, done);
	}
}

static void put_after(struct buf *b, const struct structure *s, int cpu,
		      bool *done)
{
	size_t i = 0;

	while (model.structures.v[i] != s)
		i++;
	if (done[i] || !structure_on(s, cpu))
		return;
	done[i] = true;
	put_contained(b, &s->top, cpu, done);
	put_structure(b, s, cpu);
}

static void put_structures(struct buf *b, int cpu)
{
	bool *done = xalloc(model.structures.n);

	for (size_t i = 0; i < model.structures.n; i++)
		put_after(b, model.structures.v[i], cpu, done);
}

static void emit_structures(void)
{
	struct buf *b = output("shim/include/shim/zstruct.h");

	put_head(b, "The kernel's structures that are the same on every CPU.");
	put(b, "#ifndef SHIM_ZSTRUCT_H\n#define SHIM_ZSTRUCT_H\n\n"
	       "#include <stddef.h>\n#include <stdint.h>\n\n"
	       "#include \"zarch.h\"\n\n"
	       "/* C++ has flexible arrays and anonymous structures as "
	       "extensions. */\n"
	       "#pragma GCC diagnostic push\n"
	       "#pragma GCC diagnostic ignored \"-Wpedantic\"\n");
	put_structures(b, ANY_CPU);
	put(b, "\n#pragma GCC diagnostic pop\n\n#endif\n");
}

static void emit_arch(int cpu)
{
	struct buf *b = output(format("asm/%s/zarch.h", cpus[cpu].name));

	put_head(b, format("What differs between CPUs: numbers, constants and "
			   "structures of %s.",
			   cpus[cpu].name));
	put(b, "#ifndef SHIM_ZARCH_H\n#define SHIM_ZARCH_H\n\n"
	       "#include <stdint.h>\n\n/* Call numbers. */\n");
	for (size_t i = 0; i < model.calls.n; i++)
		if (call_on(&model.calls.v[i], cpu))
			put(b, "#define SHIM_NR_%s %d\n", model.calls.v[i].name,
			    (int)model.calls.v[i].nr[cpu]);
	put_groups(b, cpu);
	put_structures(b, cpu);
	put(b, "\n#endif\n");
}

static bool same_layout(const struct field *parent)
{
	for (int cpu = 1; cpu < NR_CPUS; cpu++)
		if (parent->size[cpu] != parent->size[0] ||
		    parent->offset[cpu] != parent->offset[0])
			return false;
	for (size_t i = 0; i < parent->fields.n; i++)
		if (!same_layout(parent->fields.v[i]))
			return false;
	return true;
}

bool per_cpu_layout(const struct structure *s)
{
	return per_cpu_structure(s) || !same_layout(&s->top);
}

static void put_offsets(struct buf *b, const struct structure *s,
			const struct field *parent, const char *prefix,
			int64_t base, int cpu)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		const struct field *f = parent->fields.v[i];
		int64_t at = base + f->offset[cpu];

		if (*f->name)
			put(b, "AT(shim_%s, %s%s, %d);\n", s->name, prefix,
			    f->name, (int)at);
		put_offsets(b, s, f,
			    *f->name ? format("%s%s.", prefix, f->name)
				     : prefix,
			    at, cpu);
	}
}

static void put_layouts(struct buf *b, int cpu)
{
	int any = cpu == ANY_CPU ? 0 : cpu;

	for (size_t i = 0; i < model.structures.n; i++) {
		const struct structure *s = model.structures.v[i];

		if (s->no_c || per_cpu_layout(s) != (cpu != ANY_CPU) ||
		    (s->only >= 0 && s->only != any))
			continue;
		put(b, "\nSIZE(%s shim_%s, %d);\n",
		    s->top.is_union ? "union" : "struct", s->name,
		    (int)s->top.size[any]);
		if (!s->top.is_union)
			put_offsets(b, s, &s->top, "", 0, any);
	}
}

static void emit_layouts(void)
{
	struct buf *b = output("shim/zlayout.c");

	put_head(b,
		 "The layouts are the kernel's: a wrong one does not compile.");
	put(b, "#include <shim/sys.h>\n\n"
	       "#define SIZE(type, size) _Static_assert(sizeof(type) == size, "
	       "#type)\n"
	       "#define AT(type, field, at) \\\n"
	       "\t_Static_assert(offsetof(struct type, field) == at, #field)"
	       "\n\n"
	       "#include \"zlayout.h\"\n");
	put_layouts(b, ANY_CPU);
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		b = output(format("asm/%s/zlayout.h", cpus[cpu].name));
		put_head(b, format("Part of shim/zlayout.c: layouts on %s.",
				   cpus[cpu].name));
		put_layouts(b, cpu);
	}
}

void emit_c_data(void)
{
	emit_constants();
	emit_structures();
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		emit_arch(cpu);
	emit_layouts();
}
