/* SPDX-License-Identifier: MIT */
/* What the two parts of escape share. */
#ifndef ESCAPE_H
#define ESCAPE_H

void say(const char *s);

/* A line: the name, then the error, or "OUT". */
void tell(const char *name, long result);

/* Each call that a box must not have. */
int try_calls(void);

#endif
