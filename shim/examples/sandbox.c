/* SPDX-License-Identifier: MIT */
/*
 * A program in a box: a directory is all that it sees of the file system, with
 * the system's programs in it to be read, and /tmp to write to; it is alone
 * with its children, has no network, no capability, no terminal to control, and
 * no way to gain rights. Root and everybody else may start it.
 *
 *     $ sandbox /tmp/box /bin/sh -c 'id -u; echo $$; ls /'
 *     1000
 *     1
 *     bin  dev  lib  lib64  proc  tmp  usr
 *
 * The exit status is the program's, or 125. It ends with this program. There is
 * no libc. gobind/examples/sandbox is the same in Go.
 *
 * What it does not do: the kernel is still everybody's. A filter that lets pass
 * only what the program needs leaves less of it than this one, which only
 * refuses what boxes are left by. What is given as descriptors 0 to 2 is given:
 * a directory there is a way out. Memory and disk are not counted. File systems
 * that are mounted below /usr and the like are kept as they are by Landlock
 * alone, which kernels have since 5.13.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/spawn.h>

enum {
	FAILED = 125,
	SIGNALLED = 128,
	/* Who the program is, in there; outside that is nobody's number. */
	USER = 1000,
	FIRST_ID = 100000,
	NR_IDS = 65536,
	NR_PROCESSES = 64,
	NR_FILES = 64,
	FILE_SIZE = 16 << 20,
	PATH_SIZE = 512,
	/* Calls of x86_64 by another number. */
	X32 = 0x40000000,
};

static const unsigned long nothing_special = SHIM_MS_REMOUNT | SHIM_MS_BIND |
					     SHIM_MS_NOSUID | SHIM_MS_NODEV;

/* What there is in the box, if the system has it; then, what is made for it. */
static const char *const system_dirs[] = { "/usr", "/bin", "/lib", "/lib64" };
static const char *const own_dirs[] = { "/proc", "/dev", "/tmp" };

enum {
	NR_SYSTEM = sizeof(system_dirs) / sizeof(system_dirs[0]),
	NR_OWN = sizeof(own_dirs) / sizeof(own_dirs[0]),
	NR_MOUNTS = 2 * NR_SYSTEM + 5,
};

/* Calls by which boxes are left, or the kernel itself is changed. */
static const uint32_t refused[] = {
	SHIM_NR_mount,
	SHIM_NR_umount2,
	SHIM_NR_pivot_root,
	SHIM_NR_chroot,
	SHIM_NR_unshare,
	SHIM_NR_setns,
	SHIM_NR_open_tree,
	SHIM_NR_move_mount,
	SHIM_NR_fsopen,
	SHIM_NR_fspick,
	SHIM_NR_fsmount,
	SHIM_NR_mount_setattr,
	SHIM_NR_open_by_handle_at,
	SHIM_NR_ptrace,
	SHIM_NR_process_vm_readv,
	SHIM_NR_process_vm_writev,
	SHIM_NR_pidfd_getfd,
	SHIM_NR_bpf,
	SHIM_NR_perf_event_open,
	SHIM_NR_userfaultfd,
	SHIM_NR_io_uring_setup,
	SHIM_NR_keyctl,
	SHIM_NR_add_key,
	SHIM_NR_request_key,
	SHIM_NR_init_module,
	SHIM_NR_finit_module,
	SHIM_NR_delete_module,
	SHIM_NR_kexec_load,
	SHIM_NR_kexec_file_load,
	SHIM_NR_reboot,
	SHIM_NR_swapon,
	SHIM_NR_swapoff,
	SHIM_NR_acct,
	SHIM_NR_quotactl,
	SHIM_NR_syslog,
	SHIM_NR_settimeofday,
	SHIM_NR_clock_settime,
	SHIM_NR_clock_adjtime,
	SHIM_NR_adjtimex,
};

enum {
	NR_REFUSED = sizeof(refused) / sizeof(refused[0]),
	NEW_NAMESPACES = SHIM_CLONE_NEWUSER | SHIM_CLONE_NEWPID |
			 SHIM_CLONE_NEWNS | SHIM_CLONE_NEWNET |
			 SHIM_CLONE_NEWIPC | SHIM_CLONE_NEWUTS |
			 SHIM_CLONE_NEWCGROUP,
};

/*
 * And those that are refused with some values of an argument. In a user
 * namespace of its own a program has all rights; sockets beyond NETLINK know
 * other networks than the namespace's (VSOCK), or much of the kernel (ALG);
 * terminals take input from who has them open; and without a death signal the
 * program would not end with this one.
 */
