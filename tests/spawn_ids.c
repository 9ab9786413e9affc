/* SPDX-License-Identifier: MIT */
/*
 * Users and groups of several ranges: of root's, and of a user who has some in
 * /etc/subuid, by newuidmap(1). Root plays that user, too: it mounts files of
 * its own there, where nobody else sees them.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"
#include "zspawn_ids_tab.h"

enum {
	USER = 1234,
	PATH_SIZE = 64,
	NR_RANGES = 3,
	/* What the program becomes in there, of the last range. */
	BECOMES = 70001,
	GROUP = 5,
};

static const uint32_t more_groups[] = { 3, 65536 };

#define NEWUIDMAP "/usr/bin/newuidmap"
#define NEWGIDMAP "/usr/bin/newgidmap"

/* Those of the table. */
static const struct shim_spawn_map *ranges_of(const char *who)
{
	static struct shim_spawn_map ranges[2][NR_RANGES];
	struct shim_spawn_map *to = ranges[same(who, "others")];
	const size_t nr = sizeof(spawn_id_ranges) / sizeof(spawn_id_ranges[0]);
	size_t n = 0;

	for (size_t i = 0; i < nr && n < NR_RANGES; i++) {
		const struct spawn_id_ranges *r = &spawn_id_ranges[i];

		if (same(r->who, who))
			to[n++] = (struct shim_spawn_map){ (uint32_t)r->inside,
							   (uint32_t)r->outside,
							   (uint32_t)r->count };
	}
	return to;
}

/* What root mounts for the user. */
static const struct file {
	const char *name;
	const char *text;
} files[] = {
	{ "passwd", "root:x:0:0::/:/bin/sh\nshim:x:1234:1234::/:/bin/sh\n" },
	{ "subuid", "shim:100000:65536\nshim:300000:1000\n" },
	{ "subgid", "shim:100000:65536\nshim:300000:1000\n" },
};

enum { NR_FILES = sizeof(files) / sizeof(files[0]) };

static _Alignas(16) char large[16384];

static int exists(const char *path)
{
	return !shim_faccessat(SHIM_AT_FDCWD, path, SHIM_F_OK);
}

/* Parts of the child; 0: it is as it should be. */

/* Whether the next number of the text is n. */
static int next_is(const char **text, uint32_t n)
{
	const char *s = *text;

	while (*s == ' ' || *s == '\n')
		s++;
	*text = s;
	while (**text >= '0' && **text <= '9')
		++*text;
	return *text > s && to_number(s) == n;
}

/* Whether the file has these ranges, in their order, and no others. */
static int has_ranges(const char *path, const struct shim_spawn_map *ranges)
{
	const char *text = read_file(path);

	for (int i = 0; i < NR_RANGES; i++)
		if (!next_is(&text, ranges[i].inside) ||
		    !next_is(&text, ranges[i].outside) ||
		    !next_is(&text, ranges[i].count))
			return 0;
	return same(text, "\n");
}

/* argv: who has made the ranges. */
static int compare_ranges(char **argv)
{
	const struct shim_spawn_map *ranges = ranges_of(argv[0]);
	uint32_t groups[4] = { 0 };

	if (!has_ranges("/proc/self/uid_map", ranges))
		return 1;
	if (!has_ranges("/proc/self/gid_map", ranges))
		return 2;
	if (shim_getuid() != BECOMES || shim_geteuid() != BECOMES)
		return 3;
	if (shim_getgid() != GROUP || shim_getegid() != GROUP)
		return 4;
	/* In the order of their numbers outside. */
	if (shim_getgroups(4, groups) != 2 ||
	    groups[0] + groups[1] != more_groups[0] + more_groups[1])
		return 5;
	return 0;
}

enum { NR_GIFTS = sizeof(spawn_id_gifts) / sizeof(spawn_id_gifts[0]) };

/* argv: a directory with files "0", "1", ... */
static int give_files(char **argv)
{
	char path[PATH_SIZE], *name = put_string(path, argv[0]);

	for (uint32_t i = 0; i < NR_GIFTS; i++) {
		const struct spawn_id_gifts *g = &spawn_id_gifts[i];

		put_number(put_string(name, "/"), i);
		if (shim_fchownat(SHIM_AT_FDCWD, path, (uint32_t)g->user,
				  (uint32_t)g->group, 0) != g->want)
			return 1 + (int)i;
	}
	return 0;
}

static int child_main(char **argv)
{
	if (same(argv[0], "ranges"))
		return compare_ranges(argv + 1);
	if (same(argv[0], "give"))
		return give_files(argv + 1);
	return 99;
}

