/* SPDX-License-Identifier: MIT */
/*
 * Programs in a row, each reading what the one before it writes:
 *
 *     $ build/x86_64/examples/pipeline seq 11 '|' tail -n 3 '|' sort -n
 *     9
 *     10
 *     11
 *     seq 11 | tail -n 3 | sort -n: 0 0 0
 *
 * The last line, on stderr, has the statuses, as a shell has them; "--" is as
 * good as "|". With -t SECONDS before the first program, all are killed, with
 * their descendants, when the time is over. There is no libc.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

enum { NR_MAX = 64, SIGNALLED = 128, TIMED_OUT = 124, USAGE = 2 };

static void say(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	shim_write(2, s, n);
}

static void say_number(long n)
{
	char digits[21] = "";
	int i = 20;

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	say(digits + i);
}

/* Says "pipeline: nosuch: execve: error 2". */
static void say_error(const char *name, const char *what, int err)
{
	say("pipeline: ");
	say(name);
	say(": ");
	say(what);
	say(": error ");
	say_number(-err);
	say("\n");
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static const char *find_path(char **envp)
{
	for (; *envp; envp++) {
		const char *e = *envp;

		if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' &&
		    e[4] == '=')
			return e + 5;
	}
	return "/usr/bin:/bin";
}

/* Seconds, or -1. */
static int64_t to_seconds(const char *s)
{
	int64_t n = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > 1000000000)
			return -1;
		n = n * 10 + *s - '0';
	}
	return n;
}

/*
 * Cut the arguments at each "|", which becomes the NULL at the end of a
 * program's own. Returns how many programs there are; 0: one has no name, or
 * there are too many.
 */
static size_t cut(char **argv, char **envp, struct shim_spawn_options *options)
{
	const char *path = find_path(envp);
	size_t nr = 0;

	for (;;) {
		char **program = argv;

		while (*argv && !same(*argv, "|") && !same(*argv, "--"))
			argv++;
		if (argv == program || nr == NR_MAX)
			return 0;
		options[nr++] = (struct shim_spawn_options){
			.path = *program,
			.search = path,
			.argv = program,
			.envp = envp,
		};
		if (!*argv)
			return nr;
		*argv++ = NULL;
	}
}

static void say_programs(const struct shim_spawn_pipeline *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		char *const *argv = p->options[i].argv;

		say(i ? " | " : "");
		say(*argv);
		while (*++argv) {
			say(" ");
			say(*argv);
		}
	}
	say(":");
}

/* Says the statuses. Returns 0 if all are. */
static int say_statuses(const struct shim_spawn_pipeline *p)
{
	int failed = 0;

	say_programs(p);
	for (size_t i = 0; i < p->nr; i++) {
		const struct shim_siginfo *info = &p->infos[i];
		int status = info->status;

		if (info->si_code != SHIM_CLD_EXITED)
			status += SIGNALLED;
		say(" ");
		say_number(status);
		failed |= status;
	}
	say("\n");
	return failed;
}

/* A group of their own only where it is needed: it may not read a terminal. */
static int run(struct shim_spawn_pipeline *p, int64_t seconds)
{
	const struct shim_timespec timeout = { .tv_sec = seconds };
	int err, failed;

	if (seconds >= 0)
		p->flags = SHIM_SPAWN_ONE_GROUP;
	err = shim_spawn_pipeline_run(p, seconds >= 0 ? &timeout : NULL);
	if (err && err != -SHIM_ETIMEDOUT) {
		const char *what = p->children[p->failed].failed;

		say_error(p->options[p->failed].path, what ? what : "run", err);
		return 1;
	}
	failed = say_statuses(p);
	if (!err)
		return failed;
	say("pipeline: the time is over\n");
	return TIMED_OUT;
}

int main(int argc, char **argv, char **envp)
{
	static _Alignas(16) char memory[65536];
	static struct shim_spawn_options options[NR_MAX];
	static struct shim_spawn children[NR_MAX];
	static struct shim_siginfo infos[NR_MAX];
	struct shim_spawn_pipeline p = {
		.options = options,
		.children = children,
		.infos = infos,
		.memory = memory,
		.size = sizeof(memory),
	};
	int64_t seconds = -1;

	if (argc > 2 && same(argv[1], "-t")) {
		seconds = to_seconds(argv[2]);
		argv += seconds < 0 ? 0 : 2;
	}
	p.nr = argc > 1 ? cut(argv + 1, envp, options) : 0;
	if (!p.nr || (argv[1] && argv[1][0] == '-')) {
		say("usage: pipeline [-t SECONDS] PROGRAM [ARGUMENT]... "
		    "['|' PROGRAM [ARGUMENT]...]...\n");
		return USAGE;
	}
	return run(&p, seconds);
}
