/* SPDX-License-Identifier: MIT */
/*
 * For the wrappers in zsys.c. An argument keeps its own signedness on the way
 * to the register: an int is sign-extended, an unsigned is not.
 */
#ifndef SHIM_SYS_IMPL_H
#define SHIM_SYS_IMPL_H

#include "znr.h"

/* Two steps, so that a macro can stand for several arguments. */
#define CALL(...) CALL_REGISTERS(__VA_ARGS__)
#define CALL_REGISTERS(nr, a, b, c, d, e, f)                         \
	shim_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), \
		     (long)(e), (long)(f))

#endif
