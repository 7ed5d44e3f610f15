/*
 * import_mta.h - what the importers of Postfix's and Sendmail's files share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_MTA_H
#define TLSWARD_TOOL_IMPORT_MTA_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/import.h"

/* A line of a table: a key and what stands behind it, and where. */
struct mta_line {
	const char *tag;	/* what stood before the key, with its colon; NULL: nothing */
	struct import *import;
	const char *file;
	unsigned number;
	char *key, *value;	/* "": there is none */
};

/* A text to be cut up, that lives until all is written. */
char *mta_copy(struct import *import, const char *text);

/* Where in a text one is, whose lines are cut out of it; "line" from 0. */
struct mta_reader {
	char *at;
	unsigned line;
};

/*
 * The next line that is not empty and no comment, with those that go on with it where
 * "continued" (they begin with a blank, whatever comments stand between); NULL: there is
 * no more. Its number is in *number.
 */
char *mta_next_line(struct mta_reader *reader, bool continued, unsigned *number);

/* Cuts off the first word; returns what is behind it and its blanks. */
char *mta_cut_word(char *text);

/*
 * The next of words that commas and blanks separate, cut out of *list; what is in braces
 * is of one word. NULL: there is no more.
 */
char *mta_next_word(char **list);

/* That this line was not taken over: its place and text stand before. */
void mta_lost(const struct mta_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Begins a rule whose note is where the line stands. */
struct import_rule *mta_rule(const struct mta_line *line, enum import_target target,
    const char *partner);

/* What "192.0.2.7", "192.0.2" or "192.0" stands for: a client or a network; NULL: it is none. */
const char *mta_network(struct import *import, const char *key);

/*
 * A digest for "require certificate fingerprint", "sha256:..."; NULL: it is none, and
 * *why says what (of MD5: how to have another one).
 */
const char *mta_digest(struct import *import, const char *text, const char **why);

#endif
