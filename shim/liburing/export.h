/* SPDX-License-Identifier: MIT */
/*
 * liburing's own names for our ring: libshim-liburing.a, for programs that were
 * written for liburing. They are compiled against its liburing.h, of which
 * struct io_uring is our struct shim_uring, and link with this and libshim.a in
 * the place of liburing. It has what liburing 2.15 exports, and nothing else.
 *
 * Where we differ from liburing this archive does as liburing does: each such
 * function says it. Only io_uring_get_probe() needs something of a libc: malloc
 * and free.
 */
#ifndef SHIM_LIBURING_EXPORT_H
#define SHIM_LIBURING_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shim/uring.h>

/* The head of a function; its declaration is that in liburing.h. */
#define EXPORT(type, name, ...)            \
	type io_uring_##name(__VA_ARGS__); \
	type io_uring_##name(__VA_ARGS__)

/* Of the names that begin with two underscores. */
#define EXPORT_INNER(type, name, ...)        \
	type __io_uring_##name(__VA_ARGS__); \
	type __io_uring_##name(__VA_ARGS__)

#endif
