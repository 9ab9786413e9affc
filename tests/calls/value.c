/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

enum {
	PAGE = 4096,
	SHOWN_BYTES = 48,
	MOST_STRINGS = 1024,
	MOST_PARTS = 1024,
	FD_NAME = 4096,
	/* net.ipv4.ip_local_port_range, if nobody has changed it. */
	FIRST_CHOSEN_PORT = 32768,
};

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* A text that grows, and where it goes when it is complete. */
static FILE *open_text(char **text, size_t *size)
{
	return need(open_memstream(text, size));
}

bool get(struct view *v, uint64_t at, void *buf, size_t n)
{
	int err = n ? watch_read(v->w, v->call, at, buf, n) : 0;

	/* A bad address is the program's own business. */
	if (err == -EACCES || err == -EPERM)
		*v->unread = err;
	return !err;
}

static void put_quoted(FILE *to, const unsigned char *bytes, size_t n)
{
	size_t shown = n < SHOWN_BYTES ? n : SHOWN_BYTES;

	putc('"', to);
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = bytes[i];

		if (c == '\n')
			fputs("\\n", to);
		else if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c >= ' ' && c < 127)
			putc(c, to);
		else
			fprintf(to, "\\x%02x", c);
	}
	fputs(shown < n ? "\"..." : "\"", to);
}

static void put_hex(FILE *to, const unsigned char *bytes, size_t n)
{
	size_t shown = n < SHOWN_BYTES ? n : SHOWN_BYTES;

	putc('{', to);
	for (size_t i = 0; i < shown; i++)
		fprintf(to, "%s%02x", i ? " " : "", bytes[i]);
	fputs(shown < n ? " ...}" : "}", to);
}

void set_text(struct value *value, const char *text)
{
	value->shown = need(strdup(text));
}

void set_pointer(struct view *v, struct value *value, uint64_t at)
{
	char text[32];

	if (!at)
		return set_text(value, "NULL");
	snprintf(text, sizeof(text), "0x%" PRIx64, at);
	set_text(value, text);
	/* Where it is says nothing, unless it is nowhere. */
	if (process_mapping(v->process, at))
		value->meaning = need(strdup("address"));
}

/* What cannot be the same in two programs: addresses. */
static void clear_pointers(struct view *v, unsigned char *bytes, size_t n)
{
	uint64_t word;

	for (size_t i = 0; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		if (word >> 16 && process_mapping(v->process, word))
			memset(bytes + i, 0, sizeof(word));
	}
}

static void set_bytes(struct value *value, unsigned char *bytes, size_t n,
		      void (*put)(FILE *, const unsigned char *, size_t))
{
	size_t size;
	FILE *to = open_text(&value->shown, &size);

	put(to, bytes, n);
	fclose(to);
	value->bytes = bytes;
	value->n = n;
}

void set_buffer(struct view *v, struct value *value, uint64_t at, uint64_t n,
		bool is_structure)
{
	size_t kept = n < MOST_BYTES ? n : MOST_BYTES;
	unsigned char *bytes = need(malloc(kept + 1));

	if (!get(v, at, bytes, kept)) {
		free(bytes);
		return set_pointer(v, value, at);
	}
	if (is_structure)
		clear_pointers(v, bytes, kept);
	set_bytes(value, bytes, kept, is_structure ? put_hex : put_quoted);
}

/* Read a string to the end of one page after the other. */
static unsigned char *get_string(struct view *v, uint64_t at, size_t *n)
{
	unsigned char *bytes = need(malloc(MOST_BYTES + PAGE)), *end;

	for (*n = 0; *n < MOST_BYTES;) {
		size_t step = PAGE - (at + *n) % PAGE;

		if (!get(v, at + *n, bytes + *n, step))
			break;
		end = memchr(bytes + *n, 0, step);
		if (end) {
			*n = (size_t)(end - bytes);
			return bytes;
		}
		*n += step;
	}
	free(bytes);
	return NULL;
}

