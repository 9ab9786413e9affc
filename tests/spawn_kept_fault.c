/* SPDX-License-Identifier: MIT */
/*
 * A child that cannot be killed, because it is another user's by now or a
 * filter forbids it, holds nobody up, and is not lost: it is the caller's to
 * wait for. This program is the kernel for the parent's calls.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn_pipe.h>

#include "check.h"
#include "spawn_kernel.h"
#include "spawn_util.h"
#include "zspawn_fault_tab.h"

enum { STAGES_MAX = 3, TEXT_MAX = 64, USER = 1234 };

static const struct world no_right = { "kill", KILL, -SHIM_EPERM };

static char texts[STAGES_MAX][TEXT_MAX];
static char *argvs[STAGES_MAX][4];
static struct shim_spawn_options options[STAGES_MAX];
static struct shim_spawn children[STAGES_MAX];
static struct shim_siginfo infos[STAGES_MAX];

/* Cuts the text at each '|'. Returns how many stages there are. */
static size_t cut(const char *text)
{
	size_t nr = 0, n = 0;

	for (;; text++) {
		if (*text && *text != '|') {
			texts[nr][n++] = *text;
			continue;
		}
		texts[nr++][n] = '\0';
		n = 0;
		if (!*text || nr == STAGES_MAX)
			return nr;
	}
}

/* The pipeline of these stages: strings for the shell, or paths. */
static struct shim_spawn_pipeline make(const char *stages, int group)
{
	struct shim_spawn_pipeline p = {
		.options = options,
		.children = children,
		.infos = infos,
		.nr = cut(stages),
		.memory = memory,
		.size = sizeof(memory),
		.flags = group ? SHIM_SPAWN_ONE_GROUP : 0,
	};

	for (size_t i = 0; i < p.nr; i++) {
		char **argv = argvs[i];

		argv[0] = (char *)"sh";
		argv[1] = (char *)"-c";
		argv[2] = texts[i];
		argv[3] = NULL;
		options[i] = (struct shim_spawn_options){
			.path = texts[i][0] == '/' ? texts[i] : "/bin/sh",
			.argv = argv,
			.envp = check_envp,
			.flags = SHIM_SPAWN_ERR | (i ? 0 : SHIM_SPAWN_IN),
		};
	}
	return p;
}

/* It runs, and is the caller's, without pipes. */
static void check_left(const struct shim_spawn *child, int has_pidfd)
{
	CHECK(child->pid > 0);
	CHECK(!child->waited);
	CHECK_EQ(child->pidfd >= 0, has_pidfd);
	CHECK_EQ(child->in, -1);
	CHECK_EQ(child->out, -1);
	CHECK_EQ(child->err, -1);
	CHECK(child->failed && same(child->failed, "kill"));
}

/* Whether children have pidfds here. */
static int has_pidfds(void)
{
	struct shim_spawn child;
	struct part p;
	int has;

	play(&p, "", NULL, 0);
	p.options.path = "/bin/true";
	CHECK_EQ(start(&child, &p), 0);
	has = child.pidfd >= 0;
	CHECK_EQ(end_of(&child), 0);
	return has;
}

/* The end of one that was left: its status, or 1000 and the signal. */
static int end_of_left(struct shim_spawn *child, int ends)
{
	if (!ends)
		CHECK_EQ(shim_spawn_kill(child, SHIM_SIGKILL), 0);
	return end_of(child);
}

static void start_row(const struct spawn_kept *row)
{
	struct shim_spawn_pipeline p = make(row->stages, (int)row->group);
	const int has_pidfd = has_pidfds();

	world = &no_right;
	group_gets = row->group_gets;
	CHECK_EQ(shim_spawn_pipeline_start(&p), row->want);
	world = worlds;
	CHECK_EQ(p.failed, row->failed - 1);
	for (size_t i = 0; i < p.nr; i++) {
		if (i >= (size_t)row->left) {
			CHECK_EQ(children[i].pid, -1);
			CHECK_EQ(children[i].pidfd, -1);
			continue;
		}
		check_left(&children[i], has_pidfd);
		CHECK_EQ(end_of_left(&children[i], (int)row->ends),
			 row->ends ? 0 : 1000 + SHIM_SIGKILL);
	}
}

static void a_start_leaves_what_it_cannot_kill(void)
{
	const size_t nr = sizeof(spawn_kept) / sizeof(spawn_kept[0]);
	struct state before = state_now();

	for (size_t i = 0; i < nr; i++) {
		check_case(spawn_kept[i].case_);
		start_row(&spawn_kept[i]);
		check_state(&before);
	}
	check_case("");
}

