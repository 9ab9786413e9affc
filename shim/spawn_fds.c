/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of the new program, as steps. The moves are one parallel
 * assignment: what a move writes to must have been read by all others before.
 * Moves that nobody waits for are made first, each followed by the one that it
 * has set free; what remains are cycles, of which one descriptor is kept above
 * all others until the cycle is closed.
 */
#include <shim/spawn.h>

#include "spawn_impl.h"

/* A heap, for it takes no memory and its worst case is no worse. */
static void sift(struct shim_spawn_move *moves, size_t i, size_t nr)
{
	struct shim_spawn_move move = moves[i];
	size_t child;

	for (; (child = 2 * i + 1) < nr; i = child) {
		if (child + 1 < nr && moves[child + 1].to > moves[child].to)
			child++;
		if (moves[child].to <= move.to)
			break;
		moves[i] = moves[child];
	}
	moves[i] = move;
}

static void sort(struct shim_spawn_move *moves, size_t nr)
{
	for (size_t i = nr / 2; i-- > 0;)
		sift(moves, i, nr);
	while (nr-- > 1) {
		struct shim_spawn_move last = moves[nr];

		moves[nr] = moves[0];
		moves[0] = last;
		sift(moves, 0, nr);
	}
}

/* The move that writes to this descriptor, or NULL. */
static struct shim_spawn_move *writer(struct shim_spawn_move *moves, size_t nr,
				      int to)
{
	while (nr) {
		size_t half = nr / 2;

		if (moves[half].to == to)
			return &moves[half];
		if (moves[half].to < to) {
			moves += half + 1;
			nr -= half + 1;
		} else {
			nr = half;
		}
	}
	return NULL;
}

static struct shim_spawn_step *add_dup(struct shim_spawn_program *program,
				       int from, int to)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_dup3);

	step->args[0] = (uint64_t)from;
	step->args[1] = (uint64_t)to;
	return step;
}

/* From == to: it only must not be closed by exec. */
static void add_stay(struct shim_spawn_program *program, int fd)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_fcntl);

	step->args[0] = (uint64_t)fd;
	step->args[1] = SHIM_F_SETFD;
}

static void add_absence(struct shim_spawn_program *program, int fd)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_close);

	step->flags = SHIM_SPAWN_STEP_IGNORE;
	step->args[0] = (uint64_t)fd;
}

/* Make the move, then the one that it set free, and so on. */
static void follow(struct shim_spawn_program *program,
		   struct shim_spawn_move *moves, size_t nr,
		   struct shim_spawn_move *move)
{
	while (move && !move->done && !move->readers) {
		add_dup(program, move->from, move->to);
		move->done = 1;
		move = writer(moves, nr, move->from);
		if (move)
			move->readers--;
	}
}

/* first is of a cycle, where everything is read once and written once. */
static void close_cycle(struct shim_spawn_program *program,
			struct shim_spawn_move *moves, size_t nr,
			struct shim_spawn_move *first, int above)
{
	struct shim_spawn_move *move = first;
	struct shim_spawn_step *keep = shim_spawn_add(program, SHIM_NR_fcntl);

	keep->flags = SHIM_SPAWN_STEP_SAVE |
		      SHIM_SPAWN_STEP_REG(SHIM_SPAWN_KEPT);
	keep->args[0] = (uint64_t)first->to;
	keep->args[1] = SHIM_F_DUPFD_CLOEXEC;
	keep->args[2] = (uint64_t)above;
	while (move->from != first->to) {
		add_dup(program, move->from, move->to);
		move->done = 1;
		move = writer(moves, nr, move->from);
	}
	add_dup(program, SHIM_SPAWN_KEPT, move->to)->flags =
		SHIM_SPAWN_STEP_ARG(0);
	move->done = 1;
}

static int valid(const struct shim_spawn_move *moves, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (moves[i].from < -1 || moves[i].to < 0 ||
		    (i && moves[i].to == moves[i - 1].to))
			return 0;
	return 1;
}

/* Greater than every descriptor of the moves. */
static int above_all(const struct shim_spawn_move *moves, size_t nr)
{
	int most = 2;

	for (size_t i = 0; i < nr; i++) {
		if (moves[i].from > most)
			most = moves[i].from;
		if (moves[i].to > most)
			most = moves[i].to;
	}
	return most < INT32_MAX ? most + 1 : most;
}

/*
 * Steps that make every move at once: none overwrites what another still
 * reads. Sorts the moves. Returns 0, or -EINVAL.
 */
