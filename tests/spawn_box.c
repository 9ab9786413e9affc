/* SPDX-License-Identifier: MIT */
/*
 * Another root, mounts, Landlock and a filter: the program finds that they are
 * so, and a filter that refuses the last steps is told by their names. Boxes
 * are made in a user namespace, where everybody may.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"
#include "znr.h"

enum { PATH_SIZE = 64 };

/* What a program that needs a libc needs; the rest of the box is its own. */
static const char *const libraries[] = { "/usr", "/lib", "/lib64" };

enum { NR_LIBRARIES = sizeof(libraries) / sizeof(libraries[0]) };

/* Whether the path can be opened; it is closed again. */
static int opens(const char *path, int flags)
{
	int fd = open_file(path, flags);

	if (fd >= 0)
		shim_close(fd);
	return fd >= 0;
}

/* Parts of the child; 0: it is as it should be. */

/* argv: a path of outside. */
static int see_only_the_box(char **argv)
{
	char cwd[PATH_SIZE] = "";

	shim_getcwd(cwd, sizeof(cwd));
	if (!same(cwd, "/"))
		return 1;
	if (!opens("/inside", SHIM_O_RDONLY) || !opens("inside", SHIM_O_RDONLY))
		return 2;
	if (opens(argv[0], SHIM_O_RDONLY) ||
	    opens("../../../../bin/sh", SHIM_O_RDONLY) ||
	    opens("/etc", SHIM_O_RDONLY))
		return 3;
	return 0;
}

/* tmp is new and may be written to, what is bound here may not. */
static int see_mounts(void)
{
	if (!opens("/tmp/x", SHIM_O_CREAT | SHIM_O_WRONLY))
		return 1;
	if (open_file("/here/x", SHIM_O_CREAT | SHIM_O_WRONLY) != -SHIM_EROFS)
		return 2;
	return !opens("/here/inside", SHIM_O_RDONLY);
}

/* argv: a path that can be read only. */
static int read_only(char **argv)
{
	if (!opens(argv[0], SHIM_O_RDONLY))
		return 1;
	return open_file(argv[0], SHIM_O_WRONLY) != -SHIM_EACCES;
}

static int lack_uname(void)
{
	struct shim_utsname u;

	return shim_uname(&u) != -SHIM_EXDEV;
}

static int child_main(char **argv)
{
	if (same(argv[0], "root"))
		return see_only_the_box(argv + 1);
	if (same(argv[0], "mounts"))
		return see_mounts();
	if (same(argv[0], "read only"))
		return read_only(argv + 1);
	if (same(argv[0], "filter"))
		return lack_uname();
	return 99;
}

/* A directory for boxes, and what is mounted there. */
static struct box {
	char path[PATH_SIZE];
	struct shim_spawn_mount mounts[NR_LIBRARIES + 4];
	size_t nr_mounts;
	struct shim_spawn_map user, group;
} box;

/* name is "/usr", or the like; "": the box. */
static char *path_in_box(char path[PATH_SIZE], const char *name)
{
	put_string(put_string(path, box.path), name);
	return path;
}

static int make_dir(const char *name)
{
	char path[PATH_SIZE];

	return shim_mkdirat(SHIM_AT_FDCWD, path_in_box(path, name), 0755) == 0;
}

static void mount_in_box(const char *source, const char *target,
			 const char *type, unsigned long flags)
{
	box.mounts[box.nr_mounts++] =
		(struct shim_spawn_mount){ source, target, type, flags, NULL };
}

static int has_library(int i)
{
	return !shim_faccessat(SHIM_AT_FDCWD, libraries[i], SHIM_F_OK);
}

static int open_box(void)
{
	char path[PATH_SIZE];

	box = (struct box){
		.user = { 0, (uint32_t)shim_geteuid(), 1 },
		.group = { 0, (uint32_t)shim_getegid(), 1 },
	};
	put_number(put_string(box.path, "/tmp/shim_box_"),
		   (uint64_t)shim_getpid());
	if (!make_dir("") || !make_dir("/tmp") || !make_dir("/here"))
		return 0;
	if (!opens(path_in_box(path, "/inside"),
		   SHIM_O_CREAT | SHIM_O_WRONLY) ||
	    !opens(path_in_box(path, "/here/inside"),
		   SHIM_O_CREAT | SHIM_O_WRONLY))
		return 0;
	for (int i = 0; i < NR_LIBRARIES; i++) {
		if (!has_library(i))
			continue;
		if (!make_dir(libraries[i]))
			return 0;
		mount_in_box(libraries[i], libraries[i] + 1, NULL,
			     SHIM_MS_BIND | SHIM_MS_REC);
	}
	/* On Debian's 5.10 an open one cannot be executed where there is no
	 * /dev/fd. */
	return copy_program(path_in_box(path, "/program"), 0700);
}

