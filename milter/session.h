/*
 * session.h - what is kept of an SMTP connection and of the message on it.
 *
 * libmilter runs the callbacks of one session one after the other, though on
 * different threads: these structures need no lock, and nothing of them may be
 * kept in a thread. Everything is reached through smfi_getpriv() alone.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SESSION_H
#define TLSWARD_MILTER_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "milter/authres.h"
#include "milter/correlation.h"
#include "milter/decision.h"
#include "milter/snapshot.h"

/* How the client's address came. */
enum session_peer {
	PEER_UNKNOWN,		/* no connect callback, or another family */
	PEER_NONE,		/* the MTA gave no address at all */
	PEER_INET		/* address and port */
};

/* A HELO name is kept for the records alone; longer ones are cut. */
#define SESSION_HELO_MAX 255

#define SESSION_ID_SIZE 32

struct message;

/* At most 512 bytes with its HELO name: it stands for every idle connection. */
struct session {
	char id[SESSION_ID_SIZE];
	char address[INET6_ADDRSTRLEN];
	int port;			/* 0: none */
	enum session_peer peer;
	bool macros_chosen;		/* an absent macro is unset, not unknown */
	bool heard_mail;
	bool can_quarantine;
	bool can_add;			/* header fields */
	bool can_change;		/* or remove them */
	bool counted_once;		/* as a connection */
	bool unrecorded;		/* it is doctor's: judged, and that is all */
	enum fault fault;		/* why nothing of it can be judged */
	const char *version;		/* libmilter's {v} of the connect; or NULL */
	const char *mail_macro;		/* where libmilter had one of MAIL; or NULL */
	unsigned char counted;		/* by its protocol: see counters_session() */
	char *helo;			/* owned; NULL: none */
	struct message *message;	/* owned; NULL: between messages */
	struct correlation_session correlation;	/* beside a policy service */
};

/*
 * What is known of a message, while one is under way. The facts and strings are
 * those of the MAIL command.
 */
struct message {
	struct snapshot *snapshot;	/* pinned */
	struct facts facts;		/* its strings stand in "room" */
	const char *from_resolved;	/* in "room"; NULL: as facts.from */
	const char *rcpt_macro;		/* where libmilter had one of RCPT; or NULL */
	int accepted;			/* recipients */
	bool refused;			/* a recipient */
	bool is_judged;			/* "judged" is set */
	bool undecided;			/* a recipient could not be judged */
	bool recorded;			/* before its end, which may never be seen */
	struct judgement judged;	/* the strictest of those accepted */
	struct forged forged;		/* header fields to remove */
	char *judged_room;		/* owned: the strings of judged.facts */
	char room[];
};

/* Writes an id: unique among the connections of one host, in the order they came. */
void session_make_id(char id[SESSION_ID_SIZE]);

/* Returns a session with an id of its own, or NULL when memory is short. */
struct session *session_new(void);

/* Frees *session with its message and clears the pointer. NULL-safe. */
void session_free(struct session **session, struct snapshots *snapshots);

/*
 * Forgets the client, for a connection that begins anew (XCLIENT). What was agreed
 * on with the MTA stays, and so does that something is missing.
 */
void session_restart(struct session *session, struct snapshots *snapshots);

/* Takes the client's address; "address" may be NULL. */
void session_set_peer(struct session *session, const struct sockaddr *address);

/* Copies the HELO name. When memory is short nothing of it can be judged. */
void session_set_helo(struct session *session, const char *helo);

/*
 * Begins a message, copying all strings of "facts" and "from_resolved" (which may
 * be NULL). Takes *snapshot over. Returns 0, or -1 when memory is short: then the
 * snapshot is still the caller's. The session must have no message.
 */
int session_begin(struct session *session, struct snapshot **snapshot,
    const struct facts *facts, const char *from_resolved);

/* Ends the message, if there is one, and gives its snapshot back. */
void session_end(struct session *session, struct snapshots *snapshots);

/*
 * Keeps the judgement on a recipient that was accepted, where it is stricter than
 * the one kept so far, with a copy of its facts. Returns 0, or -1 when memory is
 * short.
 */
int message_keep(struct message *message, const struct judgement *judgement);

/* How much a record has to say: strictness first. */
int message_rank(const struct verdict *verdict);

/* Whether a message with this verdict must be followed to its end. */
bool message_follows(const struct verdict *verdict);

#endif
