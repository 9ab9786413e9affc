/* SPDX-License-Identifier: MIT */
/* Go's constants, errors and types. */
#include <ctype.h>
#include <string.h>

#include "gen.h"

#define GO_DIR "gobind/sys/"

static bool in_file(const struct group *g, const struct constant *k, int cpu,
		    bool errors)
{
	return (g->go_type != NULL) == errors &&
	       k->per_cpu == (cpu != ANY_CPU) && (!k->per_cpu || k->text[cpu]);
}

/* Go exports no name that begins with an underscore. */
static const char *exported(const struct constant *k)
{
	return k->name + strspn(k->name, "_");
}

static void put_go_group(struct buf *b, const struct group *g, int cpu,
			 bool errors)
{
	size_t longest = 0;

	for (size_t i = 0; i < g->constants.n; i++)
		if (in_file(g, &g->constants.v[i], cpu, errors) &&
		    strlen(exported(&g->constants.v[i])) > longest)
			longest = strlen(exported(&g->constants.v[i]));
	if (!longest)
		return;
	put(b, "\n");
	put_wrapped(b, "// ", g->doc);
	put(b, "const (\n");
	for (size_t i = 0; i < g->constants.n; i++) {
		const struct constant *k = &g->constants.v[i];
		const char *text = k->text[cpu == ANY_CPU ? 0 : cpu], *shift;

		if (!in_file(g, k, cpu, errors))
			continue;
		shift = strstr(text, "<<");
		if (shift)
			text = format("1 << %s", shift + 2);
		if (errors)
			text = format("%s(%s)", g->go_type, text);
		put(b, "\t%-*s = %s\n", (int)longest, exported(k), text);
	}
	put(b, ")\n");
}

static void emit_go_constants(int cpu, bool errors)
{
	struct buf body = { 0 }, *b;
	const char *stem = errors ? "zerrors_linux" : "zconst_linux";

	if (cpu == ANY_CPU && !errors)
		put(&body,
		    "\n// Version is that of this module.\n"
		    "const Version = \"%s\"\n",
		    model.version);
	for (size_t i = 0; i < model.groups.n; i++)
		put_go_group(&body, &model.groups.v[i], cpu, errors);
	if (!body.len)
		return;
	b = output(cpu == ANY_CPU
			   ? format(GO_DIR "%s.go", stem)
			   : format(GO_DIR "%s_%s.go", stem, cpus[cpu].go));
	put_go_head(b, cpu, "sys", errors ? "import \"syscall\"\n" : NULL);
	put_bytes(b, body.s, body.len);
}

struct go_line {
	const char *name, *type;
	int64_t offset; /* to be asserted, or -1 */
};

struct go_struct {
	VEC(struct go_line) lines;
	int64_t end, align;
};

static int64_t round_up(int64_t n, int64_t align)
{
	return (n + align - 1) / align * align;
}

/* Add one Go field, which is to lie at offset, or at the next free place. */
static void add_line(struct go_struct *g, const char *name, const char *type,
		     int64_t offset, int cpu, struct loc at)
{
	int64_t size, align;
	struct go_line *line;

	if (!go_type_layout(type, cpu, &size, &align)) {
		complain(at,
			 "unknown Go type \"%s\"; write one like uint32 or "
			 "[4]byte",
			 type);
		return;
	}
	if (offset >= 0 && g->end > offset) {
		complain(at,
			 "the Go fields before %s are too long; write "
			 "fields of at most %d bytes",
			 name, (int)offset);
		return;
	}
	if (offset >= 0 && round_up(g->end, align) != offset) {
		line = VEC_ADD(&g->lines);
		line->name = "_";
		line->type = format("[%d]byte", (int)(offset - g->end));
		line->offset = -1;
		g->end = offset;
	}
	line = VEC_ADD(&g->lines);
	line->name = name;
	line->type = type;
	line->offset = strcmp(name, "_") ? offset : -1;
	g->end = round_up(g->end, align) + size;
	if (align > g->align)
		g->align = align;
}

static const char *go_name(const struct structure *s, const struct field *f)
{
	const char *name = f->name;
	char *copy;

	if (starts_with(name, "__"))
		return "_";
	if (!s->strip)
		return camel(name);
	if (starts_with(name, s->strip))
		name += strlen(s->strip);
	copy = xstrndup(name, strlen(name));
	*copy = (char)toupper((unsigned char)*copy);
	return copy;
}

static const char *go_type(const struct field *f)
{
	const char *type;

	if (f->structure)
		type = f->structure->go ? f->structure->go
					: camel(f->structure->name);
	else
		type = f->type->go_mem;
	if (f->pointer)
		type = format("*%s", type);
	if (f->count > 0)
		type = format("[%d]%s", (int)f->count, type);
	return type;
}

static void add_fields(struct go_struct *g, const struct structure *s,
		       const struct field *parent, int64_t base, int cpu);

static void add_field(struct go_struct *g, const struct structure *s,
		      const struct field *f, int64_t base, int cpu)
{
	int64_t at = base + f->offset[cpu];

	if (f->go_hidden || f->count == 0)
		return;
	if (f->go.n) {
		for (size_t i = 0; i < f->go.n; i++) {
			const char *type = f->go.v[i].type;

			if (!type && f->is_union) {
				complain(f->at, "the Go type is missing; write "
						"\"go NAME TYPE\"");
				return;
			}
			add_line(g, f->go.v[i].name, type ? type : go_type(f),
				 i ? -1 : at, cpu, f->at);
		}
	} else if (f->is_struct) {
		add_fields(g, s, f, at, cpu);
	} else if (f->is_union) {
		complain(f->at, "Go has no unions; write \"union go NAME TYPE\""
				" with the field that Go shows");
	} else {
		add_line(g, go_name(s, f), go_type(f), at, cpu, f->at);
	}
}