/* With these ranges, as somebody of the last. */
static void play_with(struct part *p, const struct shim_spawn_map *ranges,
		      const char *name, const char *arg)
{
	play(p, name, arg,
	     SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID | SHIM_SPAWN_SETGROUPS |
		     SHIM_SPAWN_ALLOW_SETGROUPS);
	p->options.namespaces = SHIM_CLONE_NEWUSER;
	p->options.uids = p->options.gids = ranges;
	p->options.nr_uids = p->options.nr_gids = NR_RANGES;
	p->options.uid = BECOMES;
	p->options.gid = GROUP;
	p->options.groups = more_groups;
	p->options.nr_groups = 2;
}

/* As status_of(), with more memory; a check that fails says which step. */
static int status_with(struct part *p)
{
	struct shim_spawn child;
	int err = shim_spawn_start(&child, &p->options, large, sizeof(large));

	check_case(err ? child.failed : "");
	return err ? err : end_of(&child);
}

#define NEEDS_USERS()                              \
	do {                                       \
		if (!can_have(SHIM_CLONE_NEWUSER)) \
			SKIP(NO_NAMESPACES);       \
	} while (0)

static void ranges_of_root_are_seen_inside(void)
{
	struct state before = state_now();
	struct part p;

	if (shim_geteuid())
		SKIP("only root can change users it is not");
	NEEDS_USERS();
	play_with(&p, ranges_of("root"), "ranges", "root");
	CHECK_EQ(status_with(&p), 0);
	check_state(&before);
}

/* The kernel takes less than a page, of any length. */
static void as_many_ranges_fit_as_the_kernel_takes(void)
{
	enum { NR = 323, OUTSIDE = 100000 };
	static struct shim_spawn_map maps[NR + 1];
	struct state before = state_now();
	struct shim_spawn_options o = {
		.path = "/bin/true",
		.namespaces = SHIM_CLONE_NEWUSER,
		.uids = maps,
		.nr_uids = NR,
	};
	struct shim_spawn child;

	if (shim_geteuid())
		SKIP("only root can change users it is not");
	NEEDS_USERS();
	for (uint32_t i = 0; i <= NR; i++)
		maps[i] = (struct shim_spawn_map){ i, OUTSIDE + i, 1 };
	/* 10 lines of 11 characters, 90 of 12, 223 of 13, and 6 more: 4,095. */
	for (int i = 0; i < 6; i++)
		maps[i].outside *= 10;
	CHECK_EQ(shim_spawn_start(&child, &o, memory, sizeof(memory)), 0);
	CHECK_EQ(end_of(&child), 0);
	maps[6].outside *= 10;
	CHECK_EQ(shim_spawn_start(&child, &o, memory, sizeof(memory)),
		 -SHIM_EINVAL);
	CHECK(same(child.failed, "uid_map"));
	maps[6].outside /= 10;
	o.nr_uids++;
	CHECK_EQ(shim_spawn_start(&child, &o, memory, sizeof(memory)),
		 -SHIM_EINVAL);
	CHECK(same(child.failed, "uid_map"));
	check_state(&before);
}

/* The owners of the files are those of the ranges. */
static void check_gifts(const char *dir)
{
	char path[PATH_SIZE], *name = put_string(path, dir);

	for (uint32_t i = 0; i < NR_GIFTS; i++) {
		struct shim_statx st = { 0 };

		put_number(put_string(name, "/"), i);
		check_case(path);
		CHECK_EQ(shim_statx(SHIM_AT_FDCWD, path, 0,
				    SHIM_STATX_UID | SHIM_STATX_GID, &st),
			 0);
		CHECK_EQ(st.stx_uid, spawn_id_gifts[i].user_outside);
		CHECK_EQ(st.stx_gid, spawn_id_gifts[i].group_outside);
		CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, path, 0), 0);
	}
	check_case("");
}

/* A new file with that text. */
static int write_new(const char *path, const char *text)
{
	int fd = (int)shim_openat(SHIM_AT_FDCWD, path,
				  SHIM_O_CREAT | SHIM_O_EXCL | SHIM_O_WRONLY |
					  SHIM_O_CLOEXEC,
				  0644);
	int bad = fd < 0 || write_all(fd, text, text_length(text));

	if (fd >= 0)
		shim_close(fd);
	return !bad;
}

static void ranges_of_root_are_seen_outside(void)
{
	struct state before = state_now();
	char dir[PATH_SIZE], path[PATH_SIZE], *name;
	struct part p;

	if (shim_geteuid())
		SKIP("only root can change users it is not");
	NEEDS_USERS();
	put_number(put_string(dir, "/tmp/shim_ids_"), (uint64_t)shim_getpid());
	CHECK_FATAL(shim_mkdirat(SHIM_AT_FDCWD, dir, 0755) == 0);
	name = put_string(path, dir);
	for (uint32_t i = 0; i < NR_GIFTS; i++) {
		put_number(put_string(name, "/"), i);
		CHECK(write_new(path, ""));
	}
	play_with(&p, ranges_of("root"), "give", dir);
	p.options.uid = p.options.gid = 0;
	CHECK_EQ(status_with(&p), 0);
	check_gifts(dir);
	CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, dir, SHIM_AT_REMOVEDIR), 0);
	check_state(&before);
}

