/* SPDX-License-Identifier: MIT */
/* For record.c: arguments of one kind each, and what is behind them. */
#ifndef VALUE_H
#define VALUE_H

#include "record.h"

/* What is read of a buffer at most. */
enum { MOST_BYTES = 1 << 16 };

/* The call whose argument is described. */
struct view {
	struct watch *w;
	const struct seccomp_notif *call;
	struct process *process;
	const struct call *spec;
	int *unread;
	uint64_t v[MAX_ARGS]; /* in the order of the specification */
};

/* Memory of the caller's. */
bool get(struct view *v, uint64_t at, void *buf, size_t n);

/* Each fills a value that is zero. */
void set_text(struct value *value, const char *text);
void set_pointer(struct view *v, struct value *value, uint64_t at);
void set_buffer(struct view *v, struct value *value, uint64_t at, uint64_t n,
		bool is_structure);
void set_string(struct view *v, struct value *value, uint64_t at);
/* argv and envp, which is mostly long and the same: it is counted. */
void set_strings(struct view *v, struct value *value, uint64_t at, bool count);
/*
 * Iovecs: the bytes, one after the other, or the sizes when those are to be
 * filled. A struct msghdr: name, iovecs, control data.
 */
void set_parts(struct view *v, struct value *value, uint64_t at, uint64_t nr,
	       bool filled);
void set_message(struct view *v, struct value *value, uint64_t at, bool filled);
/* An address of a socket. */
void set_address(struct view *v, struct value *value, uint64_t at, uint64_t n);
/* Two words, of which the second counts units of a second. */
void set_time(struct view *v, struct value *value, uint64_t at, double unit);
/* Descriptors differ; what is behind them must not. */
void set_fd(struct view *v, struct value *value, int fd);
/* nr struct pollfd. */
void set_polled(struct view *v, struct value *value, uint64_t at, uint64_t nr);
/* Numbers of processes differ, too. */
void set_pid(struct view *v, struct value *value, int pid);
void set_output(struct value *value, uint64_t n);

#endif
