/* SPDX-License-Identifier: MIT */
/*
 * filters CPU DIRECTORY: builds the filters of tests/spawn_filter.tab for that
 * CPU by libseccomp, writes each as BPF into DIRECTORY/NAME.bpf, for Go, and
 * prints all of them for C. It runs when the tests are built: they need no
 * libseccomp.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>
#include <sys/socket.h>

/* What "list" allows: calls that programs begin with, of any libc, and of Go.
 */
static const char *const listed[] = {
	"access",
	"arch_prctl",
	"brk",
	"clock_gettime",
	"clone",
	"clone3",
	"close",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"eventfd2",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"faccessat",
	"fcntl",
	"fstat",
	"futex",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getrandom",
	"gettid",
	"getuid",
	"ioctl",
	"lseek",
	"madvise",
	"membarrier",
	"mincore",
	"mmap",
	"mprotect",
	"munmap",
	"nanosleep",
	"newfstatat",
	"openat",
	"pipe2",
	"prctl",
	"pread64",
	"prlimit64",
	"read",
	"readlink",
	"readlinkat",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"sched_getaffinity",
	"set_robust_list",
	"sigaltstack",
	"set_tid_address",
	"sysinfo",
	"tgkill",
	"timer_create",
	"timer_settime",
	"timer_delete",
	"write",
};

static int call(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

static int add_errno(scmp_filter_ctx ctx)
{
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EXDEV), call("uname"), 0))
		return -1;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), call("socket"), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_INET));
}

static int add_kill(scmp_filter_ctx ctx)
{
	if (seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, call("uname"), 0))
		return -1;
	return seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, call("socket"), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_INET));
}

/* On a CPU that lacks a call there is nothing to allow. */
static int add_list(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call(listed[i]),
					   0);

		if (err && err != -EDOM)
			return -1;
	}
	return 0;
}

/* For which CPUs; to all others the call is of a wrong one. */
enum cpus { MINE, BOTH, OTHER };

static const struct filter {
	const char *name;
	uint32_t others;
	enum cpus cpus;
	int (*add)(scmp_filter_ctx ctx);
} filters[] = {
	{ "errno", SCMP_ACT_ALLOW, MINE, add_errno },
	{ "kill", SCMP_ACT_ALLOW, MINE, add_kill },
	{ "list", SCMP_ACT_ERRNO(EPERM), MINE, add_list },
	{ "both", SCMP_ACT_ALLOW, BOTH, add_errno },
	{ "other", SCMP_ACT_ALLOW, OTHER, add_errno },
};

static int add_cpu(scmp_filter_ctx ctx, uint32_t arch)
{
	int err = seccomp_arch_add(ctx, arch);

	return err == -EEXIST ? 0 : err;
}

static scmp_filter_ctx build(const struct filter *f, int is_x86)
{
	static const uint32_t archs[] = { SCMP_ARCH_AARCH64, SCMP_ARCH_X86_64 };
	scmp_filter_ctx ctx = seccomp_init(f->others);
	uint32_t mine = archs[is_x86], other = archs[!is_x86];

	if (!ctx ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			     SCMP_ACT_KILL_PROCESS) ||
	    (f->cpus != OTHER && add_cpu(ctx, mine)) ||
	    (f->cpus != MINE && add_cpu(ctx, other)) ||
	    (f->cpus == OTHER && seccomp_arch_exist(ctx, mine) == 0 &&
	     seccomp_arch_remove(ctx, mine)) ||
	    (f->cpus == MINE && seccomp_arch_exist(ctx, other) == 0 &&
	     seccomp_arch_remove(ctx, other)) ||
	    f->add(ctx))
		return NULL;
	return ctx;
}

/* Returns how many instructions there are, or -1. */
static int print(const struct filter *f, scmp_filter_ctx ctx, const char *dir)
{
	struct sock_filter code;
	char path[4096];
	FILE *file;
	int nr = 0;

	snprintf(path, sizeof(path), "%s/%s.bpf", dir, f->name);
	file = fopen(path, "w+");
	if (!file || seccomp_export_bpf(ctx, fileno(file)))
		return -1;
	rewind(file);
	printf("static struct shim_sock_filter %s_filter[] = {\n", f->name);
	for (; fread(&code, sizeof(code), 1, file) == 1; nr++)
		printf("{ 0x%02x, %u, %u, 0x%08x },\n", code.code, code.jt,
		       code.jf, code.k);
	printf("};\n");
	return fclose(file) ? -1 : nr;
}

int main(int argc, char **argv)
{
	enum { NR = sizeof(filters) / sizeof(filters[0]) };
	int is_x86 = argc == 3 && strcmp(argv[1], "x86_64") == 0;
	int nr[NR];

	if (argc != 3 || (!is_x86 && strcmp(argv[1], "aarch64"))) {
		fputs("usage: filters x86_64|aarch64 DIRECTORY\n", stderr);
		return 2;
	}
	for (int i = 0; i < NR; i++) {
		scmp_filter_ctx ctx = build(&filters[i], is_x86);

		nr[i] = ctx ? print(&filters[i], ctx, argv[2]) : -1;
		if (nr[i] <= 0) {
			fprintf(stderr, "filters: %s cannot be built\n",
				filters[i].name);
			return 1;
		}
	}
	puts("static const struct {\nconst char *name;\n"
	     "struct shim_sock_fprog program;\n} filters[] = {");
	for (int i = 0; i < NR; i++)
		printf("{ \"%s\", { %d, %s_filter } },\n", filters[i].name,
		       nr[i], filters[i].name);
	puts("};");
	return fflush(stdout) ? 1 : 0;
}
