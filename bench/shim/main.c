/* SPDX-License-Identifier: MIT */
/*
 * shim-bench: the C rows over libshim, in one static file without libc. Alone
 * it measures its rows against each other; with the argument coproc it is a
 * co-process of the driver, as the server of an echo row or as its client.
 */
#include "aio_rows.h"
#include "alone.h"
#include "client.h"
#include "spawn_rows.h"

#include "../coproc.h"
#include "../sys_rows.h"
#include "../uring_rows.h"

const struct row bench_rows[] = {
	SYS_ROWS, SPAWN_ROWS, URING_ROWS, AIO_ROWS, RING_ROWS,
};
const size_t bench_nr_rows = sizeof(bench_rows) / sizeof(bench_rows[0]);

static const char help[] =
	"shim-bench: measure system calls, file reads and TCP echo on this "
	"kernel.\n"
	"\n"
	"    shim-bench           lines for benchstat on stdout, a table on "
	"stderr\n"
	"    shim-bench rows      the names of the rows\n"
	"    shim-bench coproc    obey the driver of `make bench`\n"
	"    shim-bench help      this text\n"
	"\n"
	"Environment:\n"
	"    BENCH=GLOB           the rows to measure, as "
	"BENCH='BenchmarkEcho*'\n"
	"    BENCHTIME=120s       how long to measure all of them; quick is 20 s "
	"with\n"
	"                         fewer samples, and only shows that all runs\n"
	"\n"
	"It needs 64 MiB in the current directory or in /tmp for a file without "
	"a name,\nand connects to itself over the loopback device.\n";

static int say(int fd, const char *s)
{
	size_t len = 0;

	while (s[len])
		len++;
	return shim_write(fd, s, len) == (long)len ? 0 : 1;
}

/* client run NS PORT CONNS SIZE, client ops N PORT CONNS SIZE */
static bool answer_client(const char *line)
{
	struct sample sample = { 0 };
	struct client_job job;
	struct text out = { 0 };
	uint64_t n[4];
	bool timed = parse_prefix(&line, "client run");

	if (!timed && !parse_prefix(&line, "client ops"))
		return false;
	for (int i = 0; i < 4; i++)
		if (!parse_prefix(&line, " ") || !parse_number(&line, &n[i]))
			return false;
	if (*line || !n[0] || n[0] > INT64_MAX || n[1] > UINT16_MAX || !n[2] ||
	    n[2] > CLIENT_CONNS_MAX || n[3] < 8 || n[3] > CLIENT_SIZE_MAX)
		return false;
	sample.budget_ns = timed ? (int64_t)n[0] : 0;
	sample.nr_ops = n[0];
	job.port = (unsigned)n[1];
	job.conns = (unsigned)n[2];
	job.size = (unsigned)n[3];
	add_result(&out, &sample, client_run(&job, &sample));
	text_flush(&out, 1);
	return true;
}

int main(int argc, char **argv, char **envp)
{
	struct wish wish;
	struct text out = { 0 };
	const char *command = argc > 1 ? argv[1] : NULL;

	if (!command)
		return wish_parse(&wish, envp) ? 2 : run_alone(&wish);
	if (argc == 2 && text_equal(command, "coproc")) {
		serve_driver(answer_client);
		return 0;
	}
	if (argc == 2 && text_equal(command, "rows")) {
		for (size_t i = 0; i < bench_nr_rows; i++)
			if (say(1, bench_rows[i].name) || say(1, "\n"))
				return 1;
		return 0;
	}
	if (argc == 2 &&
	    (text_equal(command, "help") || text_equal(command, "--help") ||
	     text_equal(command, "-h")))
		return say(1, help);
	text_add(&out, "shim-bench: \"");
	text_add(&out, argc == 2 ? command : argv[2]);
	text_add(&out, argc == 2 ? "\" is not a command"
				 : "\" is one argument too many");
	text_add(&out, "; shim-bench help lists what there is\n");
	text_flush(&out, 2);
	return 2;
}
