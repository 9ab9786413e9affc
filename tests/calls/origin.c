/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "origin.h"
#include "symbols.h"

enum { MOST_FRAMES = 100, SCANNED_WORDS = 64, MOST_STACK = 1 << 24 };

/* Memory, threads and signals: every runtime has its own way. */
static const char *const always[] = {
	"arch_prctl",
	"brk",
	"exit",
	"futex",
	"futex_wait",
	"futex_waitv",
	"futex_wake",
	"get_robust_list",
	"madvise",
	"membarrier",
	"mprotect",
	"mremap",
	"munmap",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"sigaltstack",
};

/* What Go's runtime also calls, when it cannot be told by a name. */
static const char *const nameless[] = {
	"epoll_create1",     "epoll_ctl",     "epoll_pwait",
	"eventfd2",	     "getpid",	      "gettid",
	"nanosleep",	     "pipe2",	      "prlimit64",
	"sched_getaffinity", "tgkill",	      "timer_create",
	"timer_delete",	     "timer_settime",
};

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool listed(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is(const struct record *r, const char *name)
{
	return strcmp(r->name, name) == 0;
}

static bool starts_thread(struct watch *w, const struct seccomp_notif *call,
			  const struct record *r)
{
	uint64_t flags = call->data.args[0];

	if (is(r, "clone3") &&
	    watch_read(w, call, call->data.args[0], &flags, sizeof(flags)) < 0)
		return false;
	return (is(r, "clone") || is(r, "clone3")) && flags & CLONE_THREAD;
}

static bool by_name(struct watch *w, const struct seccomp_notif *call,
		    const struct record *r)
{
	const __u64 *args = call->data.args;

	if (is(r, "mmap"))
		return args[3] & MAP_ANONYMOUS;
	/* PR_SET_VMA names anonymous memory. */
	if (is(r, "prctl"))
		return args[0] == 0x53564d41;
	/* glibc's start: the size of the stack. */
	if (is(r, "prlimit64"))
		return args[0] == 0 && args[1] == RLIMIT_STACK && !args[2];
	/* glibc's malloc makes a key. */
	if (is(r, "getrandom"))
		return args[1] == 8 && args[2] == GRND_NONBLOCK;
	return listed(r->name, always, sizeof(always) / sizeof(always[0])) ||
	       starts_thread(w, call, r);
}

/* For all that is mapped, "" where no name is known. */
static const char *name_at(struct process *p, uint64_t address)
{
	struct mapping *m = process_mapping(p, address);

	return m ? function_at(p, m, address) : "";
}

static bool is_gate(const char *function)
{
	return (begins(function, "internal/runtime/syscall") ||
		begins(function, "runtime/internal/syscall")) &&
	       strstr(function, ".Syscall6");
}

static bool is_runtime(const char *function)
{
	return begins(function, "runtime.") || begins(function, "runtime/") ||
	       begins(function, "internal/runtime/");
}

/*
 * A frame pointer is followed by the return address, and points to the next
 * pair. Find the first above at. Returns 0 when there is none.
 */
static uint64_t first_frame(struct watch *w, const struct seccomp_notif *call,
			    struct process *p, uint64_t at)
{
	uint64_t words[SCANNED_WORDS];

	if (watch_read(w, call, at, words, sizeof(words)) < 0)
		return 0;
	for (size_t i = 0; i + 1 < SCANNED_WORDS; i++) {
		uint64_t here = at + i * sizeof(words[0]);

		if (words[i] > here && words[i] - here < MOST_STACK &&
		    strchr(name_at(p, words[i + 1]), '.'))
			return here;
	}
	return 0;
}

/* Whether Go initialises packages: the callers are looked through. */
static bool before_main(struct watch *w, const struct seccomp_notif *call,
			struct process *p, uint64_t sp)
{
	uint64_t frame = first_frame(w, call, p, sp), pair[2];

	for (int i = 0; frame && i < MOST_FRAMES; i++) {
		if (watch_read(w, call, frame, pair, sizeof(pair)) < 0)
			return false;
		if (begins(name_at(p, pair[1]), "runtime.doInit"))
			return true;
		frame = pair[0] > frame ? pair[0] : 0;
	}
	return false;
}

/*
 * All calls of package syscall and some of the runtime pass one gate, which has
 * no frame: on top of the stack is where it returns to or, on aarch64, where
 * its caller does.
 */
static enum origin through_gate(struct watch *w,
				const struct seccomp_notif *call,
				struct process *p, const char *function)
{
	uint64_t sp = thread_stack((pid_t)call->pid), back;

	if (is_gate(function) && sp &&
	    watch_read(w, call, sp, &back, sizeof(back)) == 0 &&
	    is_runtime(name_at(p, back)))
		return RUNTIME;
	return sp && before_main(w, call, p, sp) ? START : PROGRAM;
}

/* What Go's runtime does for all to see. */
static bool is_seen(const struct seccomp_notif *call, const struct record *r)
{
	return is(r, "exit_group") ||
	       (is(r, "write") &&
		(call->data.args[0] == 1 || call->data.args[0] == 2));
}

static enum origin in_go(struct watch *w, const struct seccomp_notif *call,
			 struct process *p, const struct record *r,
			 const char *function)
{
	if (is_runtime(function) && is(r, "rt_sigaction"))
		p->started = true;
	if (is_seen(call, r))
		return PROGRAM;
	if (is_runtime(function) && !is_gate(function))
		return RUNTIME;
	return through_gate(w, call, p, function);
}

static bool is_loader(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return begins(name, "ld-linux") || begins(name, "ld-2");
}

static bool is_start(const char *function)
{
	return begins(function, "_dl_") || begins(function, "__libc_start") ||
	       begins(function, "__libc_setup") ||
	       begins(function, "__libc_init");
}

static const struct object *program_of(struct process *p)
{
	static const struct object none;
	char path[4096];

	for (size_t i = 0; i < p->nr_maps; i++)
		if (p->maps[i].path[0] == '/' &&
		    process_program(p, path, sizeof(path)) &&
		    strcmp(p->maps[i].path, path) == 0)
			return object_of(p, &p->maps[i]);
	return &none;
}

static enum origin in_c(struct process *p, const struct mapping *m,
			const char *function)
{
	const struct object *program = program_of(p);

	if (is_loader(m->path))
		return LOADER;
	if (is_start(function) || (program->is_go && !p->started))
		return START;
	return PROGRAM;
}

bool origin_guess(const char *name)
{
	return listed(name, nameless, sizeof(nameless) / sizeof(nameless[0]));
}

enum origin origin_of(struct watch *w, const struct seccomp_notif *call,
		      struct process *p, const struct record *r)
{
	uint64_t ip = call->data.instruction_pointer;
	struct mapping *m = process_mapping(p, ip);
	const struct object *object;
	enum origin from;
	const char *name;

	if (!m)
		return by_name(w, call, r) ? LISTED : PROGRAM;
	object = object_of(p, m);
	name = function_at(p, m, ip);
	if (object->is_go && !object->named)
		from = origin_guess(r->name) ? GUESSED : PROGRAM;
	else if (object->is_go && strchr(name, '.'))
		from = in_go(w, call, p, r, name);
	else
		from = in_c(p, m, name);
	return from == PROGRAM && by_name(w, call, r) ? LISTED : from;
}
