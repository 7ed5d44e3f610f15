/*
 * maillog.h - the messages that a Postfix log tells of, and how they came in.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MAILLOG_H
#define TLSWARD_MAILLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

/* A message that came in. Borrowed until the taker returns. */
struct maillog_message {
	/* Without a recipient. tls_version NULL: the log does not tell. */
	const struct facts *facts;
	int64_t time_ms;		/* milliseconds since the epoch; 0: unknown */
};

/* Returns false to end the reading. */
typedef bool maillog_taker(void *context, const struct maillog_message *message);

/* What was seen in all files, for people to know what the log could tell. */
struct maillog_totals {
	int64_t lines;			/* of Postfix */
	int64_t other_lines;		/* that are not, or not to be understood */
	int64_t messages;		/* handed over */
	int64_t refused;		/* recipients and messages that Postfix refused */
	int64_t unfinished;		/* came in, and no sender was logged */
	int64_t reinjected;		/* came back from a content filter: not counted */
	int64_t without_client;		/* made on the host, or came before the log begins */
	int64_t tls_lines;		/* "TLS connection established from" */
	int64_t certificates;		/* sessions that presented one */
};

struct maillog_period {
	int64_t since_ms, until_ms;	/* by when the message came in */
};

/*
 * Reads the files "paths" (plain or compressed by gzip; "-" is standard input) in the
 * order of their first lines and hands each message over that smtpd or pickup took and
 * qmgr named the sender of. Says on standard error what is wrong; false where a file
 * could not be read, memory was short, or the taker ended it.
 *
 * A session is what one smtpd process logs from "connect" to "disconnect". It is in
 * clear text where no TLS was logged before the message, unless smtpd counts a STARTTLS
 * at its end (smtpd_tls_loglevel is 0): then it is unknown. See the Postfix manual
 * pages postconf(5), smtpd_tls_loglevel, and smtpd(8).
 */
bool maillog_read(const char *const *paths, int count,
    const struct maillog_period *period, maillog_taker *take, void *context,
    struct maillog_totals *totals);

#endif
