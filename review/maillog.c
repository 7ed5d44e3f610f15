/*
 * maillog.c - the messages that a Postfix log tells of, and how they came in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <stdlib.h>
#include <string.h>

static void
on_smtpd_connect(struct maillog *log, struct process *process)
{
	struct session *session;

	track_end_session(log, process);
	session = track_session(log, process);
	if (session != NULL)
		session->begun = true;
}

/* "disconnect from NAME[ADDRESS] ehlo=2 starttls=1 mail=1 ..." */
static void
on_smtpd_disconnect(struct maillog *log, struct process *process, const char *text)
{
	struct session *session = process->session;
	const char *count = strstr(text, " starttls=");
	bool counts = strstr(text, " commands=") != NULL;

	if (session != NULL && session->tls == TLS_NOT_SEEN &&
	    ((count != NULL && strncmp(count, " starttls=0/", 12) != 0) ||
	    (count == NULL && !counts && !session->begun)))
		session->tls = TLS_MISSED;
	track_end_session(log, process);
}

/*
 * "Trusted TLS connection established from NAME[ADDRESS]: TLSv1.2 with cipher
 * NAME (128/128 bits)", and for TLS 1.3 more
 */
static void
on_tls(struct maillog *log, struct process *process, char *text)
{
	struct session *session = track_session(log, process);
	char *version = strstr(text, "]: "), *cipher, *bits;

	/* With the port: "NAME[ADDRESS]:25: " */
	if (version == NULL && (version = strstr(text, "]:")) != NULL)
		version = strstr(version, ": ");
	else if (version != NULL)
		version++;
	if (session == NULL || version == NULL)
		return;
	log->totals->tls_lines++;
	session->tls = TLS_SEEN;
	session->trusted = strncmp(text, "Trusted ", 8) == 0 ||
	    strncmp(text, "Verified ", 9) == 0 ? POLICY_YES : POLICY_NO;
	log->totals->certificates += strncmp(text, "Anonymous ", 10) != 0;
	bits = maillog_value(version, " (", "/");
	cipher = maillog_value(version, " with cipher ", " (");
	track_keep(log, &session->text[SESSION_CIPHER], cipher);
	session->bits = bits != NULL && atoi(bits) > 0 ? atoi(bits) : -1;
	version += 2;
	version[strcspn(version, " ")] = '\0';
	track_keep(log, &session->text[SESSION_VERSION], version);
}

/*
 * "NAME[ADDRESS]: Trusted: subject_CN=..., issuer=..., fingerprint=...,
 * pkey_fingerprint=...", where smtpd_tls_loglevel is 2 or more; before on_tls()
 */
static void
on_certificate(struct maillog *log, struct process *process, char *text)
{
	struct session *session = track_session(log, process);
	char *pubkey, *fingerprint, *issuer, *cn;
	char digest[72];

	if (session == NULL)
		return;
	/* From the end: each value is cut off where the next one begins. */
	pubkey = maillog_value(text, ", pkey_fingerprint=", ",");
	fingerprint = maillog_value(text, ", fingerprint=", ",");
	issuer = maillog_value(text, ", issuer_CN=", ", fingerprint=");
	if (issuer == NULL)
		issuer = maillog_value(text, ", issuer=", ", fingerprint=");
	cn = maillog_value(text, ": subject_CN=", ", issuer");
	track_keep(log, &session->text[SESSION_CN], cn);
	track_keep(log, &session->text[SESSION_ISSUER], issuer);
	if (fingerprint != NULL && policy_fingerprint_normalize(fingerprint, digest,
	    sizeof(digest)))
		track_keep(log, &session->text[SESSION_FINGERPRINT], digest);
	if (pubkey != NULL && policy_fingerprint_normalize(pubkey, digest,
	    sizeof(digest)))
		track_keep(log, &session->text[SESSION_PUBKEY], digest);
}

/* A message of this process, from the client that "text" begins with. */
static struct message *
receive(struct maillog *log, const struct maillog_line *line, struct process *process,
    char *text)
{
	struct session *session = track_session(log, process);
	struct message *message;
	struct maillog_client client;
	char *sasl;

	if (session == NULL || (message = track_add(log, line)) == NULL)
		return NULL;
	message->session = session;
	session->references++;
	message->before_tls = session->tls != TLS_SEEN;
	sasl = strstr(text, ", sasl_username=");
	if (maillog_client_read(text, &client)) {
		track_keep(log, &message->text[MESSAGE_ADDR], client.address);
		track_keep(log, &message->text[MESSAGE_NAME], client.name);
	}
	if (sasl != NULL)
		track_keep(log, &message->text[MESSAGE_SASL], maillog_value(sasl, "username=", ","));
	if (!track_is_settled(message)) {
		message->waits = true;
		message->next = process->waiting;
		process->waiting = message;
	}
	return message;
}

