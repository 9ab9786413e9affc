/* SPDX-License-Identifier: MIT */
/* Options become a program of steps, in one block of memory. */
#include <shim/spawn.h>

#include "spawn_impl.h"

enum {
	ALIGN = 16,
	/* Only a signal or an emulator writes more there than a few words. */
	STACK_SIZE = 1024,
	PAUSE_NS = 1000000,
};

/* The block: program, data, steps, moves, strings and, at its end, the stack.
 */
struct room {
	size_t nr_steps, nr_moves, strings;
};

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
	return o->search && o->path && *o->path && !contains(o->path, '/');
}

struct shim_spawn_step *shim_spawn_add(struct shim_spawn_program *program,
				       uint32_t nr)
{
	struct shim_spawn_step *step = &program->steps[program->nr_steps++];

	*step = (struct shim_spawn_step){ .nr = nr };
	return step;
}

struct shim_spawn_step *shim_spawn_put(struct shim_spawn_build *b, uint32_t nr,
				       uint64_t first, uint64_t second,
				       uint64_t third, uint64_t fourth)
{
	struct shim_spawn_step *step = b->program->steps;

	if (b->strings)
		step += b->program->nr_steps;
	b->program->nr_steps++;
	*step = (struct shim_spawn_step){
		.nr = nr,
		.args = { first, second, third, fourth },
	};
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

/* A relative path of cwd then begins there. */
static void add_fchdir(struct shim_spawn_build *b)
{
	if (b->options->flags & SHIM_SPAWN_FCHDIR)
		shim_spawn_put(b, SHIM_NR_fchdir, (uint64_t)b->options->cwd_fd,
			       0, 0, 0);
}

/* The last step before exec: a signal that waits takes effect now. */
static void add_mask(struct shim_spawn_build *b)
{
	struct shim_spawn_program *p = b->program;

	shim_spawn_put(b, SHIM_NR_rt_sigprocmask, SHIM_SIG_SETMASK,
		       shim_spawn_address(&p->mask), 0, sizeof(p->mask));
	if (b->options->mask) {
		p->mask = *b->options->mask;
		p->has_mask = 1;
	}
}

static uint64_t arguments(const struct shim_spawn_build *b)
{
	if (b->options->argv)
		return shim_spawn_address(b->options->argv);
	b->data->argv[0] = b->options->path;
	return shim_spawn_address(b->data->argv);
}

static struct shim_spawn_step *add_execve(struct shim_spawn_build *b,
					  const char *path)
{
	struct shim_spawn_step *step;

	step = shim_spawn_put(b, SHIM_NR_execve, shim_spawn_address(path),
			      arguments(b),
			      shim_spawn_address(b->options->envp), 0);
	step->flags = SHIM_SPAWN_STEP_RETRY(b->options->retries);
	return step;
}

static void add_execveat(struct shim_spawn_build *b)
{
	struct shim_spawn_step *step;

	step = shim_spawn_put(b, SHIM_NR_execveat, (uint64_t)b->program_fd,
			      shim_spawn_address(""), arguments(b),
			      shim_spawn_address(b->options->envp));
	step->args[4] = SHIM_AT_EMPTY_PATH;
	step->flags = SHIM_SPAWN_STEP_RETRY(b->options->retries) |
		      b->program_fd_flags;
}

static void add_char(struct shim_spawn_build *b, char c)
{
	if (b->strings)
		b->strings[b->strings_size] = c;
	b->strings_size++;
}

/* "place/path", or "path" for the empty place. */
static const char *join(struct shim_spawn_build *b, const char *place, size_t n)
{
	const char *name = b->options->path;
	size_t start = b->strings_size;

	for (size_t i = 0; i < n; i++)
		add_char(b, place[i]);
	if (n)
		add_char(b, '/');
	do
		add_char(b, *name);
	while (*name++);
	return b->strings ? b->strings + start : NULL;
}

static void add_search(struct shim_spawn_build *b)
{
	for (const char *p = b->options->search;; p++) {
		const char *place = p;

		while (*p && *p != ':')
			p++;
		place = join(b, place, (size_t)(p - place));
		add_execve(b, place)->flags |= SHIM_SPAWN_STEP_TRY;
		if (!*p)
			return;
	}
}

static void add_exec(struct shim_spawn_build *b)
{
	if (b->options->flags & SHIM_SPAWN_EXEC_FD)
		add_execveat(b);
	else if (searches(b->options))
		add_search(b);
	else
		add_execve(b, b->options->path);
}

/* <shim/spawn.h> says why in this order. */
static void (*const groups[])(struct shim_spawn_build *) = {
	shim_spawn_add_gate,
	shim_spawn_add_cgroup,
	shim_spawn_add_session,
	shim_spawn_add_signals,
	shim_spawn_add_priority,
	shim_spawn_add_namespaces,
	shim_spawn_add_root,
	add_fchdir,
	shim_spawn_add_landlock,
	shim_spawn_add_fds,
	shim_spawn_add_terminal,
	shim_spawn_add_limits,
	shim_spawn_add_identity,
	shim_spawn_add_directory,
	shim_spawn_add_parent,
	shim_spawn_add_filter,
	add_mask,
	add_exec,
};

static void add_all(struct shim_spawn_build *b)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		groups[i](b);
}

