/* SPDX-License-Identifier: MIT */
/*
 * The generator, run on small specifications. tests/gen/ has text files of
 * cases: "=== NAME", a specification, then "--- PATH" with the text that must
 * be in that output, "--- stderr" with the complaints, or "--- $ ARGUMENTS"
 * with what it prints when it is called so, and how it ends. GEN names the
 * generator; GEN_UPDATE=1 rewrites the expectations for review by git diff.
 */
#define _GNU_SOURCE 1 /* nftw */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
enum { PATH_LEN = 256 };

/* A directory to run the generator in. */
struct gen_root {
	char path[PATH_LEN];
	char errors[16384];
};

static void gen_root_init(struct gen_root *root)
{
	strcpy(root->path, "/tmp/gen-test-XXXXXX");
	if (!mkdtemp(root->path)) {
		perror("mkdtemp");
		exit(1);
	}
	root->errors[0] = '\0';
}

static int remove_entry(const char *path, const struct stat *st, int flag,
			struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void gen_root_exit(struct gen_root *root)
{
	nftw(root->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *in_root(const struct gen_root *root, const char *path)
{
	static char full[2 * PATH_LEN];

	snprintf(full, sizeof(full), "%s/%s", root->path, path);
	return full;
}

static void make_directories(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0777);
		*p = '/';
	}
}

static void gen_write(const struct gen_root *root, const char *path,
		      const char *text, size_t n)
{
	char full[2 * PATH_LEN];
	FILE *f;

	strcpy(full, in_root(root, path));
	make_directories(full);
	f = fopen(full, "wb");
	if (!f || fwrite(text, 1, n, f) != n || fclose(f)) {
		perror(full);
		exit(1);
	}
}

/* The text of a file, to be freed, or NULL. */
static char *read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t n = 0;
	ssize_t len;

	if (!f)
		return NULL;
	len = getdelim(&text, &n, '\0', f);
	fclose(f);
	return len < 0 ? (free(text), strdup("")) : text;
}

static int gen_exists(const struct gen_root *root, const char *path)
{
	return access(in_root(root, path), F_OK) == 0;
}

static ino_t gen_inode(const struct gen_root *root, const char *path)
{
	struct stat st = { 0 };

	CHECK_EQ(stat(in_root(root, path), &st), 0);
	return st.st_ino;
}