static const struct refused_argument {
	uint32_t nr;
	uint32_t argument;
	uint16_t compare;
	uint32_t value;
} refused_arguments[] = {
	{ SHIM_NR_clone, 0, SHIM_BPF_JSET, NEW_NAMESPACES },
	{ SHIM_NR_socket, 0, SHIM_BPF_JGT, SHIM_AF_NETLINK },
	{ SHIM_NR_ioctl, 1, SHIM_BPF_JEQ, SHIM_TIOCSTI },
	{ SHIM_NR_ioctl, 1, SHIM_BPF_JEQ, SHIM_TIOCLINUX },
	{ SHIM_NR_prctl, 0, SHIM_BPF_JEQ, SHIM_PR_SET_PDEATHSIG },
};

enum {
	NR_ARGUMENTS = sizeof(refused_arguments) / sizeof(refused_arguments[0]),
	/* The longest that make_filter() makes. */
	FILTER_SIZE = NR_REFUSED + 5 * NR_ARGUMENTS + 9,
};

static void say(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	shim_write(2, s, n);
}

/* Says "sandbox: pivot_root: Invalid argument". */
static int fail(const char *what, long err)
{
	say("sandbox: ");
	say(what);
	say(": ");
	say(shim_strerror((int)-err));
	say("\n");
	return FAILED;
}

/* dir and name, one after the other. Returns to. */
static char *join(char to[PATH_SIZE], const char *dir, const char *name)
{
	size_t n = 0;

	while (*dir && n < PATH_SIZE - 1)
		to[n++] = *dir++;
	while (*name && n < PATH_SIZE - 1)
		to[n++] = *name++;
	to[n] = '\0';
	return to;
}

static long make_dir(const char *box, const char *name)
{
	char path[PATH_SIZE];
	long err = shim_mkdirat(SHIM_AT_FDCWD, join(path, box, name), 0755);

	return err == -SHIM_EEXIST ? 0 : err;
}

static int exists(const char *path)
{
	return !shim_faccessat(SHIM_AT_FDCWD, path, SHIM_F_OK);
}

/* The places where something is mounted. */
static long prepare(const char *box)
{
	char path[PATH_SIZE];
	long err = make_dir(box, "");

	for (int i = 0; !err && i < NR_SYSTEM; i++)
		if (exists(system_dirs[i]))
			err = make_dir(box, system_dirs[i]);
	for (int i = 0; !err && i < NR_OWN; i++)
		err = make_dir(box, own_dirs[i]);
	if (err)
		return err;
	err = shim_openat(SHIM_AT_FDCWD, join(path, box, "/dev/null"),
			  SHIM_O_CREAT | SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0644);
	if (err < 0)
		return err;
	shim_close((int)err);
	return shim_fchmodat(SHIM_AT_FDCWD, join(path, box, "/tmp"), 01777);
}

/* What a mount of the path cannot lose in a user namespace. */
static unsigned long locked(const char *path)
{
	const unsigned long all = SHIM_MS_RDONLY | SHIM_MS_NOSUID |
				  SHIM_MS_NODEV | SHIM_MS_NOEXEC;
	struct shim_statfs st = { 0 };

	/* They have the same values there. */
	shim_statfs(path, &st);
	return (unsigned long)st.f_flags & all;
}

/* Targets begin at the box, "."; it is changed last. Returns how many. */
static size_t list_mounts(const char *box,
			  struct shim_spawn_mount mounts[NR_MOUNTS])
{
	const unsigned long here = nothing_special | locked(box);
	size_t nr = 0;

	for (int i = 0; i < NR_SYSTEM; i++) {
		const char *dir = system_dirs[i];

		if (!exists(dir))
			continue;
		mounts[nr++] = (struct shim_spawn_mount){
			dir, dir + 1, NULL, SHIM_MS_BIND | SHIM_MS_REC, NULL
		};
		mounts[nr++] = (struct shim_spawn_mount){
			NULL, dir + 1, NULL,
			nothing_special | SHIM_MS_RDONLY | locked(dir), NULL
		};
	}
	mounts[nr++] = (struct shim_spawn_mount){
		"proc", "proc", "proc",
		SHIM_MS_NOSUID | SHIM_MS_NODEV | SHIM_MS_NOEXEC, NULL
	};
	mounts[nr++] = (struct shim_spawn_mount){ "tmp", "tmp", NULL,
						  SHIM_MS_BIND, NULL };
	mounts[nr++] =
		(struct shim_spawn_mount){ NULL, "tmp", NULL, here, NULL };
	mounts[nr++] = (struct shim_spawn_mount){ "/dev/null", "dev/null", NULL,
						  SHIM_MS_BIND, NULL };
	mounts[nr++] = (struct shim_spawn_mount){ NULL, ".", NULL,
						  here | SHIM_MS_RDONLY, NULL };
	return nr;
}

