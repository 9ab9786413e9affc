/* SPDX-License-Identifier: MIT */
/* What the specification says about a call, for people. */
#include <stdio.h>
#include <string.h>

#include "gen.h"

static const char *number(const struct call *call, int cpu)
{
	return call_on(call, cpu) ? format("%d", (int)call->nr[cpu]) : "-";
}

static int print(const struct buf *b)
{
	if (b->len)
		fwrite(b->s, 1, b->len, stdout);
	return fflush(stdout) ? 1 : 0;
}

static const char *go_name(const struct call *call)
{
	if (call->go == GO_NONE)
		return "-";
	return call->go == GO_RAW ? call->go_hand : call->go_name;
}

int list_calls(void)
{
	const struct call **calls = sorted_calls();
	struct buf b = { 0 };

	put(&b, "%-24s", "CALL");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(&b, " %7s", cpus[cpu].name);
	put(&b, "  %-7s %-8s %-18s %s\n", "SINCE", "BLOCKS", "GO", "DOES");
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = calls[i];

		put(&b, "%-24s", call->name);
		for (int cpu = 0; cpu < NR_CPUS; cpu++)
			put(&b, " %7s", number(call, cpu));
		put(&b, "  %-7s %-8s %-18s %s\n", call->since_text,
		    call->blocks, go_name(call), call->doc);
	}
	return print(&b);
}

/* How wide an integer is. */
static const char *width(const struct arg *a)
{
	if (a->sizeof_name)
		return format("the size of *%s", a->sizeof_name);
	return format("%d bits, %s", a->type->size * 8,
		      a->type->is_signed ? "signed" : "unsigned");
}

static const char *count_of(const struct arg *a)
{
	if (a->fixed)
		return format("[%d]", (int)a->fixed);
	if (!a->len_name)
		return "";
	return format("[%s%s]", a->len_name, a->len_bytes ? " bytes" : "");
}

static const char *pointer(const struct arg *a)
{
	static const char *const directions[] = {
		[IN] = "the kernel reads",
		[OUT] = "the kernel writes",
		[INOUT] = "the kernel reads and writes",
	};

	return format("pointer; %s %s%s", directions[a->dir], a->type_name,
		      count_of(a));
}

static const char *describe(const struct arg *a)
{
	const char *what;

	if (a->is_constant)
		return format("always %lld", (long long)a->constant);
	if (a->string)
		what = "pointer; the kernel reads a string";
	else if (a->dir)
		what = pointer(a);
	else if (a->handle)
		what = "address, which is not looked at";
	else
		what = width(a);
	if (a->packed_size)
		what = format("%s; in a pair with its size, %d", what,
			      (int)a->packed_size);
	return a->nullable ? format("%s; may be null", what) : what;
}

static void put_line(struct buf *b, const char *what, const char *text)
{
	put(b, "%-9s %s\n", what, text);
}

static void put_arguments(struct buf *b, const struct call *call)
{
	for (int i = 0; i < call->nr_args; i++)
		put(b, "%-9s %-12s %s\n", i ? "" : "arguments",
		    call->args[i].name, describe(&call->args[i]));
	if (call->has_order)
		for (int cpu = 0; cpu < NR_CPUS; cpu++) {
			put(b, "%-9s %s:", cpu ? "" : "order", cpus[cpu].name);
			for (int i = 0; i < call->nr_args; i++)
				put(b, " %s",
				    call->args[call->order[cpu][i]].name);
			put(b, "\n");
		}
}

/* A prototype, whose lines go on below its beginning. */
static void put_c(struct buf *b, const struct call *call)
{
	struct buf prototype = { 0 };
	const char *p;

	if (call->c == C_NONE) {
		put_line(b, "C", format("none: %s", call->c_reason));
		return;
	}
	if (call->c == C_ASM) {
		put_line(b, "C", format("shim_%s of <shim/sys.h>", call->name));
		put_line(b, "", format("in assembly: %s", call->c_reason));
		return;
	}
	put_prototype(&prototype, call, ");");
	put(b, "%-9s ", "C");
	for (p = prototype.s; *p; p += strspn(p, "\n\t ")) {
		size_t n = strcspn(p, "\n");

		put(b, "%s%.*s\n", p == prototype.s ? "" : "              ",
		    (int)n, p);
		p += n;
	}
}

