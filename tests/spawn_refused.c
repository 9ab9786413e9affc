/* SPDX-License-Identifier: MIT */
/*
 * Every step is made to fail, by a filter in a copy of this program that has
 * the kernel refuse the step's call: the start tells its name and the error,
 * and leaves no child, descriptor, mapping or blocked signal.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"
#include "znr.h"

enum { LOAD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };

/* What the copy exits with when all was as it should be, and what not. */
enum { AS_TOLD = 0, NO_FILTER, NOT_REFUSED, OTHER_NAME, SOMETHING_LEFT };

/* One call fails; of those with many meanings, when argument arg is value. */
struct refusal {
	const char *name;
	long nr;
	int arg; /* -1: always */
	uint32_t value;
};

/* Of this copy, from now on. */
static long forbid(const struct refusal *r, int error)
{
	const uint32_t at = offsetof(struct shim_seccomp_data, args) +
			    (r->arg > 0 ? (uint32_t)r->arg : 0) * 8;
	const uint32_t refuse = SHIM_SECCOMP_RET_ERRNO | (uint32_t)error;
	struct shim_sock_filter code[] = {
		{ LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr) },
		{ JUMP_IF_EQUAL, 0, 3, (uint32_t)r->nr },
		{ LOAD, 0, 0, at },
		{ JUMP_IF_EQUAL, 0, 1, r->value },
		{ RETURN, 0, 0, refuse },
		{ RETURN, 0, 0, SHIM_SECCOMP_RET_ALLOW },
	};
	struct shim_sock_fprog filter = { 6, code };
	long err = shim_prctl(SHIM_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	/* Without a condition, both branches refuse. */
	if (r->arg < 0)
		code[3].jf = 0;
	return err ? err
		   : shim_seccomp(SHIM_SECCOMP_SET_MODE_FILTER, 0, &filter);
}

/* All options that do not disturb each other, and that everybody may have. */
static struct everything {
	struct shim_spawn_options options;
	struct shim_spawn_map user, group;
	struct shim_spawn_caps none;
	struct shim_spawn_fd fds[4];
	struct shim_spawn_limit limit;
	struct shim_sched_attr sched;
	struct shim_spawn_time time;
	struct shim_spawn_mount mount;
	struct shim_sock_filter code;
	struct shim_sock_fprog filter;
	uint64_t cpus[16];
	int terminal;
} all;

