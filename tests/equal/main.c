/* SPDX-License-Identifier: MIT */
/*
 * equal C-CALLER GO-CALLER: what the kernel sees from C and from Go. Each
 * wrapper is called with a value or memory of its own in every argument. No
 * call is made: this program sees it, compares it with the specification, and
 * answers in the kernel's place; then it looks at what the wrapper returned.
 *
 * equal --list c | go: the functions that are called, or proven otherwise.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "compare.h"
#include "plan.h"
#include "watch.h"
#include "ztable.h"

/* To hold a call. */
enum { MOST_TRIES = 100 };

enum { NR_CALLS = sizeof(spec) / sizeof(spec[0]) };

/* What no supervisor can prove, and what does. */
static const struct {
	const char *name, *proof;
	enum language language;
} elsewhere[] = {
	{ "exit", "tests/sys_fault.c: exit_does_not_return", C },
	{ "exit_group", "tests/sys_fault.c: exit_does_not_return", C },
	{ "syscall", "tests/asm.c; every C wrapper calls it", C },
	{ "clone", "tests/asm.c: its child runs on a stack of its own", C },
	{ "spawn_child", "tests/spawn_step.c: it makes a child", C },
	{ "vfork", "tests/asm.c: its child returns before it", C },
	{ "rt_sigreturn", "tests/asm.c: a signal handler returns to it", C },
	{ "Setuid", "gobind/sys/identity_linux_test.go: all threads call it",
	  GO },
	{ "Setgid", "gobind/sys/identity_linux_test.go", GO },
	{ "Setreuid", "gobind/sys/identity_linux_test.go", GO },
	{ "Setregid", "gobind/sys/identity_linux_test.go", GO },
	{ "Setresuid", "gobind/sys/identity_linux_test.go", GO },
	{ "Setresgid", "gobind/sys/identity_linux_test.go", GO },
	{ "Setgroups", "gobind/sys/identity_linux_test.go", GO },
	{ "Getgroups", "gobind/sys/identity_linux_test.go: it makes two calls",
	  GO },
	{ "SysvShmAttach", "gobind/sys/shm_linux_test.go: it makes two calls",
	  GO },
	{ "SysvShmDetach", "gobind/sys/shm_linux_test.go", GO },
	{ "KeyctlString", "gobind/sys/keyctl_linux_test.go: it may repeat",
	  GO },
	{ "PtracePeekText", "gobind/sys/ptrace_linux_test.go: several calls",
	  GO },
	{ "PtracePeekData", "gobind/sys/ptrace_linux_test.go", GO },
	{ "PtracePeekUser", "gobind/sys/ptrace_linux_test.go", GO },
	{ "PtracePokeText", "gobind/sys/ptrace_linux_test.go", GO },
	{ "PtracePokeData", "gobind/sys/ptrace_linux_test.go", GO },
	{ "PtracePokeUser", "gobind/sys/ptrace_linux_test.go", GO },
	{ "Time", "gobind/sys/time_linux_test.go: it reads the vDSO", GO },
	{ "MakeItimerval", "gobind/sys/time_linux_test.go; makes no call", GO },
	{ "NewFileHandle", "gobind/sys/path_linux_test.go; makes no call", GO },
	{ "ClockGettime", "gobind/sys/vdso_linux_test.go: it reads the vDSO",
	  GO },
	{ "Getrandom", "gobind/sys/vdso_linux_test.go: it reads the vDSO", GO },
	{ "RaceAcquire", "gobind/sys/race_linux_test.go; makes no call", GO },
	{ "RaceRelease", "gobind/sys/race_linux_test.go; makes no call", GO },
};

enum { NR_ELSEWHERE = sizeof(elsewhere) / sizeof(elsewhere[0]) };

static const char *const language_names[] = { "c", "go" };
static const char *const variant_names[] = { "wide", "exact", "null",
					     "inner NUL", "held" };

/* One call of a function: the mechanical form, or one written by hand. */
struct job {
	int form; /* of nr_forms */
	int answer;
	enum variant variant;
	const struct call *call;
	const struct hand *hand; /* or NULL */
	const char *name;
};

