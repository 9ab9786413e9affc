/* SPDX-License-Identifier: MIT */
/* The prep functions in C. */
#include <string.h>

#include "gen.h"

#define OUT "shim/include/shim/zuring_prep.h"

static char *c_op_param(const struct op_arg *a)
{
	const char *lead = a->dir == IN ? "const " : "";

	if (a->string)
		return format("const char *%s", a->name);
	if (a->structure)
		return format("%sstruct shim_%s *%s", lead, a->structure->name,
			      a->name);
	if (a->dir)
		return format("%s%s *%s", lead, a->pointee->c, a->name);
	return format("%s %s", a->type->c, a->name);
}

/* The value of an argument, before it becomes one of the field's type. */
static const char *c_raw(const struct op_arg *a)
{
	if (op_arg_points(a))
		return format("(uint64_t)(uintptr_t)%s", a->name);
	if (a->type->rule == OP_SLOT)
		return format("shim_uring_slot(%s)", a->name);
	if (a->type->rule == OP_INDEX)
		return format("%s + 1", a->name);
	/* A descriptor in 64 bits is not negative. */
	if (!strcmp(a->type->name, "fd") && a->field.size == 8)
		return format("(uint32_t)%s", a->name);
	return a->name;
}

/* Whether C converts without loss of bits or sign. */
static bool fits(const struct op_arg *a)
{
	const struct type *to = a->field.type;

	if (op_arg_points(a) || a->type->rule != OP_PLAIN)
		return true;
	if (!strcmp(a->type->name, "fd"))
		return (to->is_signed && to->size == 4) || to->size == 8;
	return a->type->size <= to->size &&
	       (a->type->is_signed == to->is_signed ||
		(!a->type->is_signed && a->type->size < to->size));
}

static const char *c_op_value(const struct op_arg *a)
{
	const char *raw = c_raw(a), *cast = "";

	if (!fits(a))
		cast = format("(%s)", a->field.type->c);
	if (!a->also)
		return format("%s%s", cast, raw);
	if (a->field.size < 4)
		return format("(%s)(%s | SHIM_%s)", a->field.type->c, raw,
			      a->also);
	return format("%s%s | SHIM_%s", cast, raw, a->also);
}

static const char *c_fill(const struct fill *f)
{
	if (f->structure)
		return format("sizeof(struct shim_%s)", f->structure->name);
	if (f->constant)
		return format("SHIM_%s", f->value);
	return f->value;
}

/* What fills the field that lies there, as an argument of prep_rw. */
struct filler {
	const struct op_arg *arg;
	const struct fill *fill;
};

static struct filler filler_of(const struct op *op, int64_t at, int size)
{
	struct filler f = { 0 };

	for (size_t i = 0; i < op->args.n; i++)
		if (op->args.v[i].field.at == at &&
		    op->args.v[i].field.size == size)
			f.arg = &op->args.v[i];
	for (size_t i = 0; i < op->fills.n; i++)
		if (op->fills.v[i].field.at == at &&
		    op->fills.v[i].field.size == size)
			f.fill = &op->fills.v[i];
	return f;
}

enum { FD_AT = 4, OFF_AT = 8, ADDR_AT = 16, LEN_AT = 24 };

/* prep_rw takes a pointer for addr; a number is stored after it. */
static bool by_rw(const struct sqe_field *f, bool points)
{
	return (f->at == FD_AT && f->size == 4) ||
	       (f->at == OFF_AT && f->size == 8) ||
	       (f->at == ADDR_AT && f->size == 8 && points) ||
	       (f->at == LEN_AT && f->size == 4);
}

static char *rw_argument(const struct op *op, int64_t at, int size,
			 const char *none)
{
	struct filler f = filler_of(op, at, size);

	if (f.arg && at == ADDR_AT)
		return format("%s", op_arg_points(f.arg) ? f.arg->name : none);
	if (f.arg)
		return format("%s", c_op_value(f.arg));
	if (f.fill && at == LEN_AT && f.fill->number < 0)
		return format("(uint32_t)%s", c_fill(f.fill));
	if (f.fill && at != ADDR_AT)
		return format("%s", c_fill(f.fill));
	return format("%s", none);
}

static void put_rw(struct buf *b, const struct op *op)
{
	char *items[6];

	items[0] = format("SHIM_%s", op->opcode);
	items[1] = format("sqe");
	items[2] = rw_argument(op, FD_AT, 4, "0");
	items[3] = rw_argument(op, ADDR_AT, 8, "NULL");
	items[4] = rw_argument(op, LEN_AT, 4, "0");
	items[5] = rw_argument(op, OFF_AT, 8, "0");
	put_filled(b, "\tshim_uring_prep_rw(", items, 6, ");\n");
}

/* sqe->field = value; in two lines if one is too long. */
static void put_store(struct buf *b, const char *field, const char *value)
{
	size_t n = 8 + strlen(field) + strlen(value) + strlen("sqe-> = ;");

	put(b, "\tsqe->%s =%s%s;\n", field, n > 80 ? "\n\t\t" : " ", value);
}

