/*
 * maillog_track.h - the sessions and messages that a log is in the middle of.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_MAILLOG_TRACK_H
#define TLSWARD_REVIEW_MAILLOG_TRACK_H

#include "review/maillog.h"
#include "base/hash.h"

/* A place in a chain: what is chained begins with one. */
struct link {
	struct link *before, *behind;
};

struct chain {
	struct link *first, *last;
	size_t count;
};

/* What is found by its key, and is in a chain, begins with this. */
struct keyed {
	struct link link;
	struct keyed *next;	/* of the same bucket */
	uint64_t hash;
	char *key;
};

#define BUCKETS 32768
struct bag {
	struct chain chain;
	struct keyed *buckets[BUCKETS];
};

enum tls_state { TLS_NOT_SEEN, TLS_SEEN, TLS_MISSED };

enum {
	SESSION_ADDR, SESSION_NAME, SESSION_VERSION, SESSION_CIPHER, SESSION_CN,
	SESSION_ISSUER, SESSION_FINGERPRINT, SESSION_PUBKEY, SESSION_SASL, SESSION_TEXTS
};
enum { MESSAGE_FROM, MESSAGE_ADDR, MESSAGE_NAME, MESSAGE_SASL, MESSAGE_TEXTS };

/* What one server's process does from a connection's start to its end. */
struct session {
	unsigned references;
	bool ended;
	bool begun;		/* its "connect" was seen */
	bool handshake_failed;
	enum tls_state tls;
	int bits;
	enum policy_tri trusted;
	char *text[SESSION_TEXTS];	/* NULL: unknown */
};

/* A session over TLS that a client began, with the relay that is named so. */
struct relayed {
	struct relayed *next;		/* begun before */
	char *peer, *version, *cipher;
	int bits;
	const char *verification;	/* static; NULL: unknown */
};

/* A process, and what it is in the middle of. */
struct process {
	struct keyed keyed;	/* chained by their last lines */
	int64_t place;		/* of the first line of that */
	int64_t last_ms;
	struct session *session;
	struct message *waiting;	/* messages that wait for the session's end */
	struct failure *failing;	/* the newest of those not told yet */
	size_t failures;
	/* Of a client: what belongs to its next delivery, or to those of one message. */
	struct relayed *sessions;
	char *doubt;		/* its lines on what went wrong with TLS */
	char *queue_id;		/* that was delivered last; NULL: nothing was since */
	const char *verified;	/* static: what its last line on a certificate says */
};

/* A handshake that failed, of which more may be told. */
struct failure {
	struct link link;		/* in the order in which they came */
	struct process *process;
	int64_t place;
	bool proxied;			/* tlsproxy(8) made it, for a process of smtp(8) */
	struct maillog_handshake handshake;
};

struct message {
	struct keyed keyed;	/* chained in the order in which they came */
	struct session *session;	/* NULL: it did not come over SMTP */
	struct message *next;		/* of those that wait */
	struct message *later;		/* of those that are ready */
	const char *mta;
	char *text[MESSAGE_TEXTS];	/* NULL: unknown; [MESSAGE_FROM]: as yet */
	int64_t time_ms, place;
	bool before_tls;		/* it came in before any TLS was logged */
	bool encrypted;			/* which it was all the same */
	bool waits;
	bool ready;			/* all is known, it is to be handed over */
	bool done;			/* handed over, or not to be */
	bool reinjected;		/* a content filter gave it back */
	bool in_bag;			/* its queue id finds it */
	bool removed;			/* it has left the queue */
	bool not_required;		/* its header says of TLS */
};

/* A host, and whether its client logs TLS. */
struct log_host {
	char name[256];
	int64_t last_ms;		/* when it did; 0: it does not seem to */
};
#define HOSTS_MAX 64

struct maillog {
	int64_t place, now_ms;		/* of the line that is read */
	size_t sweep_at;
	struct hash_key seed;
	struct bag processes, messages;
	struct chain failures, held;
	struct link *recent;		/* the first message that may be a filter's yet */
	struct message *ready, **last_ready;	/* in the order in which they came to be */
	size_t ready_count, waiting_count, proxied_count;
	struct log_host hosts[HOSTS_MAX];
	size_t host_count;
	const struct maillog_reading *reading;
	struct maillog_totals *totals;
	char *error;			/* as for maillog_read() */
	bool stopped;			/* the taker did, or memory was short: "error" says so */
};

/* What a line begins with. */
bool log_begins(const char *text, const char *with);

/*
 * The value of "name" in "text" up to "end" behind it, cut off in place ("from=<",
 * ">, "); NULL where there is none.
 */
char *log_value(char *text, const char *name, const char *end);

/*
 * Reads "...: TLSv1.2 with cipher NAME (256/256 bits)", and for TLS 1.3 more, which is cut
 * up: what is before the colon is left. False where there is none such.
 */
bool log_tls(char *text, struct relayed *session);

/*
 * What a line's host and "word" name in a bag: several hosts may write to one log. A new
 * one of "size" bytes where there is none; 0: then NULL, as where memory is short.
 */
void *bag_find(struct maillog *log, struct bag *bag, const char *host, const char *word,
    size_t size);
void bag_remove(struct bag *bag, struct keyed *keyed);

void chain_add(struct chain *chain, struct link *link);
void chain_remove(struct chain *chain, struct link *link);

/* Memory is short, which ends the reading. */
void track_no_memory(struct maillog *log);