/* A run of one language. */
struct run {
	enum language language;
	const char *only; /* the one function to call, or NULL */
	struct watch watch;
	struct job job;
	bool planned;
	struct plan plan;
	uint32_t thread;
	uint64_t site; /* where the caller enters the kernel */
	uint64_t frame;
	int seen;  /* calls for this plan */
	bool bad;  /* this function, with this answer */
	int again; /* the same case, for it could not be held */
	bool holding;
	struct seccomp_notif call; /* that is held */
	int64_t deadline;
	int passed, failed, skipped, held;
};

static void fail(struct run *r, const char *why)
{
	if (!r->bad)
		printf("FAIL equal/%s/%s (%s, answer %lld): %s\n",
		       language_names[r->language], r->plan.name,
		       variant_names[r->plan.variant],
		       (long long)r->plan.answer, why);
	r->bad = true;
}

/* Which function a form is: those of the calls come first, then by hand. */
static bool find_form(const struct run *r, struct job *j)
{
	j->hand = NULL;
	if (j->form < NR_CALLS) {
		j->call = &spec[j->form];
		j->name = r->language == GO	 ? j->call->go
			  : j->call->c == CALLED ? j->call->name
						 : NULL;
	} else {
		j->hand = hand_at(j->form - NR_CALLS);
		j->call = spec;
		while (strcmp(j->call->name, j->hand->call) != 0)
			j->call++;
		j->name = r->language == GO ? j->hand->name : NULL;
	}
	return j->name &&
	       (j->call->nr[cpu] >= 0 ||
		(r->language == GO && j->call->nr_twin)) &&
	       (!r->only || !strcmp(r->only, j->name));
}

static bool has_string(const struct call *call)
{
	for (int i = 0; i < call->nr_args; i++)
		if (call->args[i].kind == STRING)
			return true;
	return false;
}

static bool has_variant(const struct run *r, const struct job *j)
{
	if (j->variant == INNER_NUL)
		return r->language == GO && has_string(j->call);
	if (j->variant == HELD)
		return r->language == GO && j->answer == 0 &&
		       !(j->hand && j->hand->not_held);
	return true;
}

static void count(struct run *r)
{
	if (r->bad)
		r->failed++;
	else
		r->passed++;
	r->bad = false;
}

/* The job after this one; false when there is none. */
static bool advance(struct run *r)
{
	struct job *j = &r->job;

	for (;;) {
		if (++j->variant == NR_VARIANTS) {
			if (r->planned)
				count(r);
			j->variant = WIDE;
			j->answer++;
		}
		if (j->answer == nr_answers) {
			j->answer = 0;
			do {
				if (++j->form >= NR_CALLS &&
				    !hand_at(j->form - NR_CALLS))
					return false;
			} while (!find_form(r, j));
		}
		if (has_variant(r, j))
			return true;
	}
}

static int next_plan(struct run *r, const struct seccomp_notif *mark)
{
	struct plan *p = &r->plan;
	int err;

	if (!r->again && !advance(r)) {
		r->planned = false;
		return watch_answer(&r->watch, mark, 0);
	}
	plan_init(p, r->job.call, r->language, r->job.variant,
		  answers[r->job.answer]);
	p->name = r->job.name;
	if (r->job.hand)
		r->job.hand->adapt(p);
	strcpy(p->frame.name, p->name);
	r->planned = true;
	r->seen = 0;
	err = watch_write(&r->watch, mark, r->frame, &p->frame,
			  sizeof(p->frame));
	return err ? err : watch_answer(&r->watch, mark, 1);
}

