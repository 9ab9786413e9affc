/* SPDX-License-Identifier: MIT */
/* The Go policy of a call and its signature. */
#include <string.h>

#include "gen.h"

static const char *const policies[] = { "",    "safe", "unsafe",
					"raw", "via",  "none" };

/* A Go type: up to a comma or a closing parenthesis. */
static const char *go_type(struct cur *c)
{
	size_t n;
	const char *s;

	here(c);
	n = strcspn(c->p, ",)");
	while (n && c->p[n - 1] == ' ')
		n--;
	s = n ? xstrndup(c->p, n) : NULL;
	c->p += n;
	return s;
}

/* NAME[=ARGUMENT] [TYPE] */
static bool parse_param(struct call *call, struct cur *c)
{
	struct param *p;

	if (call->nr_params == MAX_ARGS) {
		complain(here(c),
			 "a call has at most %d parameters; remove "
			 "one",
			 MAX_ARGS);
		return false;
	}
	p = &call->params[call->nr_params++];
	p->name = p->arg_name = word(c, &p->at);
	p->arg_at = p->at;
	if (!*p->name) {
		complain(p->at, "a parameter is missing; write "
				"NAME[=ARGUMENT] [TYPE]");
		return false;
	}
	if (accept(c, '='))
		p->arg_name = word(c, &p->arg_at);
	p->type = go_type(c);
	return true;
}

/* NAME(PARAMETER, ...) [(RESULT [TYPE])]; () drops the result. */
static void parse_signature(struct call *call, struct cur *c)
{
	call->go_name = word(c, &call->go_at);
	if (!*call->go_name)
		complain(call->go_at, "the signature is missing; write "
				      "NAME(PARAMETER, ...)");
	if (!expect(c, '('))
		return;
	if (!accept(c, ')')) {
		do {
			if (!parse_param(call, c))
				return;
		} while (accept(c, ','));
		if (!expect(c, ')'))
			return;
	}
	if (accept(c, '(') && !(call->drops_result = accept(c, ')'))) {
		call->result = word(c, NULL);
		call->result_type = go_type(c);
		expect(c, ')');
	}
	expect_end(c);
}

/* go POLICY ... */
void parse_go(struct call *call, struct cur *c)
{
	struct loc at;
	const char *w = word(c, &at);
	size_t i = 1;

	while (i < ARRAY_SIZE(policies) && strcmp(policies[i], w))
		i++;
	if (i == ARRAY_SIZE(policies)) {
		complain_name(at, "Go policy", w, policies + 1,
			      ARRAY_SIZE(policies) - 1);
		return;
	}
	if (call->go != GO_UNSET)
		complain(at, "the Go policy stands twice; remove one");
	call->go = (enum go_policy)i;
	switch (call->go) {
	case GO_NONE:
		call->go_reason = quoted(c, "the reason");
		expect_end(c);
		return;
	case GO_UNSAFE:
		call->go_reason = quoted(c, "what makes it unsafe");
		break;
	case GO_RAW:
	case GO_VIA:
		call->go_hand = word(c, &at);
		if (!*call->go_hand || *c->p == '(')
			complain(at,
				 "write \"go %s FUNCTION "
				 "NAME(PARAMETER, ...)\"",
				 w);
		break;
	default:
		break;
	}
	parse_signature(call, c);
}

const struct param *go_param_of(const struct call *call, int arg)
{
	for (int i = 0; i < call->nr_params; i++)
		if (call->params[i].arg == arg)
			return &call->params[i];
	return NULL;
}

static const char *element(const struct arg *a)
{
	if (a->structure)
		return a->structure->go ? a->structure->go
					: camel(a->structure->name);
	return a->type->go_mem;
}

const char *go_param_type(const struct call *call, const struct param *p)
{
	const struct arg *a = &call->args[p->arg];

	if (p->type)
		return p->type;
	if (!a->dir)
		return a->type->go;
	if (a->len >= 0)
		return format("[]%s", element(a));
	if (a->fixed)
		return format("*[%d]%s", (int)a->fixed, element(a));
	if (!a->structure && strcmp(a->type->c, "void") == 0)
		return "unsafe.Pointer";
	return format("*%s", element(a));
}