/* The exit status, or -1 for a crash; the complaints are in root->errors. */
static int gen_run(struct gen_root *root, const char *option, const char *value)
{
	const char *gen = getenv("GEN");
	FILE *errors = tmpfile();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(fileno(errors), STDERR_FILENO);
		execl(gen ? gen : "build/gen/gen", "gen", "-C", root->path,
		      option, value, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		status = -1;
	rewind(errors);
	root->errors[fread(root->errors, 1, sizeof(root->errors) - 1, errors)] =
		'\0';
	fclose(errors);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the generator prints for these arguments, to be freed. */
static char *gen_query(const struct gen_root *root, const char *arguments)
{
	const char *gen = getenv("GEN");
	char command[4 * PATH_LEN], *text = NULL;
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "%s -C %s %s 2>&1; echo \"exit $?\"",
		 gen ? gen : "build/gen/gen", root->path, arguments);
	f = popen(command, "r");
	if (f && getdelim(&text, &n, '\0', f) < 0)
		text[0] = '\0';
	if (f)
		pclose(f);
	return text;
}

/* Compare the expectation [want, end) with text; report the first lines. */
static void compare(const char *want, const char *end, const char *text)
{
	size_t n = (size_t)(end - want), same = 0;

	while (same < n && text[same] == want[same])
		same++;
	CHECK(same == n && !text[n]);
	if (same == n && !text[n])
		return;
	while (same && text[same - 1] != '\n')
		same--;
	printf("want: %.*s\ngot:  %.*s\n", (int)strcspn(want + same, "\n"),
	       want + same, (int)strcspn(text + same, "\n"), text + same);
}

/* One "--- PATH" of a case: compare, or write what it should be. */
static void check_part(struct gen_root *root, int status, const char *part,
		       const char *end, FILE *update)
{
	const char *nl = strchr(part, '\n');
	char path[PATH_LEN], *text;

	snprintf(path, sizeof(path), "%.*s", (int)(nl - part - 4), part + 4);
	if (strcmp(path, "stderr") == 0) {
		CHECK_EQ(status, 1);
		CHECK(!gen_exists(root, "shim/zsys.c"));
		text = strdup(root->errors);
	} else if (strncmp(path, "$ ", 2) == 0) {
		text = gen_query(root, path + 2);
	} else {
		CHECK_EQ(status, 0);
		text = read_text(in_root(root, path));
	}
	CHECK(text);
	if (update)
		fprintf(update, "--- %s\n%s", path, text ? text : "");
	else if (text)
		compare(nl + 1, end, text);
	free(text);
}

/* The next line that begins with mark, or the end of the text. */
static const char *next_mark(const char *p, const char *mark)
{
	for (; *p; p++) {
		if (strncmp(p, mark, 4) == 0)
			return p;
		p += strcspn(p, "\n");
		if (!*p)
			break;
	}
	return p;
}

/* Both CPUs' C compiles here: they differ in numbers and layouts alone. */
static void compile(const struct gen_root *root)
{
	static const char *const names[] = { "x86_64", "aarch64" };
	char command[8 * PATH_LEN];
	const char *p = root->path;

	for (int i = 0; i < 2; i++) {
		snprintf(command, sizeof(command),
			 "${CC:-cc} -std=gnu11 -Wall -Wextra -Werror "
			 "-fsyntax-only -I%s/shim/include -I%s/asm/%s "
			 "-Ishim/include -Ishim %s/shim/zsys.c "
			 "%s/shim/zlayout.c",
			 p, p, names[i], p, p);
		CHECK_EQ(system(command), 0);
	}
}

/* "=== NAME", the specification (or, with "+++ PATH", other files), parts. */
static void run_case(const char *begin, const char *end, FILE *update)
{
	const char *spec = strchr(begin, '\n') + 1;
	const char *part = next_mark(spec, "--- "), *plus, *next;
	struct gen_root root;
	char name[64], path[PATH_LEN];
	int status, defines;

	snprintf(name, sizeof(name), "%.*s", (int)(spec - begin - 5),
		 begin + 4);
	check_case(name);
	gen_root_init(&root);
	plus = next_mark(spec, "+++ ");
	plus = plus < part ? plus : part;
	gen_write(&root, "gen/spec/t.spec", spec, (size_t)(plus - spec));
	if (plus < part) {
		const char *text = strchr(plus, '\n') + 1;

		snprintf(path, sizeof(path), "%.*s", (int)(text - plus - 5),
			 plus + 4);
		gen_write(&root, path, text, (size_t)(part - text));
	}
	defines = gen_exists(&root, "defines.tsv");
	status = gen_run(&root, defines ? "--defines" : NULL, "defines.tsv");
	if (part < end && strncmp(part, "--- stderr", 10) && root.errors[0])
		printf("%s", root.errors);
	if (status == 0 && !defines)
		compile(&root);
	if (update)
		fprintf(update, "%.*s", (int)(part - begin), begin);
	for (; part < end; part = next) {
		next = next_mark(part + 4, "--- ");
		next = next < end ? next : end;
		check_part(&root, status, part, next, update);
	}
	gen_root_exit(&root);
}

static void gen_cases(const char *path)
{
	char *text = read_text(path);
	FILE *update = NULL;
	const char *next;

	CHECK_FATAL(text);
	if (getenv("GEN_UPDATE"))
		update = fopen(path, "w");
	for (const char *p = next_mark(text, "=== "); *p; p = next) {
		next = next_mark(p + 4, "=== ");
		run_case(p, next, update);
	}
	if (update)
		fclose(update);
	check_case("");
	free(text);
}

static const char simple[] = "version 1.0\n"
			     "call read 0 63\n"
			     "\tdoc read\n"
			     "\tsince 1.0\n"
			     "\targ fd fd\n"
			     "\targ buf out byte[count]\n"
			     "\targ count size\n"
			     "\treturns count\n"
			     "\tblocks any\n"
			     "\teintr retry\n"
			     "\tgo safe Read(fd, p=buf)\n"
			     "end\n";

static void outputs_are_as_expected(void)
{
	gen_cases("tests/gen/output.txt");
}

static void complaints_say_where_and_what_to_write(void)
{
	gen_cases("tests/gen/errors.txt");
}

static void tables_are_as_expected(void)
{
	gen_cases("tests/gen/tables.txt");
}

static void queries_are_answered(void)
{
	gen_cases("tests/gen/queries.txt");
}

/* Run on text, which must be refused with the complaint and no output. */
static void refuse(const char *text, size_t n, const char *complaint)
{
	struct gen_root root;

	gen_root_init(&root);
	gen_write(&root, "gen/spec/t.spec", text, n);
	CHECK_EQ(gen_run(&root, NULL, NULL), 1);
	CHECK(strstr(root.errors, complaint) != NULL);
	if (!strstr(root.errors, complaint))
		printf("got: %.300s\n", root.errors);
	CHECK(!gen_exists(&root, "shim/zsys.c"));
	gen_root_exit(&root);
}

static void a_line_of_a_mebibyte_is_refused(void)
{
	size_t n = 1 << 20;
	char *text = malloc(n + 1);

	CHECK_FATAL(text);
	memset(text, 'x', n);
	text[n] = '\n';
	refuse(text, n + 1,
	       "gen/spec/t.spec:1:501: the line is longer than 500 characters; "
	       "write several lines\n");
	free(text);
}

static void bytes_that_are_no_text_are_refused(void)
{
	refuse("version 1\0\nend\n", 15,
	       "gen/spec/t.spec:1:10: a NUL byte; remove it");
	refuse("version 1\r\nend\r\n", 16,
	       "gen/spec/t.spec:1:10: a carriage return; end lines with a line "
	       "feed alone");
	refuse("version 1 # \xc3\xa9\nend\n", 19,
	       "gen/spec/t.spec:1:13: a byte that is not ASCII; write ASCII");
	refuse("version \x1b\nend\n", 14,
	       "gen/spec/t.spec:1:9: a control character; remove it");
}

static void an_empty_file_is_refused(void)
{
	refuse("", 0, "gen/spec/t.spec:1:1: the file has no \"end\"");
}

static void every_truncation_is_refused(void)
{
	struct gen_root root;

	for (size_t n = 0; n < sizeof(simple) - 1; n++) {
		gen_root_init(&root);
		gen_write(&root, "gen/spec/t.spec", simple, n);
		CHECK_EQ(gen_run(&root, NULL, NULL), 1);
		CHECK(strncmp(root.errors, "gen/spec/t.spec:", 16) == 0);
		CHECK(!gen_exists(&root, "shim/zsys.c"));
		gen_root_exit(&root);
	}
}

/* A damaged file is refused or accepted, but never crashes the generator. */
static void no_damage_crashes_the_generator(void)
{
	static const char bytes[] = "()[]?=,\"#- \t\nx0/{}";
	unsigned seed = 1, rounds = check_small() ? 30 : 300;
	struct gen_root root;

	for (unsigned i = 0; i < rounds; i++) {
		char text[sizeof(simple)];
		int status;

		memcpy(text, simple, sizeof(simple));
		for (int j = 0; j < 3; j++) {
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % (sizeof(simple) - 1)] =
				bytes[(seed >> 20) % (sizeof(bytes) - 1)];
		}
		gen_root_init(&root);
		gen_write(&root, "gen/spec/t.spec", text, sizeof(text) - 1);
		status = gen_run(&root, NULL, NULL);
		CHECK(status == 0 || status == 1);
		CHECK(status == 0 || root.errors[0]);
		gen_root_exit(&root);
	}
}

