/* SPDX-License-Identifier: MIT */
/*
 * Filters that libseccomp has built (tests/filters): the program lacks what
 * they refuse, has what they allow, and neither exec nor a program of root's
 * that lends its rights changes that.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "filters.h"
#include "spawn_util.h"
#include "zspawn_filter_tab.h"

enum { USER = 1234, SIGNALLED = 1000, PATH_SIZE = 64 };

/* Parts of the child. */

static long open_socket(int family)
{
	return shim_socket(family, SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC, 0);
}

static long call(const char *name)
{
	struct shim_utsname names;
	struct shim_sysinfo info;
	long result = -SHIM_ENOSYS;

	if (same(name, "uname"))
		return shim_uname(&names);
	if (same(name, "getuid"))
		return shim_getuid() < 0;
	if (same(name, "sysinfo"))
		return shim_sysinfo(&info);
	if (same(name, "socket_inet"))
		result = open_socket(SHIM_AF_INET);
	if (same(name, "socket_unix"))
		result = open_socket(SHIM_AF_UNIX);
	return result < 0 ? result : 0;
}

/* argv: "again" for once more, and the call. Its error is the status. */
static int child_main(char **argv)
{
	char *const more[] = { (char *)"spawn_filter", (char *)CHILD, argv[1],
			       NULL };

	if (same(argv[0], "user"))
		return shim_geteuid() == USER ? 0 : 99;
	if (!same(argv[0], "again"))
		return (int)-call(argv[0]);
	shim_execve("/proc/self/exe", more, check_envp);
	return 98;
}

static const struct shim_sock_fprog *filter_of(const char *name)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (same(filters[i].name, name))
			return &filters[i].program;
	return NULL;
}

static const struct shim_spawn_limit no_core = { SHIM_RLIMIT_CORE, { 0, 0 } };

/* The program of the test, under that filter; what kills a child that shares
 * the memory of its parent before exec kills both on old kernels. */
static void play_under(struct part *p, const char *filter, const char *what,
		       const char *arg)
{
	play(p, what, arg, SHIM_SPAWN_NO_NEW_PRIVS);
	p->options.filter = filter_of(filter);
	p->options.limits = &no_core;
	p->options.nr_limits = 1;
	if (same(filter, "other"))
		p->options.flags |= SHIM_SPAWN_COPY;
}

static void programs_lack_what_is_refused(void)
{
	const size_t nr = sizeof(spawn_filters) / sizeof(spawn_filters[0]);
	struct state before = state_now();

	for (size_t i = 0; i < nr; i++) {
		const struct spawn_filters *row = &spawn_filters[i];
		int want = row->signal ? SIGNALLED + (int)row->signal
				       : (int)-row->want;
		struct part p;

		check_case(row->filter);
		play_under(&p, row->filter, row->call, NULL);
		CHECK_FATAL(p.options.filter != NULL);
		CHECK_EQ(status_of(&p), want);
		play_under(&p, row->filter, "again", row->call);
		CHECK_EQ(status_of(&p), want);
		p.options.flags |= SHIM_SPAWN_COPY;
		CHECK_EQ(status_of(&p), want);
	}
	check_case("");
	check_state(&before);
}

/* As the user, under a filter or none. */
static int status_as_user(const char *path, const char *filter,
			  const char *what, const char *arg)
{
	struct part p;

	play_under(&p, filter, what, arg);
	p.options.path = path;
	p.options.uid = p.options.gid = USER;
	p.options.flags |= SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID |
			   SHIM_SPAWN_SETGROUPS;
	if (!p.options.filter)
		p.options.flags &= ~(unsigned)SHIM_SPAWN_NO_NEW_PRIVS;
	return status_of(&p);
}

/* Without no_new_privs only who has rights is given a filter. */
static void check_without_promise(const char *path)
{
	struct shim_spawn child;
	struct part p;

	play_under(&p, "errno", "uname", NULL);
	p.options.path = path;
	p.options.flags = SHIM_SPAWN_SETUID;
	p.options.uid = USER;
	CHECK_EQ(start(&child, &p), -SHIM_EACCES);
	CHECK(child.failed && same(child.failed, "seccomp"));
}

static void a_program_that_lends_rights_lends_none(void)
{
	struct state before = state_now();
	char path[PATH_SIZE];
	int lends;

	if (shim_geteuid())
		SKIP("only root can change users");
	put_number(put_string(path, "/tmp/shim_filter_"),
		   (uint64_t)shim_getpid());
	/* Of root's, it lends its rights. */
	CHECK_FATAL(copy_program(path, 04755));
	lends = status_as_user(path, "", "user", NULL) == 99;
	if (lends) {
		CHECK_EQ(status_as_user(path, "errno", "user", NULL), 0);
		CHECK_EQ(status_as_user(path, "errno", "uname", NULL),
			 SHIM_EXDEV);
		CHECK_EQ(status_as_user(path, "errno", "again", "uname"),
			 SHIM_EXDEV);
		CHECK_EQ(status_as_user(path, "kill", "again", "uname"),
			 SIGNALLED + SHIM_SIGSYS);
		check_without_promise(path);
	}
	CHECK_EQ(shim_unlinkat(SHIM_AT_FDCWD, path, 0), 0);
	check_state(&before);
	if (!lends)
		SKIP("programs lend no rights here (nosuid, or no_new_privs)");
}

static const struct check_test spawn_filter_tests[] = {
	{ "programs_lack_what_is_refused", programs_lack_what_is_refused },
	{ "a_program_that_lends_rights_lends_none",
	  a_program_that_lends_rights_lends_none },
};

int main(int argc, char **argv, char **envp)
{
	check_envp = envp;
	if (argc > 2 && same(argv[1], CHILD))
		shim_exit_group(child_main(argv + 2));
	return check_main("spawn_filter", spawn_filter_tests,
			  sizeof(spawn_filter_tests) /
				  sizeof(spawn_filter_tests[0]),
			  argc, argv, envp);
}
