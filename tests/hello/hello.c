/* SPDX-License-Identifier: MIT */
/*
 * Sends a greeting through a pipe, over libshim alone: links with any libc and
 * with none. The table of functions needs relocations in a static PIE; it is
 * volatile so that no compiler calls the functions directly instead.
 */
#include <shim/sys.h>

static long send_greeting(int fd)
{
	return shim_write(fd, "hello through a pipe\n", 21);
}

static long receive(int fd)
{
	char buf[64];
	long n = shim_read(fd, buf, sizeof(buf));

	return n < 0 ? n : shim_write(1, buf, (size_t)n);
}

static long (*const volatile steps[2])(int fd) = { receive, send_greeting };

int main(int argc, char **argv, char **envp)
{
	int fds[2];
	long err = shim_pipe2(fds, SHIM_O_CLOEXEC);

	if (err || argc != 1 || !argv[0] || argv[1] || !envp)
		return 1;
	for (int i = 1; i >= 0; i--) {
		err = steps[i](fds[i]);
		if (err < 0)
			return 1;
		shim_close(fds[i]);
	}
	return 0;
}
