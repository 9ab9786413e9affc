/* SPDX-License-Identifier: MIT */
/*
 * Rings that poll a device, and commands to its driver: on the NVMe disk of a
 * virtual machine, which has the serial number below. The machine says so by
 * SCRATCH_NVME in the environment: no other disk is written.
 */
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#include "check.h"

#define NONE "no NVMe disk to overwrite"
#define LACKS "this kernel lacks what the ring asks for"
#define SERIAL "syshim-scratch"

enum {
	BLOCK = 4096,
	NR_BLOCKS = 32,
	NSID = 1,
	READ = 2,	/* of the I/O commands */
	IDENTIFY = 6,	/* of the administrative commands */
	CONTROLLER = 1, /* what to identify: cdw10 */
	SERIAL_AT = 4,	/* in what identify tells */
};

/* struct nvme_passthru_cmd; struct nvme_uring_cmd has no result. */
struct command {
	uint8_t opcode, flags;
	uint16_t rsvd1;
	uint32_t nsid, cdw2, cdw3;
	uint64_t metadata, addr;
	uint32_t metadata_len, data_len;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
	uint32_t timeout_ms, result;
};
_Static_assert(sizeof(struct command) == 72, "nvme_passthru_cmd");

/* _IOWR('N', nr, struct command) */
#define NVME(nr) \
	(3U << 30 | (uint32_t)sizeof(struct command) << 16 | 'N' << 8 | (nr))
#define NVME_IOCTL_ADMIN_CMD NVME(0x41)
#define NVME_URING_CMD_IO NVME(0x80)
#define NVME_URING_CMD_ADMIN NVME(0x82)

static _Alignas(BLOCK) char to_write[NR_BLOCKS][BLOCK],
	to_read[NR_BLOCKS][BLOCK];

static bool begins(const char *s, const char *with)
{
	while (*with && *s == *with) {
		s++;
		with++;
	}
	return !*with;
}

