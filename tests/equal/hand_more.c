/* SPDX-License-Identifier: MIT */
/* More of Go's functions that are written by hand: see hand.c. */
#include <string.h>
#include <sys/syscall.h>

#include "hand.h"

static void no_error(struct plan *p)
{
	p->error = 0;
}

static void adapt_accept(struct plan *p)
{
	take_address(p, 1, INET6, sizeof(INET6) - 1, GO_INET6,
		     sizeof(GO_INET6) - 1);
}

static void adapt_dup2(struct plan *p)
{
	want_value(p, 2, 0);
	p->result = 0;
}

static void adapt_dup2_same(struct plan *p)
{
	enum { F_GETFD = 1 };

	want_value(p, 1, F_GETFD);
	want_value(p, 2, 0);
	p->result = 0;
}

static void adapt_epoll_create(struct plan *p)
{
	want_value(p, 0, 0);
}

/* fsconfig(fd, command, key, value, aux) */
static void fsconfig(struct plan *p, uint64_t command, uint64_t aux)
{
	check_strings(p);
	want_value(p, 1, command);
	want_value(p, 3, 0);
	want_value(p, 4, aux);
}

static void fsconfig_string(struct plan *p, uint64_t command, uint64_t aux)
{
	struct wanted key = p->args[2];

	fsconfig(p, command, aux);
	p->args[3] = key;
}

static void adapt_fsconfig_flag(struct plan *p)
{
	fsconfig(p, 0, 0);
}

static void adapt_fsconfig_string(struct plan *p)
{
	fsconfig_string(p, 1, 0);
}

static void adapt_fsconfig_binary(struct plan *p)
{
	fsconfig(p, 2, 5);
	want_bytes(p, 3, p->frame.mem[3], 5);
}

static void adapt_fsconfig_path(struct plan *p)
{
	fsconfig_string(p, 3, p->frame.v[4]);
}

static void adapt_fsconfig_path_empty(struct plan *p)
{
	fsconfig_string(p, 4, p->frame.v[4]);
}

static void adapt_fsconfig_fd(struct plan *p)
{
	fsconfig(p, 5, p->frame.v[4]);
}

static void fsconfig_command(struct plan *p, uint64_t command)
{
	fsconfig(p, command, 0);
	want_value(p, 2, 0);
	if (p->variant == INNER_NUL) { /* it has no string */
		p->no_call = false;
		p->error = p->ok ? 0 : -p->answer;
	}
}

static void adapt_fsconfig_create(struct plan *p)
{
	fsconfig_command(p, 6);
}

static void adapt_fsconfig_reconfigure(struct plan *p)
{
	fsconfig_command(p, 7);
}

static void adapt_getpgrp(struct plan *p)
{
	want_value(p, 0, 0);
	no_error(p);
}

static void adapt_getres(struct plan *p)
{
	for (int i = 0; i < 3; i++)
		returned_output(p, i, 4);
	if (!p->ok)
		for (int i = 0; i < 3; i++)
			memcpy(p->after[i], zeros, 4);
	p->result = 0;
	no_error(p);
}

static void adapt_ioctl_get(struct plan *p, int64_t value)
{
	const int32_t bytes = -0x12345678;

	want_bytes(p, 2, zeros, 4);
	p->result = 0;
	if (p->ok) {
		give_bytes(p, 2, &bytes, sizeof(bytes));
		p->result = value;
	}
}

static void adapt_ioctl_get_int(struct plan *p)
{
	adapt_ioctl_get(p, -0x12345678);
}

static void adapt_ioctl_get_uint32(struct plan *p)
{
	adapt_ioctl_get(p, 0x100000000 - 0x12345678);
}

static void adapt_ioctl_ret_int(struct plan *p)
{
	want_value(p, 2, 0);
}

