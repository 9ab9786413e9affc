/* SPDX-License-Identifier: MIT */
/*
 * deny ERRNO CALL[,CALL...] COMMAND...: runs a command that finds a hostile
 * kernel: each of the calls fails with the error (EPERM, ENOSYS or a number).
 * CALL is a name or a number, or NAME:MASK:VALUE: only where argument 0 has
 * that value in the mask. "@FILE" in place of the calls: they are its first
 * line.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse_error(const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	if (strcmp(name, "EPERM") == 0)
		return EPERM;
	if (strcmp(name, "ENOSYS") == 0)
		return ENOSYS;
	return *end || n < 1 || n > 4095 ? 0 : (int)n;
}

/* What the name's ":MASK:VALUE" says of argument 0, which it loses. */
static unsigned condition(char *name, struct scmp_arg_cmp *cmp)
{
	char *end = strchr(name, ':');

	if (!end)
		return 0;
	*end = '\0';
	*cmp = (struct scmp_arg_cmp){ .op = SCMP_CMP_MASKED_EQ };
	cmp->datum_a = strtoull(end + 1, &end, 0);
	cmp->datum_b = *end ? strtoull(end + 1, &end, 0) : 0;
	return 1;
}

/* Numbers are for calls that are younger than libseccomp. */
static int resolve(const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	return end > name && !*end ? (int)n
				   : seccomp_syscall_resolve_name(name);
}

/* The calls of an argument. */
static char *list(char *calls)
{
	static char line[4096];
	FILE *f;

	if (calls[0] != '@')
		return calls;
	f = fopen(calls + 1, "r");
	if (!f || !fgets(line, sizeof(line), f)) {
		fprintf(stderr, "deny: cannot read %s\n", calls + 1);
		return NULL;
	}
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int deny(scmp_filter_ctx ctx, int error, char *names)
{
	if (!names)
		return 1;
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		struct scmp_arg_cmp cmp;
		unsigned nr_cmp = condition(name, &cmp);
		int nr = resolve(name);
		int err;

		if (nr == __NR_SCMP_ERROR) {
			fprintf(stderr, "deny: unknown call %s\n", name);
			return 1;
		}
		err = seccomp_rule_add_array(
			ctx, SCMP_ACT_ERRNO((uint16_t)error), nr, nr_cmp, &cmp);
		if (err) {
			fprintf(stderr, "deny: %s: %s\n", name, strerror(-err));
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx;
	int err, error;

	if (argc < 4 || !(error = parse_error(argv[1]))) {
		fputs("usage: deny ERRNO CALL[,CALL...] COMMAND...\n", stderr);
		return 2;
	}
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx || deny(ctx, error, list(argv[2])))
		return 1;
	err = seccomp_load(ctx);
	if (err) {
		fprintf(stderr, "deny: seccomp: %s\n", strerror(-err));
		return 1;
	}
	seccomp_release(ctx);
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
