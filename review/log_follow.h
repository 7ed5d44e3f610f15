/*
 * log_follow.h - the lines of a log that goes on: a file, whatever it is rotated into,
 * standard input, or the systemd journal; and from which of them to go on later.
 *
 * For one thread. A line's place is a number that only grows within one following.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_LOG_FOLLOW_H
#define TLSWARD_REVIEW_LOG_FOLLOW_H

#include <jansson.h>

#include "review/maillog.h"

/* Takes what a person should know: one line, without its newline. */
typedef void follow_sayer(void *context, const char *text);

/* All borrowed, until the end. */
struct follow_options {
	const char *path;	/* "-": standard input; NULL: the systemd journal */
	/* Where nothing was read before it begins with the oldest of these, if there. */
	const char *const *rotated;
	size_t rotated_count;
	const char *folder;	/* of the systemd journal; NULL: this host's */
	bool once;		/* what is there, and no more */
	follow_sayer *say;
	void *context;
};

struct follow;

/*
 * Goes on from where one of "positions" (an array of what follow_position() gave, or
 * NULL; borrowed, and looked at when the first line is read) is in this log, whichever
 * name it had then, and otherwise begins at its start.
 * NULL, with why in "error", where that cannot be. A log that is not there is waited
 * for, if not "once".
 */
struct follow *follow_open(const struct follow_options *options,
    const json_t *positions, char error[REVIEW_ERROR_MAX]);
void follow_close(struct follow **follow);	/* NULL-safe, clears the pointer */

struct follow_line {
	char *text;		/* may be changed; valid until the next call */
	struct maillog_clock *clock;
	int64_t place;
	bool counted;		/* it was counted before the start: it is told again
				   because of what was open then */
	bool cut;		/* the end of the file, where its newline is missing */
};

enum follow_result {
	FOLLOW_LINE,
	FOLLOW_NOTHING,		/* no more as yet: ask again, some time later */
	FOLLOW_END,		/* no more will come, or not "once" */
	FOLLOW_FAILED		/* "error" says why */
};

enum follow_result follow_read(struct follow *follow, struct follow_line *line,
    char error[REVIEW_ERROR_MAX]);

/* The line that was read last, a cut one, is to come again, whole. */
void follow_take_back(struct follow *follow);

/* Whether the name of "path" says that it was rotated out of "log". */
bool follow_is_rotated(const char *path, const char *log);

/* A descriptor that can be read when there is more; -1: ask from time to time. */
int follow_descriptor(const struct follow *follow);

/* What it is called in messages, and in positions. */
const char *follow_name(const struct follow *follow);

/*
 * The position behind the line that was read last, all of which are counted now: an
 * object to which the caller may add members. "needed": the place from which lines are to
 * be told again (INT64_MAX: none are), for what is open. NULL: there is none, nothing was
 * read or it cannot be gone on with, or memory is short.
 */
json_t *follow_position(struct follow *follow, int64_t needed);

/* The position that it went on from; NULL: it began at its start, or has not begun. */
const json_t *follow_found(const struct follow *follow);

#endif
