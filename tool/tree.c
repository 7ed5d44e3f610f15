/*
 * tree.c - a JSON document that is being put together, and written once.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tree.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "base/date.h"
#include "base/text.h"

json_t *
tree_innermost(const struct tree *tree)
{
	return tree->depth > 0 ? tree->open[tree->depth - 1] : NULL;
}

struct tree
tree_on(json_t *object)
{
	return (struct tree){ .open = { object }, .depth = 1, .failed = object == NULL };
}

void
tree_value(struct tree *tree, const char *name, json_t *value)
{
	json_t *in = tree_innermost(tree);
	int result;

	if (name != NULL)
		result = json_object_set_new_nocheck(in, name, value);
	else
		result = json_array_append_new(in, value);
	if (result != 0)
		tree->failed = true;
}

/* Nothing is opened after a failure: the tree is only to be taken then. */
static void
tree_open(struct tree *tree, const char *name, json_t *value)
{
	if (tree->failed || value == NULL || tree->depth == TREE_DEPTH_MAX) {
		json_decref(value);
		tree->failed = true;
		return;
	}
	if (tree->depth > 0)
		tree_value(tree, name, value);
	if (!tree->failed)
		tree->open[tree->depth++] = value;
}

void
tree_open_object(struct tree *tree, const char *name)
{
	tree_open(tree, name, json_object());
}

void
tree_open_array(struct tree *tree, const char *name)
{
	tree_open(tree, name, json_array());
}

void
tree_close(struct tree *tree)
{
	if (!tree->failed)
		tree->depth--;
}

void
tree_number(struct tree *tree, const char *name, int64_t number)
{
	tree_value(tree, name, json_integer(number));
}

void
tree_flag(struct tree *tree, const char *name, bool flag)
{
	tree_value(tree, name, json_boolean(flag));
}

static json_t *
repaired(const char *text, size_t length)
{
	struct buffer sound = BUFFER_INIT;
	json_t *value = NULL;

	text_repair(&sound, text, length);
	if (!sound.failed)
		value = json_stringn_nocheck(sound.text, sound.length);
	buffer_free(&sound);
	return value;
}

json_t *
tree_string(const char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return json_null();
	return text_utf8_length(text, length) == length ?
	    json_stringn_nocheck(text, length) : repaired(text, length);
}

void
tree_text(struct tree *tree, const char *name, const char *text)
{
	if (text != NULL)
		tree_value(tree, name, tree_string(text));
}

void
tree_buffer(struct tree *tree, const char *name, struct buffer *buffer)
{
	if (buffer->failed)
		tree->failed = true;
	else if (buffer->length > 0)
		tree_text(tree, name, buffer->text);
	buffer_free(buffer);
}

void
tree_time(struct tree *tree, const char *name, int64_t time_ms)
{
	char text[DATE_MS_SIZE];

	if (time_ms == 0)
		return;
	date_write_ms(time_ms, text);
	tree_text(tree, name, text);
}

void
tree_place(struct tree *tree, const char *name, const struct policy_place *place)
{
	struct buffer where = BUFFER_INIT;

	if (place->file != NULL)
		buffer_format(&where, "%s:%u", place->file, place->line);
	tree_buffer(tree, name, &where);
}

json_t *
tree_take(struct tree *tree)
{
	json_t *document = tree->open[0];

	tree->open[0] = NULL;
	tree->depth = 0;
	if (tree->failed) {
		json_decref(document);
		return NULL;
	}
	return document;
}

json_t *
tree_at(json_t *in, const char *path)
{
	while (in != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");
		char name[64];

		if (length >= sizeof(name))
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		in = json_is_array(in) ? json_array_get(in, (size_t)atoi(name)) :
		    json_object_get(in, name);
		path += length + (path[length] == '.');
	}
	return in;
}

void
tree_write(json_t *document, bool members_only, struct buffer *text)
{
	char *line = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII |
	    (members_only ? JSON_EMBED : 0));

	json_decref(document);
	if (line == NULL) {
		text->failed = true;
		return;
	}
	/* jansson leaves DEL as it is. */
	for (const char *at = line; *at != '\0'; ) {
		size_t plain = strcspn(at, "\x7F");

		buffer_add(text, at, plain);
		at += plain;
		if (*at != '\0') {
			buffer_string(text, "\\u007F");
			at++;
		}
	}
	free(line);
}
