/* SPDX-License-Identifier: MIT */
/*
 * The calls that change the system, or lead out of namespaces. Where one is not
 * refused it would still do no harm: its arguments are those of nobody, or what
 * it changes is as before.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "escape.h"

enum {
	CHANGE_FLAGS = SHIM_MS_REMOUNT | SHIM_MS_BIND,
	ALL = -1,
	PAGE = 4096,
	TICK = 0x4000, /* ADJ_TICK; a tick of 0 is wrong */
	FIFO = 1,
};

static const uint32_t root_group;
static const struct shim_user_cap_header caps_of_us = {
	SHIM__LINUX_CAPABILITY_VERSION_3, 0
};
static const struct shim_user_cap_data all_caps[2] = { { ~0U, ~0U, 0 },
						       { ~0U, ~0U, 0 } };
static const struct shim_rlimit64 many = { 1000000, 1000000 };
static const struct shim_sched_param priority = { 1 };
static const struct shim_timespec no_time = { -1, 0 };
static struct shim_timex wrong_tick = { .modes = TICK };
static struct shim_perf_event_attr event = { .size = sizeof(event) };
static struct shim_clone_args new_user = {
	.flags = SHIM_CLONE_NEWUSER,
	.exit_signal = SHIM_SIGCHLD,
};
static char page[PAGE];
static struct shim_iovec piece = { page, 8 };

#define P(pointer) (long)(uintptr_t)(pointer)