static void adapt_ioctl_set_pointer_int(struct plan *p)
{
	int32_t value = (int32_t)p->frame.v[2];

	want_bytes(p, 2, &value, sizeof(value));
	p->result = 0;
}

static void adapt_kexec_file_load(struct plan *p)
{
	want_value(p, 2, sizeof("command"));
	want_bytes(p, 3, "command", sizeof("command"));
	p->result = 0;
}

static void keyctl(struct plan *p, uint64_t command)
{
	want_value(p, 0, command);
	for (int i = 2; i < 5; i++)
		want_value(p, i, 0);
}

static void adapt_keyctl_buffer(struct plan *p)
{
	want_bytes(p, 2, p->frame.mem[2], 9);
	want_value(p, 3, 9);
}

static void adapt_keyctl_id(struct plan *p)
{
	keyctl(p, 0);
	want_value(p, 2, 1);
}

static void adapt_keyctl_setperm(struct plan *p)
{
	keyctl(p, 5);
	want_value(p, 2, (uint32_t)p->frame.v[2]);
	p->result = 0;
}

static void adapt_keyctl_join(struct plan *p)
{
	keyctl(p, 1);
	want_bytes(p, 1, "ring", sizeof("ring"));
}

static void adapt_keyctl_join_new(struct plan *p)
{
	keyctl(p, 1);
	want_value(p, 1, 0);
}

static void adapt_keyctl_search(struct plan *p)
{
	keyctl(p, 10);
	want_bytes(p, 2, "user", sizeof("user"));
	want_bytes(p, 3, "a key", sizeof("a key"));
	want_value(p, 4, p->frame.v[4]);
}

/* As Munmap, of a mapping that the function has made. */
static void adapt_mremap(struct plan *p)
{
	enum { MREMAP_MAYMOVE = 1 };

	p->before = SYS_mmap;
	want_bytes(p, 0, p->frame.mem[0], MEM_SIZE);
	want_value(p, 1, 8192);
	want_value(p, 2, 12288);
	want_value(p, 3, MREMAP_MAYMOVE);
	want_value(p, 4, 0);
	if (p->ok)
		p->result = p->answer = 0x7f0123456000;
}

static void adapt_name_to_handle(struct plan *p)
{
	static const int32_t room[2] = { 128, 0 }, head[2] = { 5, 0x77 };

	want_bytes(p, 2, room, sizeof(room));
	untouched(p, 2);
	returned_output(p, 3, 4);
	p->result = p->error || p->no_call ? -1 : 0;
	if (p->ok && !p->no_call) {
		give_bytes(p, 2, head, sizeof(head));
		memcpy(p->after[2], head, sizeof(head));
	}
	if (p->no_call)
		memcpy(p->after, p->frame.mem, sizeof(p->after));
	p->result = 0;
}

static void adapt_open_by_handle(struct plan *p)
{
	static const unsigned char handle[] = { 5, 0,	0,   0,	  0x77, 0,  0,
						0, 'a', 'b', 'c', 'd',	'e' };

	want_bytes(p, 1, handle, sizeof(handle));
}

static void adapt_pause(struct plan *p)
{
	p->args[0] = (struct wanted){ .look = SOME_POINTER };
	for (int i = 1; i < 4; i++)
		want_value(p, i, 0);
	for (int i = 0; i < 4; i++)
		untouched(p, i);
	p->result = 0;
}

static void adapt_pipe(struct plan *p)
{
	adapt_pipe2(p);
	want_value(p, 1, 0);
}

static void adapt_poll(struct plan *p)
{
	static const int64_t ts[2] = { 1, 234000000 };

	want_bytes(p, 2, ts, sizeof(ts));
	untouched(p, 2);
	want_value(p, 3, 0);
}

static void adapt_poll_for_ever(struct plan *p)
{
	adapt_poll(p);
	want_value(p, 2, 0);
}

