/* SPDX-License-Identifier: MIT */
/* The Go wrappers. */
#include <string.h>

#include "gen.h"

#define GO_DIR "gobind/sys/"

/* cpu ANY_CPU: a file for all of them. */
void put_go_head(struct buf *b, int cpu, const char *package,
		 const char *imports)
{
	put(b, "// %s\n\n//go:build linux && ", GENERATED);
	if (cpu == ANY_CPU) {
		put(b, "(");
		for (int i = 0; i < NR_CPUS; i++)
			put(b, "%s%s", i ? " || " : "", cpus[i].go);
		put(b, ")");
	} else {
		put(b, "%s", cpus[cpu].go);
	}
	put(b, "\n\npackage %s\n", package);
	if (imports)
		put(b, "\n%s", imports);
}

static bool is_taken(const struct call *call, const char *name)
{
	if (call->result && strcmp(call->result, name) == 0)
		return true;
	for (int i = 0; i < call->nr_params; i++)
		if (strcmp(call->params[i].name, name) == 0)
			return true;
	return false;
}

/* The locals' names, out of the signature's way. */
static const char *local_r(const struct call *call)
{
	return is_taken(call, "r") ? "r0" : "r";
}

static const char *local_e(const struct call *call)
{
	return is_taken(call, "e") ? "errno" : "e";
}

/* The buffer whose length this argument is, when Go has a slice for it. */
static const struct param *slice_of(const struct call *call, int len)
{
	for (int i = 0; i < call->nr_args; i++) {
		const struct param *p = go_param_of(call, i);

		if (call->args[i].len == len && p &&
		    starts_with(go_param_type(call, p), "[]"))
			return p;
	}
	return NULL;
}

static const char *integer(const char *name, const char *type)
{
	return strcmp(type, "uintptr") ? format("uintptr(%s)", name) : name;
}

static char *slice_length(const struct call *call, const struct param *p)
{
	if (call->args[p->arg].len_bytes &&
	    strcmp(go_param_type(call, p), "[]byte"))
		return format("uintptr(len(%s))*unsafe.Sizeof(%s[0])", p->name,
			      p->name);
	return format("uintptr(len(%s))", p->name);
}

static const char *go_argument(const struct call *call, int arg)
{
	const struct arg *a = &call->args[arg];
	const struct param *p = go_param_of(call, arg), *slice;
	const char *type;

	if (a->is_constant && a->constant < 0)
		return format("%#llx", (unsigned long long)a->constant);
	if (a->is_constant)
		return format("%lld", (long long)a->constant);
	if (a->sizeof_arg >= 0)
		return format("unsafe.Sizeof(*%s)",
			      go_param_of(call, a->sizeof_arg)->name);
	if (!p) {
		slice = slice_of(call, arg);
		return slice_length(call, slice);
	}
	type = go_param_type(call, p);
	if (a->packed_size)
		return "uintptr(unsafe.Pointer(&pair))";
	if (!strcmp(type, "string"))
		return format("uintptr(unsafe.Pointer(%sPtr))", p->name);
	if (starts_with(type, "[]"))
		return format("uintptr(unsafe.Pointer(base(%s)))", p->name);
	if (*type == '*')
		return format("uintptr(unsafe.Pointer(%s))", p->name);
	return integer(p->name, type);
}

static const char *result_type(const struct call *call)
{
	if (call->result_type)
		return call->result_type;
	return call->returns == RET_POINTER ? "unsafe.Pointer" : "int";
}

static const char *result_name(const struct call *call)
{
	static const char *const names[] = {
		[RET_FD] = "fd",	  [RET_COUNT] = "n",
		[RET_POINTER] = "ret",	  [RET_VALUE] = "val",
		[RET_INFALLIBLE] = "val",
	};

	return call->result ? call->result : names[call->returns];
}

bool go_has_result(const struct call *call)
{
	return call->returns != RET_NOTHING && call->returns != RET_NORETURN &&
	       !call->drops_result;
}