/* The caller has made its case, and wants another. */
static int on_mark(struct run *r, const struct seccomp_notif *mark)
{
	char why[WHY_SIZE];

	r->thread = mark->pid;
	r->site = mark->data.instruction_pointer;
	r->frame = mark->data.args[1];
	if (r->planned) {
		if (!compare_result(&r->watch, mark, &r->plan, why))
			fail(r, why);
		if (!r->seen && !r->plan.no_call)
			fail(r, "no call arrives in the kernel");
	}
	return next_plan(r, mark);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int read_ticked(struct run *r, const struct seccomp_notif *call,
		       uint64_t *ticked)
{
	return watch_read(&r->watch, call,
			  r->frame + offsetof(struct frame, ticked), ticked,
			  sizeof(*ticked));
}

/*
 * The Go caller has one processor, which a call that may wait must let go of:
 * then another goroutine runs, and sets ticked. A call that never waits keeps
 * it, for that costs less. Until then the other threads' calls are served. When
 * the scheduler ran the other goroutine too early, the case is made again.
 */
static int hold(struct run *r, const struct seccomp_notif *call)
{
	uint64_t ticked = 0;
	int err = read_ticked(r, call, &ticked);

	if (err)
		return err;
	if (ticked && r->again++ < MOST_TRIES)
		return watch_answer(&r->watch, call, r->plan.answer);
	r->again = 0;
	r->holding = true;
	r->call = *call;
	r->deadline = now_ms() + (r->job.call->blocks ? 3000 : 20);
	return 0;
}

/* The call that is held is answered when ticked is set, or at last. */
static int look_at_held(struct run *r)
{
	const bool blocks = r->job.call->blocks;
	uint64_t ticked = 0;
	int err = read_ticked(r, &r->call, &ticked);

	if (!err && !ticked && now_ms() < r->deadline)
		return 0;
	r->holding = false;
	r->held++;
	if (err)
		fail(r, "the frame cannot be read");
	else if (blocks && !ticked)
		fail(r, "it may wait, and stalls the other goroutines");
	else if (!blocks && ticked)
		fail(r, "it never waits, and yet gives its processor away");
	return watch_answer(&r->watch, &r->call, r->plan.answer);
}

static int on_call(struct run *r, const struct seccomp_notif *call)
{
	char why[WHY_SIZE];

	if (!r->planned || call->pid != r->thread ||
	    call->data.instruction_pointer != r->site)
		return watch_pass(&r->watch, call);
	if (call->data.nr == r->plan.before) {
		r->plan.before = -1;
		return watch_pass(&r->watch, call);
	}
	/* Who tries again after an error shall succeed. */
	if (r->seen++) {
		fail(r, "it makes more than one call");
		return watch_answer(&r->watch, call, 0);
	}
	if (!compare_call(&r->watch, call, &r->plan, why))
		fail(r, why);
	if (r->plan.variant == HELD && !r->bad)
		return hold(r, call);
	return watch_answer(&r->watch, call, r->plan.answer);
}

/* Nothing more will come: what is left has failed. */
static void give_up(struct run *r, const char *why)
{
	if (r->watch.pid > 0)
		kill(r->watch.pid, SIGKILL);
	if (!r->planned)
		r->plan.name = "all";
	fail(r, why);
	if (!r->planned) {
		count(r);
		return;
	}
	while (advance(r))
		r->bad = true;
}

static void finish(struct run *r, int err)
{
	const int status = r->watch.status;
	char why[WHY_SIZE];

	if (err)
		snprintf(why, sizeof(why), "%s",
			 err == -ETIMEDOUT ? "the caller makes no call"
					   : strerror(-err));
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "the caller dies of signal %d",
			 WTERMSIG(status));
	else
		snprintf(why, sizeof(why), "the caller ends with status %d",
			 WEXITSTATUS(status));
	if (err || status || r->planned || r->job.form < NR_CALLS)
		give_up(r, why);
}

/* Until the caller ends: 0, or -errno. */
static int serve(struct run *r)
{
	enum { SHORT_MS = 1, LONG_MS = 20000 };
	struct seccomp_notif call;

	for (;;) {
		int err = watch_next(&r->watch, &call,
				     r->holding ? SHORT_MS : LONG_MS);

		if (err == 0 || (err < 0 && !r->holding))
			return err;
		if (err > 0 && call.data.nr == MARK &&
		    call.data.args[0] == MAGIC)
			err = on_mark(r, &call);
		else if (err > 0)
			err = on_call(r, &call);
		if (r->holding)
			err = look_at_held(r);
		/* It waits no more: after a signal it will call again. */
		if (err < 0 && err != -ENOENT)
			return err;
	}
}

