/* SPDX-License-Identifier: MIT */
/*
 * For tests/equal: a call of every wrapper in C and in Go, whose arguments
 * come from a supervisor, and what the specification says of the call.
 */
#include <string.h>

#include "gen.h"

#define C_DIR "tests/equal/"
#define GO_DIR "gobind/internal/equal/"
#define PACKAGE_SYS "\"example.com/syshim/gobind/sys\""

/* A buffer is memory of the caller's; other addresses are only numbers. */
static bool is_buffer(const struct arg *a)
{
	return a->dir || (a->handle && a->len >= 0) ||
	       !strcmp(a->type_name, "cstrs");
}

static bool is_number(const struct arg *a)
{
	return !is_buffer(a) && !a->string;
}

/* The C wrapper can be called, and returns. */
static bool called_in_c(const struct call *call)
{
	return in_c(call) && call->returns != RET_NORETURN;
}

/* The mechanical form, which the generator knows all about. */
static bool called_in_go(const struct call *call)
{
	return call->go != GO_NONE && call->go != GO_VIA;
}

static char *c_value_of(const struct arg *a, int i)
{
	if (is_buffer(a) || a->string)
		return format("ptr(f, %d)", i);
	return format("(%s)f->v[%d]", a->handle ? "void *" : a->type->c, i);
}

static void put_c_case(struct buf *b, const struct call *call)
{
	const char *lead = call->returns == RET_POINTER ? "(long)" : "";
	char *items[MAX_ARGS];
	size_t nr = 0;

	put(b, "static long case_%s(%sstruct frame *f)\n{\n", call->name, "");
	for (int i = 0; i < call->nr_args; i++)
		if (!call->args[i].is_constant)
			items[nr++] = c_value_of(&call->args[i], i);
	if (!nr) {
		put(b, "\t(void)f;\n");
		items[nr++] = format("%s", "");
	}
	put_filled(b, format("\treturn %sshim_%s(", lead, call->name), items,
		   nr, ");");
	put(b, "\n}\n");
}

static void put_c_entry(struct buf *b, const struct call *call)
{
	put(b, "\t{ \"%s\", case_%s },\n", call->name, call->name);
}

static void put_guarded(struct buf *b, const struct call *call,
			const char *lead,
			void (*print)(struct buf *, const struct call *))
{
	bool guarded = !on_all_cpus(call);

	if (!called_in_c(call))
		return;
	put(b, "%s", lead);
	if (guarded)
		put(b, "#ifdef SHIM_NR_%s\n", call->name);
	print(b, call);
	if (guarded)
		put(b, "#endif\n");
}

static void put_c_head(struct buf *b, const char *guard, const char *what)
{
	put(b,
	    "/* %s */\n/* SPDX-License-Identifier: MIT */\n/* %s */\n"
	    "#ifndef %s\n#define %s\n\n",
	    GENERATED, what, guard, guard);
}

static void emit_c_cases(void)
{
	struct buf *b = output(C_DIR "zcases.h");

	put_c_head(b, "ZCASES_H",
		   "Every C wrapper, called with what is in a frame.");
	put(b, "#include <shim/sys.h>\n\n#include \"caller.h\"\n"
	       "#include \"znr.h\"\n\n/* clang-format off */\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put_guarded(b, &model.calls.v[i], "\n", put_c_case);
	put(b, "\nstatic const struct c_case cases[] = {\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put_guarded(b, &model.calls.v[i], "", put_c_entry);
	put(b, "\t{ NULL, NULL },\n};\n/* clang-format on */\n\n#endif\n");
}

/* Types of package sys begin with a capital. */
static char *qualified(const char *type)
{
	size_t n = strspn(type, "*[]0123456789");
	bool ours = type[n] >= 'A' && type[n] <= 'Z';

	return format("%.*s%s%s", (int)n, type, ours ? "sys." : "", type + n);
}

static char *go_value_of(const struct call *call, const struct param *p)
{
	const struct arg *a = &call->args[p->arg];
	const char *type = go_param_type(call, p);

	if (!strcmp(type, "string"))
		return format("f.str(%d)", p->arg);
	if (starts_with(type, "[]"))
		return format("slice[%s](f, %d, %d)", qualified(type + 2),
			      p->arg, a->len);
	if (*type == '*')
		return format("(%s)(f.%s(%d))", qualified(type),
			      is_number(a) ? "addr" : "ptr", p->arg);
	if (!strcmp(type, "unsafe.Pointer"))
		return format("f.%s(%d)", is_number(a) ? "addr" : "ptr",
			      p->arg);
	return format("%s(f.v[%d])", type, p->arg);
}

static void put_go_case(struct buf *b, const struct call *call)
{
	struct buf args = { 0 };

	put(&args, "sys.%s(", call->go_name);
	for (int i = 0; i < call->nr_params; i++)
		put(&args, "%s%s", i ? ", " : "",
		    go_value_of(call, &call->params[i]));
	put(&args, ")");
	put(b, "\t\"%s\": func(f *frame) (int64, error) {\n", call->go_name);
	if (call->returns == RET_NORETURN ||
	    (call->returns == RET_INFALLIBLE && !go_has_result(call)))
		put(b, "\t\t%s\n\t\treturn 0, nil\n", args.s);
	else if (call->returns == RET_INFALLIBLE)
		put(b, "\t\treturn int64(%s), nil\n", args.s);
	else if (!go_has_result(call))
		put(b, "\t\treturn 0, %s\n", args.s);
	else if (call->returns == RET_POINTER)
		put(b, "\t\treturn address(%s)\n", args.s);
	else
		put(b, "\t\treturn result(%s)\n", args.s);
	put(b, "\t},\n");
}

static void emit_go_cases(int cpu)
{
	struct buf body = { 0 }, imports = { 0 }, *b;

	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];
		bool apart = !on_all_cpus(call) && !call->twin;

		if (called_in_go(call) && apart == (cpu < ANY_CPU) &&
		    (!apart || call_on(call, cpu)))
			put_go_case(&body, call);
	}
	if (!body.len)
		return;
	if (strstr(body.s, "syscall."))
		put(&imports,
		    "import (\n\t\"syscall\"\n\n\t" PACKAGE_SYS "\n)\n");
	else
		put(&imports, "import " PACKAGE_SYS "\n");
	b = output(cpu == ANY_CPU
			   ? GO_DIR "zcases_linux.go"
			   : format(GO_DIR "zcases_linux_%s.go", cpus[cpu].go));
	put_go_head(b, cpu, "main", imports.s);
	put(b, "\n%s(map[string]func(*frame) (int64, error){\n",
	    cpu == ANY_CPU ? "// cases calls the mechanical wrappers with what "
			     "is in a frame.\nvar cases = table"
			   : "// Only this CPU has these.\nvar _ = also");
	put_bytes(b, body.s, body.len);
	put(b, "})\n");
}

