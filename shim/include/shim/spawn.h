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
 *   3      WAIT: the call waits for the parent. EINTR is answered by making it
 *          again; a result of 0, the end of a pipe, is the error ECANCELED.
 *   4      EACH: the call is made for argument 0, argument 0 plus 1, and so on
 *          up to argument 5, which the kernel does not get; not at all when
 *          that is smaller. Both are compared as unsigned.
 *   5      PARENT: a result that is neither 0 nor argument 5 is the error
 *          ECANCELED: of getppid(2), when the parent has ended. It is 0 in
 *          a new PID namespace, which cannot see its parent.
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
#define SHIM_SPAWN_STEP_PARENT 0x20
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
	/* What the parent writes when a child that waits may go on. */
	uint32_t filled;
	/* What the child begins in: SHIM_CLONE_NEW*, and with
	 * SHIM_CLONE_INTO_CGROUP the cgroup of that descriptor. */
	uint64_t clone_flags;
	uint64_t cgroup;
};

/* A descriptor for the new program: the caller's from becomes to. */
struct shim_spawn_fd {
	int from; /* -1: the new program does not have to */
	int to;
};

/* Flags of struct shim_spawn_options. */
enum {
	SHIM_SPAWN_IN = 1 << 0,		 /* a pipe to descriptor 0 */
	SHIM_SPAWN_OUT = 1 << 1,	 /* a pipe from descriptor 1 */
	SHIM_SPAWN_ERR = 1 << 2,	 /* a pipe from descriptor 2 */
	SHIM_SPAWN_KEEP_FDS = 1 << 3,	 /* only close-on-exec ones close */
	SHIM_SPAWN_FCHDIR = 1 << 4,	 /* cwd_fd is the directory */
	SHIM_SPAWN_SETPGID = 1 << 5,	 /* pgid is the group; 0: its own */
	SHIM_SPAWN_SETSID = 1 << 6,	 /* a session of its own */
	SHIM_SPAWN_EXEC_FD = 1 << 7,	 /* exec_fd is the program */
	SHIM_SPAWN_SETCTTY = 1 << 8,	 /* ctty_fd; wants SETSID */
	SHIM_SPAWN_NOCTTY = 1 << 9,	 /* leave the terminal at 0 */
	SHIM_SPAWN_FOREGROUND = 1 << 10, /* of foreground_fd; SETPGID */
	SHIM_SPAWN_UMASK = 1 << 11,	 /* umask */
	SHIM_SPAWN_NICE = 1 << 12,	 /* nice */
	SHIM_SPAWN_SETUID = 1 << 13,	 /* uid */
	SHIM_SPAWN_SETGID = 1 << 14,	 /* gid */
	SHIM_SPAWN_SETGROUPS = 1 << 15,	 /* groups, which may be none */
	SHIM_SPAWN_ALLOW_SETGROUPS = 1 << 16, /* in spite of gids */
	SHIM_SPAWN_CGROUP = 1 << 17,	      /* cgroup_fd */
	SHIM_SPAWN_NO_NEW_PRIVS = 1 << 18,    /* nothing gains rights by exec */
	SHIM_SPAWN_LANDLOCK = 1 << 19,	      /* landlock_fd */
	SHIM_SPAWN_TRACEME = 1 << 20,	      /* the caller is its tracer */
	SHIM_SPAWN_COPY = 1 << 21,	      /* no memory shared before exec */
	SHIM_SPAWN_NO_PIDFD = 1 << 22,	      /* known by its number alone */
};

/* A limit, as prlimit64(2) has it. */
struct shim_spawn_limit {
	unsigned resource; /* SHIM_RLIMIT_* */
	struct shim_rlimit64 limit;
};