/* Replaces *where by a copy of "text", or by NULL. */
void track_keep(struct maillog *log, char **where, const char *text);

/* The process that wrote the line; NULL when memory is short. */
struct process *track_process(struct maillog *log, const struct maillog_line *line);

/* The session of one (NULL: none), begun if need be; NULL when memory is short. */
struct session *track_session(struct maillog *log, struct process *process);

/* What waited for the end of the process's session goes on; it is in none then. */
void track_end_session(struct maillog *log, struct process *process);

/* The message of the line's host with that queue id; NULL: there is none. */
struct message *track_find(struct maillog *log, const struct maillog_line *line,
    const char *queue_id);

/* A new message with the line's queue id, in the place of an older one; or NULL. */
struct message *track_add(struct maillog *log, const struct maillog_line *line);

/* The message came in this session, whose process (NULL: ended) will tell its end. */
void track_receive(struct maillog *log, struct message *message, struct session *session,
    struct process *process);

/* It has left the queue. */
void track_remove(struct maillog *log, struct message *message);

/*
 * A handshake failed, with the peer in "NAME[ADDRESS]" of "text"; why is told by what the
 * process writes next, which track_why() adds. Where memory is short there is none.
 */
void track_failure(struct maillog *log, struct process *process,
    const struct maillog_line *line, bool outgoing, const char *text);
void track_why(struct process *process, const struct maillog_line *line, const char *why);

/*
 * Hands over the failures of one, of which all is known now; those that a delivery (NULL:
 * none) tells of, with what tlsproxy(8) had for it, whose reasons are doubts of its own.
 */
void track_end_failures(struct maillog *log, struct process *process,
    const struct maillog_delivery *delivery);
void track_end_failure(struct maillog *log, struct failure *failure);

/* What a client's process logged of its sessions is over. */
void track_forget_sessions(struct process *process);

/* Whether nothing that a later line tells of can belong to what the process is in. */
bool track_is_over(const struct maillog *log, const struct process *process);

/*
 * After each line: hands over what has been ready for long enough, and gives up what has
 * gone on for too long.
 */
void track_pass(struct maillog *log);

/* The log has ended: hands all over. */
void track_end(struct maillog *log);

/*
 * Whether a message with that queue id came from "address" (NULL: over a socket of this
 * host) to the line's host shortly before: it is marked as one that a filter gave back.
 */
bool track_came_back(struct maillog *log, const struct maillog_line *line,
    const char *queue_id, const char *address);
bool track_is_loopback(const char *address);

/* The line's message goes to a server on this host, which logs it, too. */
void track_submitted(struct maillog *log, const struct maillog_line *line);

/*
 * Cuts "NAME[ADDRESS]" or Sendmail's "NAME [ADDRESS]" in two. *name is NULL where it is
 * not verified. False where there is no address.
 */
bool track_client(char *text, char **name, char **address);

/* ------------------------------------------------------------------ *
 * Deliveries
 * ------------------------------------------------------------------ */

/* A session over TLS with a peer, as a client's process logs it. Texts are copied. */
void out_session(struct maillog *log, struct process *process,
    const struct maillog_line *line, const struct relayed *session);

/* That of the process with the relay; NULL: it logged none. */
const struct relayed *out_find(const struct process *process, const char *relay);

/* Appends to what went wrong with TLS, as far as there is room. */
#define DOUBT_MAX 1024
void out_doubt(struct maillog *log, struct process *process, const char *text);

/* Whether a status says that TLS was the trouble. */
bool out_blames_tls(const char *text);

/*
 * Hands a delivery over, whose "session" tells how it went; NULL: none was logged, and it
 * may have been in clear text or not: as soon as it is known whether the host logs TLS.
 */
void out_deliver(struct maillog *log, const struct maillog_line *line,
    struct maillog_delivery *delivery, const struct relayed *session, bool may_be_clear);

/*
 * It is known of a host whether its client logs TLS (last at that time; 0: it does not
 * seem to): what was held of it goes, in clear text where it does.
 */
void out_decide_host(struct maillog *log, const char *name, int64_t logged_ms);

/* Hands over what was held for too long, or all of it. */
void out_pass(struct maillog *log, bool all);

/* What lines tell of deliveries, for the table of maillog.c. */
void out_on_tls(struct maillog *log, const struct maillog_line *line);
void out_on_certificate(struct maillog *log, const struct maillog_line *line);
void out_on_handshake(struct maillog *log, const struct maillog_line *line);
void out_on_proxied(struct maillog *log, const struct maillog_line *line);
void out_on_doubt(struct maillog *log, const struct maillog_line *line);
void out_on_delivery(struct maillog *log, const struct maillog_line *line);

/* Of Sendmail, likewise. */
void sendmail_on_starttls(struct maillog *log, const struct maillog_line *line);
void sendmail_on_auth(struct maillog *log, const struct maillog_line *line);
void sendmail_on_from(struct maillog *log, const struct maillog_line *line);
void sendmail_on_to(struct maillog *log, const struct maillog_line *line);
void sendmail_on_end(struct maillog *log, const struct maillog_line *line);
void sendmail_on_reject(struct maillog *log, const struct maillog_line *line);

/* The sender becomes known, if need be as SRS has encoded it. */
void track_name_sender(struct maillog *log, struct message *message, const char *from);

/* Keeps the client that "text" begins with, which is cut up. */
void track_keep_client(struct maillog *log, char **address, char **name, char *text);

#endif
