/*
 * include.c - the files that a policy consists of.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "base/array.h"
#include "base/tape.h"

#define INCLUDE_DEPTH_MAX 32

/* The path as records name it: relative to the policy's folder where it is below. */
static const char *
relative(struct parser *p, const char *path)
{
	size_t folder = strlen(p->folder);

	if (strncmp(path, p->folder, folder) == 0)
		path += folder;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return parse_keep_text(p, path, strlen(path));
}

/* Numbers the file for the WHOs that it names. False when memory is short. */
static bool
add_file(struct parser *p, struct source_node *node)
{
	struct policy *policy = p->policy;

	if (policy->file_count > WHO_FILE_MAX ||
	    !array_reserve(policy->files, policy->file_count + 1, &policy->file_room))
		return false;
	node->file = (uint32_t)policy->file_count;
	policy->files[policy->file_count++] = node->source.name;
	return true;
}

int
parse_open(struct parser *p, const char *path, struct source_node **opened)
{
	struct source_node *node = parse_scratch(p, sizeof(*node));
	int error;

	if (node == NULL)
		return ENOMEM;
	error = source_read(path, p->tape, p->diags, &node->source);
	if (error != 0)
		return error;
	node->next = p->written->sources;
	p->written->sources = node;
	node->parent = p->current;
	node->source.name = relative(p, path);
	*opened = node;
	return node->source.name != NULL && add_file(p, node) ? 0 : ENOMEM;
}

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
		parse_error(p, place, MSG_INCLUDE_MISSING, path, strerror(error));
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
