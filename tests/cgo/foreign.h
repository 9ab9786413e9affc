/* SPDX-License-Identifier: MIT */
/* A library of C that starts programs in its own threads. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdint.h>

enum { FOREIGN_COMMON_FD = 500, FOREIGN_COMMON = 64, FOREIGN_MORE = 127 };

/* Starts the threads, which go on until the stop. Returns 0, or an errno. */
int foreign_start(void);

/* Returns how many programs there were, or -1: one has not ended as it must. */
long foreign_stop(void);

/* waitpid(2) of any child. */
int foreign_wait(int *status);

/* What is done on a signal, and the signals that this thread blocks. */
uintptr_t foreign_handler(int number);
uint64_t foreign_mask(void);

#endif
