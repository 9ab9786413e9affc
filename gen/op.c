/* SPDX-License-Identifier: MIT */
/* Blocks of ring operations: what fills which field of an SQE. */
#include <string.h>

#include "gen.h"

#define SQE "io_uring_sqe"

/* Numbers as arguments; what is 32 bits wide extends as its sign says. */
static const struct op_type op_types[] = {
	{ "fd", "int", "int", 4, false, OP_PLAIN },
	{ "int", "int", "int", 4, true, OP_PLAIN },
	{ "uint", "unsigned", "uint32", 4, false, OP_PLAIN },
	{ "mode", "unsigned", "uint32", 4, false, OP_PLAIN },
	{ "slot", "unsigned", "uint32", 4, false, OP_SLOT },
	{ "index", "unsigned", "uint32", 4, false, OP_INDEX },
	{ "size", "size_t", "int", 8, false, OP_PLAIN },
	{ "off", "uint64_t", "int64", 8, false, OP_PLAIN },
	{ "s64", "int64_t", "int64", 8, true, OP_PLAIN },
	{ "u16", "uint16_t", "uint16", 2, false, OP_PLAIN },
	{ "u32", "uint32_t", "uint32", 4, false, OP_PLAIN },
	{ "u64", "uint64_t", "uint64", 8, false, OP_PLAIN },
};

static const struct op_type *find_op_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(op_types); i++)
		if (!strcmp(op_types[i].name, name))
			return &op_types[i];
	return NULL;
}

/* op NAME OPCODE [since VERSION] */
void parse_op(struct cur *c)
{
	struct op *op = VEC_ADD(&model.ops);

	op->name = word(c, &op->at);
	op->opcode = word(c, &op->opcode_at);
	if (!*op->opcode)
		complain(op->opcode_at, "the opcode is missing; write \"op "
					"NAME IORING_OP_NAME\"");
	if (accept_word(c, "since")) {
		here(c);
		op->since = c->p;
		version(c);
	}
	op->go_name = camel(op->name);
	op->liburing = LIBURING_BASE;
	expect_end(c);
}

/* liburing VERSION: the first that has it; "-": none. */
static void parse_liburing(struct op *op, struct cur *c)
{
	int v;

	if (accept_word(c, "-")) {
		op->liburing = LIBURING_NONE;
	} else {
		v = version(c);
		op->liburing = v / 256 * 100 + v % 256;
	}
	expect_end(c);
}

/* fill FIELD VALUE: a number, a constant or sizeof(STRUCTURE). */
static void parse_fill(struct op *op, struct cur *c)
{
	struct fill *f = VEC_ADD(&op->fills);

	f->field_name = word(c, &f->at);
	f->value = word(c, &f->value_at);
	if (!strcmp(f->value, "sizeof") && expect(c, '(')) {
		f->sizeof_name = word(c, &f->value_at);
		expect(c, ')');
	}
	expect_end(c);
}

/* [in|out|inout] TYPE[LENGTH] */
static void parse_op_type(struct op_arg *a, struct cur *c)
{
	static const char *const words[] = { "in", "out", "inout" };

	a->type_name = word(c, &a->type_at);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(a->type_name, words[i])) {
			a->dir = (enum direction)(IN + i);
			a->type_name = word(c, &a->type_at);
			break;
		}
	if (accept(c, '[')) {
		a->len_name = word(c, &a->type_at);
		expect(c, ']');
	}
}

/* arg NAME TYPE > FIELD [| CONSTANT] [go TYPE] */
static void parse_op_arg(struct op *op, struct cur *c)
{
	struct op_arg *a = VEC_ADD(&op->args);

	a->name = word(c, &a->at);
	a->len = -1;
	parse_op_type(a, c);
	if (!expect(c, '>'))
		return;
	a->field_name = word(c, &a->field_at);
	if (accept(c, '|'))
		a->also = word(c, &a->also_at);
	if (accept_word(c, "go"))
		a->go = rest(c);
	expect_end(c);
}

void parse_op_line(struct op *op, struct cur *c)
{
	static const char *const words[] = { "doc", "go", "liburing", "fill",
					     "arg" };
	struct loc at;
	const char *w = word(c, &at);

	if (!strcmp(w, "doc")) {
		op->doc = rest(c);
	} else if (!strcmp(w, "go")) {
		op->go_name = word(c, &at);
		op->no_go = !strcmp(op->go_name, "-");
		expect_end(c);
	} else if (!strcmp(w, "liburing")) {
		parse_liburing(op, c);
	} else if (!strcmp(w, "fill")) {
		parse_fill(op, c);
	} else if (!strcmp(w, "arg")) {
		parse_op_arg(op, c);
	} else {
		complain_name(at, "property", w, words, ARRAY_SIZE(words));
	}
}

