/*
 * list.c - lists of domains, addresses or networks from files.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"

struct cursor {
	const struct source *source;
	const char *next;
	const char *end;
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
		column += ((unsigned char)start[1] & 0xc0) != 0x80;
	return column;
}

/*
 * One line: its first word, without comment. Returns false at the end of the
 * file. A second word is an error.
 */
static bool
next_line(struct parser *p, struct cursor *cursor, struct place *place,
    const char **word, size_t *length)
{
	const char *start = cursor->next, *c = start, *last;

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
entry(struct parser *p, size_t rule, const struct source *source,
    const struct place *place, const char *word, size_t length)
{
	struct who_spec spec = {
		.length = length, .listed = true, .file = source->name, .place = *place
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

void
parse_list(struct parser *p, size_t rule, const char *path, const struct place *from)
{
	struct source_node *node;
	int error = parse_open(p, path, &node);
	struct cursor cursor;
	struct place place;
	const char *word;
	size_t length;

	if (error == ENOMEM)
		p->no_memory = true;
	else if (error != 0)
		parse_error(p, from, MSG_LIST_MISSING, path, strerror(error));
	if (error != 0)
		return;
	cursor = (struct cursor){
		&node->source, node->source.text,
		node->source.text + node->source.length, 1
	};
	while (!p->no_memory && next_line(p, &cursor, &place, &word, &length))
		if (length > 0)
			entry(p, rule, &node->source, &place, word, length);
}