static void put_params(struct buf *b, const struct call *call)
{
	for (int i = 0; i < call->nr_params; i++) {
		const struct param *p = &call->params[i];
		const char *type = go_param_type(call, p);
		bool same = i + 1 < call->nr_params &&
			    !strcmp(type, go_param_type(call, p + 1));

		put(b, "%s%s%s%s", i ? ", " : "", p->name, same ? "" : " ",
		    same ? "" : type);
	}
}

void put_signature(struct buf *b, const struct call *call)
{
	put(b, "func %s(", call->go_name);
	put_params(b, call);
	put(b, ")");
	if (call->returns == RET_INFALLIBLE && go_has_result(call))
		put(b, " (%s %s)", result_name(call), result_type(call));
	else if (go_has_result(call))
		put(b, " (%s %s, err error)", result_name(call),
		    result_type(call));
	else if (call->returns != RET_NORETURN &&
		 call->returns != RET_INFALLIBLE)
		put(b, " error");
}

static const char *failed(const struct call *call)
{
	if (!go_has_result(call))
		return "";
	if (!strcmp(result_type(call), "uintptr"))
		return "^uintptr(0), ";
	return call->returns == RET_POINTER ? "nil, " : "-1, ";
}

static void put_strings(struct buf *b, const struct call *call)
{
	for (int i = 0; i < call->nr_params; i++) {
		const struct param *p = &call->params[i];

		if (strcmp(go_param_type(call, p), "string"))
			continue;
		put(b, "\tvar %sBuf stringBuf\n", p->name);
		put(b, "\t%sPtr, err := cstring(&%sBuf, %s)\n", p->name,
		    p->name, p->name);
		put(b, "\tif err != nil {\n\t\treturn %serr\n\t}\n",
		    failed(call));
	}
}

static void put_pair(struct buf *b, const struct call *call)
{
	for (int i = 0; i < call->nr_params; i++) {
		const struct param *p = &call->params[i];
		const struct arg *a = &call->args[p->arg];

		if (a->packed_size)
			put(b,
			    "\tpair := struct {\n\t\tp    %s\n"
			    "\t\tsize uintptr\n\t}{%s, %d}\n",
			    go_param_type(call, p), p->name,
			    (int)a->packed_size);
	}
}

/* syscall.Syscall(SYS_X, ...) */
static void put_syscall(struct buf *b, const struct call *call, int cpu)
{
	int room = call->nr_args <= 3 ? 3 : 6;

	put(b, "syscall.%sSyscall%s(SYS_%s",
	    strcmp(call->blocks, "no") ? "" : "Raw", room == 3 ? "" : "6",
	    upper(call->name));
	for (int i = 0; i < call->nr_args; i++)
		put(b, ", %s",
		    go_argument(call,
				call->order[cpu == ANY_CPU ? 0 : cpu][i]));
	for (int i = call->nr_args; i < room; i++)
		put(b, ", 0");
	put(b, ")\n");
}

static const char *go_result(const struct call *call)
{
	const char *type = result_type(call), *r = local_r(call);

	if (!strcmp(type, "unsafe.Pointer"))
		return format("*(*unsafe.Pointer)(unsafe.Pointer(&%s))", r);
	return strcmp(type, "uintptr") ? format("%s(%s)", type, r) : r;
}

/* The result counts elements of this slice. */
static bool counted(const struct call *call, const struct param *p)
{
	const struct arg *a = &call->args[p->arg];

	if (call->returns != RET_COUNT || !go_has_result(call))
		return false;
	return a->dir == OUT || !strcmp(go_param_type(call, p), "[]byte");
}