/* NULL: a user who has the ranges may have them. */
static const char *why_no_newuidmap(void)
{
	if (!exists(NEWUIDMAP) || !exists(NEWGIDMAP))
		return "no newuidmap here (Debian's package uidmap)";
	if (!exists("/etc/subuid") || !exists("/etc/subgid"))
		return "no newuidmap here: no /etc/subuid or /etc/subgid";
	if (shim_prctl(SHIM_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		return "newuidmap gains no rights here (no_new_privs)";
	return NULL;
}

#define NEEDS_NEWUIDMAP()                         \
	do {                                      \
		if (why_no_newuidmap())           \
			SKIP(why_no_newuidmap()); \
	} while (0)

#define NEEDS_RANGES()                                                   \
	do {                                                             \
		NEEDS_NEWUIDMAP();                                       \
		if (!same(read_file("/etc/subuid"), files[1].text))      \
			SKIP("/etc/subuid has other ranges: root mounts" \
			     " one for a user, who runs this again");    \
		NEEDS_USERS();                                           \
	} while (0)

static void play_by_newuidmap(struct part *p)
{
	play_with(p, ranges_of("user"), "ranges", "user");
	p->options.newuidmap = NEWUIDMAP;
	p->options.newgidmap = NEWGIDMAP;
}

static void a_user_has_ranges_by_newuidmap(void)
{
	struct state before = state_now();
	struct part p;

	NEEDS_RANGES();
	play_by_newuidmap(&p);
	CHECK_EQ(status_with(&p), 0);
	check_case("without it");
	p.options.newuidmap = NULL;
	CHECK_EQ(status_with(&p), -SHIM_EPERM);
	check_state(&before);
	check_case("");
}

static void a_range_of_others_is_refused_by_newuidmap(void)
{
	struct state before = state_now();

	NEEDS_RANGES();
	for (int i = 0; i < 2; i++) {
		const char *failed = i ? "newgidmap" : "newuidmap";
		struct shim_spawn child;
		struct part p;
		int err;

		check_case(failed);
		play_by_newuidmap(&p);
		if (i)
			p.options.gids = ranges_of("others");
		else
			p.options.uids = ranges_of("others");
		err = shim_spawn_start(&child, &p.options, large,
				       sizeof(large));
		CHECK_EQ(err, -SHIM_EPERM);
		CHECK(child.failed && same(child.failed, failed));
		check_state(&before);
	}
	check_case("");
}

static void this_holds_for_a_user_with_ranges(void)
{
	struct state before = state_now();
	char paths[NR_FILES][PATH_SIZE], targets[NR_FILES][PATH_SIZE];
	struct shim_spawn_mount mounts[NR_FILES];
	const struct shim_spawn_options o = {
		.namespaces = SHIM_CLONE_NEWNS,
		.mounts = mounts,
		.nr_mounts = NR_FILES,
	};
	const char *said;

	if (shim_geteuid())
		SKIP("only root can change who has ranges of ids");
	NEEDS_NEWUIDMAP();
	for (int i = 0; i < NR_FILES; i++) {
		char *end = put_string(put_string(paths[i], "/tmp/shim_"),
				       files[i].name);

		put_number(put_string(end, "_"), (uint64_t)shim_getpid());
		put_string(put_string(targets[i], "/etc/"), files[i].name);
		CHECK_FATAL(write_new(paths[i], files[i].text));
		mounts[i] = (struct shim_spawn_mount){ paths[i], targets[i],
						       NULL, SHIM_MS_BIND,
						       NULL };
	}
	CHECK_EQ(run_again_as(USER, "spawn_ids", &o, &said), 0);
	for (int i = 0; i < NR_FILES; i++)
		CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, paths[i], 0), 0);
	check_state(&before);
	if (contains(said, NO_NAMESPACES))
		SKIP("no such namespaces here for another user");
	CHECK(contains(said, "2 passed, 0 failed"));
}

static const struct check_test spawn_ids_tests[] = {
	{ "ranges_of_root_are_seen_inside", ranges_of_root_are_seen_inside },
	{ "ranges_of_root_are_seen_outside", ranges_of_root_are_seen_outside },
	{ "as_many_ranges_fit_as_the_kernel_takes",
	  as_many_ranges_fit_as_the_kernel_takes },
	{ "a_user_has_ranges_by_newuidmap", a_user_has_ranges_by_newuidmap },
	{ "a_range_of_others_is_refused_by_newuidmap",
	  a_range_of_others_is_refused_by_newuidmap },
	{ "this_holds_for_a_user_with_ranges",
	  this_holds_for_a_user_with_ranges },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		return child_main(argv + 2);
	return check_main("spawn_ids", spawn_ids_tests,
			  sizeof(spawn_ids_tests) / sizeof(spawn_ids_tests[0]),
			  argc, argv, envp);
}
