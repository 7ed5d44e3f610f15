/*
 * maillog.c - what the lines of a mail server's log tell of messages and of TLS.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "review/maillog_track.h"
#include "review/reading.h"

/* ------------------------------------------------------------------ *
 * Postfix: sessions
 * ------------------------------------------------------------------ */

/* "connect from NAME[ADDRESS]" */
static void
on_connect(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session;

	if (process == NULL)
		return;
	track_end_session(log, process);
	session = track_session(log, process);
	if (session == NULL)
		return;
	session->begun = true;
	track_keep_client(log, &session->text[SESSION_ADDR], &session->text[SESSION_NAME],
	    line->text + strlen("connect from "));
}

/* "disconnect from NAME[ADDRESS] ehlo=2 starttls=1 mail=1 ..." */
static void
on_disconnect(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session = process != NULL ? process->session : NULL;
	const char *count = strstr(line->text, " starttls=");
	bool counts = strstr(line->text, " commands=") != NULL;

	if (session != NULL && session->tls == TLS_NOT_SEEN && !session->handshake_failed &&
	    ((count != NULL && strncmp(count, " starttls=0/", 12) != 0) ||
	    (count == NULL && !counts && !session->begun)))
		session->tls = TLS_MISSED;
	if (process != NULL)
		track_end_session(log, process);
}

/*
 * "Trusted TLS connection established from NAME[ADDRESS] to SNI: TLSv1.2 with cipher
 * NAME (128/128 bits)", and for TLS 1.3 more; the port may stand behind the address
 */
static void
on_tls(struct maillog *log, const struct maillog_line *line)
{
	struct session *session = track_session(log, track_process(log, line));
	const char *text = line->text;
	struct relayed tls;

	if (session == NULL || !log_tls(line->text, &tls))
		return;
	log->totals->tls_lines++;
	session->tls = TLS_SEEN;
	session->trusted = log_begins(text, "Trusted ") || log_begins(text, "Verified ") ?
	    POLICY_YES : POLICY_NO;
	log->totals->certificates += log_begins(text, "Trusted ") ||
	    log_begins(text, "Verified ") || log_begins(text, "Untrusted ");
	session->bits = tls.bits;
	track_keep(log, &session->text[SESSION_CIPHER], tls.cipher);
	track_keep(log, &session->text[SESSION_VERSION], tls.version);
}

static void
keep_digest(struct maillog *log, char **where, const char *text)
{
	char digest[72];

	if (text != NULL && policy_fingerprint_normalize(text, digest, sizeof(digest)))
		track_keep(log, where, digest);
}

/*
 * "NAME[ADDRESS]: Trusted: subject_CN=..., issuer=..., fingerprint=...,
 * pkey_fingerprint=...", where smtpd_tls_loglevel is 2 or more; before on_tls()
 */
static void
on_certificate(struct maillog *log, const struct maillog_line *line)
{
	struct session *session = track_session(log, track_process(log, line));
	char *pubkey, *fingerprint, *issuer;

	if (session == NULL)
		return;
	/* From the end: each value is cut off where the next one begins. */
	pubkey = log_value(line->text, ", pkey_fingerprint=", ",");
	fingerprint = log_value(line->text, ", fingerprint=", ",");
	issuer = log_value(line->text, ", issuer_CN=", ", fingerprint=");
	if (issuer == NULL)
		issuer = log_value(line->text, ", issuer=", ", fingerprint=");
	track_keep(log, &session->text[SESSION_CN],
	    log_value(line->text, ": subject_CN=", ", issuer"));
	track_keep(log, &session->text[SESSION_ISSUER], issuer);
	keep_digest(log, &session->text[SESSION_FINGERPRINT], fingerprint);
	keep_digest(log, &session->text[SESSION_PUBKEY], pubkey);
}