void set_string(struct view *v, struct value *value, uint64_t at)
{
	size_t n;
	unsigned char *bytes = at ? get_string(v, at, &n) : NULL;

	if (bytes)
		set_bytes(value, bytes, n, put_quoted);
	else
		set_pointer(v, value, at);
}

/* One string of a list: shown as long as the list is short. */
static void add_string(struct view *v, uint64_t at, FILE *shown, FILE *all)
{
	size_t n = 0;
	unsigned char *bytes = get_string(v, at, &n);

	if (ftell(shown) < 4 * SHOWN_BYTES) {
		fputs(ftell(shown) ? ", " : "[", shown);
		put_quoted(shown, bytes, bytes ? n : 0);
	}
	fwrite(bytes ? (void *)bytes : "", 1, bytes ? n : 0, all);
	putc(0, all);
	free(bytes);
}

void set_strings(struct view *v, struct value *value, uint64_t at, bool count)
{
	char *shown = NULL, *all = NULL;
	size_t size, n, text_size;
	FILE *to, *bytes, *text;
	uint64_t s;
	int i;

	if (!at || !get(v, at, &s, sizeof(s)))
		return set_pointer(v, value, at);
	to = open_text(&shown, &size);
	bytes = open_text(&all, &n);
	for (i = 0; i < MOST_STRINGS && get(v, at, &s, sizeof(s)) && s; i++) {
		add_string(v, s, to, bytes);
		at += sizeof(s);
	}
	fclose(to);
	fclose(bytes);
	text = open_text(&value->shown, &text_size);
	if (count)
		fprintf(text, "[%d strings]", i);
	else
		fprintf(text, "%s%s", size ? shown : "[",
			size < 4 * SHOWN_BYTES ? "]" : ", ...]");
	fclose(text);
	free(shown);
	value->bytes = (unsigned char *)all;
	value->n = n;
}

void set_parts(struct view *v, struct value *value, uint64_t at, uint64_t nr,
	       bool filled)
{
	struct {
		uint64_t base, len;
	} part;
	unsigned char *bytes = need(malloc(MOST_BYTES + 1));
	uint64_t i, n = 0;
	char text[64];

	for (i = 0; i < nr && i < MOST_PARTS; i++) {
		if (!get(v, at + i * sizeof(part), &part, sizeof(part)) ||
		    n + part.len > MOST_BYTES ||
		    (filled && !get(v, part.base, bytes + n, part.len)))
			break;
		n += part.len;
	}
	if (filled && i == nr)
		return set_bytes(value, bytes, n, put_quoted);
	free(bytes);
	snprintf(text, sizeof(text), "%" PRIu64 " buffers of %" PRIu64 " bytes",
		 nr, n);
	set_text(value, text);
}

void set_message(struct view *v, struct value *value, uint64_t at, bool filled)
{
	static const char *const names[] = { "name", "parts", "control" };
	uint64_t words[6], n[3];
	struct value inner[3] = { { 0 } };
	const char *between = "";
	size_t size;
	FILE *to;

	if (!at || !get(v, at, words, sizeof(words)))
		return set_pointer(v, value, at);
	n[0] = (uint32_t)words[1];
	n[2] = words[5];
	if (words[0] && filled)
		set_address(v, &inner[0], words[0], n[0]);
	set_parts(v, &inner[1], words[2], words[3], filled);
	if (words[4] && filled)
		set_buffer(v, &inner[2], words[4], n[2], false);
	to = open_text(&value->shown, &size);
	putc('{', to);
	for (int i = 0; i < 3; i++) {
		if (inner[i].shown) {
			fprintf(to, "%s%s: %s", between, names[i],
				inner[i].shown);
			between = ", ";
		}
		free(inner[i].shown);
		free(inner[i].meaning);
		if (i != 1)
			free(inner[i].bytes);
	}
	putc('}', to);
	fclose(to);
	value->bytes = inner[1].bytes;
	value->n = inner[1].n;
}

