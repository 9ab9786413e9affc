/* SPDX-License-Identifier: MIT */
/* Options become a program of steps, in one block of memory. */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	ALIGN = 16,
	/* Only a signal or an emulator writes more there than a few words. */
	STACK_SIZE = 1024,
	RETRIES_MAX = 255,
	PAUSE_NS = 1000000,
	/* Wait, session, group, directory twice, signal mask. */
	FIXED_STEPS = 6,
	NR_FDS_MAX = 1 << 20,
	/* All that there are. */
	FLAGS = 2 * SHIM_SPAWN_SETSID - 1,
};

/* The block: program, steps, moves, strings and, at its end, the stack. */
struct room {
	size_t nr_moves, nr_steps, nr_places, strings;
};

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static int contains(const char *s, char c)
{
	for (; *s; s++)
		if (*s == c)
			return 1;
	return 0;
}

/* Not for a path, nor for nothing. */
static int searches(const struct shim_spawn_options *o)
{
	return o->search && *o->path && !contains(o->path, '/');
}

static struct room measure(const struct shim_spawn_options *o,
			   const struct shim_spawn_how *how)
{
	struct room room = {
		.nr_moves = o->nr_fds + 3 + (how->spared >= 0),
		.nr_places = 1,
	};

	if (searches(o)) {
		for (const char *p = o->search; *p; p++)
			room.nr_places += *p == ':';
		/* Each place, with '/' and a zero; the name again and again. */
		room.strings = length(o->search) +
			       room.nr_places * (length(o->path) + 2);
	}
	room.nr_steps = FIXED_STEPS + shim_spawn_move_steps(room.nr_moves) +
			room.nr_places;
	return room;
}

static size_t size_of(const struct room *room)
{
	return sizeof(struct shim_spawn_program) +
	       room->nr_steps * sizeof(struct shim_spawn_step) +
	       room->nr_moves * sizeof(struct shim_spawn_move) + room->strings +
	       STACK_SIZE + ALIGN;
}

static int valid(const struct shim_spawn_options *o)
{
	return o->path && o->retries <= RETRIES_MAX &&
	       o->nr_fds <= NR_FDS_MAX && (o->fds || !o->nr_fds) &&
	       !(o->flags & ~(unsigned)FLAGS);
}

size_t shim_spawn_size_how(const struct shim_spawn_options *options,
			   const struct shim_spawn_how *how)
{
	struct room room;

	if (!valid(options))
		return 0;
	room = measure(options, how);
	return size_of(&room);
}

static const struct shim_spawn_how usual = { 0, -1 };

size_t shim_spawn_size(const struct shim_spawn_options *options)
{
	return shim_spawn_size_how(options, &usual);
}

struct shim_spawn_step *shim_spawn_add(struct shim_spawn_program *program,
				       uint32_t nr)
{
	struct shim_spawn_step *step = &program->steps[program->nr_steps++];

	*step = (struct shim_spawn_step){ .nr = nr };
	return step;
}

void shim_spawn_program_init(struct shim_spawn_program *program,
			     struct shim_spawn_step *steps, unsigned nr_steps,
			     void *stack, size_t stack_size)
{
	*program = (struct shim_spawn_program){
		.steps = steps,
		.nr_steps = nr_steps,
		.stack = stack,
		.stack_size = stack_size,
	};
}

/* Until the parent has filled in the steps that need it. */
static void add_wait(struct shim_spawn_program *program)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_futex);

	step->flags = SHIM_SPAWN_STEP_WAIT;
	step->args[0] = shim_spawn_address(&program->filled);
	step->args[1] = SHIM_FUTEX_WAIT;
}

static void add_group(struct shim_spawn_program *program,
		      const struct shim_spawn_options *o)
{
	if (o->flags & SHIM_SPAWN_SETSID)
		shim_spawn_add(program, SHIM_NR_setsid);
	if (o->flags & SHIM_SPAWN_SETPGID)
		shim_spawn_add(program, SHIM_NR_setpgid)->args[1] =
			(uint64_t)o->pgid;
}

static void add_directory(struct shim_spawn_program *program,
			  const struct shim_spawn_options *o)
{
	if (o->flags & SHIM_SPAWN_FCHDIR)
		shim_spawn_add(program, SHIM_NR_fchdir)->args[0] =
			(uint64_t)o->cwd_fd;
	if (o->cwd)
		shim_spawn_add(program, SHIM_NR_chdir)->args[0] =
			shim_spawn_address(o->cwd);
}

