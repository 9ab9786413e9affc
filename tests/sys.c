/* SPDX-License-Identifier: MIT */
/*
 * The wrappers on the real kernel: files, memory, time and processes, each at
 * least once, with the widths that go wrong first: negative descriptors,
 * offsets beyond 4 GiB. Sockets and events are in sys_socket.c.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#include "check.h"

#define GIB (1LL << 30)

static int bytes_equal(const char *a, const char *b, size_t n)
{
	while (n--)
		if (*a++ != *b++)
			return 0;
	return 1;
}

static int new_file(void)
{
	return (int)shim_memfd_create("sys", SHIM_MFD_CLOEXEC);
}

static void read_gives_what_write_took(void)
{
	char buf[8] = "";
	int fd = new_file();

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_write(fd, "hello", 5), 5);
	CHECK_EQ(shim_lseek(fd, 1, SHIM_SEEK_SET), 1);
	CHECK_EQ(shim_read(fd, buf, sizeof(buf)), 4);
	CHECK(bytes_equal(buf, "ello", 4));
	CHECK_EQ(shim_read(fd, buf, sizeof(buf)), 0);
	CHECK_EQ(shim_fsync(fd), 0);
	CHECK_EQ(shim_close(fd), 0);
}

static void offsets_have_64_bits(void)
{
	struct shim_statx st;
	char buf[4] = "";
	int fd = new_file();

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_ftruncate(fd, 5 * GIB), 0);
	CHECK_EQ(shim_pwrite64(fd, "abc", 3, 5 * GIB), 3);
	CHECK_EQ(shim_pread64(fd, buf, 4, 5 * GIB + 1), 2);
	CHECK(bytes_equal(buf, "bc", 2));
	CHECK_EQ(shim_lseek(fd, 6 * GIB, SHIM_SEEK_SET), 6 * GIB);
	CHECK_EQ(shim_lseek(fd, -5 * GIB, SHIM_SEEK_CUR), GIB);
	CHECK_EQ(shim_lseek(fd, -1, SHIM_SEEK_SET), -SHIM_EINVAL);
	CHECK_EQ(shim_fallocate(fd, SHIM_FALLOC_FL_KEEP_SIZE, 7 * GIB, 4096),
		 0);
	CHECK_EQ(shim_statx(fd, "", SHIM_AT_EMPTY_PATH, SHIM_STATX_SIZE, &st),
		 0);
	CHECK_EQ(st.stx_size, 5 * GIB + 3);
	CHECK_EQ(shim_close(fd), 0);
}

static void vectors_keep_their_order(void)
{
	char a[3] = "", b[8] = "";
	const struct shim_iovec out[2] = { { (void *)"one", 3 },
					   { (void *)"two", 3 } };
	const struct shim_iovec in[2] = { { a, 2 }, { b, 8 } };
	int fd = new_file();

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_writev(fd, out, 2), 6);
	CHECK_EQ(shim_lseek(fd, 0, SHIM_SEEK_SET), 0);
	CHECK_EQ(shim_readv(fd, in, 2), 6);
	CHECK(bytes_equal(a, "on", 2) && bytes_equal(b, "etwo", 4));
	CHECK_EQ(shim_pwritev2(fd, out, 2, 4 * GIB, 0), 6);
	CHECK_EQ(shim_preadv2(fd, in, 2, 4 * GIB + 3, 0), 3);
	CHECK(bytes_equal(a, "tw", 2) && b[0] == 'o');
	/* -1 is the position, which writev and readv have left at 6. */
	CHECK_EQ(shim_pwritev2(fd, out, 1, -1, 0), 3);
	CHECK_EQ(shim_lseek(fd, 0, SHIM_SEEK_CUR), 9);
	CHECK_EQ(shim_preadv2(fd, in, 2, 4 * GIB, 1 << 30), -SHIM_EOPNOTSUPP);
	CHECK_EQ(shim_close(fd), 0);
}

/* The name of an entry of dir whose name begins with c. */
static int has_entry(int dir, char c)
{
	_Alignas(8) char buf[4096];
	long n = shim_getdents64(dir, buf, sizeof(buf));
	int found = 0;

	CHECK(n > 0);
	for (long at = 0; at < n;) {
		struct shim_linux_dirent64 *d = (void *)(buf + at);

		found |= d->d_name[0] == c;
		at += d->d_reclen;
	}
	return found;
}

