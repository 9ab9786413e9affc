/* SPDX-License-Identifier: MIT */
/* Many operations of all kinds at once, until every byte has arrived. */
#include <stddef.h>
#include <stdint.h>

#include <shim/aio.h>
#include <shim/sys.h>

#include "aio.h"

struct flow {
	int s[2];
	uint32_t sent, received, wrong;
	unsigned char out[64], in[64];
};

static void send_next(struct flow *f, uint64_t i)
{
	for (unsigned k = 0; k < sizeof(f->out); k++)
		f->out[k] = (unsigned char)((f->sent + k) % 251);
	if (i % 2)
		CHECK_EQ(shim_aio_send(&aio, f->s[1], f->out, 64, 0, 2 * i), 0);
	else
		CHECK_EQ(shim_aio_write(&aio, f->s[1], f->out, 64, 0, 2 * i),
			 0);
}

static void receive_next(struct flow *f, uint64_t i)
{
	CHECK_EQ(shim_aio_recv(&aio, f->s[0], f->in, 1 + i * 9, 0, 2 * i + 1),
		 0);
}

static void flow_on(struct flow *f, const struct shim_aio_event *ev,
		    uint32_t all)
{
	uint64_t i = ev->token / 2;

	if (!CHECK(ev->result > 0))
		return;
	if (ev->token % 2 == 0) {
		f->sent += (uint32_t)ev->result;
		if (f->sent < all)
			send_next(f, i);
		return;
	}
	for (int k = 0; k < ev->result; k++)
		f->wrong += f->in[k] != (unsigned char)(f->received++ % 251);
	if (f->received < f->sent || f->sent < all)
		receive_next(f, i);
}

static void flows_run(void)
{
	static struct flow flows[7];
	struct shim_aio_event ev[5];
	uint32_t all = check_small() ? 6400 : 64000;
	int left;

	for (uint64_t i = 0; i < 7; i++) {
		flows[i] = (struct flow){ .sent = 0 };
		CHECK_EQ(shim_socketpair(SHIM_AF_UNIX,
					 SHIM_SOCK_STREAM | SHIM_SOCK_CLOEXEC,
					 0, flows[i].s),
			 0);
		send_next(&flows[i], i);
		receive_next(&flows[i], i);
	}
	do {
		int n = shim_aio_poll_events(&aio, ev, 5, PATIENCE);

		if (!CHECK(n > 0))
			break;
		for (int k = 0; k < n; k++)
			flow_on(&flows[ev[k].token / 2], &ev[k], all);
		left = 0;
		for (int i = 0; i < 7; i++)
			left += flows[i].received < all;
	} while (left);
	for (uint64_t i = 0; i < 7; i++) {
		CHECK_EQ(flows[i].wrong, 0);
		CHECK_EQ(shim_aio_close(&aio, flows[i].s[0], i), 0);
		CHECK_EQ(shim_aio_close(&aio, flows[i].s[1], i), 0);
	}
}

static void every_byte_arrives_in_order(void)
{
	each_engine(flows_run);
}

static const struct check_test aio_stress_tests[] = {
	TEST(every_byte_arrives_in_order),
};

CHECK_MAIN(aio_stress, aio_stress_tests)