/* Become somebody who may change users, and not kill those of others. */
static long become_a_user(void)
{
	const uint32_t may = 1U << SHIM_CAP_SETUID | 1U << SHIM_CAP_SETGID;
	struct shim_user_cap_header header = {
		.version = SHIM__LINUX_CAPABILITY_VERSION_3,
	};
	const struct shim_user_cap_data caps[2] = { { may, may, 0 } };
	long err = shim_prctl(SHIM_PR_SET_KEEPCAPS, 1, 0, 0, 0);

	if (!err)
		err = shim_setresuid(USER, USER, USER);
	if (!err)
		err = shim_capset(&header, caps);
	/* Its own files in /proc, where there is no close_range. */
	return err ? err : shim_prctl(SHIM_PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* The exit status says what was wrong: 0 is nothing. */
static int start_beside_another_user(void *arg)
{
	struct shim_spawn_pipeline p = make("read x; exit 3|/nosuch", 0);

	(void)arg;
	options[0].flags |= SHIM_SPAWN_SETUID;
	options[0].uid = USER + 1;
	if (become_a_user())
		return 1;
	if (shim_spawn_pipeline_start(&p) != -SHIM_EPERM || p.failed)
		return 2;
	if (children[0].pid < 0 || children[0].waited)
		return 3;
	/* Without its input it ends by itself. */
	return end_of(&children[0]) == 3 ? 0 : 4;
}

static void a_program_of_another_user_is_left(void)
{
	if (shim_geteuid())
		SKIP("only root can change users");
	CHECK_EQ(result_in_copy(start_beside_another_user, NULL), 0);
}

/* The signal has reached others of the group. */
static void a_group_that_is_killed_but_for_its_leader_is_not(void)
{
	struct state before = state_now();
	struct shim_spawn_pipeline p = make("exec sleep 1000", 1);

	CHECK_FATAL(shim_spawn_pipeline_start(&p) == 0);
	world = &no_right;
	group_gets = 0;
	CHECK_EQ(shim_spawn_pipeline_kill(&p, SHIM_SIGKILL), -SHIM_EPERM);
	CHECK_EQ(shim_spawn_pipeline_kill(&p, SHIM_SIGTERM), 0);
	world = worlds;
	CHECK_EQ(end_of_left(&children[0], 0), 1000 + SHIM_SIGKILL);
	check_state(&before);
}

static void await_second(void)
{
	real_syscall(SHIM_NR_waitid, SHIM_P_PID, children[1].pid, 0,
		     SHIM_WEXITED | SHIM_WNOWAIT, 0, 0);
}

/* Who may not kill one is told so even when that has ended, as the second. */
static void a_run_waits_for_those_that_have_ended_and_leaves_the_rest(void)
{
	const struct shim_timespec timeout = { 0, 50000000 };
	struct state before = state_now();
	const int has_pidfd = has_pidfds();
	struct shim_spawn_pipeline p =
		make("exec sleep 1000|exit 3|exec sleep 1000", 0);

	world = &no_right;
	group_gets = -SHIM_EPERM;
	before_refusal = await_second;
	CHECK_EQ(shim_spawn_pipeline_run(&p, &timeout), -SHIM_EPERM);
	before_refusal = NULL;
	world = worlds;
	CHECK_EQ(p.failed, 0);
	for (int i = 0; i < 3; i += 2) {
		check_left(&children[i], has_pidfd);
		CHECK_EQ(end_of_left(&children[i], 0), 1000 + SHIM_SIGKILL);
	}
	CHECK(children[1].waited);
	CHECK_EQ(children[1].pidfd, -1);
	CHECK_EQ(infos[1].si_code, SHIM_CLD_EXITED);
	CHECK_EQ(infos[1].status, 3);
	check_state(&before);
}

/* The first call with this number fails when a program starts that reads its
 * input to the end. Returns the error. */
static int start_without(const struct world *w, long nr,
			 struct shim_spawn *child)
{
	static char *const argv[] = { (char *)"cat", NULL };
	const struct shim_spawn_options o = {
		.path = "/bin/cat",
		.argv = argv,
		.flags = SHIM_SPAWN_IN,
	};
	int err = 0;

	world = w;
	for (int n = 0; n < 200; n++) {
		fail_call(n, -SHIM_ENOSYS);
		err = shim_spawn_start(child, &o, memory, sizeof(memory));
		fault.at = NEVER;
		if (fault.nr == nr || fault.nr < 0)
			break;
		if (child->in >= 0)
			shim_close(child->in);
		child->in = -1;
		if (child->pid > 0)
			end_of(child);
	}
	world = worlds;
	CHECK_EQ(fault.nr, nr);
	return err;
}

/* Its pipes are closed, and its pidfd is not. */
static void a_child_that_may_not_be_waited_for_is_left(void)
{
	static const struct world copy = { "", KILL | CLONE3 | SHARING,
					   -SHIM_EPERM };
	const int has_pidfd = has_pidfds();
	struct state before = state_now();
	struct shim_spawn child;

	CHECK_EQ(start_without(&copy, SHIM_NR_read, &child), -SHIM_ENOSYS);
	CHECK(child.failed && same(child.failed, "read"));
	CHECK(child.pid > 0);
	CHECK_EQ(child.in, -1);
	CHECK_EQ(child.pidfd >= 0, has_pidfd);
	CHECK_EQ(end_of(&child), 0);
	shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before.mask, NULL);
	check_state(&before);
}

static uint32_t held;

static void let_go(void)
{
	__atomic_store_n(&held, 0, __ATOMIC_SEQ_CST);
	real_syscall(SHIM_NR_futex, (long)&held, SHIM_FUTEX_WAKE, 1, 0, 0, 0);
}

/* Its memory is the parent's again. */
static void a_child_that_shares_the_memory_is_left_when_it_has_left(void)
{
	struct shim_spawn_step step = {
		SHIM_NR_futex,
		SHIM_SPAWN_STEP_IGNORE,
		{ (uint64_t)(uintptr_t)&held, SHIM_FUTEX_WAIT, 1 },
	};
	struct state before = state_now();
	struct shim_spawn_program program;
	struct shim_spawn child;

	NEEDS_SHARED_MEMORY();
	held = 1;
	shim_spawn_init(&child);
	shim_spawn_program_init(&program, &step, 1, memory, 1024);
	CHECK_FATAL(shim_spawn_launch(&child, &program) == 0);
	world = &no_right;
	before_refusal = let_go;
	fail_call(0, -SHIM_ENOSYS);
	CHECK_EQ(shim_spawn_join(&child, &program), -SHIM_ENOSYS);
	fault.at = NEVER;
	before_refusal = NULL;
	world = worlds;
	CHECK_EQ(fault.nr, SHIM_NR_futex);
	CHECK(same(child.failed, "futex"));
	CHECK_EQ(program.tid, 0);
	if (child.pid > 0)
		CHECK_EQ(end_of(&child), 0);
	check_state(&before);
}

static void a_child_that_waits_is_let_go(void)
{
	static const struct world rows[] = {
		{ "shared", KILL | CLOSE_RANGE, -SHIM_EPERM },
		{ "copy", KILL | CLOSE_RANGE | CLONE3 | SHARING, -SHIM_EPERM },
	};
	struct state before = state_now();

	for (int i = 0; i < 2; i++) {
		struct shim_spawn child;

		check_case(rows[i].name);
		CHECK_EQ(start_without(&rows[i], SHIM_NR_getdents64, &child),
			 -SHIM_EPERM);
		CHECK(child.failed && same(child.failed, "close_range"));
		CHECK_EQ(child.pid, -1);
		shim_rt_sigprocmask(SHIM_SIG_SETMASK, &before.mask, NULL);
		check_state(&before);
	}
	check_case("");
}

static const struct check_test spawn_kept_fault_tests[] = {
	{ "a_start_leaves_what_it_cannot_kill",
	  a_start_leaves_what_it_cannot_kill },
	{ "a_program_of_another_user_is_left",
	  a_program_of_another_user_is_left },
	{ "a_group_that_is_killed_but_for_its_leader_is_not",
	  a_group_that_is_killed_but_for_its_leader_is_not },
	{ "a_run_waits_for_those_that_have_ended_and_leaves_the_rest",
	  a_run_waits_for_those_that_have_ended_and_leaves_the_rest },
	{ "a_child_that_may_not_be_waited_for_is_left",
	  a_child_that_may_not_be_waited_for_is_left },
	{ "a_child_that_shares_the_memory_is_left_when_it_has_left",
	  a_child_that_shares_the_memory_is_left_when_it_has_left },
	{ "a_child_that_waits_is_let_go", a_child_that_waits_is_let_go },
};

CHECK_MAIN(spawn_kept_fault, spawn_kept_fault_tests)