static int add_moves(struct shim_spawn_program *program,
		     struct shim_spawn_move *moves, size_t nr)
{
	int above = above_all(moves, nr);

	sort(moves, nr);
	if (!valid(moves, nr))
		return -SHIM_EINVAL;
	for (size_t i = 0; i < nr; i++) {
		struct shim_spawn_move *w = writer(moves, nr, moves[i].from);

		moves[i].done = moves[i].from < 0 || w == &moves[i];
		if (w)
			w->readers++;
	}
	for (size_t i = 0; i < nr; i++)
		follow(program, moves, nr, &moves[i]);
	for (size_t i = 0; i < nr; i++)
		if (!moves[i].done)
			close_cycle(program, moves, nr, &moves[i], above);
	for (size_t i = 0; i < nr; i++) {
		if (moves[i].spared)
			continue;
		if (moves[i].from == moves[i].to)
			add_stay(program, moves[i].to);
		else if (moves[i].from < 0)
			add_absence(program, moves[i].to);
	}
	return 0;
}

/* A range that the parent will know. */
static void add_unknown(struct shim_spawn_program *program, uint64_t first,
			uint64_t last)
{
	struct shim_spawn_step *step = shim_spawn_add(program, SHIM_NR_close);

	step->flags = SHIM_SPAWN_STEP_EACH | SHIM_SPAWN_STEP_IGNORE;
	step->args[0] = first;
	step->args[5] = last;
}

static void add_range(struct shim_spawn_program *program, uint64_t first,
		      uint64_t last)
{
	struct shim_spawn_step *step =
		shim_spawn_add(program, SHIM_NR_close_range);

	step->args[0] = first;
	step->args[1] = last;
}

/*
 * Steps that close what is above 2 and no move's end. Listed: as steps that
 * shim_spawn_fill() completes.
 */
static void add_closing(struct shim_spawn_program *program,
			const struct shim_spawn_move *moves, size_t nr,
			int listed)
{
	uint64_t from = 3;

	for (size_t i = 0; i <= nr; i++) {
		uint64_t next = i < nr ? (uint64_t)moves[i].to : UINT32_MAX;
		uint64_t last = i < nr ? next - 1 : next;

		if (next < 3)
			continue;
		if (from <= last && listed)
			add_unknown(program, from, last);
		else if (from <= last)
			add_range(program, from, last);
		from = next + 1;
	}
}

/* The moves in any order. Returns how many. */
static size_t collect(const struct shim_spawn_build *b)
{
	const struct shim_spawn_options *o = b->options;
	const int spared = b->how->spared;
	struct shim_spawn_move *moves = b->moves;
	size_t nr = 0;

	for (int i = 0; i < 3; i++)
		if (o->flags & (unsigned)SHIM_SPAWN_IN << i)
			moves[nr++] = (struct shim_spawn_move){
				.from = b->pipes[i],
				.to = i,
			};
	for (size_t i = 0; i < o->nr_fds; i++)
		moves[nr++] = (struct shim_spawn_move){
			.from = o->fds[i].from,
			.to = o->fds[i].to,
		};
	if (spared >= 0)
		moves[nr++] = (struct shim_spawn_move){
			.from = spared,
			.to = spared,
			.spared = 1,
		};
	return nr;
}

/* Whether it is an end, or also where one begins. */
static int is_end(const struct shim_spawn_move *moves, size_t nr, int fd,
		  int or_begin)
{
	for (size_t i = 0; i < nr; i++)
		if (moves[i].to == fd || (or_begin && moves[i].from == fd))
			return 1;
	return 0;
}

/* The program is out of the way at a number that is free of moves. */
static void set_aside(struct shim_spawn_build *b, size_t nr)
{
	struct shim_spawn_step *step;
	const int fd = b->options->exec_fd;
	int to = 3;

	/* Where others are kept, it must not be the number of one. */
	if (b->options->flags & SHIM_SPAWN_KEEP_FDS) {
		to = above_all(b->moves, nr);
		step = shim_spawn_put(b, SHIM_NR_fcntl, (uint64_t)fd,
				      SHIM_F_DUPFD_CLOEXEC, (uint64_t)to, 0);
		step->flags = SHIM_SPAWN_STEP_SAVE |
			      SHIM_SPAWN_STEP_REG(SHIM_SPAWN_PROGRAM);
		b->program_fd = SHIM_SPAWN_PROGRAM;
		b->program_fd_flags = SHIM_SPAWN_STEP_ARG(0);
		return;
	}
	while (is_end(b->moves, nr, to, 1))
		to++;
	shim_spawn_put(b, SHIM_NR_dup3, (uint64_t)fd, (uint64_t)to,
		       SHIM_O_CLOEXEC, 0);
	b->program_fd = to;
}

