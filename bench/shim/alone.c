/* SPDX-License-Identifier: MIT */
/*
 * Rounds of all rivals of a work, interleaved, and a table in integers: times
 * are hundredths of a nanosecond, ratios are thousandths.
 */
#include "alone.h"
#include "client.h"

#include "../coproc.h"
#include "../file.h"
#include "../glob.h"
#include "machine.h"

#define ROWS_MAX 96
#define RUNS_MAX 10
#define FORK_STACK_SIZE 65536

enum state { UNTRIED, MEASURED, DROPPED };

struct result {
	enum state state;
	uint64_t cost[RUNS_MAX];
};

struct bench {
	const struct wish *wish;
	struct machine machine;
	int64_t sample_ns;
	struct result results[ROWS_MAX];
	bool failed;
};

/* The child that makes the load for an echo row, and what it measured. */
static struct {
	int pid;
	int result_fd;
	unsigned cpu;
	const struct row *row;
	struct client_job job;
	int64_t budget_ns;
	struct {
		struct sample sample;
		int err;
	} got;
} load;

static _Alignas(16) char fork_stack[FORK_STACK_SIZE];

static bool is_wanted(const struct bench *b, size_t i)
{
	return glob_match(b->wish->glob, bench_rows[i].name);
}

/* Moves over the parts of a name that tell the rivals of a work apart. */
static const char *skip_rival(const char *s)
{
	const char *t = s;

	while (parse_prefix(&t, "/impl=") || parse_prefix(&t, "/engine=")) {
		while (*t && *t != '/')
			t++;
		s = t;
	}
	return s;
}

static bool same_work(const char *a, const char *b)
{
	for (;;) {
		a = skip_rival(a);
		b = skip_rival(b);
		if (*a != *b || !*a)
			return *a == *b;
		a++;
		b++;
	}
}

/* Whether no earlier row that is wanted has this row's work. */
static bool begins_work(const struct bench *b, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (is_wanted(b, j) &&
		    same_work(bench_rows[j].name, bench_rows[i].name))
			return false;
	return is_wanted(b, i);
}

/* The rows of a work that are wanted; returns how many. */
static size_t find_rivals(const struct bench *b, size_t first, size_t *rivals)
{
	size_t nr = 0;

	for (size_t i = first; i < bench_nr_rows; i++)
		if (is_wanted(b, i) &&
		    same_work(bench_rows[first].name, bench_rows[i].name))
			rivals[nr++] = i;
	return nr;
}

/* The child: its result goes through the pipe, whose end is the parent's. */
static int make_load(void *arg)
{
	int fd = *(int *)arg;

	shim_prctl(SHIM_PR_SET_PDEATHSIG, SHIM_SIGKILL, 0, 0, 0);
	load.got.sample = (struct sample){ .budget_ns = load.budget_ns };
	load.got.err = pin_to_cpu(load.cpu);
	if (load.got.err)
		row_fail(&load.got.sample, "sched_setaffinity", load.got.err);
	else
		load.got.err = client_run(&load.job, &load.got.sample);
	shim_write(fd, &load.got, sizeof(load.got));
	return 0;
}

/* The server listens: start the client in a process of its own. */
static int start_load(struct sample *sample, unsigned port)
{
	int fds[2];
	long pid = shim_pipe2(fds, SHIM_O_CLOEXEC);

	if (pid)
		return row_fail(sample, "pipe2", pid);
	load.job = (struct client_job){
		.port = port,
		.conns = load.row->conns,
		.size = load.row->size,
	};
	pid = shim_clone(SHIM_SIGCHLD, fork_stack + sizeof(fork_stack), NULL,
			 NULL, NULL, make_load, &fds[1]);
	shim_close(fds[1]);
	if (pid < 0) {
		shim_close(fds[0]);
		return row_fail(sample, "clone", pid);
	}
	load.pid = (int)pid;
	load.result_fd = fds[0];
	sample->clients_fd = fds[0];
	return 0;
}