static void names_are_relative_to_directories(void)
{
	char name[] = "/tmp/shim-sys-0000000", target[16];
	long pid = shim_getpid();
	int dir, fd;

	for (char *p = name + sizeof(name) - 2; *p != '-'; p--, pid /= 10)
		*p = (char)('0' + pid % 10);
	CHECK_EQ(shim_mkdirat(SHIM_AT_FDCWD, name, 0700), 0);
	dir = (int)shim_openat(SHIM_AT_FDCWD, name,
			       SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	CHECK_FATAL(dir >= 0);
	fd = (int)shim_openat(dir, "x",
			      SHIM_O_CREAT | SHIM_O_EXCL | SHIM_O_RDWR |
				      SHIM_O_CLOEXEC | SHIM_O_NOFOLLOW,
			      0600);
	CHECK(fd >= 0);
	CHECK(has_entry(dir, 'x'));
	CHECK_EQ(shim_openat(dir, "x", SHIM_O_DIRECTORY, 0), -SHIM_ENOTDIR);
	CHECK_EQ(shim_unlinkat(dir, "x", 0), 0);
	CHECK_EQ(shim_unlinkat(dir, "x", 0), -SHIM_ENOENT);
	CHECK_EQ(shim_symlinkat("target", dir, "x"), 0);
	CHECK_EQ(shim_symlinkat("target", dir, "x"), -SHIM_EEXIST);
	CHECK_EQ(shim_readlinkat(dir, "x", target, 16), 6);
	CHECK_EQ(target[5], 't');
	CHECK_EQ(shim_unlinkat(dir, "x", 0), 0);
	CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, name, SHIM_AT_REMOVEDIR), 0);
	CHECK_EQ(shim_close(fd), 0);
	CHECK_EQ(shim_close(dir), 0);
}

static void links_and_file_systems_can_be_asked(void)
{
	struct shim_statfs fs;
	char target[16];
	int fd = new_file();

	CHECK_FATAL(fd >= 0);
	CHECK_EQ(shim_fstatfs(fd, &fs), 0);
	CHECK_EQ(fs.f_type, SHIM_TMPFS_MAGIC);
	CHECK(fs.f_bsize > 0);
	CHECK(shim_readlinkat(SHIM_AT_FDCWD, "/proc/self/exe", target, 16) > 1);
	CHECK_EQ(target[0], '/');
	CHECK_EQ(shim_readlinkat(SHIM_AT_FDCWD, "/proc", target, 16),
		 -SHIM_EINVAL);
	CHECK_EQ(shim_close(fd), 0);
}

