/*
 * maillog_sendmail.c - what the lines of Sendmail tell.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of "NAME=" at the text's start or behind ", ", up to the next ", "; or NULL. */
static char *
sendmail_value(const char *text, const char *name, char *room, size_t size)
{
	size_t length = strlen(name);
	const char *at = text;

	while (strncmp(at, name, length) != 0 || at[length] != '=') {
		at = strstr(at, ", ");
		if (at == NULL)
			return NULL;
		at += 2;
	}
	at += length + 1;
	(void)snprintf(room, size, "%.*s", (int)(strstr(at, ", ") != NULL ?
	    strstr(at, ", ") - at : (ptrdiff_t)strlen(at)), at);
	return room;
}

/* Keeps who the session's peer is, by "relay=NAME [ADDRESS]". */
static void
sendmail_relay(struct maillog *log, struct session *session, const char *text)
{
	char room[512], *relay = sendmail_value(text, "relay", room, sizeof(room));

	if (relay != NULL)
		track_keep_client(log, &session->text[SESSION_ADDR],
		    &session->text[SESSION_NAME], relay);
}

/* Of a session that has come to be, "text" tells all. */
static void
sendmail_server(struct maillog *log, struct process *process, const char *text)
{
	struct session *session;
	char room[256], *value;

	/* A process has one connection; an older one's number may be the same. */
	track_end_session(log, process);
	if ((session = track_session(log, process)) == NULL)
		return;
	log->totals->tls_lines++;
	session->tls = TLS_SEEN;
	track_keep(log, &session->text[SESSION_VERSION],
	    sendmail_value(text, "version", room, sizeof(room)));
	track_keep(log, &session->text[SESSION_CIPHER],
	    sendmail_value(text, "cipher", room, sizeof(room)));
	value = sendmail_value(text, "bits", room, sizeof(room));
	session->bits = value != NULL && atoi(value) > 0 ? atoi(value) : -1;
	value = sendmail_value(text, "verify", room, sizeof(room));
	session->trusted = value != NULL && strcmp(value, "OK") == 0 ? POLICY_YES : POLICY_NO;
	log->totals->certificates += value != NULL && strcmp(value, "NO") != 0 &&
	    strcmp(value, "NOT") != 0;
	sendmail_relay(log, session, text);
}

/* What {verify} says of the server; see sendmail's op.me, "STARTTLS". */
static const char *
verification_of(const char *verify)
{
	return verify == NULL ? NULL : strcmp(verify, "TRUSTED") == 0 ? "verified" :
	    strcmp(verify, "OK") == 0 ? "trusted" : strcmp(verify, "NO") == 0 ||
	    strcmp(verify, "NOT") == 0 ? "anonymous" : "untrusted";
}

static void
sendmail_client(struct maillog *log, struct process *process,
    const struct maillog_line *line)
{
	char peer[256], version[32], cipher[128], value[32];
	const char *bits = sendmail_value(line->text, "bits", value, sizeof(value));
	struct relayed session = {
		.bits = bits != NULL && atoi(bits) > 0 ? atoi(bits) : -1,
		.peer = sendmail_value(line->text, "relay", peer, sizeof(peer)),
		.version = sendmail_value(line->text, "version", version, sizeof(version)),
		.cipher = sendmail_value(line->text, "cipher", cipher, sizeof(cipher)),
		.verification = verification_of(sendmail_value(line->text, "verify", value,
		    sizeof(value)))
	};

	if (session.peer == NULL)
		return;
	/* Of some versions with the address, as a delivery has it. */
	session.peer[strcspn(session.peer, " ")] = '\0';
	out_session(log, process, line, &session);
}

/*
 * "STARTTLS=server, error: accept failed=-1, reason=..., relay=NAME [ADDRESS]", and what
 * the library says: "STARTTLS=server: 4242:error:..."
 */
static void
sendmail_failure(struct maillog *log, struct process *process,
    const struct maillog_line *line, bool outgoing)
{
	const char *relay = strstr(line->text, "relay=");

	if (strstr(line->text, " failed=") != NULL) {
		if (!outgoing)
			track_end_failures(log, process, NULL);
		track_failure(log, process, line, outgoing, relay != NULL ? relay + 6 : "");
	}
	track_why(process, line, line->text);
	if (outgoing && process->failing != NULL)
		out_doubt(log, process, line->text);
}

/*
 * "STARTTLS=server, relay=NAME [ADDRESS], version=TLSv1.3, verify=NO, cipher=..., bits=..."
 */
