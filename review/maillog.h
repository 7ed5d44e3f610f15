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


/* A message that came in. Borrowed until the taker returns. */
struct maillog_message {
	/* Without a recipient. tls_version NULL: the log does not tell. */
	const struct facts *facts;
	int64_t time_ms;		/* milliseconds since the epoch; 0: unknown */
};

/* Returns false to end the reading. */
typedef bool maillog_taker(void *context, const struct maillog_message *message);

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

/* "name[address]" or "name[address]:port" at "text", cut up in place. */
struct maillog_client {
	char *name;		/* NULL: "unknown" */
	char *address;
};
bool maillog_client_read(char *text, struct maillog_client *client);

/*
 * The value of "name" in "text" up to "end" behind it, cut off in place ("from=<",
 * ">, "); NULL where there is none.
 */
char *maillog_value(char *text, const char *name, const char *end);

/* ------------------------------------------------------------------ *
 * The sessions and messages that a log is in the middle of
 * ------------------------------------------------------------------ */

enum tls_state { TLS_NOT_SEEN, TLS_SEEN, TLS_MISSED };

enum {
	SESSION_VERSION, SESSION_CIPHER, SESSION_CN, SESSION_ISSUER, SESSION_FINGERPRINT,
	SESSION_PUBKEY, SESSION_TEXTS
};
enum { MESSAGE_FROM, MESSAGE_ADDR, MESSAGE_NAME, MESSAGE_SASL, MESSAGE_TEXTS };

/* From "connect" to "disconnect" of one smtpd process. */
struct session {
	unsigned references;
	bool ended;
	bool begun;		/* its "connect" was seen */
	enum tls_state tls;
	int bits;
	enum policy_tri trusted;
	char *text[SESSION_TEXTS];	/* NULL: unknown */
};

/* A process, and the session that it is in. */
struct process {
	char *key;		/* first, as in a message */
	struct session *session;
	struct message *waiting;	/* messages that wait for the session's end */
};

struct message {
	char *key;
	struct session *session;	/* NULL: it did not come over SMTP */
	struct message *next;		/* of those that wait */
	char *text[MESSAGE_TEXTS];	/* NULL: unknown; [MESSAGE_FROM]: as yet */
	int64_t time_ms;
	bool before_tls;		/* it came in before any TLS was logged */
	bool waits;
	bool done;			/* handed over */
	bool removed;			/* no longer in the tree: who waits frees it */
};

struct maillog {
	void *processes, *messages;	/* trees of tsearch(3) */
	const struct maillog_reading *reading;
	struct maillog_totals *totals;
	char *error;			/* as for maillog_read() */
	bool stopped;			/* the taker did, or memory was short */
};

/* Where memory is short these write an error, and set "stopped". */

/* Replaces *where by a copy of "text", or by NULL. */
void track_keep(struct maillog *log, char **where, const char *text);

/* The process that wrote the line; NULL when memory is short. */
struct process *track_process(struct maillog *log, const struct maillog_line *line);

/* The session it is in, begun without a "connect" if need be; NULL likewise. */
struct session *track_session(struct maillog *log, struct process *process);

/* What waited for the end of the process's session goes on; it is in none then. */
void track_end_session(struct maillog *log, struct process *process);

/* A new message with the line's queue id, in the place of an older one; or NULL. */
struct message *track_add(struct maillog *log, const struct maillog_line *line);

/* The message with the line's queue id; NULL: there is none. */
struct message *track_find(struct maillog *log, const struct maillog_line *line);

/* It has left the queue. */
void track_remove(struct maillog *log, struct message *message);

/* Is it known, and no longer to change, how it came in? */
bool track_is_settled(const struct message *message);

/* Its sender has become known: it is handed over, or waits for its session's end. */
void track_finish(struct maillog *log, struct message *message);

/* The log has ended: all that waits is handed over, and everything freed. */
void track_end(struct maillog *log);

#endif
