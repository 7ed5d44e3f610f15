/*
 * import_items.h - what an import is to write, before it is: rules and comments.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_ITEMS_H
#define TLSWARD_TOOL_IMPORT_ITEMS_H

#include "tool/import.h"

struct import_who {
	struct import_who *next;
	const char *text;	/* as it compares */
	unsigned scope;		/* of enum import_scope; 0: not this rule's any more */
};

struct import_rule {
	struct import_item *item;
	enum import_target target;
	const char *partner;
	struct import_who *whos, **last_who;
	struct import_lines settings, notes;
	bool exempt;
	/* While it is written: those of one agreement are linked from the first on. */
	struct import_rule *mate;
	bool printed;
};

/* A rule and the comments before it, or comments alone. */
struct import_item {
	struct import_item *next;
	struct import_rule *rule;	/* NULL: none, or none any more */
	struct import_lines comments;
};

void import_add_line(struct import *import, struct import_lines *lines, const char *text,
    bool lost);

/* The settings of a rule, with a semicolon between them. */
const char *import_demands(struct import *import, const struct import_rule *rule);

/* Leaves each WHO to one rule of a target. */
void import_join(struct import *import);

/* ------------------------------------------------------------------ *
 * The policy's lines
 * ------------------------------------------------------------------ */

struct import_printed {
	const char *text;
	unsigned last;			/* in the text: where it ends; it may be several */
	struct import_rule *rule;	/* NULL: a comment */
	size_t head;			/* the line before which what is said of it stands */
	struct import_lines said;	/* of this line and others of the block */
	const char *allow;		/* identifiers, with a blank before each; NULL: none */
};

struct import_page {
	struct import_printed *lines;
	size_t count, room;
	struct import_lines cases;	/* one of each of the first rules */
	size_t agreements, others;	/* "others": rules of no agreement */
};

/* Makes the lines of all items. The page is to be freed; the rest is the arena's. */
void import_print(struct import *import, struct import_page *page);

/* Appends the lines. */
void import_flow(struct import *import, const struct import_page *page,
    struct buffer *out);

#define IMPORT_WIDTH 88

/* Appends a comment in lines of at most "width" columns; 0: in one. */
void import_fold_comment(struct import *import, const struct import_line *line, int width,
    struct buffer *out);

#endif