static int add_fds(struct shim_spawn_program *program,
		   const struct shim_spawn_options *o, const int pipes[3],
		   const struct shim_spawn_how *how,
		   struct shim_spawn_move *moves)
{
	size_t nr = 0;
	int err;

	for (int i = 0; i < 3; i++)
		if (o->flags & (unsigned)SHIM_SPAWN_IN << i)
			moves[nr++] = (struct shim_spawn_move){
				.from = pipes[i],
				.to = i,
			};
	for (size_t i = 0; i < o->nr_fds; i++)
		moves[nr++] = (struct shim_spawn_move){
			.from = o->fds[i].from,
			.to = o->fds[i].to,
		};
	if (how->spared >= 0)
		moves[nr++] = (struct shim_spawn_move){
			.from = how->spared,
			.to = how->spared,
			.spared = 1,
		};
	err = shim_spawn_add_moves(program, moves, nr);
	if (!err && !(o->flags & SHIM_SPAWN_KEEP_FDS))
		shim_spawn_add_close(program, moves, nr, how->unclosed);
	return err;
}

/* The last step before exec: a signal that waits takes effect now. */
static void add_mask(struct shim_spawn_program *program,
		     const struct shim_spawn_options *o)
{
	struct shim_spawn_step *step =
		shim_spawn_add(program, SHIM_NR_rt_sigprocmask);

	step->args[0] = SHIM_SIG_SETMASK;
	step->args[1] = shim_spawn_address(&program->mask);
	step->args[3] = sizeof(program->mask);
	if (o->mask) {
		program->mask = *o->mask;
		program->has_mask = 1;
	}
}

static struct shim_spawn_step *add_exec(struct shim_spawn_program *program,
					const struct shim_spawn_options *o,
					const char *path)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_execve);

	step->flags = SHIM_SPAWN_STEP_RETRY(o->retries);
	step->args[0] = shim_spawn_address(path);
	step->args[1] = shim_spawn_address(o->argv);
	step->args[2] = shim_spawn_address(o->envp);
	return step;
}

/* "place/name", or "name" for the empty place. Returns the string's end. */
static char *join(char *to, const char *place, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		*to++ = place[i];
	if (n)
		*to++ = '/';
	do
		*to++ = *name;
	while (*name++);
	return to;
}

static void add_search(struct shim_spawn_program *program,
		       const struct shim_spawn_options *o, char *strings)
{
	for (const char *p = o->search;; p++) {
		const char *place = p;
		char *path = strings;

		while (*p && *p != ':')
			p++;
		strings = join(path, place, (size_t)(p - place), o->path);
		add_exec(program, o, path)->flags |= SHIM_SPAWN_STEP_TRY;
		if (!*p)
			return;
	}
}

int shim_spawn_compile_how(const struct shim_spawn_options *options,
			   const int pipes[3], const struct shim_spawn_how *how,
			   void *memory, size_t size,
			   struct shim_spawn_program **program)
{
	struct shim_spawn_program *p = memory;
	struct shim_spawn_step *steps = (void *)(p + 1);
	struct shim_spawn_move *moves;
	struct room room;
	uintptr_t end = (uintptr_t)memory + size;
	int err;

	if (!valid(options) ||
	    (uintptr_t)memory % _Alignof(struct shim_spawn_program))
		return -SHIM_EINVAL;
	room = measure(options, how);
	if (size < size_of(&room))
		return -SHIM_EINVAL;
	end -= end % ALIGN;
	moves = (void *)(steps + room.nr_steps);
	shim_spawn_program_init(p, steps, 0, (void *)(end - STACK_SIZE),
				STACK_SIZE);
	p->pause.tv_nsec = PAUSE_NS;
	if (how->unclosed)
		add_wait(p);
	add_group(p, options);
	add_directory(p, options);
	err = add_fds(p, options, pipes, how, moves);
	if (err)
		return err;
	add_mask(p, options);
	if (searches(options))
		add_search(p, options, (char *)(moves + room.nr_moves));
	else
		add_exec(p, options, options->path);
	*program = p;
	return 0;
}

int shim_spawn_compile(const struct shim_spawn_options *options,
		       const int pipes[3], void *memory, size_t size,
		       struct shim_spawn_program **program)
{
	return shim_spawn_compile_how(options, pipes, &usual, memory, size,
				      program);
}