/* "SSL_accept error from NAME[ADDRESS]: -1", also of tlsproxy(8) for postscreen(8) */
static void
on_handshake(struct maillog *log, const struct maillog_line *line)
{
	bool proxied = strcmp(line->program, "tlsproxy") == 0;
	struct process *process = track_process(log, line);
	struct session *session = proxied ? NULL : track_session(log, process);
	const char *peer = strstr(line->text, " from ");

	if (process == NULL || peer == NULL)
		return;
	if (session != NULL)
		session->handshake_failed = true;
	if (!proxied)
		track_end_failures(log, process, NULL);
	track_failure(log, process, line, false, peer + strlen(" from "));
	track_why(process, line, line->text);
}

/* "warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:..." */
static void
on_library(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);

	if (process == NULL)
		return;
	track_why(process, line, line->text);
	if (strcmp(line->program, process->failing != NULL ? "smtp" : "tlsproxy") == 0)
		out_doubt(log, process, line->text);
}

/* "lost connection after STARTTLS from NAME[ADDRESS]" */
static void
on_lost(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session = track_session(log, process);

	if (session == NULL || session->tls == TLS_SEEN || session->handshake_failed)
		return;
	session->handshake_failed = true;
	track_failure(log, process, line, false, strstr(line->text, " from ") +
	    strlen(" from "));
	track_why(process, line, line->text);
}

/* ------------------------------------------------------------------ *
 * Postfix: messages
 * ------------------------------------------------------------------ */

/* A message of this process, from the session's client. */
static struct message *
receive(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session = track_session(log, process);
	struct message *message = session != NULL ? track_add(log, line) : NULL;

	if (message == NULL)
		return NULL;
	track_receive(log, message, session, process);
	track_keep(log, &message->text[MESSAGE_ADDR], session->text[SESSION_ADDR]);
	track_keep(log, &message->text[MESSAGE_NAME], session->text[SESSION_NAME]);
	track_keep(log, &message->text[MESSAGE_SASL], session->text[SESSION_SASL]);
	return message;
}

/* "client=NAME[ADDRESS]", and what may follow */
static void
on_client(struct maillog *log, const struct maillog_line *line)
{
	struct session *session;
	struct message *message;
	char *sasl = strstr(line->text, ", sasl_username=");

	/* A content filter gives it back: it came in before. */
	if (strstr(line->text, ", orig_client=") != NULL ||
	    strstr(line->text, ", orig_queue_id=") != NULL) {
		log->totals->reinjected++;
		return;
	}
	session = track_session(log, track_process(log, line));
	if (session == NULL)
		return;
	if (sasl != NULL)
		track_keep(log, &session->text[SESSION_SASL],
		    log_value(sasl, "username=", ","));
	/* It goes through a filter before the queue, and is told of when that took it. */
	if (strcmp(line->queue_id, "NOQUEUE") == 0) {
		track_keep_client(log, &session->text[SESSION_ADDR], &session->text[SESSION_NAME],
		    line->text + strlen("client="));
		return;
	}
	message = receive(log, line);
	if (message != NULL)
		track_keep_client(log, &message->text[MESSAGE_ADDR], &message->text[MESSAGE_NAME],
		    line->text + strlen("client="));
}

/*
 * "proxy-accept: END-OF-MESSAGE: 250 ...; from=<...> to=<...> proto=ESMTP helo=<...>":
 * it went through a filter before the queue, which then gives it back. What the filter
 * said is no part of it.
 */
static void
on_proxy_accept(struct maillog *log, const struct maillog_line *line)
{
	char *from = line->text, *end = NULL;
	struct message *message;

	while (end == NULL && (from = strstr(from, "; from=<")) != NULL) {
		from += strlen("; from=<");
		end = strstr(from, "> to=<");
		if (end != NULL && (strchr(from, '>') != end || strstr(end, "> proto=") == NULL))
			end = NULL;
	}
	message = end != NULL ? receive(log, line) : NULL;
	if (message == NULL)
		return;
	*end = '\0';
	track_name_sender(log, message, from);
}

static void
on_reject(struct maillog *log, const struct maillog_line *line)
{
	(void)line;
	log->totals->refused++;
}

/* "uid=1000 from=<...>": sendmail(1) on the host */
static void
on_pickup(struct maillog *log, const struct maillog_line *line)
{
	if (line->queue_id[0] != '\0')
		(void)track_add(log, line);
}

