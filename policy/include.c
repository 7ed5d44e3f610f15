/*
 * include.c - the files that a policy consists of.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "base/file.h"
#include "base/tape.h"

#define INCLUDE_DEPTH_MAX 32

static bool
same_file(const struct source_node *a, const struct source_node *b)
{
	return a->source.device == b->source.device &&
	    a->source.inode == b->source.inode;
}

/* Whether the file is one of those that are being read. */
static bool
includes_itself(const struct parser *p, const struct source_node *node, int *depth)
{
	const struct source_node *above = p->current;

	for (*depth = 0; above != NULL; above = above->parent, (*depth)++)
		if (same_file(above, node))
			return true;
	return false;
}

/* A file that was included before, or NULL. */
static const struct source_node *
included_before(const struct parser *p, const struct source_node *node)
{
	const struct source_node *other = p->written->sources;

	while (other != NULL && (other->included.source == NULL ||
	    !same_file(other, node)))
		other = other->next;
	return other;
}

static void
include_file(struct parser *p, const char *path, const struct place *place)
{
	const struct source_node *other;
	struct source_node *node;
	int error = parse_open(p, path, &node), depth;

	if (error == ENOMEM)
		p->no_memory = true;
	else if (error != 0)
		parse_error(p, place, MSG_INCLUDE_MISSING, path, file_why(error));
	else if (includes_itself(p, node, &depth))
		parse_error(p, place, MSG_INCLUDE_SELF, path);
	else if (depth >= INCLUDE_DEPTH_MAX)
		parse_error(p, place, MSG_INCLUDE_DEEP, INCLUDE_DEPTH_MAX);
	else if ((other = included_before(p, node)) != NULL)
		parse_error(p, place, MSG_INCLUDE_TWICE, path,
		    other->included.source->path, other->included.line,
		    other->included.column);
	else {
		node->included = *place;
		parse_file(p, node);
		return;
	}
	p->incomplete = true;
}

/* Remembers for lint that a pattern matches nothing. */
static void
note_empty(struct parser *p, const char *pattern, const struct place *place)
{
	struct empty_include *empty = parse_scratch(p, sizeof(*empty));

	if (empty == NULL)
		return;
	*empty = (struct empty_include){ p->written->empty, *place, pattern };
	p->written->empty = empty;
}

static void
include_matches(struct parser *p, const char *pattern, const struct place *place)
{
	enum file_result result;
	const char *name = NULL;
	struct file found;

	result = tape_ask(p->tape, TAPE_GLOB, pattern, &found);
	if (result == FILE_NO_MEMORY)
		p->no_memory = true;
	else if (result != FILE_READ) {
		parse_error(p, place, MSG_INCLUDE_MISSING, pattern, strerror(errno));
		p->incomplete = true;
	} else if (found.length == 0)
		note_empty(p, pattern, place);
	while (!p->no_memory && found.length > 0 &&
	    (name = tape_name(&found, name)) != NULL)
		include_file(p, name, place);
	free(found.text);
}

void
parse_include(struct parser *p)
{
	struct token argument = p->token;
	const char *path;

	if (argument.type != TOKEN_STRING) {
		parse_expected(p, MSG_EXPECTED_PATH);
		p->incomplete = true;
		parse_skip_setting(p);
		return;
	}
	parse_next(p);
	parse_end(p, "statement");
	path = parse_beside(p, argument.text);
	if (p->no_memory)
		return;
	if (strpbrk(argument.text, "*?[") != NULL)
		include_matches(p, path, &argument.place);
	else
		include_file(p, path, &argument.place);
}
