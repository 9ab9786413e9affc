/* SPDX-License-Identifier: MIT */
/* Where the vDSO is, and the calls through it. */
#include <stddef.h>
#include <stdint.h>

#include <shim/vdso.h>

#include "elf_impl.h"

/* Linux has fewer entries than this in the vector, on every CPU. */
enum { AUXV_LEN = 128 };

/* A page is never smaller; the headers of the image are within the first. */
enum { PAGE_SIZE_MIN = 4096 };

/* What the vDSO says about its random state, when asked for size SIZE_MAX. */
struct random_params {
	uint32_t size, prot, flags, reserved[13];
};

static long read_file(const char *path, void *buf, size_t len)
{
	long fd = shim_openat(SHIM_AT_FDCWD, path,
			      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return fd;
	n = shim_read((int)fd, buf, len);
	shim_close((int)fd);
	return n;
}

/* Fill buf, which holds zeros, with the vector. Returns 0 or -errno. */
static long read_auxv(unsigned long *buf, size_t size)
{
	long n = shim_prctl(SHIM_PR_GET_AUXV, (unsigned long)buf, size, 0, 0);

	if (n < 0)
		n = read_file("/proc/self/auxv", buf, size);
	return n < 0 ? n : 0;
}

static uintptr_t auxv_value(const unsigned long *auxv, unsigned long type)
{
	for (; auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == type)
			return auxv[1];
	return 0;
}

static int init_at(struct shim_vdso *vdso, const unsigned long *auxv)
{
	uintptr_t image = auxv_value(auxv, AT_SYSINFO_EHDR);
	size_t size;

	if (!image)
		return -SHIM_ENOENT;
	size = shim_elf_size((const void *)image, PAGE_SIZE_MIN);
	return shim_vdso_init_image(vdso, (const void *)image, size);
}

int shim_vdso_init(struct shim_vdso *vdso, const unsigned long *auxv)
{
	/* Two more, which stay zero and end it. */
	unsigned long buf[AUXV_LEN + 2] = { 0 };
	long err;

	*vdso = (struct shim_vdso){ 0 };
	if (auxv)
		return init_at(vdso, auxv);
	err = read_auxv(buf, AUXV_LEN * sizeof(buf[0]));
	return err ? (int)err : init_at(vdso, buf);
}

long shim_vdso_clock_gettime(const struct shim_vdso *vdso, int clock,
			     struct shim_timespec *tp)
{
	if (vdso->clock_gettime)
		return vdso->clock_gettime(clock, tp);
	return shim_clock_gettime(clock, tp);
}

long shim_vdso_clock_getres(const struct shim_vdso *vdso, int clock,
			    struct shim_timespec *tp)
{
	if (vdso->clock_getres)
		return vdso->clock_getres(clock, tp);
	return shim_clock_getres(clock, tp);
}

long shim_vdso_gettimeofday(const struct shim_vdso *vdso,
			    struct shim_timeval *tv)
{
	struct shim_timespec now;
	long err;

	if (vdso->gettimeofday)
		return vdso->gettimeofday(tv, NULL);
	err = shim_clock_gettime(SHIM_CLOCK_REALTIME, &now);
	if (err)
		return err;
	tv->tv_sec = now.tv_sec;
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}

long shim_vdso_time(const struct shim_vdso *vdso)
{
	struct shim_timespec now;
	long err;

	if (vdso->time)
		return vdso->time(NULL);
	err = shim_clock_gettime(SHIM_CLOCK_REALTIME_COARSE, &now);
	return err ? err : now.tv_sec;
}

long shim_vdso_getcpu(const struct shim_vdso *vdso, unsigned *cpu,
		      unsigned *node)
{
	if (vdso->getcpu)
		return vdso->getcpu(cpu, node, NULL);
	return shim_getcpu(cpu, node);
}

int shim_vdso_random_init(const struct shim_vdso *vdso,
			  struct shim_vdso_random *random)
{
	struct random_params params = { 0 };
	void *state;
	long err;

	*random = (struct shim_vdso_random){ 0 };
	if (!vdso->getrandom)
		return -SHIM_ENOSYS;
	err = vdso->getrandom(NULL, 0, 0, &params, SIZE_MAX);
	if (err)
		return (int)err;
	/* A state must not reach over the end of a page. */
	if (!params.size || params.size > PAGE_SIZE_MIN)
		return -SHIM_ENOSYS;
	state = shim_mmap(NULL, params.size, (int)params.prot,
			  (int)params.flags, -1, 0);
	err = shim_ptr_err(state);
	if (err)
		return (int)err;
	*random = (struct shim_vdso_random){ state, params.size };
	return 0;
}

void shim_vdso_random_exit(struct shim_vdso_random *random)
{
	if (random->state)
		shim_munmap(random->state, random->size);
	*random = (struct shim_vdso_random){ 0 };
}

long shim_vdso_getrandom(const struct shim_vdso *vdso,
			 struct shim_vdso_random *random, void *buf, size_t len,
			 unsigned flags)
{
	/* The vDSO takes some flags together that the kernel refuses. */
	if (!random->state || flags & ~(unsigned)SHIM_GRND_NONBLOCK)
		return shim_getrandom(buf, len, flags);
	return vdso->getrandom(buf, len, flags, random->state, random->size);
}
