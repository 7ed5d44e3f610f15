/*
 * sessions.h - the sessions of a period that a journal holds, to be judged again.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SESSIONS_H
#define TLSWARD_JOURNAL_SESSIONS_H

#include <sqlite3.h>

#include "journal/journal.h"

/*
 * One decision kept in full, or all messages of one set of facts. Everything is borrowed
 * until the taker returns.
 */
struct journal_session {
	/*
	 * What is known. Where messages are rolled up, the local part of the sender and
	 * the client's address are those of one of them, and there is no recipient.
	 */
	const struct facts *facts;
	bool rolled_up;
	const char *client_network;	/* of rolled-up messages; NULL: not known */
	const char *domain;		/* the sender's; NULL: none */
	int64_t messages;
	int64_t last_ms;		/* the time of the last, or of the one */
	enum policy_action action;	/* what was done */
};

/* Returns false to end the reading. */
typedef bool journal_session_taker(void *context,
    const struct journal_session *session);

/*
 * Hands over all decisions from "since_ms" to before "until_ms", milliseconds since the
 * epoch: those kept in full exactly, rolled-up messages by whole hours, with the first
 * of them. In no order. A value that is no fact (a journal that somebody edited) is
 * left out, so that it is unknown. Returns an SQLite result code; SQLITE_ABORT where
 * the taker ended it, SQLITE_NOMEM where memory was short.
 */
int journal_sessions_read(sqlite3 *db, int64_t since_ms, int64_t until_ms,
    journal_session_taker *take, void *context);

#endif
