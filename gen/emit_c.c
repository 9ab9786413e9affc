/* SPDX-License-Identifier: MIT */
/* The C wrappers, their prototypes and the call numbers. */
#include <ctype.h>
#include <string.h>

#include "gen.h"

enum { COLUMNS = 80 };

static void put_head(struct buf *b, const char *what)
{
	put(b, "/* %s */\n/* SPDX-License-Identifier: MIT */\n", GENERATED);
	if (what)
		put(b, "/* %s */\n", what);
}

/* Blanks up to column n: tabs first, as clang-format does. */
static void put_indent(struct buf *b, size_t n)
{
	for (; n >= 8; n -= 8)
		put(b, "\t");
	for (; n; n--)
		put(b, " ");
}

/* Columns since the last line feed; a tab goes to the next multiple of 8. */
static size_t column(const char *s)
{
	const char *nl = strrchr(s, '\n');
	size_t n = 0;

	for (s = nl ? nl + 1 : s; *s; s++)
		n = *s == '\t' ? (n | 7) + 1 : n + 1;
	return n;
}

void put_filled(struct buf *b, const char *head, char *const *items, size_t nr,
		const char *tail)
{
	size_t left = column(head), at = left;

	put(b, "%s", head);
	for (size_t i = 0; i < nr; i++) {
		bool last = i + 1 == nr;
		size_t n = strlen(items[i]) + (last ? strlen(tail) : 1);

		if (i && at + 1 + n > COLUMNS) {
			put(b, "\n");
			put_indent(b, left);
			at = left;
		} else if (i) {
			put(b, " ");
			at++;
		}
		put(b, "%s%s", items[i], last ? "" : ",");
		at += n;
	}
	put(b, "%s", tail);
}

/* "read a file": "Read a file." */
char *sentence(const char *phrase)
{
	char *s = format("%s.", phrase);

	*s = (char)toupper((unsigned char)*s);
	return s;
}

char *with_names(const struct call *call, const char *text, bool go)
{
	struct buf b = { 0 };

	put(&b, "%s", "");
	while (*text) {
		size_t n = strcspn(text, "{");
		const char *name;

		put_bytes(&b, text, n);
		text += n;
		if (!*text)
			break;
		n = strcspn(++text, "}");
		name = xstrndup(text, n);
		for (int i = 0; go && i < call->nr_params; i++)
			if (!strcmp(call->params[i].arg_name, name))
				name = call->params[i].name;
		put(&b, "%s", name);
		text += n + (text[n] == '}');
	}
	return b.s;
}

bool in_c(const struct call *call)
{
	return call->c == C_PLAIN;
}

/* A constant or absent argument is none of the wrapper's parameters. */
static bool c_visible(const struct arg *a)
{
	return !a->is_constant;
}

char *c_param(const struct arg *a)
{
	const char *lead = a->dir == IN ? "const " : "";
	const char *type =
		a->structure ? format("struct shim_%s", a->structure->name)
			     : a->type->c;

	/* A list of addresses is const itself, not what they point to. */
	if (a->dir && !strcmp(a->type_name, "addr"))
		return format("void *%s*%s", a->dir == IN ? "const " : "",
			      a->name);
	if (a->fixed)
		return format("%s%s %s[%d]", lead, type, a->name,
			      (int)a->fixed);
	if (a->dir)
		return format("%s%s *%s", lead, type, a->name);
	if (type[strlen(type) - 1] == '*')
		return format("%s%s", type, a->name);
	return format("%s %s", type, a->name);
}

void put_prototype(struct buf *b, const struct call *call, const char *tail)
{
	const char *type = call->returns == RET_POINTER	   ? "void *"
			   : call->returns == RET_NORETURN ? "void "
							   : "long ";
	char *items[MAX_ARGS];
	size_t nr = 0;

	for (int i = 0; i < call->nr_args; i++)
		if (c_visible(&call->args[i]))
			items[nr++] = c_param(&call->args[i]);
	if (!nr)
		items[nr++] = format("void");
	put_filled(b, format("%sshim_%s(", type, call->name), items, nr, tail);
}

static void put_traps(struct buf *b, const struct call *call)
{
	for (size_t i = 0; i < call->traps.n; i++) {
		if (i)
			put(b, " *\n");
		put_wrapped(b, " * ",
			    with_names(call, call->traps.v[i], false));
	}
}

static void put_guard(struct buf *b, const struct call *call, bool open)
{
	if (on_all_cpus(call))
		return;
	if (open)
		put(b, "#ifdef SHIM_NR_%s\n", call->name);
	else
		put(b, "#endif\n");
}

static void put_declaration(struct buf *b, const struct call *call)
{
	char *line = format("/* %s: %s */", call->man, sentence(call->doc));

	put(b, "\n");
	put_guard(b, call, true);
	if (call->traps.n || strlen(line) > COLUMNS) {
		put(b, "/*\n");
		put_wrapped(b, " * ",
			    format("%s: %s", call->man, sentence(call->doc)));
		if (call->traps.n)
			put(b, " *\n");
		put_traps(b, call);
		put(b, " */\n");
	} else {
		put(b, "%s\n", line);
	}
	if (call->returns == RET_NORETURN)
		put(b, "__attribute__((noreturn)) ");
	put_prototype(b, call, ");");
	put(b, "\n");
	put_guard(b, call, false);
}

