/* SPDX-License-Identifier: MIT */
/* Resolve the names of the model, and complain about what does not fit. */
#include <ctype.h>
#include <string.h>

#include "gen.h"

bool call_on(const struct call *call, int cpu)
{
	return call->nr[cpu] >= 0;
}

bool on_all_cpus(const struct call *call)
{
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		if (!call_on(call, cpu))
			return false;
	return true;
}

bool is_length(const struct call *call, int arg)
{
	for (int i = 0; i < call->nr_args; i++)
		if (call->args[i].len == arg)
			return true;
	return false;
}

const struct call *find_call(const char *name)
{
	for (size_t i = 0; i < model.calls.n; i++)
		if (!strcmp(model.calls.v[i].name, name))
			return &model.calls.v[i];
	return NULL;
}

const struct constant *find_constant(const char *name)
{
	for (size_t i = 0; i < model.groups.n; i++) {
		const struct group *g = &model.groups.v[i];

		for (size_t j = 0; j < g->constants.n; j++)
			if (strcmp(g->constants.v[j].name, name) == 0)
				return &g->constants.v[j];
	}
	return NULL;
}

static bool is_identifier(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

int find_arg(const struct call *call, const char *name)
{
	for (int i = 0; i < call->nr_args; i++)
		if (strcmp(call->args[i].name, name) == 0)
			return i;
	return -1;
}

void complain_arg(const struct call *call, struct loc at, const char *what,
		  const char *name)
{
	const char *names[MAX_ARGS];

	for (int i = 0; i < call->nr_args; i++)
		names[i] = call->args[i].name;
	complain_name(at, what, name, names, (size_t)call->nr_args);
}

bool is_pointer(const struct arg *a)
{
	return a->dir != NOT_POINTER;
}

static bool is_integer(const struct arg *a)
{
	return !is_pointer(a) && strcmp(a->type_name, "addr") &&
	       strcmp(a->type_name, "cstr") && strcmp(a->type_name, "cstrs");
}

static void complain_length(const struct call *call, struct loc at,
			    const char *name)
{
	const char *names[MAX_ARGS];
	size_t n = 0;

	for (int i = 0; i < call->nr_args; i++)
		if (is_integer(&call->args[i]))
			names[n++] = call->args[i].name;
	if (n)
		complain_name(at, "length of the buffer", name, names, n);
	else
		complain(at,
			 "unknown length of the buffer \"%s\"; write an "
			 "integer argument, or a number",
			 name);
}

static void check_length(struct call *call, struct arg *a)
{
	if (!a->len_name)
		return;
	if (!is_pointer(a) && !a->handle) {
		complain(a->len_at, "only a buffer has a length; write \"in\", "
				    "\"out\" or \"inout\" before the type");
		return;
	}
	if (parse_count(a->len_name, &a->fixed))
		return;
	if (isdigit((unsigned char)*a->len_name)) {
		complain(a->len_at, "the length is out of range; write a "
				    "number " COUNT_RANGE);
		return;
	}
	a->len = find_arg(call, a->len_name);
	if (a->len < 0)
		complain_length(call, a->len_at, a->len_name);
	else if (!is_integer(&call->args[a->len]))
		complain(a->len_at,
			 "\"%s\" is a pointer and no length; write "
			 "an integer argument",
			 a->len_name);
}

static void check_sizeof(struct call *call, struct arg *a)
{
	if (!a->sizeof_name)
		return;
	a->sizeof_arg = find_arg(call, a->sizeof_name);
	if (a->sizeof_arg < 0)
		complain_arg(call, a->sizeof_at, "argument in sizeof",
			     a->sizeof_name);
	else if (!is_pointer(&call->args[a->sizeof_arg]))
		complain(a->sizeof_at,
			 "\"%s\" is no pointer; write one that "
			 "points to a structure",
			 a->sizeof_name);
}

/* Words of C that could be taken for a name. */
static bool is_c_word(const char *name)
{
	static const char *const words[] = {
		"auto",	    "break",   "case",	   "char",    "const",
		"continue", "default", "do",	   "double",  "else",
		"enum",	    "extern",  "float",	   "for",     "goto",
		"if",	    "inline",  "int",	   "long",    "register",
		"restrict", "return",  "short",	   "signed",  "sizeof",
		"static",   "struct",  "switch",   "typedef", "union",
		"unsigned", "void",    "volatile", "while",   "asm",
		"typeof",   "linux",   "unix",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(name, words[i]))
			return true;
	return false;
}

static void check_arg(struct call *call, struct arg *a)
{
	if (!is_identifier(a->name))
		complain(a->at, "\"%s\" is no name; write \"arg NAME TYPE\"",
			 a->name);
	else if (is_c_word(a->name))
		complain(a->at, "\"%s\" is a word of C; write another name",
			 a->name);
	a->type = find_type(a->type_name);
	if (!a->type)
		a->structure = find_structure(a->type_name, ANY_CPU);
	if (!a->type && !a->structure) {
		complain_type(a->type_at, a->type_name);
		return;
	}
	a->string = !strcmp(a->type_name, "cstr");
	a->handle = !strcmp(a->type_name, "addr");
	if (!strcmp(a->type_name, "cstrs") &&
	    (call->go == GO_SAFE || call->go == GO_UNSAFE ||
	     call->go == GO_RAW))
		complain(a->type_at,
			 "Go cannot give a list of strings to the kernel; "
			 "write \"go via FUNCTION\" or \"go none\"");
	if (a->structure && !is_pointer(a))
		complain(a->type_at,
			 "a structure is passed by its address; "
			 "write \"in %s\", \"out %s\" or \"inout "
			 "%s\"",
			 a->type_name, a->type_name, a->type_name);
	if (a->nullable && !is_pointer(a) && !a->string && !a->handle)
		complain(a->type_at, "only a pointer can be null; remove "
				     "\"?\"");
	if (a->packed_size && !is_pointer(a))
		complain(a->type_at,
			 "a packed pair begins with a pointer; "
			 "write \"packed %d in %s\"",
			 (int)a->packed_size, a->type_name);
	check_length(call, a);
	check_sizeof(call, a);
}

static void check_numbers(struct call *call, size_t index)
{
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		if (!call_on(call, cpu))
			continue;
		for (size_t i = 0; i < model.absent[cpu].n; i++)
			if (!strcmp(model.absent[cpu].v[i], call->name))
				complain(call->nr_at[cpu],
					 "%s does not have %s; write \"-\"",
					 cpus[cpu].name, call->name);
		for (size_t i = 0; i < index; i++) {
			const struct call *other = &model.calls.v[i];

			if (other->nr[cpu] == call->nr[cpu])
				complain(call->nr_at[cpu],
					 "number %d on %s is that of %s "
					 "(%s:%d); write the number of %s",
					 (int)call->nr[cpu], cpus[cpu].name,
					 other->name, other->at.file,
					 other->at.line, call->name);
		}
	}
	for (size_t i = 0; i < model.reserved.n; i++) {
		const struct reserved *r = &model.reserved.v[i];

		if (!strcmp(r->name, call->name))
			complain(call->at,
				 "%s is reserved (%s:%d); remove one of both",
				 r->name, r->at.file, r->at.line);
		for (int cpu = 0; cpu < NR_CPUS; cpu++)
			if (call_on(call, cpu) && r->nr[cpu] == call->nr[cpu])
				complain(call->nr_at[cpu],
					 "number %d on %s is reserved for %s "
					 "(%s:%d); write the number of %s",
					 (int)r->nr[cpu], cpus[cpu].name,
					 r->name, r->at.file, r->at.line,
					 call->name);
	}
	if (call->nr[0] < 0 && call->nr[1] < 0)
		complain(call->at,
			 "no CPU has %s; write its number, or remove "
			 "the call",
			 call->name);
}