static void output_is_reproducible_and_checked(void)
{
	static const char old[] = "/* Code generated by gen from x. */\n";
	struct gen_root root;

	gen_root_init(&root);
	gen_write(&root, "gen/spec/t.spec", simple, sizeof(simple) - 1);
	CHECK_EQ(gen_run(&root, "--check", NULL), 1);
	CHECK(strstr(root.errors, "shim/zsys.c: stale; run \"make gen\"\n"));
	CHECK(!gen_exists(&root, "shim/zsys.c"));
	CHECK_EQ(gen_run(&root, NULL, NULL), 0);
	CHECK_EQ(gen_run(&root, "--check", NULL), 0);
	CHECK_EQ(root.errors[0], 0);
	gen_write(&root, "shim/zsys.c", "x", 1);
	gen_write(&root, "shim/zold.c", old, sizeof(old) - 1);
	gen_write(&root, "shim/zebra.c", "x", 1);
	CHECK_EQ(gen_run(&root, "--check", NULL), 1);
	CHECK_EQ(strcmp(root.errors,
			"shim/zold.c: no longer generated; remove it\n"
			"shim/zsys.c: stale; run \"make gen\"\n"),
		 0);
	gen_root_exit(&root);
}

static void what_has_not_changed_is_not_written(void)
{
	struct gen_root root;
	ino_t inode, other;

	gen_root_init(&root);
	gen_write(&root, "gen/spec/t.spec", simple, sizeof(simple) - 1);
	CHECK_EQ(gen_run(&root, NULL, NULL), 0);
	inode = gen_inode(&root, "shim/zsys.c");
	other = gen_inode(&root, "asm/x86_64/znr.h");
	gen_write(&root, "asm/x86_64/znr.h", "x", 1);
	CHECK_EQ(gen_run(&root, NULL, NULL), 0);
	CHECK(inode == gen_inode(&root, "shim/zsys.c"));
	CHECK(other != gen_inode(&root, "asm/x86_64/znr.h"));
	gen_root_exit(&root);
}