void
sendmail_on_starttls(struct maillog *log, const struct maillog_line *line)
{
	bool outgoing = log_begins(line->text, "STARTTLS=client");
	struct process *process = track_process(log, line);

	if (process == NULL)
		return;
	if (strstr(line->text, "error:") != NULL)
		sendmail_failure(log, process, line, outgoing);
	else if (strstr(line->text, ", version=") != NULL && outgoing)
		sendmail_client(log, process, line);
	else if (strstr(line->text, ", version=") != NULL)
		sendmail_server(log, process, line->text);
	else if (outgoing && strstr(line->text, ", verifymsg=") != NULL &&
	    strstr(line->text, ", verifymsg=ok") == NULL)
		out_doubt(log, process, line->text);
}

/* "AUTH=server, relay=NAME [ADDRESS], authid=NAME, mech=PLAIN, bits=0" */
void
sendmail_on_auth(struct maillog *log, const struct maillog_line *line)
{
	struct session *session = track_session(log, track_process(log, line));
	char room[256];

	if (session == NULL)
		return;
	track_keep(log, &session->text[SESSION_SASL],
	    sendmail_value(line->text, "authid", room, sizeof(room)));
	sendmail_relay(log, session, line->text);
}

/* The session of a message with that relay: what the process logged of another is over. */
static struct session *
sendmail_session(struct maillog *log, struct process *process, const char *address)
{
	struct session *session = track_session(log, process);

	if (session != NULL && session->text[SESSION_ADDR] != NULL &&
	    strcmp(session->text[SESSION_ADDR], address) != 0) {
		track_end_session(log, process);
		session = track_session(log, process);
	}
	if (session != NULL)
		session->begun = true;
	return session;
}

/* "from=<...>, size=300, class=0, nrcpts=1, ..., proto=ESMTPS, daemon=MTA, relay=..." */
void
sendmail_on_from(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	char relay[512], value[64], sender[1024], *name, *address, *from = NULL;
	const char *proto = sendmail_value(line->text, "proto", value, sizeof(value));
	bool encrypted = proto != NULL && log_begins(proto, "ESMTPS");
	struct session *session = NULL;
	struct message *message;

	(void)snprintf(sender, sizeof(sender), "%s", line->text + strlen("from="));
	from = sender[0] == '<' ? log_value(sender, "<", ">") : sender;
	from[strcspn(from, ",")] = '\0';
	if (sendmail_value(line->text, "relay", relay, sizeof(relay)) != NULL &&
	    track_client(relay, &name, &address) && process != NULL)
		session = sendmail_session(log, process, address);
	if (sendmail_value(line->text, "nrcpts", value, sizeof(value)) != NULL &&
	    strcmp(value, "0") == 0) {
		log->totals->refused++;
		return;
	}
	if ((message = track_add(log, line)) == NULL)
		return;
	if (session != NULL) {
		track_receive(log, message, session, NULL);
		message->encrypted = encrypted;
		track_keep(log, &message->text[MESSAGE_ADDR], address);
		track_keep(log, &message->text[MESSAGE_NAME], name);
		track_keep(log, &message->text[MESSAGE_SASL], session->text[SESSION_SASL]);
	}
	track_name_sender(log, message, from);
	track_remove(log, message);
}

/* ------------------------------------------------------------------ *
 * Mail that goes out
 * ------------------------------------------------------------------ */

/* "Sent (...)" and a DSN that begins with 2; NULL: nothing was tried. */
static const char *
sendmail_result(const char *stat, const char *dsn)
{
	if (log_begins(stat, "Sent"))
		return "sent";
	if (log_begins(stat, "Deferred") || dsn[0] == '4')
		return "deferred";
	return dsn[0] == '5' ? "bounced" : NULL;
}

/* The next of "<a@x.example>,<b@y.example>", cut off; NULL: there is none. */
static char *
next_recipient(char **at)
{
	char *start = *at + strspn(*at, "<,"), *end = start;

	if (*start == '"')
		for (end++; *end != '\0' && *end != '"'; end++)
			end += *end == '\\' && end[1] != '\0';
	end += strcspn(end, ">,");
	if (end == start)
		return NULL;
	*at = end + (*end != '\0');
	*end = '\0';
	return start;
}

static void
deliver_to_each(struct maillog *log, const struct maillog_line *line,
    struct maillog_delivery *delivery, const struct relayed *session, char *recipients)
{
	/* Otherwise the session ended before it could be told whether TLS would be spoken. */
	bool may_be_clear = delivery->relay != NULL &&
	    strstr(delivery->text, "TLS handshake failed") == NULL &&
	    strstr(delivery->text, "Deferred: Connection ") == NULL;

