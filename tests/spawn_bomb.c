/* SPDX-License-Identifier: MIT */
/*
 * Programs that multiply as fast as they can, in a box with a limit: of
 * RLIMIT_NPROC, or of a cgroup. There are no more than that, the caller and its
 * other children go on meanwhile, and all of it ends with the first of them.
 * As root the suite runs once more as somebody else.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"

enum {
	NOBODY = 65534,
	/* A user of nobody's, and of no other run of this. */
	FIRST_USER = 200000,
	LIMIT = 24,
	/* A box that is not limited stops here. */
	MOST = 200,
	/* So often it must have been refused; so often, if there are less than
	 * the limit, for who has started one may be slow to count it. */
	REFUSALS = 10,
	MANY_REFUSALS = 500,
	TIMEOUT_MS = 60000,
	PATH_SIZE = 96,
};

/* Parts of the child. */

static void pause_for(int ms)
{
	const struct shim_timespec t = { 0, ms * 1000000 };

	shim_nanosleep(&t, NULL);
}

/* This, and all that it starts, start more. Returns in the first, when it has
 * been refused often enough: 0, or another error than that of the limit. */
static long multiply(uint32_t *nr, uint32_t limit)
{
	int is_first = 1, refused = 0;

	while (!is_first || refused < REFUSALS ||
	       (__atomic_load_n(nr, __ATOMIC_RELAXED) < limit &&
		refused < MANY_REFUSALS)) {
		long pid = -SHIM_EAGAIN;

		if (__atomic_load_n(nr, __ATOMIC_RELAXED) < MOST)
			pid = shim_syscall(SHIM_NR_clone, SHIM_SIGCHLD, 0, 0, 0,
					   0, 0);
		if (!pid)
			is_first = 0;
		else if (pid > 0)
			__atomic_fetch_add(nr, 1, __ATOMIC_RELAXED);
		else if (pid != -SHIM_EAGAIN)
			return pid;
		if (pid < 0) {
			refused++;
			pause_for(is_first ? 20 : 250);
		}
	}
	return 0;
}

/* Writes how many there are with it, and lasts. argv: how many there can be. */
static int bomb(char **argv)
{
	uint32_t *nr = shim_mmap(NULL, sizeof(*nr),
				 SHIM_PROT_READ | SHIM_PROT_WRITE,
				 SHIM_MAP_SHARED | SHIM_MAP_ANONYMOUS, -1, 0);
	char text[24], *end;

	if (shim_ptr_err(nr))
		return 1;
	*nr = 1;
	if (multiply(nr, (uint32_t)to_number(argv[0])))
		return 2;
	end = put_string(put_number(text, *nr), "\n");
	if (write_all(1, text, (size_t)(end - text)))
		return 3;
	for (;;)
		pause_for(250);
}

/* Gives back what it reads. */
static int echo(void)
{
	char c;

	while (shim_read(0, &c, 1) == 1)
		if (write_all(1, &c, 1))
			return 1;
	return 0;
}

static int child_main(char **argv)
{
	if (same(argv[0], "bomb"))
		return bomb(argv + 1);
	return same(argv[0], "echo") ? echo() : 0;
}

/* The next bytes, as far as a line end; how many, or -errno: -ETIMEDOUT. */
static long read_line(int fd, char *line, size_t size)
{
	const struct shim_timespec t = { TIMEOUT_MS / 1000, 0 };
	struct shim_pollfd p = { fd, SHIM_POLLIN, 0 };
	long n = 1;
	size_t len = 0;

	while (n == 1 && len < size - 1 && (!len || line[len - 1] != '\n')) {
		struct shim_timespec left = t;

		n = shim_ppoll(&p, 1, &left, NULL);
		if (n == 1)
			n = shim_read(fd, line + len, 1);
		else if (!n)
			n = -SHIM_ETIMEDOUT;
		len += n == 1;
	}
	line[len] = '\0';
	return n < 0 ? n : (long)len;
}

/* A program that was there before, and one that is started now. */
static void check_others(struct shim_spawn *other)
{
	char line[8] = "";
	struct part p;

	CHECK_EQ(write_all(other->in, "x\n", 2), 0);
	CHECK_EQ(read_line(other->out, line, sizeof(line)), 2);
	CHECK(same(line, "x\n"));
	play(&p, "nothing", NULL, 0);
	CHECK_EQ(status_of(&p), 0);
}

/* Let the bomb of p go off, and end it. Returns how many there were. */
static long explode(struct part *p)
{
	struct shim_siginfo info = { 0 };
	struct shim_spawn other, first;
	char line[24] = "";
	struct part q;
	int err;

	play(&q, "echo", NULL, SHIM_SPAWN_IN | SHIM_SPAWN_OUT);
	err = start(&other, &q);
	CHECK_EQ(err, 0);
	if (err)
		return err;
	p->options.flags |= SHIM_SPAWN_OUT;
	p->options.pdeathsig = SHIM_SIGKILL;
	err = start(&first, p);
	check_case(err ? first.failed : "");
	if (!err) {
		CHECK(read_line(first.out, line, sizeof(line)) > 1);
		check_others(&other);
		CHECK_EQ(shim_spawn_kill(&first, SHIM_SIGKILL), 0);
		/* Only when all are gone that have the pipe. */
		CHECK_EQ(shim_spawn_wait(&first, NULL, &info), 0);
		CHECK_EQ(read_line(first.out, line + 20, 2), 0);
		shim_spawn_close(&first);
		check_others(&other);
	}
	shim_close(other.in);
	other.in = -1;
	CHECK_EQ(end_of(&other), 0);
	return err ? err : (long)to_number(line);
}