static void add_fields(struct go_struct *g, const struct structure *s,
		       const struct field *parent, int64_t base, int cpu)
{
	for (size_t i = 0; i < parent->fields.n; i++)
		add_field(g, s, parent->fields.v[i], base, cpu);
}

static void finish(struct go_struct *g, const struct structure *s, int cpu)
{
	int64_t size = s->top.size[cpu];

	if (g->end > size)
		complain(s->at,
			 "the Go fields of struct %s have %d bytes; "
			 "write fields of %d",
			 s->name, (int)g->end, (int)size);
	else if (round_up(g->end, g->align) != size)
		*VEC_ADD(&g->lines) = (struct go_line){
			"_", format("[%d]byte", (int)(size - g->end)), -1
		};
}

static void put_go_struct(struct buf *b, const struct structure *s,
			  const struct go_struct *g)
{
	size_t longest = 0;

	put(b, "\n");
	put_wrapped(b, "// ", format("%s is %s: %s.", s->go, s->doc, s->uapi));
	put(b, "type %s struct {\n", s->go);
	for (size_t i = 0; i < g->lines.n; i++)
		if (strlen(g->lines.v[i].name) > longest)
			longest = strlen(g->lines.v[i].name);
	for (size_t i = 0; i < g->lines.n; i++)
		put(b, "\t%-*s %s\n", (int)longest, g->lines.v[i].name,
		    g->lines.v[i].type);
	put(b, "}\n");
}

/* "name byte", in columns as gofmt wants them. */
static void put_asserts(struct buf *b, const char *const *left,
			const char *const *right, size_t nr)
{
	size_t longest = 0;

	for (size_t i = 0; i < nr; i++)
		if (strlen(left[i]) > longest)
			longest = strlen(left[i]);
	put(b, "\n// The layouts are the kernel's: a wrong one does not "
	       "compile.\nvar (\n");
	for (size_t i = 0; i < nr; i++)
		put(b, "\t_ %-*s = %s\n", (int)longest, left[i], right[i]);
	put(b, ")\n");
}

/* x/sys has such constants for what the kernel is told the size of. */
static void put_sizes(struct buf *b, int cpu)
{
	struct buf lines = { 0 };
	size_t longest = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < model.structures.n; i++) {
			const struct structure *s = model.structures.v[i];

			if (!s->go_size ||
			    per_cpu_layout(s) != (cpu != ANY_CPU) ||
			    (s->only >= 0 && s->only != cpu))
				continue;
			if (strlen(s->go_size) > longest)
				longest = strlen(s->go_size);
			if (pass)
				put(&lines, "\t%-*s = %d\n", (int)longest,
				    s->go_size,
				    (int)s->top.size[cpu % NR_CPUS]);
		}
	if (lines.len)
		put(b, "\n// Sizes in bytes.\nconst (\n%s)\n", lines.s);
}

static struct {
	const char **left, **right;
	size_t n, room;
} asserts;

static void add_assert(int64_t value, const char *expression)
{
	if (asserts.n == asserts.room) {
		size_t room = asserts.room ? 2 * asserts.room : 64;
		const char **left = xalloc(room * sizeof(*left));
		const char **right = xalloc(room * sizeof(*right));

		for (size_t i = 0; i < asserts.n; i++) {
			left[i] = asserts.left[i];
			right[i] = asserts.right[i];
		}
		asserts.left = left;
		asserts.right = right;
		asserts.room = room;
	}
	asserts.left[asserts.n] = format("[%d]byte", (int)value);
	asserts.right[asserts.n++] = format("[%s]byte{}", expression);
}

static void assert_struct(const struct structure *s, const struct go_struct *g,
			  int cpu)
{
	add_assert(s->top.size[cpu], format("unsafe.Sizeof(%s{})", s->go));
	for (size_t i = 0; i < g->lines.n; i++)
		if (g->lines.v[i].offset > 0)
			add_assert(g->lines.v[i].offset,
				   format("unsafe.Offsetof(%s{}.%s)", s->go,
					  g->lines.v[i].name));
}

static void emit_types(int cpu)
{
	struct buf body = { 0 }, *b;
	int any = cpu == ANY_CPU ? 0 : cpu;

	asserts.n = 0;
	for (size_t i = 0; i < model.structures.n; i++) {
		const struct structure *s = model.structures.v[i];
		struct go_struct g = { .align = 1 };

		if (!s->go || per_cpu_layout(s) != (cpu != ANY_CPU) ||
		    (s->only >= 0 && s->only != any))
			continue;
		add_fields(&g, s, &s->top, 0, any);
		finish(&g, s, any);
		put_go_struct(&body, s, &g);
		assert_struct(s, &g, any);
	}
	if (!body.len)
		return;
	b = output(cpu == ANY_CPU
			   ? GO_DIR "ztypes_linux.go"
			   : format(GO_DIR "ztypes_linux_%s.go", cpus[cpu].go));
	put_go_head(b, cpu, "sys", "import \"unsafe\"\n");
	put_bytes(b, body.s, body.len);
	put_sizes(b, cpu);
	put_asserts(b, asserts.left, asserts.right, asserts.n);
}

void emit_go_data(void)
{
	for (int cpu = 0; cpu <= ANY_CPU; cpu++) {
		emit_go_constants(cpu, false);
		emit_go_constants(cpu, true);
		emit_types(cpu);
	}
}