/* ptrace(request, pid, addr, data) */
static void ptrace(struct plan *p, uint64_t request, uint64_t data)
{
	want_value(p, 0, request);
	want_value(p, 2, 0);
	want_value(p, 3, data);
	p->result = 0;
}

static void adapt_ptrace_attach(struct plan *p)
{
	ptrace(p, 16, 0);
}

static void adapt_ptrace_seize(struct plan *p)
{
	ptrace(p, 0x4206, 0);
}

static void adapt_ptrace_detach(struct plan *p)
{
	ptrace(p, 17, 0);
}

static void adapt_ptrace_interrupt(struct plan *p)
{
	ptrace(p, 0x4207, 0);
}

static void adapt_ptrace_cont(struct plan *p)
{
	ptrace(p, 7, p->frame.v[3]);
}

static void adapt_ptrace_syscall(struct plan *p)
{
	ptrace(p, 24, p->frame.v[3]);
}

static void adapt_ptrace_step(struct plan *p)
{
	ptrace(p, 9, 0);
}

static void adapt_ptrace_options(struct plan *p)
{
	ptrace(p, 0x4200, p->frame.v[3]);
}

static void adapt_ptrace_message(struct plan *p)
{
	const int64_t message = 0x123456789a;

	ptrace(p, 0x4201, 0);
	want_bytes(p, 3, zeros, sizeof(message));
	if (p->ok) {
		give_bytes(p, 3, &message, sizeof(message));
		p->result = message;
	}
}

static void adapt_sched_getattr(struct plan *p)
{
	returned_output(p, 1, 56);
	p->result = 0;
}

static void adapt_select(struct plan *p)
{
	static const int64_t tv[2] = { 1, 1250000 }, ts[2] = { 2, 250000000 };
	static const int64_t left[2] = { 0, 500999 }, after[2] = { 0, 500 };

	if (p->frame.present & 1 << 4) {
		set_memory(p, 4, tv, sizeof(tv));
		want_bytes(p, 4, ts, sizeof(ts));
		give_bytes(p, 4, left, sizeof(left));
		memcpy(p->after[4], after, sizeof(after));
	}
	p->args[5] = (struct wanted){ .look = PAIR_OF, .value = 8 };
}

static void adapt_set_mempolicy(struct plan *p)
{
	want_bytes(p, 1, p->frame.mem[1], 128);
	want_value(p, 2, 1024);
	p->result = 0;
}

static void adapt_setfs(struct plan *p)
{
	p->result = 0;
}

