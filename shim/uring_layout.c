/* SPDX-License-Identifier: MIT */
/*
 * struct shim_uring is liburing's struct io_uring, byte by byte: a program
 * compiled against liburing.h may hand its own to this library.
 */
#include <shim/uring.h>

#define SIZE(type, size) _Static_assert(sizeof(struct type) == size, #type)
#define AT(type, field, at) \
	_Static_assert(offsetof(struct type, field) == at, #field)

SIZE(shim_uring_sq, 104);
AT(shim_uring_sq, khead, 0);
AT(shim_uring_sq, ktail, 8);
AT(shim_uring_sq, kring_mask, 16);
AT(shim_uring_sq, kring_entries, 24);
AT(shim_uring_sq, kflags, 32);
AT(shim_uring_sq, kdropped, 40);
AT(shim_uring_sq, array, 48);
AT(shim_uring_sq, sqes, 56);
AT(shim_uring_sq, sqe_head, 64);
AT(shim_uring_sq, sqe_tail, 68);
AT(shim_uring_sq, ring_sz, 72);
AT(shim_uring_sq, ring_ptr, 80);
AT(shim_uring_sq, ring_mask, 88);
AT(shim_uring_sq, ring_entries, 92);
AT(shim_uring_sq, sqes_sz, 96);
AT(shim_uring_sq, pad, 100);

SIZE(shim_uring_cq, 88);
AT(shim_uring_cq, khead, 0);
AT(shim_uring_cq, ktail, 8);
AT(shim_uring_cq, kring_mask, 16);
AT(shim_uring_cq, kring_entries, 24);
AT(shim_uring_cq, kflags, 32);
AT(shim_uring_cq, koverflow, 40);
AT(shim_uring_cq, cqes, 48);
AT(shim_uring_cq, ring_sz, 56);
AT(shim_uring_cq, ring_ptr, 64);
AT(shim_uring_cq, ring_mask, 72);
AT(shim_uring_cq, ring_entries, 76);
AT(shim_uring_cq, pad, 80);

SIZE(shim_uring, 216);
AT(shim_uring, sq, 0);
AT(shim_uring, cq, 104);
AT(shim_uring, flags, 192);
AT(shim_uring, ring_fd, 196);
AT(shim_uring, features, 200);
AT(shim_uring, enter_ring_fd, 204);
AT(shim_uring, int_flags, 208);
AT(shim_uring, pad, 209);
AT(shim_uring, pad2, 212);