static void check_required(struct call *call)
{
	const struct {
		bool missing;
		const char *line;
	} lines[] = {
		{ !call->doc, "doc what it does" },
		{ !call->since, "since VERSION" },
		{ !call->returns, "returns KIND" },
		{ !call->blocks, "blocks CLASS" },
		{ !call->eintr, "eintr POLICY" },
		{ call->go == GO_UNSET, "go POLICY ..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (lines[i].missing)
			complain(call->at,
				 "call %s is incomplete; write a "
				 "line \"%s\"",
				 call->name, lines[i].line);
	if (call->eintr && !strcmp(call->eintr, "final") && !call->traps.n)
		complain(call->at,
			 "after EINTR %s must not be repeated; write "
			 "a line \"trap\" that says so",
			 call->name);
	if (call->lookalike && !call->traps.n)
		complain(call->at,
			 "results of %s look like errors; write a "
			 "line \"trap\" that says so",
			 call->name);
}

/* {NAME} in a trap stands for an argument. */
static void check_trap(struct call *call, const char *text)
{
	for (text = strchr(text, '{'); text; text = strchr(text, '{')) {
		const char *name = xstrndup(text + 1, strcspn(text + 1, "}"));

		if (find_arg(call, name) < 0)
			complain_arg(call, call->at, "argument in a trap",
				     name);
		text++;
	}
}

static void check_order(struct call *call)
{
	for (int cpu = 0; cpu < NR_CPUS; cpu++) {
		bool given = false;

		for (int i = 0; i < MAX_ARGS; i++)
			given |= call->order[cpu][i] != 0;
		for (int i = 0; i < MAX_ARGS && !given; i++)
			call->order[cpu][i] = i;
	}
}

static void check_call(struct call *call, size_t index)
{
	if (!is_identifier(call->name))
		complain(call->at, "\"%s\" is no name; write a call's name",
			 call->name);
	for (size_t i = 0; i < index; i++)
		if (!strcmp(model.calls.v[i].name, call->name))
			complain(call->at,
				 "call %s stands twice (%s:%d); "
				 "remove one",
				 call->name, model.calls.v[i].at.file,
				 model.calls.v[i].at.line);
	if (!call->man)
		call->man = format("%s(2)", call->name);
	if (!call->libc)
		call->libc = call->name;
	check_required(call);
	check_numbers(call, index);
	for (int i = 0; i < call->nr_args; i++)
		check_arg(call, &call->args[i]);
	for (size_t i = 0; i < call->traps.n; i++)
		check_trap(call, call->traps.v[i]);
	check_order(call);
	check_go(call);
}

static void check_constant(const struct constant *k)
{
	if (!is_identifier(k->name))
		complain(k->at, "\"%s\" is no name; write \"NAME VALUE\"",
			 k->name);
	if (find_constant(k->name) != k)
		complain(k->at, "%s stands twice (%s:%d); remove one", k->name,
			 find_constant(k->name)->at.file,
			 find_constant(k->name)->at.line);
}

static void check_structure(struct structure *s, size_t index)
{
	if (!is_identifier(s->name) || find_type(s->name))
		complain(s->at,
			 "\"%s\" cannot name a structure; write another "
			 "name",
			 s->name);
	for (size_t i = 0; i < index; i++) {
		const struct structure *o = model.structures.v[i];

		if (!strcmp(o->name, s->name) &&
		    (o->only < 0 || s->only < 0 || o->only == s->only))
			complain(s->at,
				 "struct %s stands twice (%s:%d); "
				 "remove one",
				 s->name, o->at.file, o->at.line);
	}
	layout_structure(s);
}

void check_model(void)
{
	for (size_t i = 0; i < model.structures.n; i++)
		check_structure(model.structures.v[i], i);
	for (size_t i = 0; i < model.calls.n; i++)
		check_call(&model.calls.v[i], i);
	for (size_t i = 0; i < model.groups.n; i++)
		for (size_t j = 0; j < model.groups.v[i].constants.n; j++)
			check_constant(&model.groups.v[i].constants.v[j]);
	check_ops();
	if (!model.version)
		complain((struct loc){ "gen/spec", 0, 0 },
			 "the version is missing; write \"version 1.2.3\"");
}
