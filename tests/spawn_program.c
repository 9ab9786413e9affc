/* SPDX-License-Identifier: MIT */
/*
 * The programs that options become, step by step: the table that Go's compiler
 * is held to as well, so that both make the same.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_dump.h"
#include "../shim/spawn_impl.h"
#include "spawn_util.h"
#include "zspawn_program_tab.h"

enum { LIST_MAX = 8, LINE_SIZE = 512, STRINGS_SIZE = 512 };

/* The options of a case, and all that they point to. */
static struct world {
	struct shim_spawn_options options;
	struct shim_spawn_how how;
	struct shim_spawn_fd fds[LIST_MAX];
	struct shim_spawn_limit limits[LIST_MAX];
	struct shim_spawn_map uids[LIST_MAX], gids[LIST_MAX];
	struct shim_spawn_mount mounts[LIST_MAX];
	struct shim_spawn_caps caps;
	struct shim_spawn_time time;
	struct shim_sched_attr sched;
	struct shim_sock_filter code[LIST_MAX];
	struct shim_sock_fprog filter;
	uint32_t groups[LIST_MAX];
	uint64_t mask, cpus;
	char *argv[LIST_MAX], *envp[LIST_MAX];
	size_t nr_args, nr_envs;
	char strings[STRINGS_SIZE];
	size_t strings_size;
	struct shim_spawn_program *program;
	int err;
	uint32_t next; /* step */
} w;

static void clear(void)
{
	w = (struct world){ .how = { .spared = -1 } };
	w.options.path = "/p";
}

static void compile(void)
{
	static const int pipes[3] = { -1, -1, -1 };

	if (w.program || w.err)
		return;
	w.err = shim_spawn_compile_how(&w.options, pipes, &w.how, memory,
				       sizeof(memory), &w.program);
}

/* The part of the text up to ',' is a string of its own; an empty one none. */
static const char *part_of(const char **text)
{
	char *start = w.strings + w.strings_size;

	while (**text && **text != ',')
		w.strings[w.strings_size++] = *(*text)++;
	w.strings[w.strings_size++] = '\0';
	if (**text)
		(*text)++;
	return *start ? start : NULL;
}

static void add_mount(const struct spawn_programs *row)
{
	const char *text = row->text;
	struct shim_spawn_mount *m = &w.mounts[w.options.nr_mounts++];

	m->source = part_of(&text);
	m->target = part_of(&text);
	m->fstype = part_of(&text);
	m->data = part_of(&text);
	m->flags = (unsigned long)row->a;
	w.options.mounts = w.mounts;
}

/* Each returns whether the verb is one of its own. */

static int set_program(const struct spawn_programs *row)
{
	struct shim_spawn_options *o = &w.options;
	const char *verb = row->verb;

	if (same(verb, "path"))
		o->path = *row->text ? row->text : NULL;
	else if (same(verb, "search"))
		o->search = row->text;
	else if (same(verb, "arg"))
		w.argv[w.nr_args++] = (char *)row->text, o->argv = w.argv;
	else if (same(verb, "env"))
		w.envp[w.nr_envs++] = (char *)row->text, o->envp = w.envp;
	else if (same(verb, "cwd"))
		o->cwd = row->text;
	else if (same(verb, "retries"))
		o->retries = (unsigned)row->a;
	else if (same(verb, "mask"))
		w.mask = (uint64_t)row->a, o->mask = &w.mask;
	else if (same(verb, "defaults"))
		o->defaults = (uint64_t)row->a;
	else if (same(verb, "ignore"))
		o->ignore = (uint64_t)row->a;
	else if (same(verb, "pdeathsig"))
		o->pdeathsig = (int)row->a;
	else
		return 0;
	return 1;
}

/* Options that are a flag, and most of them a number. */
static int set_flag(const struct spawn_programs *row)
{
	struct shim_spawn_options *o = &w.options;
	int none = 0;
	const struct {
		const char *verb;
		unsigned flag;
		void *number;
	} flags[] = {
		{ "fchdir", SHIM_SPAWN_FCHDIR, &o->cwd_fd },
		{ "keep", SHIM_SPAWN_KEEP_FDS, &none },
		{ "setsid", SHIM_SPAWN_SETSID, &none },
		{ "setpgid", SHIM_SPAWN_SETPGID, &o->pgid },
		{ "exec_fd", SHIM_SPAWN_EXEC_FD, &o->exec_fd },
		{ "setctty", SHIM_SPAWN_SETCTTY, &o->ctty_fd },
		{ "noctty", SHIM_SPAWN_NOCTTY, &none },
		{ "foreground", SHIM_SPAWN_FOREGROUND, &o->foreground_fd },
		{ "umask", SHIM_SPAWN_UMASK, &o->umask },
		{ "nice", SHIM_SPAWN_NICE, &o->nice },
		{ "setuid", SHIM_SPAWN_SETUID, &o->uid },
		{ "setgid", SHIM_SPAWN_SETGID, &o->gid },
		{ "setgroups", SHIM_SPAWN_SETGROUPS, &none },
		{ "cgroup", SHIM_SPAWN_CGROUP, &o->cgroup_fd },
		{ "no_new_privs", SHIM_SPAWN_NO_NEW_PRIVS, &none },
		{ "landlock", SHIM_SPAWN_LANDLOCK, &o->landlock_fd },
		{ "traceme", SHIM_SPAWN_TRACEME, &none },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!same(row->verb, flags[i].verb))
			continue;
		o->flags |= flags[i].flag;
		/* An int or an unsigned one. */
		*(int *)flags[i].number = (int)row->a;
		return 1;
	}
	return 0;
}

