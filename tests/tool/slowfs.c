/* SPDX-License-Identifier: MIT */
/*
 * slowfs MILLISECONDS DIRECTORY COMMAND...: runs a command that finds a slow
 * file system in a directory: it answers each request so late. The command's
 * user and mount namespace are its own. In the file system each name is a
 * file with as many bytes as anybody reads, but "dir" is a directory, "link" a
 * link, and what begins with "new" is not there. Nothing in it can be changed,
 * except that writing succeeds. Ends with 77 where nobody may mount it.
 */
#define _GNU_SOURCE 1 /* unshare */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

enum { CANNOT = 77, REQUEST_MAX = 1 << 17, QUEUE_MAX = 256 };
enum { NODE_ROOT = FUSE_ROOT_ID, NODE_FILE, NODE_DIR, NODE_LINK };

struct answer {
	int64_t due_ms;
	size_t size;
	struct fuse_out_header head;
	char body[4096];
};

/* All wait equally long: first in, first out. */
static struct {
	struct answer answers[QUEUE_MAX];
	unsigned first, end;
} queue;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void cannot(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(CANNOT);
}

/* ---- The namespaces ---- */

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		cannot(path);
	close(fd);
}

/* The device must be opened in the user namespace that mounts. */
static int mount_at(const char *directory)
{
	char text[100];
	const unsigned uid = getuid(), gid = getgid();
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		cannot("unshare");
	snprintf(text, sizeof(text), "0 %u 1", uid);
	put_file("/proc/self/uid_map", text);
	put_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", gid);
	put_file("/proc/self/gid_map", text);
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		cannot("/dev/fuse");
	snprintf(text, sizeof(text),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("slowfs", directory, "fuse", MS_NOSUID | MS_NODEV, text))
		cannot("mount");
	return fd;
}

/* ---- The file system ---- */

static void fill_attr(struct fuse_attr *attr, uint64_t node)
{
	*attr = (struct fuse_attr){
		.ino = node,
		.size = 1 << 20,
		.mode = S_IFREG | 0777,
		.nlink = 1,
		.blksize = 4096,
	};
	if (node == NODE_ROOT || node == NODE_DIR)
		attr->mode = S_IFDIR | 0777;
	else if (node == NODE_LINK)
		attr->mode = S_IFLNK | 0777;
}

/* Nothing is valid for a moment, so that the kernel always asks. */
static int look_up(const char *name, struct answer *a)
{
	struct fuse_entry_out *out = (void *)a->body;

	if (strncmp(name, "new", 3) == 0)
		return -ENOENT;
	out->nodeid = NODE_FILE;
	if (strcmp(name, "dir") == 0)
		out->nodeid = NODE_DIR;
	else if (strcmp(name, "link") == 0)
		out->nodeid = NODE_LINK;
	fill_attr(&out->attr, out->nodeid);
	a->size = sizeof(*out);
	return 0;
}

static int get_attr(uint64_t node, struct answer *a)
{
	struct fuse_attr_out *out = (void *)a->body;

	fill_attr(&out->attr, node);
	a->size = sizeof(*out);
	return 0;
}

static int start(const struct fuse_init_in *in, struct answer *a)
{
	struct fuse_init_out *out = (void *)a->body;

	out->major = FUSE_KERNEL_VERSION;
	out->minor = FUSE_KERNEL_MINOR_VERSION;
	if (in->minor < out->minor)
		out->minor = in->minor;
	out->flags = (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS) & in->flags;
	out->max_write = 4096;
	out->time_gran = 1;
	a->size = sizeof(*out);
	return 0;
}

static int read_some(const struct fuse_read_in *in, struct answer *a)
{
	a->size = in->size < sizeof(a->body) ? in->size : sizeof(a->body);
	memset(a->body, 'x', a->size);
	return 0;
}

static int answer(const struct fuse_in_header *in, const void *arg,
		  struct answer *a)
{
	struct fuse_open_out *opened = (void *)a->body;

