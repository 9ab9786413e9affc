/* SPDX-License-Identifier: MIT */
/*
 * A C file that compares the specification with the installed headers. Those
 * of the kernel and those of libc do not go together, so it is compiled twice:
 * as it is, and with -DLIBC.
 */
#include <string.h>

#include "gen.h"

static bool compared(const char *header, bool libc)
{
	bool of_kernel = starts_with(header, "linux/") ||
			 starts_with(header, "asm/");

	return strcmp(header, "-") != 0 && of_kernel == !libc;
}

static void put_include(struct buf *b, const char *header, struct buf *seen)
{
	/* Older headers lack some, and some are of one CPU. */
	const char *line = format("#if __has_include(<%s>)\n"
				  "#include <%s>\n#endif\n",
				  header, header);

	if (seen->len && strstr(seen->s, line))
		return;
	put(seen, "%s", line);
	put(b, "%s", line);
}

static void put_since(struct buf *b, int since)
{
	if (since)
		put(b, "#if LINUX_VERSION_CODE >= KERNEL_VERSION(%d, %d, 0)\n",
		    since >> 8, since & 255);
}

static void put_end(struct buf *b, int since)
{
	if (since)
		put(b, "#endif\n");
}

/* The type to compare in: 1 << 31 is negative where a header has no 1U. */
static const char *type_of(const struct constant *k, int cpu)
{
	return strcmp(k->text[cpu], "1<<31") == 0 ? "unsigned" : "long long";
}

static void put_constants(struct buf *b, const struct group *g, int cpu)
{
	for (size_t i = 0; i < g->constants.n; i++) {
		const struct constant *k = &g->constants.v[i];

		if (!k->text[cpu])
			continue;
		put_since(b, k->since);
		put(b,
		    "_Static_assert((%s)(SHIM_%s) == (%s)(%s), "
		    "\"%s:%d: %s\");\n",
		    type_of(k, cpu), k->name, type_of(k, cpu), k->name,
		    k->at.file, k->at.line, k->name);
		put_end(b, k->since);
	}
}

static void put_fields(struct buf *b, const struct structure *s,
		       const struct field *parent, const char *prefix,
		       int since)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		const struct field *f = parent->fields.v[i];
		int newer = f->since > since ? f->since : since;
		const char *path = format("%s%s", prefix, f->name);

		/* Padding has another name in every version of a header. */
		if (starts_with(f->name, "__") || f->ours)
			continue;
		if (!*f->name) {
			put_fields(b, s, f, prefix, newer);
			continue;
		}
		put_since(b, newer);
		put(b,
		    "_Static_assert(offsetof(struct shim_%s, %s) == "
		    "offsetof(%s, %s), \"%s:%d: %s\");\n",
		    s->name, path, s->uapi, path, f->at.file, f->at.line, path);
		if (f->count != 0)
			put(b,
			    "_Static_assert(sizeof(((struct shim_%s *)0)->%s)"
			    " == sizeof(((%s *)0)->%s), \"%s:%d: %s\");\n",
			    s->name, path, s->uapi, path, f->at.file,
			    f->at.line, path);
		put_end(b, newer);
		if (f->is_struct || f->is_union)
			put_fields(b, s, f, format("%s.", path), newer);
	}
}

/* The kernel version from which on the structure is as long as ours. */
static int complete_since(const struct field *parent, int since)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		const struct field *f = parent->fields.v[i];

		if (f->since > since)
			since = f->since;
		/* A union is as long from the beginning. */
		if (f->is_struct)
			since = complete_since(f, since);
	}
	return since;
}

static void put_structure(struct buf *b, const struct structure *s)
{
	int since = complete_since(&s->top, s->since);

	put_since(b, since);
	put(b,
	    "_Static_assert(sizeof(struct shim_%s) == sizeof(%s), "
	    "\"%s:%d: size of %s\");\n",
	    s->name, s->uapi, s->at.file, s->at.line, s->name);
	put_end(b, since);
	put_fields(b, s, &s->top, "", s->since);
}

static bool structure_compared(const struct structure *s, int cpu, bool libc)
{
	return !s->no_c && compared(s->header, libc) &&
	       (s->only < 0 || s->only == cpu);
}

static void put_part(struct buf *b, int cpu, bool libc)
{
	struct buf seen = { 0 };

	for (size_t i = 0; i < model.groups.n; i++)
		if (compared(model.groups.v[i].header, libc))
			put_include(b, model.groups.v[i].header, &seen);
	for (size_t i = 0; i < model.structures.n; i++)
		if (structure_compared(model.structures.v[i], cpu, libc))
			put_include(b, model.structures.v[i]->header, &seen);
	for (size_t i = 0; i < model.groups.n; i++)
		if (compared(model.groups.v[i].header, libc))
			put_constants(b, &model.groups.v[i], cpu);
	for (size_t i = 0; i < model.structures.n; i++)
		if (structure_compared(model.structures.v[i], cpu, libc))
			put_structure(b, model.structures.v[i]);
}

void emit_uapi(int cpu, struct buf *b)
{
	put(b, "/* Our constants and structures against the installed headers. "
	       "*/\n#define _GNU_SOURCE\n#include <stddef.h>\n"
	       "#include <linux/version.h>\n#include <shim/sys.h>\n"
	       "#ifdef LIBC\n");
	put_part(b, cpu, true);
	put(b, "#else\n#include <asm/unistd.h>\n");
	put_part(b, cpu, false);
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];

		if (call_on(call, cpu))
			put(b,
			    "#ifdef __NR_%s\n_Static_assert(__NR_%s == "
			    "SHIM_NR_%s, \"%s:%d: %s\");\n#endif\n",
			    call->name, call->name, call->name, call->at.file,
			    call->at.line, call->name);
	}
	put(b, "#endif\n");
}