/* Make it of nothing, to see how much that takes. */
static struct room measure(const struct shim_spawn_options *o,
			   const struct shim_spawn_how *how)
{
	const int none[3] = { -1, -1, -1 };
	struct shim_spawn_step step;
	struct shim_spawn_data data;
	struct shim_spawn_program program = { .steps = &step };
	struct shim_spawn_build b = {
		.options = o,
		.how = how,
		.pipes = none,
		.program = &program,
		.data = &data,
	};

	add_all(&b);
	return (struct room){
		.nr_steps = program.nr_steps,
		.nr_moves = shim_spawn_moves(o),
		.strings = b.strings_size,
	};
}

static size_t size_of(const struct room *room)
{
	return sizeof(struct shim_spawn_program) +
	       sizeof(struct shim_spawn_data) +
	       room->nr_steps * sizeof(struct shim_spawn_step) +
	       room->nr_moves * sizeof(struct shim_spawn_move) + room->strings +
	       STACK_SIZE + ALIGN;
}

size_t shim_spawn_size_how(const struct shim_spawn_options *options,
			   const struct shim_spawn_how *how)
{
	struct room room;

	if (shim_spawn_check(options))
		return 0;
	room = measure(options, how);
	return size_of(&room);
}

int shim_spawn_compile_how(const struct shim_spawn_options *options,
			   const int pipes[3], const struct shim_spawn_how *how,
			   void *memory, size_t size,
			   struct shim_spawn_program **program)
{
	struct shim_spawn_program *p = memory;
	struct shim_spawn_build b = {
		.options = options,
		.how = how,
		.pipes = pipes,
		.program = p,
		.data = (void *)(p + 1),
	};
	struct shim_spawn_step *steps = (void *)(b.data + 1);
	uintptr_t end = (uintptr_t)memory + size;
	struct room room;

	if (shim_spawn_check(options) ||
	    (uintptr_t)memory % _Alignof(struct shim_spawn_program))
		return -SHIM_EINVAL;
	room = measure(options, how);
	if (size < size_of(&room))
		return -SHIM_EINVAL;
	end -= end % ALIGN;
	shim_spawn_program_init(p, steps, 0, (void *)(end - STACK_SIZE),
				STACK_SIZE);
	*b.data = (struct shim_spawn_data){ 0 };
	b.moves = (void *)(steps + room.nr_steps);
	b.strings = (char *)(b.moves + room.nr_moves);
	p->pause.tv_nsec = PAUSE_NS;
	add_all(&b);
	*program = p;
	return b.err;
}

/* What a start may find missing, it needs no more memory for. */
size_t shim_spawn_size(const struct shim_spawn_options *options)
{
	const struct shim_spawn_how worst = {
		.unclosed = -SHIM_ENOSYS,
		.spared = -1,
		.enters = 1,
	};
	size_t size = shim_spawn_size_how(options, &worst);

	return size ? size + shim_spawn_helper_size(options) : 0;
}

int shim_spawn_compile(const struct shim_spawn_options *options,
		       const int *pipes, void *memory, size_t size,
		       struct shim_spawn_program **program)
{
	struct shim_spawn_how usual = {
		.spared = -1,
		.gate = SHIM_SPAWN_NO_GATE,
	};

	if (shim_spawn_waits(options, &usual)) {
		usual.gate.ends[0] = pipes[3];
		usual.gate.ends[1] = pipes[4];
	}
	return shim_spawn_compile_how(options, pipes, &usual, memory, size,
				      program);
}
