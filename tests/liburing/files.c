/* SPDX-License-Identifier: MIT */
/* Registered files: tags, updates, empty places, without descriptors. */
#define _GNU_SOURCE
#include "say.h"

static void read_slot(struct io_uring *ring, int slot)
{
	char c = '-';
	struct io_uring_sqe *sqe =
		PREP(ring, (unsigned long)slot, read, slot, &c, 1, 0);

	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_submit(ring);
	say_cqes(ring, 1);
	printf("%c\n", c);
}

static void more_than_the_limit(struct io_uring *ring)
{
	struct rlimit limit, old;
	int many[64];

	for (int i = 0; i < 64; i++)
		many[i] = -1;
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 32;
	setrlimit(RLIMIT_NOFILE, &limit);
	SAY(io_uring_register_files(ring, many, 64));
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("limit %lu\n", (unsigned long)limit.rlim_cur);
	SAY(io_uring_unregister_files(ring));
	limit.rlim_cur = 32;
	setrlimit(RLIMIT_NOFILE, &limit);
	SAY(io_uring_register_files_sparse(ring, 64));
	SAY(io_uring_unregister_files(ring));
	setrlimit(RLIMIT_NOFILE, &old);
}

int main(void)
{
	struct io_uring ring;
	int files[3] = { new_file("0"), new_file("1"), -1 };
	int other = new_file("x"), none = -1;
	__u64 tags[3] = { 11, 12, 0 }, tag = 13;

	open_ring(&ring, 8, 0);
	SAY(io_uring_unregister_files(&ring));
	SAY(io_uring_register_files(&ring, files, 3));
	SAY(io_uring_register_files(&ring, files, 3));
	for (int i = 0; i < 4; i++)
		read_slot(&ring, i);
	SAY(io_uring_register_files_update(&ring, 2, &other, 1));
	read_slot(&ring, 2);
	SAY(io_uring_register_files_update(&ring, 0, &none, 1));
	read_slot(&ring, 0);
	SAY(io_uring_register_files_update(&ring, 9, &none, 1));
	SAY(io_uring_unregister_files(&ring));

	SAY(io_uring_register_files_tags(&ring, files, tags, 3));
	if (!SAY(io_uring_register_files_update_tag(&ring, 0, &other, &tag,
						    1) != 1))
		say_cqes(&ring, 1);
	read_slot(&ring, 0);
	SAY(io_uring_register_files_update_tag(&ring, 1, &none, NULL, 1));
	say_cqes(&ring, 1);
	SAY(io_uring_register_files_update_tag(&ring, 0, &none, NULL, 1));
	say_cqes(&ring, 1);
	SAY(io_uring_unregister_files(&ring));

	if (!SAY(io_uring_register_files_sparse(&ring, 8))) {
		SAY(io_uring_register_file_alloc_range(&ring, 4, 2));
		for (int i = 0; i < 3; i++) {
			PREP(&ring, 1, openat_direct, AT_FDCWD, "/dev/zero",
			     O_RDONLY, 0, IORING_FILE_INDEX_ALLOC);
			io_uring_submit(&ring);
			say_cqes(&ring, 1);
		}
		PREP(&ring, 2, close_direct, 4);
		io_uring_submit(&ring);
		say_cqes(&ring, 1);
		SAY(io_uring_unregister_files(&ring));
	}
	more_than_the_limit(&ring);
	io_uring_queue_exit(&ring);
	return 0;
}
