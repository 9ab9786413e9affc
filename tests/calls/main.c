/* SPDX-License-Identifier: MIT */
/*
 * shim-calls: the system calls of a program as the kernel sees them, and how
 * those of two programs differ. shim/man/shim-calls.1 describes it.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "origin.h"

enum { SAME = 0, DIFFER = 1, FAILED = 2, NOT_EXECUTED = 127 };

static struct {
	bool compare, all, unordered;
	const char *without; /* names with commas, or NULL */
	FILE *to;
} options;

struct run {
	char **argv;
	struct watch watch;
	struct processes processes;
	struct record **v;
	size_t n;
	long left_out;
	bool guessed; /* a Go program without symbols was seen */
	int unread;
};

/* The program that runs, for the signal handler. */
static struct watch *volatile running;

static const char usage[] =
	"usage: shim-calls [-a] [-o FILE] [-x CALLS] PROGRAM [ARGUMENT...]\n"
	"       shim-calls -c [-au] [-o FILE] [-x CALLS]\n"
	"                  PROGRAM [ARGUMENT...] -- PROGRAM [ARGUMENT...]\n"
	"Prints the system calls of a program, or how those of two differ.\n"
	"  -c, --compare      run both, show the calls that differ\n"
	"  -u, --unordered    with -c: the order of calls does not count\n"
	"  -a, --all          the calls of Go's runtime, libc and ld.so, too\n"
	"  -o, --output FILE  print to FILE, not to the standard error\n"
	"  -x, --without CALLS  leave out these, as \"fstat,lseek\"\n"
	"  -h, --help         this text\n"
	"Exit status: the program's; with -c 0 if the calls are the same, 1 if\n"
	"they differ, 2 after an error. shim-calls(1) says what is left out.\n";

static int fail(const char *what, int err)
{
	fprintf(stderr, "shim-calls: %s: %s\n", what, strerror(err));
	return FAILED;
}

/* A terminal gives its signals to the program, too. */
static void forward(int sig, siginfo_t *info, void *unused)
{
	const struct watch *w = running;

	(void)unused;
	if (!w || w->pidfd < 0)
		_exit(128 + sig);
	if (info->si_code <= 0)
		kill(w->pid, sig);
}

static void forward_signals(void)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct sigaction action = {
		.sa_flags = SA_SIGINFO,
	};

	action.sa_sigaction = forward;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, name, n) == 0 && (list[n] == ',' || !list[n]))
			return true;
	}
	return false;
}

static void keep(struct run *run, struct record *r)
{
	run->v = realloc(run->v, (run->n + 1) * sizeof(struct record *));
	if (!run->v)
		abort();
	run->v[run->n++] = r;
}

static void print(const struct record *r)
{
	static const char *const whose[] = {
		[LOADER] = "ld.so",	  [START] = "start-up",
		[RUNTIME] = "Go runtime", [LISTED] = "by name",
		[GUESSED] = "by name",
	};

	fprintf(options.to, "%d ", r->thread);
	record_print(r, options.to);
	if (r->from != PROGRAM)
		fprintf(options.to, "\t[%s]", whose[r->from]);
	putc('\n', options.to);
	fflush(options.to);
}

static void discard(struct record *r)
{
	record_exit(r);
	free(r);
}

/* A call that waits. */
static void take(struct run *run, const struct seccomp_notif *call)
{
	struct process *p = process_of(&run->processes, (pid_t)call->pid);
	struct record *r;

	if (!p || p->is_copy)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	record_init(r, &run->watch, call, p, &run->unread);
	r->from = origin_of(&run->watch, call, p, r);
	/* Another thread has ended the process: the call is not made. */
	if (!watch_waits(&run->watch, call))
		return discard(r);
	p->exec = strncmp(r->name, "execve", 6) == 0;
	run->guessed = run->guessed || r->from == GUESSED;
	if ((r->from == PROGRAM || options.all) &&
	    !in_list(options.without, r->name)) {
		if (options.compare)
			return keep(run, r);
		print(r);
	} else {
		run->left_out++;
	}
	discard(r);
}

static int begin(struct run *run)
{
	int err = watch_start(&run->watch, run->argv);

	if (!err) {
		run->watch.whole = true;
		running = &run->watch;
		return 0;
	}
	fprintf(stderr,
		"shim-calls: no seccomp user notification here: %s\n"
		"It needs Linux 5.0, and a container whose seccomp profile "
		"allows seccomp(2);\nit cannot run under itself.\n",
		strerror(-err));
	return FAILED;
}

/* What cannot be told well, said once. */
static void warn(const struct run *run)
{
	if (run->guessed)
		fprintf(stderr,
			"shim-calls: %s: a Go program without symbols (-s): its "
			"runtime's calls are told by name\n",
			run->argv[0]);
	if (run->unread)
		fprintf(stderr,
			"shim-calls: %s: memory is not shown nor compared: %s\n",
			run->argv[0], strerror(-run->unread));
}

/* Returns 0, or an exit status after a message. */
static int watch(struct run *run)
{
	struct seccomp_notif call;
	int err;

	processes_init(&run->processes);
	err = begin(run);
	if (err)
		return err;
	while ((err = watch_next(&run->watch, &call, -1)) > 0) {
		take(run, &call);
		err = watch_pass(&run->watch, &call);
		if (err)
			break;
	}
	running = NULL;
	processes_exit(&run->processes);
	if (err) {
		if (run->watch.pid > 0)
			kill(run->watch.pid, SIGKILL);
		return fail(run->argv[0], -err);
	}
	if (run->watch.error) {
		fail(run->argv[0], run->watch.error);
		return NOT_EXECUTED;
	}
	warn(run);
	return 0;
}