/* Takes the client's result, and waits for its end. */
static int finish_load(struct sample *sample, int result)
{
	long n;

	if (!load.pid)
		return result;
	/* A client whose server failed would wait for it. */
	if (result)
		shim_kill(load.pid, SHIM_SIGKILL);
	n = shim_read(load.result_fd, &load.got, sizeof(load.got));
	shim_close(load.result_fd);
	shim_wait4(load.pid, NULL, 0, NULL);
	load.pid = 0;
	if (result)
		return result;
	if (n != sizeof(load.got))
		return row_fail(sample, "the client ended early", -5);
	if (load.got.err)
		return row_fail(sample, load.got.sample.reason, load.got.err);
	/* Its server counts the warm-up too: the cost is what is compared. */
	sample->cpu_ns = sample->cpu_ns * (int64_t)load.got.sample.nr_ops /
			 (int64_t)(sample->nr_ops ? sample->nr_ops : 1);
	sample->nr_ops = load.got.sample.nr_ops;
	sample->elapsed_ns = load.got.sample.elapsed_ns;
	sample->p50_ns = load.got.sample.p50_ns;
	sample->p99_ns = load.got.sample.p99_ns;
	return 0;
}

static int take_sample(struct bench *b, const struct row *row,
		       struct sample *sample)
{
	int result;

	*sample = (struct sample){
		.budget_ns = b->sample_ns,
		.announce = start_load,
	};
	if (!row->conns)
		return run_row(row, sample);
	load.cpu = b->machine.client_cpu;
	load.row = row;
	load.budget_ns = b->sample_ns;
	result = pin_to_cpu(b->machine.server_cpu);
	if (result)
		return row_fail(sample, "sched_setaffinity", result);
	result = finish_load(sample, run_row(row, sample));
	machine_unpin(&b->machine);
	return result;
}

static uint64_t hundredths(uint64_t ns, uint64_t nr_ops)
{
	return (ns * 100 + nr_ops / 2) / nr_ops;
}

static void print_line(const struct row *row, const struct sample *sample)
{
	struct text out = { 0 };
	uint64_t n = sample->nr_ops;

	text_add(&out, row->name);
	text_add(&out, "\t");
	text_add_number(&out, n);
	text_add(&out, "\t");
	text_add_hundredths(&out, hundredths((uint64_t)sample->elapsed_ns, n));
	text_add(&out, " ns/op");
	if (sample->cpu_ns) {
		text_add(&out, "\t");
		text_add_hundredths(&out,
				    hundredths((uint64_t)sample->cpu_ns, n));
		text_add(&out, " cpu-ns/op");
	}
	if (sample->p50_ns) {
		text_add(&out, "\t");
		text_add_number(&out, sample->p50_ns);
		text_add(&out, " p50-ns\t");
		text_add_number(&out, sample->p99_ns);
		text_add(&out, " p99-ns");
	}
	text_add(&out, "\n");
	text_flush(&out, 1);
}

static void measure_row(struct bench *b, size_t i, unsigned run)
{
	const struct row *row = &bench_rows[i];
	struct result *result = &b->results[i];
	struct text out = { 0 };
	struct sample sample;
	int err;

	if (result->state == DROPPED)
		return;
	err = take_sample(b, row, &sample);
	if (!err) {
		result->state = MEASURED;
		result->cost[run] =
			hundredths((uint64_t)sample.elapsed_ns, sample.nr_ops);
		print_line(row, &sample);
		return;
	}
	result->state = DROPPED;
	b->failed = b->failed || err != ROW_SKIP;
	text_add(&out, row->name);
	text_add(&out, ": ");
	add_result(&out, &sample, err);
	text_flush(&out, 2);
}

