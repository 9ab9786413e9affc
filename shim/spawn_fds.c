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

/* The register that has the descriptor kept of a cycle. */
enum { KEPT = 0 };

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

	keep->flags = SHIM_SPAWN_STEP_SAVE | SHIM_SPAWN_STEP_REG(KEPT);
	keep->args[0] = (uint64_t)first->to;
	keep->args[1] = SHIM_F_DUPFD_CLOEXEC;
	keep->args[2] = (uint64_t)above;
	while (move->from != first->to) {
		add_dup(program, move->from, move->to);
		move->done = 1;
		move = writer(moves, nr, move->from);
	}
	add_dup(program, KEPT, move->to)->flags = SHIM_SPAWN_STEP_ARG(0);
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

int shim_spawn_add_moves(struct shim_spawn_program *program,
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
		if (moves[i].from == moves[i].to)
			add_stay(program, moves[i].to);
		else if (moves[i].from < 0)
			add_absence(program, moves[i].to);
	}
	return 0;
}

void shim_spawn_add_close(struct shim_spawn_program *program,
			  const struct shim_spawn_move *moves, size_t nr)
{
	uint64_t from = 3;

	for (size_t i = 0; i <= nr; i++) {
		uint64_t next = i < nr ? (uint64_t)moves[i].to : UINT32_MAX;
		uint64_t last = i < nr ? next - 1 : next;
		struct shim_spawn_step *step;

		if (next < 3)
			continue;
		if (from <= last) {
			step = shim_spawn_add(program, SHIM_NR_close_range);
			step->args[0] = from;
			step->args[1] = last;
		}
		from = next + 1;
	}
}
