/* SPDX-License-Identifier: MIT */
/* A call block: one property per line. */
#include <string.h>

#include "gen.h"

static const char *const return_words[] = {
	"",	 "fd",	    "count",	  "pointer",
	"value", "nothing", "infallible", "noreturn",
};

static const char *const blocks_words[] = { "no",   "process", "device",
					    "file", "network", "any" };

static const char *const eintr_words[] = { "never", "retry", "timeout",
					   "final" };

static int choose(const char *w, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(w, words[i]) == 0)
			return (int)i;
	return -1;
}

/* Returns -1 for "-". */
static int64_t parse_number(int cpu, struct cur *c, struct loc *at)
{
	const char *w = word(c, at);
	int64_t nr;

	if (strcmp(w, "-") == 0)
		return -1;
	if (parse_int(w, &nr) && nr >= 0 && nr <= 4095)
		return nr;
	complain(*at,
		 "\"%s\" is no call number; write the number on %s, or "
		 "\"-\" when it does not have the call",
		 w, cpus[cpu].name);
	return -1;
}

/* call NAME NUMBER NUMBER */
void parse_call(struct cur *c)
{
	struct call *call = VEC_ADD(&model.calls);

	call->name = word(c, &call->at);
	if (at_end(c)) {
		complain(here(c),
			 "the %s missing; write \"call NAME NUMBER "
			 "NUMBER\"",
			 *call->name ? "numbers are" : "name is");
		return;
	}
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		call->nr[cpu] = parse_number(cpu, c, &call->nr_at[cpu]);
	expect_end(c);
}

/* reserved NAME NUMBER NUMBER "what it was" */
void parse_reserved(struct cur *c)
{
	struct reserved *r = VEC_ADD(&model.reserved);

	r->name = word(c, &r->at);
	for (int cpu = 0; cpu < NR_CPUS; cpu++)
		r->nr[cpu] = parse_number(cpu, c, &r->at);
	r->what = quoted(c, "what it was");
	expect_end(c);
}

/* [COUNT] or [COUNT bytes]: an argument's name or a number. */
static void parse_length(struct arg *a, struct cur *c)
{
	if (!accept(c, '['))
		return;
	a->len_name = word(c, &a->len_at);
	if (!*a->len_name)
		complain(a->len_at, "the length is missing; write the name of "
				    "an argument, or a number");
	a->len_bytes = accept_word(c, "bytes");
	expect(c, ']');
}

static void parse_constant_arg(struct arg *a, struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);

	if (strcmp(w, "sizeof") == 0 && accept(c, '(')) {
		a->sizeof_name = word(c, &a->sizeof_at);
		expect(c, ')');
		return;
	}
	a->is_constant = true;
	if (!parse_int(w, &a->constant))
		complain(at,
			 "\"%s\" is no value; write a number or "
			 "sizeof(ARGUMENT)",
			 w);
}

static void parse_type(struct arg *a, struct cur *c)
{
	static const char *const words[] = { "", "in", "out", "inout" };
	int dir;

	a->type_name = word(c, &a->type_at);
	dir = *a->type_name ? choose(a->type_name, words, 4) : 0;
	if (dir > 0) {
		a->dir = (enum direction)dir;
		a->type_name = word(c, &a->type_at);
	}
	if (!*a->type_name)
		complain(a->type_at, "the type is missing; write \"arg NAME "
				     "TYPE\"");
	parse_length(a, c);
	a->nullable = accept(c, '?');
}

/*
 * arg NAME [packed] [in|out|inout] TYPE[LENGTH][?] [= VALUE] [unlike "WHY"]
 */
static void parse_arg(struct call *call, struct cur *c)
{
	struct loc at = here(c);
	struct arg *a;

	if (call->nr_args == MAX_ARGS) {
		complain(at, "a call has at most %d arguments; remove one",
			 MAX_ARGS);
		return;
	}
	if (call->has_order)
		complain(at, "an argument after \"order\"; write it before");
	a = &call->args[call->nr_args++];
	a->len = a->sizeof_arg = -1;
	a->name = word(c, &a->at);
	for (int i = 0; i < call->nr_args - 1; i++)
		if (strcmp(call->args[i].name, a->name) == 0)
			complain(a->at,
				 "argument \"%s\" stands twice; write "
				 "another name",
				 a->name);
	if (accept_word(c, "packed")) {
		if (!parse_int(word(c, &at), &a->packed_size))
			complain(at, "the size is missing; write \"packed SIZE "
				     "in TYPE\"");
	}
	parse_type(a, c);
	if (accept(c, '='))
		parse_constant_arg(a, c);
	if (accept_word(c, "unlike"))
		a->unlike = quoted(c, "why it is not as in the kernel");
	expect_end(c);
}

