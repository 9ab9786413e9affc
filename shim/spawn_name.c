/* SPDX-License-Identifier: MIT */
/* What steps are called in errors. */
#include <shim/spawn.h>

#include "spawn_impl.h"

static const char *const limits[SHIM_RLIM_NLIMITS] = {
	[SHIM_RLIMIT_CPU] = "rlimit CPU",
	[SHIM_RLIMIT_FSIZE] = "rlimit FSIZE",
	[SHIM_RLIMIT_DATA] = "rlimit DATA",
	[SHIM_RLIMIT_STACK] = "rlimit STACK",
	[SHIM_RLIMIT_CORE] = "rlimit CORE",
	[SHIM_RLIMIT_RSS] = "rlimit RSS",
	[SHIM_RLIMIT_NPROC] = "rlimit NPROC",
	[SHIM_RLIMIT_NOFILE] = "rlimit NOFILE",
	[SHIM_RLIMIT_MEMLOCK] = "rlimit MEMLOCK",
	[SHIM_RLIMIT_AS] = "rlimit AS",
	[SHIM_RLIMIT_LOCKS] = "rlimit LOCKS",
	[SHIM_RLIMIT_SIGPENDING] = "rlimit SIGPENDING",
	[SHIM_RLIMIT_MSGQUEUE] = "rlimit MSGQUEUE",
	[SHIM_RLIMIT_NICE] = "rlimit NICE",
	[SHIM_RLIMIT_RTPRIO] = "rlimit RTPRIO",
	[SHIM_RLIMIT_RTTIME] = "rlimit RTTIME",
};

/* Calls whose arguments name more: the argument that does, or -1. */
static const struct {
	uint32_t nr;
	int arg;
	uint64_t value;
	const char *name;
} names[] = {
	{ SHIM_NR_capset, -1, 0, "capset" },
	{ SHIM_NR_chdir, -1, 0, "chdir" },
	{ SHIM_NR_chroot, -1, 0, "chroot" },
	{ SHIM_NR_close, -1, 0, "close" },
	{ SHIM_NR_close_range, -1, 0, "close_range" },
	{ SHIM_NR_dup3, -1, 0, "dup3" },
	{ SHIM_NR_execve, -1, 0, "execve" },
	{ SHIM_NR_execveat, -1, 0, "execveat" },
	{ SHIM_NR_fchdir, -1, 0, "fchdir" },
	{ SHIM_NR_fcntl, -1, 0, "fcntl" },
	{ SHIM_NR_futex, -1, 0, "futex" },
	{ SHIM_NR_getpgid, -1, 0, "getpgid" },
	{ SHIM_NR_getppid, -1, 0, "getppid" },
	{ SHIM_NR_ioctl, 1, SHIM_TIOCNOTTY, "ioctl TIOCNOTTY" },
	{ SHIM_NR_ioctl, 1, SHIM_TIOCSCTTY, "ioctl TIOCSCTTY" },
	{ SHIM_NR_ioctl, 1, SHIM_TIOCSPGRP, "ioctl TIOCSPGRP" },
	{ SHIM_NR_ioctl, -1, 0, "ioctl" },
	{ SHIM_NR_landlock_restrict_self, -1, 0, "landlock_restrict_self" },
	{ SHIM_NR_mount, -1, 0, "mount" },
	{ SHIM_NR_openat, -1, 0, "openat" },
	{ SHIM_NR_pivot_root, -1, 0, "pivot_root" },
	{ SHIM_NR_ppoll, -1, 0, "ppoll" },
	{ SHIM_NR_prctl, 0, SHIM_PR_CAPBSET_DROP, "prctl CAPBSET_DROP" },
	{ SHIM_NR_prctl, 0, SHIM_PR_CAP_AMBIENT, "prctl CAP_AMBIENT" },
	{ SHIM_NR_prctl, 0, SHIM_PR_SET_KEEPCAPS, "prctl KEEPCAPS" },
	{ SHIM_NR_prctl, 0, SHIM_PR_SET_NO_NEW_PRIVS, "prctl NO_NEW_PRIVS" },
	{ SHIM_NR_prctl, 0, SHIM_PR_SET_PDEATHSIG, "prctl PDEATHSIG" },
	{ SHIM_NR_prctl, -1, 0, "prctl" },
	{ SHIM_NR_ptrace, -1, 0, "ptrace" },
	{ SHIM_NR_read, -1, 0, "read" },
	{ SHIM_NR_rt_sigaction, -1, 0, "rt_sigaction" },
	{ SHIM_NR_rt_sigprocmask, -1, 0, "rt_sigprocmask" },
	{ SHIM_NR_sched_setaffinity, -1, 0, "sched_setaffinity" },
	{ SHIM_NR_sched_setattr, -1, 0, "sched_setattr" },
	{ SHIM_NR_seccomp, -1, 0, "seccomp" },
	{ SHIM_NR_setgroups, -1, 0, "setgroups" },
	{ SHIM_NR_setns, -1, 0, "setns" },
	{ SHIM_NR_setpgid, -1, 0, "setpgid" },
	{ SHIM_NR_setpriority, -1, 0, "setpriority" },
	{ SHIM_NR_setresgid, -1, 0, "setresgid" },
	{ SHIM_NR_setresuid, -1, 0, "setresuid" },
	{ SHIM_NR_setsid, -1, 0, "setsid" },
	{ SHIM_NR_umask, -1, 0, "umask" },
	{ SHIM_NR_umount2, -1, 0, "umount2" },
	{ SHIM_NR_unshare, -1, 0, "unshare" },
	{ SHIM_NR_write, -1, 0, "write" },
};

const char *shim_spawn_step_name(const struct shim_spawn_step *step)
{
	if (step->nr == SHIM_NR_prlimit64 && step->args[1] < SHIM_RLIM_NLIMITS)
		return limits[step->args[1]];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (step->nr == names[i].nr &&
		    (names[i].arg < 0 ||
		     step->args[names[i].arg] == names[i].value))
			return names[i].name;
	return "step";
}