/* Whether the machine is one of tests/kernels, and the disk its own. */
static bool has_disk(void)
{
	char serial[32] = "";
	int fd;
	char **e = check_envp;

	while (*e && !begins(*e, "SCRATCH_NVME="))
		e++;
	if (!*e)
		return false;
	fd = (int)shim_openat(SHIM_AT_FDCWD, "/sys/class/nvme/nvme0/serial",
			      SHIM_O_RDONLY | SHIM_O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	shim_read(fd, serial, sizeof(serial) - 1);
	shim_close(fd);
	return CHECK(begins(serial, SERIAL));
}

/* Set up a ring. Returns NULL, or why there is none. */
static const char *why_not(struct shim_uring *ring, unsigned flags)
{
	int err;

	if (!has_disk())
		return NONE;
	err = shim_uring_queue_init(NR_BLOCKS, ring, flags);
	if (err == -SHIM_ENOSYS || err == -SHIM_EPERM)
		return "this kernel has no io_uring, or forbids it";
	if (err == -SHIM_EINVAL)
		return LACKS;
	CHECK_EQ(err, 0);
	return err ? LACKS : NULL;
}

static int open_device(const char *path, int flags)
{
	int fd = (int)shim_openat(SHIM_AT_FDCWD, path,
				  SHIM_O_RDWR | SHIM_O_CLOEXEC | flags, 0);

	check_equal(fd < 0 ? fd : 0, 0, __FILE__, __LINE__, path);
	return fd;
}

static void fill(unsigned seed)
{
	for (int i = 0; i < NR_BLOCKS; i++)
		for (int j = 0; j < BLOCK; j++) {
			seed = seed * 1103515245 + 12345;
			to_write[i][j] = (char)(seed >> 16);
			to_read[i][j] = 0;
		}
}

static bool same_blocks(void)
{
	for (int i = 0; i < NR_BLOCKS; i++)
		for (int j = 0; j < BLOCK; j++)
			if (to_read[i][j] != to_write[i][j])
				return false;
	return true;
}

/* Submit what is prepared, and take the completions of nr requests. */
static void take(struct shim_uring *ring, int nr, int want)
{
	for (int i = 0; i < nr; i++) {
		struct shim_io_uring_cqe *cqe;

		CHECK(shim_uring_submit_and_wait(ring, 1) >= 0);
		CHECK_EQ(shim_uring_wait_cqe(ring, &cqe), 0);
		CHECK_FATAL(cqe);
		CHECK_EQ(cqe->res, want);
		shim_uring_cqe_seen(ring, cqe);
	}
}

static void transfer_all(struct shim_uring *ring, int fd, bool write)
{
	for (int i = 0; i < NR_BLOCKS; i++) {
		struct shim_io_uring_sqe *sqe = shim_uring_get_sqe(ring);

		CHECK_FATAL(sqe);
		if (write)
			shim_uring_prep_write(sqe, fd, to_write[i], BLOCK,
					      (uint64_t)i * BLOCK);
		else
			shim_uring_prep_read_fixed(sqe, fd, to_read[i], BLOCK,
						   (uint64_t)i * BLOCK, 0);
		shim_uring_sqe_set_data64(sqe, (uint64_t)i);
	}
	take(ring, NR_BLOCKS, BLOCK);
}

/* What polled requests write and read, plain calls read, too. */
static void poll_blocks(unsigned flags)
{
	const struct shim_iovec iov = { to_read, sizeof(to_read) };
	struct shim_uring ring;
	const char *why;
	int fd;

	why = why_not(&ring, flags);
	if (why)
		SKIP(why);
	fd = open_device("/dev/nvme0n1", SHIM_O_DIRECT);
	fill(flags);
	CHECK_EQ(shim_uring_register_buffers(&ring, &iov, 1), 0);
	transfer_all(&ring, fd, true);
	transfer_all(&ring, fd, false);
	CHECK(same_blocks());
	fill(flags);
	CHECK_EQ(shim_pread64(fd, to_read, sizeof(to_read), 0),
		 sizeof(to_read));
	CHECK(same_blocks());
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
}

static void a_polling_ring_writes_and_reads(void)
{
	poll_blocks(SHIM_IORING_SETUP_IOPOLL);
}

static void a_ring_that_sleeps_first_writes_and_reads(void)
{
	poll_blocks(SHIM_IORING_SETUP_IOPOLL | SHIM_IORING_SETUP_HYBRID_IOPOLL);
}

/* Nothing else can be polled for. */
static void a_polling_ring_refuses_the_rest(void)
{
	struct shim_io_uring_sqe *sqe;
	struct shim_uring ring;
	const char *why;
	int fd;

	why = why_not(&ring, SHIM_IORING_SETUP_IOPOLL);
	if (why)
		SKIP(why);
	fd = open_device("/dev/nvme0n1", 0);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_read(sqe, fd, to_read, BLOCK, 0);
	take(&ring, 1, -SHIM_EOPNOTSUPP);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_fsync(sqe, fd, 0);
	take(&ring, 1, -SHIM_EINVAL);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
}

/* ---- Commands to the driver ---- */

static struct command read_command(void)
{
	/* From block 0, so many blocks of 512 bytes, less one. */
	return (struct command){ .opcode = READ,
				 .nsid = NSID,
				 .addr = (uintptr_t)to_read,
				 .data_len = sizeof(to_read),
				 .cdw12 = sizeof(to_read) / 512 - 1 };
}

static struct command identify_command(void *to)
{
	return (struct command){ .opcode = IDENTIFY,
				 .addr = (uintptr_t)to,
				 .data_len = BLOCK,
				 .cdw10 = CONTROLLER };
}

static void put_command(struct shim_uring *ring, int fd, unsigned nr,
			const struct command *command, bool large)
{
	struct shim_io_uring_sqe *sqe = large ? shim_uring_get_sqe128(ring)
					      : shim_uring_get_sqe(ring);
	const char *from = (const char *)command;

	CHECK_FATAL(sqe);
	if (large)
		shim_uring_prep_uring_cmd128(sqe, (int)nr, fd);
	else
		shim_uring_prep_uring_cmd(sqe, (int)nr, fd);
	for (size_t i = 0; i < sizeof(*command); i++)
		((char *)&sqe->addr3)[i] = from[i];
	shim_uring_sqe_set_data64(sqe, nr);
}

/* Blocks written by plain calls come by commands of the driver's own. */
static void read_by_commands(unsigned flags)
{
	struct command command = read_command();
	struct shim_uring ring;
	const char *why;
	int fd, generic;

	why = why_not(&ring, flags | SHIM_IORING_SETUP_SQE128 |
				     SHIM_IORING_SETUP_CQE32);
	if (why)
		SKIP(why);
	fd = open_device("/dev/nvme0n1", SHIM_O_DIRECT);
	generic = open_device("/dev/ng0n1", 0);
	for (unsigned i = 0; i < 3; i++) {
		fill(flags + i);
		CHECK_EQ(shim_pwrite64(fd, to_write, sizeof(to_write), 0),
			 sizeof(to_write));
		put_command(&ring, generic, NVME_URING_CMD_IO, &command, false);
		take(&ring, 1, 0);
		CHECK(same_blocks());
	}
	command.nsid = 77;
	put_command(&ring, generic, NVME_URING_CMD_IO, &command, false);
	take(&ring, 1, -SHIM_EINVAL);
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
	CHECK_EQ(shim_close(generic), 0);
}

static void commands_read_blocks(void)
{
	read_by_commands(0);
}

static void polled_commands_read_blocks(void)
{
	read_by_commands(SHIM_IORING_SETUP_IOPOLL);
}

/* What a command tells is what ioctl(2) tells. */
static void identify(unsigned flags, bool large)
{
	struct command command = identify_command(to_write);
	struct shim_uring ring;
	const char *why;
	int fd;

	why = why_not(&ring, flags);
	if (why)
		SKIP(why);
	fill(0);
	fd = open_device("/dev/nvme0", 0);
	CHECK_EQ(shim_ioctl(fd, NVME_IOCTL_ADMIN_CMD, (uintptr_t)&command), 0);
	CHECK(begins(to_write[0] + SERIAL_AT, SERIAL));
	command = identify_command(to_read);
	put_command(&ring, fd, NVME_URING_CMD_ADMIN, &command, large);
	take(&ring, 1, 0);
	for (int i = 0; i < BLOCK; i++)
		if (to_read[0][i] != to_write[0][i]) {
			CHECK_EQ(i, BLOCK);
			break;
		}
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
}

static void a_command_identifies_the_disk(void)
{
	identify(SHIM_IORING_SETUP_SQE128 | SHIM_IORING_SETUP_CQE32, false);
}

static void a_large_entry_among_small_ones_identifies_the_disk(void)
{
	identify(SHIM_IORING_SETUP_SQE_MIXED | SHIM_IORING_SETUP_CQE_MIXED,
		 true);
}

/* A discarded block reads as zeroes, or as before: the disk says. */
static void blocks_are_discarded(void)
{
	struct shim_io_uring_sqe *sqe;
	struct shim_io_uring_cqe *cqe;
	struct shim_uring ring;
	const char *why;
	int fd, res;

	why = why_not(&ring, 0);
	if (why)
		SKIP(why);
	fd = open_device("/dev/nvme0n1", SHIM_O_DIRECT);
	sqe = shim_uring_get_sqe(&ring);
	shim_uring_prep_cmd_discard(sqe, fd, 0, BLOCK);
	CHECK_EQ(shim_uring_submit_and_wait(&ring, 1), 1);
	CHECK_EQ(shim_uring_peek_cqe(&ring, &cqe), 0);
	CHECK_FATAL(cqe);
	res = cqe->res;
	shim_uring_queue_exit(&ring);
	CHECK_EQ(shim_close(fd), 0);
	if (res == -SHIM_EINVAL || res == -SHIM_EOPNOTSUPP)
		SKIP(LACKS);
	CHECK_EQ(res, 0);
}

static const struct check_test uring_nvme_tests[] = {
	{ "a_polling_ring_writes_and_reads", a_polling_ring_writes_and_reads },
	{ "a_ring_that_sleeps_first_writes_and_reads",
	  a_ring_that_sleeps_first_writes_and_reads },
	{ "a_polling_ring_refuses_the_rest", a_polling_ring_refuses_the_rest },
	{ "commands_read_blocks", commands_read_blocks },
	{ "polled_commands_read_blocks", polled_commands_read_blocks },
	{ "a_command_identifies_the_disk", a_command_identifies_the_disk },
	{ "a_large_entry_among_small_ones_identifies_the_disk",
	  a_large_entry_among_small_ones_identifies_the_disk },
	{ "blocks_are_discarded", blocks_are_discarded },
};

CHECK_MAIN(uring_nvme, uring_nvme_tests)
