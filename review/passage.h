/*
 * passage.h - a passage of a log, as it is cut into what was logged at once.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_PASSAGE_H
#define TLSWARD_REVIEW_PASSAGE_H

#include "review/diagnose.h"
#include "base/buffer.h"

/* What a line looks like. */
enum passage_rule {
	RULE_STAMP,		/* begins with a time or a thread */
	RULE_START,		/* begins something for another reason */
	RULE_EVENT,		/* begins an event of Windows, or is a field of one */
	RULE_ERROR,		/* looks like an error */
	RULE_HINT,		/* may be one */
	RULE_THREAD, RULE_PROCESS, RULE_SESSION, RULE_MESSAGE,	/* who logged it */
	RULE_CONNECT,		/* a session begins */
	RULE_PEER,		/* whom it is about */
	RULE_SYSTEM,		/* the first of those that tell of a system */
	RULE_COUNT = RULE_SYSTEM + SYSTEM_COUNT
};

struct passage_rules {
	pcre2_code *codes[RULE_COUNT];
	pcre2_match_data *found;
	pcre2_match_context *limits;
};

/* False: memory is short. passage_rules_free() in any case. */
bool passage_rules_make(struct passage_rules *rules);
void passage_rules_free(struct passage_rules *rules);

/* Whether a text is as a rule says; "part", where it is not NULL, has the rule's group. */
struct passage_part {
	const char *text;
	size_t length;
};
bool passage_rule_meets(const struct passage_rules *rules, enum passage_rule rule,
    const char *text, size_t length, struct passage_part *part);

/* A line as it stands in the passage, with its end taken off; not terminated. */
struct passage_line {
	const char *text;
	size_t length, number;
};

/* Lines that were one, or one event. */
struct passage_piece {
	size_t first, count;
	size_t paragraph;
};

/* Start from a zeroed one. */
struct passage_pieces {
	char *text;		/* what the lines are in */
	struct passage_line *lines;
	size_t line_count, line_room;
	struct passage_piece *pieces;
	size_t count, room;
};

/*
 * Cuts a text, which is copied: quotation marks, dashes and blanks that word processors
 * and mail programs make are then those of ASCII, and what marks a quoted message is gone.
 * False: memory is short. passage_pieces_free() in any case.
 */
bool passage_cut(const struct passage_rules *rules, const char *text, size_t length,
    struct passage_pieces *pieces);
void passage_pieces_free(struct passage_pieces *pieces);

/*
 * The texts that a piece may be: its lines joined, with a blank between them or without,
 * then two at a time, then each. False: there is no such number.
 */
bool passage_text(const struct passage_pieces *pieces, const struct passage_piece *piece,
    size_t number, struct buffer *text);

#endif
