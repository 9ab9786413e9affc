/* SPDX-License-Identifier: MIT */
/* What arrived, and what the caller has, against the plan. */
#ifndef COMPARE_H
#define COMPARE_H

#include "plan.h"
#include "watch.h"

enum { WHY_SIZE = 200 };

/*
 * Compare a call that waits with the plan, and write what the kernel gives.
 * Returns true, or false with the first difference in why.
 */
bool compare_call(struct watch *w, const struct seccomp_notif *call,
		  const struct plan *p, char *why);
/* Compare the result and, at frame, the memory of the caller. */
bool compare_result(struct watch *w, const struct seccomp_notif *mark,
		    const struct plan *p, char *why);

#endif
