/* SPDX-License-Identifier: MIT */
/*
 * What a multishot recvmsg leaves in a provided buffer, for <shim/uring.h>,
 * which includes this: a struct shim_io_uring_recvmsg_out, the sender's address
 * and control data, each in as much room as the struct shim_msghdr of the
 * request has, and the payload. As in liburing.
 */
#ifndef SHIM_URING_MESSAGE_H
#define SHIM_URING_MESSAGE_H

#include <shim/uring.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * io_uring_recvmsg_validate(3): what lies in the buffer, of which buf_len bytes
 * are filled (the result of the request), or null if these are too few for
 * msgh.
 */
static inline struct shim_io_uring_recvmsg_out *
shim_uring_recvmsg_validate(void *buf, int buf_len, struct shim_msghdr *msgh)
{
	size_t size = sizeof(struct shim_io_uring_recvmsg_out);

	if (buf_len < 0)
		return NULL;
	size += msgh->msg_controllen + (size_t)msgh->msg_namelen;
	return (size_t)buf_len < size ? NULL
				      : (struct shim_io_uring_recvmsg_out *)buf;
}

/* io_uring_recvmsg_name(3): the sender's address, o->namelen bytes of it. */
static inline void *shim_uring_recvmsg_name(struct shim_io_uring_recvmsg_out *o)
{
	return o + 1;
}

/* io_uring_recvmsg_cmsg_firsthdr(3): the first control message, or null. */
static inline struct shim_cmsghdr *
shim_uring_recvmsg_cmsg_firsthdr(struct shim_io_uring_recvmsg_out *o,
				 struct shim_msghdr *msgh)
{
	char *name = (char *)shim_uring_recvmsg_name(o);

	if (o->controllen < sizeof(struct shim_cmsghdr))
		return NULL;
	return (struct shim_cmsghdr *)(void *)(name + msgh->msg_namelen);
}

/* io_uring_recvmsg_cmsg_nexthdr(3): the one behind cmsg, or null. */
static inline struct shim_cmsghdr *
shim_uring_recvmsg_cmsg_nexthdr(struct shim_io_uring_recvmsg_out *o,
				struct shim_msghdr *msgh,
				struct shim_cmsghdr *cmsg)
{
	const size_t head = sizeof(struct shim_cmsghdr), align = sizeof(size_t);
	char *name = (char *)shim_uring_recvmsg_name(o);
	char *at = (char *)cmsg;
	size_t left = (size_t)(name + msgh->msg_namelen + o->controllen - at);
	size_t size = (cmsg->cmsg_len + align - 1) & -align;

	if (cmsg->cmsg_len < head || cmsg->cmsg_len > left ||
	    left < size + head)
		return NULL;
	return (struct shim_cmsghdr *)(void *)(at + size);
}

/* io_uring_recvmsg_payload(3) */
static inline void *
shim_uring_recvmsg_payload(struct shim_io_uring_recvmsg_out *o,
			   struct shim_msghdr *msgh)
{
	char *name = (char *)shim_uring_recvmsg_name(o);

	return name + msgh->msg_namelen + msgh->msg_controllen;
}

/*
 * io_uring_recvmsg_payload_length(3): how many bytes are in the buffer;
 * o->payloadlen says how many the message had.
 */
static inline unsigned
shim_uring_recvmsg_payload_length(struct shim_io_uring_recvmsg_out *o,
				  int buf_len, struct shim_msghdr *msgh)
{
	char *payload = (char *)shim_uring_recvmsg_payload(o, msgh);

	return (unsigned)((char *)o + buf_len - payload);
}

#ifdef __cplusplus
}
#endif

#endif