static int64_t element_size(const struct arg *a, int cpu)
{
	const struct structure *s = a->structure;

	if (!strcmp(a->type_name, "cstrs"))
		return 8;
	if (a->handle && !a->dir)
		return 1;
	if (s && per_cpu_structure(s))
		s = find_structure(s->name, cpu);
	return s ? s->top.size[cpu] : a->type->size ? a->type->size : 1;
}

/* Go's parameter is extended to a register in another way than the kernel's. */
static bool is_loose(const struct call *call, int i)
{
	const struct param *p = go_param_of(call, i);

	return p && call->args[i].type && call->args[i].type->is_signed &&
	       starts_with(go_param_type(call, p), "uint");
}

static void put_argument(struct buf *b, const struct call *call, int i)
{
	static const char *const dirs[] = { "IN", "IN", "OUT", "INOUT" };
	const struct arg *a = &call->args[i];
	const struct param *p = go_param_of(call, i);

	put(b, "\t\t{ .name = \"%s\", ", a->name);
	if (a->is_constant) {
		put(b, ".kind = CONSTANT, .value = %lld },\n",
		    (long long)a->constant);
		return;
	}
	if (a->string) {
		put(b, ".kind = STRING%s },\n",
		    p && strcmp(go_param_type(call, p), "string")
			    ? ", .unchecked = 1"
			    : "");
		return;
	}
	if (!is_buffer(a)) {
		put(b, ".kind = VALUE, .size = %d%s", a->type->size,
		    a->type->is_signed ? ", .sign = 1" : "");
		if (a->sizeof_arg >= 0)
			put(b, ", .size_of = %d", a->sizeof_arg + 1);
		if (is_loose(call, i))
			put(b, ", .loose = 1");
		put(b, " },\n");
		return;
	}
	put(b, ".kind = %s, .dir = %s, .elem = { %d, %d }",
	    a->packed_size ? "PAIR" : "BUFFER", dirs[a->dir],
	    (int)element_size(a, X86_64), (int)element_size(a, AARCH64));
	if (a->len >= 0)
		put(b, ", .len = %d%s", a->len + 1,
		    a->len_bytes ? ", .len_bytes = 1" : "");
	if (a->fixed)
		put(b, ", .count = %d", (int)a->fixed);
	if (a->packed_size)
		put(b, ", .value = %d", (int)a->packed_size);
	if (a->nullable)
		put(b, ", .nullable = 1");
	if (p && starts_with(go_param_type(call, p), "[]"))
		put(b, ", .slice = 1");
	put(b, " },\n");
}

static void put_order(struct buf *b, const struct call *call)
{
	put(b, "\t  .reordered = 1, .order = {");
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		put(b, "%s {", cpu ? "," : "");
		for (int i = 0; i < call->nr_args; i++)
			put(b, "%s %d", i ? "," : "", call->order[cpu][i]);
		put(b, " }");
	}
	put(b, " },\n");
}