static uint64_t median(const uint64_t *values, unsigned nr)
{
	uint64_t sorted[RUNS_MAX];

	for (unsigned i = 0; i < nr; i++) {
		unsigned j = i;

		for (; j && sorted[j - 1] > values[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = values[i];
	}
	return (sorted[(nr - 1) / 2] + sorted[nr / 2]) / 2;
}

static uint64_t extreme(const uint64_t *values, unsigned nr, bool largest)
{
	uint64_t found = values[0];

	for (unsigned i = 1; i < nr; i++)
		if ((values[i] > found) == largest)
			found = values[i];
	return found;
}

/* Thousandths, as 1.234. */
static void add_ratio(struct text *out, uint64_t n)
{
	char digits[5] = { '.', (char)('0' + n / 100 % 10),
			   (char)('0' + n / 10 % 10), (char)('0' + n % 10),
			   '\0' };

	text_add_number(out, n / 1000);
	text_add(out, digits);
}

/* The median ratio of the rounds, and the smallest and the largest. */
static void add_ratios(struct text *out, const struct result *a,
		       const struct result *to, unsigned nr)
{
	uint64_t ratios[RUNS_MAX];

	for (unsigned i = 0; i < nr; i++)
		ratios[i] = a->cost[i] * 1000 / (to->cost[i] ? to->cost[i] : 1);
	text_pad(out, 56);
	add_ratio(out, median(ratios, nr));
	text_add(out, " (");
	add_ratio(out, extreme(ratios, nr, false));
	text_add(out, " to ");
	add_ratio(out, extreme(ratios, nr, true));
	text_add(out, ")");
}

static void add_rival(struct text *out, const char *name)
{
	for (; *name; name++) {
		const char *end = skip_rival(name);

		if (end == name)
			continue;
		while (name < end) {
			char c[2] = { *name++, '\0' };

			text_add(out, c[0] == '/' ? " " : c);
		}
		return;
	}
}

static bool is_epoll(size_t i)
{
	return bench_rows[i].engine &&
	       text_equal(bench_rows[i].engine, "epoll");
}

/* What the others of a work are compared with: epoll, or nothing. */
static const struct result *find_reference(const struct bench *b,
					   const size_t *rivals, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (is_epoll(rivals[i]) &&
		    b->results[rivals[i]].state == MEASURED)
			return &b->results[rivals[i]];
	return NULL;
}

static void print_work(const struct bench *b, size_t first)
{
	size_t rivals[ROWS_MAX];
	size_t nr = find_rivals(b, first, rivals);
	const struct result *reference = find_reference(b, rivals, nr);
	unsigned nr_runs = b->wish->nr_runs;
	struct text out = { 0 };

	for (const char *s = bench_rows[first].name; *(s = skip_rival(s));
	     s++) {
		char c[2] = { *s, '\0' };

		text_add(&out, c);
	}
	text_add(&out, "\n");
	text_flush(&out, 2);
	for (size_t i = 0; i < nr; i++) {
		const struct result *r = &b->results[rivals[i]];

		if (r->state != MEASURED)
			continue;
		add_rival(&out, bench_rows[rivals[i]].name);
		text_pad(&out, 32);
		text_add_hundredths(&out, median(r->cost, nr_runs));
		text_add(&out, " ns/op");
		if (reference && r != reference)
			add_ratios(&out, r, reference, nr_runs);
		text_add(&out, "\n");
		text_flush(&out, 2);
	}
}

static void measure_work(struct bench *b, size_t first)
{
	size_t rivals[ROWS_MAX];
	size_t nr = find_rivals(b, first, rivals);

	for (unsigned run = 0; run < b->wish->nr_runs; run++)
		for (size_t i = 0; i < nr; i++)
			measure_row(b, rivals[(i + run) % nr], run);
}

int run_alone(const struct wish *wish)
{
	static struct bench b;
	static const char note[] =
		"\nmedian of the rounds; behind it the ratio to epoll, its median"
		"\n(smallest to largest): below 1 is faster than epoll\n";
	size_t nr_wanted = 0;

	b.wish = wish;
	for (size_t i = 0; i < bench_nr_rows; i++)
		nr_wanted += is_wanted(&b, i);
	if (!nr_wanted) {
		static const char none[] =
			"shim-bench: no row matches BENCH; shim-bench rows "
			"lists them\n";

		shim_write(2, none, sizeof(none) - 1);
		return 2;
	}
	if (machine_init(&b.machine))
		return 1;
	b.sample_ns = wish->budget_ns / (int64_t)(nr_wanted * wish->nr_runs);
	for (size_t i = 0; i < bench_nr_rows; i++)
		if (begins_work(&b, i))
			measure_work(&b, i);
	shim_write(2, note, sizeof(note) - 1);
	for (size_t i = 0; i < bench_nr_rows; i++)
		if (begins_work(&b, i))
			print_work(&b, i);
	return b.failed;
}
