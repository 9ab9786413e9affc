/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* pipe2 and execvp's environment */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>

#include "watch.h"

/* The filter, made by libseccomp when this program was built. */
static const struct sock_filter instructions[] = {
#include "filter.h"
};

/* Headers before 6.0 lack it; kernels before 5.19 refuse it. */
enum { WAIT_KILLABLE_RECV = 1 << 5 };

enum { PENDING = -1, GONE = -2 };

/* What the starting thread tells, which must not make a call for it. */
static struct {
	char *const *argv;
	atomic_int listener; /* PENDING, or the descriptor, or -errno - 1 */
	atomic_int pid;
	atomic_int error;
} starter;

static long install(void)
{
	static const unsigned flags[] = {
		SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV,
		SECCOMP_FILTER_FLAG_NEW_LISTENER,
	};
	const struct sock_fprog program = {
		sizeof(instructions) / sizeof(instructions[0]),
		(struct sock_filter *)instructions,
	};
	long fd = -1;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i],
			     &program);
		if (fd >= 0 || errno != EINVAL)
			break;
	}
	return fd;
}

/*
 * From the filter on, every call of this thread waits for the other thread,
 * which must not wait for a lock of this one: hence vfork, as fork holds
 * malloc's.
 */
static void *start(void *unused)
{
	long fd = install();
	pid_t pid;

	(void)unused;
	atomic_store(&starter.listener, fd < 0 ? -errno - 1 : (int)fd);
	if (fd < 0)
		return NULL;
	pid = vfork();
	if (pid == 0) {
		execvp(starter.argv[0], starter.argv);
		atomic_store(&starter.error, errno);
		_exit(127);
	}
	atomic_store(&starter.pid, pid < 0 ? -errno - 1 : pid);
	return NULL;
}

int watch_start(struct watch *w, char *const argv[])
{
	pthread_t thread;
	int err;

	*w = (struct watch){ .pidfd = PENDING, .pid = PENDING };
	starter.argv = argv;
	atomic_store(&starter.listener, PENDING);
	atomic_store(&starter.pid, PENDING);
	atomic_store(&starter.error, 0);
	err = pthread_create(&thread, NULL, start, NULL);
	if (err)
		return -err;
	pthread_detach(thread);
	while ((w->listener = atomic_load(&starter.listener)) == PENDING)
		sched_yield();
	if (w->listener < PENDING)
		return w->listener + 1;
	return 0;
}

/* The starting thread learns the number after the program has begun. */
static int open_pidfd(struct watch *w)
{
	w->pid = atomic_load(&starter.pid);
	if (w->pid == PENDING)
		return 0;
	if (w->pid < PENDING)
		return w->pid + 1;
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return w->pidfd < 0 ? -errno : 0;
}

/* The program has ended, which may have left children. */
static int reap(struct watch *w)
{
	if (waitpid(w->pid, &w->status, 0) != w->pid)
		return -errno;
	w->error = atomic_load(&starter.error);
	close(w->pidfd);
	w->pidfd = GONE;
	return 0;
}

static int ended(struct watch *w)
{
	int err = w->pidfd == GONE ? 0 : reap(w);

	if (!err)
		close(w->listener);
	return err;
}

int watch_next(struct watch *w, struct seccomp_notif *call, int timeout_ms)
{
	enum { SHORT_MS = 5 };

	for (;;) {
		struct pollfd fds[2] = { { w->listener, POLLIN, 0 } };
		int err = w->pidfd == PENDING ? open_pidfd(w) : 0;
		bool young = w->pidfd == PENDING;
		int n;

		if (err)
			return err;
		fds[1] = (struct pollfd){ w->pidfd, POLLIN, 0 };
		n = poll(fds, 2, young ? SHORT_MS : timeout_ms);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && !young)
			return -ETIMEDOUT;
		if (n > 0 && fds[0].revents & POLLIN) {
			memset(call, 0, sizeof(*call));
			if (!ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, call))
				return 1;
			/* A signal, here or there. */
			if (errno != EINTR && errno != ENOENT)
				return -errno;
		} else if (n > 0 && fds[1].revents && w->whole) {
			err = reap(w);
			if (err)
				return err;
		} else if (n > 0 && (fds[1].revents ||
				     (fds[0].revents && w->pidfd != PENDING))) {
			return ended(w);
		}
	}
}

/* A thread that waits no more needs no answer. */
static int respond(struct watch *w, struct seccomp_notif_resp *answer)
{
	if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, answer) == 0 ||
	    errno == ENOENT)
		return 0;
	return -errno;
}

int watch_answer(struct watch *w, const struct seccomp_notif *call,
		 int64_t value)
{
	struct seccomp_notif_resp answer = { .id = call->id, .val = value };

	return respond(w, &answer);
}

int watch_pass(struct watch *w, const struct seccomp_notif *call)
{
	struct seccomp_notif_resp answer = {
		.id = call->id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	return respond(w, &answer);
}

bool watch_waits(struct watch *w, const struct seccomp_notif *call)
{
	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) == 0;
}

/* The open file stays the memory of that process; then it must still wait. */
static int open_memory(struct watch *w, const struct seccomp_notif *call)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/mem", call->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (watch_waits(w, call))
		return fd;
	close(fd);
	return -ENOENT;
}

static int complete(ssize_t done, size_t n)
{
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EFAULT;
}

int watch_read(struct watch *w, const struct seccomp_notif *call, uint64_t at,
	       void *buf, size_t n)
{
	int fd = open_memory(w, call), err;

	if (fd < 0)
		return fd;
	err = complete(pread(fd, buf, n, (off_t)at), n);
	close(fd);
	return err;
}

int watch_write(struct watch *w, const struct seccomp_notif *call, uint64_t at,
		const void *buf, size_t n)
{
	int fd = open_memory(w, call), err;

	if (fd < 0)
		return fd;
	err = complete(pwrite(fd, buf, n, (off_t)at), n);
	close(fd);
	return err;
}