static void print_end(FILE *to, int status)
{
	if (WIFSIGNALED(status))
		fprintf(to, "killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(to, "exit status %d", WEXITSTATUS(status));
}

static int end_like(int status)
{
	const struct rlimit none = { 0, 0 };

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}

static int show(char **argv)
{
	struct run run = { .argv = argv };
	int err = watch(&run);

	if (err)
		return err;
	fputs("# ", options.to);
	print_end(options.to, run.watch.status);
	if (run.left_out)
		fprintf(options.to, "; %ld calls are left out (-a)",
			run.left_out);
	putc('\n', options.to);
	fflush(options.to);
	return end_like(run.watch.status);
}

static int by_content(const void *a, const void *b)
{
	return records_order(*(struct record *const *)a,
			     *(struct record *const *)b);
}

/* The calls of one process. A guess about one program goes for both. */
static struct sequence choose(const struct run *run, int process, bool guessed)
{
	struct sequence s = { calloc(run->n + 1, sizeof(*s.v)), 0 };

	if (!s.v)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		struct record *r = run->v[i];

		if (r->process != process ||
		    (guessed && !options.all && origin_guess(r->name)))
			continue;
		s.v[s.n++] = r;
	}
	if (options.unordered)
		qsort(s.v, s.n, sizeof(*s.v), by_content);
	return s;
}

static int nr_processes(const struct run *run)
{
	int nr = 0;

	for (size_t i = 0; i < run->n; i++)
		if (run->v[i]->process > nr)
			nr = run->v[i]->process;
	return nr;
}

static void forget(struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		discard(run->v[i]);
	free(run->v);
}

static void compare_ends(struct report *report, const struct run runs[2])
{
	static const char *const marks[] = { "- ", "+ " };

	if (runs[0].watch.status == runs[1].watch.status)
		return;
	report->differ++;
	for (int i = 0; i < 2; i++) {
		fputs(marks[i], report->to);
		print_end(report->to, runs[i].watch.status);
		putc('\n', report->to);
	}
}

static int compare_runs(const struct run runs[2])
{
	struct report report = { .to = options.to };
	bool guessed = runs[0].guessed || runs[1].guessed;
	int nr[2] = { nr_processes(&runs[0]), nr_processes(&runs[1]) };
	char title[32] = "";

	fprintf(options.to, "--- %s\n+++ %s\n", runs[0].argv[0],
		runs[1].argv[0]);
	for (int i = 1; i <= nr[0] || i <= nr[1]; i++) {
		struct sequence a = choose(&runs[0], i, guessed);
		struct sequence b = choose(&runs[1], i, guessed);

		if (i > 1)
			snprintf(title, sizeof(title), "@@ process %d @@\n", i);
		report.titled = false;
		diff_calls(&report, &a, &b, title);
		free(a.v);
		free(b.v);
	}
	compare_ends(&report, runs);
	fprintf(options.to,
		"# %ld calls are the same, %ld differ; left out: %ld and %ld\n",
		report.same, report.differ, runs[0].left_out, runs[1].left_out);
	if (!report.same && !report.differ)
		return fail("nothing was compared", ENODATA);
	return report.differ ? DIFFER : SAME;
}

static int compare(char **argv)
{
	struct run runs[2] = { { .argv = argv } };
	off_t start = lseek(STDIN_FILENO, 0, SEEK_CUR);
	char **second = argv;
	bool err = false;
	int status;

	while (*second && strcmp(*second, "--") != 0)
		second++;
	if (second == argv || !*second || !second[1]) {
		fputs(usage, stderr);
		return FAILED;
	}
	*second = NULL;
	runs[1].argv = second + 1;
	for (int i = 0; i < 2 && !err; i++) {
		/* Both read the same input, if it is a file. */
		if (i && start >= 0)
			lseek(STDIN_FILENO, start, SEEK_SET);
		err = watch(&runs[i]) || runs[i].unread;
	}
	status = err ? FAILED : compare_runs(runs);
	forget(&runs[0]);
	forget(&runs[1]);
	return status;
}

static bool open_output(const char *path)
{
	options.to = fopen(path, "we");
	if (!options.to)
		fail(path, errno);
	return options.to;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "compare", no_argument, NULL, 'c' },
		{ "all", no_argument, NULL, 'a' },
		{ "unordered", no_argument, NULL, 'u' },
		{ "output", required_argument, NULL, 'o' },
		{ "without", required_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	options.to = stderr;
	while ((c = getopt_long(argc, argv, "+cauo:x:h", names, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0;
		if (c == 'c')
			options.compare = true;
		else if (c == 'a')
			options.all = true;
		else if (c == 'u')
			options.unordered = true;
		else if (c == 'x')
			options.without = optarg;
		else if (c != 'o') {
			fputs(usage, stderr);
			return FAILED;
		} else if (!open_output(optarg))
			return FAILED;
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return FAILED;
	}
	forward_signals();
	return options.compare ? compare(argv + optind) : show(argv + optind);
}
