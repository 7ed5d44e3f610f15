/*
 * maillog.h - what the parts of reading a Postfix log share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_MAILLOG_H
#define TLSWARD_REVIEW_MAILLOG_H

#include <time.h>

#include "review/review.h"

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/*
 * Takes a message that came in, at "time_ms" (0: unknown). The facts, without a
 * recipient, are borrowed; tls_version NULL: the log does not tell. Returns false to end
 * the reading.
 */
typedef bool maillog_taker(void *context, const struct facts *facts, int64_t time_ms);

/* What is to be read of it. Borrowed. */
struct maillog_reading {
	const char *const *paths;	/* plain or by gzip; "-": standard input */
	int count;
	int64_t since_ms, until_ms;	/* by when the message came in */
	maillog_taker *take;
	void *context;
};

/*
 * Reads the files in the order of their first lines and hands each message over that
 * smtpd or pickup took and qmgr named the sender of. False, with why in "error", where
 * a file could not be read or memory was short; with an empty one where the taker ended
 * it.
 *
 * A session is what one smtpd process logs from "connect" to "disconnect". It is in
 * clear text where no TLS was logged before the message, unless smtpd counts a STARTTLS
 * at its end (smtpd_tls_loglevel is 0): then it is unknown. See the Postfix manual
 * pages postconf(5), smtpd_tls_loglevel, and smtpd(8).
 */
bool maillog_read(const struct maillog_reading *reading, struct maillog_totals *totals,
    char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

/*
 * Takes a line, which it may change, without its newline. "latest" is when the file
 * was written last. Returns false to end the reading.
 */
typedef bool maillog_line_taker(void *context, char *line, time_t latest);

/*
 * Reads the files, plain or compressed by gzip ("-": standard input), in the order of
 * the first time that is found in each, and where that is the same of when they were
 * written last, whatever the order of "paths". A line that is too long is cut off.
 * False, with why in "error", where a file cannot be read or is named twice, or memory
 * is short; false also where the taker ended it.
 */
bool maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * A line
 * ------------------------------------------------------------------ */

/* All point into the line, which is cut up. */
struct maillog_line {
	int64_t time_ms;	/* 0: not understood */
	char *host;
	char *instance;		/* "postfix", of "postfix/submission/smtpd" */
	char *program;		/* "smtpd" */
	char *pid;
	char *queue_id;		/* "": the text has none */
	char *text;		/* without the queue id */
};

/*
 * Takes a line without its newline apart. False where it is none of Postfix. A time
 * without a year (syslog's) is local, and the last such time that is not after
 * "latest"; others are RFC 3339.
 */
bool maillog_line_read(char *line, time_t latest, struct maillog_line *parts);

#endif