/* A range of users or groups of a user namespace. */
struct shim_spawn_map {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

/* A call of mount(2). */
struct shim_spawn_mount {
	const char *source;
	const char *target;
	const char *fstype;
	unsigned long flags; /* SHIM_MS_* */
	const void *data;
};

/*
 * What a program's capabilities become, as bits: all five sets. Those of a
 * program that runs as another user than 0 come from the ambient set, which is
 * part of permitted and inheritable; those of user 0 are what bounding leaves.
 */
struct shim_spawn_caps {
	uint64_t bounding; /* others are dropped; ~0: none */
	uint64_t permitted;
	uint64_t effective;
	uint64_t inheritable;
	uint64_t ambient;
};

/* What is added to the clocks of a time namespace. */
struct shim_spawn_time {
	struct shim_timespec monotonic;
	struct shim_timespec boottime;
};

/*
 * What to start, and how. All zero but path: the program at that path, whose
 * only argument is the path, without an environment, in the caller's directory,
 * with its signal mask, and with its descriptors 0 to 2 as they are and no
 * others.
 *
 * This is the order, each only if it was asked for:
 *
 *	namespaces, cgroup	with the child itself; then its maps
 *	session, group, foreground
 *	signals			defaults, then ignore
 *	umask, nice, sched, cpus
 *	unshare, time namespace
 *	mounts private, pivot_root begins, mounts, pivot_root ends; or chroot;
 *				then the directory is "/"
 *	cwd_fd
 *	no_new_privs, Landlock
 *	descriptors		by fds, and the rest is closed
 *	terminal		ctty_fd is one of the new descriptors
 *	limits
 *	capabilities, groups, gid, uid
 *	cwd			as the new user
 *	pdeathsig, trace
 *	seccomp filter		it must let pass what follows
 *	signal mask		rt_sigprocmask(2)
 *	exec			execve(2), or execveat(2) of exec_fd
 *	or the end		exit_group(2)
 *
 * So a relative path or directory of the search begins at the new directory.
 *
 * A child that changes its user or group does not share the caller's memory, as
 * if COPY was set: the kernel would make the caller, too, one that cannot be
 * traced and whose /proc/self belongs to root (PR_SET_DUMPABLE), and to undo
 * that is a race between threads. Nor does one in a new time namespace, for
 * on 5.10 and 6.1 that does not begin with exec. A copy costs as much as
 * fork(2): the more, the more memory the caller has.
 *
 * A pidfd costs about a tenth of the start of a small program. Who only waits,
 * without a timeout, does as well with NO_PIDFD.
 */
struct shim_spawn_options {
	const char *path; /* NULL with EXEC_FD only */
	/*
	 * Directories with ':' between them, as in PATH; one that is empty is
	 * the working directory. A path without '/' is looked for in each.
	 * NULL: the path is taken as it is.
	 */
	const char *search;
	/* Ends with NULL, as envp does. NULL: the path alone. */
	char *const *argv;
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

	/*
	 * An open program, which needs no path any more: a memfd, say. It is
	 * closed by exec; a script, whose interpreter reads it, wants a path.
	 */
	int exec_fd;
	int ctty_fd;	   /* of the program: its controlling terminal */
	int foreground_fd; /* of the caller: a terminal, for the group */
	/* Signals, bit 0 is number 1: those that get their default action
	 * though the caller ignores them, and those that are ignored. */
	uint64_t defaults;
	uint64_t ignore;
	/* When the thread that starts it ends; 0: none. A program whose parent
	 * has ended before does not run; in a new PID namespace that cannot be
	 * seen, and it does. */
	int pdeathsig;

	unsigned umask;
	int nice;			     /* -20 to 19 */
	const struct shim_sched_attr *sched; /* NULL: the caller's */
	const uint64_t *cpus;		     /* bits; NULL: the caller's */
	size_t cpus_size;		     /* in bytes */
	const struct shim_spawn_limit *limits;
	size_t nr_limits;

	uint32_t uid; /* real, effective and saved */
	uint32_t gid;
	const uint32_t *groups;
	size_t nr_groups;
	const struct shim_spawn_caps *caps; /* NULL: as the kernel does */

	/* SHIM_CLONE_NEW*: those the program begins in, and more flags for
	 * unshare(2). */
	uint64_t namespaces;
	uint64_t unshare;
	/*
	 * Users and groups of a new user namespace; the caller writes them, or
	 * starts the programs at these paths for it: "/usr/bin/newuidmap".
	 * setgroups(2) is denied where there are gids, unless it is allowed;
	 * without rights in the caller's namespace it must be denied.
	 */
	const struct shim_spawn_map *uids;
	const struct shim_spawn_map *gids;
	size_t nr_uids;
	size_t nr_gids;
	const char *newuidmap;
	const char *newgidmap;
	const struct shim_spawn_time *time; /* of a new time namespace */

	int cgroup_fd; /* a directory of a cgroup, version 2 */
	/*
	 * The root directory; or, in a new mount namespace, the only directory
	 * that remains of the file systems, but for what is mounted on it
	 * before: relative targets of mounts begin there, sources at the old
	 * root. No mount reaches another namespace.
	 */
	const char *chroot;
	const char *pivot_root;
	const struct shim_spawn_mount *mounts;
	size_t nr_mounts;