static void want_everything(void)
{
	const struct shim_landlock_ruleset_attr writing = {
		.handled_access_fs = SHIM_LANDLOCK_ACCESS_FS_MAKE_BLOCK,
	};
	struct shim_spawn_options *o = &all.options;

	all = (struct everything){
		.user = { 0, (uint32_t)shim_geteuid(), 1 },
		.group = { 0, (uint32_t)shim_getegid(), 1 },
		.fds = { { 1, 2 }, { 2, 1 }, { 0 }, { -1, 9 } },
		.limit = { SHIM_RLIMIT_NOFILE, { 64, 64 } },
		.sched = { .size = SHIM_SCHED_ATTR_SIZE_VER0,
			   .sched_nice = 19 },
		.mount = { NULL, "/", NULL, SHIM_MS_REC | SHIM_MS_PRIVATE,
			   NULL },
		.code = { RETURN, 0, 0, SHIM_SECCOMP_RET_ALLOW },
	};
	all.filter = (struct shim_sock_fprog){ 1, &all.code };
	shim_sched_getaffinity(0, sizeof(all.cpus), all.cpus);
	*o = (struct shim_spawn_options){
		.path = "/bin/true",
		.cwd = "/",
		.flags = SHIM_SPAWN_FCHDIR | SHIM_SPAWN_SETSID |
			 SHIM_SPAWN_UMASK | SHIM_SPAWN_NICE |
			 SHIM_SPAWN_NO_NEW_PRIVS | SHIM_SPAWN_IN,
		.fds = all.fds,
		.nr_fds = 4,
		.ignore = 1,
		.pdeathsig = SHIM_SIGTERM,
		.nice = 19,
		.sched = &all.sched,
		.cpus = all.cpus,
		.cpus_size = sizeof(all.cpus),
		.limits = &all.limit,
		.nr_limits = 1,
		.caps = &all.none,
		.namespaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWNS,
		.unshare = SHIM_CLONE_NEWUTS,
		.uids = &all.user,
		.gids = &all.group,
		.nr_uids = 1,
		.nr_gids = 1,
		.mounts = &all.mount,
		.nr_mounts = 1,
		.filter = &all.filter,
	};
	o->cwd_fd = (int)shim_openat(SHIM_AT_FDCWD, "/",
				     SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	all.fds[2] = (struct shim_spawn_fd){ o->cwd_fd, o->cwd_fd };
	o->landlock_fd = (int)shim_landlock_create_ruleset(
		&writing, sizeof(writing.handled_access_fs), 0);
	if (o->landlock_fd >= 0)
		o->flags |= SHIM_SPAWN_LANDLOCK;
}

/* What some steps want that all the others do not. */
static void want(const char *name)
{
	struct shim_spawn_options *o = &all.options;

	want_everything();
	if (same(name, "setpgid") || same(name, "getpgid") ||
	    same(name, "ioctl TIOCSPGRP")) {
		o->flags &= ~(unsigned)SHIM_SPAWN_SETSID;
		o->flags |= SHIM_SPAWN_FOREGROUND;
	}
	if (same(name, "ioctl TIOCSCTTY"))
		o->flags |= SHIM_SPAWN_SETCTTY;
	if (same(name, "ioctl TIOCNOTTY"))
		o->flags |= SHIM_SPAWN_NOCTTY;
	if (same(name, "ptrace"))
		o->flags |= SHIM_SPAWN_TRACEME;
	if (same(name, "chroot"))
		o->chroot = "/";
	if (same(name, "pivot_root") || same(name, "umount2"))
		o->pivot_root = "/usr";
	if (same(name, "setresuid") || same(name, "prctl KEEPCAPS"))
		o->flags |= SHIM_SPAWN_SETUID;
	if (same(name, "setresgid"))
		o->flags |= SHIM_SPAWN_SETGID;
	if (same(name, "setgroups"))
		o->flags |= SHIM_SPAWN_SETGROUPS | SHIM_SPAWN_ALLOW_SETGROUPS;
	if (same(name, "openat") || same(name, "write") ||
	    same(name, "setns")) {
		o->namespaces |= SHIM_CLONE_NEWTIME;
		o->time = &all.time;
		/* The parent's own calls pass. */
		o->nr_uids = o->nr_gids = 0;
		o->mounts = NULL, o->nr_mounts = 0;
	}
	if (same(name, "execveat")) {
		o->flags |= SHIM_SPAWN_EXEC_FD;
		o->exec_fd = o->cwd_fd;
		o->argv = (char *[]){ (char *)"true", NULL };
		o->path = NULL;
	}
}

struct forbidden {
	const struct refusal *refusal;
	int error;
};

static int refused_in_copy(void *arg)
{
	const struct forbidden *f = arg;
	const struct refusal *r = f->refusal;
	const int error = f->error;
	struct state before, after;
	struct shim_spawn child;
	static char *argv[] = { (char *)"true", NULL };

	want(r->name);
	all.options.argv = argv;
	if (forbid(r, error))
		return NO_FILTER;
	before = state_now();
	if (shim_spawn_start(&child, &all.options, memory, sizeof(memory)) !=
	    -error)
		return NOT_REFUSED;
	if (!child.failed || !same(child.failed, r->name))
		return OTHER_NAME;
	after = state_now();
	return after.fds != before.fds || after.maps != before.maps ||
			       after.mask != before.mask ||
			       after.zombies != before.zombies
		       ? SOMETHING_LEFT
		       : AS_TOLD;
}

static const struct refusal refusals[] = {
	{ "setsid", SHIM_NR_setsid, -1, 0 },
	{ "setpgid", SHIM_NR_setpgid, -1, 0 },
	{ "getpgid", SHIM_NR_getpgid, -1, 0 },
	{ "ioctl TIOCSPGRP", SHIM_NR_ioctl, 1, SHIM_TIOCSPGRP },
	{ "rt_sigaction", SHIM_NR_rt_sigaction, -1, 0 },
	{ "umask", SHIM_NR_umask, -1, 0 },
	{ "setpriority", SHIM_NR_setpriority, -1, 0 },
	{ "sched_setattr", SHIM_NR_sched_setattr, -1, 0 },
	{ "sched_setaffinity", SHIM_NR_sched_setaffinity, -1, 0 },
	{ "unshare", SHIM_NR_unshare, -1, 0 },
	{ "openat", SHIM_NR_openat, -1, 0 },
	{ "write", SHIM_NR_write, -1, 0 },
	{ "setns", SHIM_NR_setns, -1, 0 },
	{ "mount", SHIM_NR_mount, -1, 0 },
	{ "pivot_root", SHIM_NR_pivot_root, -1, 0 },
	{ "umount2", SHIM_NR_umount2, -1, 0 },
	{ "chroot", SHIM_NR_chroot, -1, 0 },
	{ "fchdir", SHIM_NR_fchdir, -1, 0 },
	{ "prctl NO_NEW_PRIVS", SHIM_NR_prctl, 0, SHIM_PR_SET_NO_NEW_PRIVS },
	{ "landlock_restrict_self", SHIM_NR_landlock_restrict_self, -1, 0 },
	{ "dup3", SHIM_NR_dup3, -1, 0 },
	{ "fcntl", SHIM_NR_fcntl, 1, SHIM_F_SETFD },
	{ "ioctl TIOCSCTTY", SHIM_NR_ioctl, 1, SHIM_TIOCSCTTY },
	{ "ioctl TIOCNOTTY", SHIM_NR_ioctl, 1, SHIM_TIOCNOTTY },
	{ "rlimit NOFILE", SHIM_NR_prlimit64, 1, SHIM_RLIMIT_NOFILE },
	{ "prctl CAPBSET_DROP", SHIM_NR_prctl, 0, SHIM_PR_CAPBSET_DROP },
	{ "prctl KEEPCAPS", SHIM_NR_prctl, 0, SHIM_PR_SET_KEEPCAPS },
	{ "setgroups", SHIM_NR_setgroups, -1, 0 },
	{ "setresgid", SHIM_NR_setresgid, -1, 0 },
	{ "setresuid", SHIM_NR_setresuid, -1, 0 },
	{ "capset", SHIM_NR_capset, -1, 0 },
	{ "prctl CAP_AMBIENT", SHIM_NR_prctl, 0, SHIM_PR_CAP_AMBIENT },
	{ "chdir", SHIM_NR_chdir, -1, 0 },
	{ "prctl PDEATHSIG", SHIM_NR_prctl, 0, SHIM_PR_SET_PDEATHSIG },
	{ "getppid", SHIM_NR_getppid, -1, 0 },
	{ "ptrace", SHIM_NR_ptrace, -1, 0 },
	{ "seccomp", SHIM_NR_seccomp, -1, 0 },
	{ "execve", SHIM_NR_execve, -1, 0 },
	{ "execveat", SHIM_NR_execveat, -1, 0 },
};

/* Where a start ends that nothing refuses; NULL: it does not fail. */
static const char *failure_of(const char *name)
{
	struct shim_spawn child;

	want(name);
	if (!shim_spawn_start(&child, &all.options, memory, sizeof(memory)))
		end_of(&child);
	shim_close(all.options.cwd_fd);
	if (all.options.landlock_fd >= 0)
		shim_close(all.options.landlock_fd);
	return child.failed;
}

/* The first file system of a kernel does not go on 5.10. */
static int can_leave_root(void)
{
	const char *failed = failure_of("umount2");

	return !failed || !same(failed, "pivot_root");
}

static void every_step_can_be_refused(void)
{
	static const int errors[] = { SHIM_ENOSYS, SHIM_EPERM, SHIM_EXDEV };
	const size_t nr = sizeof(refusals) / sizeof(refusals[0]);
	struct state before = state_now();
	int landlock, pivot, listed;

	if (!can_map_own(SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWNS |
			 SHIM_CLONE_NEWUTS | SHIM_CLONE_NEWTIME))
		SKIP(NO_NAMESPACES);
	CHECK_FATAL(!failure_of("") && !failure_of("setns"));
	pivot = can_leave_root();
	/* By the parent, for there is no close_range. */
	listed = shim_close_range(UINT32_MAX, 0, 0) != 0;
	landlock = (all.options.flags & SHIM_SPAWN_LANDLOCK) != 0;
	for (size_t i = 0; i < nr; i++) {
		const struct refusal *r = &refusals[i];

		if (r->nr == SHIM_NR_landlock_restrict_self && !landlock)
			continue;
		if (r->nr == SHIM_NR_umount2 && !pivot)
			continue;
		/* Only root maps groups and keeps the right to set them. */
		if (r->nr == SHIM_NR_setgroups && shim_geteuid())
			continue;
		/* The list needs it, too: that fails first. */
		if (r->nr == SHIM_NR_openat && listed)
			continue;
		check_case(r->name);
		for (int e = 0; e < 3; e++) {
			struct forbidden f = { r, errors[e] };

			CHECK_EQ(result_in_copy(refused_in_copy, &f), AS_TOLD);
		}
	}
	check_case("");
	check_state(&before);
}

static const struct check_test spawn_refused_tests[] = {
	{ "every_step_can_be_refused", every_step_can_be_refused },
};

CHECK_MAIN(spawn_refused, spawn_refused_tests)