static void run(struct run *r, char *caller)
{
	char *const argv[] = { caller, NULL };
	int err;

	r->job = (struct job){ .form = -1,
			       .answer = nr_answers - 1,
			       .variant = NR_VARIANTS - 1 };
	err = watch_start(&r->watch, argv);
	if (err) {
		printf("skip equal/%s: no supervisor on this kernel: %s\n",
		       language_names[r->language], strerror(-err));
		r->skipped++;
		return;
	}
	err = serve(r);
	finish(r, err);
}

static bool in_hands(const char *name)
{
	for (int i = 0; hand_at(i); i++)
		if (strcmp(hand_at(i)->name, name) == 0)
			return true;
	return false;
}

static bool is_elsewhere(const char *name, enum language language)
{
	for (int i = 0; i < NR_ELSEWHERE; i++)
		if (elsewhere[i].language == language &&
		    strcmp(elsewhere[i].name, name) == 0)
			return true;
	return false;
}

/* Every call has what its policies want; returns how many have not. */
static int check_policies(void)
{
	int failed = 0;

	for (int i = 0; i < NR_CALLS; i++) {
		const struct call *call = &spec[i];

		if (call->c == ELSEWHERE && !is_elsewhere(call->name, C)) {
			printf("FAIL equal/c/%s: no case calls it\n",
			       call->name);
			failed++;
		}
		if (call->hand && !in_hands(call->hand) &&
		    !is_elsewhere(call->hand, GO)) {
			printf("FAIL equal/go/%s: no case calls it\n",
			       call->hand);
			failed++;
		}
	}
	return failed;
}

static int nr_supervised(void)
{
	int n = 0;

	for (int i = 0; i < NR_CALLS; i++)
		n += spec[i].nr[cpu] >= 0 &&
		     (spec[i].c == CALLED || spec[i].go || spec[i].hand);
	return n;
}

static int list(enum language language)
{
	const char *lead = language == C ? "shim_" : "";

	for (int i = 0; i < NR_CALLS; i++) {
		if (language == C && spec[i].c == CALLED &&
		    spec[i].nr[cpu] >= 0)
			printf("shim_%s\n", spec[i].name);
		if (language == GO && spec[i].go)
			printf("%s\n", spec[i].go);
	}
	for (int i = 0; hand_at(i) && language == GO; i++)
		printf("%.*s\n", (int)strcspn(hand_at(i)->name, "/"),
		       hand_at(i)->name);
	for (int i = 0; i < NR_ELSEWHERE; i++)
		if (elsewhere[i].language == language)
			printf("%s%s\n", lead, elsewhere[i].name);
	return 0;
}

static int usage(void)
{
	fputs("usage: equal C-CALLER GO-CALLER [FUNCTION]\n"
	      "       equal --list c | go\n",
	      stderr);
	return 2;
}

/* One processor: see hold(). The rest keeps Go's runtime quiet. */
static void set_environment(void)
{
	setenv("GOMAXPROCS", "1", 1);
	setenv("GOGC", "off", 1);
	/* Before 5.19 a signal takes a call back. Answers are no pointers. */
	setenv("GODEBUG", "asyncpreemptoff=1,invalidptr=0", 1);
}

int main(int argc, char **argv)
{
	int passed = 0, failed, skipped = 0, held = 0;

	if (argc == 3 && !strcmp(argv[1], "--list"))
		return list(strcmp(argv[2], "go") ? C : GO);
	if (argc != 3 && argc != 4)
		return usage();
	failed = check_policies();
	set_environment();
	for (int i = 0; i < NR_ELSEWHERE; i++)
		printf("elsewhere equal/%s/%s: %s\n",
		       language_names[elsewhere[i].language], elsewhere[i].name,
		       elsewhere[i].proof);
	for (int language = C; language < NR_LANGUAGES; language++) {
		struct run r = { .language = (enum language)language,
				 .only = argv[3] };

		run(&r, argv[1 + language]);
		if (!r.failed && !r.skipped)
			printf("ok equal/%s: all %d\n",
			       language_names[language], r.passed);
		passed += r.passed;
		failed += r.failed;
		held += r.held;
		skipped += r.skipped;
	}
	printf("%d functions of Go held in the kernel, for their class\n",
	       held);
	printf("%d calls x %d answers x %d languages: %d passed, %d failed\n",
	       nr_supervised(), nr_answers, NR_LANGUAGES, passed, failed);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}
