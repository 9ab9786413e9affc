/* SPDX-License-Identifier: MIT */
/* The functions that "go raw NAME" promises must stand in gobind/sys. */
#include <stdio.h>
#include <string.h>

#include "gen.h"

static bool defines(const struct file *f, const char *name)
{
	const char *line = format("\nfunc %s(", name);

	return strstr(f->text, line) != NULL;
}

const char *hand_written(const char *root, const char *name)
{
	const char *dir = format("%s/gobind/sys", root);
	const char *line = format("\nfunc %s(", name);
	char **names;
	size_t n = list_files(dir, ".go", &names);

	for (size_t i = 0; i < n; i++) {
		struct file f;
		const char *found;

		if (*names[i] == 'z' ||
		    !read_file(format("%s/%s", dir, names[i]), &f))
			continue;
		found = strstr(f.text, line);
		if (found)
			return xstrndup(found + 1, strcspn(found + 1, "{") - 1);
	}
	return format("%s, written by hand", name);
}

bool check_hand_written(const char *root)
{
	const char *dir = format("%s/gobind/sys", root);
	char **names;
	size_t n = list_files(dir, ".go", &names);
	struct file *files = xalloc(n * sizeof(*files));
	int before = complaints();

	for (size_t i = 0; i < n; i++)
		if (!read_file(format("%s/%s", dir, names[i]), &files[i]))
			files[i].text = "";
	for (size_t i = 0; i < model.calls.n; i++) {
		const struct call *call = &model.calls.v[i];
		bool found = call->go != GO_RAW;

		for (size_t j = 0; j < n && !found; j++)
			found = *names[j] != 'z' &&
				defines(&files[j], call->go_hand);
		if (!found)
			complain(call->go_at,
				 "gobind/sys has no func %s; write "
				 "it by hand over %s",
				 call->go_hand, call->go_name);
	}
	return complaints() == before;
}
