/* SPDX-License-Identifier: MIT */
/* Mistakes in options that can be seen before anything starts. */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	RETRIES_MAX = 255,
	NR_FDS_MAX = 1 << 20,
	NR_LIST_MAX = 1 << 16,
	NICE_MIN = -20,
	NICE_MAX = 19,
	NR_SIGNALS = 64,
	NS_PER_S = 1000000000,
	/* All that there are. */
	FLAGS = 2 * SHIM_SPAWN_NO_PIDFD - 1,
};

static const uint64_t namespaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWPID |
				   SHIM_CLONE_NEWNS | SHIM_CLONE_NEWNET |
				   SHIM_CLONE_NEWIPC | SHIM_CLONE_NEWUTS |
				   SHIM_CLONE_NEWCGROUP | SHIM_CLONE_NEWTIME;

static const uint64_t unstoppable = 1UL << (SHIM_SIGKILL - 1) |
				    1UL << (SHIM_SIGSTOP - 1);

/* A list that is there, or has nothing. */
static int is_list(const void *list, size_t nr, size_t max)
{
	return nr <= max && (list || !nr);
}

static int has(const struct shim_spawn_options *o, unsigned flag)
{
	return (o->flags & flag) != 0;
}

/* Each descriptor that a flag asks for. */
static const char *check_fds(const struct shim_spawn_options *o)
{
	if (!is_list(o->fds, o->nr_fds, NR_FDS_MAX))
		return "options: fds";
	for (size_t i = 0; i < o->nr_fds; i++)
		if (o->fds[i].from < -1 || o->fds[i].to < 0)
			return "options: fds";
	if (has(o, SHIM_SPAWN_EXEC_FD) && o->exec_fd < 0)
		return "options: exec_fd";
	if (has(o, SHIM_SPAWN_SETCTTY) &&
	    (o->ctty_fd < 0 || !has(o, SHIM_SPAWN_SETSID)))
		return "options: ctty_fd";
	if (has(o, SHIM_SPAWN_FOREGROUND) &&
	    (o->foreground_fd < 0 || has(o, SHIM_SPAWN_SETSID)))
		return "options: foreground_fd";
	if (has(o, SHIM_SPAWN_CGROUP) && o->cgroup_fd < 0)
		return "options: cgroup_fd";
	if (has(o, SHIM_SPAWN_LANDLOCK) && o->landlock_fd < 0)
		return "options: landlock_fd";
	return NULL;
}

/* What is executed, and how. */
static const char *check_program(const struct shim_spawn_options *o)
{
	if (o->flags & ~(unsigned)FLAGS)
		return "options: flags";
	if (!o->path == !has(o, SHIM_SPAWN_EXEC_FD))
		return "options: path";
	if (o->search && has(o, SHIM_SPAWN_EXEC_FD))
		return "options: search";
	if (o->argv ? !o->argv[0] : has(o, SHIM_SPAWN_EXEC_FD))
		return "options: argv";
	if (o->retries > RETRIES_MAX)
		return "options: retries";
	if (has(o, SHIM_SPAWN_SETPGID) && o->pgid < 0)
		return "options: pgid";
	return NULL;
}

static const char *check_process(const struct shim_spawn_options *o)
{
	if (o->defaults & unstoppable)
		return "options: defaults";
	if (o->ignore & (unstoppable | o->defaults))
		return "options: ignore";
	if (o->pdeathsig < 0 || o->pdeathsig > NR_SIGNALS)
		return "options: pdeathsig";
	if (has(o, SHIM_SPAWN_UMASK) && o->umask > 0777)
		return "options: umask";
	if (has(o, SHIM_SPAWN_NICE) &&
	    (o->nice < NICE_MIN || o->nice > NICE_MAX))
		return "options: nice";
	if (!o->cpus != !o->cpus_size || o->cpus_size % sizeof(*o->cpus))
		return "options: cpus";
	if (!is_list(o->limits, o->nr_limits, NR_LIST_MAX))
		return "options: limits";
	for (size_t i = 0; i < o->nr_limits; i++)
		if (o->limits[i].resource >= SHIM_RLIM_NLIMITS)
			return "options: limits";
	return NULL;
}

/* -1 would leave the user, or the group, as it is. */
static const char *check_identity(const struct shim_spawn_options *o)
{
	const struct shim_spawn_caps *c = o->caps;

	if (has(o, SHIM_SPAWN_SETUID) && o->uid == UINT32_MAX)
		return "options: uid";
	if (has(o, SHIM_SPAWN_SETGID) && o->gid == UINT32_MAX)
		return "options: gid";
	if (!is_list(o->groups, o->nr_groups, NR_LIST_MAX) ||
	    (o->nr_groups && !has(o, SHIM_SPAWN_SETGROUPS)))
		return "options: groups";
	if (has(o, SHIM_SPAWN_SETGROUPS) && o->nr_gids &&
	    !has(o, SHIM_SPAWN_ALLOW_SETGROUPS))
		return "options: groups";
	if (c && (c->effective & ~c->permitted ||
		  c->ambient & ~(c->permitted & c->inheritable)))
		return "options: caps";
	return NULL;
}

static int is_map(const struct shim_spawn_map *maps, size_t nr)
{
	if (!is_list(maps, nr, NR_LIST_MAX))
		return 0;
	for (size_t i = 0; i < nr; i++)
		if (!maps[i].count)
			return 0;
	return 1;
}

static int is_offset(const struct shim_timespec *t)
{
	return t->tv_nsec >= 0 && t->tv_nsec < NS_PER_S;
}

static const char *check_namespaces(const struct shim_spawn_options *o)
{
	const int user = (o->namespaces & SHIM_CLONE_NEWUSER) != 0;

	if (o->namespaces & ~namespaces)
		return "options: namespaces";
	if (!is_map(o->uids, o->nr_uids) || (o->nr_uids && !user))
		return "options: uids";
	if (!is_map(o->gids, o->nr_gids) || (o->nr_gids && !user))
		return "options: gids";
	if (o->newuidmap && !o->nr_uids)
		return "options: newuidmap";
	if (o->newgidmap && !o->nr_gids)
		return "options: newgidmap";
	if (o->time &&
	    (!(o->namespaces & SHIM_CLONE_NEWTIME) ||
	     !is_offset(&o->time->monotonic) || !is_offset(&o->time->boottime)))
		return "options: time";
	return NULL;
}

static const char *check_root(const struct shim_spawn_options *o)
{
	const int mount = ((o->namespaces | o->unshare) & SHIM_CLONE_NEWNS) !=
			  0;

	if (o->pivot_root && !mount)
		return "options: pivot_root";
	if (o->chroot && o->pivot_root)
		return "options: chroot";
	if (!is_list(o->mounts, o->nr_mounts, NR_LIST_MAX) ||
	    (o->nr_mounts && !mount))
		return "options: mounts";
	for (size_t i = 0; i < o->nr_mounts; i++)
		if (!o->mounts[i].target)
			return "options: mounts";
	if (o->filter && (!o->filter->len || !o->filter->filter))
		return "options: filter";
	return NULL;
}

const char *shim_spawn_check(const struct shim_spawn_options *options)
{
	static const char *(*const checks[])(
		const struct shim_spawn_options *) = {
		check_program,	check_fds,	  check_process,
		check_identity, check_namespaces, check_root,
	};
	const char *wrong = NULL;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !wrong;
	     i++)
		wrong = checks[i](options);
	return wrong;
}
