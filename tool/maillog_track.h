/*
 * maillog_track.h - the sessions and messages that a log is in the middle of.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MAILLOG_TRACK_H
#define TLSWARD_MAILLOG_TRACK_H

#include "tool/maillog.h"
#include "tool/maillog_line.h"

enum tls_state { TLS_NOT_SEEN, TLS_SEEN, TLS_MISSED };

/* From "connect" to "disconnect" of one smtpd process. */
struct session {
	unsigned references;
	bool ended;
	bool begun;		/* its "connect" was seen */
	enum tls_state tls;
	char *version, *cipher;
	int bits;
	enum policy_tri trusted;
	char *cert_cn, *cert_issuer, *cert_fingerprint, *cert_pubkey;
};

/* A process, and the session that it is in. */
struct process {
	char *key;
	struct session *session;
	struct message *waiting;	/* messages that wait for the session's end */
};

struct message {
	char *key;
	struct session *session;	/* NULL: it did not come over SMTP */
	struct message *next;		/* of those that wait */
	char *from;			/* NULL: not known yet */
	char *client_addr, *client_name, *sasl_username;
	int64_t time_ms;
	bool before_tls;		/* it came in before any TLS was logged */
	bool waits;
	bool done;			/* handed over */
	bool removed;			/* no longer in the tree: who waits frees it */
};

struct maillog {
	void *processes, *messages;	/* trees of tsearch(3) */
	const struct maillog_period *period;
	maillog_taker *take;
	void *context;
	struct maillog_totals *totals;
	bool stopped;			/* the taker did, or memory was short */
};

/* All of these say it when memory is short, and set "stopped". */

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
