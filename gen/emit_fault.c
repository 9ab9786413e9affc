/* SPDX-License-Identifier: MIT */
/*
 * tests/zsys_calls.h: every C wrapper called with a poison value in each
 * argument, and what must arrive in the registers of the call.
 */
#include <string.h>

#include "gen.h"

static bool tested(const struct call *call)
{
	return in_c(call) && call->returns != RET_NORETURN;
}

static const char *cast(const struct arg *a)
{
	if (a->dir || a->handle)
		return "void *";
	return a->type->c;
}

static void put_caller(struct buf *b, const struct call *call)
{
	char *items[MAX_ARGS];
	size_t nr = 0;

	for (int i = 0; i < call->nr_args; i++) {
		const struct arg *a = &call->args[i];

		if (!a->is_constant)
			items[nr++] = format("(%s)%c", cast(a), 'A' + i);
	}
	if (!nr)
		items[nr++] = format("%s", "");
	put(b, "\nstatic long call_%s(void)\n{\n", call->name);
	put_filled(b,
		   format("\treturn %sshim_%s(",
			  call->returns == RET_POINTER ? "(long)" : "",
			  call->name),
		   items, nr, ");");
	put(b, "\n}\n");
}

static char *expected(const struct arg *a, int i)
{
	if (a->is_constant)
		return format("%lld", (long long)a->constant);
	if (a->packed_size)
		return format("PAIR");
	if (!a->dir && !a->handle && !a->string && a->type->size == 4)
		return format("(long)(%s)%c",
			      a->type->is_signed ? "int" : "unsigned", 'A' + i);
	return format("(long)%c", 'A' + i);
}

static void put_row(struct buf *b, const struct call *call)
{
	put(b, "\t{ \"%s\", SHIM_NR_%s, call_%s, { ", call->name, call->name,
	    call->name);
	if (call->has_order)
		put(b, "ORDER_%s(", call->name);
	for (int i = 0; i < call->nr_args; i++)
		put(b, "%s%s", i ? ", " : "", expected(&call->args[i], i));
	put(b, "%s%s }, %d },\n", call->has_order ? ")" : "",
	    call->nr_args ? "" : "0", call->returns == RET_POINTER);
}

static void put_guarded(struct buf *b, const struct call *call,
			void (*print)(struct buf *, const struct call *))
{
	bool guarded = !on_all_cpus(call);

	if (!tested(call))
		return;
	if (guarded)
		put(b, "#ifdef SHIM_NR_%s\n", call->name);
	print(b, call);
	if (guarded)
		put(b, "#endif\n");
}

void emit_fault(void)
{
	struct buf *b = output("tests/zsys_calls.h");

	put(b,
	    "/* %s */\n/* SPDX-License-Identifier: MIT */\n"
	    "/* Every wrapper with poison in each argument, for sys_fault.c."
	    " */\n"
	    "#ifndef ZSYS_CALLS_H\n#define ZSYS_CALLS_H\n\n"
	    "#include <shim/sys.h>\n\n#include \"znr.h\"\n\n"
	    "/* Both halves are negative: a wrong width shows. */\n",
	    GENERATED);
	for (int i = 0; i < MAX_ARGS; i++)
		put(b, "#define %c 0x8%d0000008%d000001UL\n", 'A' + i, i, i);
	put(b, "\n/* In place of the address of a {pointer, size}. */\n"
	       "#define PAIR 0x5041495250414952L\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put_guarded(b, &model.calls.v[i], put_caller);
	put(b, "\nstruct wrapper {\n\tconst char *name;\n\tlong nr;\n"
	       "\tlong (*call)(void);\n\tlong args[6];\n\tint pointer;\n};\n\n"
	       "/* clang-format off */\n"
	       "static const struct wrapper wrappers[] = {\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put_guarded(b, &model.calls.v[i], put_row);
	put(b, "};\n/* clang-format on */\n\n#endif\n");
}
