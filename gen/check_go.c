/* SPDX-License-Identifier: MIT */
/* What Go makes of a call: parameters, and the call it makes instead. */
#include <string.h>

#include "gen.h"

static bool is_slice(const struct call *call, int arg)
{
	const struct arg *a = &call->args[arg];

	for (int i = 0; i < call->nr_params; i++)
		if (call->params[i].arg == arg)
			return call->params[i].type
				       ? starts_with(call->params[i].type, "[]")
				       : a->len >= 0 && is_pointer(a);
	return false;
}

/* Go gives this argument without a parameter. */
static bool implied(const struct call *call, int arg)
{
	const struct arg *a = &call->args[arg];

	if (a->is_constant || a->sizeof_name)
		return true;
	for (int i = 0; i < call->nr_args; i++)
		if (call->args[i].len == arg && is_slice(call, i))
			return true;
	return false;
}

/* Words that Go or the generated code has a use for. */
static bool is_reserved(const struct call *call, const char *name)
{
	static const char *const words[] = {
		"err",	  "pair",      "type",	  "func",    "range",  "var",
		"chan",	  "map",       "select",  "defer",   "go",     "const",
		"import", "interface", "package", "syscall", "unsafe",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(name, words[i]))
			return true;
	for (int i = 0; i < call->nr_args; i++)
		if (is_slice(call, i) && !strcmp(name, "len"))
			return true;
	return call->result && !strcmp(call->result, name);
}

static void check_params(struct call *call)
{
	int given = 0;

	for (int i = 0; i < call->nr_params; i++) {
		struct param *p = &call->params[i];

		p->arg = find_arg(call, p->arg_name);
		if (p->arg < 0) {
			complain_arg(call, p->arg_at, "argument", p->arg_name);
			return;
		}
		if (given & 1 << p->arg)
			complain(p->arg_at,
				 "argument \"%s\" stands twice; "
				 "remove one",
				 p->arg_name);
		given |= 1 << p->arg;
	}
	for (int i = 0; i < call->nr_params; i++)
		if (is_reserved(call, call->params[i].name))
			complain(call->params[i].at,
				 "a parameter cannot be "
				 "called \"%s\"; write ANOTHER=%s",
				 call->params[i].name,
				 call->params[i].arg_name);
	for (int i = 0; i < call->nr_args; i++) {
		if (!(given & 1 << i) && !implied(call, i))
			complain(call->go_at,
				 "Go does not give the argument "
				 "\"%s\"; write a parameter \"%s\"",
				 call->args[i].name, call->args[i].name);
		if (given & 1 << i && implied(call, i))
			complain(call->go_at,
				 "the argument \"%s\" follows "
				 "from another; remove its "
				 "parameter",
				 call->args[i].name);
	}
}

static void check_twin(struct call *call)
{
	const struct call *twin = call->twin ? find_call(call->twin) : NULL;
	const char **names = xalloc(model.calls.n * sizeof(*names));
	int visible = 0;

	if (!call->twin)
		return;
	for (size_t i = 0; i < model.calls.n; i++)
		names[i] = model.calls.v[i].name;
	if (!twin) {
		complain_name(call->twin_at, "call", call->twin, names,
			      model.calls.n);
		return;
	}
	if (on_all_cpus(call))
		complain(call->twin_at,
			 "every CPU has %s; remove the line, or "
			 "write \"-\" for a number",
			 call->name);
	if (twin->go == GO_NONE || twin->go == GO_VIA)
		complain(call->twin_at,
			 "%s has no Go function; write another "
			 "twin",
			 call->twin);
	for (size_t i = 0; i < call->twin_args.n; i++) {
		const char *value = call->twin_args.v[i];
		int64_t n;

		if (find_arg(call, value) < 0 && !parse_int(value, &n) &&
		    !find_constant(value))
			complain_arg(call, call->twin_at, "value", value);
	}
	visible = twin->nr_params;
	if ((int)call->twin_args.n != visible)
		complain(call->twin_at,
			 "%s takes %d values in Go, not %d; "
			 "write a value for each",
			 call->twin, visible, (int)call->twin_args.n);
}

void check_go(struct call *call)
{
	if (call->go != GO_NONE && call->go != GO_UNSET)
		check_params(call);
	check_twin(call);
}
