/* SPDX-License-Identifier: MIT */
/*
 * Three programs in a row, each reading what the one before it writes:
 *
 *     $ build/x86_64/examples/pipeline
 *     9
 *     10
 *     11
 *     seq 11 | tail -n 3 | sort -n: 0 0 0
 *
 * The last line, on stderr, has the exit statuses. There is no libc.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

enum { NR = 3, SIGNALLED = 128 };

static char *const seq[] = { "seq", "11", NULL };
static char *const tail[] = { "tail", "-n", "3", NULL };
static char *const sort[] = { "sort", "-n", NULL };
static char *const *const programs[NR] = { seq, tail, sort };

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

/* Says "execve: error 2". */
static void say_error(const char *what, int err)
{
	say("pipeline: ");
	say(what);
	say(": error ");
	say_number(-err);
	say("\n");
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

/* Start argv between two descriptors; -1: the one of this program. */
static int start(struct shim_spawn *child, char *const *argv, char **envp,
		 int in, int out)
{
	static _Alignas(16) char memory[16384];
	struct shim_spawn_fd fds[2];
	struct shim_spawn_options options = {
		.path = argv[0],
		.search = find_path(envp),
		.argv = argv,
		.envp = envp,
		.fds = fds,
	};

	if (in >= 0)
		fds[options.nr_fds++] = (struct shim_spawn_fd){ in, 0 };
	if (out >= 0)
		fds[options.nr_fds++] = (struct shim_spawn_fd){ out, 1 };
	return shim_spawn_start(child, &options, memory, sizeof(memory));
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		shim_close(*fd);
	*fd = -1;
}

/* Start them all. Returns how many there are. */
static int start_all(struct shim_spawn children[NR], char **envp)
{
	int next[2], in = -1, started = 0;

	for (; started < NR; started++) {
		const char *what = "pipe2";
		int err = 0;

		next[0] = next[1] = -1;
		if (started < NR - 1)
			err = shim_spawn_pipe(next, 0, 0);
		if (!err) {
			struct shim_spawn *child = &children[started];

			err = start(child, programs[started], envp, in,
				    next[1]);
			what = child->failed;
		}
		/* What stays open here would keep an end from being seen. */
		close_end(&in);
		close_end(&next[1]);
		in = next[0];
		if (err) {
			say_error(what, err);
			break;
		}
	}
	close_end(&in);
	return started;
}

/* The exit status as a shell has it. */
static int wait_for(struct shim_spawn *child)
{
	struct shim_siginfo info;
	int err = shim_spawn_wait(child, NULL, &info);

	shim_spawn_close(child);
	if (err) {
		say_error("waitid", err);
		return 1;
	}
	return info.si_code == SHIM_CLD_EXITED ? info.status
					       : SIGNALLED + info.status;
}

int main(int argc, char **argv, char **envp)
{
	struct shim_spawn children[NR];
	int status[NR], failed = 0;
	int started = start_all(children, envp);

	(void)argc, (void)argv;
	for (int i = 0; i < started; i++) {
		status[i] = wait_for(&children[i]);
		failed |= status[i];
	}
	if (started < NR)
		return 1;
	say("seq 11 | tail -n 3 | sort -n:");
	for (int i = 0; i < NR; i++) {
		say(" ");
		say_number(status[i]);
	}
	say("\n");
	return failed;
}
