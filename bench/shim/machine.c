/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "calls.h"

#include "../coproc.h"
#include "../file.h"
#include "../program.h"

#include "tiny_bytes.h"

#define NR_FILE_BLOCKS (64 << 20 >> 12)
#define TEST_FILE_FD 3

static int complain(const char *what, long err)
{
	struct text out = { 0 };

	text_add(&out, "shim-bench: ");
	text_add(&out, what);
	text_add(&out, ": errno ");
	text_add_number(&out, (uint64_t)-err);
	text_add(&out, "\n");
	text_flush(&out, 2);
	return (int)err;
}

static bool has_cpu(const struct machine *m, unsigned cpu)
{
	return m->cpus[cpu / 64] >> cpu % 64 & 1;
}

/* The last two: interrupts tend to go to the first ones. */
static int choose_cpus(struct machine *m)
{
	unsigned cpu = 1024, nr = 0;
	long n = shim_sched_getaffinity(0, sizeof(m->cpus), (void *)m->cpus);

	if (n < 0)
		return complain("sched_getaffinity", n);
	while (cpu-- && nr < 2) {
		if (!has_cpu(m, cpu))
			continue;
		if (!nr++)
			m->server_cpu = cpu;
		m->client_cpu = cpu;
	}
	return 0;
}

void machine_unpin(const struct machine *m)
{
	shim_sched_setaffinity(0, sizeof(m->cpus), (const void *)m->cpus);
}

/* A file that has no name, or loses it at once. */
static long open_unnamed(const char *dir)
{
	static const char name[] = "/shim-bench.tmp";
	struct text path = { 0 };
	long err,
		fd = shim_openat(SHIM_AT_FDCWD, dir,
				 SHIM_O_TMPFILE | SHIM_O_RDWR | SHIM_O_CLOEXEC,
				 0600);

	if (fd >= 0)
		return fd;
	text_add(&path, dir);
	text_add(&path, name);
	fd = shim_openat(SHIM_AT_FDCWD, path.s,
			 SHIM_O_CREAT | SHIM_O_EXCL | SHIM_O_RDWR |
				 SHIM_O_CLOEXEC,
			 0600);
	if (fd < 0)
		return fd;
	err = shim_unlinkat(SHIM_AT_FDCWD, path.s, 0);
	if (!err)
		return fd;
	shim_close((int)fd);
	return err;
}

/* Each block begins with its offset. */
static int fill(int fd)
{
	static int64_t block[FILE_BLOCK / sizeof(int64_t)];

	for (int64_t i = 0; i < NR_FILE_BLOCKS; i++) {
		long n;

		block[0] = i * FILE_BLOCK;
		n = shim_pwrite64(fd, block, FILE_BLOCK, block[0]);
		if (n != FILE_BLOCK)
			return wrong_result(n, FILE_BLOCK);
	}
	return (int)shim_fsync(fd);
}

static int move_to(int fd, int to)
{
	long err;

	if (fd == to)
		return 0;
	err = shim_dup3(fd, to, SHIM_O_CLOEXEC);
	shim_close(fd);
	return err < 0 ? complain("dup3", err) : 0;
}

static int make_file(const char **where)
{
	static const char *const dirs[] = { ".", "/tmp" };
	long err = 0, fd = -1;

	for (size_t i = 0; i < 2 && fd < 0; i++) {
		*where = dirs[i];
		fd = open_unnamed(dirs[i]);
		err = fd < 0 ? fd : fill((int)fd);
		if (err && fd >= 0) {
			shim_close((int)fd);
			fd = -1;
		}
	}
	if (fd < 0)
		return complain("a test file of 64 MiB in . or /tmp", err);
	return move_to((int)fd, TEST_FILE_FD);
}

/* An executable file in memory: here nothing may be executable. */
static long open_memory(void)
{
	unsigned flags = SHIM_MFD_CLOEXEC | SHIM_MFD_EXEC;
	long fd = shim_memfd_create("tiny", flags);

	/* Before 6.3 each is. */
	if (fd == -SHIM_EINVAL)
		fd = shim_memfd_create("tiny", SHIM_MFD_CLOEXEC);
	return fd;
}