/* All of it; nothing can be mounted there. */
static void close_box(void)
{
	static const char *const files[] = { "/inside", "/here/inside",
					     "/program" };
	static const char *const dirs[] = { "/usr", "/lib",  "/lib64",
					    "/tmp", "/here", "" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		shim_unlinkat(SHIM_AT_FDCWD, path_in_box(path, files[i]), 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		shim_unlinkat(SHIM_AT_FDCWD, path_in_box(path, dirs[i]),
			      SHIM_AT_REMOVEDIR);
	CHECK(!opens(box.path, SHIM_O_RDONLY));
}

/* Let this program run in the box. */
static void play_in_box(struct part *p, const char *name, const char *arg)
{
	play(p, name, arg, 0);
	p->options.path = "/program";
	p->options.namespaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWNS;
	p->options.uids = &box.user;
	p->options.gids = &box.group;
	p->options.nr_uids = p->options.nr_gids = 1;
	p->options.mounts = box.mounts;
	p->options.nr_mounts = box.nr_mounts;
	p->options.pivot_root = box.path;
}

/* As status_of(); a check that fails then says which step it was. */
static int status_in_box(struct part *p)
{
	struct shim_spawn child;
	int err = start(&child, p);

	check_case(err ? child.failed : "");
	return err ? err : end_of(&child);
}

/* Whether boxes can be had here, and the root be exchanged: of the file system
 * that a kernel starts with, 5.10 does not let it go, 7.2 does. */
static int can_have_boxes(const char *root)
{
	const struct shim_spawn_options o = {
		.path = "/bin/true",
		.namespaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWNS,
		.pivot_root = root,
	};

	return !is_refusal(try_to_start(&o));
}

#define NEEDS_BOXES()                        \
	do {                                 \
		if (!can_have_boxes(NULL))   \
			SKIP(NO_NAMESPACES); \
	} while (0)

#define NEEDS_PIVOT()                                                     \
	do {                                                              \
		NEEDS_BOXES();                                            \
		if (!can_have_boxes("/bin"))                              \
			SKIP("this kernel keeps its first file system as" \
			     " the root");                                \
	} while (0)

static void only_the_box_remains(void)
{
	struct state before = state_now();
	char outside[PATH_SIZE];
	struct part p;

	NEEDS_PIVOT();
	CHECK_FATAL(open_box());
	play_in_box(&p, "root", path_in_box(outside, "/inside"));
	CHECK_EQ(status_in_box(&p), 0);
	/* In a copy of the memory, with new namespaces by unshare. */
	p.options.flags |= SHIM_SPAWN_COPY;
	p.options.namespaces = SHIM_CLONE_NEWUSER;
	p.options.unshare = SHIM_CLONE_NEWNS;
	CHECK_EQ(status_in_box(&p), 0);
	close_box();
	check_state(&before);
}

/* The same box by chroot: targets begin at the old root. */
static void a_root_can_be_changed_without_mounts_of_its_own(void)
{
	struct state before = state_now();
	char targets[NR_LIBRARIES + 4][PATH_SIZE], outside[PATH_SIZE];
	struct part p;

	NEEDS_BOXES();
	CHECK_FATAL(open_box());
	for (size_t i = 0; i < box.nr_mounts; i++) {
		put_string(targets[i], "/");
		put_string(targets[i] + 1, box.mounts[i].target);
		put_string(put_string(targets[i], box.path),
			   box.mounts[i].source);
		box.mounts[i].target = targets[i];
	}
	play_in_box(&p, "root", path_in_box(outside, "/inside"));
	p.options.pivot_root = NULL;
	p.options.chroot = box.path;
	CHECK_EQ(status_in_box(&p), 0);
	p.options.chroot = "/does/not/exist";
	CHECK_EQ(status_in_box(&p), -SHIM_ENOENT);
	close_box();
	check_state(&before);
}

static void mounts_are_made_in_order(void)
{
	struct state before = state_now();
	struct shim_spawn child;
	struct part p;

	NEEDS_PIVOT();
	CHECK_FATAL(open_box());
	mount_in_box("none", "tmp", "tmpfs", SHIM_MS_NOSUID);
	mount_in_box("here", "here", NULL, SHIM_MS_BIND);
	mount_in_box(NULL, "here", NULL,
		     SHIM_MS_BIND | SHIM_MS_REMOUNT | SHIM_MS_RDONLY |
			     SHIM_MS_NOSUID | SHIM_MS_NODEV);
	play_in_box(&p, "mounts", NULL);
	CHECK_EQ(status_in_box(&p), 0);
	mount_in_box("none", "does/not/exist", "tmpfs", 0);
	p.options.nr_mounts = box.nr_mounts;
	CHECK_EQ(start(&child, &p), -SHIM_ENOENT);
	CHECK(child.failed && same(child.failed, "mount"));
	close_box();
	check_state(&before);
}

static void landlock_holds_for_the_program(void)
{
	const struct shim_landlock_ruleset_attr writing = {
		.handled_access_fs = SHIM_LANDLOCK_ACCESS_FS_WRITE_FILE,
	};
	struct state before = state_now();
	char path[PATH_SIZE];
	struct part p;
	long fd = shim_landlock_create_ruleset(
		&writing, sizeof(writing.handled_access_fs), 0);

	if (fd == -SHIM_ENOSYS || fd == -SHIM_EOPNOTSUPP || fd == -SHIM_EPERM)
		SKIP("this kernel has no Landlock, or a filter forbids it");
	CHECK_FATAL(fd >= 0);
	CHECK_FATAL(open_box());
	play(&p, "read only", path_in_box(path, "/inside"),
	     SHIM_SPAWN_NO_NEW_PRIVS | SHIM_SPAWN_LANDLOCK);
	p.options.landlock_fd = (int)fd;
	CHECK_EQ(status_in_box(&p), 0);
	CHECK(opens(path, SHIM_O_WRONLY));
	shim_close((int)fd);
	close_box();
	check_state(&before);
}

/* A filter with which one call fails. */
static struct shim_sock_fprog refuse(struct shim_sock_filter code[4], long nr)
{
	enum { LOAD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };
	const struct shim_sock_filter filter[4] = {
		{ LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr) },
		{ JUMP_IF_EQUAL, 0, 1, (uint32_t)nr },
		{ RETURN, 0, 0, SHIM_SECCOMP_RET_ERRNO | SHIM_EXDEV },
		{ RETURN, 0, 0, SHIM_SECCOMP_RET_ALLOW },
	};

	for (int i = 0; i < 4; i++)
		code[i] = filter[i];
	return (struct shim_sock_fprog){ 4, code };
}

static void a_filter_holds_and_comes_last(void)
{
	static const struct {
		const char *failed;
		long nr;
	} rows[] = {
		{ "rt_sigprocmask", SHIM_NR_rt_sigprocmask },
		{ "execve", SHIM_NR_execve },
	};
	struct state before = state_now();
	struct shim_sock_filter code[4];
	struct shim_sock_fprog filter = refuse(code, SHIM_NR_uname);
	struct part p;

	play(&p, "filter", NULL, SHIM_SPAWN_NO_NEW_PRIVS);
	p.options.filter = &filter;
	CHECK_EQ(status_in_box(&p), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_spawn child;

		check_case(rows[i].failed);
		filter = refuse(code, rows[i].nr);
		CHECK_EQ(start(&child, &p), -SHIM_EXDEV);
		CHECK(child.failed && same(child.failed, rows[i].failed));
	}
	check_case("no right to it");
	filter = refuse(code, SHIM_NR_uname);
	p.options.flags = 0;
	if (shim_geteuid())
		CHECK_EQ(status_in_box(&p), -SHIM_EACCES);
	else
		CHECK_EQ(status_in_box(&p), 0);
	check_case("");
	check_state(&before);
}

static const struct check_test spawn_box_tests[] = {
	{ "only_the_box_remains", only_the_box_remains },
	{ "a_root_can_be_changed_without_mounts_of_its_own",
	  a_root_can_be_changed_without_mounts_of_its_own },
	{ "mounts_are_made_in_order", mounts_are_made_in_order },
	{ "landlock_holds_for_the_program", landlock_holds_for_the_program },
	{ "a_filter_holds_and_comes_last", a_filter_holds_and_comes_last },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		shim_exit_group(child_main(argv + 2));
	return check_main("spawn_box", spawn_box_tests,
			  sizeof(spawn_box_tests) / sizeof(spawn_box_tests[0]),
			  argc, argv, envp);
}