static void put_go(struct buf *b, const struct call *call, const char *root)
{
	struct buf signature = { 0 };

	if (call->go == GO_NONE) {
		put_line(b, "Go", format("none: %s", call->go_reason));
		return;
	}
	put_signature(&signature, call);
	put_line(b, "Go", signature.s);
	if (call->go == GO_RAW)
		put_line(b, "", hand_written(root, call->go_hand));
	if (call->go == GO_VIA)
		put_line(b, "",
			 format("by syscall.%s: the Go runtime must know",
				call->go_hand));
	if (call->go == GO_UNSAFE)
		put_line(b, "", format("unsafe: %s", call->go_reason));
	if (call->twin)
		put_line(b, "",
			 format("by %s, which every CPU has", call->twin));
}

static const char *result(const struct call *call)
{
	static const char *const kinds[] = {
		[RET_FD] = "a descriptor",
		[RET_COUNT] = "a count",
		[RET_POINTER] = "an address",
		[RET_VALUE] = "a value",
		[RET_NOTHING] = "0",
		[RET_NORETURN] = "never",
		[RET_INFALLIBLE] = "a value; it never fails",
	};

	return format("%s%s%s", kinds[call->returns],
		      call->lookalike ? "; good results may look like errors"
				      : "",
		      call->beyond ? "; the count may exceed the buffer" : "");
}

static const char *waited_for(const struct call *call)
{
	if (!strcmp(call->blocks, "no"))
		return "nothing: RawSyscall in Go";
	return strcmp(call->blocks, "any") ? call->blocks : "anything";
}

static const char *interruption(const struct call *call)
{
	static const char *const meanings[][2] = {
		{ "never", "never" },
		{ "retry", "nothing was done: make the call again" },
		{ "timeout", "make the call again with the time left" },
		{ "final", "it was done: never make it again" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (!strcmp(meanings[i][0], call->eintr))
			return meanings[i][1];
	return call->eintr;
}

static void put_notes(struct buf *b, const struct call *call)
{
	if (call->per_thread)
		put_line(b, "thread",
			 "acts on the calling thread: Go needs LockOSThread");
	for (size_t i = 0; i < call->traps.n; i++) {
		struct buf note = { 0 };

		put_wrapped(&note, "          ",
			    with_names(call, call->traps.v[i], false));
		put(b, "%-9s %s", i ? "" : "notes", note.s + 10);
	}
}

static void put_call(struct buf *b, const struct call *call, const char *root)
{
	put(b, "%s: %s\n", call->man, call->doc);
	put(b, "%-9s", "number");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, "%s %s %s", cpu ? "," : "", cpus[cpu].name,
		    number(call, cpu));
	put(b, "\n");
	put_line(b, "since", format("Linux %s", call->since_text));
	put_line(b, "libc", strcmp(call->libc, "-") ? call->libc : "none");
	put_c(b, call);
	put_go(b, call, root);
	put_arguments(b, call);
	put_line(b, "returns", result(call));
	put_line(b, "waits for", waited_for(call));
	put_line(b, "EINTR", interruption(call));
	put_notes(b, call);
}

static int unknown(const char *name)
{
	const char **names = xalloc(model.calls.n * sizeof(*names));
	size_t nr = model.calls.n;

	for (size_t i = 0; i < nr; i++)
		names[i] = model.calls.v[i].name;
	fprintf(stderr, "gen: unknown call \"%s\"; ", name);
	/* The nearest, and then those that are nearest without it. */
	for (int found = 0; found < 3; found++) {
		const char *near = nearest(name, names, nr);

		if (!near) {
			fputs(found ? "" : "\"gen list\" prints all", stderr);
			break;
		}
		fprintf(stderr, "%s %s", found ? "," : "near it:", near);
		for (size_t i = 0; i < nr; i++)
			if (names[i] == near)
				names[i] = names[--nr];
	}
	fputs("\n", stderr);
	return 1;
}

int explain_call(const char *root, const char *name)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];

		if (strcmp(call->name, name))
			continue;
		put_call(&b, call, root);
		return print(&b);
	}
	return unknown(name);
}