/*
 * "info: header TLS-Required: no from HOST; ...", where header_checks(5) have it logged:
 * Postfix 3.10 asks for no policy then
 */
static void
on_logged_header(struct maillog *log, const struct maillog_line *line)
{
	const char *header = strstr(line->text, ": header ") + strlen(": header ");
	struct message *message = track_find(log, line, line->queue_id);

	if (message == NULL || strncasecmp(header, "TLS-Required:", 13) != 0)
		return;
	header += 13 + strspn(header + 13, " ");
	message->not_required |= strncasecmp(header, "no ", 3) == 0;
}

static void
on_removed(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line, line->queue_id);

	if (message != NULL && strcmp(line->text, "removed") == 0)
		track_remove(log, message);
}

/* "from=<...>, size=1234, nrcpt=1 (queue active)", at each attempt */
static void
on_queued(struct maillog *log, const struct maillog_line *line)
{
	char *from = log_value(line->text, "from=<", ">, size=");
	struct message *message = track_find(log, line, line->queue_id);

	if (message == NULL)
		log->totals->without_client++;
	else if (!message->done && message->text[MESSAGE_FROM] == NULL)
		track_name_sender(log, message, from);
}

/* ------------------------------------------------------------------ *
 * All lines
 * ------------------------------------------------------------------ */

/* The lines that tell something: what the text begins with, or has anywhere. */
static const struct log_shape {
	const char *program, *text;	/* program NULL: Sendmail */
	bool anywhere;
	void (*take)(struct maillog *log, const struct maillog_line *line);
} log_shapes[] = {
	{ "smtpd", "connect from ", false, on_connect },
	{ "smtpd", "disconnect from ", false, on_disconnect },
	{ "smtpd", "client=", false, on_client },
	{ "smtpd", "proxy-accept: ", false, on_proxy_accept },
	{ "smtpd", "reject: ", false, on_reject },
	{ "smtpd", "milter-reject: ", false, on_reject },
	{ "smtpd", "proxy-reject: ", false, on_reject },
	{ "smtpd", "SSL_accept ", false, on_handshake },
	{ "smtpd", "warning: TLS library problem: ", false, on_library },
	{ "smtpd", "lost connection after STARTTLS from ", false, on_lost },
	{ "smtpd", "TLS connection established from ", true, on_tls },
	{ "smtpd", ": subject_CN=", true, on_certificate },
	{ "tlsproxy", "SSL_accept ", false, on_handshake },
	{ "tlsproxy", "warning: TLS library problem: ", false, on_library },
	{ "tlsproxy", "SSL_connect ", false, out_on_handshake },
	{ "tlsproxy", "TLS handshake failed for ", false, out_on_proxied },
	{ "smtp", "SSL_connect ", false, out_on_handshake },
	{ "smtp", "warning: TLS library problem: ", false, on_library },
	{ "smtp", "to=<", false, out_on_delivery },
	{ "smtp", "TLS connection established to ", true, out_on_tls },
	{ "smtp", "TLS connection reused to ", true, out_on_tls },
	{ "smtp", "Verified: subject_CN=", false, out_on_certificate },
	{ "smtp", "Unverified: subject_CN=", false, out_on_certificate },
	{ "smtp", "verification failed for ", true, out_on_doubt },
	{ "lmtp", "to=<", false, out_on_delivery },
	{ "error", "to=<", false, out_on_delivery },
	{ "qmgr", "removed", false, on_removed },
	{ "qmgr", "from=<", false, on_queued },
	{ "nqmgr", "removed", false, on_removed },
	{ "nqmgr", "from=<", false, on_queued },
	{ "pickup", "uid=", false, on_pickup },
	{ "cleanup", "milter-reject: ", false, on_reject },
	{ "cleanup", "reject: ", false, on_reject },
	{ "cleanup", "info: header ", false, on_logged_header },
	{ "cleanup", "warning: header ", false, on_logged_header },
	{ NULL, "STARTTLS=", false, sendmail_on_starttls },
	{ NULL, "AUTH=server", false, sendmail_on_auth },
	{ NULL, "from=", false, sendmail_on_from },
	{ NULL, "to=", false, sendmail_on_to },
	{ NULL, "Milter: ", false, sendmail_on_reject },
	{ NULL, "ruleset=", false, sendmail_on_reject },
	{ NULL, " did not issue MAIL", true, sendmail_on_end },
};

