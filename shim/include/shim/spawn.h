/* SPDX-License-Identifier: MIT */
/*
 * Starting programs: options become a program of steps, and a child that shares
 * the caller's memory runs it, from assembly and with nothing but system calls.
 *
 * The child has no code of C or Go: it may neither allocate nor take a lock,
 * for the thread that held one does not exist in it. So all that can be decided
 * is decided before, by the parent, and a step is one system call with what to
 * do about its result. The format below is that of C and of Go, on every CPU.
 *
 * Everything that a program points to lies where the parent's threads leave it
 * alone, until the kernel has made tid 0: the child then has memory of its own,
 * because it runs another program, or none.
 */
#ifndef SHIM_SPAWN_H
#define SHIM_SPAWN_H

/*
 * The flags of a step. What is not set costs nothing; bits that have no name
 * are 0.
 *
 *   0      IGNORE: an error is a result like any other.
 *   1      SAVE: the result goes into the register that bits 16 to 18 number.
 *   2      TRY: one of several ways to the same end, as the directories of PATH
 *          are. Success ends the program. ENOENT, ENOTDIR and EACCES lead to
 *          the next step; at the end of the program the first EACCES, else the
 *          last of these errors, is the error of the program. Every other error
 *          ends the program.
 *   3      WAIT: the call is futex(2), and is made until the word at argument 0
 *          is no longer argument 2. EAGAIN and EINTR are no errors.
 *   4      EACH: the call is made for argument 0, argument 0 plus 1, and so on
 *          up to argument 5, which the kernel does not get; not at all when
 *          that is smaller. Both are compared as unsigned.
 *   8-13   ARG(i): argument i is the number of a register, whose value it is.
 *   16-18  REG(r): the register of SAVE.
 *   24-31  RETRY(n): up to n times, ETXTBSY is answered by a pause and by
 *          making the call again.
 */
#define SHIM_SPAWN_STEP_IGNORE 0x1
#define SHIM_SPAWN_STEP_SAVE 0x2
#define SHIM_SPAWN_STEP_TRY 0x4
#define SHIM_SPAWN_STEP_WAIT 0x8
#define SHIM_SPAWN_STEP_EACH 0x10
#define SHIM_SPAWN_STEP_ARG(i) (0x100 << (i))
#define SHIM_SPAWN_STEP_REG(r) ((r) << SHIM_SPAWN_STEP_REG_SHIFT)
#define SHIM_SPAWN_STEP_REG_SHIFT 16
#define SHIM_SPAWN_STEP_RETRY(n) ((uint32_t)(n) << SHIM_SPAWN_STEP_RETRY_SHIFT)
#define SHIM_SPAWN_STEP_RETRY_SHIFT 24

/* Where the fields of a step lie, for the assembler. */
#define SHIM_SPAWN_STEP_NR 0
#define SHIM_SPAWN_STEP_FLAGS 4
#define SHIM_SPAWN_STEP_ARGS 8
#define SHIM_SPAWN_STEP_SIZE 56

/* Likewise those of a program that the child looks at. */
#define SHIM_SPAWN_PROGRAM_STEPS 0
#define SHIM_SPAWN_PROGRAM_NR_STEPS 8
#define SHIM_SPAWN_PROGRAM_ERROR 16
#define SHIM_SPAWN_PROGRAM_FAILED 20
#define SHIM_SPAWN_PROGRAM_TRY_ERROR 24
#define SHIM_SPAWN_PROGRAM_TRY_FAILED 28
#define SHIM_SPAWN_PROGRAM_REGS 32
#define SHIM_SPAWN_PROGRAM_PAUSE 96

/* The exit status of a child whose program failed; 0 when it only ended. */
#define SHIM_SPAWN_EXIT_FAILED 127

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include <shim/sys.h>

/* One system call of the child. */
struct shim_spawn_step {
	uint32_t nr;
	uint32_t flags; /* SHIM_SPAWN_STEP_* */
	uint64_t args[6];
};

enum { SHIM_SPAWN_NR_REGS = 8 };

/* The steps, and what parent and child tell each other. */
struct shim_spawn_program {
	struct shim_spawn_step *steps;
	uint32_t nr_steps;
	/*
	 * Not 0 from before clone3 until the child runs another program or is
	 * gone: then the kernel writes 0 and wakes a shared futex.
	 */
	uint32_t tid;
	/* The child's last word: an errno and the step that gave it, or 0. */
	uint32_t error;
	uint32_t failed;
	/* The error of the steps with TRY, as far as they have come. */
	uint32_t try_error;
	uint32_t try_failed;
	uint64_t regs[SHIM_SPAWN_NR_REGS];
	struct shim_timespec pause; /* between retries */
	uint64_t mask; /* the signals that the new program has blocked */
};

#endif

#endif
