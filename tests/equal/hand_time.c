/* SPDX-License-Identifier: MIT */
/* Go's functions about time that are written by hand: see hand.c. */
#include <stddef.h>

#include "hand.h"

static void adapt_alarm(struct plan *p)
{
	const int64_t value[4] = { 0, 0, (int64_t)p->frame.v[0], 0 };
	const int64_t old[4] = { 0, 0, 7, 600000 };

	want_value(p, 0, 0);
	want_bytes(p, 1, value, sizeof(value));
	want_bytes(p, 2, zeros, sizeof(old));
	untouched(p, 2);
	p->result = 0;
	if (p->ok) {
		give_bytes(p, 2, old, sizeof(old));
		p->result = 8;
	}
}

/* utimensat(dfd, filename, times, flags) with times in microseconds */
static void adapt_futimesat(struct plan *p)
{
	static const int64_t tv[4] = { 1, 2, -3, 4 };
	static const int64_t ts[4] = { 1, 2000, -3, 4000 };

	if (p->frame.present & 1 << 2) {
		set_memory(p, 2, tv, sizeof(tv));
		want_bytes(p, 2, ts, sizeof(ts));
	}
	want_value(p, 3, 0);
	check_strings(p);
}

static const uint64_t at_fdcwd = (uint64_t)-100;

static void adapt_utimes(struct plan *p)
{
	adapt_futimesat(p);
	want_value(p, 0, at_fdcwd);
}

static void adapt_lutimes(struct plan *p)
{
	enum { AT_SYMLINK_NOFOLLOW = 0x100 };

	adapt_utimes(p);
	want_value(p, 3, AT_SYMLINK_NOFOLLOW);
}

static void adapt_futimes(struct plan *p)
{
	static const char path[] = "/proc/self/fd/7";

	adapt_utimes(p);
	want_bytes(p, 1, path, sizeof(path));
	if (p->variant == INNER_NUL) { /* it has no string */
		p->no_call = false;
		p->error = p->ok ? 0 : -p->answer;
	}
}

static void adapt_utime(struct plan *p)
{
	static const int64_t times[2] = { 1234, -5 };
	static const int64_t ts[4] = { 1234, 0, -5, 0 };

	if (p->frame.present & 1 << 2) {
		set_memory(p, 2, times, sizeof(times));
		want_bytes(p, 2, ts, sizeof(ts));
	}
	want_value(p, 0, at_fdcwd);
	want_value(p, 3, 0);
	check_strings(p);
}

static void adapt_utimes_nano(struct plan *p)
{
	want_value(p, 0, at_fdcwd);
	want_value(p, 3, 0);
	check_strings(p);
}

static void adapt_getitimer(struct plan *p)
{
	returned_output(p, 1, 32);
	p->result = 0;
}

static void adapt_setitimer(struct plan *p)
{
	want_bytes(p, 1, p->frame.mem[1], 32);
	returned_output(p, 2, 32);
	p->result = 0;
}

static void adapt_timeofday(struct plan *p)
{
	want_value(p, 1, 0);
	untouched(p, 1);
	p->result = 0;
}

const struct hand time_hands[] = {
	{ "Alarm", "setitimer", adapt_alarm, NULL },
	{ "Futimesat", "utimensat", adapt_futimesat, NULL },
	{ "Utimes", "utimensat", adapt_utimes, NULL },
	{ "Lutimes", "utimensat", adapt_lutimes, NULL },
	{ "Futimes", "utimensat", adapt_futimes, NULL },
	{ "Utime", "utimensat", adapt_utime, NULL },
	{ "UtimesNano", "utimensat", adapt_utimes_nano, NULL },
	{ "UtimesNanoAt", "utimensat", check_strings, NULL },
	{ "Getitimer", "getitimer", adapt_getitimer, NULL },
	{ "Setitimer", "setitimer", adapt_setitimer, NULL },
	{ "Gettimeofday", "gettimeofday", adapt_timeofday, NULL },
	{ "Settimeofday", "settimeofday", adapt_timeofday, NULL },
};
const int nr_time_hands = sizeof(time_hands) / sizeof(time_hands[0]);