/* order CPU ARGUMENT...: this CPU takes them in another order. */
static void parse_order(struct call *call, struct cur *c)
{
	struct loc at;
	int cpu = parse_cpu(c, &at), seen = 0;

	if (cpu < 0)
		return;
	if (call->nr[cpu] < 0) {
		complain(at, "%s does not have %s; remove the line",
			 cpus[cpu].name, call->name);
		return;
	}
	call->has_order = true;
	for (int i = 0; i < call->nr_args; i++) {
		const char *w = word(c, &at);
		int j = 0;

		while (j < call->nr_args && strcmp(call->args[j].name, w))
			j++;
		if (j == call->nr_args || seen & 1 << j) {
			complain(at,
				 "\"%s\" is no argument or stands twice; "
				 "write every argument once",
				 w);
			return;
		}
		seen |= 1 << j;
		call->order[cpu][i] = j;
	}
	expect_end(c);
}

static void parse_c_policy(struct call *call, struct cur *c)
{
	static const char *const words[] = { "plain", "asm", "none" };
	struct loc at;
	const char *w = word(c, &at);
	int policy = choose(w, words, 3);

	if (policy < 0) {
		complain_name(at, "C policy", w, words, 3);
		return;
	}
	call->c = (enum c_policy)policy;
	if (policy != C_PLAIN)
		call->c_reason = quoted(c, "the reason");
	expect_end(c);
}

/* twin CALL VALUE...: what a legacy call is on CPUs that lack it. */
static void parse_twin(struct call *call, struct cur *c)
{
	call->twin = word(c, &call->twin_at);
	while (!at_end(c))
		*VEC_ADD(&call->twin_args) = word(c, NULL);
}

static void parse_choice(struct cur *c, const char *what,
			 const char *const *words, size_t nr, int *choice)
{
	struct loc at;
	const char *w = word(c, &at);

	*choice = *w ? choose(w, words, nr) : -1;
	if (*choice < 0)
		complain_name(at, what, w, words + !*words[0], nr - !*words[0]);
}

static void parse_returns(struct call *call, struct cur *c)
{
	int i;

	parse_choice(c, "kind of result", return_words,
		     ARRAY_SIZE(return_words), &i);
	call->returns = i > 0 ? (enum returns)i : RET_VALUE;
	call->lookalike = accept_word(c, "lookalike");
	call->beyond = accept_word(c, "beyond");
	expect_end(c);
}

static void parse_race(struct call *call, struct cur *c)
{
	static const char *const words[] = { "", "acquire", "release" };
	int i;

	parse_choice(c, "race hook", words, ARRAY_SIZE(words), &i);
	call->race = i > 0 ? (enum race)i : RACE_NONE;
	expect_end(c);
}

static void parse_since(struct call *call, struct cur *c)
{
	struct cur begin = *c;

	call->since = version(c);
	call->since_text = word(&begin, NULL);
	expect_end(c);
}

static const char *const properties[] = {
	"doc", "man",	"libc", "since",  "returns", "blocks", "eintr", "trap",
	"arg", "order", "race", "thread", "c",	     "go",     "twin",
};

void parse_call_line(struct call *call, struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);
	int i;

	switch (choose(w, properties, ARRAY_SIZE(properties))) {
	case 0:
		call->doc = rest(c);
		break;
	case 1:
		call->man = rest(c);
		break;
	case 2:
		call->libc = word(c, NULL);
		break;
	case 3:
		parse_since(call, c);
		break;
	case 4:
		parse_returns(call, c);
		break;
	case 5:
		parse_choice(c, "blocking class", blocks_words,
			     ARRAY_SIZE(blocks_words), &i);
		call->blocks = blocks_words[i > 0 ? i : 0];
		break;
	case 6:
		parse_choice(c, "EINTR policy", eintr_words,
			     ARRAY_SIZE(eintr_words), &i);
		call->eintr = eintr_words[i > 0 ? i : 0];
		break;
	case 7:
		*VEC_ADD(&call->traps) = rest(c);
		break;
	case 8:
		parse_arg(call, c);
		break;
	case 9:
		parse_order(call, c);
		break;
	case 10:
		parse_race(call, c);
		break;
	case 11:
		call->per_thread = true;
		break;
	case 12:
		parse_c_policy(call, c);
		break;
	case 13:
		parse_go(call, c);
		break;
	case 14:
		parse_twin(call, c);
		break;
	default:
		complain_name(at, "property", w, properties,
			      ARRAY_SIZE(properties));
	}
}
