/* SPDX-License-Identifier: MIT */
/* What the Spawn rows start: the least that a program can do. */
#include <shim/sys.h>

_Noreturn void _start(void);

_Noreturn void _start(void)
{
	for (;;)
		shim_exit_group(0);
}
