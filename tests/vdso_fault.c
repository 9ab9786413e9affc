/* SPDX-License-Identifier: MIT */
/*
 * Where the auxiliary vector comes from, on a kernel that this file is: with
 * and without PR_GET_AUXV, with and without /proc, with and without a vDSO.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/vdso.h>

#include "check.h"
#include "vdso_image.h"
#include "znr.h"

enum { FD = 7, PAGE = 4096 };

/* The kernel: what it says, and what it was asked. */
static struct {
	long prctl, open, read;
	unsigned long auxv[4];
	int nr_calls, nr_opens, nr_closes;
	long last;
} kernel;

static _Alignas(PAGE) union {
	struct vdso_image image;
	char page[PAGE];
} vdso_page;

static long give_auxv(unsigned long *to, long result)
{
	for (int i = 0; result > 0 && i < 4; i++)
		to[i] = kernel.auxv[i];
	return result;
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	(void)a, (void)c, (void)d, (void)e, (void)f;
	kernel.nr_calls++;
	kernel.last = nr;
	switch (nr) {
	case SHIM_NR_prctl:
		return give_auxv((void *)b, kernel.prctl);
	case SHIM_NR_openat:
		kernel.nr_opens += kernel.open >= 0;
		return kernel.open;
	case SHIM_NR_read:
		return give_auxv((void *)b, kernel.read);
	case SHIM_NR_close:
		kernel.nr_closes++;
		return 0;
	}
	return -SHIM_EPERM;
}

static void boot(long prctl, long open, long read)
{
	const unsigned long auxv[4] = { 33, (unsigned long)&vdso_page, 0, 0 };

	image_make(&vdso_page.image, IMAGE_HASH);
	kernel.prctl = prctl;
	kernel.open = open;
	kernel.read = read;
	kernel.nr_calls = kernel.nr_opens = kernel.nr_closes = 0;
	for (int i = 0; i < 4; i++)
		kernel.auxv[i] = auxv[i];
}

static void the_vector_is_asked_of_prctl_first(void)
{
	struct shim_vdso vdso;

	boot(sizeof(kernel.auxv), -SHIM_ENOENT, -SHIM_EBADF);
	CHECK_EQ(shim_vdso_init(&vdso, NULL), 0);
	CHECK(vdso.clock_gettime != NULL);
	CHECK_EQ(kernel.nr_calls, 1);
}

static void without_it_the_file_is_read_and_closed(void)
{
	struct shim_vdso vdso;

	boot(-SHIM_EINVAL, FD, sizeof(kernel.auxv));
	CHECK_EQ(shim_vdso_init(&vdso, NULL), 0);
	CHECK(vdso.clock_gettime != NULL);
	CHECK_EQ(kernel.nr_opens, 1);
	CHECK_EQ(kernel.nr_closes, 1);
}

static void without_both_there_is_an_error_and_no_function(void)
{
	struct shim_vdso vdso = { .clock_gettime = (void *)1 };

	boot(-SHIM_EINVAL, -SHIM_ENOENT, 0);
	CHECK_EQ(shim_vdso_init(&vdso, NULL), -SHIM_ENOENT);
	CHECK(!vdso.clock_gettime);
	boot(-SHIM_EPERM, -SHIM_EMFILE, 0);
	CHECK_EQ(shim_vdso_init(&vdso, NULL), -SHIM_EMFILE);
	boot(-SHIM_EINVAL, FD, -SHIM_EIO);
	CHECK_EQ(shim_vdso_init(&vdso, NULL), -SHIM_EIO);
	CHECK_EQ(kernel.nr_closes, 1);
	boot(-SHIM_EINVAL, FD, 0);
	CHECK_EQ(shim_vdso_init(&vdso, NULL), -SHIM_ENOENT);
	CHECK(!vdso.clock_gettime);
}

static void a_vector_that_is_given_costs_no_call(void)
{
	static const unsigned long none[] = { 6, PAGE, 33, 0, 0, 0 };
	struct shim_vdso vdso;

	boot(0, 0, 0);
	CHECK_EQ(shim_vdso_init(&vdso, kernel.auxv), 0);
	CHECK(vdso.clock_gettime != NULL);
	CHECK_EQ(shim_vdso_init(&vdso, none), -SHIM_ENOENT);
	CHECK(!vdso.clock_gettime);
	vdso_page.image.header.machine++;
	CHECK_EQ(shim_vdso_init(&vdso, kernel.auxv), -SHIM_EINVAL);
	CHECK(!vdso.clock_gettime);
	CHECK_EQ(kernel.nr_calls, 0);
}