	while ((delivery->to = next_recipient(&recipients)) != NULL && !log->stopped)
		out_deliver(log, line, delivery, session, may_be_clear);
}

/* Fills in the relay of "NAME [ADDRESS]", which is cut up. */
static void
sendmail_relayed(struct maillog_delivery *delivery, char *relay)
{
	char *name = NULL, *address;
	size_t length;

	if (!track_client(relay, &name, &address))
		return;
	length = name != NULL ? strlen(name) : 0;
	if (length > 0 && name[length - 1] == '.')
		name[length - 1] = '\0';
	delivery->relay = name != NULL ? name : address;
	delivery->address = address;
}

/* What went wrong with TLS in the sessions before, and ends them. */
static const char *
sendmail_trouble(struct maillog *log, struct process *process,
    const struct maillog_delivery *delivery, bool clear, char *room, size_t size)
{
	bool sent = strcmp(delivery->result, "sent") == 0;
	bool blamed = sent ? process->failures > 0 && clear :
	    out_blames_tls(delivery->text) || process->failures > 0 ||
	    (process->doubt != NULL && strstr(process->doubt, "ruleset=tls_") != NULL);

	(void)snprintf(room, size, "%s%s%s", delivery->text,
	    process->doubt != NULL ? "; " : "", process->doubt != NULL ? process->doubt : "");
	track_end_failures(log, process, delivery);
	track_keep(log, &process->doubt, NULL);
	return blamed ? room : NULL;
}

/*
 * "to=<...>,<...>, ctladdr=..., delay=..., mailer=esmtp, ..., relay=NAME [ADDRESS],
 * dsn=2.0.0, stat=Sent (...)"; a connection may be used again for another message
 */
void
sendmail_on_to(struct maillog *log, const struct maillog_line *line)
{
	char mailer[64], relay[512] = "", dsn[32], trouble[1536];
	char *recipients = line->text + strlen("to="), *end = strstr(recipients, ", ");
	struct process *process = track_process(log, line);
	const struct relayed *session;
	const char *stat = strstr(line->text, ", stat="), *reply;
	struct maillog_delivery delivery = {
		.time_ms = line->time_ms, .mta = "sendmail", .queue_id = line->queue_id,
		.bits = -1
	};

	if (process == NULL || stat == NULL ||
	    sendmail_value(line->text, "mailer", mailer, sizeof(mailer)) == NULL ||
	    (strstr(mailer, "smtp") == NULL && strcmp(mailer, "relay") != 0) ||
	    sendmail_value(line->text, "dsn", dsn, sizeof(dsn)) == NULL)
		return;
	delivery.dsn = dsn;
	delivery.result = sendmail_result(stat + strlen(", stat="), dsn);
	/* "reply=550 5.7.10 ..., stat=Service unavailable" */
	reply = strstr(line->text, ", reply=");
	delivery.text = reply != NULL && reply < stat ? reply + 2 : stat + strlen(", stat=");
	if (delivery.result == NULL)
		return;
	(void)sendmail_value(line->text, "relay", relay, sizeof(relay));
	session = out_find(process, relay);
	sendmail_relayed(&delivery, relay);
	/* The daemon of this host takes what was submitted here, and logs that it came. */
	if (delivery.address != NULL && track_is_loopback(delivery.address) &&
	    (session == NULL || strcmp(mailer, "relay") == 0)) {
		track_submitted(log, line);
		return;
	}
	if (log->reading->deliver == NULL)
		return;
	*end = '\0';
	delivery.to = recipients;
	delivery.trouble = sendmail_trouble(log, process, &delivery, session == NULL, trouble,
	    sizeof(trouble));
	deliver_to_each(log, line, &delivery, session, recipients);
}

/* "ruleset=tls_server, arg1=FAIL, relay=NAME, reject=454 4.7.0 authentication failed" */
void
sendmail_on_reject(struct maillog *log, const struct maillog_line *line)
{
	bool outgoing = log_begins(line->text, "ruleset=tls_server") ||
	    log_begins(line->text, "ruleset=tls_rcpt");
	struct process *process = outgoing ? track_process(log, line) : NULL;

	if (process != NULL)
		out_doubt(log, process, line->text);
	else if (strstr(line->text, ", reject=") != NULL)
		log->totals->refused++;
}

/* "NAME [ADDRESS] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA" */
void
sendmail_on_end(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);

	if (process != NULL)
		track_end_session(log, process);
}
