/* SPDX-License-Identifier: MIT */
/*
 * What the test programs of namespaces, users and cgroups have in common; they
 * have no libc.
 */
#ifndef SPAWN_USER_H
#define SPAWN_USER_H

#include "spawn_util.h"

#define NO_NAMESPACES "no such namespaces here, or no right to them"

/* What starting a program so gives: 0 or -errno. */
static inline int try_to_start(const struct shim_spawn_options *o)
{
	struct shim_spawn child;
	int err = shim_spawn_start(&child, o, memory, sizeof(memory));

	if (!err)
		end_of(&child);
	return err;
}

/* The kernel, or who set it up, has no such namespaces for us; EACCES is what
 * security modules say. */
static inline int is_refusal(int err)
{
	return err == -SHIM_EPERM || err == -SHIM_EACCES ||
	       err == -SHIM_EINVAL || err == -SHIM_ENOSPC ||
	       err == -SHIM_ENOSYS;
}

static inline int can_have(uint64_t namespaces)
{
	const struct shim_spawn_options o = {
		.path = "/bin/true",
		.namespaces = namespaces,
	};

	return !is_refusal(try_to_start(&o));
}

/* The caller's own user and group, as 0 of a new namespace. */
static inline void map_own(struct shim_spawn_options *o)
{
	static struct shim_spawn_map user, group;

	user = (struct shim_spawn_map){ 0, (uint32_t)shim_geteuid(), 1 };
	group = (struct shim_spawn_map){ 0, (uint32_t)shim_getegid(), 1 };
	o->namespaces |= SHIM_CLONE_NEWUSER;
	o->uids = &user;
	o->nr_uids = 1;
	o->gids = &group;
	o->nr_gids = 1;
}

/* As can_have(), with these maps. A kernel without time namespaces has no file
 * for their clocks. */
static inline int can_map_own(uint64_t namespaces)
{
	struct shim_spawn_options o = {
		.path = "/bin/true",
		.namespaces = namespaces,
	};
	int err;

	map_own(&o);
	err = try_to_start(&o);
	return !is_refusal(err) &&
	       (err != -SHIM_ENOENT || !(namespaces & SHIM_CLONE_NEWTIME));
}

/* The suite once more, as that user, with options of more: its status, or
 * -errno. *said: what it wrote, which is shown when it failed. */
static inline int run_again_as(uint32_t user, const char *suite,
			       const struct shim_spawn_options *more,
			       const char **said)
{
	static char out[4096];
	static _Alignas(16) char room[16384];
	struct shim_spawn_io io = { .out = out, .out_size = sizeof(out) - 1 };
	char *const argv[] = { (char *)suite, NULL };
	struct shim_spawn_options o = *more;
	struct shim_spawn child;
	int err;

	*said = out;
	o.argv = argv;
	o.envp = check_envp;
	o.flags |= SHIM_SPAWN_OUT | SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID |
		   SHIM_SPAWN_SETGROUPS | SHIM_SPAWN_EXEC_FD;
	o.uid = o.gid = user;
	o.exec_fd = open_file("/proc/self/exe", SHIM_O_RDONLY);
	err = shim_spawn_start(&child, &o, room, sizeof(room));
	check_case(err ? child.failed : "");
	shim_close(o.exec_fd);
	if (err)
		return err;
	CHECK_EQ(shim_spawn_capture(&child, &io, NULL), 0);
	err = end_of(&child);
	if (err)
		write_all(2, out, text_length(out));
	return err;
}

static inline void remove_cgroup(const char *path)
{
	int err;

	/* The last process of it may still be about to go. */
	do
		err = (int)shim_unlinkat(SHIM_AT_FDCWD, path,
					 SHIM_AT_REMOVEDIR);
	while (err == -SHIM_EBUSY);
	CHECK_EQ(err, 0);
}

#endif
