/* SPDX-License-Identifier: MIT */
/*
 * The calls that the kernel answers without being entered: it maps a small
 * library, the vDSO, into every process, whose functions read a clock in some
 * tens of nanoseconds. Which functions there are depends on the CPU and the
 * kernel; what is not there is asked of the kernel, with the same result.
 *
 *	struct shim_vdso vdso;
 *	struct shim_timespec now;
 *
 *	shim_vdso_init(&vdso, shim_auxv(envp));
 *	shim_vdso_clock_gettime(&vdso, SHIM_CLOCK_MONOTONIC, &now);
 *
 * The functions return what the calls of <shim/sys.h> return: a result, or
 * -errno. But the vDSO is code of the process: a pointer that must not be null
 * and is, or leads nowhere, ends it by a signal and is no -EFAULT.
 */
#ifndef SHIM_VDSO_H
#define SHIM_VDSO_H

#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The functions that were found; a null pointer is one that is missing. All
 * zero, it is valid and makes system calls. After shim_vdso_init() it is only
 * read, by any number of threads.
 */
struct shim_vdso {
	long (*getrandom)(void *buf, size_t len, unsigned flags, void *state,
			  size_t state_size);
	int (*clock_gettime)(int clock, struct shim_timespec *tp);
	int (*clock_getres)(int clock, struct shim_timespec *tp);
	int (*gettimeofday)(struct shim_timeval *tv, void *tz);
	long (*time)(int64_t *seconds);
	int (*getcpu)(unsigned *cpu, unsigned *node, void *unused);
};

/*
 * The auxiliary vector, which the kernel puts behind the environment that it
 * gives to a program: envp must be the third argument of main, or what a libc
 * has put into environ before anything was added to it.
 */
static inline const unsigned long *shim_auxv(char *const *envp)
{
	while (*envp)
		envp++;
	return (const unsigned long *)(const void *)(envp + 1);
}

/*
 * Look for the vDSO's functions: in the image that auxv names or, when auxv
 * is null, the vector that the kernel tells of: by prctl(2) since 6.4, before
 * that in /proc/self/auxv. Returns 0 or -errno: -SHIM_ENOENT when there is no
 * vDSO or nothing of use in it, -SHIM_EINVAL when it is not what one looks
 * like, or the error of reading the vector. In each case vdso is valid.
 */
int shim_vdso_init(struct shim_vdso *vdso, const unsigned long *auxv);

/*
 * The same for an image of size bytes in memory, none of whose neighbours is
 * read, whatever is in it.
 */
int shim_vdso_init_image(struct shim_vdso *vdso, const void *image,
			 size_t size);

long shim_vdso_clock_gettime(const struct shim_vdso *vdso, int clock,
			     struct shim_timespec *tp);

/* tp may be null. */
long shim_vdso_clock_getres(const struct shim_vdso *vdso, int clock,
			    struct shim_timespec *tp);

/*
 * The time of day in microseconds: CLOCK_REALTIME, which is also what is asked
 * for where the vDSO lacks the function.
 */
long shim_vdso_gettimeofday(const struct shim_vdso *vdso,
			    struct shim_timeval *tv);

/*
 * Seconds since 1970. They change with the timer's tick, so that they may be
 * behind CLOCK_REALTIME for some milliseconds, as time(2) is. Where the vDSO
 * or the CPU lacks it, CLOCK_REALTIME_COARSE is asked for, which is the same.
 */
long shim_vdso_time(const struct shim_vdso *vdso);

/* cpu and node may be null. */
long shim_vdso_getcpu(const struct shim_vdso *vdso, unsigned *cpu,
		      unsigned *node);

/*
 * What the vDSO needs to make random bytes: memory of a special kind, for one
 * thread at a time.
 */
struct shim_vdso_random {
	void *state;
	size_t size;
};

/*
 * Map the memory: a page. Returns 0 or -errno: -SHIM_ENOSYS when the vDSO (of
 * kernels before 6.11; on aarch64, 6.12) makes no random bytes. In each case
 * random is valid, and to be given to shim_vdso_random_exit().
 */
int shim_vdso_random_init(const struct shim_vdso *vdso,
			  struct shim_vdso_random *random);
void shim_vdso_random_exit(struct shim_vdso_random *random);

/*
 * Like shim_getrandom(). It enters the kernel for a seed, for flags other than
 * GRND_NONBLOCK, and without a state.
 */
long shim_vdso_getrandom(const struct shim_vdso *vdso,
			 struct shim_vdso_random *random, void *buf, size_t len,
			 unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
