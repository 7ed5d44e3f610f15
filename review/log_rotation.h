/*
 * log_rotation.h - a log's lines from file to file, whatever it is rotated into.
 *
 * Of log_follow.c, which has what is public, and of log_rotation.c.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_LOG_ROTATION_H
#define TLSWARD_REVIEW_LOG_ROTATION_H

#include "review/log_follow.h"
#include "review/log_journald.h"
#include "review/log_marks.h"
#include "review/reading.h"

/* A file that was read, or is. */
struct span {
	int64_t base;		/* the place of its first byte */
	struct mark mark;	/* the end of it, or of what was read of it */
};

struct follow {
	struct follow_options options;
	char *path, *folder;	/* absolute, or "-"; of the file */
	char *file;		/* the one that is open */
	const json_t *positions;	/* the caller's; NULL: none */
	struct journald *journald;	/* NULL: it is a file */
	int64_t journald_us;	/* of the entry that was read last; 0: none was */
	struct log_input input;
	struct maillog_clock clock;
	char head[MARK_HEAD];	/* of the file that is open, where it is packed */
	size_t head_size;
	struct span *spans;	/* the last is the one that is open */
	size_t span_count, span_room;
	int64_t place;		/* behind the line that was read last */
	int64_t last_length;	/* of that line */

	struct mark counted;	/* what was counted before the start */
	bool going_on;		/* it is in a file that is still to come */
	json_t *found;		/* the position; NULL: begins at its start */
	int64_t counted_to;	/* its place, once it is known */

	struct mark end;	/* of what was read when there was no more */
	int64_t end_size;	/* of the file then, all of it read; -1: there is more */
	int64_t looked_ns, looked_size;	/* of folder and log, when there was no other file */
	int missed;		/* looks for the open file in its folder, in vain */
	int trouble;		/* errno that was told; 0: none */
	const char *blamed;	/* path or folder: what could not be read at the start */
	bool begun;
};

void follow_say(const struct follow *follow, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool follow_is_input(const struct follow *follow);
bool follow_is_regular(const struct follow *follow);
struct span *follow_last_span(const struct follow *follow);

/* The mark of what was read of the open file. */
struct mark follow_mark(struct follow *follow);

/* Says once that not all of the open file can be read. */
void follow_say_damaged(struct follow *follow);

/*
 * The position of this log: by its name or, a mark in one of its files having been
 * counted under another name, by that; or NULL.
 */
const json_t *follow_find(const struct follow *follow, const struct siblings *siblings);

/* Opens the first file. False with errno. */
bool follow_start(struct follow *follow);

/* Says once why a file cannot be read now. */
void follow_say_trouble(struct follow *follow, const char *path, int error);

/* The next line, from whichever file. NULL: there is none as yet. */
char *follow_next_line(struct follow *follow);

#endif
