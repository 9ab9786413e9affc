/* SPDX-License-Identifier: MIT */
/*
 * The wrappers that start programs and wait for them, on the real kernel. The
 * children are like fork's: a copy of this program.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"

/* In a child that has nothing to say, 99 says that a call went wrong. */
enum { WRONG = 99 };

static char *const no_env[] = { NULL };

static long copy_of_this(void)
{
	struct shim_clone_args args = { .exit_signal = SHIM_SIGCHLD };

	return shim_clone3(&args, sizeof(args));
}

/* The exit status of the child, or -errno. */
static int wait_for(long pid)
{
	struct shim_siginfo info = { 0 };
	long err = shim_waitid(SHIM_P_PID, (int)pid, &info, SHIM_WEXITED, NULL);

	if (err)
		return (int)err;
	if (info.si_code != SHIM_CLD_EXITED || info.pid != pid ||
	    info.si_signo != SHIM_SIGCHLD)
		return -1;
	return info.status;
}

static void a_program_replaces_the_child(void)
{
	char *const argv[] = { "sh", "-c", "exit $A", NULL };
	char *const envp[] = { "A=7", NULL };
	long pid = copy_of_this();

	if (pid == -SHIM_ENOSYS)
		SKIP("clone3 is not there");
	if (!pid) {
		shim_execve("/bin/sh", argv, envp);
		shim_exit_group(WRONG);
	}
	CHECK_FATAL(pid > 0);
	CHECK_EQ(wait_for(pid), 7);
	pid = copy_of_this();
	if (!pid) {
		int fd = (int)shim_openat(SHIM_AT_FDCWD, "/bin/sh",
					  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

		shim_execveat(fd, "", argv, envp, SHIM_AT_EMPTY_PATH);
		shim_exit_group(WRONG);
	}
	CHECK_EQ(wait_for(pid), 7);
	CHECK_EQ(shim_execve("/", argv, no_env), -SHIM_EACCES);
	CHECK_EQ(shim_execve("", argv, no_env), -SHIM_ENOENT);
	CHECK_EQ(shim_execveat(-1, "x", argv, no_env, 0), -SHIM_EBADF);
	CHECK_EQ(shim_execveat(0, "", argv, no_env, ~0), -SHIM_EINVAL);
}

static void a_child_has_a_descriptor(void)
{
	struct shim_siginfo info = { 0 };
	const struct shim_timespec forever = { 60, 0 };
	long pid = copy_of_this();
	int fd;

	if (pid == -SHIM_ENOSYS)
		SKIP("clone3 is not there");
	if (!pid) {
		shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &forever, NULL);
		shim_exit_group(WRONG);
	}
	fd = (int)shim_pidfd_open((int)pid, 0);
	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_waitid(SHIM_P_PIDFD, fd, &info,
			     SHIM_WEXITED | SHIM_WNOHANG, NULL),
		 0);
	CHECK_EQ(info.si_signo, 0);
	CHECK_EQ(shim_pidfd_send_signal(fd, 0, NULL, 0), 0);
	CHECK_EQ(shim_pidfd_send_signal(fd, SHIM_SIGKILL, NULL, 0), 0);
	CHECK_EQ(shim_waitid(SHIM_P_PIDFD, fd, &info, SHIM_WEXITED, NULL), 0);
	CHECK_EQ(info.si_code, SHIM_CLD_KILLED);
	CHECK_EQ(info.status, SHIM_SIGKILL);
	CHECK_EQ(info.uid, shim_getuid());
	CHECK_EQ(shim_pidfd_send_signal(fd, 0, NULL, 0), -SHIM_ESRCH);
	CHECK_EQ(shim_close(fd), 0);
	CHECK_EQ(shim_pidfd_send_signal(-1, 0, NULL, 0), -SHIM_EBADF);
	CHECK_EQ(shim_pidfd_open(-1, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_waitid(SHIM_P_PID, (int)pid, &info, SHIM_WEXITED, NULL),
		 -SHIM_ECHILD);
	CHECK_EQ(shim_waitid(12345, 0, NULL, SHIM_WEXITED, NULL), -SHIM_EINVAL);
}

/* What only a child may change; WRONG unless all of it worked. */
static int change_the_child(void)
{
	long pid = shim_getpid();

	if (shim_setpgid(0, 0) || shim_getpgid(0) != pid)
		return WRONG;
	/* The leader of a group cannot begin a session. */
	if (shim_setsid() != -SHIM_EPERM || shim_getsid(0) == pid)
		return WRONG;
	if (shim_umask(027) < 0 || shim_umask(022) != 027)
		return WRONG;
	if (shim_chdir("/proc") || shim_chdir("/proc/version") != -SHIM_ENOTDIR)
		return WRONG;
	return 3;
}