static void emit_header(void)
{
	struct buf *b = output("shim/include/shim/zsys.h");

	put_head(
		b,
		"One function per system call; <shim/sys.h> has the contract.");
	put(b, "#ifndef SHIM_ZSYS_H\n#define SHIM_ZSYS_H\n\n"
	       "#include <stddef.h>\n#include <stdint.h>\n\n"
	       "#include \"zarch.h\"\n#include <shim/zstruct.h>\n\n"
	       "#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
	for (size_t i = 0; i < model.calls.n; i++)
		if (in_c(&model.calls.v[i]))
			put_declaration(b, &model.calls.v[i]);
	put(b, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

static char *c_argument(const struct arg *a)
{
	if (a->is_constant)
		return format("%lld", (long long)a->constant);
	if (a->packed_size)
		return format("&%s_pair", a->name);
	return format("%s", a->name);
}

static void put_pairs(struct buf *b, const struct call *call)
{
	for (int i = 0; i < call->nr_args; i++) {
		const struct arg *a = &call->args[i];

		if (a->packed_size)
			put(b,
			    "\tconst struct {\n\t\tconst void *p;\n"
			    "\t\tsize_t size;\n\t} %s_pair = { %s, %d };\n\n",
			    a->name, a->name, (int)a->packed_size);
	}
}

/* The arguments in the CPU's order, as zarch.h's macro gives it. */
static char *ordered(const struct call *call)
{
	struct buf b = { 0 };

	put(&b, "ORDER_%s(", call->name);
	for (int i = 0; i < call->nr_args; i++)
		put(&b, "%s%s", i ? ", " : "", c_argument(&call->args[i]));
	put(&b, ")");
	return b.s;
}

static void put_wrapper(struct buf *b, const struct call *call)
{
	const char *lead = call->returns == RET_POINTER	   ? "return (void *)"
			   : call->returns == RET_NORETURN ? "\t"
							   : "return ";
	char *items[MAX_ARGS + 1];
	size_t nr = 0;

	put(b, "\n");
	put_guard(b, call, true);
	if (call->traps.n) {
		put(b, "/*\n");
		put_traps(b, call);
		put(b, " */\n");
	}
	put_prototype(b, call, ")");
	put(b, "\n{\n");
	put_pairs(b, call);
	if (call->returns == RET_NORETURN)
		put(b, "\tfor (;;)\n");
	items[nr++] = format("SHIM_NR_%s", call->name);
	if (call->has_order) {
		items[nr++] = ordered(call);
	} else {
		for (int i = 0; i < call->nr_args; i++)
			items[nr++] = c_argument(&call->args[i]);
	}
	for (int i = call->nr_args; i < MAX_ARGS; i++)
		items[nr++] = format("0");
	put_filled(b, format("\t%sCALL(", lead), items, nr, ");");
	put(b, "\n}\n");
	put_guard(b, call, false);
}

static void emit_source(void)
{
	struct buf *b = output("shim/zsys.c");

	put_head(b, NULL);
	put(b, "#include <shim/sys.h>\n\n#include \"sys_impl.h\"\n");
	for (size_t i = 0; i < model.calls.n; i++)
		if (in_c(&model.calls.v[i]))
			put_wrapper(b, &model.calls.v[i]);
}

static void put_order(struct buf *b, const struct call *call, int cpu)
{
	put(b, "#define ORDER_%s(", call->name);
	for (int i = 0; i < call->nr_args; i++)
		put(b, "%s%c", i ? ", " : "", 'a' + i);
	put(b, ") ");
	for (int i = 0; i < call->nr_args; i++)
		put(b, "%s%c", i ? ", " : "", 'a' + call->order[cpu][i]);
	put(b, "\n");
}

static void emit_numbers(int cpu)
{
	struct buf *b = output(format("asm/%s/znr.h", cpus[cpu].name));
	bool orders = false;

	put_head(b, "Call numbers, for asm too.");
	put(b, "#ifndef SHIM_ZNR_H\n#define SHIM_ZNR_H\n%s",
	    model.calls.n ? "\n" : "");
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];

		if (call_on(call, cpu))
			put(b, "#define SHIM_NR_%s %d\n", call->name,
			    (int)call->nr[cpu]);
		orders |= call->has_order;
	}
	if (orders)
		put(b,
		    "\n/* The order in which this CPU takes arguments. */\n");
	for (size_t i = 0; i < model.calls.n; i++)
		if (model.calls.v[i].has_order &&
		    call_on(&model.calls.v[i], cpu))
			put_order(b, &model.calls.v[i], cpu);
	put(b, "\n#endif\n");
}

void emit_c(void)
{
	emit_header();
	emit_source();
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		emit_numbers(cpu);
}
