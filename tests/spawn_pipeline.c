/* SPDX-License-Identifier: MIT */
/*
 * Captures, groups and pipelines, as spawn_pipe.tab says it of C and Go, on the
 * real kernel.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_util.h"
#include "zspawn_pipe_tab.h"

enum {
	PERIOD = 251,
	ROOM = 300000,
	STAGES_MAX = 8,
	TEXT_MAX = 256,
	MS = 1000000,
	SIGNALLED = 128,
};

static const uint64_t sigpipe = 1UL << (SHIM_SIGPIPE - 1);

static char in[ROOM], out[ROOM + 1], err[ROOM + 1];

/* A string for the shell, or a path. */
struct stage {
	char *argv[4];
	char text[TEXT_MAX];
};

static void set_stage(struct stage *s, struct shim_spawn_options *o,
		      unsigned flags)
{
	s->argv[0] = (char *)"sh";
	s->argv[1] = (char *)"-c";
	s->argv[2] = s->text;
	s->argv[3] = NULL;
	*o = (struct shim_spawn_options){
		.path = s->text[0] == '/' ? s->text : "/bin/sh",
		.argv = s->argv,
		.envp = check_envp,
		.flags = flags | SHIM_SPAWN_ERR,
		.defaults = sigpipe,
	};
}

/* Cuts the text at each '|'. Returns how many stages there are. */
static size_t cut(struct stage *stages, const char *text)
{
	size_t nr = 0, n = 0;

	for (;; text++) {
		if (*text && *text != '|' && n < TEXT_MAX - 1) {
			stages[nr].text[n++] = *text;
			continue;
		}
		stages[nr++].text[n] = '\0';
		n = 0;
		if (!*text || nr == STAGES_MAX)
			return nr;
	}
}

static int status_in(const struct shim_siginfo *info)
{
	return info->si_code == SHIM_CLD_EXITED ? info->status
						: SIGNALLED + info->status;
}

/* Whether a status is the next of "0 141 *"; moves on to the one behind it. */
static int is_next(const char **want, int status)
{
	const char *s = *want;
	int ok = *s == '*' || (*s && (int)to_number(s) == status);

	while (*s && *s != ' ')
		s++;
	*want = *s ? s + 1 : s;
	return ok;
}

static int begins(const char *s, const char *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] != want[i])
			return 0;
	return 1;
}

static void check_text(const char *got, size_t length, const char *want)
{
	CHECK_EQ(length, text_length(want));
	CHECK(length == text_length(want) && begins(got, want, length));
}

static struct stage stages[STAGES_MAX];
static struct shim_spawn_options options[STAGES_MAX];
static struct shim_spawn children[STAGES_MAX];
static struct shim_spawn_io ios[STAGES_MAX];
static struct shim_siginfo infos[STAGES_MAX];

/* The pipeline of these stages. */
static struct shim_spawn_pipeline make(const char *text, unsigned flags)
{
	struct shim_spawn_pipeline p = {
		.options = options,
		.children = children,
		.io = ios,
		.infos = infos,
		.nr = cut(stages, text),
		.memory = memory,
		.size = sizeof(memory),
		.flags = flags,
	};

	for (size_t i = 0; i < p.nr; i++) {
		set_stage(&stages[i], &options[i],
			  (i ? 0 : (unsigned)SHIM_SPAWN_IN) |
				  (i < p.nr - 1 ? 0
						: (unsigned)SHIM_SPAWN_OUT));
		ios[i] = (struct shim_spawn_io){
			.err = err + i * TEXT_MAX,
			.err_size = TEXT_MAX,
		};
		infos[i] = (struct shim_siginfo){ 0 };
	}
	return p;
}

/* All standard errors, one after the other. */
static size_t join_errors(const struct shim_spawn_pipeline *p, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nr; i++)
		for (size_t j = 0; j < p->io[i].err_len; j++)
			to[n++] = ((char *)p->io[i].err)[j];
	return n;
}

static void check_ended(const struct spawn_pipelines *row,
			const struct shim_spawn_pipeline *p)
{
	const struct shim_spawn_io *last = &p->io[p->nr - 1];
	const char *want = row->statuses;
	static char all[STAGES_MAX * TEXT_MAX];
	size_t size = last->out_size < last->out_len ? last->out_size
						     : last->out_len;

	check_text(out, size, row->out);
	check_text(all, join_errors(p, all), row->err);
	for (size_t i = 0; i < p->nr; i++)
		CHECK(is_next(&want, status_in(&p->infos[i])));
}

