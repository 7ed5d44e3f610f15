/*
 * maillog.h - what the parts of reading a mail server's log share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_MAILLOG_H
#define TLSWARD_REVIEW_MAILLOG_H

#include <time.h>

#include "review/review.h"

struct buffer;

/* ------------------------------------------------------------------ *
 * What is read of it
 * ------------------------------------------------------------------ */

/*
 * Takes a message that came in, at "time_ms" (0: unknown). The facts, without a
 * recipient, are borrowed; tls_version NULL: the log does not tell. Returns false to end
 * the reading.
 */
typedef bool maillog_taker(void *context, const struct facts *facts, int64_t time_ms);

/* A handshake that failed. Each is told once, with all that its process wrote of why. */
struct maillog_handshake {
	int64_t time_ms;	/* 0: unknown */
	bool outgoing;		/* of mail that we sent */
	char address[64];	/* of the other side; "": unknown */
	char name[256];		/* in: verified by the MTA; out: the relay's; "": unknown */
	char next_hop[256];	/* out: the recipient's domain; "": unknown */
	char why[512];		/* in the words of the MTA and its library, "; " between */
	char sample[512];	/* the line that says so, from the program's name on */
};

/* Takes one. Returns false to end the reading. */
typedef bool maillog_failure_taker(void *context,
    const struct maillog_handshake *handshake);

/*
 * An attempt to deliver a message to one recipient over SMTP, to another host: not to a
 * content filter, not over LMTP, and no probe of an address. Texts are NULL where unknown.
 */
struct maillog_delivery {
	int64_t time_ms;		/* 0: unknown */
	const char *mta;		/* "postfix" or "sendmail" */
	const char *queue_id, *to;
	const char *relay, *address;	/* NULL: no host was reached */
	int port;			/* of the relay; 0: unknown */
	/* "none": clear text; "TLS": encrypted, by which version is not known. */
	const char *tls_version, *cipher;
	int bits;			/* -1: unknown */
	/* "none" where in clear text, "anonymous", "untrusted", "trusted", "verified" */
	const char *verification;
	/* The level at which that was found, of smtp_tls_policy_maps; NULL: unknown. */
	const char *level;
	bool not_required;		/* "TLS-Required: no" in its header was logged */
	const char *result;		/* "sent", "deferred" or "bounced" */
	const char *dsn;
	const char *text;		/* what stands behind the result; of the relay, too */
	/*
	 * NULL, or TLS was the trouble: in the words of the status and of the session's lines
	 * on TLS. Also of a message that then went out in clear text.
	 */
	const char *trouble;
};

/* Takes one, which is borrowed. Returns false to end the reading. */
typedef bool maillog_delivery_taker(void *context,
    const struct maillog_delivery *delivery);

/* What "deliver" rules call the ports that mail goes to; ends with a port of 0. */
struct maillog_port {
	int port;
	const char *suffix;	/* of the next hop, ":submission"; "": nothing is said of it */
};

extern const struct maillog_port maillog_ports[];

/* What the policy says of one. */
struct maillog_judged {
	struct verdict verdict;
	/*
	 * "none" (no agreement); "refused" (not sent, for its TLS); "exempt"; "unmet" and, under
	 * monitor, "would" (it had been kept); "accepted" (unmet is what may be); "met";
	 * "uncertain" (nothing is known to be unmet)
	 */
	const char *word;
	enum policy_reason reason;	/* REASON_NONE: nothing is known to be unmet */
	bool below;			/* it was sent, "unmet" or "would" */
};

/*
 * Judges a delivery by a rule that names its relay, or else by that of the recipient's
 * domain ("" is none), as policy_decide() does. That the MTA verified the other server
 * counts as what the rule told it to look for, where the level was the rule's, or is not
 * known. False where memory is short. Thread-safe.
 */
bool maillog_judge(const struct policy *policy, const struct policy_options *options,
    const struct maillog_delivery *delivery, const char *domain,
    struct maillog_judged *judged);

/* What is to be read of it. Borrowed. */
struct maillog_reading {
	const char *const *paths;	/* maillog_read(): compressed or not; "-" */
	int count;
	int64_t since_ms, until_ms;	/* by when the message came in */
	maillog_taker *take;		/* NULL: nobody asks; and so below */
	maillog_failure_taker *fail;
	maillog_delivery_taker *deliver;
	void *context;
};

/*
 * Reads the files in the order of their first lines and hands each message over that
 * Postfix's smtpd or pickup, or Sendmail, took, some time after it came. What stands in
 * two files is read once. False, with why in "error", where a file could not be read,
 * has no line of a mail server's log, or memory was short; with an empty one where the
 * taker ended it.
 *
 * A session is what one process logs from "connect" to "disconnect". It is in clear text
 * where no TLS was logged before the message, unless smtpd counts a STARTTLS at its end
 * (smtpd_tls_loglevel is 0): then it is unknown. Sendmail says with each message whether
 * it came over TLS. See the manual pages postconf(5), smtpd_tls_loglevel, and smtpd(8).
 */
