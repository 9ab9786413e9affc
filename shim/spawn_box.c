/* SPDX-License-Identifier: MIT */
/* Steps for what a process may: namespaces, root, identity, confinement. */
#include <shim/spawn.h>

#include "spawn_impl.h"

/* The last capability that every kernel has that spawn runs on. */
enum { CAP_SURE = SHIM_CAP_AUDIT_READ, NR_CAPS = 64 };

#define ARG0 SHIM_SPAWN_STEP_ARG(0)

/* What a step opens the next ones use, and the last one closes. */
static void add_open(struct shim_spawn_build *b, int dir, const char *path,
		     unsigned flags)
{
	shim_spawn_put(b, SHIM_NR_openat, (uint64_t)dir,
		       shim_spawn_address(path), flags | SHIM_O_CLOEXEC, 0)
		->flags = SHIM_SPAWN_STEP_SAVE |
			  SHIM_SPAWN_STEP_REG(SHIM_SPAWN_OPENED);
}

static void add_write(struct shim_spawn_build *b, const char *text, size_t n)
{
	shim_spawn_put(b, SHIM_NR_write, SHIM_SPAWN_OPENED,
		       shim_spawn_address(text), n, 0)
		->flags = ARG0;
}

static void add_close(struct shim_spawn_build *b)
{
	shim_spawn_put(b, SHIM_NR_close, SHIM_SPAWN_OPENED, 0, 0, 0)->flags =
		ARG0;
}

/* "0" is who writes it. */
void shim_spawn_add_cgroup(struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;

	b->program->clone_flags = o->namespaces & ~(uint64_t)SHIM_CLONE_NEWTIME;
	if (!(o->flags & SHIM_SPAWN_CGROUP))
		return;
	if (!b->how->enters) {
		b->program->clone_flags |= SHIM_CLONE_INTO_CGROUP;
		b->program->cgroup = (uint64_t)o->cgroup_fd;
		return;
	}
	add_open(b, o->cgroup_fd, "cgroup.procs", SHIM_O_WRONLY);
	add_write(b, "0", 1);
	add_close(b);
}

static char *put_number(char *to, uint64_t n)
{
	char digits[20];
	int nr = 0;

	do
		digits[nr++] = (char)('0' + n % 10);
	while (n /= 10);
	while (nr)
		*to++ = digits[--nr];
	return to;
}

/* "1 -10 5" and a new line, for CLOCK_MONOTONIC. */
static char *put_offset(char *to, int clock, const struct shim_timespec *t)
{
	to = put_number(to, (uint64_t)clock);
	*to++ = ' ';
	if (t->tv_sec < 0)
		*to++ = '-';
	to = put_number(to, t->tv_sec < 0 ? -(uint64_t)t->tv_sec
					  : (uint64_t)t->tv_sec);
	*to++ = ' ';
	to = put_number(to, (uint64_t)t->tv_nsec);
	*to++ = '\n';
	return to;
}

static void add_offsets(struct shim_spawn_build *b)
{
	char *end = put_offset(b->data->offsets, SHIM_CLOCK_MONOTONIC,
			       &b->options->time->monotonic);

	end = put_offset(end, SHIM_CLOCK_BOOTTIME, &b->options->time->boottime);
	add_open(b, SHIM_AT_FDCWD, "/proc/self/timens_offsets", SHIM_O_WRONLY);
	add_write(b, b->data->offsets, (size_t)(end - b->data->offsets));
	add_close(b);
}

/*
 * unshare(2) makes a time namespace for children only, so that its clocks can
 * be set before there is a process in it; then the child enters.
 */
static void add_time(struct shim_spawn_build *b)
{
	shim_spawn_put(b, SHIM_NR_unshare, SHIM_CLONE_NEWTIME, 0, 0, 0);
	if (b->options->time)
		add_offsets(b);
	add_open(b, SHIM_AT_FDCWD, "/proc/self/ns/time_for_children",
		 SHIM_O_RDONLY);
	shim_spawn_put(b, SHIM_NR_setns, SHIM_SPAWN_OPENED, SHIM_CLONE_NEWTIME,
		       0, 0)
		->flags = ARG0;
	add_close(b);
}

void shim_spawn_add_namespaces(struct shim_spawn_build *b)
{
	if (b->options->unshare)
		shim_spawn_put(b, SHIM_NR_unshare, b->options->unshare, 0, 0,
			       0);
	if (b->options->namespaces & SHIM_CLONE_NEWTIME)
		add_time(b);
}

static void add_mount(struct shim_spawn_build *b, const char *source,
		      const char *target, const char *fstype,
		      unsigned long flags, const void *data)
{
	shim_spawn_put(b, SHIM_NR_mount, shim_spawn_address(source),
		       shim_spawn_address(target), shim_spawn_address(fstype),
		       flags)
		->args[4] = shim_spawn_address(data);
}

static void add_chdir(struct shim_spawn_build *b, const char *path)
{
	shim_spawn_put(b, SHIM_NR_chdir, shim_spawn_address(path), 0, 0, 0);
}

static void add_mounts(struct shim_spawn_build *b)
{
	for (size_t i = 0; i < b->options->nr_mounts; i++) {
		const struct shim_spawn_mount *m = &b->options->mounts[i];

		add_mount(b, m->source, m->target, m->fstype, m->flags,
			  m->data);
	}
}

