/* SPDX-License-Identifier: MIT */
/* Whether this process may be traced (PR_SET_DUMPABLE), in tests of spawn. */
#ifndef SPAWN_DUMPABLE_H
#define SPAWN_DUMPABLE_H

#include <stdint.h>

#include <shim/sys.h>

#include "check.h"
#include "zspawn_dumpable_tab.h"

/* What the kernel makes of a process that changes its user. */
#define RULE "/proc/sys/fs/suid_dumpable"

/* As without /proc it is 0, as at first. */
static inline int rule_now(void)
{
	char rule = '0';
	int fd = (int)shim_openat(SHIM_AT_FDCWD, RULE,
				  SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);

	shim_read(fd, &rule, 1);
	shim_close(fd);
	return rule - '0';
}

static inline void set_rule(int rule)
{
	const char text = (char)('0' + rule);
	int fd = (int)shim_openat(SHIM_AT_FDCWD, RULE,
				  SHIM_O_WRONLY | SHIM_O_CLOEXEC, 0);

	CHECK_EQ(shim_write(fd, &text, 1), 1);
	shim_close(fd);
}

static inline int dumpable(void)
{
	return (int)shim_prctl(SHIM_PR_GET_DUMPABLE, 0, 0, 0, 0);
}

/* 2 is what the kernel says of who changes its group. */
static inline void become(int is)
{
	const unsigned same = UINT32_MAX, group = (unsigned)shim_getegid();

	if (is == 2) {
		CHECK_EQ(shim_setresgid(same, group + 1, same), 0);
		CHECK_EQ(shim_setresgid(same, group, same), 0);
	} else {
		CHECK_EQ(shim_prctl(SHIM_PR_SET_DUMPABLE, (unsigned long)is, 0,
				    0, 0),
			 0);
	}
	CHECK_EQ(dumpable(), is);
}

#endif
