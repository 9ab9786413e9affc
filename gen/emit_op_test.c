/* SPDX-License-Identifier: MIT */
/*
 * What every prep function makes of an SQE, for C, Go and liburing: calls with
 * two sets of arguments each, and the 64 bytes in words, computed here from the
 * layout of the structure.
 */
#include <string.h>

#include "gen.h"

enum { ROWS = 2, SQE_WORDS = 8 };

/* Addresses begin here; tests map it where the language needs memory. */
#define BASE 0x700000000

struct sqe {
	unsigned char bytes[8 * SQE_WORDS];
};

/* The second row has what a wrong width or sign would damage. */
static int64_t extreme(const struct op_type *t, int64_t n)
{
	if (t->rule == OP_SLOT)
		return 0xffffffff;
	if (!strcmp(t->name, "size"))
		return 0x7ffffff0 + n;
	if (t->size == 2)
		return 0xfff0 + n;
	if (t->size == 4)
		return strcmp(t->c, "int") ? 0xff0ff000 + n : -100 - n;
	if (!strcmp(t->name, "s64"))
		return -100 - n;
	/* Go's offsets are signed. */
	return (int64_t)(strcmp(t->name, "off") ? 0xfedcba9876543210
						: 0x7edcba9876543210) +
	       n;
}

static int64_t sample(const struct op_arg *a, size_t i, int row)
{
	int64_t n = (int64_t)i;

	if (op_arg_points(a))
		return BASE + 256 * (n + 1) + 64 * row;
	if (a->is_length)
		return row ? 4096 + n : 8 + n;
	if (a->go && !strcmp(a->go, "-"))
		return 0;
	return row ? extreme(a->type, n) : 3 + 7 * n;
}

static void store(struct sqe *s, const struct sqe_field *f, uint64_t v)
{
	for (int i = 0; i < f->size; i++)
		s->bytes[f->at + i] |= (unsigned char)(v >> 8 * i);
}

static uint64_t filled(const struct op_arg *a, int64_t v)
{
	if (a->also_constant)
		v |= a->also_constant->value[0];
	if (!a->type)
		return (uint64_t)v;
	if (a->type->rule == OP_INDEX ||
	    (a->type->rule == OP_SLOT && v != 0xffffffff))
		return (uint64_t)v + 1;
	if (!strcmp(a->type->name, "fd"))
		return (uint32_t)v;
	return (uint64_t)v;
}

static struct sqe expected_sqe(const struct op *op, int row)
{
	struct sqe s = { 0 };

	if (!op->modifies)
		s.bytes[0] = (unsigned char)find_constant(op->opcode)->value[0];
	for (size_t i = 0; i < op->fills.n; i++)
		store(&s, &op->fills.v[i].field,
		      (uint64_t)op->fills.v[i].number);
	for (size_t i = 0; i < op->args.n; i++) {
		const struct op_arg *a = &op->args.v[i];

		store(&s, &a->field, filled(a, sample(a, i, row)));
	}
	return s;
}

static void put_words(struct buf *b, const struct sqe *s)
{
	for (int i = 0; i < SQE_WORDS; i++) {
		uint64_t word = 0;

		for (int j = 7; j >= 0; j--)
			word = word << 8 | s->bytes[8 * i + j];
		put(b, "%s%#llx", i ? ", " : "", (unsigned long long)word);
	}
}

static char *c_sample(const struct op_arg *a, size_t i, int row)
{
	int64_t v = sample(a, i, row);

	if (op_arg_points(a))
		return format("AT(%d)", (int)(v - BASE));
	if (a->type->size == 8)
		return format("(%s)%#llx", a->type->c, (unsigned long long)v);
	return format("%lld%s", (long long)v,
		      strcmp(a->type->c, "int") ? "U" : "");
}

