/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "foreign.h"

#define STATUS "SYSHIM_TEST_STATUS"

enum { NR_STATUSES = 50, NR_OF_EACH = 2 };

extern char **environ;

/* What is open above 2 makes the status of a program that is this one again,
 * before it becomes one of Go. */
__attribute__((constructor)) static void be_a_program(void)
{
	const char *text = getenv(STATUS);
	int status;

	if (!text)
		return;
	status = atoi(text);
	for (int fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		if (fd != FOREIGN_COMMON_FD)
			_exit(FOREIGN_MORE);
		status += FOREIGN_COMMON;
	}
	_exit(status);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int by_fork(char *setting)
{
	char *argv[] = { "fork", NULL }, *envp[] = { setting, NULL };
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(FOREIGN_MORE);
	}
	return pid < 0 ? -1 : wait_for(pid);
}

static int by_posix_spawn(char *setting)
{
	char *argv[] = { "spawn", NULL }, *envp[] = { setting, NULL };
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, envp))
		return -1;
	return wait_for(pid);
}

static int by_system(char *setting)
{
	char command[60];
	int status;

	snprintf(command, sizeof(command), "exit %s",
		 setting + sizeof(STATUS "=") - 1);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) + FOREIGN_COMMON : -1;
}

static int (*const ways[])(char *setting) = { by_fork, by_posix_spawn,
					      by_system };
enum { NR_WAYS = sizeof(ways) / sizeof(ways[0]) };

static pthread_t threads[NR_WAYS * NR_OF_EACH];
static atomic_int over;
static atomic_long programs, wrong;

static void *start_many(void *arg)
{
	int (*const *way)(char *) = arg;

	for (int i = 0; !over || !i; i++) {
		const int status = i % NR_STATUSES;
		char setting[40];

		snprintf(setting, sizeof(setting), STATUS "=%d", status);
		if ((*way)(setting) != status + FOREIGN_COMMON)
			wrong++;
		programs++;
	}
	return NULL;
}

int foreign_start(void)
{
	if (dup3(0, FOREIGN_COMMON_FD, 0) < 0)
		return errno;
	over = 0;
	programs = wrong = 0;
	for (int i = 0; i < NR_WAYS * NR_OF_EACH; i++) {
		int err = pthread_create(&threads[i], NULL, start_many,
					 (void *)&ways[i % NR_WAYS]);

		if (err)
			return err;
	}
	return 0;
}

long foreign_stop(void)
{
	over = 1;
	for (int i = 0; i < NR_WAYS * NR_OF_EACH; i++)
		pthread_join(threads[i], NULL);
	close(FOREIGN_COMMON_FD);
	return wrong ? -1 : programs;
}

int foreign_wait(int *status)
{
	return waitpid(-1, status, 0);
}

uintptr_t foreign_handler(int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action))
		return 0;
	return (uintptr_t)action.sa_handler;
}

uint64_t foreign_mask(void)
{
	uint64_t bits = 0;
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (int i = 1; i <= 64; i++)
		if (sigismember(&set, i) == 1)
			bits |= (uint64_t)1 << (i - 1);
	return bits;
}
