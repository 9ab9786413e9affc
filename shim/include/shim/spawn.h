/* SPDX-License-Identifier: MIT */
/*
 * Starting programs, and waiting for them.
 *
 *	shim_spawn_start(&child, &options, memory, sizeof(memory));
 *	shim_spawn_capture(&child, &io, NULL);	  with SHIM_SPAWN_IN, OUT, ERR
 *	shim_spawn_wait(&child, NULL, &info);
 *	shim_spawn_close(&child);
 *
 * Results are 0 or -errno. After a failed start there is no child, and
 * child.failed names what failed: "chdir", "execve". The caller owns all
 * memory; what the start needs is free again when it returns. Descriptors in
 * a struct shim_spawn are the caller's, close-on-exec, until the close. One
 * thread at a time uses a struct; any number of them may start programs.
 *
 * How it works. Options become a program of steps, and a child that shares the
 * caller's memory runs it, from assembly and with nothing but system calls.
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
#define SHIM_SPAWN_PROGRAM_HEARD 144
#define SHIM_SPAWN_PROGRAM_ACTION 152

/* And those of struct shim_clone_args that clone(2) gets. */
#define SHIM_SPAWN_ARGS_FLAGS 0
#define SHIM_SPAWN_ARGS_PIDFD 8
#define SHIM_SPAWN_ARGS_CHILD_TID 16
#define SHIM_SPAWN_ARGS_EXIT_SIGNAL 32
#define SHIM_SPAWN_ARGS_STACK 40
#define SHIM_SPAWN_ARGS_STACK_SIZE 48

#define SHIM_SPAWN_REG_MASK 7

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

enum { SHIM_SPAWN_NR_REGS = SHIM_SPAWN_REG_MASK + 1 };

/* The steps, and what parent and child tell each other. */
struct shim_spawn_program {
	struct shim_spawn_step *steps;
	uint32_t nr_steps;
	/*
	 * Not 0 from before clone3 until the child runs another program or is
	 * gone: then the kernel writes 0 and wakes a shared futex.
	 */
	uint32_t tid;
	/* The child's last word: an errno and the step that gave it, or 0. A
	 * step beyond the last stands for rt_sigaction, before the first. */
	uint32_t error;
	uint32_t failed;
	/* The error of the steps with TRY, as far as they have come. */
	uint32_t try_error;
	uint32_t try_failed;
	uint64_t regs[SHIM_SPAWN_NR_REGS];
	struct shim_timespec pause; /* between retries */
	uint64_t mask; /* the signals that the new program has blocked */
	/* The rest is the parent's: the child's stack, and whether mask is set
	 * or becomes that of the thread that starts the child. */
	void *stack;
	uint64_t stack_size;
	uint64_t has_mask;
	/* Signals that get their default action before the first step, where
	 * the kernel does not do that; and this action, all zero. */
	uint64_t heard;
	struct shim_sigaction action;
	uint32_t has_heard;
	/* Not 0 when the parent has filled in the steps behind a wait. */
	uint32_t filled;
};

/* A descriptor for the new program: the caller's from becomes to. */
struct shim_spawn_fd {
	int from; /* -1: the new program does not have to */
	int to;
};

/* Flags of struct shim_spawn_options. */
enum {
	SHIM_SPAWN_IN = 1 << 0,	      /* a pipe to descriptor 0 */
	SHIM_SPAWN_OUT = 1 << 1,      /* a pipe from descriptor 1 */
	SHIM_SPAWN_ERR = 1 << 2,      /* a pipe from descriptor 2 */
	SHIM_SPAWN_KEEP_FDS = 1 << 3, /* only close-on-exec ones are closed */
	SHIM_SPAWN_FCHDIR = 1 << 4,   /* cwd_fd is the working directory */
	SHIM_SPAWN_SETPGID = 1 << 5,  /* pgid is the group; 0: one of its own */
	SHIM_SPAWN_SETSID = 1 << 6,   /* a session of its own */
};

/*
 * What to start, and how. All zero but path: the program at that path, with
 * neither arguments nor environment, in the caller's directory, with its signal
 * mask, and with its descriptors 0 to 2 as they are and no others.
 *
 * The order is: session and group, directory, descriptors, signal mask, exec.
 * So a relative path or directory of the search begins at the new directory.
 */
struct shim_spawn_options {
	const char *path;
	/*
	 * Directories with ':' between them, as in PATH; one that is empty is
	 * the working directory. A path without '/' is looked for in each.
	 * NULL: the path is taken as it is.
	 */
	const char *search;
	char *const *argv; /* ends with NULL, as envp does */
	char *const *envp;
	const char *cwd; /* NULL: the caller's */
	int cwd_fd;
	unsigned flags; /* SHIM_SPAWN_* */
	/* In any order, swapped or not, which needs a free number above all;
	 * each to stands once. */
	const struct shim_spawn_fd *fds;
	size_t nr_fds;
	const uint64_t *mask; /* signals to block; NULL: as the caller does */
	int pgid;
	/* How often, 0 to 255, a program that is open for writing (ETXTBSY) is
	 * tried again, after a millisecond each. */
	unsigned retries;
};

/* A program that was started. */
struct shim_spawn {
	int pid;
	int pidfd;  /* -1 where the kernel has none */
	int waited; /* the status was taken: pid may be somebody else's */
	/* The caller's ends of the pipes, or -1. One that the caller closes
	 * itself, it makes -1. */
	int in, out, err;
	/*
	 * After an error, what failed: a call of the child ("chdir", "dup3",
	 * "execve", ...) or of the caller ("pipe2", "clone", ...), or
	 * "options"; NULL else.
	 */
	const char *failed;
};

