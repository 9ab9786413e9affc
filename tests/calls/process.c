/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

static uint64_t hash_file(const char *path)
{
	unsigned char bytes[1024];
	uint64_t h = 14695981039346656037u;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	for (ssize_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	return n > 0 ? h : 0;
}

/* It holds addresses that are chosen when a program is executed. */
static uint64_t auxv_of(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	return hash_file(path);
}

void processes_init(struct processes *all)
{
	*all = (struct processes){ .own_auxv = auxv_of(getpid()) };
}

static void forget_maps(struct process *p)
{
	for (size_t i = 0; i < p->nr_maps; i++)
		free(p->maps[i].path);
	free(p->maps);
	p->maps = NULL;
	p->nr_maps = 0;
}

void processes_exit(struct processes *all)
{
	while (all->first) {
		struct process *p = all->first;

		all->first = p->next;
		forget_maps(p);
		free(p);
	}
}

/* The numbers of a thread's process and its parent. */
static bool read_status(pid_t thread, pid_t *pid, pid_t *parent)
{
	char path[32], line[128];
	FILE *file;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", thread);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (found < 2 && fgets(line, sizeof(line), file))
		found += sscanf(line, "Tgid: %d", pid) == 1 ||
			 sscanf(line, "PPid: %d", parent) == 1;
	fclose(file);
	return found == 2;
}

static struct process *find(struct processes *all, pid_t pid)
{
	struct process *p = all->first;

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static struct process *add(struct processes *all, pid_t pid, pid_t parent)
{
	const struct process *from = find(all, parent);
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->pid = pid;
	p->auxv = auxv_of(pid);
	p->is_copy = p->auxv == all->own_auxv;
	p->started = from && from->started;
	if (!p->is_copy)
		p->number = ++all->nr;
	p->next = all->first;
	all->first = p;
	return p;
}

/* Whether execve(2) has given it another program. */
static void look_again(struct processes *all, struct process *p)
{
	uint64_t auxv = auxv_of(p->pid);

	p->exec = false;
	if (auxv == p->auxv)
		return;
	p->auxv = auxv;
	p->is_copy = false;
	p->started = false;
	forget_maps(p);
	if (!p->number)
		p->number = ++all->nr;
}

struct process *process_of(struct processes *all, pid_t thread)
{
	struct process *p;
	pid_t pid, parent;

	if (!read_status(thread, &pid, &parent))
		return NULL;
	p = find(all, pid);
	if (!p)
		return add(all, pid, parent);
	if (p->exec || p->is_copy)
		look_again(all, p);
	return p;
}

static void read_maps(struct process *p)
{
	char path[32], *line = NULL;
	size_t size = 0;
	FILE *file;

	forget_maps(p);
	snprintf(path, sizeof(path), "/proc/%d/maps", p->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		struct mapping m = { 0 };
		int at = 0;

		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n",
			   &m.start, &m.end, &m.offset, &at) < 3)
			continue;
		line[strcspn(line, "\n")] = 0;
		m.path = strdup(line + at);
		p->maps = realloc(p->maps, (p->nr_maps + 1) * sizeof(m));
		if (!p->maps || !m.path)
			abort();
		p->maps[p->nr_maps++] = m;
	}
	free(line);
	fclose(file);
}

static struct mapping *search(const struct process *p, uint64_t address)
{
	size_t low = 0, high = p->nr_maps;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (address >= p->maps[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->nr_maps && address >= p->maps[low].start ? &p->maps[low]
								 : NULL;
}

struct mapping *process_mapping(struct process *p, uint64_t address)
{
	struct mapping *m = search(p, address);

	if (m || address < 4096 || address >> 56)
		return m;
	read_maps(p);
	return search(p, address);
}

/* How a pipe is open: both of its ends have one name. */
static char direction_of(const struct process *p, int fd)
{
	char path[64], line[64];
	unsigned flags = O_RDWR;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", p->pid, fd);
	file = fopen(path, "re");
	if (!file)
		return '?';
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(file);
	return "rwb?"[flags & O_ACCMODE];
}

/* /proc/NUMBER becomes /proc/self; the rest of the path follows. */
static bool own_proc(const struct process *p, char *path, const char **rest)
{
	char own[32];
	int n = snprintf(own, sizeof(own), "/proc/%d/", p->pid);

	if (strncmp(path, own, (size_t)n) != 0 ||
	    (size_t)n <= strlen("/proc/self"))
		return false;
	memcpy(path, "/proc/self", strlen("/proc/self"));
	*rest = path + n - 1;
	return true;
}

bool process_fd(const struct process *p, int fd, char *name, size_t size)
{
	const char *rest;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", p->pid, fd);
	n = readlink(path, name, size - 1);
	if (n < 0)
		return false;
	name[n] = 0;
	/* The same program has other numbers the next time. */
	if (own_proc(p, name, &rest))
		memmove(name + strlen("/proc/self"), rest, strlen(rest) + 1);
	else if (strncmp(name, "pipe:", 5) == 0)
		snprintf(name, size, "pipe:%c", direction_of(p, fd));
	else if (name[0] != '/' && strncmp(name, "anon_inode:", 11) != 0)
		name[strcspn(name, ":")] = 0;
	return true;
}

bool process_program(const struct process *p, char *path, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", p->pid);
	n = readlink(link, path, size - 1);
	if (n < 0)
		return false;
	path[n] = 0;
	return true;
}

/*
 * The file has the call, its arguments, the stack pointer and the counter; or
 * "running", for a thread that has asked and does not sleep yet.
 */
static bool read_stack(pid_t thread, uint64_t *sp)
{
	char path[40], first[32] = "";
	FILE *file;

	*sp = 0;
	snprintf(path, sizeof(path), "/proc/%d/syscall", thread);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fscanf(file, "%31s %*s %*s %*s %*s %*s %*s %" SCNx64, first, sp) !=
	    2)
		*sp = 0;
	fclose(file);
	return strcmp(first, "running") != 0;
}

uint64_t thread_stack(pid_t thread)
{
	enum { MOST_TRIES = 10000 };
	uint64_t sp;

	for (int i = 0; i < MOST_TRIES && !read_stack(thread, &sp); i++)
		sched_yield();
	return sp;
}
