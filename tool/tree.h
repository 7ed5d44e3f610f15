/*
 * tree.h - a JSON document that is being put together, and written once.
 *
 * A member goes into the object or array that was opened last; in an array its name is
 * NULL. What fails (memory, or nesting deeper than TREE_DEPTH_MAX) is kept, so that
 * only the end has to look. Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_TREE_H
#define TLSWARD_TOOL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "policy/policy.h"
#include "base/buffer.h"

#define TREE_DEPTH_MAX 8

struct tree {
	json_t *open[TREE_DEPTH_MAX];	/* [0] is the document's, and owned */
	int depth;			/* of them; 0: nothing was opened yet */
	bool failed;
};

/* A tree that goes on with an object, whose reference is taken; NULL is a failure. */
struct tree tree_on(json_t *object);

/* Opens an object or an array, the document itself where it is the first. */
void tree_open_object(struct tree *tree, const char *name);
void tree_open_array(struct tree *tree, const char *name);
void tree_close(struct tree *tree);

void tree_number(struct tree *tree, const char *name, int64_t number);
void tree_flag(struct tree *tree, const char *name, bool flag);

/* Whatever bytes there are; broken UTF-8 becomes U+FFFD. Left out where it is NULL. */
void tree_text(struct tree *tree, const char *name, const char *text);

/* That text as a value; null where it is NULL. */
json_t *tree_string(const char *text);

/* The buffer's text, left out where it is empty. The buffer is freed. */
void tree_buffer(struct tree *tree, const char *name, struct buffer *buffer);

/* Milliseconds since the epoch as RFC 3339 has it. Left out where they are 0. */
void tree_time(struct tree *tree, const char *name, int64_t time_ms);

/* FILE:LINE. Left out where no file is named. */
void tree_place(struct tree *tree, const char *name, const struct policy_place *place);

/* Any value, whose reference is taken; NULL is a failure. */
void tree_value(struct tree *tree, const char *name, json_t *value);

/* The document, which is the caller's then; NULL where something failed. */
json_t *tree_take(struct tree *tree);

/* What was opened last and is not closed; NULL: nothing is, as after a failure. */
json_t *tree_innermost(const struct tree *tree);

/*
 * What a path of names leads to, from an object on: "weakest.host"; a digit is a place
 * in an array. NULL where there is none. A name has at most 63 bytes.
 */
json_t *tree_at(json_t *in, const char *path);

/*
 * Appends a document on one line, without its end, in ASCII that no terminal takes for
 * a control; without its outer brackets where "members_only" is set. Its reference is
 * taken; NULL is a failure.
 */
void tree_write(json_t *document, bool members_only, struct buffer *text);

#endif