/*
 * Root has numbers to give away: the program's user is not root in there, and
 * nobody outside. Others have only their own, by another name.
 */
static void choose_user(struct shim_spawn_options *o)
{
	static const struct shim_spawn_map ranges[] = {
		{ 0, FIRST_ID, NR_IDS },
		{ NR_IDS, 0, 1 },
	};
	static struct shim_spawn_map user = { USER, 0, 1 };
	static struct shim_spawn_map group = { USER, 0, 1 };

	o->uids = &user;
	o->gids = &group;
	o->nr_uids = o->nr_gids = 1;
	user.outside = (uint32_t)shim_geteuid();
	group.outside = (uint32_t)shim_getegid();
	if (user.outside)
		return;
	o->uids = o->gids = ranges;
	o->nr_uids = o->nr_gids = sizeof(ranges) / sizeof(ranges[0]);
	o->flags |= SHIM_SPAWN_SETUID | SHIM_SPAWN_SETGID |
		    SHIM_SPAWN_SETGROUPS | SHIM_SPAWN_ALLOW_SETGROUPS;
	o->uid = USER;
	o->gid = USER;
}

/* Numbers mean something else to programs of another architecture. */
static uint32_t architecture(void)
{
	struct shim_utsname u = { .machine = "" };

	shim_uname(&u);
	return u.machine[0] == 'x' ? SHIM_AUDIT_ARCH_X86_64
				   : SHIM_AUDIT_ARCH_AARCH64;
}

enum {
	LOAD = SHIM_BPF_LD | SHIM_BPF_W | SHIM_BPF_ABS,
	JUMP = SHIM_BPF_JMP | SHIM_BPF_K,
	RETURN = SHIM_BPF_RET | SHIM_BPF_K,
};

static void put(struct shim_sock_fprog *filter, int code, unsigned if_true,
		unsigned if_false, uint32_t k)
{
	filter->filter[filter->len++] =
		(struct shim_sock_filter){ (uint16_t)code, (uint8_t)if_true,
					   (uint8_t)if_false, k };
}

static void put_return(struct shim_sock_fprog *filter, uint32_t value)
{
	put(filter, RETURN, 0, 0, value);
}

/* The call with that argument; others come out behind this, with the number. */
static void put_argument(struct shim_sock_fprog *filter,
			 const struct refused_argument *r)
{
	const size_t arguments = offsetof(struct shim_seccomp_data, args);

	put(filter, JUMP | SHIM_BPF_JEQ, 0, 4, r->nr);
	put(filter, LOAD, 0, 0, (uint32_t)(arguments + 8 * r->argument));
	put(filter, JUMP | r->compare, 0, 1, r->value);
	put_return(filter, SHIM_SECCOMP_RET_ERRNO | SHIM_EPERM);
	put(filter, LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr));
}

/* What the kernel asks with each call, as a program for its machine. */
static void make_filter(struct shim_sock_fprog *filter)
{
	static struct shim_sock_filter code[FILTER_SIZE];

	*filter = (struct shim_sock_fprog){ 0, code };
	put(filter, LOAD, 0, 0, offsetof(struct shim_seccomp_data, arch));
	put(filter, JUMP | SHIM_BPF_JEQ, 1, 0, architecture());
	put_return(filter, SHIM_SECCOMP_RET_KILL_PROCESS);
	put(filter, LOAD, 0, 0, offsetof(struct shim_seccomp_data, nr));
	for (int i = 0; i < NR_ARGUMENTS; i++)
		put_argument(filter, &refused_arguments[i]);
	/* Its flags are out of reach; all do without it. */
	put(filter, JUMP | SHIM_BPF_JEQ, 0, 1, SHIM_NR_clone3);
	put_return(filter, SHIM_SECCOMP_RET_ERRNO | SHIM_ENOSYS);
	put(filter, JUMP | SHIM_BPF_JGE, NR_REFUSED + 1, 0, X32);
	for (unsigned i = 0; i < NR_REFUSED; i++)
		put(filter, JUMP | SHIM_BPF_JEQ, NR_REFUSED - i, 0, refused[i]);
	put_return(filter, SHIM_SECCOMP_RET_ALLOW);
	put_return(filter, SHIM_SECCOMP_RET_ERRNO | SHIM_EPERM);
}

