/* SPDX-License-Identifier: MIT */
/* The names of the errors and what they mean, for shim_errname and its kin. */
#include <string.h>

#include "gen.h"

enum { NR_ERRORS = 4096 };

/* The first of each number, for some errors have two names. */
static int find_errors(const struct meaning **errors)
{
	int end = 0;

	for (size_t i = 0; i < model.meanings.n; i++) {
		const struct meaning *m = &model.meanings.v[i];
		const struct constant *k = find_constant(m->name);

		if (!k || k->value[0] <= 0 || k->value[0] >= NR_ERRORS) {
			complain(m->at,
				 "%s is no error; write one of "
				 "<errno.h>",
				 m->name);
			continue;
		}
		if (!errors[k->value[0]])
			errors[k->value[0]] = m;
		if (k->value[0] >= end)
			end = (int)k->value[0] + 1;
	}
	return end;
}

static void put_texts(struct buf *b, const struct meaning **errors, int end)
{
	put(b, "/* Of each error its name and what it means; first, none. */\n"
	       "static const char texts[] =\n\t\"\\0\"");
	for (int i = 0; i < end; i++)
		if (errors[i])
			put(b, "\n\t\"%s\\0%s\\0\"", errors[i]->name,
			    errors[i]->text);
	put(b, ";\n");
}

/* Offsets in place of pointers, which would have to be relocated. */
static void put_offsets(struct buf *b, const struct meaning **errors, int end)
{
	size_t offset = 1;

	put(b, "\n/* Where they are, by their numbers. */\n"
	       "static const uint16_t offsets[] = {\n");
	for (int i = 0; i < end; i++) {
		if (!errors[i])
			continue;
		put(b, "\t[SHIM_%s] = %zu,\n", errors[i]->name, offset);
		offset += strlen(errors[i]->name) + strlen(errors[i]->text) + 2;
	}
	put(b, "};\n");
}

static const char functions[] =
	"\nstatic const char *name_of(long err)\n{\n"
	"\tsize_t nr = sizeof(offsets) / sizeof(offsets[0]);\n"
	"\tunsigned long n = (unsigned long)err;\n\n"
	"\tif (err < 0)\n\t\tn = 0 - n;\n"
	"\treturn texts + (n < nr ? offsets[n] : 0);\n}\n\n"
	"const char *shim_errname(long err)\n{\n"
	"\tconst char *name = name_of(err);\n\n"
	"\treturn *name ? name : NULL;\n}\n\n"
	"const char *shim_strerror(long err)\n{\n"
	"\tconst char *s = name_of(err);\n\n"
	"\tif (!*s)\n\t\treturn err ? \"Unknown error\" : \"Success\";\n"
	"\twhile (*s++)\n\t\t;\n"
	"\treturn s;\n}\n";

void emit_errors(void)
{
	static const struct meaning *errors[NR_ERRORS];
	int end = find_errors(errors);
	struct buf *b;

	if (!end)
		return;
	b = output("shim/zerrno.c");
	put(b,
	    "/* %s */\n/* SPDX-License-Identifier: MIT */\n"
	    "#include <shim/sys.h>\n\n",
	    GENERATED);
	put_texts(b, errors, end);
	put_offsets(b, errors, end);
	put(b, "%s", functions);
}