const struct hand more_hands[] = {
	{ "Accept", "accept", adapt_accept, NULL },
	{ "Dup2", "dup3", adapt_dup2, NULL },
	{ "Dup2/same", "fcntl", adapt_dup2_same, NULL },
	{ "EpollCreate", "epoll_create1", adapt_epoll_create, NULL },
	{ "Faccessat", "faccessat", adapt_nothing, NULL },
	{ "Faccessat/flags", "faccessat2", adapt_nothing, NULL },
	{ "Fchmodat", "fchmodat", adapt_nothing, NULL },
	{ "Fchmodat/flags", "fchmodat2", adapt_nothing, NULL },
	{ "FanotifyMark", "fanotify_mark", check_strings, NULL },
	{ "FsconfigSetFlag", "fsconfig", adapt_fsconfig_flag, NULL },
	{ "FsconfigSetString", "fsconfig", adapt_fsconfig_string, NULL },
	{ "FsconfigSetBinary", "fsconfig", adapt_fsconfig_binary, NULL },
	{ "FsconfigSetPath", "fsconfig", adapt_fsconfig_path, NULL },
	{ "FsconfigSetPathEmpty", "fsconfig", adapt_fsconfig_path_empty, NULL },
	{ "FsconfigSetFd", "fsconfig", adapt_fsconfig_fd, NULL },
	{ "FsconfigCreate", "fsconfig", adapt_fsconfig_create, NULL },
	{ "FsconfigReconfigure", "fsconfig", adapt_fsconfig_reconfigure, NULL },
	{ "Getpgrp", "getpgid", adapt_getpgrp, NULL },
	{ "Getresuid", "getresuid", adapt_getres, NULL },
	{ "Getresgid", "getresgid", adapt_getres, NULL },
	{ "IoctlGetInt", "ioctl", adapt_ioctl_get_int, NULL },
	{ "IoctlGetUint32", "ioctl", adapt_ioctl_get_uint32, NULL },
	{ "IoctlRetInt", "ioctl", adapt_ioctl_ret_int, NULL },
	{ "IoctlSetInt", "ioctl", error_only, NULL },
	{ "IoctlSetPointerInt", "ioctl", adapt_ioctl_set_pointer_int, NULL },
	{ "KexecFileLoad", "kexec_file_load", adapt_kexec_file_load, NULL },
	{ "KeyctlInt", "keyctl", adapt_nothing, NULL },
	{ "KeyctlBuffer", "keyctl", adapt_keyctl_buffer, NULL },
	{ "KeyctlGetKeyringID", "keyctl", adapt_keyctl_id, NULL },
	{ "KeyctlSetperm", "keyctl", adapt_keyctl_setperm, NULL },
	{ "KeyctlJoinSessionKeyring", "keyctl", adapt_keyctl_join, NULL },
	{ "KeyctlJoinSessionKeyring/new", "keyctl", adapt_keyctl_join_new,
	  NULL },
	{ "KeyctlSearch", "keyctl", adapt_keyctl_search, NULL },
	{ "Mremap", "mremap", adapt_mremap, NULL },
	{ "NameToHandleAt", "name_to_handle_at", adapt_name_to_handle, NULL },
	{ "OpenByHandleAt", "open_by_handle_at", adapt_open_by_handle, NULL },
	{ "Pause", "ppoll", adapt_pause, NULL },
	{ "Pipe", "pipe2", adapt_pipe, NULL },
	{ "Poll", "ppoll", adapt_poll, NULL },
	{ "Poll/for_ever", "ppoll", adapt_poll_for_ever, NULL },
	{ "Preadv", "preadv", adapt_vectored_read, NULL },
	{ "Pwritev", "pwritev", adapt_vectored, NULL },
	{ "PtraceAttach", "ptrace", adapt_ptrace_attach, NULL },
	{ "PtraceSeize", "ptrace", adapt_ptrace_seize, NULL },
	{ "PtraceDetach", "ptrace", adapt_ptrace_detach, NULL },
	{ "PtraceInterrupt", "ptrace", adapt_ptrace_interrupt, NULL },
	{ "PtraceCont", "ptrace", adapt_ptrace_cont, NULL },
	{ "PtraceSyscall", "ptrace", adapt_ptrace_syscall, NULL },
	{ "PtraceSingleStep", "ptrace", adapt_ptrace_step, NULL },
	{ "PtraceSetOptions", "ptrace", adapt_ptrace_options, NULL },
	{ "PtraceGetEventMsg", "ptrace", adapt_ptrace_message, NULL },
	{ "SchedGetAttr", "sched_getattr", adapt_sched_getattr, NULL },
	{ "Select", "pselect6", adapt_select, NULL },
	{ "SetMemPolicy", "set_mempolicy", adapt_set_mempolicy, NULL },
	{ "SetfsuidRetUid", "setfsuid", adapt_nothing, NULL },
	{ "SetfsgidRetGid", "setfsgid", adapt_nothing, NULL },
	{ "Setfsuid", "setfsuid", adapt_setfs, NULL },
	{ "Setfsgid", "setfsgid", adapt_setfs, NULL },
	{ "SysvShmGet", "shmget", adapt_nothing, NULL },
	{ "SysvShmCtl", "shmctl", adapt_nothing, NULL },
};
const int nr_more_hands = sizeof(more_hands) / sizeof(more_hands[0]);