/* What is refused, and how else than by EPERM, EACCES or ENOSYS. */
static struct call {
	const char *name;
	long nr;
	long args[5];
	int also;
} calls[] = {
	{ "mount", SHIM_NR_mount, { P("x"), P("/tmp"), P("tmpfs") }, 0 },
	{ "bind", SHIM_NR_mount, { P("/proc"), P("/tmp"), 0, SHIM_MS_BIND }, 0 },
	{ "remount", SHIM_NR_mount, { 0, P("/usr"), 0, CHANGE_FLAGS }, 0 },
	{ "umount2", SHIM_NR_umount2, { P("/proc"), SHIM_MNT_DETACH }, 0 },
	{ "pivot_root", SHIM_NR_pivot_root, { P("/"), P("/") }, 0 },
	{ "chroot", SHIM_NR_chroot, { P("/tmp") }, 0 },
	{ "open_tree", SHIM_NR_open_tree, { SHIM_AT_FDCWD, P("/"), 1 }, 0 },
	{ "move_mount", SHIM_NR_move_mount, { ALL, P(""), ALL, P("") }, 0 },
	{ "fsopen", SHIM_NR_fsopen, { P("tmpfs") }, 0 },
	{ "fspick", SHIM_NR_fspick, { SHIM_AT_FDCWD, P("/") }, 0 },
	{ "fsmount", SHIM_NR_fsmount, { ALL }, 0 },
	{ "mount_setattr", SHIM_NR_mount_setattr, { ALL, P("") }, 0 },
	{ "unshare_user", SHIM_NR_unshare, { SHIM_CLONE_NEWUSER }, 0 },
	{ "unshare_mounts", SHIM_NR_unshare, { SHIM_CLONE_NEWNS }, 0 },
	{ "setns", SHIM_NR_setns, { 0, 0 }, 0 },
	{ "clone3", SHIM_NR_clone3, { P(&new_user), sizeof(new_user) }, 0 },
	{ "ptrace_parent", SHIM_NR_ptrace, { 0 }, 0 },
	{ "process_vm_readv",
	  SHIM_NR_process_vm_readv,
	  { 1, P(&piece), 1, P(&piece), 1 },
	  0 },
	{ "process_vm_writev",
	  SHIM_NR_process_vm_writev,
	  { 1, P(&piece), 1, P(&piece), 1 },
	  0 },
	{ "pidfd_getfd", SHIM_NR_pidfd_getfd, { 0, 0, 0 }, 0 },
	{ "bpf", SHIM_NR_bpf, { 0, P(page), 64 }, 0 },
	{ "perf_event_open",
	  SHIM_NR_perf_event_open,
	  { P(&event), 0, ALL, ALL },
	  0 },
	{ "userfaultfd", SHIM_NR_userfaultfd, { 1 }, 0 },
	{ "io_uring_setup", SHIM_NR_io_uring_setup, { 1, P(page) }, 0 },
	{ "keyctl", SHIM_NR_keyctl, { 0, -3, 0 }, 0 },
	{ "add_key", SHIM_NR_add_key, { P("user"), P("k"), P("v"), 1, -1 }, 0 },
	{ "request_key", SHIM_NR_request_key, { P("user"), P("k") }, 0 },
	{ "init_module", SHIM_NR_init_module, { P(page), PAGE, P("") }, 0 },
	{ "finit_module", SHIM_NR_finit_module, { 0, P(""), 0 }, 0 },
	{ "delete_module", SHIM_NR_delete_module, { P("no such module") }, 0 },
	{ "kexec_load", SHIM_NR_kexec_load, { 0, ALL }, 0 },
	{ "kexec_file_load", SHIM_NR_kexec_file_load, { ALL, ALL }, 0 },
	/* Where it is allowed it is the same as before: CAD_OFF. */
	{ "reboot", SHIM_NR_reboot, { (long)0xfee1dead, 672274793, 0 }, 0 },
	{ "swapon", SHIM_NR_swapon, { P("/dev/null") }, 0 },
	{ "swapoff", SHIM_NR_swapoff, { P("/dev/null") }, 0 },
	{ "acct", SHIM_NR_acct, { P("/tmp") }, 0 },
	{ "quotactl", SHIM_NR_quotactl, { 0x800001 << 8, 0 }, 0 },
	{ "syslog", SHIM_NR_syslog, { 3, P(page), PAGE }, 0 },
	{ "settimeofday", SHIM_NR_settimeofday, { P(&no_time), 0 }, 0 },
	{ "clock_settime", SHIM_NR_clock_settime, { 0, P(&no_time) }, 0 },
	{ "clock_adjtime", SHIM_NR_clock_adjtime, { 0, P(&wrong_tick) }, 0 },
	{ "adjtimex", SHIM_NR_adjtimex, { P(&wrong_tick) }, 0 },
	{ "sethostname", SHIM_NR_sethostname, { P("x"), 1 }, 0 },
	{ "setdomainname", SHIM_NR_setdomainname, { P("x"), 1 }, 0 },
	{ "vhangup", SHIM_NR_vhangup, { 0 }, 0 },
	{ "vsock", SHIM_NR_socket, { SHIM_AF_VSOCK, 1 }, 0 },
	{ "packets", SHIM_NR_socket, { SHIM_AF_PACKET, 3 }, 0 },
	{ "raw_socket", SHIM_NR_socket, { SHIM_AF_INET, 3, 1 }, 0 },
	{ "ciphers", SHIM_NR_socket, { SHIM_AF_ALG, 5 }, 0 },
	{ "TIOCSTI", SHIM_NR_ioctl, { 0, SHIM_TIOCSTI, P("x") }, 0 },
	{ "TIOCLINUX", SHIM_NR_ioctl, { 0, SHIM_TIOCLINUX, P("\2") }, 0 },
	/* Root has no number in there when it is not root that made it. */
	{ "setresuid", SHIM_NR_setresuid, { 0, 0, 0 }, SHIM_EINVAL },
	{ "setresgid", SHIM_NR_setresgid, { 0, 0, 0 }, SHIM_EINVAL },
	{ "setgroups", SHIM_NR_setgroups, { 1, P(&root_group) }, 0 },
	{ "capset", SHIM_NR_capset, { P(&caps_of_us), P(all_caps) }, 0 },
	{ "ambient", SHIM_NR_prctl, { SHIM_PR_CAP_AMBIENT, 2, 21 }, 0 },
	{ "new_privileges",
	  SHIM_NR_prctl,
	  { SHIM_PR_SET_NO_NEW_PRIVS, 0 },
	  SHIM_EINVAL },
	{ "outlive", SHIM_NR_prctl, { SHIM_PR_SET_PDEATHSIG, 0 }, 0 },
	{ "nice", SHIM_NR_setpriority, { 0, 0, -20 }, 0 },
	{ "real_time",
	  SHIM_NR_sched_setscheduler,
	  { 0, FIFO, P(&priority) },
	  0 },
	{ "more_processes",
	  SHIM_NR_prlimit64,
	  { 0, SHIM_RLIMIT_NPROC, P(&many) },
	  0 },
	{ "more_files",
	  SHIM_NR_prlimit64,
	  { 0, SHIM_RLIMIT_NOFILE, P(&many) },
	  0 },
#ifdef SHIM_NR_iopl
	{ "iopl", SHIM_NR_iopl, { 3 }, 0 },
	{ "ioperm", SHIM_NR_ioperm, { 0x80, 1, 1 }, 0 },
#endif
};

static int is_refusal(const struct call *c, long result)
{
	return result == -SHIM_EPERM || result == -SHIM_EACCES ||
	       result == -SHIM_ENOSYS || (c->also && result == -c->also);
}

int try_calls(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *c = &calls[i];
		const long pid = shim_getpid();
		long result = shim_syscall(c->nr, c->args[0], c->args[1],
					   c->args[2], c->args[3], c->args[4],
					   0);

		/* A child that should not be there. */
		if (shim_getpid() != pid)
			shim_exit_group(0);
		/* Another error is an answer of somebody who would do it. */
		tell(c->name, is_refusal(c, result) ? result : 0);
	}
	say("end\n");
	return 0;
}