static void descriptors_can_be_copied_and_controlled(void)
{
	int pipe[2], other;
	char c = 0;

	CHECK_EQ(shim_pipe2(pipe, SHIM_O_CLOEXEC | SHIM_O_NONBLOCK), 0);
	CHECK_EQ(shim_fcntl(pipe[0], SHIM_F_GETFD, 0), SHIM_FD_CLOEXEC);
	CHECK_EQ(shim_fcntl(pipe[0], SHIM_F_GETFL, 0) & SHIM_O_NONBLOCK,
		 SHIM_O_NONBLOCK);
	CHECK_EQ(shim_read(pipe[0], &c, 1), -SHIM_EAGAIN);
	other = (int)shim_fcntl(pipe[1], SHIM_F_DUPFD_CLOEXEC, 100);
	CHECK(other >= 100);
	CHECK_EQ(shim_dup3(pipe[1], other, SHIM_O_CLOEXEC), other);
	CHECK_EQ(shim_dup3(other, other, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_write(other, "x", 1), 1);
	CHECK_EQ(shim_read(pipe[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(shim_close(other), 0);
	CHECK_EQ(shim_close(pipe[0]), 0);
	CHECK_EQ(shim_close(pipe[1]), 0);
}

static void wrong_files_errno(void)
{
	int pipe[2];
	struct shim_statx st;
	struct shim_statfs fs;
	char buf[1];

	CHECK_EQ(shim_read(-1, buf, 1), -SHIM_EBADF);
	CHECK_EQ(shim_write(-1, buf, 1), -SHIM_EBADF);
	CHECK_EQ(shim_close(-1), -SHIM_EBADF);
	CHECK_EQ(shim_readv(-1, NULL, 0), -SHIM_EBADF);
	CHECK_EQ(shim_ftruncate(-1, 0), -SHIM_EBADF);
	CHECK_EQ(shim_fallocate(-1, 0, 0, 1), -SHIM_EBADF);
	CHECK_EQ(shim_fsync(-1), -SHIM_EBADF);
	CHECK_EQ(shim_fstatfs(-1, &fs), -SHIM_EBADF);
	CHECK_EQ(shim_getdents64(-1, buf, 1), -SHIM_EBADF);
	CHECK_EQ(shim_fcntl(-1, SHIM_F_GETFD, 0), -SHIM_EBADF);
	CHECK_EQ(shim_openat(-1, "x", 0, 0), -SHIM_EBADF);
	CHECK_EQ(shim_mkdirat(SHIM_AT_FDCWD, "/", 0), -SHIM_EEXIST);
	CHECK_EQ(shim_statx(SHIM_AT_FDCWD, "", 0, 0, &st), -SHIM_ENOENT);
	CHECK_EQ(shim_memfd_create("", ~0U), -SHIM_EINVAL);
	CHECK_EQ(shim_memfd_create(NULL, 0), -SHIM_EFAULT);
	CHECK_EQ(shim_pipe2(NULL, 0), -SHIM_EFAULT);
	CHECK_EQ(shim_pipe2(pipe, -1), -SHIM_EINVAL);
	CHECK_EQ(shim_preadv2(-1, NULL, 0, 0, 0), -SHIM_EBADF);
	CHECK_EQ(shim_pread64(0, buf, 1, -1), -SHIM_EINVAL);
}

static void memory_is_mapped_protected_and_unmapped(void)
{
	char *p = shim_mmap(NULL, 8192, SHIM_PROT_READ | SHIM_PROT_WRITE,
			    SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	int fd = new_file();
	char *q;

	CHECK_EQ(shim_ptr_err(p), 0);
	CHECK_EQ(p[8191], 0);
	CHECK_EQ(shim_ftruncate(fd, 4 * GIB + 65536), 0);
	CHECK_EQ(shim_pwrite64(fd, "far", 3, 4 * GIB), 3);
	q = shim_mmap(NULL, 65536, SHIM_PROT_READ, SHIM_MAP_SHARED, fd,
		      4 * GIB);
	CHECK_EQ(shim_ptr_err(q), 0);
	CHECK(bytes_equal(q, "far", 3));
	CHECK_EQ(shim_mprotect(p, 4096, SHIM_PROT_NONE), 0);
	/* The kernel cannot read it either. */
	CHECK_EQ(shim_write(fd, p, 1), -SHIM_EFAULT);
	CHECK_EQ(shim_mprotect(p + 1, 1, SHIM_PROT_READ), -SHIM_EINVAL);
	CHECK_EQ(shim_ptr_err(shim_mmap(NULL, 1, 0, SHIM_MAP_PRIVATE, -1, 0)),
		 -SHIM_EBADF);
	CHECK_EQ(shim_munmap(p, 8192), 0);
	CHECK_EQ(shim_munmap(q, 65536), 0);
	CHECK_EQ(shim_munmap(p + 1, 1), -SHIM_EINVAL);
	CHECK_EQ(shim_close(fd), 0);
}

static int64_t nanoseconds(const struct shim_timespec *ts)
{
	return ts->tv_sec * 1000000000 + ts->tv_nsec;
}

static void a_sleep_takes_its_time(void)
{
	const struct shim_timespec ms = { 0, 1000000 };
	struct shim_timespec a = { 0 }, b = { 0 };

	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &a), 0);
	CHECK_EQ(shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, 0, &ms, NULL), 0);
	CHECK_EQ(shim_clock_gettime(SHIM_CLOCK_MONOTONIC, &b), 0);
	CHECK(nanoseconds(&b) - nanoseconds(&a) >= 1000000);
	CHECK_EQ(shim_clock_nanosleep(SHIM_CLOCK_MONOTONIC, SHIM_TIMER_ABSTIME,
				      &a, NULL),
		 0);
	CHECK_EQ(shim_clock_gettime(12345, &a), -SHIM_EINVAL);
	CHECK_EQ(shim_clock_nanosleep(12345, 0, &ms, NULL), -SHIM_EINVAL);
}

/* A child like fork's, which ends with status, by exit or exit_group. */
static long child(int status, int group)
{
	struct shim_clone_args args = { .exit_signal = SHIM_SIGCHLD };
	long pid = shim_clone3(&args, sizeof(args));

	if (pid)
		return pid;
	if (group)
		shim_exit_group(status);
	shim_exit(status);
}

static void a_child_is_waited_for(void)
{
	struct shim_rusage usage;
	int status = 0;
	long pid = child(7, 1);

	if (pid == -SHIM_ENOSYS)
		SKIP("clone3 is not there");
	CHECK_FATAL(pid > 0);
	CHECK_EQ(shim_wait4((int)pid, &status, 0, &usage), pid);
	CHECK_EQ(status, 7 << 8);
	pid = child(9, 0);
	CHECK_EQ(shim_wait4(-1, &status, 0, NULL), pid);
	CHECK_EQ(status, 9 << 8);
	CHECK_EQ(shim_wait4((int)pid, &status, SHIM_WNOHANG, NULL),
		 -SHIM_ECHILD);
	CHECK_EQ(shim_clone3(NULL, 1), -SHIM_EINVAL);
}

static void the_process_knows_itself(void)
{
	struct shim_rusage usage;
	struct shim_utsname name;
	int pid = (int)shim_getpid();

	CHECK(pid > 1);
	CHECK(shim_getppid() > 0);
	CHECK_EQ(shim_gettid(), pid);
	CHECK(shim_getuid() >= 0);
	CHECK(shim_geteuid() >= 0);
	CHECK_EQ(shim_kill(pid, 0), 0);
	CHECK_EQ(shim_tgkill(pid, pid, 0), 0);
	CHECK_EQ(shim_kill(pid, 12345), -SHIM_EINVAL);
	CHECK_EQ(shim_tgkill(-1, pid, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_getrusage(SHIM_RUSAGE_SELF, &usage), 0);
	/* Of memory there are rough numbers only, and little may be none. */
	CHECK(usage.ru_minflt > 0 && usage.ru_maxrss >= 0);
	CHECK_EQ(shim_getrusage(12345, &usage), -SHIM_EINVAL);
	CHECK_EQ(shim_uname(&name), 0);
	CHECK(bytes_equal(name.sysname, "Linux", 6));
	CHECK(name.release[0] >= '3' && name.release[0] <= '9');
	CHECK_EQ(shim_uname(NULL), -SHIM_EFAULT);
}

static void cpus_can_be_asked_and_chosen(void)
{
	unsigned long all[128] = { 0 }, one[128] = { 0 };
	unsigned cpu = ~0U, node = ~0U;
	long n = shim_sched_getaffinity(0, sizeof(all), all);

	CHECK_FATAL(n >= 8);
	CHECK_EQ(shim_getcpu(&cpu, &node), 0);
	CHECK(cpu < 8192 && node != ~0U);
	CHECK(all[cpu / 64] & 1UL << cpu % 64);
	one[cpu / 64] = 1UL << cpu % 64;
	CHECK_EQ(shim_sched_setaffinity(0, (unsigned)n, one), 0);
	CHECK_EQ(shim_sched_setaffinity(0, (unsigned)n, all), 0);
	CHECK_EQ(shim_sched_getaffinity(0, 1, all), -SHIM_EINVAL);
	CHECK_EQ(shim_sched_setaffinity(0, 0, all), -SHIM_EINVAL);
	CHECK_EQ(shim_sched_yield(), 0);
}

static void signals_are_blocked_and_ignored(void)
{
	const uint64_t usr1 = 1UL << (SHIM_SIGUSR1 - 1);
	const struct shim_sigaction ignore = { .handler =
						       (void *)SHIM_SIG_IGN };
	struct shim_sigaction old, now;
	uint64_t before = 0, mask = 0;
	int pid = (int)shim_getpid();

	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_BLOCK, &usr1, &before), 0);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_BLOCK, NULL, &mask), 0);
	CHECK_EQ(mask & usr1, usr1);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &ignore, &old), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, NULL, &now), 0);
	CHECK(now.handler == ignore.handler);
	CHECK_EQ(shim_tgkill(pid, (int)shim_gettid(), SHIM_SIGUSR1), 0);
	CHECK_EQ(shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before, NULL), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGUSR1, &old, NULL), 0);
	CHECK_EQ(shim_rt_sigaction(SHIM_SIGKILL, &ignore, NULL), -SHIM_EINVAL);
	CHECK_EQ(shim_rt_sigprocmask(12345, &mask, NULL), -SHIM_EINVAL);
}