/* Only what its segment says is read, and that much of a page is there. */
static void the_image_may_be_larger_than_a_page(void)
{
	static _Alignas(PAGE) char memory[2 * PAGE];
	const unsigned long auxv[] = { 33, (unsigned long)memory, 0, 0 };
	struct shim_vdso vdso;
	struct vdso_image im;

	image_make(&im, IMAGE_GNU_HASH);
	im.symbols[SYM_CLOCK_GETTIME].value = IMAGE_ADDRESS + 2 * PAGE - 16;
	for (int i = 0; i < 2; i++) {
		im.segments[0].filesz = i ? 2 * PAGE : PAGE;
		for (size_t j = 0; j < sizeof(im); j++)
			memory[j] = ((const char *)&im)[j];
		CHECK_EQ(shim_vdso_init(&vdso, auxv), 0);
		CHECK_EQ(vdso.clock_gettime != NULL, i);
	}
}

static void without_vdso_each_is_one_call(void)
{
	static const struct shim_vdso none;
	struct shim_vdso_random random = { 0 };
	struct shim_timespec ts;
	struct shim_timeval tv;

	boot(0, 0, 0);
	CHECK_EQ(shim_vdso_clock_gettime(&none, 0, &ts), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_clock_gettime);
	CHECK_EQ(shim_vdso_clock_getres(&none, 0, &ts), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_clock_getres);
	CHECK_EQ(shim_vdso_gettimeofday(&none, &tv), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_clock_gettime);
	CHECK_EQ(shim_vdso_time(&none), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_clock_gettime);
	CHECK_EQ(shim_vdso_getcpu(&none, NULL, NULL), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_getcpu);
	CHECK_EQ(shim_vdso_getrandom(&none, &random, &ts, sizeof(ts), 0),
		 -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_getrandom);
	CHECK_EQ(kernel.nr_calls, 6);
}

/* What a vDSO says about its random state. */
static uint32_t state_size;

static long fake_getrandom(void *buf, size_t len, unsigned flags, void *state,
			   size_t size)
{
	(void)buf, (void)len, (void)flags;
	if (size == SIZE_MAX && state_size)
		*(uint32_t *)state = state_size;
	return size == SIZE_MAX ? 0 : (long)size;
}

static void a_state_that_cannot_be_mapped_leaves_the_call(void)
{
	static const struct shim_vdso vdso = { .getrandom = fake_getrandom };
	struct shim_vdso_random random;
	char byte;

	boot(0, 0, 0);
	state_size = 144;
	CHECK_EQ(shim_vdso_random_init(&vdso, &random), -SHIM_EPERM);
	CHECK(!random.state);
	state_size = 0;
	CHECK_EQ(shim_vdso_random_init(&vdso, &random), -SHIM_ENOSYS);
	state_size = PAGE + 1;
	CHECK_EQ(shim_vdso_random_init(&vdso, &random), -SHIM_ENOSYS);
	CHECK_EQ(kernel.nr_calls, 1);
	CHECK_EQ(shim_vdso_getrandom(&vdso, &random, &byte, 1, 0), -SHIM_EPERM);
	CHECK_EQ(kernel.last, SHIM_NR_getrandom);
}

static const struct check_test vdso_fault_tests[] = {
	{ "the_vector_is_asked_of_prctl_first",
	  the_vector_is_asked_of_prctl_first },
	{ "without_it_the_file_is_read_and_closed",
	  without_it_the_file_is_read_and_closed },
	{ "without_both_there_is_an_error_and_no_function",
	  without_both_there_is_an_error_and_no_function },
	{ "a_vector_that_is_given_costs_no_call",
	  a_vector_that_is_given_costs_no_call },
	{ "the_image_may_be_larger_than_a_page",
	  the_image_may_be_larger_than_a_page },
	{ "without_vdso_each_is_one_call", without_vdso_each_is_one_call },
	{ "a_state_that_cannot_be_mapped_leaves_the_call",
	  a_state_that_cannot_be_mapped_leaves_the_call },
};

CHECK_MAIN(vdso_fault, vdso_fault_tests)