/* Keep the program open for exec, and no longer. Returns how many moves. */
static size_t add_program(struct shim_spawn_build *b, size_t nr)
{
	const int fd = b->options->exec_fd;

	b->program_fd = fd;
	if (is_end(b->moves, nr, fd, 0))
		set_aside(b, nr);
	else if (fd > 2)
		shim_spawn_put(b, SHIM_NR_fcntl, (uint64_t)fd, SHIM_F_SETFD,
			       SHIM_FD_CLOEXEC, 0);
	if (b->program_fd > 2 && !b->program_fd_flags)
		b->moves[nr++] = (struct shim_spawn_move){
			.from = b->program_fd,
			.to = b->program_fd,
			.spared = 1,
		};
	return nr;
}

void shim_spawn_add_fds(struct shim_spawn_build *b)
{
	size_t nr;

	if (!b->strings) {
		b->program->nr_steps += (uint32_t)shim_spawn_move_steps(
			shim_spawn_moves(b->options));
		return;
	}
	nr = collect(b);
	if (b->options->flags & SHIM_SPAWN_EXEC_FD)
		nr = add_program(b, nr);
	b->err = add_moves(b->program, b->moves, nr);
	if (!b->err && !(b->options->flags & SHIM_SPAWN_KEEP_FDS))
		add_closing(b->program, b->moves, nr, b->how->unclosed);
}

/* Where close(2) does not look, while a step is being filled in: the smallest
 * and the greatest descriptor of its range. */
enum { FIRST = 1, LAST = 2 };

static int is_unknown(const struct shim_spawn_step *step)
{
	return step->nr == SHIM_NR_close && step->flags & SHIM_SPAWN_STEP_EACH;
}

/* The steps are in the order of their ranges, which are apart. */
static void note(struct shim_spawn_program *program, uint64_t fd)
{
	for (uint32_t i = 0; i < program->nr_steps; i++) {
		struct shim_spawn_step *step = &program->steps[i];

		if (!is_unknown(step) || fd < step->args[0] ||
		    fd > step->args[5])
			continue;
		if (fd < step->args[FIRST])
			step->args[FIRST] = fd;
		if (fd > step->args[LAST])
			step->args[LAST] = fd;
		return;
	}
}

static void note_entries(struct shim_spawn_program *program, const char *buf,
			 long size)
{
	long at = 0;

	while (at < size) {
		const struct shim_linux_dirent64 *entry =
			(const void *)(buf + at);
		const char *s = entry->d_name;
		uint64_t fd = 0;

		for (; *s >= '0' && *s <= '9'; s++)
			fd = fd * 10 + (uint64_t)(*s - '0');
		/* Not "." and "..". */
		if (!*s)
			note(program, fd);
		at += entry->d_reclen;
	}
}

/* "/proc/PID/fd". */
static void path_of(char path[24], int pid)
{
	static const char before[] = "/proc/", after[] = "/fd";
	char digits[12];
	int nr = 0;

	for (const char *s = before; *s; s++)
		*path++ = *s;
	do
		digits[nr++] = (char)('0' + pid % 10);
	while (pid /= 10);
	while (nr)
		*path++ = digits[--nr];
	for (size_t i = 0; i < sizeof(after); i++)
		*path++ = after[i];
}

static long list(struct shim_spawn_program *program, int pid)
{
	_Alignas(8) char buf[1024];
	char path[24];
	long fd, n;

	path_of(path, pid);
	fd = shim_openat(SHIM_AT_FDCWD, path,
			 SHIM_O_RDONLY | SHIM_O_DIRECTORY | SHIM_O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	while ((n = shim_getdents64((int)fd, buf, sizeof(buf))) > 0)
		note_entries(program, buf, n);
	shim_close((int)fd);
	return n;
}

int shim_spawn_fill(const struct shim_spawn *child,
		    struct shim_spawn_program *program)
{
	long err;

	for (uint32_t i = 0; i < program->nr_steps; i++)
		if (is_unknown(&program->steps[i]))
			program->steps[i].args[FIRST] = UINT32_MAX;
	err = list(program, child->pid);
	if (err)
		return (int)err;
	for (uint32_t i = 0; i < program->nr_steps; i++) {
		struct shim_spawn_step *step = &program->steps[i];

		if (!is_unknown(step))
			continue;
		/* Nothing was found: no call. */
		step->args[0] = step->args[FIRST];
		step->args[5] = step->args[LAST];
	}
	return 0;
}