static int add_to_list(const struct spawn_programs *row)
{
	struct shim_spawn_options *o = &w.options;
	const char *verb = row->verb;
	const struct shim_spawn_map map = { (uint32_t)row->a, (uint32_t)row->b,
					    (uint32_t)row->c };

	if (same(verb, "fd"))
		o->fds = w.fds,
		w.fds[o->nr_fds++] =
			(struct shim_spawn_fd){ (int)row->a, (int)row->b };
	else if (same(verb, "limit"))
		o->limits = w.limits,
		w.limits[o->nr_limits++] = (struct shim_spawn_limit){
			(unsigned)row->a, { (uint64_t)row->b, (uint64_t)row->c }
		};
	else if (same(verb, "group"))
		o->groups = w.groups,
		w.groups[o->nr_groups++] = (uint32_t)row->a;
	else if (same(verb, "uids"))
		o->uids = w.uids, w.uids[o->nr_uids++] = map;
	else if (same(verb, "gids"))
		o->gids = w.gids, w.gids[o->nr_gids++] = map;
	else if (same(verb, "mount"))
		add_mount(row);
	else if (same(verb, "filter"))
		o->filter = &w.filter, w.filter.filter = w.code,
		w.code[w.filter.len++] =
			(struct shim_sock_filter){ (uint16_t)row->a, 0, 0,
						   (uint32_t)row->b };
	else
		return 0;
	return 1;
}

static int set_structure(const struct spawn_programs *row)
{
	struct shim_spawn_options *o = &w.options;
	const char *verb = row->verb;
	const struct shim_timespec t = { row->a, row->b };

	if (same(verb, "sched"))
		o->sched = &w.sched, w.sched = (struct shim_sched_attr){
			.size = SHIM_SCHED_ATTR_SIZE_VER0,
			.sched_policy = (uint32_t)row->a,
			.sched_nice = (int32_t)row->b,
			.sched_priority = (uint32_t)row->c,
		};
	else if (same(verb, "cpus"))
		o->cpus = &w.cpus, o->cpus_size = 8, w.cpus = (uint64_t)row->a;
	else if (same(verb, "caps"))
		o->caps = &w.caps, w.caps = (struct shim_spawn_caps){
			.bounding = ~0UL,
			.permitted = (uint64_t)row->a,
			.effective = (uint64_t)row->a,
			.inheritable = (uint64_t)row->b,
			.ambient = (uint64_t)row->c,
		};
	else if (same(verb, "drop"))
		w.caps.bounding &= ~(1UL << row->a);
	else if (same(verb, "monotonic"))
		o->time = &w.time, w.time.monotonic = t;
	else if (same(verb, "boottime"))
		o->time = &w.time, w.time.boottime = t;
	else if (same(verb, "namespaces"))
		o->namespaces = (uint64_t)row->a;
	else if (same(verb, "unshare"))
		o->unshare = (uint64_t)row->a;
	else if (same(verb, "chroot"))
		o->chroot = row->text;
	else if (same(verb, "pivot_root"))
		o->pivot_root = row->text;
	else
		return 0;
	return 1;
}

static int set_how(const struct spawn_programs *row)
{
	if (same(row->verb, "unclosed"))
		w.how.unclosed = -SHIM_ENOSYS;
	else if (same(row->verb, "spared"))
		w.how.spared = (int)row->a;
	else if (same(row->verb, "enters"))
		w.how.enters = 1;
	else if (same(row->verb, "gate"))
		w.how.gate =
			(struct shim_spawn_gate){ { (int)row->a, (int)row->b },
						  (int)row->c };
	else
		return 0;
	return 1;
}

static void check_step(const char *want)
{
	char line[LINE_SIZE] = "";

	CHECK_EQ(w.err, 0);
	if (w.err || !CHECK(w.next < w.program->nr_steps))
		return;
	dump_step(w.program, w.next++, line);
	check_case(line);
	CHECK(same(line, want));
}

/* Whether the row only asks. */
static int ask(const struct spawn_programs *row)
{
	const char *verb = row->verb;

	if (!same(verb, "begins") && !same(verb, "step") && !same(verb, "end"))
		return 0;
	compile();
	if (same(verb, "step")) {
		check_step(row->text);
	} else if (w.err) {
		CHECK_EQ(w.err, 0);
	} else if (same(verb, "begins")) {
		CHECK_EQ(w.program->clone_flags, row->a);
		CHECK_EQ(w.program->cgroup, row->b);
	} else {
		CHECK_EQ(w.next, w.program->nr_steps);
	}
	return 1;
}

static void options_become_the_steps_of_the_table(void)
{
	const size_t nr = sizeof(spawn_programs) / sizeof(spawn_programs[0]);

	for (size_t i = 0; i < nr; i++) {
		const struct spawn_programs *row = &spawn_programs[i];

		check_case(row->case_);
		if (!i || !same(row->case_, row[-1].case_))
			clear();
		if (!ask(row))
			CHECK(set_program(row) || set_flag(row) ||
			      add_to_list(row) || set_structure(row) ||
			      set_how(row));
	}
	check_case("");
}

static const struct check_test spawn_program_tests[] = {
	{ "options_become_the_steps_of_the_table",
	  options_become_the_steps_of_the_table },
};

CHECK_MAIN(spawn_program, spawn_program_tests)
