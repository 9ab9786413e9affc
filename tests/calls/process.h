/* SPDX-License-Identifier: MIT */
/*
 * What /proc tells of the processes whose calls arrive. Every function takes
 * the number of a thread that waits in a call.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t start, end, offset;
	char *path;	  /* as /proc has it; empty for memory without a file */
	const void *file; /* symbols.c */
};

struct process {
	pid_t pid;
	int number;    /* 1 is the program, its children follow */
	bool is_copy;  /* of this process: the program does not run yet */
	bool exec;     /* it is about to run another program */
	bool started;  /* the Go runtime is past its start; origin.c */
	uint64_t auxv; /* tells one program from the next */
	struct mapping *maps;
	size_t nr_maps;
	struct process *next;
};

struct processes {
	struct process *first;
	int nr;
	uint64_t own_auxv;
};

void processes_init(struct processes *all);
void processes_exit(struct processes *all);
/*
 * The process of a thread, NULL when the thread is gone. A process that is new
 * is added when it runs a program; until then is_copy is set.
 */
struct process *process_of(struct processes *all, pid_t thread);
/* NULL when nothing is mapped there. */
struct mapping *process_mapping(struct process *p, uint64_t address);
/* What is behind a descriptor, as "/etc/passwd" or "socket"; false: closed. */
bool process_fd(const struct process *p, int fd, char *name, size_t size);
/* The path of what it runs, as a mapping has it. */
bool process_program(const struct process *p, char *path, size_t size);
/* Where the stack of the thread is, or 0. */
uint64_t thread_stack(pid_t thread);

#endif