	switch (in->opcode) {
	case FUSE_INIT:
		return start(arg, a);
	case FUSE_LOOKUP:
		return look_up(arg, a);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return get_attr(in->nodeid, a);
	case FUSE_READLINK:
		a->size = 1;
		a->body[0] = '/';
		return 0;
	case FUSE_OPEN:
		opened->open_flags = FOPEN_DIRECT_IO;
		/* fall through */
	case FUSE_OPENDIR:
		a->size = sizeof(*opened);
		return 0;
	case FUSE_READ:
		return read_some(arg, a);
	case FUSE_WRITE:
		((struct fuse_write_out *)a->body)->size =
			((const struct fuse_write_in *)arg)->size;
		a->size = sizeof(struct fuse_write_out);
		return 0;
	case FUSE_STATFS:
		a->size = sizeof(struct fuse_statfs_out);
		return 0;
	case FUSE_LSEEK:
		a->size = sizeof(struct fuse_lseek_out);
		return 0;
	case FUSE_POLL:
		((struct fuse_poll_out *)a->body)->revents = POLLIN;
		a->size = sizeof(struct fuse_poll_out);
		return 0;
	case FUSE_READDIR:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_FALLOCATE:
	case FUSE_SETLK:
	case FUSE_SETLKW:
	case FUSE_ACCESS:
		return 0;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		return -ENODATA;
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_MKDIR:
	case FUSE_MKNOD:
	case FUSE_SYMLINK:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_LINK:
	case FUSE_RENAME:
	case FUSE_RENAME2:
		return -EROFS;
	}
	return -ENOSYS;
}

static bool wants_answer(uint32_t opcode)
{
	return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET &&
	       opcode != FUSE_INTERRUPT;
}

/* The set-up is not slow; no other answer comes a part of a ms too early. */
static void take_request(int fd, int64_t delay_ms)
{
	static _Alignas(8) char request[REQUEST_MAX];
	const struct fuse_in_header *in = (void *)request;
	struct answer *a = &queue.answers[queue.end % QUEUE_MAX];

	if (read(fd, request, sizeof(request)) < (ssize_t)sizeof(*in) ||
	    !wants_answer(in->opcode))
		return;
	memset(a, 0, sizeof(*a));
	a->head.error = answer(in, in + 1, a);
	a->head.unique = in->unique;
	a->head.len = (uint32_t)(sizeof(a->head) + a->size);
	a->due_ms = now_ms() + (in->opcode == FUSE_INIT ? 0 : delay_ms + 1);
	queue.end++;
}

/* Returns for how long there is nothing to answer, at most most_ms. */
static int give_answers(int fd, int most_ms)
{
	while (queue.first != queue.end) {
		struct answer *a = &queue.answers[queue.first % QUEUE_MAX];
		const int64_t left = a->due_ms - now_ms();

		if (left > 0)
			return left < most_ms ? (int)left : most_ms;
		/* Who asked may be gone. */
		if (write(fd, &a->head, a->head.len) < 0 && errno != ENOENT)
			perror("slowfs: write");
		queue.first++;
	}
	return most_ms;
}

/* Until the child ends. */
static int serve(int fd, int64_t delay_ms, pid_t child)
{
	enum { LOOK_MS = 20 };
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		struct pollfd p = { fd, POLLIN, 0 };
		const int wait_ms = give_answers(fd, LOOK_MS);

		if (queue.end - queue.first == QUEUE_MAX)
			p.fd = -1;
		if (poll(&p, 1, wait_ms) > 0)
			take_request(fd, delay_ms);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	int64_t delay_ms;
	pid_t child;
	int fd;

	if (argc < 4 || (delay_ms = atoi(argv[1])) <= 0) {
		fputs("usage: slowfs MILLISECONDS DIRECTORY COMMAND...\n",
		      stderr);
		return 2;
	}
	fd = mount_at(argv[2]);
	child = fork();
	if (child == 0) {
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	return serve(fd, delay_ms, child);
}