static void a_missing_hand_written_function_fails(void)
{
	static const char hand[] = "package sys\n\nfunc Read(fd int) {}\n";
	struct gen_root root;
	char text[sizeof(simple) + 16];
	int n = snprintf(text, sizeof(text),
			 "%.*sgo raw Read RawRead(fd, "
			 "p=buf)\nend\n",
			 (int)(strstr(simple, "go safe") - simple), simple);

	gen_root_init(&root);
	gen_write(&root, "gen/spec/t.spec", text, (size_t)n);
	CHECK_EQ(gen_run(&root, NULL, NULL), 1);
	CHECK(strstr(root.errors, "gobind/sys has no func Read; write it by "
				  "hand over RawRead"));
	gen_write(&root, "gobind/sys/fd_linux.go", hand, sizeof(hand) - 1);
	CHECK_EQ(gen_run(&root, NULL, NULL), 0);
	gen_root_exit(&root);
}

static void unknown_options_are_refused(void)
{
	struct gen_root root;

	gen_root_init(&root);
	CHECK_EQ(gen_run(&root, "--chekc", NULL), 2);
	CHECK_EQ(gen_run(&root, NULL, NULL), 1);
	CHECK(strstr(root.errors, "no *.spec here"));
	gen_root_exit(&root);
}

static void the_real_specification_takes_less_than_a_second(void)
{
	struct timespec begin, end;
	struct gen_root root = { .path = "." };
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK(gen_run(&root, "--check", NULL) <= 1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - begin.tv_sec) +
		  (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	CHECK(seconds < 1.0);
}

static const struct check_test gen_tests[] = {
	{ "outputs_are_as_expected", outputs_are_as_expected },
	{ "complaints_say_where_and_what_to_write",
	  complaints_say_where_and_what_to_write },
	{ "tables_are_as_expected", tables_are_as_expected },
	{ "queries_are_answered", queries_are_answered },
	{ "a_line_of_a_mebibyte_is_refused", a_line_of_a_mebibyte_is_refused },
	{ "bytes_that_are_no_text_are_refused",
	  bytes_that_are_no_text_are_refused },
	{ "an_empty_file_is_refused", an_empty_file_is_refused },
	{ "every_truncation_is_refused", every_truncation_is_refused },
	{ "no_damage_crashes_the_generator", no_damage_crashes_the_generator },
	{ "output_is_reproducible_and_checked",
	  output_is_reproducible_and_checked },
	{ "what_has_not_changed_is_not_written",
	  what_has_not_changed_is_not_written },
	{ "a_missing_hand_written_function_fails",
	  a_missing_hand_written_function_fails },
	{ "unknown_options_are_refused", unknown_options_are_refused },
	{ "the_real_specification_takes_less_than_a_second",
	  the_real_specification_takes_less_than_a_second },
};

CHECK_MAIN(gen, gen_tests)
