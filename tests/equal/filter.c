/* SPDX-License-Identifier: MIT */
/*
 * filter CPU: prints, for a C array, the seccomp filter that shows every call
 * of that CPU to a supervisor. It runs when the supervisor is built: the target
 * needs no libseccomp, and seccomp_load, which makes calls after the filter is
 * in place, is not used.
 */
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>

/* A signal handler returns by this call, which restores all registers. */
static const char *const passed[] = { "rt_sigreturn", "restart_syscall" };

static uint32_t arch_of(const char *cpu)
{
	if (strcmp(cpu, "x86_64") == 0)
		return SCMP_ARCH_X86_64;
	return strcmp(cpu, "aarch64") == 0 ? SCMP_ARCH_AARCH64 : 0;
}

static int build(scmp_filter_ctx ctx, uint32_t arch)
{
	if (arch != seccomp_arch_native() &&
	    (seccomp_arch_add(ctx, arch) ||
	     seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE)))
		return -1;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
				     seccomp_syscall_resolve_name(passed[i]),
				     0))
			return -1;
	return 0;
}

static int print(scmp_filter_ctx ctx)
{
	FILE *file = tmpfile();
	struct sock_filter f;

	if (!file || seccomp_export_bpf(ctx, fileno(file)))
		return -1;
	rewind(file);
	while (fread(&f, sizeof(f), 1, file) == 1)
		printf("{ 0x%02x, %u, %u, 0x%08x },\n", f.code, f.jt, f.jf,
		       f.k);
	return ferror(file) || fflush(stdout) ? -1 : 0;
}

int main(int argc, char **argv)
{
	uint32_t arch = argc == 2 ? arch_of(argv[1]) : 0;
	scmp_filter_ctx ctx;

	if (!arch) {
		fputs("usage: filter x86_64 | aarch64\n", stderr);
		return 2;
	}
	ctx = seccomp_init(SCMP_ACT_NOTIFY);
	if (!ctx || build(ctx, arch) || print(ctx)) {
		fputs("filter: libseccomp cannot build the filter\n", stderr);
		return 1;
	}
	return 0;
}
