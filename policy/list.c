/*
 * list.c - lists of domains, addresses or networks from files.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"
#include "base/text.h"

struct cursor {
	const struct source *source;
	char *next;
	char *end;
	unsigned line;
};

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The column of "at" in the line from "start", in code points. */
static unsigned
column_of(const char *start, const char *at)
{
	unsigned column = 1;

	for (; start < at; start++)
		column += text_begins(start[1]);
	return column;
}

/*
 * One line: its first word, without comment. Returns false at the end of the
 * file. A second word is an error.
 */
static bool
next_line(struct parser *p, struct cursor *cursor, struct place *place,
    char **word, size_t *length)
{
	char *start = cursor->next, *c = start, *last;

	if (start >= cursor->end)
		return false;
	last = memchr(start, '\n', (size_t)(cursor->end - start));
	if (last == NULL)
		last = cursor->end;
	cursor->next = last + 1;
	*place = (struct place){ cursor->source, start, cursor->line++, 1 };
	while (c < last && blank(*c))
		c++;
	*word = c;
	while (c < last && !blank(*c) && *c != '#')
		c++;
	*length = (size_t)(c - *word);
	place->column = column_of(start, *word);
	while (c < last && blank(*c))
		c++;
	if (c < last && *c != '#') {
		const char *rest = c;

		while (c < last && !blank(*c))
			c++;
		place->column = column_of(start, rest);
		parse_error(p, place, MSG_LIST_ENTRY, (int)(c - rest), rest);
		*length = 0;
	}
	return true;
}

static void
entry(struct parser *p, size_t rule, const struct source_node *node,
    const struct place *place, char *word, size_t length)
{
	struct who_spec spec = {
		.length = length, .listed = true, .kept = word, .file = node->file,
		.place = *place
	};
	char text[512];

	if (memchr(word, SOURCE_BAD, length) != NULL)
		return;
	if (length >= sizeof(text)) {
		parse_error(p, place, MSG_WHO_DOMAIN, "(too long)");
		return;
	}
	memcpy(text, word, length);
	text[length] = '\0';
	spec.text = text;
	parse_who(p, rule, &spec);
}

/* The names stay in the text, which the policy takes. False: memory is short. */
static bool
keep_text(struct parser *p, struct source *source)
{
	struct policy_text *kept = parse_keep(p, sizeof(*kept));

	if (kept == NULL)
		return false;
	*kept = (struct policy_text){ p->policy->texts, source_take(source) };
	p->policy->texts = kept;
	return true;
}

static size_t
count_lines(const struct source *source)
{
	const char *c = source->text, *end = c + source->length;
	size_t count = 1;

	for (; (c = memchr(c, '\n', (size_t)(end - c))) != NULL; c++)
		count++;
	return count;
}

void
parse_list(struct parser *p, size_t rule, const char *path, const struct place *from)
{
	struct source_node *node;
	int error = parse_open(p, path, &node);
	struct cursor cursor;
	struct place place;
	char *word;
	size_t length;

	if (error == ENOMEM)
		p->no_memory = true;
	else if (error != 0)
		parse_error(p, from, MSG_LIST_MISSING, path, strerror(error));
	if (error != 0)
		return;
	if (!keep_text(p, &node->source) ||
	    !index_reserve(&p->policy->tables[p->policy->rules[rule].kind],
	    count_lines(&node->source))) {
		p->no_memory = true;
		return;
	}
	cursor = (struct cursor){
		&node->source, node->source.text,
		node->source.text + node->source.length, 1
	};
	while (!p->no_memory && next_line(p, &cursor, &place, &word, &length))
		if (length > 0)
			entry(p, rule, node, &place, word, length);
}
