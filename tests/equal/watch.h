/* SPDX-License-Identifier: MIT */
/*
 * A program under a seccomp filter that shows all of its calls, before they
 * are made, to this process. The program, its threads and children wait for an
 * answer to each call.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/seccomp.h>

struct watch {
	int listener;
	int pidfd;
	pid_t pid;
	int status; /* of the program when it has ended, as waitpid(2) has it */
	int error;  /* why it could not be executed, then; or 0 */
	bool whole; /* wait for its children, too; set after watch_start */
};

/*
 * Start a program, found as execvp(3) does. Returns 0 or -errno; a program that
 * cannot be executed ends with 127. One program at a time.
 */
int watch_start(struct watch *w, char *const argv[]);
/*
 * Wait for the next call. Returns 1; 0 when the program has ended; -errno;
 * -ETIMEDOUT after timeout_ms without a call.
 */
int watch_next(struct watch *w, struct seccomp_notif *call, int timeout_ms);

/* The call returns value, and is not made. */
int watch_answer(struct watch *w, const struct seccomp_notif *call,
		 int64_t value);
/* The call is made. */
int watch_pass(struct watch *w, const struct seccomp_notif *call);

/* Whether the thread still waits; it may have been killed. */
bool watch_waits(struct watch *w, const struct seccomp_notif *call);

/*
 * The memory of the thread that waits in call. Both return 0 or -errno: -ENOENT
 * when it waits no more, so that the memory may be another's.
 */
int watch_read(struct watch *w, const struct seccomp_notif *call, uint64_t at,
	       void *buf, size_t n);
int watch_write(struct watch *w, const struct seccomp_notif *call, uint64_t at,
		const void *buf, size_t n);

#endif
