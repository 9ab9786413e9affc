/* SPDX-License-Identifier: MIT */
/* Which engine an object runs on, and why, in words. */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio_impl.h"

#define ENGINE_VARIABLE "SHIM_AIO_ENGINE"

/* Best first. */
static const struct shim_aio_ops *const engines[] = {
	&shim_aio_uring,
	&shim_aio_epoll,
};

enum { NR_ENGINES = sizeof(engines) / sizeof(engines[0]) };

/*
 * The kernel is too old, or a sysctl or a filter forbids the engine, or it may
 * not lock enough memory. Other errors, like EMFILE, are no reason to take
 * another engine.
 */
static int unavailable(const struct aio *a, int err)
{
	return err == -SHIM_ENOSYS || err == -SHIM_EPERM ||
	       err == -SHIM_EACCES || err == -SHIM_EOPNOTSUPP ||
	       (err == -SHIM_ENOMEM && a->locked_max);
}

/* The reason grows at its end; what has no room is cut off. */
static void say(struct aio *a, const char *text)
{
	size_t n = 0;

	while (a->reason[n])
		n++;
	while (*text && n < sizeof(a->reason) - 1)
		a->reason[n++] = *text++;
	a->reason[n] = '\0';
}

static void say_number(struct aio *a, uint64_t n)
{
	char digits[21], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	say(a, p);
}

static const char *errno_name(int err)
{
	switch (err) {
	case -SHIM_ENOSYS:
		return "ENOSYS";
	case -SHIM_EPERM:
		return "EPERM";
	case -SHIM_EACCES:
		return "EACCES";
	case -SHIM_EOPNOTSUPP:
		return "EOPNOTSUPP";
	case -SHIM_ENOMEM:
		return "ENOMEM";
	case -SHIM_EMFILE:
		return "EMFILE";
	case -SHIM_ENFILE:
		return "ENFILE";
	}
	return NULL;
}

static void say_failure(struct aio *a, int err)
{
	const char *name = errno_name(err);

	say(a, a->failed);
	say(a, " failed with errno ");
	say_number(a, (uint64_t)-err);
	if (name) {
		say(a, " (");
		say(a, name);
		say(a, ")");
	}
	if (err == -SHIM_ENOMEM && a->locked_max) {
		say(a, ": the smallest ring locks ");
		say_number(a, a->locked);
		say(a, " bytes, RLIMIT_MEMLOCK is ");
		say_number(a, a->locked_max);
	}
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The value in a string of the environment, if it is the variable's. */
static const char *value_of(const char *entry, const char *name)
{
	while (*name && *entry == *name) {
		entry++;
		name++;
	}
	return !*name && *entry == '=' ? entry + 1 : NULL;
}

static int find(const uint64_t *auxv, long size, uint64_t type, uint64_t *value)
{
	for (; size >= 16; size -= 16, auxv += 2)
		if (auxv[0] == type) {
			*value = auxv[1];
			return 1;
		}
	return 0;
}

int shim_aio_auxv(uint64_t type, uint64_t *value)
{
	uint64_t auxv[64 * 2];
	const long max = sizeof(auxv);
	long n, fd;

	n = shim_prctl(SHIM_PR_GET_AUXV, (unsigned long)auxv, sizeof(auxv), 0,
		       0);
	if (n > 0)
		return find(auxv, n < max ? n : max, type, value);
	fd = shim_openat(SHIM_AT_FDCWD, "/proc/self/auxv",
			 SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	n = shim_read((int)fd, auxv, sizeof(auxv));
	shim_close((int)fd);
	return find(auxv, n, type, value);
}

/*
 * Whether the program has rights that its starter lacks. It may, when nobody
 * tells.
 */
static int secure(void)
{
	uint64_t value = 1;

	shim_aio_auxv(SHIM_AT_SECURE, &value);
	return value != 0;
}

/* The engine that the environment names, if the program may listen to it. */
static const char *environment(char **envp)
{
	const char *value = NULL;

	for (; envp && *envp && !value; envp++)
		value = value_of(*envp, ENGINE_VARIABLE);
	return value && *value && !secure() ? value : NULL;
}

static int force(struct aio *a, const struct shim_aio_params *params,
		 const char *name, const char *by)
{
	int err;

	for (int i = 0; i < NR_ENGINES; i++) {
		if (!equal(engines[i]->name, name))
			continue;
		a->ops = engines[i];
		err = a->ops->init(a, params);
		say(a, name);
		say(a, err ? ", forced by " : ": forced by ");
		say(a, by);
		if (err) {
			say(a, ": ");
			say_failure(a, err);
		}
		return err;
	}
	say(a, "unknown engine \"");
	say(a, name);
	say(a, "\" in ");
	say(a, by);
	return -SHIM_EINVAL;
}

/* The best engine that there is; its reason is why the one before is not. */
static int probe(struct aio *a, const struct shim_aio_params *params)
{
	int err = 0;

	for (int i = 0; i < NR_ENGINES; i++) {
		const char *name = engines[i]->name;
		int before = err;

		say(a, name);
		say(a, ": ");
		if (before)
			say_failure(a, before);
		a->ops = engines[i];
		err = a->ops->init(a, params);
		if (!err) {
			if (!before)
				say(a, "first choice");
			return 0;
		}
		a->reason[0] = '\0';
		if (!unavailable(a, err))
			break;
	}
	say(a, a->ops->name);
	say(a, ": ");
	say_failure(a, err);
	return err;
}

int shim_aio_choose(struct aio *a, const struct shim_aio_params *params)
{
	const char *name = params->engine, *by = "the parameters";

	a->reason[0] = '\0';
	if (!name) {
		name = environment(params->envp);
		by = ENGINE_VARIABLE;
	}
	return name ? force(a, params, name, by) : probe(a, params);
}