static void limits_and_options_can_be_asked_and_set(void)
{
	const uint32_t errno_action = SHIM_SECCOMP_RET_ERRNO;
	struct shim_rlimit64 limit = { 0 }, again = { 0 };
	char name[16] = "";

	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, NULL, &limit), 0);
	CHECK(limit.rlim_cur > 2 && limit.rlim_cur <= limit.rlim_max);
	CHECK_EQ(shim_setrlimit(SHIM_RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(shim_prlimit64(0, SHIM_RLIMIT_NOFILE, &limit, &again), 0);
	CHECK_EQ(again.rlim_cur, limit.rlim_cur);
	CHECK_EQ(shim_setrlimit(12345, &limit), -SHIM_EINVAL);
	CHECK_EQ(shim_prlimit64(0, 12345, NULL, &limit), -SHIM_EINVAL);
	CHECK_EQ(shim_prctl(SHIM_PR_SET_NAME, (unsigned long)"shim-sys", 0, 0,
			    0),
		 0);
	CHECK_EQ(shim_prctl(SHIM_PR_GET_NAME, (unsigned long)name, 0, 0, 0), 0);
	CHECK(bytes_equal(name, "shim-sys", 9));
	CHECK_EQ(shim_prctl(-1, 0, 0, 0, 0), -SHIM_EINVAL);
	CHECK_EQ(shim_seccomp(~0U, 0, NULL), -SHIM_EINVAL);
	if (shim_seccomp(SHIM_SECCOMP_GET_ACTION_AVAIL, 0,
			 (void *)&errno_action) == -SHIM_ENOSYS)
		SKIP("seccomp is not there");
	CHECK_EQ(shim_seccomp(SHIM_SECCOMP_GET_ACTION_AVAIL, 0,
			      (void *)&errno_action),
		 0);
}

static void random_bytes_fill_the_buffer(void)
{
	char buf[256] = { 0 };
	int zeros = 0;

	CHECK_EQ(shim_getrandom(buf, sizeof(buf), 0), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		zeros += !buf[i];
	CHECK(zeros < 64);
	CHECK_EQ(shim_getrandom(buf, 1, ~0U), -SHIM_EINVAL);
}

static void a_performance_counter_counts(void)
{
	struct shim_perf_event_attr attr = {
		.type = SHIM_PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = SHIM_PERF_COUNT_SW_TASK_CLOCK,
		.flags = SHIM_PERF_ATTR_FLAG_EXCLUDE_KERNEL,
	};
	uint64_t count = 0;
	long fd = shim_perf_event_open(&attr, 0, -1, -1,
				       SHIM_PERF_FLAG_FD_CLOEXEC);

	if (fd == -SHIM_EACCES || fd == -SHIM_EPERM || fd == -SHIM_ENOSYS)
		SKIP("performance counters are forbidden or not there");
	CHECK_FATAL(fd >= 0);
	/* The clock may be one that ticks only now and then. */
	for (int i = 0; i < 1000000 && !count; i++)
		CHECK_FATAL(shim_read((int)fd, &count, 8) == 8);
	CHECK(count > 0);
	CHECK_EQ(shim_close((int)fd), 0);
	attr.size = 1;
	CHECK_EQ(shim_perf_event_open(&attr, 0, -1, -1, 0), -SHIM_E2BIG);
}

static const struct check_test sys_tests[] = {
	{ "read_gives_what_write_took", read_gives_what_write_took },
	{ "offsets_have_64_bits", offsets_have_64_bits },
	{ "vectors_keep_their_order", vectors_keep_their_order },
	{ "names_are_relative_to_directories",
	  names_are_relative_to_directories },
	{ "links_and_file_systems_can_be_asked",
	  links_and_file_systems_can_be_asked },
	{ "descriptors_can_be_copied_and_controlled",
	  descriptors_can_be_copied_and_controlled },
	{ "wrong_files_errno", wrong_files_errno },
	{ "memory_is_mapped_protected_and_unmapped",
	  memory_is_mapped_protected_and_unmapped },
	{ "a_sleep_takes_its_time", a_sleep_takes_its_time },
	{ "a_child_is_waited_for", a_child_is_waited_for },
	{ "the_process_knows_itself", the_process_knows_itself },
	{ "cpus_can_be_asked_and_chosen", cpus_can_be_asked_and_chosen },
	{ "signals_are_blocked_and_ignored", signals_are_blocked_and_ignored },
	{ "limits_and_options_can_be_asked_and_set",
	  limits_and_options_can_be_asked_and_set },
	{ "random_bytes_fill_the_buffer", random_bytes_fill_the_buffer },
	{ "a_performance_counter_counts", a_performance_counter_counts },
};

CHECK_MAIN(sys, sys_tests)