/* A port that the kernel has chosen is another the next time. */
static void set_inet(struct value *value, int family, const void *host,
		     const unsigned char *port)
{
	int n = port[0] << 8 | port[1];
	char text[INET6_ADDRSTRLEN + 16], name[INET6_ADDRSTRLEN];

	inet_ntop(family, host, name, sizeof(name));
	snprintf(text, sizeof(text),
		 family == AF_INET6 ? "{[%s]:%d}" : "{%s:%d}", name, n);
	set_text(value, text);
	if (n < FIRST_CHOSEN_PORT)
		return;
	snprintf(text, sizeof(text), "%s:chosen", name);
	value->meaning = need(strdup(text));
}

void set_address(struct view *v, struct value *value, uint64_t at, uint64_t n)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (n > sizeof(address) || !get(v, at, &address, n))
		return set_buffer(v, value, at, n, false);
	if (address.ss_family == AF_INET && n == sizeof(in)) {
		memcpy(&in, &address, n);
		set_inet(value, AF_INET, &in.sin_addr, (void *)&in.sin_port);
	} else if (address.ss_family == AF_INET6 && n == sizeof(in6)) {
		memcpy(&in6, &address, n);
		set_inet(value, AF_INET6, &in6.sin6_addr,
			 (void *)&in6.sin6_port);
	} else {
		set_buffer(v, value, at, n, false);
	}
}

void set_time(struct view *v, struct value *value, uint64_t at, double unit)
{
	int64_t time[2];
	char text[40];

	if (!at || !get(v, at, time, sizeof(time)))
		return set_pointer(v, value, at);
	value->is_time = true;
	value->seconds = (double)time[0] + (double)time[1] * unit;
	snprintf(text, sizeof(text), "%.9g s", value->seconds);
	set_text(value, text);
}

void set_fd(struct view *v, struct value *value, int fd)
{
	char *name = need(malloc(FD_NAME)), text[16];

	if (fd == AT_FDCWD) {
		set_text(value, "AT_FDCWD");
	} else if (fd >= 0 && process_fd(v->process, fd, name, FD_NAME)) {
		size_t size = strlen(name) + 16;

		value->shown = need(malloc(size));
		snprintf(value->shown, size, "%d<%s>", fd, name);
		value->meaning = name;
		return;
	} else {
		snprintf(text, sizeof(text), "%d", fd);
		set_text(value, text);
	}
	free(name);
}

void set_polled(struct view *v, struct value *value, uint64_t at, uint64_t nr)
{
	struct {
		int fd;
		uint16_t events, revents;
	} p;
	size_t shown, meant;
	FILE *to = open_text(&value->shown, &shown);
	FILE *meaning = open_text(&value->meaning, &meant);

	for (uint64_t i = 0; i < nr && get(v, at + i * 8, &p, 8); i++) {
		struct value fd = { 0 };

		set_fd(v, &fd, p.fd);
		fprintf(to, "%s%s: 0x%x", i ? ", " : "[", fd.shown, p.events);
		fprintf(meaning, "%s: 0x%x, ",
			fd.meaning ? fd.meaning : fd.shown, p.events);
		free(fd.shown);
		free(fd.meaning);
	}
	fputs(nr ? "]" : "[]", to);
	fclose(to);
	fclose(meaning);
}

void set_pid(struct view *v, struct value *value, int pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	set_text(value, text);
	if (pid == v->process->pid)
		value->meaning = need(strdup("itself"));
	else if (pid == (int)v->call->pid)
		value->meaning = need(strdup("this thread"));
	else if (pid > 0)
		value->meaning = need(strdup("another process"));
}

void set_output(struct value *value, uint64_t n)
{
	char text[40];

	snprintf(text, sizeof(text), "%" PRIu64 " bytes to fill", n);
	set_text(value, text);
}
