/* SPDX-License-Identifier: MIT */
/*
 * The memory of the parent costs a start nothing, shown by what the kernel
 * counts: it neither copies a page table nor makes a page read-only, as fork
 * does, whose parent then has a fault for each page that it writes to. So there
 * are none after programs were started, and fork, and a start that asks for a
 * copy, show what they would be.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

#include "check.h"
#include "spawn_user.h"

enum {
	STARTS = 20,
	/* What starts, and this test, may touch for the first time. */
	FAULTS_MAX = 200,
	PAGES_MIN = 1024,
	AT_PAGESZ = 6,
	SHARE = 4, /* of the machine's free memory */
};

static const size_t all = 1UL << 30, small = 64UL << 20;

static char *area;
static size_t page, pages;

static size_t page_size(void)
{
	const uint64_t *auxv;
	char **e = check_envp;

	while (*e)
		e++;
	for (auxv = (const uint64_t *)(e + 1); auxv[0]; auxv += 2)
		if (auxv[0] == AT_PAGESZ)
			return auxv[1];
	return 4096;
}

/* The bytes that the machine can give away. */
static size_t available(void)
{
	static const char name[] = "MemAvailable:";
	char text[1024] = "";
	int fd = (int)shim_openat(SHIM_AT_FDCWD, "/proc/meminfo",
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	const char *p = text;

	shim_read(fd, text, sizeof(text) - 1);
	shim_close(fd);
	while (*p && !(p[0] == 'M' && p[3] == 'A'))
		p++;
	if (!*p)
		return 0;
	for (p += sizeof(name) - 1; *p == ' ';)
		p++;
	return to_number(p) * 1024;
}

/* 1 GiB; less where there is not so much, or no time. */
static void map_area(void)
{
	size_t size = check_small() ? small : all;
	const size_t most = available() / SHARE;

	while (size > most)
		size /= 2;
	page = page_size();
	pages = size / page;
	if (pages < PAGES_MIN)
		return;
	area = shim_mmap(NULL, size, SHIM_PROT_READ | SHIM_PROT_WRITE,
			 SHIM_MAP_PRIVATE | SHIM_MAP_ANONYMOUS, -1, 0);
	if (shim_ptr_err(area))
		pages = 0;
	else
		/* One fault for each page; else there are no larger ones. */
		shim_madvise(area, size, SHIM_MADV_NOHUGEPAGE);
}

static void touch(void)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(area + i * page) = 1;
}

static uint64_t faults_now(void)
{
	struct shim_rusage use;

	CHECK_EQ(shim_getrusage(SHIM_RUSAGE_SELF, &use), 0);
	return (uint64_t)use.ru_minflt + (uint64_t)use.ru_majflt;
}

static void start_programs(void)
{
	struct part p;

	play(&p, "", NULL, 0);
	p.options.path = "/bin/true";
	for (int i = 0; i < STARTS; i++)
		CHECK_EQ(status_of(&p), 0);
}

static void fail_to_start(void)
{
	struct part p;

	play(&p, "", NULL, 0);
	p.options.path = "/does/not/exist";
	for (int i = 0; i < STARTS; i++)
		CHECK_EQ(status_of(&p), -SHIM_ENOENT);
}

static void start_in_a_copy(void)
{
	struct part p;

	play(&p, "", NULL, SHIM_SPAWN_COPY);
	p.options.path = "/bin/true";
	CHECK_EQ(status_of(&p), 0);
}

/* As in shim_spawn_start(): 0, or why there is no such namespace. */
static int start_in_a_namespace(void)
{
	struct part p;

	play(&p, "", NULL, 0);
	p.options.path = "/bin/true";
	p.options.namespaces = SHIM_CLONE_NEWUSER;
	return status_of(&p);
}

static void start_in_namespaces(void)
{
	for (int i = 0; i < STARTS; i++)
		CHECK_EQ(start_in_a_namespace(), 0);
}

static int end_at_once(void *arg)
{
	return arg != NULL;
}

static void fork(void)
{
	CHECK_EQ(result_in_copy(end_at_once, NULL), 0);
}

/* How many it costs to do that, and to write to all pages then. */
static uint64_t faults_of(void (*run)(void))
{
	const uint64_t begin = faults_now();

	run();
	touch();
	return faults_now() - begin;
}

static void the_memory_of_the_parent_costs_nothing(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
		int copies;
	} ways[] = {
		{ "start", start_programs, 0 },
		{ "failing start", fail_to_start, 0 },
		{ "start in a copy", start_in_a_copy, 1 },
		{ "fork", fork, 1 },
	};
	struct state before = state_now();

	NEEDS_SHARED_MEMORY();
	map_area();
	if (pages < PAGES_MIN)
		SKIP("there is too little memory here");
	touch();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		check_case(ways[i].name);
		if (ways[i].copies)
			CHECK(faults_of(ways[i].run) >= pages);
		else
			CHECK(faults_of(ways[i].run) <= FAULTS_MAX);
	}
	check_case("");
	shim_munmap(area, pages * page);
	check_state(&before);
}

/* Nor may the parent be traced less than before. */
static void a_new_user_namespace_costs_no_memory_either(void)
{
	const long dumpable = shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0);
	struct state before = state_now();

	NEEDS_SHARED_MEMORY();
	if (is_refusal(start_in_a_namespace()))
		SKIP(NO_NAMESPACES);
	map_area();
	if (pages < PAGES_MIN)
		SKIP("there is too little memory here");
	touch();
	CHECK(faults_of(start_in_namespaces) <= FAULTS_MAX);
	CHECK_EQ(shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
	shim_munmap(area, pages * page);
	check_state(&before);
}

static const struct check_test spawn_memory_tests[] = {
	{ "the_memory_of_the_parent_costs_nothing",
	  the_memory_of_the_parent_costs_nothing },
	{ "a_new_user_namespace_costs_no_memory_either",
	  a_new_user_namespace_costs_no_memory_either },
};

CHECK_MAIN(spawn_memory, spawn_memory_tests)