static void put_stores(struct buf *b, const struct op *op)
{
	for (size_t i = 0; i < op->fills.n; i++) {
		const struct fill *f = &op->fills.v[i];

		if (op->modifies || !by_rw(&f->field, false))
			put_store(b, f->field.name, c_fill(f));
	}
	for (size_t i = 0; i < op->args.n; i++) {
		const struct op_arg *a = &op->args.v[i];

		if (op->modifies || !by_rw(&a->field, op_arg_points(a)))
			put_store(b, a->field.name, c_op_value(a));
	}
}

static void put_doc(struct buf *b, const struct op *op)
{
	const char *text =
		sentence(starts_with(op->doc, "is ") ? op->doc + 3 : op->doc);

	if (op->since)
		text = format("%s Since %s.", text, op->since);
	if (strlen(text) <= 74)
		put(b, "\n/* %s */\n", text);
	else
		put(b, "\n/*\n");
	if (strlen(text) > 74) {
		put_wrapped(b, " * ", text);
		put(b, " */\n");
	}
}

static size_t lines(const char *s)
{
	size_t n = 0;

	while ((s = strchr(s, '\n')))
		s++, n++;
	return n;
}

/* The parameters are too long for what is left of the line. */
static bool too_wide(const char *head, char *const *items, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strlen(head) + strlen(items[i]) + 1 > 80)
			return true;
	return false;
}

/* As clang-format does: another form where it saves two lines. */
static void put_op_head(struct buf *b, const struct op *op)
{
	const char *name = format("shim_uring_prep_%s(", op->name);
	const char *head = format("static inline void %s", name);
	struct buf one = { 0 }, two = { 0 }, three = { 0 };
	char *items[16];
	size_t nr = 0;

	items[nr++] = format("struct shim_io_uring_sqe *sqe");
	for (size_t i = 0; i < op->args.n; i++)
		items[nr++] = c_op_param(&op->args.v[i]);
	put_filled(&one, head, items, nr, ")");
	put(&two, "static inline void\n");
	put_filled(&two, name, items, nr, ")");
	put_filled(&three, format("%s\n\t", head), items, nr, ")");
	if (lines(two.s) > lines(three.s) + 1)
		put(b, "%s", three.s);
	else if (too_wide(head, items, nr) || lines(one.s) > lines(two.s) + 1)
		put(b, "%s", two.s);
	else
		put(b, "%s", one.s);
}

static void put_op(struct buf *b, const struct op *op)
{
	put_doc(b, op);
	put_op_head(b, op);
	put(b, "\n{\n");
	if (!op->modifies)
		put_rw(b, op);
	put_stores(b, op);
	put(b, "}\n");
}

static const char contract[] =
	"/*\n"
	" * The prep functions, for <shim/uring.h>, which includes this: each "
	"makes an\n"
	" * SQE a request, and sets all of it but user_data. As in liburing; "
	"so\n"
	" * io_uring_prep_X(3) describes shim_uring_prep_X.\n"
	" *\n"
	" * The result of the request is the res of its CQE: what the system "
	"call of the\n"
	" * same name would return, or -errno. Buffers stay the kernel's until "
	"then;\n"
	" * what only describes a request (iovec, timespec, a path) may go "
	"after the\n"
	" * submit. Offsets: that of the file, or UINT64_MAX for its position; "
	"ignored\n"
	" * for what cannot seek.\n"
	" */\n";

static const char basis[] =
	"/* What the others are made of: fields that they do not name are 0. "
	"*/\n"
	"static inline void shim_uring_prep_rw(int op, struct "
	"shim_io_uring_sqe *sqe,\n"
	"\t\t\t\t      int fd, const void *addr, unsigned len,\n"
	"\t\t\t\t      uint64_t offset)\n"
	"{\n"
	"\tsqe->opcode = (uint8_t)op;\n"
	"\tsqe->flags = 0;\n"
	"\tsqe->ioprio = 0;\n"
	"\tsqe->fd = fd;\n"
	"\tsqe->off = offset;\n"
	"\tsqe->addr = (uint64_t)(uintptr_t)addr;\n"
	"\tsqe->len = len;\n"
	"\tsqe->rw_flags = 0;\n"
	"\tsqe->buf_index = 0;\n"
	"\tsqe->personality = 0;\n"
	"\tsqe->file_index = 0;\n"
	"\tsqe->addr3 = 0;\n"
	"\tsqe->__pad2[0] = 0;\n"
	"}\n"
	"\n"
	"/* The kernel counts registered files from 1 here; 0 is none. */\n"
	"static inline unsigned shim_uring_slot(unsigned file_index)\n"
	"{\n"
	"\tif (file_index == SHIM_IORING_FILE_INDEX_ALLOC)\n"
	"\t\treturn file_index;\n"
	"\treturn file_index + 1;\n"
	"}\n";

void emit_ops(void)
{
	struct buf *b;

	if (!model.ops.n)
		return;
	b = output(OUT);
	put(b, "/* %s */\n/* SPDX-License-Identifier: MIT */\n%s", GENERATED,
	    contract);
	put(b, "#ifndef SHIM_ZURING_PREP_H\n#define SHIM_ZURING_PREP_H\n\n"
	       "#include <shim/uring.h>\n\n"
	       "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
	put(b, "%s", basis);
	for (size_t i = 0; i < model.ops.n; i++)
		put_op(b, &model.ops.v[i]);
	put(b, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