static char *limit_text(char text[24])
{
	put_number(text, LIMIT);
	return text;
}

static void a_limit_of_the_user_holds(void)
{
	static const struct shim_spawn_limit limit = { SHIM_RLIMIT_NPROC,
						       { LIMIT, LIMIT } };
	const uint32_t user = (uint32_t)shim_geteuid();
	struct shim_spawn_map map = { 0, user, 1 };
	struct state before = state_now();
	struct part p;
	char text[24];
	long nr;

	if (!can_have(SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWPID))
		SKIP(NO_NAMESPACES);
	/* Before 5.14 all that the user has is counted. */
	play(&p, "bomb", user ? "1" : limit_text(text), 0);
	p.options.namespaces = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWPID;
	p.options.uids = &map;
	p.options.nr_uids = 1;
	p.options.limits = &limit;
	p.options.nr_limits = 1;
	/* Root has no such limit. */
	if (!user) {
		map.outside = FIRST_USER + (uint32_t)shim_getpid();
		p.options.flags |= SHIM_SPAWN_SETUID;
	}
	nr = explode(&p);
	/* Kernels before 5.14 count a new process after they have looked: each
	 * of those that are there may slip one more in. */
	CHECK(nr < 2 * LIMIT);
	CHECK(nr >= LIMIT || (user && nr > 0));
	check_state(&before);
}

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_SIZE];
	long n;
	int fd;

	put_string(put_string(path, dir), name);
	fd = open_file(path, SHIM_O_WRONLY);
	n = shim_write(fd, text, text_length(text));
	shim_close(fd);
	return n < 0 ? (int)n : 0;
}

static const char *read_in(const char *dir, const char *name)
{
	char path[PATH_SIZE];

	put_string(put_string(path, dir), name);
	return read_file(path);
}

/* A cgroup of version 2 that counts processes; NULL: there is none for us. */
static const char *make_cgroup(char path[PATH_SIZE])
{
	static const char *const places[] = { "/sys/fs/cgroup",
					      "/sys/fs/cgroup/unified" };

	for (int i = 0; i < 2; i++) {
		if (!contains(read_in(places[i], "/cgroup.controllers"),
			      "pids") ||
		    write_file(places[i], "/cgroup.subtree_control", "+pids"))
			continue;
		put_number(put_string(put_string(path, places[i]),
				      "/shim_bomb_"),
			   (uint64_t)shim_getpid());
		if (!shim_mkdirat(SHIM_AT_FDCWD, path, 0755))
			return path;
	}
	return NULL;
}

static void a_limit_of_the_cgroup_holds(void)
{
	struct state before = state_now();
	char place[PATH_SIZE], limit[24];
	struct part p;

	if (!can_have(SHIM_CLONE_NEWPID))
		SKIP(NO_NAMESPACES);
	if (!make_cgroup(place))
		SKIP("no cgroup here that counts processes: only root can make"
		     " one, and only of version 2");
	CHECK_EQ(write_file(place, "/pids.max", limit_text(limit)), 0);
	for (int i = 0; i < 2; i++) {
		play(&p, "bomb", limit,
		     SHIM_SPAWN_CGROUP | (i ? SHIM_SPAWN_COPY : 0));
		p.options.namespaces = SHIM_CLONE_NEWPID;
		p.options.cgroup_fd =
			open_file(place, SHIM_O_RDONLY | SHIM_O_DIRECTORY);
		CHECK_EQ(explode(&p), LIMIT);
		shim_close(p.options.cgroup_fd);
	}
	CHECK(!contains(read_in(place, "/pids.events"), "max 0\n"));
	remove_cgroup(place);
	check_state(&before);
}

static void all_this_holds_for_another_user(void)
{
	const struct shim_spawn_options o = { 0 };
	const char *said;

	if (shim_geteuid())
		SKIP("only root can change users");
	CHECK_EQ(run_again_as(NOBODY, "spawn_bomb", &o, &said), 0);
	CHECK(contains(said, "ok spawn_bomb/a_limit_of_the_user_holds") ||
	      contains(said, NO_NAMESPACES));
}

static const struct check_test spawn_bomb_tests[] = {
	{ "a_limit_of_the_user_holds", a_limit_of_the_user_holds },
	{ "a_limit_of_the_cgroup_holds", a_limit_of_the_cgroup_holds },
	{ "all_this_holds_for_another_user", all_this_holds_for_another_user },
};

int main(int argc, char **argv, char **envp)
{
	if (argc > 2 && same(argv[1], CHILD))
		shim_exit_group(child_main(argv + 2));
	return check_main("spawn_bomb", spawn_bomb_tests,
			  sizeof(spawn_bomb_tests) /
				  sizeof(spawn_bomb_tests[0]),
			  argc, argv, envp);
}