/* Mark the bytes of the slice that the kernel has touched. */
static void put_range(struct buf *b, const struct call *call,
		      const struct param *p)
{
	const struct arg *a = &call->args[p->arg];
	const char *hook = a->dir == IN ? "raceReadRange" : "raceWriteRange";
	const char *condition, *n;

	if (!counted(call, p)) {
		condition = format("len(%s) > 0", p->name);
		n = format("len(%s)", p->name);
	} else if (call->beyond) {
		condition = format("k := min(int(%s), len(%s)); k > 0",
				   local_r(call), p->name);
		n = "k";
	} else {
		condition = format("%s > 0", local_r(call));
		n = format("int(%s)", local_r(call));
	}
	if (strcmp(go_param_type(call, p), "[]byte") &&
	    !(counted(call, p) && a->len_bytes))
		n = format("%s*int(unsafe.Sizeof(%s[0]))", n, p->name);
	put(b, "\t\tif %s {\n\t\t\t%s(unsafe.Pointer(&%s[0]), %s)\n\t\t}\n",
	    condition, hook, p->name, n);
}

static void put_race(struct buf *b, const struct call *call)
{
	struct buf body = { 0 };

	for (int i = 0; i < call->nr_params; i++)
		if (starts_with(go_param_type(call, &call->params[i]), "[]") &&
		    call->args[call->params[i].arg].dir)
			put_range(&body, call, &call->params[i]);
	if (call->race == RACE_ACQUIRE)
		put(&body, "\t\traceAcquire(unsafe.Pointer(&ioSync))\n");
	if (body.len)
		put(b, "\tif raceenabled {\n%s\t}\n", body.s);
}

static void put_body(struct buf *b, const struct call *call, int cpu)
{
	const char *r = go_has_result(call) ? local_r(call) : "_";
	bool uses_r;

	put_strings(b, call);
	put_pair(b, call);
	if (call->race == RACE_RELEASE)
		put(b, "\tif raceenabled {\n\t\traceReleaseMerge("
		       "unsafe.Pointer(&ioSync))\n\t}\n");
	put(b, "\t");
	if (call->returns == RET_NORETURN ||
	    (call->returns == RET_INFALLIBLE && !go_has_result(call))) {
		put_syscall(b, call, cpu);
		return;
	}
	if (call->returns == RET_INFALLIBLE) {
		put(b, "%s, _, _ := ", r);
		put_syscall(b, call, cpu);
		put(b, "\treturn %s\n", go_result(call));
		return;
	}
	uses_r = go_has_result(call);
	put(b, "%s, _, %s := ", uses_r ? r : "_", local_e(call));
	put_syscall(b, call, cpu);
	put(b, "\tif %s != 0 {\n\t\treturn %s%s\n\t}\n", local_e(call),
	    failed(call), local_e(call));
	put_race(b, call);
	if (uses_r)
		put(b, "\treturn %s, nil\n", go_result(call));
	else
		put(b, "\treturn nil\n");
}

/* A function of package syscall, whose types are ours by another name. */
static void put_via(struct buf *b, const struct call *call)
{
	put(b, "\treturn syscall.%s(", call->go_hand);
	for (int i = 0; i < call->nr_params; i++) {
		const struct param *p = &call->params[i];
		bool converted = call->args[p->arg].structure &&
				 *go_param_type(call, p) == '*';

		if (i)
			put(b, ", ");
		if (converted)
			put(b, "(*syscall.%s)(%s)", go_param_type(call, p) + 1,
			    p->name);
		else
			put(b, "%s", p->name);
	}
	put(b, ")\n");
}

static void put_twin(struct buf *b, const struct call *call)
{
	const struct call *twin = find_call(call->twin);

	put(b, "\treturn %s(", twin->go_name);
	for (size_t i = 0; i < call->twin_args.n; i++) {
		const char *value = call->twin_args.v[i];

		for (int j = 0; j < call->nr_params; j++) {
			if (!strcmp(call->params[j].arg_name, value)) {
				value = call->params[j].name;
				break;
			}
		}
		put(b, "%s%s", i ? ", " : "", value);
	}
	put(b, ")\n");
}

static void put_paragraph(struct buf *b, const char *text)
{
	put(b, "//\n");
	put_wrapped(b, "// ", text);
}

/* A uintptr of it may have been a pointer in the expression of the caller. */
static bool takes_word(const struct call *call)
{
	for (int i = 0; i < call->nr_args; i++)
		if (!strcmp(call->args[i].type_name, "word"))
			return true;
	return false;
}

