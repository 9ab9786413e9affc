/* SPDX-License-Identifier: MIT */
/* The reference table, and the seccomp allow-list in OCI's format. */
#include <stdlib.h>
#include <string.h>

#include "gen.h"

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct call *const *)a)->name,
		      (*(const struct call *const *)b)->name);
}

const struct call **sorted_calls(void)
{
	const struct call **v = xalloc(model.calls.n * sizeof(const void *));

	for (size_t i = 0; i < model.calls.n; i++)
		v[i] = &model.calls.v[i];
	if (model.calls.n)
		qsort(v, model.calls.n, sizeof(*v), by_name);
	return v;
}

static const char *c_cell(const struct call *call)
{
	if (call->c == C_NONE)
		return format("none: %s", call->c_reason);
	return format("`shim_%s`", call->name);
}

static const char *go_cell(const struct call *call)
{
	if (call->go == GO_NONE)
		return format("none: %s", call->go_reason);
	if (call->go == GO_RAW)
		return format("`%s`, `%s`", call->go_hand, call->go_name);
	return format("`%s`%s", call->go_name,
		      call->go == GO_UNSAFE ? " (unsafe)" : "");
}

static void put_number(struct buf *b, int64_t nr)
{
	if (nr < 0)
		put(b, " | -");
	else
		put(b, " | %d", (int)nr);
}

/* Names that have a number and, on no kernel, a call. */
static void emit_reserved(struct buf *b)
{
	if (!model.reserved.n)
		return;
	put(b, "\n## Never there\n\nNo kernel of today has these calls.\n\n"
	       "| call | what it was");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, " | %s", cpus[cpu].name);
	put(b, " |\n|---|---");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, "|---");
	put(b, "|\n");
	for (size_t i = 0; i < model.reserved.n; i++) {
		const struct reserved *r = &model.reserved.v[i];

		put(b, "| %s | %s", r->name, r->what);
		for (int cpu = 0; cpu < NR_CPUS; cpu++)
			put_number(b, r->nr[cpu]);
		put(b, " |\n");
	}
}

static void emit_table(void)
{
	struct buf *b = output("gen/zreference.md");
	const struct call **calls = sorted_calls();

	put(b,
	    "<!-- %s -->\n\n# System calls\n\n"
	    "Blocks: what the call may wait for; only \"no\" is a RawSyscall "
	    "in Go.\nEINTR: never; retry (nothing was done); timeout (retry "
	    "with the time left);\nfinal (it was done: never again).\n\n"
	    "| call | libc | C | Go | since | blocks | EINTR",
	    GENERATED);
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, " | %s", cpus[cpu].name);
	put(b, " |\n|---|---|---|---|---|---|---");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, "|---");
	put(b, "|\n");
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = calls[i];

		put(b, "| %s | %s | %s | %s | %s | %s | %s", call->name,
		    call->libc, c_cell(call), go_cell(call), call->since_text,
		    call->blocks, call->eintr);
		for (int cpu = 0; cpu < NR_CPUS; cpu++)
			put_number(b, call->nr[cpu]);
		put(b, " |\n");
	}
	emit_reserved(b);
}

/* JSON has no comments; gen/README.md says where the file comes from. */
static void emit_allow_list(void)
{
	struct buf *b = output("gen/zseccomp.json");
	const struct call **calls = sorted_calls();

	put(b, "{\n\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
	       "\t\"defaultErrnoRet\": 38,\n\t\"architectures\": [\n");
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		put(b, "\t\t\"%s\"%s\n", cpus[cpu].oci,
		    cpu + 1 < NR_CPUS ? "," : "");
	put(b, "\t],\n\t\"syscalls\": [\n\t\t{\n\t\t\t\"names\": [\n");
	for (size_t i = 0; i < model.calls.n; i++)
		put(b, "\t\t\t\t\"%s\"%s\n", calls[i]->name,
		    i + 1 < model.calls.n ? "," : "");
	put(b, "\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ALLOW\"\n\t\t}\n"
	       "\t]\n}\n");
}

void emit_reference(void)
{
	emit_table();
	emit_allow_list();
}