/* The program of the Spawn rows; without it only they cannot run. */
static int make_program(void)
{
	long n, fd;

	/* Whatever we have inherited is not it. */
	shim_close(PROGRAM_FD);
	fd = open_memory();
	if (fd < 0) {
		complain("memfd_create", fd);
		return 0;
	}
	n = shim_write((int)fd, tiny_bytes, sizeof(tiny_bytes));
	if (n != sizeof(tiny_bytes))
		return complain("write to a memfd", n < 0 ? n : -SHIM_EIO);
	return move_to((int)fd, PROGRAM_FD);
}

/* key: the file's first line, or what follows a prefix of one of its lines. */
static void print_from(const char *key, const char *path, const char *prefix)
{
	static struct lines in;
	struct text out = { 0 };
	const char *line;
	long fd = call_open(path, false);

	if (fd < 0)
		return;
	in = (struct lines){ .fd = (int)fd };
	while ((line = next_line(&in))) {
		if (!parse_prefix(&line, prefix))
			continue;
		while (*line == '\t' || *line == ' ' || *line == ':')
			line++;
		text_add(&out, key);
		text_add(&out, line);
		text_add(&out, "\n");
		text_flush(&out, 1);
		break;
	}
	shim_close((int)fd);
}

/* What kernel.io_uring_disabled is, or 0: everybody may have a ring. */
static char ring_setting(void)
{
	char c = '0';
	long fd = shim_openat(SHIM_AT_FDCWD,
			      "/proc/sys/kernel/io_uring_disabled",
			      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

	if (fd < 0)
		return c;
	shim_read((int)fd, &c, 1);
	shim_close((int)fd);
	return c;
}

/* Says why there is no io_uring, and who can change that; as the driver. */
static void print_ring(void)
{
	struct shim_io_uring_params params = { 0 };
	long fd = shim_io_uring_setup(1, &params);
	struct text out = { 0 };

	if (fd >= 0) {
		shim_close((int)fd);
		return;
	}
	text_add(&out, "io_uring: none: ");
	if (fd == -SHIM_ENOSYS) {
		text_add(&out, "this kernel has none, or a seccomp filter "
			       "hides it");
	} else if (fd != -SHIM_EPERM && fd != -SHIM_EACCES) {
		text_add(&out, "errno ");
		text_add_number(&out, (uint64_t)-fd);
	} else if (ring_setting() != '0') {
		text_add(&out, "kernel.io_uring_disabled forbids it; root can "
			       "set it to 0");
	} else {
		text_add(&out, "a seccomp filter forbids it, as those of "
			       "containers do; run outside of it");
	}
	text_add(&out, "\n");
	text_flush(&out, 1);
}

static void print_header(const struct machine *m, const char *where)
{
	struct shim_utsname name = { 0 };
	struct shim_statfs fs = { 0 };
	struct text out = { 0 };

	shim_uname(&name);
	shim_fstatfs(TEST_FILE_FD, &fs);
	text_add(&out, "goos: linux\nmachine: ");
	text_add(&out, name.machine);
	text_add(&out, "\nkernel: ");
	text_add(&out, name.release);
	text_add(&out, "\ncompiler: " BENCH_COMPILER "\ntest-file: 64 MiB in ");
	text_add(&out, where);
	text_add(&out, ", file system type ");
	text_add_number(&out, (uint64_t)fs.f_type);
	text_add(&out, "\necho-cpus: server ");
	text_add_number(&out, m->server_cpu);
	text_add(&out, ", client ");
	text_add_number(&out, m->client_cpu);
	if (m->server_cpu == m->client_cpu)
		text_add(&out, " (there is only one)");
	text_add(&out, "\n");
	text_flush(&out, 1);
	print_ring();
	print_from("cpu: ", "/proc/cpuinfo", "model name");
}

int machine_init(struct machine *m)
{
	const char *where;
	int err = choose_cpus(m);

	if (!err)
		err = make_file(&where);
	if (!err)
		err = make_program();
	if (!err)
		print_header(m, where);
	return err;
}
