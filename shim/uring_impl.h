/* SPDX-License-Identifier: MIT */
/* What the files of uring have in common. */
#ifndef SHIM_URING_IMPL_H
#define SHIM_URING_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* io_uring_register of a ring, by its descriptor or its registered number. */
HIDDEN int shim_uring_tell(struct shim_uring *ring, unsigned op, void *arg,
			   unsigned nr);

/*
 * The ring that the kernel made of p is fd's, and its memory, which sq and cq
 * name already: find the parts of it.
 */
HIDDEN void shim_uring_adopt(struct shim_uring *ring, int fd,
			     const struct shim_io_uring_params *p);

/* shim_uring_queue_init_params() with IORING_SETUP_NO_MMAP. */
HIDDEN int shim_uring_init_unmapped(unsigned entries, struct shim_uring *ring,
				    struct shim_io_uring_params *p);

/* IORING_SETUP_NO_SQARRAY, or 0 if the kernel does not say that it has it. */
HIDDEN unsigned shim_uring_no_array(void);

#endif