/* What shim_spawn_capture() moves; lengths begin at 0. */
struct shim_spawn_io {
	const void *in;
	size_t in_size;
	size_t in_len; /* how much the program has taken */
	void *out;
	size_t out_size;
	size_t out_len; /* how much there was: what exceeds the size is lost */
	void *err;
	size_t err_size;
	size_t err_len;
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How much memory shim_spawn_start() needs for these options: the steps, the
 * strings of the search and the child's stack. 4096 bytes are enough unless
 * there are many descriptors or a long search.
 */
size_t shim_spawn_size(const struct shim_spawn_options *options);

/*
 * Start a program, and wait until it runs. The memory, aligned like a pointer,
 * is the caller's again when the call returns, whatever it returns.
 *
 * Returns 0, or -errno: then no child is left, nor a descriptor, and
 * child->failed says what failed. -EINVAL with "options" is a mistake in them,
 * or too little memory. EINTR is retried.
 *
 * A kernel or a sandbox may lack calls: each start finds out, and does without.
 * Without clone3 (or its CLONE_CLEAR_SIGHAND) it is clone, and the child gives
 * each signal that the caller does not ignore its default action itself.
 * Without close_range the child waits while the caller lists /proc/PID/fd; when
 * that cannot be read the error is close_range's. Where processes cannot share
 * memory (qemu-user) the child gets a copy, and the error comes back in a
 * mapping that both share.
 *
 * A child that a signal kills before exec was started: the wait tells.
 */
int shim_spawn_start(struct shim_spawn *child,
		     const struct shim_spawn_options *options, void *memory,
		     size_t size);

/*
 * Wait until the program has ended, but not longer than timeout, unless that is
 * NULL. Returns 0 with info->si_code (CLD_EXITED, CLD_KILLED, CLD_DUMPED) and
 * info->status, the exit status or the signal; -ETIMEDOUT; or -errno. -ECHILD:
 * the status was taken already, or the caller ignores SIGCHLD, so that the
 * kernel keeps none. EINTR is retried. Without a pidfd, a wait with a timeout
 * looks again and again, and may notice the end 10 ms late.
 */
int shim_spawn_wait(struct shim_spawn *child,
		    const struct shim_timespec *timeout,
		    struct shim_siginfo *info);

/* Send a signal to the program. -ESRCH: it has ended and was waited for. */
int shim_spawn_kill(const struct shim_spawn *child, int signal);

/*
 * Feed the program and read both of its outputs, as they come, until it has
 * closed them; then the pipes are closed. It may close its input before it has
 * taken all, as "head" does: no error, and no SIGPIPE.
 *
 * Returns 0, -ETIMEDOUT or -errno. After a timeout the call may be repeated
 * with the same io, and goes on. It does not wait for the program itself, but
 * for everybody who has inherited an end of the pipes.
 */
int shim_spawn_capture(struct shim_spawn *child, struct shim_spawn_io *io,
		       const struct shim_timespec *timeout);

/*
 * Close what is open of the pipes, and the pidfd. A program that was not waited
 * for goes on, and stays a zombie after its end.
 */
void shim_spawn_close(struct shim_spawn *child);

/*
 * A pipe: fds[0] is the end to read from, fds[1] the one to write to, both
 * close-on-exec. size is how much it should hold; 0: as the kernel likes.
 * Returns 0, or -errno and there is no pipe.
 */
int shim_spawn_pipe(int fds[2], int size);

/*
 * The parts of shim_spawn_start(), for programs of steps that are not made from
 * options.
 *
 * Make a program in memory; pipes are the child's ends where the flags ask for
 * some. Returns 0, or -EINVAL.
 */
int shim_spawn_compile(const struct shim_spawn_options *options,
		       const int pipes[3], void *memory, size_t size,
		       struct shim_spawn_program **program);

/* Nothing is started, nothing is open: for shim_spawn_launch(). */
void shim_spawn_init(struct shim_spawn *child);

/* Prepare the program of nr_steps steps. All other fields become 0. */
void shim_spawn_program_init(struct shim_spawn_program *program,
			     struct shim_spawn_step *steps, unsigned nr_steps,
			     void *stack, size_t stack_size);

/*
 * Let a new child run the program. Returns 0, or -errno and there is no child.
 * On success program, steps and stack are the child's until
 * shim_spawn_join() has returned. -EINVAL with "options": there is no stack;
 * with "clone": memory cannot be shared, which these programs are for.
 */
int shim_spawn_launch(struct shim_spawn *child,
		      struct shim_spawn_program *program);

/*
 * Wait until the child runs another program or is gone. Returns 0, or the error
 * of the step that failed; the child is then waited for and closed.
 */
int shim_spawn_join(struct shim_spawn *child,
		    struct shim_spawn_program *program);

/* The name of a step in errors: that of its call, or "step". */
const char *shim_spawn_step_name(const struct shim_spawn_step *step);

/*
 * clone3(2) with args and, in the child, the program; or, when size is 0,
 * clone(2) with what it knows of args. It is the kernel's result for the
 * parent; the child, on the stack that args names, does not return. Alone in
 * its object, so that a program can define the symbol itself.
 */
long shim_spawn_child(struct shim_clone_args *args, size_t size,
		      struct shim_spawn_program *program);

#ifdef __cplusplus
}
#endif

#endif

#endif