static void put_doc(struct buf *b, const struct call *call)
{
	enum { FLOOR = 256 * 4 + 18 };
	const char *what;

	if (call->go == GO_VIA)
		what = format("%s is syscall.%s: %s.", call->go_name,
			      call->go_hand, call->doc);
	else if (call->go == GO_RAW)
		what = format("%s calls %s with pointers and lengths, as the "
			      "kernel takes them: %s. %s is the usual form.",
			      call->go_name, call->man, call->doc,
			      call->go_hand);
	else if (call->twin)
		what = format("%s does what %s does, by %s: %s.", call->go_name,
			      call->man, call->twin, call->doc);
	else
		what = format("%s calls %s: %s.", call->go_name, call->man,
			      call->doc);
	put(b, "\n");
	put_wrapped(b, "// ", what);
	if (call->since > FLOOR)
		put_paragraph(b,
			      format("Linux %s and later.", call->since_text));
	for (size_t i = 0; i < call->traps.n; i++)
		put_paragraph(b, with_names(call, call->traps.v[i], true));
	if (call->per_thread)
		put_paragraph(b, "It acts on the calling thread only: needs "
				 "runtime.LockOSThread.");
	if (call->go == GO_UNSAFE)
		put_paragraph(b, format("Unsafe: %s", call->go_reason));
	if (takes_word(call))
		put(b, "//\n//go:uintptrescapes\n");
}

static void put_go_call(struct buf *b, const struct call *call, int cpu)
{
	put_doc(b, call);
	put_signature(b, call);
	put(b, " {\n");
	if (call->go == GO_VIA)
		put_via(b, call);
	else if (call->twin)
		put_twin(b, call);
	else
		put_body(b, call, cpu);
	put(b, "}\n");
}

/* In the file of a CPU stand calls that others lack or take otherwise. */
static bool in_cpu_file(const struct call *call)
{
	return call->has_order || (!on_all_cpus(call) && !call->twin);
}

static void emit_wrappers(int cpu)
{
	struct buf body = { 0 }, imports = { 0 }, *b;

	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];

		if (call->go == GO_NONE ||
		    in_cpu_file(call) != (cpu < ANY_CPU) ||
		    (cpu < ANY_CPU && !call_on(call, cpu)))
			continue;
		put_go_call(&body, call, cpu);
	}
	if (!body.len)
		return;
	if (strstr(body.s, "syscall.") && strstr(body.s, "unsafe."))
		put(&imports, "import (\n\t\"syscall\"\n\t\"unsafe\"\n)\n");
	else if (strstr(body.s, "syscall."))
		put(&imports, "import \"syscall\"\n");
	b = output(cpu == ANY_CPU
			   ? GO_DIR "zsys_linux.go"
			   : format(GO_DIR "zsys_linux_%s.go", cpus[cpu].go));
	put_go_head(b, cpu, "sys", imports.s);
	put_bytes(b, body.s, body.len);
}

static void emit_go_numbers(int cpu)
{
	struct buf *b;
	size_t longest = 0;

	for (size_t i = 0; i < model.calls.n; i++)
		if (call_on(&model.calls.v[i], cpu) &&
		    strlen(model.calls.v[i].name) > longest)
			longest = strlen(model.calls.v[i].name);
	if (!longest)
		return;
	b = output(format(GO_DIR "znr_linux_%s.go", cpus[cpu].go));
	put_go_head(b, cpu, "sys", NULL);
	put(b, "\n// Call numbers.\nconst (\n");
	for (size_t i = 0; i < model.calls.n; i++)
		if (call_on(&model.calls.v[i], cpu))
			put(b, "\tSYS_%-*s = %d\n", (int)longest,
			    upper(model.calls.v[i].name),
			    (int)model.calls.v[i].nr[cpu]);
	put(b, ")\n");
}

void emit_go(void)
{
	for (int cpu = 0; cpu <= ANY_CPU; cpu++)
		emit_wrappers(cpu);
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		emit_go_numbers(cpu);
}
