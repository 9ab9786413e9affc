/* SPDX-License-Identifier: MIT */
/* Blocks of constants and structures. */
#include <string.h>

#include "gen.h"

/* const HEADER [go TYPE] "DOC" */
void parse_group(struct cur *c)
{
	struct group *g = VEC_ADD(&model.groups);
	struct loc at;

	g->header = word(c, &at);
	if (!*g->header)
		complain(at, "the header is missing; write \"const HEADER "
			     "\\\"Sentence.\\\"\", with \"-\" for no header");
	if (accept_word(c, "go"))
		g->go_type = word(c, NULL);
	g->doc = quoted(c, "the sentence that describes the group");
	expect_end(c);
}

static void parse_value(struct constant *k, int cpu, struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);

	if (strcmp(w, "-") == 0)
		return;
	k->text[cpu] = w;
	if (!parse_int(w, &k->value[cpu]))
		complain(at, "\"%s\" is no value; write a number", w);
}

/* NAME VALUE [VALUE] [since VERSION] */
void parse_group_line(struct group *g, struct cur *c)
{
	struct constant *k = VEC_ADD(&g->constants);

	k->name = word(c, &k->at);
	parse_value(k, 0, c);
	if (!at_end(c) && !accept_word(c, "since")) {
		k->per_cpu = true;
		for (int cpu = 1; cpu < NR_CPUS; cpu++)
			parse_value(k, cpu, c);
		if (!accept_word(c, "since")) {
			expect_end(c);
			return;
		}
		k->since = version(c);
	} else {
		if (!at_end(c))
			k->since = version(c);
		for (int cpu = 1; cpu < NR_CPUS; cpu++) {
			k->text[cpu] = k->text[0];
			k->value[cpu] = k->value[0];
		}
	}
	expect_end(c);
}

static void parse_attribute(struct structure *s, const char *w, struct loc at,
			    struct cur *c)
{
	static const char *const words[] = { "go",    "strip", "packed",
					     "only",  "uapi",  "typedef",
					     "since", "no-c",  "union",
					     "sizeof" };

	if (strcmp(w, "go") == 0)
		s->go = word(c, NULL);
	else if (strcmp(w, "sizeof") == 0)
		s->go_size = word(c, NULL);
	else if (strcmp(w, "strip") == 0)
		s->strip = word(c, NULL);
	else if (strcmp(w, "packed") == 0)
		s->packed = parse_cpu(c, &at);
	else if (strcmp(w, "only") == 0)
		s->only = parse_cpu(c, &at);
	else if (strcmp(w, "uapi") == 0)
		s->uapi = format("struct %s", word(c, NULL));
	else if (strcmp(w, "typedef") == 0)
		s->uapi = word(c, NULL);
	else if (strcmp(w, "since") == 0)
		s->since = version(c);
	else if (strcmp(w, "no-c") == 0)
		s->no_c = true;
	else if (strcmp(w, "union") == 0)
		s->top.is_union = true;
	else
		complain_name(at, "attribute", w, words, ARRAY_SIZE(words));
}

/* struct NAME HEADER [ATTRIBUTE...] "DOC" */
struct structure *parse_structure(struct cur *c)
{
	struct structure *s = xalloc(sizeof(*s));

	*VEC_ADD(&model.structures) = s;
	s->packed = s->only = -1;
	s->top.is_struct = true;
	s->top.count = -1;
	s->name = word(c, &s->at);
	s->top.name = "";
	s->top.at = s->at;
	s->uapi = format("struct %s", s->name);
	s->header = word(c, NULL);
	if (!*s->header)
		complain(s->at, "write \"struct NAME HEADER \\\"Sentence.\\\"\""
				", with \"-\" for no header");
	while (!at_end(c) && *c->p != '"') {
		struct loc at;
		const char *w = word(c, &at);

		if (!*w) {
			expect_end(c);
			return s;
		}
		parse_attribute(s, w, at, c);
	}
	s->doc = quoted(c, "the sentence that describes the structure");
	expect_end(c);
	return s;
}

/* [N], for an array; [] is a flexible one. */
static void parse_array(struct field *f, struct cur *c)
{
	struct loc at;
	const char *w;

	f->count = -1;
	if (!accept(c, '['))
		return;
	w = word(c, &at);
	f->count = 0;
	if (*w && !parse_count(w, &f->count))
		complain(at, "\"%s\" is no length; write a number " COUNT_RANGE,
			 w);
	expect(c, ']');
}

/* go NAME TYPE, NAME TYPE ... | go - */
static void parse_go_fields(struct field *f, struct cur *c)
{
	if (accept_word(c, "-")) {
		f->go_hidden = true;
		return;
	}
	do {
		struct go_field *g = VEC_ADD(&f->go);
		size_t n;

		g->name = word(c, NULL);
		here(c);
		n = strcspn(c->p, ", ");
		if (n && !starts_with(c->p, "since "))
			g->type = xstrndup(c->p, n);
		if (g->type)
			c->p += n;
	} while (accept(c, ','));
}

static void parse_attributes(struct field *f, struct cur *c)
{
	static const char *const words[] = { "go", "since", "ours" };

	while (!at_end(c)) {
		struct loc at;
		const char *w = word(c, &at);

		if (strcmp(w, "go") == 0) {
			parse_go_fields(f, c);
		} else if (strcmp(w, "since") == 0) {
			f->since = version(c);
		} else if (strcmp(w, "ours") == 0) {
			f->ours = true;
		} else {
			complain_name(at, "attribute", *w ? w : c->p, words,
				      ARRAY_SIZE(words));
			return;
		}
	}
}

/* union [NAME] or struct [NAME], up to its end. */
static void open_nested(struct field *f, struct cur *c, struct field **stack,
			int *depth)
{
	enum { MAX_DEPTH = 8 };

	f->name = "";
	f->count = -1;
	if (!at_end(c) && !starts_with(c->p, "go ") &&
	    !starts_with(c->p, "since "))
		f->name = word(c, NULL);
	parse_attributes(f, c);
	if (*depth == MAX_DEPTH) {
		complain(f->at, "nested too deeply; write a structure of its "
				"own");
		return;
	}
	stack[(*depth)++] = f;
}

/* TYPE NAME[N] [go ...] [since VERSION], or a nested union or struct. */
void parse_field(struct cur *c, struct field **stack, int *depth)
{
	struct loc at;
	const char *w = word(c, &at);
	struct field *f;

	if (strcmp(w, "end") == 0) {
		if (*depth > 1)
			--*depth;
		else
			complain(at, "\"end\" closes nothing here; remove it");
		expect_end(c);
		return;
	}
	f = xalloc(sizeof(*f));
	*VEC_ADD(&stack[*depth - 1]->fields) = f;
	f->at = at;
	f->is_union = strcmp(w, "union") == 0;
	f->is_struct = strcmp(w, "struct") == 0;
	if (f->is_union || f->is_struct) {
		open_nested(f, c, stack, depth);
		return;
	}
	if (strcmp(w, "const") == 0) {
		f->constant = true;
		w = word(c, &at);
	}
	f->pointer = *w == '*';
	f->type_name = w + f->pointer;
	f->type_at = at;
	f->type_at.col += f->pointer;
	f->name = word(c, &f->at);
	if (!*f->name)
		complain(f->at, "the field's name is missing; write \"TYPE "
				"NAME\"");
	parse_array(f, c);
	parse_attributes(f, c);
}
