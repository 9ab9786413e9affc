/* SPDX-License-Identifier: MIT */
/* A file of the specification: its blocks. gen/README.md has the format. */
#include <string.h>

#include "gen.h"

enum block { NO_BLOCK, CALL_BLOCK, GROUP_BLOCK, STRUCT_BLOCK, OP_BLOCK };

enum { MAX_DEPTH = 8 };

/* Where the parser stands. */
struct place {
	enum block block;
	struct structure *structure;
	struct field *stack[MAX_DEPTH];
	int depth;
	bool ended;
};

static const char *const block_words[] = { "version",  "absent", "meaning",
					   "reserved", "call",	 "const",
					   "struct",   "op",	 "end" };

static void parse_version(struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);

	if (model.version)
		complain(at, "the version stands twice; remove this line");
	else if (!*w)
		complain(at, "the version is missing; write one like 1.2.3");
	model.version = w;
	expect_end(c);
}

/* The name of a CPU, or -1 after a complaint. */
int parse_cpu(struct cur *c, struct loc *at)
{
	const char *names[NR_CPUS], *w = word(c, at);
	int cpu = cpu_find(w);

	for (int i = 0; i < NR_CPUS; i++)
		names[i] = cpus[i].name;
	if (cpu < 0)
		complain_name(*at, "CPU", w, names, NR_CPUS);
	return cpu;
}

/* absent CPU NAME...: calls that this CPU does not have. */
static void parse_absent(struct cur *c)
{
	struct loc at;
	int cpu = parse_cpu(c, &at);

	while (cpu >= 0 && !at_end(c))
		*VEC_ADD(&model.absent[cpu]) = word(c, NULL);
}

/* meaning NAME "TEXT" */
static void parse_meaning(struct cur *c)
{
	struct meaning *m = VEC_ADD(&model.meanings);

	m->name = word(c, &m->at);
	m->text = quoted(c, "what the error means");
	expect_end(c);
}

static void close_structure(struct place *p)
{
	if (p->block == STRUCT_BLOCK && p->depth > 1)
		complain(p->stack[p->depth - 1]->at,
			 "this is not closed; write \"end\" after its fields");
}

static void parse_block(struct place *p, struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);

	close_structure(p);
	p->block = NO_BLOCK;
	if (strcmp(w, "version") == 0) {
		parse_version(c);
	} else if (strcmp(w, "absent") == 0) {
		parse_absent(c);
	} else if (strcmp(w, "meaning") == 0) {
		parse_meaning(c);
	} else if (strcmp(w, "call") == 0) {
		parse_call(c);
		p->block = CALL_BLOCK;
	} else if (strcmp(w, "reserved") == 0) {
		parse_reserved(c);
	} else if (strcmp(w, "const") == 0) {
		parse_group(c);
		p->block = GROUP_BLOCK;
	} else if (strcmp(w, "struct") == 0) {
		p->structure = parse_structure(c);
		p->stack[0] = &p->structure->top;
		p->depth = 1;
		p->block = STRUCT_BLOCK;
	} else if (strcmp(w, "op") == 0) {
		parse_op(c);
		p->block = OP_BLOCK;
	} else if (strcmp(w, "end") == 0) {
		expect_end(c);
		p->ended = true;
	} else {
		complain_name(at, "block", w, block_words,
			      ARRAY_SIZE(block_words));
	}
}

static void parse_body_line(struct place *p, struct cur *c)
{
	switch (p->block) {
	case CALL_BLOCK:
		parse_call_line(&model.calls.v[model.calls.n - 1], c);
		break;
	case GROUP_BLOCK:
		parse_group_line(&model.groups.v[model.groups.n - 1], c);
		break;
	case STRUCT_BLOCK:
		parse_field(c, p->stack, &p->depth);
		break;
	case OP_BLOCK:
		parse_op_line(&model.ops.v[model.ops.n - 1], c);
		break;
	case NO_BLOCK:
		complain(here(c), "this line belongs to no block; write it "
				  "without leading blanks, or after \"call\", "
				  "\"const\" or \"struct\"");
		break;
	}
}

void parse_file(const struct file *f)
{
	struct place p = { 0 };
	size_t pos = 0;
	int line = 0;
	struct cur c;

	if (!file_valid(f))
		return;
	while (next_line(f, &pos, &line, &c)) {
		if (p.ended) {
			complain(here(&c), "text after \"end\"; write \"end\" "
					   "once, as the last line");
			return;
		}
		if (c.indented)
			parse_body_line(&p, &c);
		else
			parse_block(&p, &c);
	}
	close_structure(&p);
	if (!p.ended)
		complain((struct loc){ f->name, line + 1, 1 },
			 "the file has no \"end\"; write it as the last line "
			 "(is the file truncated?)");
}