static void put_c_row(struct buf *b, const struct op *op, int row)
{
	struct sqe s = expected_sqe(op, row);

	put(b, "%s(%s, WORDS(", op->modifies ? "CHANGE" : "PREP", op->name);
	put_words(b, &s);
	put(b, ")");
	for (size_t i = 0; i < op->args.n; i++)
		put(b, ", %s", c_sample(&op->args.v[i], i, row));
	put(b, ")\n");
}

/* The first liburing that does the same: 2.3 takes no free slot. */
static int first_liburing(const struct op *op, int row)
{
	int first = op->liburing;

	for (size_t i = 0; i < op->args.n; i++) {
		const struct op_type *t = op->args.v[i].type;

		if (row && t && t->rule == OP_SLOT && first < 204)
			first = 204;
	}
	return first;
}

static void emit_c_rows(void)
{
	struct buf *b = output("tests/zuring_prep.h");

	put(b,
	    "/* %s */\n/* SPDX-License-Identifier: MIT */\n"
	    "/*\n"
	    " * Included where PREP and CHANGE say what to do with each: the "
	    "name, the words\n"
	    " * of the SQE, the arguments. AT(n) is an address, and "
	    "LIBURING a version\n"
	    " * (203 is 2.3): what came later is left out.\n"
	    " */\n/* clang-format off */\n",
	    GENERATED);
	for (size_t i = 0; i < model.ops.n; i++)
		for (int row = 0; row < ROWS; row++) {
			int first = first_liburing(&model.ops.v[i], row);

			if (first > LIBURING_BASE)
				put(b, "#if LIBURING >= %d\n", first);
			put_c_row(b, &model.ops.v[i], row);
			if (first > LIBURING_BASE)
				put(b, "#endif\n");
		}
	put(b, "/* clang-format on */\n");
}

static char *go_sample(const struct op *op, size_t i, int row)
{
	const struct op_arg *a = &op->args.v[i];
	const char *type = go_op_type(a);
	int64_t v = sample(a, i, row);
	int at = (int)(v - BASE);

	if (a->len >= 0)
		return format("unsafe.Slice((*%s)(at(%d)), %d)", type + 2, at,
			      (int)sample(&op->args.v[a->len], (size_t)a->len,
					  row));
	if (op_arg_points(a))
		return format("(%s)(at(%d))", type, at);
	if (a->go && v < 0)
		return format("%u", (unsigned)v);
	if (*a->type->go == 'u')
		return format("%llu", (unsigned long long)v);
	return format("%lld", (long long)v);
}

static void put_go_row(struct buf *b, const struct op *op, int row)
{
	struct sqe s = expected_sqe(op, row);
	size_t n = 0;

	put(b, "\t{\"%s\", func(s *SQE) {\n\t\ts.%s(", op->name, op->go_name);
	for (size_t i = 0; i < op->args.n; i++)
		if (go_op_type(&op->args.v[i]))
			put(b, "%s%s", n++ ? ", " : "", go_sample(op, i, row));
	put(b, ")\n\t}, [8]uint64{");
	put_words(b, &s);
	put(b, "}},\n");
}

static void emit_go_rows(void)
{
	struct buf *b = output("gobind/uring/zprep_linux_test.go");

	put_go_head(b, ANY_CPU, "uring",
		    "import (\n\t\"unsafe\"\n\n"
		    "\t\"example.com/syshim/gobind/sys\"\n)\n");
	put(b, "\n// preps are all methods that describe a request, and the "
	       "words of the entry.\n"
	       "// at gives an address.\n"
	       "var preps = []struct {\n\tname string\n\tprep func(*SQE)\n"
	       "\twant [8]uint64\n}{\n");
	for (size_t i = 0; i < model.ops.n; i++)
		for (int row = 0; row < ROWS && !model.ops.v[i].no_go; row++)
			put_go_row(b, &model.ops.v[i], row);
	put(b, "}\n");
}

void emit_op_tests(void)
{
	if (!model.ops.n)
		return;
	emit_c_rows();
	emit_go_rows();
}