/* The argument of call that its twin gives to the kernel as argument k. */
static int twin_source(const struct call *call, const struct call *twin, int k)
{
	const struct param *p = go_param_of(twin, k);
	const char *value;

	if (!p) {
		/* The length of a slice, which has its own here. */
		for (int i = 0; i < twin->nr_args; i++)
			if (twin->args[i].len == k)
				return call->args[twin_source(call, twin, i)]
					.len;
		return -1;
	}
	value = call->twin_args.v[p - twin->params];
	for (int i = 0; i < call->nr_args; i++)
		if (!strcmp(call->args[i].name, value))
			return i;
	return -1;
}

static int64_t twin_constant(const struct call *call, const struct call *twin,
			     int k)
{
	const struct param *p = go_param_of(twin, k);
	const struct constant *constant;
	const char *value;
	int64_t n;

	if (!p)
		return twin->args[k].constant;
	value = call->twin_args.v[p - twin->params];
	constant = find_constant(value);
	if (constant)
		return constant->value[0];
	return parse_int(value, &n) ? n : 0;
}

/* What Go makes of a call that not every CPU has. */
static void put_twin_row(struct buf *b, const struct call *call)
{
	const struct call *twin = find_call(call->twin);

	put(b, "\t  .twin = { %d, %d }, .nr_twin = %d, .from = {",
	    (int)twin->nr[X86_64], (int)twin->nr[AARCH64], twin->nr_args);
	for (int k = 0; k < twin->nr_args; k++) {
		int i = twin_source(call, twin, k);

		if (i >= 0)
			put(b, " { %d },", i + 1);
		else
			put(b, " { 0, %lld },",
			    (long long)twin_constant(call, twin, k));
	}
	put(b, " },\n");
}

static void put_row(struct buf *b, const struct call *call)
{
	static const char *const kinds[] = {
		[RET_FD] = "FD",
		[RET_COUNT] = "NUMBER",
		[RET_POINTER] = "POINTER",
		[RET_VALUE] = "NUMBER",
		[RET_NOTHING] = "NOTHING",
		[RET_INFALLIBLE] = "INFALLIBLE",
		[RET_NORETURN] = "NORETURN",
	};
	const char *hand = call->go == GO_RAW	? call->go_hand
			   : call->go == GO_VIA ? call->go_name
						: NULL;

	put(b, "\t{ .name = \"%s\", .nr = { %d, %d }, .returns = %s,\n",
	    call->name, (int)call->nr[X86_64], (int)call->nr[AARCH64],
	    kinds[call->returns]);
	put(b, "\t  .c = %s, .blocks = %d,",
	    call->c == C_NONE	? "NONE"
	    : called_in_c(call) ? "CALLED"
				: "ELSEWHERE",
	    strcmp(call->blocks, "no") != 0);
	if (called_in_go(call))
		put(b, " .go = \"%s\",", call->go_name);
	if (called_in_go(call) && call->returns != RET_NORETURN &&
	    !go_has_result(call))
		put(b, " .go_drops = 1,");
	if (hand)
		put(b, " .hand = \"%s\",", hand);
	put(b, "\n");
	if (call->twin)
		put_twin_row(b, call);
	if (call->has_order)
		put_order(b, call);
	put(b, "\t  .nr_args = %d, .args = {\n", call->nr_args);
	for (int i = 0; i < call->nr_args; i++)
		put_argument(b, call, i);
	put(b, "\t  } },\n");
}

static void emit_expectations(void)
{
	struct buf *b = output(C_DIR "ztable.h");

	put_c_head(
		b, "ZTABLE_H",
		"What the specification says of each call; x86_64, aarch64.");
	put(b, "#include \"table.h\"\n\n/* clang-format off */\n"
	       "static const struct call spec[] = {\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put_row(b, &model.calls.v[i]);
	put(b, "};\n/* clang-format on */\n\n#endif\n");
}

/* Which arguments are descriptors, or paths, a bit for each. */
static unsigned arguments(const struct call *call, bool paths)
{
	unsigned bits = 0;

	for (int i = 0; i < call->nr_args; i++)
		if (paths ? call->args[i].string
			  : !strcmp(call->args[i].type_name, "fd"))
			bits |= 1U << i;
	return bits;
}

static void emit_go_files(void)
{
	struct buf *b = output(GO_DIR "zfiles_linux.go");

	put_go_head(b, ANY_CPU, "main", NULL);
	put(b, "\n// files has the functions that take descriptors or paths, "
	       "and which of the\n// call's arguments these are, a bit for "
	       "each.\nvar files = []file{\n");
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];
		unsigned fds = arguments(call, false);
		unsigned paths = arguments(call, true);

		if (call->go == GO_NONE || !(fds | paths))
			continue;
		put(b, "\t{\"%s\", %#x, %#x},\n", call->go_name, fds, paths);
		if (call->go == GO_RAW)
			put(b, "\t{\"%s\", %#x, %#x},\n", call->go_hand, fds,
			    paths);
	}
	put(b, "}\n");
}

void emit_equal(void)
{
	emit_c_cases();
	emit_go_files();
	emit_expectations();
	for (int cpu = 0; cpu <= ANY_CPU; cpu++)
		emit_go_cases(cpu);
}
