/* SPDX-License-Identifier: MIT */
/* What the plans of hand-written functions are made with: hand.c. */
#ifndef HAND_H
#define HAND_H

#include "plan.h"

extern const unsigned char zeros[MEM_SIZE];

/* The first n bytes of what the kernel writes for argument i. */
void give(struct plan *p, int i, size_t n);
/* The memory of argument i is not the kernel's, but the function's own. */
void untouched(struct plan *p, int i);
void error_only(struct plan *p);
void adapt_nothing(struct plan *p);
void adapt_vectored(struct plan *p);
void adapt_vectored_read(struct plan *p);
void adapt_pipe2(struct plan *p);
/* Not for the kernel: memory of the function's own, cut to what is given. */
void own_output(struct plan *p, int i, size_t n);
/* And what it is then becomes the caller's. */
void returned_output(struct plan *p, int i, size_t n);
/* The mechanical form takes any bytes, this one strings. */
void check_strings(struct plan *p);
/* The kernel gives the address in argument i, its length in the next. */
void take_address(struct plan *p, int i, const char *address, size_t n,
		  const char *go, size_t nr_go);

/* Addresses as the kernel has them, and as the Go caller leaves them. */
#define IN6_BYTES "\xfe\x80\2\3\4\5\6\7\10\11\12\13\14\15\16\17"
#define INET6 "\12\0\x56\x78\0\0\0\0" IN6_BYTES "\x84\x83\x82\x81"
#define GO_INET6 "\12\x78\x56\0\0\x84\x83\x82\x81" IN6_BYTES

/* hand_time.c and hand_more.c have the rest of the table. */
extern const struct hand time_hands[];
extern const int nr_time_hands;
extern const struct hand more_hands[];
extern const int nr_more_hands;

#endif
