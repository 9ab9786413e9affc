/* SPDX-License-Identifier: MIT */
/* gen [-C ROOT] [--check | --uapi CPU | --defines FILE | list | explain CALL]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

const struct cpu cpus[NR_CPUS] = {
	[X86_64] = { "x86_64", "amd64", "SCMP_ARCH_X86_64" },
	[AARCH64] = { "aarch64", "arm64", "SCMP_ARCH_AARCH64" },
};

struct model model;

int cpu_find(const char *name)
{
	for (int i = 0; i < NR_CPUS; i++)
		if (strcmp(cpus[i].name, name) == 0)
			return i;
	return -1;
}

static void read_specification(const char *root)
{
	const char *dir = format("%s/gen/spec", root);
	char **names;
	size_t n = list_files(dir, ".spec", &names);

	if (!n)
		complain((struct loc){ dir, 0, 0 },
			 "no *.spec here; write -C with the directory above "
			 "gen");
	for (size_t i = 0; i < n; i++) {
		struct file f;

		if (!read_file(format("%s/%s", dir, names[i]), &f)) {
			complain((struct loc){ names[i], 0, 0 },
				 "cannot be read; make it readable");
			continue;
		}
		/* Messages and files do not depend on the directory. */
		f.name = format("gen/spec/%s", names[i]);
		parse_file(&f);
	}
}

static void emit_all(const char *root)
{
	emit_c();
	emit_c_data();
	emit_errors();
	emit_go();
	emit_go_data();
	emit_reference();
	emit_fault();
	emit_equal();
	emit_calls();
	emit_ops();
	emit_go_ops();
	emit_op_tests();
	emit_tables(root);
}

static int usage(void)
{
	fputs("usage: gen [-C ROOT] [--check | --uapi CPU | --defines FILE | "
	      "list | explain CALL]\n",
	      stderr);
	return 2;
}

static int generate(const char *root, bool check)
{
	emit_all(root);
	if (complaints())
		return 1;
	if ((check ? check_outputs(root) : write_outputs(root)) != 0)
		return 1;
	return check_hand_written(root) ? 0 : 1;
}

static int print_uapi(int cpu)
{
	struct buf b = { 0 };

	emit_uapi(cpu, &b);
	fwrite(b.s, 1, b.len, stdout);
	return fflush(stdout) ? 1 : 0;
}

/* What is left of the command line: "list", "explain CALL" or nothing. */
static int query(const char *root, char **args, int nr)
{
	if (nr == 1 && !strcmp(args[0], "list"))
		return list_calls();
	return explain_call(root, args[1]);
}

static bool is_query(char **args, int nr)
{
	return (nr == 1 && !strcmp(args[0], "list")) ||
	       (nr == 2 && !strcmp(args[0], "explain"));
}

int main(int argc, char **argv)
{
	const char *root = ".";
	bool check = false;
	const char *defines = NULL;
	int uapi = -1, i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-C") && i + 1 < argc)
			root = argv[++i];
		else if (!strcmp(argv[i], "--check"))
			check = true;
		else if (!strcmp(argv[i], "--defines") && i + 1 < argc)
			defines = argv[++i];
		else if (!strcmp(argv[i], "--uapi") && i + 1 < argc &&
			 (uapi = cpu_find(argv[i + 1])) >= 0)
			i++;
		else
			return usage();
	}
	if (i < argc && !is_query(argv + i, argc - i))
		return usage();
	read_specification(root);
	if (!complaints())
		check_model();
	if (!complaints() && defines)
		compare_defines(root, defines);
	if (complaints() || defines)
		return complaints() ? 1 : 0;
	if (i < argc)
		return query(root, argv + i, argc - i);
	return uapi >= 0 ? print_uapi(uapi) : generate(root, check);
}