static void a_child_changes_itself(void)
{
	long pid = copy_of_this();

	if (pid == -SHIM_ENOSYS)
		SKIP("clone3 is not there");
	if (!pid)
		shim_exit_group(change_the_child());
	CHECK_EQ(wait_for(pid), 3);
	pid = copy_of_this();
	if (!pid)
		shim_exit_group(shim_setsid() == shim_getpid() &&
						shim_getsid(0) == shim_getpid()
					? 4
					: WRONG);
	CHECK_EQ(wait_for(pid), 4);
	CHECK(shim_getsid(0) >= 0);
	CHECK(shim_getpgid(0) >= 0);
	CHECK_EQ(shim_setpgid(-1, 1), -SHIM_ESRCH);
	CHECK_EQ(shim_getpgid(-1), -SHIM_ESRCH);
	CHECK_EQ(shim_getsid(-1), -SHIM_ESRCH);
	CHECK_EQ(shim_chdir(""), -SHIM_ENOENT);
	CHECK_EQ(shim_fchdir(-1), -SHIM_EBADF);
	CHECK_EQ(shim_chroot("/does/not/exist"), -SHIM_ENOENT);
}

static void a_directory_is_entered_by_its_descriptor(void)
{
	int here = (int)shim_openat(SHIM_AT_FDCWD, ".",
				    SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	char where[8] = "";

	CHECK_FATAL(here >= 0);
	CHECK_EQ(shim_chdir("/proc"), 0);
	CHECK_EQ(shim_readlinkat(SHIM_AT_FDCWD, "/proc/self/cwd", where, 8), 5);
	CHECK_EQ(shim_fchdir(here), 0);
	CHECK_EQ(shim_close(here), 0);
}

static void a_range_of_descriptors_is_closed(void)
{
	int fds[2];
	long err;

	CHECK_EQ(shim_pipe2(fds, 0), 0);
	err = shim_dup3(fds[0], 900, 0);
	CHECK_EQ(err, 900);
	CHECK_EQ(shim_dup3(fds[0], 901, 0), 901);
	err = shim_close_range(900, 901, SHIM_CLOSE_RANGE_CLOEXEC);
	if (err == -SHIM_EINVAL || err == -SHIM_ENOSYS) {
		for (int fd = 900; fd < 902; fd++)
			shim_close(fd);
		for (int i = 0; i < 2; i++)
			shim_close(fds[i]);
		SKIP("close_range or its flag is not there");
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(shim_fcntl(901, SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
	CHECK_EQ(shim_close_range(900, ~0U, 0), 0);
	CHECK_EQ(shim_close(900), -SHIM_EBADF);
	CHECK_EQ(shim_close_range(2, 1, 0), -SHIM_EINVAL);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(shim_close(fds[i]), 0);
}

static void a_blocked_signal_is_asked_for_and_taken(void)
{
	const uint64_t usr2 = 1UL << (SHIM_SIGUSR2 - 1);
	const struct shim_timespec now = { 0, 0 };
	struct shim_siginfo info = { 0 };
	uint64_t old, pending = 0;

	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_BLOCK, &usr2, &old), 0);
	CHECK_EQ(shim_rt_sigtimedwait(&usr2, &info, &now), -SHIM_EAGAIN);
	CHECK_EQ(shim_kill((int)shim_getpid(), SHIM_SIGUSR2), 0);
	CHECK_EQ(shim_rt_sigpending(&pending), 0);
	CHECK_EQ(pending & usr2, usr2);
	CHECK_EQ(shim_rt_sigtimedwait(&usr2, &info, NULL), SHIM_SIGUSR2);
	CHECK_EQ(info.pid, shim_getpid());
	CHECK_EQ(shim_rt_sigpending(&pending), 0);
	CHECK_EQ(pending & usr2, 0);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(shim_rt_sigpending(NULL), -SHIM_EFAULT);
}

/* None of these calls does anything, whoever makes it. */
static void the_system_is_not_changed_by_wrong_calls(void)
{
	long err = shim_mount("none", "/does/not/exist", "tmpfs", 0, NULL);

	CHECK(err == -SHIM_ENOENT || err == -SHIM_EPERM);
	err = shim_mount("none", "/", "no such file system", SHIM_MS_RDONLY,
			 "");
	CHECK(err == -SHIM_ENODEV || err == -SHIM_EPERM);
	err = shim_reboot(12345);
	CHECK(err == -SHIM_EINVAL || err == -SHIM_EPERM);
}

static const struct check_test sys_exec_tests[] = {
	{ "a_program_replaces_the_child", a_program_replaces_the_child },
	{ "a_child_has_a_descriptor", a_child_has_a_descriptor },
	{ "a_child_changes_itself", a_child_changes_itself },
	{ "a_directory_is_entered_by_its_descriptor",
	  a_directory_is_entered_by_its_descriptor },
	{ "a_range_of_descriptors_is_closed",
	  a_range_of_descriptors_is_closed },
	{ "a_blocked_signal_is_asked_for_and_taken",
	  a_blocked_signal_is_asked_for_and_taken },
	{ "the_system_is_not_changed_by_wrong_calls",
	  the_system_is_not_changed_by_wrong_calls },
};

CHECK_MAIN(sys_exec, sys_exec_tests)