/* Returns 0, or -errno. */
static long allow(int ruleset, const char *path, uint64_t access)
{
	struct shim_landlock_path_beneath_attr rule = {
		.allowed_access = access,
	};
	long fd = shim_openat(SHIM_AT_FDCWD, path, SHIM_O_PATH | SHIM_O_CLOEXEC,
			      0);

	if (fd < 0)
		return fd;
	rule.parent_fd = (int)fd;
	fd = shim_landlock_add_rule(ruleset, SHIM_LANDLOCK_RULE_PATH_BENEATH,
				    &rule, 0);
	shim_close(rule.parent_fd);
	return fd;
}

/*
 * A second lock on what can be written: /tmp. Returns a ruleset, or -errno;
 * kernels have them since 5.13.
 */
static long make_ruleset(const char *box)
{
	const struct shim_landlock_ruleset_attr changes = {
		.handled_access_fs = SHIM_LANDLOCK_ACCESS_FS_WRITE_FILE |
				     SHIM_LANDLOCK_ACCESS_FS_REMOVE_DIR |
				     SHIM_LANDLOCK_ACCESS_FS_REMOVE_FILE |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_CHAR |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_DIR |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_REG |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_SOCK |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_BLOCK |
				     SHIM_LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	char path[PATH_SIZE];
	/* The size of the first version: all that is asked for. */
	long fd = shim_landlock_create_ruleset(
		&changes, sizeof(changes.handled_access_fs), 0);
	long err;

	if (fd < 0)
		return fd;
	err = allow((int)fd, join(path, box, "/tmp"),
		    changes.handled_access_fs);
	if (!err)
		err = allow((int)fd, "/dev/null",
			    SHIM_LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (!err)
		return fd;
	shim_close((int)fd);
	return err;
}

/* Without Landlock the other locks have to do. */
static long add_ruleset(struct shim_spawn_options *o, const char *box)
{
	long fd = make_ruleset(box);

	if (fd == -SHIM_ENOSYS || fd == -SHIM_EOPNOTSUPP || fd == -SHIM_EPERM) {
		say("sandbox: there is no Landlock here\n");
		return 0;
	}
	if (fd < 0)
		return fd;
	o->flags |= SHIM_SPAWN_LANDLOCK;
	o->landlock_fd = (int)fd;
	return 0;
}

static int start(struct shim_spawn *child, const char *box, char **argv,
		 char **envp)
{
	static const struct shim_spawn_limit limits[] = {
		{ SHIM_RLIMIT_NPROC, { NR_PROCESSES, NR_PROCESSES } },
		{ SHIM_RLIMIT_NOFILE, { NR_FILES, NR_FILES } },
		{ SHIM_RLIMIT_FSIZE, { FILE_SIZE, FILE_SIZE } },
		{ SHIM_RLIMIT_CORE, { 0, 0 } },
	};
	static const struct shim_spawn_caps none = { 0 };
	static _Alignas(16) char memory[32768];
	struct shim_spawn_mount mounts[NR_MOUNTS];
	struct shim_sock_fprog filter;
	struct shim_spawn_options options = {
		.path = argv[0],
		.argv = argv,
		.envp = envp,
		.flags = SHIM_SPAWN_NO_NEW_PRIVS | SHIM_SPAWN_SETSID,
		.namespaces = NEW_NAMESPACES,
		.pivot_root = box,
		.mounts = mounts,
		.nr_mounts = list_mounts(box, mounts),
		.limits = limits,
		.nr_limits = sizeof(limits) / sizeof(limits[0]),
		.caps = &none,
		.pdeathsig = SHIM_SIGKILL,
		.filter = &filter,
	};
	long err = add_ruleset(&options, box);

	if (err)
		return fail("landlock", err);
	choose_user(&options);
	make_filter(&filter);
	err = shim_spawn_start(child, &options, memory, sizeof(memory));
	if (options.flags & SHIM_SPAWN_LANDLOCK)
		shim_close(options.landlock_fd);
	return err ? fail(child->failed, err) : 0;
}

int main(int argc, char **argv, char **envp)
{
	struct shim_siginfo info;
	struct shim_spawn child;
	long err;

	if (argc < 3) {
		say("usage: sandbox DIRECTORY PROGRAM [ARGUMENT...]\n");
		return FAILED;
	}
	err = prepare(argv[1]);
	if (err)
		return fail(argv[1], err);
	if (start(&child, argv[1], argv + 2, envp))
		return FAILED;
	err = shim_spawn_wait(&child, NULL, &info);
	shim_spawn_close(&child);
	if (err)
		return fail("waitid", err);
	return info.si_code == SHIM_CLD_EXITED ? info.status
					       : SIGNALLED + info.status;
}