static bool
is_shape(const struct log_shape *shape, const struct maillog_line *line)
{
	if (shape->program == NULL ? line->is_postfix :
	    !line->is_postfix || strcmp(line->program, shape->program) != 0)
		return false;
	return shape->anywhere ? strstr(line->text, shape->text) != NULL :
	    log_begins(line->text, shape->text);
}

bool
maillog_feed(struct maillog *log, char *text, struct maillog_clock *clock, int64_t place)
{
	const struct log_shape *end = log_shapes + sizeof(log_shapes) / sizeof(log_shapes[0]);
	struct maillog_line line;
	enum maillog_kind kind = maillog_line_read(text, clock, &line);

	log->totals->lines += kind >= MAILLOG_POSTFIX;
	log->totals->other_lines += kind == MAILLOG_OTHER;
	log->totals->unread_lines += kind == MAILLOG_UNREAD;
	if (kind < MAILLOG_POSTFIX)
		return true;
	line.place = place;
	if (line.time_ms != 0)
		log->now_ms = line.time_ms;
	if (line.time_ms > log->totals->newest_ms)
		log->totals->newest_ms = line.time_ms;
	for (const struct log_shape *shape = log_shapes; shape < end; shape++) {
		if (is_shape(shape, &line)) {
			shape->take(log, &line);
			break;
		}
	}
	track_pass(log);
	out_pass(log, false);
	return !log->stopped;
}

struct maillog *
maillog_new(const struct maillog_reading *reading, struct maillog_totals *totals,
    char error[REVIEW_ERROR_MAX])
{
	struct maillog *log = calloc(1, sizeof(*log));

	error[0] = '\0';
	*totals = (struct maillog_totals){ 0 };
	if (log == NULL) {
		review_say(error, "not enough memory");
		return NULL;
	}
	tzset();
	log->reading = reading;
	log->totals = totals;
	log->error = error;
	log->last_ready = &log->ready;
	hash_seed(&log->seed);
	return log;
}

void
maillog_free(struct maillog **log)
{
	if (*log == NULL)
		return;
	(*log)->stopped = true;
	track_end(*log);
	out_pass(*log, true);
	free(*log);
	*log = NULL;
}

bool
maillog_settle(struct maillog *log)
{
	while (log->failures.first != NULL)
		track_end_failure(log, (struct failure *)log->failures.first);
	out_pass(log, true);
	return !log->stopped;
}

bool
maillog_end(struct maillog *log)
{
	if (!log->stopped) {
		track_end(log);
		out_pass(log, true);
	}
	return !log->stopped;
}

/* Nothing understood in so many lines: it is no log, and may have no end. */
#define UNREAD_LINES 100000

bool
maillog_is_none(const struct maillog_totals *totals)
{
	return totals->unread_lines >= UNREAD_LINES && totals->lines == 0 &&
	    totals->other_lines == 0;
}

static bool
feed_line(void *context, char *line, struct maillog_clock *clock)
{
	struct maillog *log = context;

	return maillog_feed(log, line, clock, 0) && !maillog_is_none(log->totals);
}

bool
maillog_read(const struct maillog_reading *reading, struct maillog_totals *totals,
    char error[REVIEW_ERROR_MAX])
{
	struct maillog *log = maillog_new(reading, totals, error);
	bool read;

	if (log == NULL)
		return false;
	read = maillog_files_read(reading->paths, reading->count, feed_line, log, error);
	read = read ? maillog_end(log) : maillog_is_none(totals);
	maillog_free(&log);
	if (read && totals->lines == 0 && totals->other_lines + totals->unread_lines > 0) {
		maillog_not_one(reading->count > 1 ? "these files" : reading->paths[0], error);
		return false;
	}
	return read;
}