	/* Both want NO_NEW_PRIVS, or CAP_SYS_ADMIN. On 5.10 a filter that kills
	 * before exec kills the caller, too, unless with COPY. */
	int landlock_fd; /* a ruleset */
	const struct shim_sock_fprog *filter;
};

/* A program that was started. */
struct shim_spawn {
	int pid;
	int pidfd;  /* -1 with NO_PIDFD, and where the kernel has none */
	int waited; /* the status was taken: pid may be somebody else's */
	int group;  /* the process group that was made for it, or 0 */
	/* The caller's ends of the pipes, or -1. One that the caller closes
	 * itself, it makes -1. */
	int in, out, err;
	/*
	 * After an error of a start or a wait but -ETIMEDOUT, what failed: a
	 * step of the child ("chdir", "dup3", "rlimit NOFILE", "execve", ...),
	 * a call of the caller ("pipe2", "clone", "uid_map", ...), or an option
	 * ("options: retries"); NULL else, and of a capture's errors.
	 */
	const char *failed;
};

/* Flags of struct shim_spawn_io. */
enum {
	SHIM_SPAWN_LIMIT = 1 << 0, /* more than a size is -ENOBUFS */
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
	unsigned flags; /* SHIM_SPAWN_LIMIT */
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How much memory shim_spawn_start() needs for these options: the steps, the
 * strings of the search and the child's stack. 4096 bytes are enough unless
 * there are many descriptors, a long search, capabilities, or programs that
 * write maps. 0: the options are wrong.
 */
size_t shim_spawn_size(const struct shim_spawn_options *options);

/*
 * Start a program, and wait until it runs. The memory, aligned like a pointer,
 * is the caller's again when the call returns, whatever it returns.
 *
 * Returns 0, or -errno: then no child is left, nor a descriptor, and
 * child->failed says what failed. -EINVAL with "options: fds" is a mistake in
 * these, or with "options: memory" too little of it. EINTR is retried.
 *
 * Only when a filter forbids the caller both to wait for exec and to kill
 * (EPERM for futex or read, and for kill) may a child be left: then child->pid
 * is not -1, and it and the pidfd are the caller's, to be waited for.
 *
 * A kernel or a sandbox may lack calls: each start finds out, and does without.
 * Without clone3 (or its CLONE_CLEAR_SIGHAND) it is clone, and the child gives
 * each signal that the caller does not ignore its default action itself.
 * Without close_range the child waits while the caller lists /proc/PID/fd; when
 * that cannot be read the error is close_range's. Where processes cannot share
 * memory (qemu-user) the child gets a copy, and the error comes back in a
 * mapping that both share. Without CLONE_INTO_CGROUP the child enters the
 * cgroup itself.
 *
 * A child that waits, for its maps or without close_range, takes three
 * descriptors of the caller meanwhile (-EMFILE with "pipe2"), or two where
 * there is no pidfd, and does not outlive a caller that is killed. Only
 * without a pidfd, when two children wait at once, may they do so.
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
 * Send a signal to the process group that was made for the program, by SETSID,
 * or by SETPGID or FOREGROUND with pgid 0: to the program and all of its
 * descendants that have not left the group. -EINVAL: no group was made for it;
 * nothing is sent. -ESRCH: nobody is left.
 *
 * The number of a group is nobody else's while its leader was not waited for.
 * After that only the pidfd knows which group is meant, from Linux 6.9: before
 * that the result is -ESRCH. So signal the group first, and wait then; that the
 * program has ended tells the pidfd, which can be polled.
 */
int shim_spawn_kill_group(const struct shim_spawn *child, int signal);

/*
 * Feed the program and read both of its outputs, as they come, until it has
 * closed them; then the pipes are closed. It may close its input before it has
 * taken all, as "head" does: no error, and no SIGPIPE.
 *
 * Returns 0, -ETIMEDOUT or -errno. After a timeout the call may be repeated
 * with the same io, and goes on. It does not wait for the program itself, but
 * for everybody who has inherited an end of the pipes.
 *
 * -ENOBUFS, with SHIM_SPAWN_LIMIT: there was more than out_size, or err_size;
 * the length that exceeds its size says which. The program goes on, for the
 * caller to kill it, or to repeat the call without that flag.
 */
int shim_spawn_capture(struct shim_spawn *child, struct shim_spawn_io *io,
		       const struct shim_timespec *timeout);

/*
 * Close what is open of the pipes, and the pidfd. A program that was not waited
 * for goes on, and stays a zombie after its end.
 */
void shim_spawn_close(struct shim_spawn *child);

/*
 * What is wrong with the options: "options: fds", or NULL. What only the kernel
 * knows, and descriptors that stand twice in fds, the start finds.
 */
const char *shim_spawn_check(const struct shim_spawn_options *options);

/*
 * The parts of shim_spawn_start(), for programs of steps that are not made from
 * options.
 *
 * Make a program in memory; pipes are the child's ends where the flags ask for
 * some. Returns 0, or -EINVAL. One for options with uids or gids begins with a
 * wait, for both ends of one more pipe: pipes[3] is read, and the child closes
 * pipes[4]. The caller writes a byte there once the maps are written; at the
 * end of the pipe, when nobody has the other end, the program ends with
 * ECANCELED. That it runs in a copy of the memory is for shim_spawn_start() to
 * see to. With pdeathsig the program is for children of this process, not of a
 * fork of it: else ECANCELED.
 */
int shim_spawn_compile(const struct shim_spawn_options *options,
		       const int *pipes, void *memory, size_t size,
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
 * shim_spawn_join() has returned. -EINVAL with "options: stack": there is none;
 * with "clone": memory cannot be shared, which these programs are for.
 */
int shim_spawn_launch(struct shim_spawn *child,
		      struct shim_spawn_program *program);

/*
 * Wait until the child runs another program or is gone. Returns 0, or the error
 * of the step that failed; the child is then waited for and closed, but for one
 * that cannot be killed, as in shim_spawn_start().
 */
int shim_spawn_join(struct shim_spawn *child,
		    struct shim_spawn_program *program);

/* The name of a step in errors: that of its call, with the name of what it is
 * about where there are many ("rlimit NOFILE", "prctl PDEATHSIG"), or "step".
 */
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