/* The field of that name below parent, and where it lies. */
static const struct field *find_field(const struct field *parent,
				      const char *name, int64_t *at)
{
	for (size_t i = 0; i < parent->fields.n; i++) {
		const struct field *f = parent->fields.v[i], *found;
		int64_t inner = *at + f->offset[0];

		if (*f->name && !strcmp(f->name, name)) {
			*at = inner;
			return f;
		}
		found = find_field(f, name, &inner);
		if (found) {
			*at = inner;
			return found;
		}
	}
	return NULL;
}

static struct sqe_field resolve(struct loc where, const char *name)
{
	const struct structure *s = find_structure(SQE, ANY_CPU);
	struct sqe_field f = { name, NULL, 0, 0 };
	const struct field *found;

	if (!s) {
		complain(where, "struct " SQE " is missing; write it");
		return f;
	}
	found = find_field(&s->top, name, &f.at);
	if (!found || !found->type) {
		complain(where,
			 "\"%s\" is no field of struct " SQE
			 "; write one of gen/spec/ring_struct.spec",
			 name);
		return f;
	}
	f.type = found->type;
	f.size = found->type->size;
	return f;
}

static void check_fill(struct fill *f)
{
	const struct constant *k;

	f->field = resolve(f->at, f->field_name);
	if (f->sizeof_name) {
		f->structure = find_structure(f->sizeof_name, ANY_CPU);
		if (f->structure)
			f->number = f->structure->top.size[0];
		else
			complain_type(f->value_at, f->sizeof_name);
		return;
	}
	if (parse_int(f->value, &f->number))
		return;
	k = find_constant(f->value);
	if (k && !k->per_cpu)
		f->number = k->value[0];
	else
		complain(f->value_at,
			 "\"%s\" is no constant; write one of gen/spec, or a "
			 "number",
			 f->value);
	f->constant = k;
}

static void check_op_length(struct op *op, struct op_arg *a)
{
	if (!a->len_name)
		return;
	for (size_t i = 0; i < op->args.n; i++)
		if (!strcmp(op->args.v[i].name, a->len_name)) {
			a->len = (int)i;
			op->args.v[i].is_length = true;
		}
	if (a->len < 0)
		complain(a->type_at,
			 "\"%s\" is no argument; write the one that counts the "
			 "elements",
			 a->len_name);
}

static void check_op_arg(struct op *op, struct op_arg *a)
{
	a->field = resolve(a->field_at, a->field_name);
	a->string = !strcmp(a->type_name, "cstr");
	if (a->dir) {
		a->pointee = find_type(a->type_name);
		if (!a->pointee)
			a->structure = find_structure(a->type_name, ANY_CPU);
		if (!a->pointee && !a->structure)
			complain_type(a->type_at, a->type_name);
	} else if (!a->string) {
		a->type = find_op_type(a->type_name);
		if (!a->type)
			complain(a->type_at,
				 "\"%s\" is no type of a number; write one of "
				 "gen/README.md",
				 a->type_name);
	}
	if ((a->dir || a->string) && a->field.type && a->field.size != 8)
		complain(a->field_at, "an address needs a field of 8 bytes");
	if (a->also) {
		a->also_constant = find_constant(a->also);
		if (!a->also_constant)
			complain(a->also_at,
				 "\"%s\" is no constant of "
				 "gen/spec; write one",
				 a->also);
	}
	check_op_length(op, a);
}

void check_ops(void)
{
	for (size_t i = 0; i < model.ops.n; i++) {
		struct op *op = &model.ops.v[i];

		op->modifies = !strcmp(op->opcode, "-");
		if (!op->modifies && !find_constant(op->opcode))
			complain(op->opcode_at,
				 "\"%s\" is no constant of gen/spec; write one",
				 op->opcode);
		if (!op->doc)
			complain(op->at, "\"doc\" is missing; write what the "
					 "request does");
		for (size_t j = 0; j < op->fills.n; j++)
			check_fill(&op->fills.v[j]);
		for (size_t j = 0; j < op->args.n; j++)
			check_op_arg(op, &op->args.v[j]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(model.ops.v[j].name, op->name))
				complain(op->at, "%s stands twice; remove one",
					 op->name);
	}
}

bool op_arg_points(const struct op_arg *a)
{
	return a->dir || a->string;
}