/* "client=NAME[ADDRESS]", and what may follow */
static void
on_client(struct maillog *log, const struct maillog_line *line, struct process *process,
    char *text)
{
	/* A content filter gives it back: it came in before. */
	if (strstr(text, ", orig_client=") != NULL ||
	    strstr(text, ", orig_queue_id=") != NULL)
		log->totals->reinjected++;
	else if (strcmp(line->queue_id, "NOQUEUE") != 0)
		(void)receive(log, line, process, text + strlen("client="));
}

/*
 * "proxy-accept: END-OF-MESSAGE: 250 ...; from=<...> to=<...> proto=ESMTP helo=<...>":
 * it went through a filter before the queue, which then gives it back
 */
static void
on_proxy_accept(struct maillog *log, const struct maillog_line *line,
    struct process *process, char *text)
{
	char *from = maillog_value(text, "; from=<", "> to=<");
	char *client = strstr(text, " from ");
	struct message *message;

	if (from == NULL)
		return;
	message = receive(log, line, process,
	    client != NULL && client < from ? client + 6 : text);
	if (message == NULL)
		return;
	track_keep(log, &message->text[MESSAGE_FROM], from);
	if (message->text[MESSAGE_FROM] != NULL)
		track_finish(log, message);
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void
on_smtpd(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	char *text = line->text;

	if (process == NULL)
		return;
	if (begins(text, "connect from "))
		on_smtpd_connect(log, process);
	else if (begins(text, "disconnect from "))
		on_smtpd_disconnect(log, process, text);
	else if (begins(text, "client="))
		on_client(log, line, process, text);
	else if (begins(text, "proxy-accept: "))
		on_proxy_accept(log, line, process, text);
	else if (begins(text, "reject: ") || begins(text, "milter-reject: ") ||
	    begins(text, "proxy-reject: "))
		log->totals->refused++;
	else if (strstr(text, " TLS connection established from ") != NULL)
		on_tls(log, process, text);
	else if (strstr(text, ": subject_CN=") != NULL)
		on_certificate(log, process, text);
}

/* "uid=1000 from=<...>": sendmail(1) on the host */
static void
on_pickup(struct maillog *log, const struct maillog_line *line)
{
	if (line->queue_id[0] != '\0' && begins(line->text, "uid="))
		(void)track_add(log, line);
}

/* "from=<...>, size=1234, nrcpt=1 (queue active)", at each attempt; "removed" */
static void
on_qmgr(struct maillog *log, const struct maillog_line *line)
{
	struct message *message;
	char *from;

	if (strcmp(line->text, "removed") == 0) {
		if ((message = track_find(log, line)) != NULL)
			track_remove(log, message);
	} else if (begins(line->text, "from=<") &&
	    (from = maillog_value(line->text, "from=<", ">, size=")) != NULL) {
		message = track_find(log, line);
		if (message == NULL) {
			log->totals->without_client++;
		} else if (message->text[MESSAGE_FROM] == NULL) {
			track_keep(log, &message->text[MESSAGE_FROM], from);
			if (message->text[MESSAGE_FROM] != NULL)
				track_finish(log, message);
		}
	}
}

static bool
on_line(void *context, char *text, time_t latest)
{
	struct maillog *log = context;
	struct maillog_line line;

	if (!maillog_line_read(text, latest, &line)) {
		log->totals->other_lines++;
		return true;
	}
	log->totals->lines++;
	if (strcmp(line.program, "smtpd") == 0)
		on_smtpd(log, &line);
	else if (strcmp(line.program, "qmgr") == 0 || strcmp(line.program, "nqmgr") == 0)
		on_qmgr(log, &line);
	else if (strcmp(line.program, "pickup") == 0)
		on_pickup(log, &line);
	else if (strcmp(line.program, "cleanup") == 0 &&
	    (begins(line.text, "milter-reject: ") || begins(line.text, "reject: ")))
		log->totals->refused++;
	return !log->stopped;
}

bool
maillog_read(const struct maillog_reading *reading, struct maillog_totals *totals,
    char error[REVIEW_ERROR_MAX])
{
	struct maillog log = { .reading = reading, .totals = totals, .error = error };
	bool read;

	error[0] = '\0';
	*totals = (struct maillog_totals){ 0 };
	read = maillog_files_read(reading->paths, reading->count, on_line, &log, error);
	track_end(&log);
	return read && !log.stopped;
}
