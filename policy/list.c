/*
 * list.c - lists of domains, addresses or networks from files.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"
#include "base/text.h"

static bool
is_list_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *
skip_blank(char *c, const char *end)
{
	while (c < end && is_list_blank(*c))
		c++;
	return c;
}

/* The end of a word. */
static char *
skip_entry(char *c, const char *end)
{
	while (c < end && !is_list_blank(*c) && *c != '#')
		c++;
	return c;
}

/* The place of "at" in the line from "start": columns count code points. */
static struct place
place_at(const struct source *source, const char *start, unsigned line, const char *at)
{
	struct place place = { source, start, line, 1 };

	for (; start < at; start++)
		place.column += ((unsigned char)start[1] & 0xc0) != 0x80;
	return place;
}

static void
take_entry(struct parser *p, size_t rule, const struct source_node *node,
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

/* One line: its first word, without comment. A second word is an error. */
static void
read_entry(struct parser *p, size_t rule, const struct source_node *node, char *start,
    const char *end, unsigned line)
{
	char *word = skip_blank(start, end), *after = skip_entry(word, end);
	char *rest = skip_blank(after, end), *last = rest;
	struct place place;

	while (last < end && !is_list_blank(*last))
		last++;
	place = place_at(&node->source, start, line,
	    rest < end && *rest != '#' ? rest : word);
	if (rest < end && *rest != '#')
		parse_error(p, &place, MSG_LIST_ENTRY, (int)(last - rest), rest);
	else if (after > word)
		take_entry(p, rule, node, &place, word, (size_t)(after - word));
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
	char *line, *newline;
	const char *end;

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
	end = node->source.text + node->source.length;
	line = node->source.text;
	for (unsigned number = 1; !p->no_memory && line < end; number++) {
		newline = memchr(line, '\n', (size_t)(end - line));
		read_entry(p, rule, node, line, newline != NULL ? newline : end, number);
		line = newline != NULL ? newline + 1 : line + (end - line);
	}
}