bool maillog_read(const struct maillog_reading *reading, struct maillog_totals *totals,
    char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * Line by line
 * ------------------------------------------------------------------ */

struct maillog;
struct maillog_clock;

/*
 * A reader that is fed. What it hands over, and at which line, depends on the lines
 * alone: whoever reads the same lines again is told the same. "reading", "totals", which
 * it counts in, and "error" outlast it. For one thread. NULL when memory is short.
 */
struct maillog *maillog_new(const struct maillog_reading *reading,
    struct maillog_totals *totals, char error[REVIEW_ERROR_MAX]);

/*
 * Takes a line without its newline, and changes it. "place" is the caller's own and only
 * grows. False: the taker ended it (error is empty), or memory was short.
 */
bool maillog_feed(struct maillog *log, char *line, struct maillog_clock *clock,
    int64_t place);

/*
 * Hands over what waits for later lines to be known better: handshakes for their causes,
 * deliveries for a sign that TLS is logged. Sessions and messages go on. False likewise.
 */
bool maillog_settle(struct maillog *log);

/* The log has ended: hands all over, and nothing goes on. False likewise. */
bool maillog_end(struct maillog *log);

/*
 * The place of the first line that is needed to go on: who feeds a new reader from there
 * on and then with what follows is told the same from now on. INT64_MAX: none is. Where
 * sessions never end, it still moves on, some hours of the log behind.
 */
int64_t maillog_oldest(const struct maillog *log);

/*
 * Appends what is known of hosts from lines before that (whether they log the TLS of what
 * they send), as words without a newline; and takes it into a new reader, before a line.
 */
void maillog_hosts_write(const struct maillog *log, struct buffer *text);
void maillog_hosts_read(struct maillog *log, const char *text);

/* NULL-safe, clears the pointer. What was not handed over is not. */
void maillog_free(struct maillog **log);

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

/*
 * Takes a line, which it may change, without its newline. "clock" has when the file was
 * written last. Returns false to end the reading.
 */
typedef bool maillog_line_taker(void *context, char *line, struct maillog_clock *clock);

/*
 * Reads the files, plain or compressed by gzip, bzip2, xz, zstd or lz4 ("-": standard
 * input), in the order of the first time that is found in each, and where that is the
 * same of when they were written last, whatever the order of "paths". A line that is too
 * long is cut off; one that stands in two files is handed over as often as it stands in
 * the one that has it more often. False, with why in "error", where a file cannot be
 * read, is named twice or has lines and none of a log, or memory is short; false also
 * where the taker ended it.
 */
bool maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX]);

/*
 * Whether so many lines were read, and none of a log, that no more are to be; and says
 * that there is no line of a mail log in a file.
 */
bool maillog_is_none(const struct maillog_totals *totals);
void maillog_not_one(const char *path, char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * A line
 * ------------------------------------------------------------------ */

/* How times are read: set "latest" alone. */
#define MAILLOG_HOUR 7
struct maillog_clock {
	time_t latest;		/* no time without a year is after it */
	int hour[MAILLOG_HOUR];	/* the one that was read last, as written */
	time_t start;		/* when it began; 0: none was; -1: it is not known */
};

/*
 * The time that a text begins with, in milliseconds since the epoch; 0: there is no such
 * day, or it does not tell (what is counted from a host's start). Traditional syslog's
 * and those that have no zone are local; those without a year are the last such that is
 * not after "latest". Returns what is behind the time and a blank, or NULL: there is
 * none. tzset(3) has been called.
 */
const char *maillog_time(const char *text, struct maillog_clock *clock, int64_t *time_ms);

/* All point into the line, which is cut up. */
struct maillog_line {
	int64_t place;		/* as given to maillog_feed() */
	int64_t time_ms;	/* 0: not understood, or not written */
	char *host;		/* "": not written */
	char *service;		/* "postfix/submission/smtpd" */
	char *program;		/* the end of it, "smtpd" */
	char *pid;
	bool is_postfix;
	char *queue_id;		/* "": the text has none */
	char *text;		/* without the queue id */
};

enum maillog_kind {
	MAILLOG_UNREAD,		/* no line of a log */
	MAILLOG_OTHER,		/* of a program that is none of these */
	MAILLOG_POSTFIX, MAILLOG_SENDMAIL
};

/*
 * Takes a line without its newline apart: as syslogd, rsyslogd, syslog-ng, busybox and
 * Solaris write it (RFC 3164, RFC 5424), journalctl with -o short, short-iso,
 * short-precise, short-full, short-unix and json, and docker, with its times and
 * names before it or as JSON. What it gives of a line that was not read is not to be used.
 */
enum maillog_kind maillog_line_read(char *line, struct maillog_clock *clock,
    struct maillog_line *parts);

/* The time of a line that is no JSON, which stays as it is; 0: likewise. */
int64_t maillog_line_time(char *line, struct maillog_clock *clock);

#endif
