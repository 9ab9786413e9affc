/* SPDX-License-Identifier: MIT */
/* The methods of Go's SQE that describe requests. */
#include <string.h>

#include "gen.h"

#define OUT "gobind/uring/zsqe_linux.go"

/* The fields of Go's SQE, which has no unions. */
static const struct go_sqe {
	int64_t at;
	int size;
	const char *name, *type;
} go_sqe[] = {
	{ 0, 1, "Opcode", "Op" },	 { 1, 1, "Flags", "SQEFlags" },
	{ 2, 2, "IOPrio", "uint16" },	 { 4, 4, "FD", "int32" },
	{ 8, 8, "Off", "uint64" },	 { 16, 8, "Addr", "uint64" },
	{ 24, 4, "Len", "uint32" },	 { 28, 4, "OpFlags", "uint32" },
	{ 40, 2, "BufIndex", "uint16" }, { 42, 2, "Personality", "uint16" },
	{ 44, 4, "FileIndex", "int32" }, { 48, 8, "Addr3", "uint64" },
};

static const struct go_sqe *go_field(const struct sqe_field *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(go_sqe); i++)
		if (f->at >= go_sqe[i].at &&
		    f->at + f->size <= go_sqe[i].at + go_sqe[i].size)
			return &go_sqe[i];
	return NULL;
}

const char *go_op_name(const char *name)
{
	static const char *const words[] = { "type", "func", "range", "len" };
	char *s = camel(name);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(name, words[i]))
			return format("%s_", name);
	*s = *name;
	return s;
}

/* Without a type there is no parameter. */
const char *go_op_type(const struct op_arg *a)
{
	const char *type;

	if (a->is_length || (a->go && !strcmp(a->go, "-")))
		return NULL;
	if (a->go)
		return a->go;
	if (a->string)
		return "*byte";
	if (!a->dir)
		return a->type->go;
	if (a->structure)
		type = format("sys.%s", a->structure->go);
	else
		type = a->pointee->go_mem;
	return format("%s%s", a->len >= 0 ? "[]" : "*", type);
}

static const struct op_arg *slice_for(const struct op *op, size_t i)
{
	for (size_t j = 0; j < op->args.n; j++)
		if (op->args.v[j].len == (int)i)
			return &op->args.v[j];
	return NULL;
}

/* What a number is converted to first, so that the field gets its bits. */
static const char *go_number(const struct op_arg *a, const char *to)
{
	const char *name = go_op_name(a->name), *type = go_op_type(a);

	if (a->type->rule == OP_SLOT)
		name = format("slot(%s)", name);
	else if (a->type->rule == OP_INDEX)
		name = format("%s + 1", name);
	if (!strcmp(type, to) && a->type->rule != OP_INDEX)
		return name;
	if (!strcmp(a->type->name, "fd") && a->field.size == 8)
		name = format("uint32(%s)", name);
	return format("%s(%s)", to, name);
}

static const char *go_op_value(const struct op *op, size_t i)
{
	const struct op_arg *a = &op->args.v[i];
	const struct go_sqe *f = go_field(&a->field);
	const char *slice, *value, *narrow;

	if (a->is_length) {
		const struct op_arg *s = slice_for(op, i);

		slice = go_op_name(s->name);
		return format(s->pointee && s->pointee->size == 1 &&
					      a->field.size == 4
				      ? "%s(min(len(%s), sizeMax))"
				      : "%s(len(%s))",
			      f->type, slice);
	}
	if (op_arg_points(a)) {
		slice = go_op_name(a->name);
		if (a->len >= 0)
			slice = format("unsafe.SliceData(%s)", slice);
		return format("address(unsafe.Pointer(%s))", slice);
	}
	if (a->field.size == f->size) {
		value = go_number(a, f->type);
	} else {
		narrow = format("uint%d", a->field.size * 8);
		value = format("%s(%s)", f->type, go_number(a, narrow));
	}
	if (a->also)
		value = format("%s | sys.%s", value, a->also);
	return value;
}

static const char *go_fill(const struct fill *f)
{
	const struct go_sqe *field = go_field(&f->field);

	if (f->structure)
		return format("uint32(unsafe.Sizeof(sys.%s{}))",
			      f->structure->go);
	if (f->constant && f->number >= 0 && f->number <= INT32_MAX)
		return format("sys.%s", f->value);
	/* The value of the field, whatever its sign. */
	if (!strcmp(field->type, "int32"))
		return format("%d", (int)f->number);
	return f->number < 0 ? format("%#x", (unsigned)f->number) : f->value;
}

/* Users may have set more of flags and priority; the rest is 0 before. */
static void put_go_store(struct buf *b, const struct sqe_field *f,
			 const char *value)
{
	const struct go_sqe *g = go_field(f);
	bool adds = !strcmp(g->name, "Flags") || !strcmp(g->name, "IOPrio");

	if (f->at != g->at)
		put(b, "\ts.%s |= %s << %d\n", g->name, value,
		    (int)(8 * (f->at - g->at)));
	else
		put(b, "\ts.%s %s %s\n", g->name, adds ? "|=" : "=", value);
}

static void put_go_doc(struct buf *b, const struct op *op)
{
	const char *text = format("%s %s.", op->go_name, op->doc);

	if (op->since)
		text = format("%s Since Linux %s.", text, op->since);
	put(b, "\n");
	put_wrapped(b, "// ", text);
}

static void put_go_method(struct buf *b, const struct op *op)
{
	size_t n = 0;

	put(b, "func (s *SQE) %s(", op->go_name);
	for (size_t i = 0; i < op->args.n; i++) {
		const struct op_arg *a = &op->args.v[i];

		if (go_op_type(a))
			put(b, "%s%s %s", n++ ? ", " : "", go_op_name(a->name),
			    go_op_type(a));
	}
	put(b, ") {\n");
}

static void put_go_op(struct buf *b, const struct op *op)
{
	put_go_doc(b, op);
	put_go_method(b, op);
	if (!op->modifies)
		put(b, "\ts.Opcode = sys.%s\n", op->opcode);
	for (size_t i = 0; i < op->fills.n; i++)
		put_go_store(b, &op->fills.v[i].field,
			     go_fill(&op->fills.v[i]));
	for (size_t i = 0; i < op->args.n; i++)
		if (!op->args.v[i].go || strcmp(op->args.v[i].go, "-"))
			put_go_store(b, &op->args.v[i].field,
				     go_op_value(op, i));
	put(b, "}\n");
}

void emit_go_ops(void)
{
	struct buf *b;

	if (!model.ops.n)
		return;
	b = output(OUT);
	put_go_head(b, ANY_CPU, "uring",
		    "import (\n\t\"unsafe\"\n\n"
		    "\t\"example.com/syshim/gobind/sys\"\n)\n");
	for (size_t i = 0; i < model.ops.n; i++)
		if (!model.ops.v[i].no_go)
			put_go_op(b, &model.ops.v[i]);
}