/* The old root comes to lie on the new one, and is taken away from there. */
static void add_pivot(struct shim_spawn_build *b)
{
	const uint64_t here = shim_spawn_address(".");

	shim_spawn_put(b, SHIM_NR_pivot_root, here, here, 0, 0);
	shim_spawn_put(b, SHIM_NR_umount2, here, SHIM_MNT_DETACH, 0, 0);
	add_chdir(b, "/");
}

void shim_spawn_add_root(struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;

	if (o->unshare & SHIM_CLONE_NEWNS || o->nr_mounts || o->pivot_root)
		add_mount(b, "none", "/", NULL, SHIM_MS_REC | SHIM_MS_PRIVATE,
			  NULL);
	if (o->pivot_root) {
		/* What becomes the root must be a mount. */
		add_mount(b, o->pivot_root, o->pivot_root, NULL,
			  SHIM_MS_BIND | SHIM_MS_REC, NULL);
		add_chdir(b, o->pivot_root);
	}
	add_mounts(b);
	if (o->pivot_root)
		add_pivot(b);
	if (o->chroot) {
		shim_spawn_put(b, SHIM_NR_chroot, shim_spawn_address(o->chroot),
			       0, 0, 0);
		add_chdir(b, "/");
	}
}

/* Before the descriptor goes, and while there may be a right to it. */
void shim_spawn_add_landlock(struct shim_spawn_build *b)
{
	if (b->options->flags & SHIM_SPAWN_NO_NEW_PRIVS)
		shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_SET_NO_NEW_PRIVS, 1, 0,
			       0);
	if (b->options->flags & SHIM_SPAWN_LANDLOCK)
		shim_spawn_put(b, SHIM_NR_landlock_restrict_self,
			       (uint64_t)b->options->landlock_fd, 0, 0, 0);
}

/* The kernel does not drop what it does not know. */
static int last_cap(void)
{
	int cap = CAP_SURE;

	while (cap + 1 < NR_CAPS &&
	       shim_prctl(SHIM_PR_CAPBSET_READ, (unsigned long)cap + 1, 0, 0,
			  0) >= 0)
		cap++;
	return cap;
}

static void add_bounding(struct shim_spawn_build *b, uint64_t bounding)
{
	const int last = last_cap();

	for (int cap = 0; cap <= last; cap++)
		if (!(bounding >> cap & 1))
			shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_CAPBSET_DROP,
				       (uint64_t)cap, 0, 0);
}

static void add_ambient(struct shim_spawn_build *b, uint64_t ambient)
{
	shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_CAP_AMBIENT,
		       SHIM_PR_CAP_AMBIENT_CLEAR_ALL, 0, 0);
	for (uint64_t cap = 0; cap < NR_CAPS; cap++)
		if (ambient >> cap & 1)
			shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_CAP_AMBIENT,
				       SHIM_PR_CAP_AMBIENT_RAISE, cap, 0);
}

static void add_caps(struct shim_spawn_build *b,
		     const struct shim_spawn_caps *caps)
{
	struct shim_spawn_data *d = b->data;

	d->cap_header.version = SHIM__LINUX_CAPABILITY_VERSION_3;
	for (int i = 0; i < 2; i++) {
		const int shift = 32 * i;

		d->caps[i].permitted = (uint32_t)(caps->permitted >> shift);
		d->caps[i].effective = (uint32_t)(caps->effective >> shift);
		d->caps[i].inheritable = (uint32_t)(caps->inheritable >> shift);
	}
	shim_spawn_put(b, SHIM_NR_capset, shim_spawn_address(&d->cap_header),
		       shim_spawn_address(d->caps), 0, 0);
	add_ambient(b, caps->ambient);
}

static void add_user(struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;

	if (o->flags & SHIM_SPAWN_SETGROUPS)
		shim_spawn_put(b, SHIM_NR_setgroups, o->nr_groups,
			       shim_spawn_address(o->groups), 0, 0);
	if (o->flags & SHIM_SPAWN_SETGID)
		shim_spawn_put(b, SHIM_NR_setresgid, o->gid, o->gid, o->gid, 0);
	if (o->flags & SHIM_SPAWN_SETUID)
		shim_spawn_put(b, SHIM_NR_setresuid, o->uid, o->uid, o->uid, 0);
}

/* What needs rights comes before the change of the user that takes them. */
void shim_spawn_add_identity(struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;

	if (o->caps) {
		add_bounding(b, o->caps->bounding);
		if (o->flags & SHIM_SPAWN_SETUID)
			shim_spawn_put(b, SHIM_NR_prctl, SHIM_PR_SET_KEEPCAPS,
				       1, 0, 0);
	}
	add_user(b);
	if (o->caps)
		add_caps(b, o->caps);
}

void shim_spawn_add_filter(struct shim_spawn_build *b)
{
	if (b->options->filter)
		shim_spawn_put(b, SHIM_NR_seccomp, SHIM_SECCOMP_SET_MODE_FILTER,
			       0, shim_spawn_address(b->options->filter), 0);
}

int shim_spawn_copies(const struct shim_spawn_options *o)
{
	return o->flags & (SHIM_SPAWN_COPY | SHIM_SPAWN_SETUID |
			   SHIM_SPAWN_SETGID) ||
	       o->namespaces & SHIM_CLONE_NEWTIME;
}