static void run_row(const struct spawn_pipelines *row)
{
	const struct shim_timespec timeout = { row->timeout / 1000,
					       row->timeout % 1000 * MS };
	struct shim_spawn_pipeline p =
		make(row->stages, row->group ? SHIM_SPAWN_ONE_GROUP : 0);
	struct shim_spawn_io *last = &ios[p.nr - 1];

	ios[0].in = row->in;
	ios[0].in_size = text_length(row->in);
	last->out = out;
	last->out_size = row->limit ? (size_t)row->limit : ROOM;
	last->flags = row->limit ? SHIM_SPAWN_LIMIT : 0;
	CHECK_EQ(shim_spawn_pipeline_run(&p, row->timeout ? &timeout : NULL),
		 row->want);
	if (!row->failed) {
		check_ended(row, &p);
		return;
	}
	CHECK_EQ(p.failed, row->failed - 1);
	for (size_t i = 0; i < p.nr; i++) {
		CHECK_EQ(children[i].pid, -1);
		CHECK_EQ(!children[i].failed, i != p.failed);
	}
	CHECK(same(children[p.failed].failed, "execve"));
}

static void pipelines_are_as_the_table_says(void)
{
	const size_t nr = sizeof(spawn_pipelines) / sizeof(spawn_pipelines[0]);
	struct state before = state_now();

	for (size_t i = 0; i < nr; i++) {
		check_case(spawn_pipelines[i].case_);
		run_row(&spawn_pipelines[i]);
		check_state(&before);
	}
	check_case("");
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* -1 is some. */
static void check_lost(size_t length, size_t size, long want)
{
	const size_t lost = length - least(length, size);

	if (want >= 0)
		CHECK_EQ(lost, want);
	else
		CHECK(lost > 0);
}

static void capture_row(const struct spawn_captures *row)
{
	struct shim_spawn_pipeline p = make(row->program, 0);
	size_t wrong = 0;
	const char *want = row->status;

	ios[0] = (struct shim_spawn_io){
		.in = in,
		.in_size = (size_t)row->in,
		.out = out,
		.out_size = (size_t)row->out_size,
		.err = err,
		.err_size = (size_t)row->err_size,
		.flags = row->limited ? SHIM_SPAWN_LIMIT : 0,
	};
	CHECK_EQ(shim_spawn_pipeline_run(&p, NULL), row->want);
	CHECK(is_next(&want, status_in(&infos[0])));
	CHECK_EQ(least(ios[0].out_len, ios[0].out_size), row->out);
	CHECK_EQ(least(ios[0].err_len, ios[0].err_size), row->err);
	check_lost(ios[0].out_len, ios[0].out_size, row->out_lost);
	check_lost(ios[0].err_len, ios[0].err_size, row->err_lost);
	for (long i = 0; i < row->out; i++)
		wrong += out[i] != (row->echoes ? in[i] : 0);
	for (long i = 0; i < row->err; i++)
		wrong += err[i] != 0;
	CHECK_EQ(wrong, 0);
}

static void captures_are_as_the_table_says(void)
{
	const size_t nr = sizeof(spawn_captures) / sizeof(spawn_captures[0]);
	struct state before = state_now();

	for (size_t i = 0; i < ROOM; i++)
		in[i] = (char)(i % PERIOD);
	for (size_t i = 0; i < nr; i++) {
		check_case(spawn_captures[i].case_);
		capture_row(&spawn_captures[i]);
		check_state(&before);
	}
	check_case("");
}

/* Whether the kernel signals the group of a pidfd, which this one has. */
static int knows_groups(const struct shim_spawn *child)
{
	long n = shim_pidfd_send_signal(child->pidfd, 0, NULL,
					SHIM_PIDFD_SIGNAL_PROCESS_GROUP);

	return n == 0 || n == -SHIM_ESRCH;
}

/* Reads the number that the program writes at first. */
static int read_number(int fd)
{
	char text[24] = "";
	size_t n = 0;

	while (n < sizeof(text) - 1 && shim_read(fd, text + n, 1) == 1 &&
	       text[n] != '\n')
		n++;
	return (int)to_number(text);
}

/* Waits until nobody has the other end any more. */
static int is_deserted(int fd)
{
	const struct shim_timespec minute = { 60, 0 };
	struct shim_timespec left = minute;
	struct shim_pollfd poll = { fd, SHIM_POLLIN, 0 };
	char c;

	return shim_ppoll(&poll, 1, &left, NULL) == 1 &&
	       shim_read(fd, &c, 1) == 0;
}

/* Until it has ended, of which its status remains. */
static void await_end(const struct shim_spawn *child)
{
	long n;

	do
		n = shim_waitid(SHIM_P_PID, child->pid, NULL,
				SHIM_WEXITED | SHIM_WNOWAIT, NULL);
	while (n == -SHIM_EINTR);
	CHECK_EQ(n, 0);
}

/* The leader of a group, which ends with its input. */
static int start_leader(struct shim_spawn *leader)
{
	static struct stage stage = { .text = "exec cat" };
	struct shim_spawn_options o;

	set_stage(&stage, &o, SHIM_SPAWN_IN | SHIM_SPAWN_SETPGID);
	return shim_spawn_start(leader, &o, memory, sizeof(memory));
}

static unsigned group_flags(const struct spawn_groups *row)
{
	if (same(row->group, "none"))
		return 0;
	return same(row->group, "setsid") ? SHIM_SPAWN_SETSID
					  : SHIM_SPAWN_SETPGID;
}

static void kill_row(const struct spawn_groups *row, int leader)
{
	static struct stage running = { .text = "sleep 1000 & echo $!; wait" },
			    ending = { .text = "sleep 1000 & echo $!" };
	struct shim_spawn child;
	struct shim_spawn_options o;
	const char *status = row->status;
	struct shim_siginfo info = { 0 };
	int sleeper, known, waited = same(row->when, "waited");

	set_stage(same(row->when, "running") ? &running : &ending, &o,
		  group_flags(row) | SHIM_SPAWN_OUT);
	o.flags &= ~(unsigned)SHIM_SPAWN_ERR;
	o.pgid = same(row->group, "joined") ? leader : 0;
	CHECK_FATAL(shim_spawn_start(&child, &o, memory, sizeof(memory)) == 0);
	known = knows_groups(&child);
	sleeper = read_number(child.out);
	CHECK(sleeper > 1);
	if (!same(row->when, "running"))
		await_end(&child);
	if (waited)
		CHECK_EQ(shim_spawn_wait(&child, NULL, &info), 0);
	CHECK_EQ(shim_spawn_kill_group(&child, (int)row->signal),
		 known ? row->want : row->older);
	if (!row->ends || (!known && row->older)) {
		CHECK_EQ(shim_kill(sleeper, SHIM_SIGKILL), 0);
		shim_spawn_kill(&child, SHIM_SIGKILL);
	}
	CHECK(is_deserted(child.out));
	if (!waited)
		CHECK_EQ(shim_spawn_wait(&child, NULL, &info), 0);
	CHECK(is_next(&status, status_in(&info)));
	shim_spawn_close(&child);
}

static void groups_are_as_the_table_says(void)
{
	const size_t nr = sizeof(spawn_groups) / sizeof(spawn_groups[0]);
	struct state before = state_now();
	struct shim_spawn leader;

	CHECK_FATAL(start_leader(&leader) == 0);
	for (size_t i = 0; i < nr; i++) {
		check_case(spawn_groups[i].case_);
		kill_row(&spawn_groups[i], leader.pid);
	}
	check_case("");
	shim_close(leader.in);
	leader.in = -1;
	CHECK_EQ(end_of(&leader), 0);
	check_state(&before);
}

/* Of the first, which has ended in one of them, to all descendants of all. */
static void one_group_is_signalled_as_one(void)
{
	static const char *const texts[] = {
		"sleep 1000 & wait|sleep 1000 & exec sleep 1000",
		"exit 0|sleep 1000 & wait",
	};
	struct state before = state_now();

	for (int i = 0; i < 2; i++) {
		struct shim_spawn_pipeline p =
			make(texts[i], SHIM_SPAWN_ONE_GROUP);

		check_case(texts[i]);
		CHECK_FATAL(shim_spawn_pipeline_start(&p) == 0);
		if (i)
			await_end(&children[0]);
		CHECK_EQ(children[0].group, children[0].pid);
		CHECK_EQ(shim_spawn_kill_group(&children[1], SHIM_SIGKILL),
			 -SHIM_EINVAL);
		CHECK_EQ(shim_spawn_kill_group(&children[0], SHIM_SIGKILL), 0);
		CHECK(is_deserted(children[1].out));
		CHECK_EQ(shim_spawn_pipeline_wait(&p, NULL), 0);
		CHECK_EQ(status_in(&infos[0]), i ? 0 : 137);
		CHECK_EQ(status_in(&infos[1]), 137);
		shim_spawn_pipeline_close(&p);
		check_state(&before);
	}
	check_case("");
}

/* Neither a pipe nor a pidfd, of this program or of another. */
static void what_is_closed_is_not_the_pipelines(void)
{
	enum { NR = 3, FDS = 9, VARIANTS = 4 };
	struct state before = state_now();
	struct shim_spawn_pipeline p;

	for (int i = 0; i < NR * FDS * VARIANTS; i++) {
		const int fd = 3 + i / NR % FDS, variant = i / (NR * FDS);
		const struct shim_spawn_fd moves[] = { { fd, 50 },
						       { fd + 1, 51 } };
		const size_t which = (size_t)i % NR;

		if (shim_fcntl(fd, SHIM_F_GETFD, 0) >= 0 ||
		    shim_fcntl(fd + 1, SHIM_F_GETFD, 0) >= 0)
			continue;
		p = make("true|true|true", 0);
		options[which].fds = moves;
		options[which].nr_fds = 1;
		for (size_t j = 0; variant & 1 && j < NR; j++)
			options[j].flags |= SHIM_SPAWN_ERR;
		/* What is moved for one is not where the first looks. */
		if (variant & 2 && which) {
			options[0].fds = &moves[1];
			options[0].nr_fds = 1;
		}
		CHECK_FATAL(shim_spawn_pipeline_start(&p) == -SHIM_EBADF);
		CHECK_EQ(p.failed, (variant & 2) ? 0 : which);
		CHECK(same(children[p.failed].failed, "dup3"));
		check_state(&before);
	}
}

static void mistakes_in_pipelines_start_nothing(void)
{
	const struct shim_timespec wrong = { 0, 1000000000 };
	struct state before = state_now();
	struct shim_spawn_pipeline p = make("cat|cat|cat", 0);

	p.nr = 0;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK_EQ(shim_spawn_pipeline_wait(&p, &wrong), -SHIM_EINVAL);
	p = make("cat|cat|cat", 2);
	children[0].pid = children[2].pid = 1;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK(same(children[p.failed].failed, "options: pipeline"));
	CHECK_EQ(children[0].pid, -1);
	CHECK_EQ(children[2].pid, -1);
	p = make("cat|cat|cat", 0);
	children[0].pid = children[2].pid = 1;
	CHECK_EQ(shim_spawn_pipeline_run(&p, &wrong), -SHIM_EINVAL);
	CHECK(same(children[p.failed].failed, "options: timeout"));
	CHECK_EQ(children[0].pid, -1);
	CHECK_EQ(children[2].pid, -1);
	p.failed = 2;
	children[0].failed = NULL;
	CHECK_EQ(shim_spawn_pipeline_wait(&p, &wrong), -SHIM_EINVAL);
	CHECK_EQ(p.failed, 0);
	CHECK(same(children[0].failed, "options: timeout"));
	p = make("cat|cat|cat", 0);
	options[1].flags |= SHIM_SPAWN_IN;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK_EQ(p.failed, 1);
	CHECK(same(children[1].failed, "options: pipeline"));
	p = make("cat|cat|cat", 0);
	options[0].flags |= SHIM_SPAWN_OUT;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK_EQ(p.failed, 0);
	p = make("cat|cat|cat", SHIM_SPAWN_ONE_GROUP);
	options[2].flags |= SHIM_SPAWN_SETSID;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK_EQ(p.failed, 2);
	/* The start of the program finds the rest. */
	p = make("cat|cat|cat", 0);
	options[2].nice = 20;
	options[2].flags |= SHIM_SPAWN_NICE;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK_EQ(p.failed, 2);
	CHECK(same(children[2].failed, "options: nice"));
	p = make("cat|cat|cat", 0);
	p.size = 100;
	CHECK_EQ(shim_spawn_pipeline_start(&p), -SHIM_EINVAL);
	CHECK(same(children[0].failed, "options: memory"));
	check_state(&before);
}

static const struct check_test spawn_pipeline_tests[] = {
	{ "pipelines_are_as_the_table_says", pipelines_are_as_the_table_says },
	{ "captures_are_as_the_table_says", captures_are_as_the_table_says },
	{ "groups_are_as_the_table_says", groups_are_as_the_table_says },
	{ "one_group_is_signalled_as_one", one_group_is_signalled_as_one },
	{ "what_is_closed_is_not_the_pipelines",
	  what_is_closed_is_not_the_pipelines },
	{ "mistakes_in_pipelines_start_nothing",
	  mistakes_in_pipelines_start_nothing },
};

CHECK_MAIN(spawn_pipeline, spawn_pipeline_tests)
