/* SPDX-License-Identifier: MIT */
/*
 * What a child waits for before it goes on: the users and groups of its user
 * namespace, which the kernel takes from outside only, and the list of what it
 * must close. Who may not write maps has programs that may: newuidmap(1).
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	/* The kernel takes less than a page at once, and all at once. */
	TEXT_SIZE = 4096,
	NUMBER_SIZE = 12,
	/* Of a map in text: three numbers, blanks, an end. */
	LINE_SIZE = 3 * NUMBER_SIZE,
	/* To start a program that has options of no kind. */
	START_SIZE = 4096,
	ALIGN = 16,
};

/* The text ends before this character. */
static char *put_text(char *to, const char *s)
{
	while (*s)
		*to++ = *s++;
	*to = '\0';
	return to;
}

static char *put_number(char *to, uint32_t n)
{
	char digits[NUMBER_SIZE];
	int nr = 0;

	do
		digits[nr++] = (char)('0' + n % 10);
	while (n /= 10);
	while (nr)
		*to++ = digits[--nr];
	*to = '\0';
	return to;
}

/* A program's arguments: path, number of the child, three of each map. */
static size_t nr_arguments(size_t nr_maps)
{
	return 2 + 3 * nr_maps;
}

static size_t helper_size(size_t nr_maps)
{
	return START_SIZE + 2 * ALIGN +
	       (nr_arguments(nr_maps) + 1) * sizeof(char *) +
	       nr_arguments(nr_maps) * NUMBER_SIZE;
}

size_t shim_spawn_helper_size(const struct shim_spawn_options *o)
{
	size_t uids = o->newuidmap ? helper_size(o->nr_uids) : 0;
	size_t gids = o->newgidmap ? helper_size(o->nr_gids) : 0;

	return uids > gids ? uids : gids;
}

/* Lines of the file. Returns its length, or 0 when it is too long. */
static size_t put_maps(char text[TEXT_SIZE], const struct shim_spawn_map *maps,
		       size_t nr)
{
	char *end = text, line[LINE_SIZE], *to;

	for (size_t i = 0; i < nr; i++) {
		to = put_number(line, maps[i].inside);
		to = put_number(put_text(to, " "), maps[i].outside);
		to = put_number(put_text(to, " "), maps[i].count);
		to = put_text(to, "\n");
		if (text + TEXT_SIZE - end <= to - line)
			return 0;
		end = put_text(end, line);
	}
	return (size_t)(end - text);
}

/* A file of the child. */
static long write_file(const struct shim_spawn *child, const char *name,
		       const char *text, size_t size)
{
	char path[40];
	long fd, n;

	put_text(put_number(put_text(path, "/proc/"), (uint32_t)child->pid),
		 name);
	fd = shim_openat(SHIM_AT_FDCWD, path, SHIM_O_WRONLY | SHIM_O_CLOEXEC,
			 0);
	if (fd < 0)
		return fd;
	n = shim_write((int)fd, text, size);
	shim_close((int)fd);
	if (n >= 0 && (size_t)n != size)
		return -SHIM_EIO;
	return n < 0 ? n : 0;
}

static long write_map(const struct shim_spawn *child, const char *name,
		      const struct shim_spawn_map *maps, size_t nr)
{
	char text[TEXT_SIZE];
	size_t size = put_maps(text, maps, nr);

	return size ? write_file(child, name, text, size) : -SHIM_EINVAL;
}

static char *put_argument(char ***argv, char *text, uint32_t n)
{
	*(*argv)++ = text;
	return put_number(text, n) + 1;
}

/* Memory that begins with the next address for anything. */
static void *align(void *memory)
{
	return (char *)memory + -(uintptr_t)memory % ALIGN;
}

/* "path PID inside outside count ...", all in memory. */
static char **put_arguments(const char *path, int pid,
			    const struct shim_spawn_map *maps, size_t nr,
			    void *memory)
{
	char **argv = align(memory), **arg = argv;
	char *text = (char *)(argv + nr_arguments(nr) + 1);

	*arg++ = (char *)path;
	text = put_argument(&arg, text, (uint32_t)pid);
	for (size_t i = 0; i < nr; i++) {
		text = put_argument(&arg, text, maps[i].inside);
		text = put_argument(&arg, text, maps[i].outside);
		text = put_argument(&arg, text, maps[i].count);
	}
	*arg = NULL;
	return argv;
}

/*
 * Let the program write the map. It has no maps itself, so that this start,
 * within another one, is the last.
 */
static long run_helper(const struct shim_spawn *child, const char *path,
		       const struct shim_spawn_map *maps, size_t nr,
		       void *memory)
{
	char **argv = put_arguments(path, child->pid, maps, nr, memory);
	char *end = (char *)(argv + nr_arguments(nr) + 1) +
		    nr_arguments(nr) * NUMBER_SIZE;
	const struct shim_spawn_options options = {
		.path = path,
		.argv = argv,
	};
	struct shim_siginfo info = { 0 };
	struct shim_spawn helper;
	long err;

	err = shim_spawn_start(&helper, &options, align(end), START_SIZE);
	if (!err)
		err = shim_spawn_wait(&helper, NULL, &info);
	if (err && helper.pid > 0)
		shim_spawn_finish(&helper, &info);
	shim_spawn_close(&helper);
	if (err)
		return err;
	/* It has said why. */
	return info.si_code == SHIM_CLD_EXITED && !info.status ? 0
							       : -SHIM_EPERM;
}

/* Users, the denial of groups, without which not everybody may map those, and
 * groups. */
static long write_maps(const struct shim_spawn *child,
		       const struct shim_spawn_options *o, void *memory,
		       const char **what)
{
	long err = 0;

	*what = o->newuidmap ? "newuidmap" : "uid_map";
	if (o->newuidmap)
		err = run_helper(child, o->newuidmap, o->uids, o->nr_uids,
				 memory);
	else if (o->nr_uids)
		err = write_map(child, "/uid_map", o->uids, o->nr_uids);
	if (err || !o->nr_gids)
		return err;
	*what = "deny setgroups";
	if (!(o->flags & SHIM_SPAWN_ALLOW_SETGROUPS))
		err = write_file(child, "/setgroups", "deny", 4);
	if (err)
		return err;
	*what = o->newgidmap ? "newgidmap" : "gid_map";
	if (o->newgidmap)
		err = run_helper(child, o->newgidmap, o->gids, o->nr_gids,
				 memory);
	else
		err = write_map(child, "/gid_map", o->gids, o->nr_gids);
	return err;
}

/* End the child that waits, without killing it, which may be forbidden: let it
 * go on with no steps. */
static int dismiss(struct shim_spawn *child, const struct shim_spawn_how *how,
		   struct shim_spawn_program *program, const char *what,
		   long err)
{
	program->nr_steps = 0;
	shim_spawn_pass_gate(&how->gate);
	shim_spawn_kill(child, SHIM_SIGKILL);
	shim_spawn_reap(child);
	return shim_spawn_fail(child, what, err);
}

int shim_spawn_attend(struct shim_spawn *child,
		      const struct shim_spawn_options *options,
		      const struct shim_spawn_how *how,
		      struct shim_spawn_program *program, void *memory)
{
	const char *what;
	long err;

	if (!shim_spawn_waits(options, how))
		return 0;
	err = write_maps(child, options, memory, &what);
	if (err)
		return dismiss(child, how, program, what, err);
	if (how->unclosed && shim_spawn_fill(child, program))
		return dismiss(child, how, program, "close_range",
			       how->unclosed);
	err = shim_spawn_pass_gate(&how->gate);
	return err ? dismiss(child, how, program, "write", err) : 0;
}
