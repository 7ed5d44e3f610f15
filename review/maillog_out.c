/*
 * maillog_out.c - what a log tells of mail that goes out.
 *
 * A client logs the TLS of a session under its own process id and without a queue id,
 * before the deliveries of that session: they are joined by process and relay, and what
 * was logged before the deliveries of one message is nothing of the next one's.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A process speaks with so many relays for one message. */
#define SESSIONS_MAX 4

/* ------------------------------------------------------------------ *
 * Sessions
 * ------------------------------------------------------------------ */

/* What a process logs of a session is nothing of those whose deliveries it has logged. */
static struct process *
begin_session(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);

	if (process != NULL && process->queue_id != NULL) {
		track_forget_sessions(process);
		process = track_process(log, line);
	}
	return process;
}

void
out_session(struct maillog *log, struct process *process, const struct maillog_line *line,
    const struct relayed *session)
{
	struct relayed *copy = calloc(1, sizeof(*copy)), **each = &process->sessions;
	size_t count = 0;

	if (log->reading->deliver != NULL)
		out_decide_host(log, line->host, line->time_ms != 0 ? line->time_ms : 1);
	if (copy == NULL) {
		track_no_memory(log);
		return;
	}
	*copy = *session;
	copy->peer = copy->version = copy->cipher = NULL;
	track_keep(log, &copy->peer, session->peer);
	track_keep(log, &copy->version, session->version);
	track_keep(log, &copy->cipher, session->cipher);
	copy->next = process->sessions;
	process->sessions = copy;
	while (*each != NULL && ++count < SESSIONS_MAX)
		each = &(*each)->next;
	if (*each != NULL && (*each)->next != NULL) {
		struct process old = { .sessions = (*each)->next };

		(*each)->next = NULL;
		track_forget_sessions(&old);
	}
}

const struct relayed *
out_find(const struct process *process, const char *relay)
{
	const struct relayed *session = process->sessions;

	/* Some name the host alone. */
	while (session != NULL && (session->peer == NULL ||
	    !log_begins(relay, session->peer) ||
	    strchr("[: ", relay[strlen(session->peer)]) == NULL))
		session = session->next;
	return session;
}

/*
 * "Trusted TLS connection established to NAME[ADDRESS]:PORT: TLSv1.2 with cipher NAME
 * (256/256 bits)", and for TLS 1.3 more; "reused to"; before 2.5 without the first word,
 * the address and the port
 */
void
out_on_tls(struct maillog *log, const struct maillog_line *line)
{
	static const struct {
		const char *word, *verification;
	} words[] = {
		{ "Verified", "verified" }, { "Trusted", "trusted" },
		{ "Untrusted", "untrusted" }, { "Anonymous", "anonymous" },
	};
	char *text = strstr(line->text, "TLS connection ");
	struct process *process = begin_session(log, line);
	struct relayed session = { .peer = NULL };

	if (process == NULL || !log_tls(text, &session) ||
	    (session.peer = log_value(text, " to ", " ")) == NULL)
		return;
	session.verification = process->verified;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (log_begins(line->text, words[i].word))
			session.verification = words[i].verification;
	out_session(log, process, line, &session);
}

/* "SSL_connect error to NAME[ADDRESS]:PORT: -1", also of tlsproxy(8) */
void
out_on_handshake(struct maillog *log, const struct maillog_line *line)
{
	bool proxied = strcmp(line->program, "tlsproxy") == 0;
	struct process *process = proxied ? track_process(log, line) :
	    begin_session(log, line);
	const char *peer = strstr(line->text, " to ");

	if (process == NULL || peer == NULL)
		return;
	track_failure(log, process, line, true, peer + strlen(" to "));
	track_why(process, line, line->text);
	if (!proxied)
		out_doubt(log, process, line->text);
}

/*
 * "TLS handshake failed for service=smtp peer=[ADDRESS]:PORT", or service=smtpd, of
 * tlsproxy(8), behind what its library said
 */
void
out_on_proxied(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	const char *peer = strstr(line->text, " peer=");
	bool outgoing = strstr(line->text, "service=smtp ") != NULL;

	if (process == NULL || peer == NULL)
		return;
	track_failure(log, process, line, outgoing, peer + strlen(" peer="));
	if (process->doubt != NULL)
		track_why(process, line, process->doubt);
	track_why(process, line, line->text);
	track_keep(log, &process->doubt, NULL);
	if (!outgoing && process->failing != NULL)
		track_end_failure(log, process->failing);
	/* What its library says from now on is of another session. */
	process->failing = NULL;
}

/* "Verified: subject_CN=..., issuer=...", before Postfix 2.5 */
void
out_on_certificate(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = begin_session(log, line);

	if (process != NULL)
		process->verified = log_begins(line->text, "Unverified") ? "untrusted" :
		    "trusted";
}

/* "certificate verification failed for NAME[ADDRESS]:PORT: self-signed certificate" */
void
out_on_doubt(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = begin_session(log, line);

	if (process != NULL)
		out_doubt(log, process, line->text);
}

/* ------------------------------------------------------------------ *
 * Deliveries
 * ------------------------------------------------------------------ */

/* Whether a word stands in a text by itself, and not in a name. */
static bool
has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += length) {
		char before = at == text ? ' ' : at[-1];
		const char *end = at + length;

		if (strchr("-./@_", before) == NULL && !isalnum((unsigned char)before) &&
		    (!isalnum((unsigned char)*end) || log_begins(end, "v1")) &&
		    (strchr("-./@_", *end) == NULL || !isalnum((unsigned char)end[1])))
			return true;
	}
	return false;
}

bool
out_blames_tls(const char *text)
{
	static const char *const words[] = {
		"TLS", "STARTTLS", "SSL", "TLSA", "REQUIRETLS", "DANE", "DNSSEC", "MTA-STS",
		"encryption", "Encryption", "encrypted"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (has_word(text, words[i]))
			return true;
	/* Another server may say so of a signature. */
	return log_begins(text, "Server certificate ");
}

/* Where the status stands, behind "relay=..., delay=..., ..."; NULL: it is none of this. */
static char *
find_status(char *at)
{
	if (!log_begins(at, "relay="))
		return NULL;
	while (!log_begins(at, "status=")) {
		size_t length = strcspn(at, ",");

		if (memchr(at, '=', length) == NULL || memchr(at, ' ', length) != NULL ||
		    at[length] != ',' || at[length + 1] != ' ')
			return NULL;
		at += length + 2;
	}
	return at + strlen("status=");
}

/* What "to=<...>, relay=..., ..., status=WORD (TEXT)" has, cut up. */
struct to_line {
	char *to, *relay, *tls, *dsn, *status, *text;
};

static bool
read_to(char *line, struct to_line *parts)
{
	char *at = line + strlen("to=<"), *end = at, *status = NULL;

	/* A local part in quotes may hold anything, also where it is written without. */
	if (*end == '"')
		for (end++; *end != '\0' && *end != '"'; end++)
			end += *end == '\\' && end[1] != '\0';
	while (status == NULL && (end = strstr(end, ">, ")) != NULL) {
		char *rest = end + strlen(">, ");

		if (log_begins(rest, "orig_to=<") && (rest = strstr(rest, ">, ")) != NULL)
			rest += strlen(">, ");
		status = rest != NULL ? find_status(rest) : NULL;
		if (status == NULL)
			end++;
		else
			parts->relay = rest + strlen("relay=");
	}
	if (status == NULL)
		return false;
	*end = '\0';
	status[-(ptrdiff_t)strlen("status=") - 1] = '\0';
	parts->to = at;
	parts->status = status;
	parts->text = status + strcspn(status, " ");
	if (*parts->text == ' ')
		*parts->text++ = '\0';
	if (*parts->text == '(')
		parts->text++;
	at = parts->text + strlen(parts->text);
	if (at > parts->text && at[-1] == ')')
		at[-1] = '\0';
	parts->dsn = log_value(parts->relay, ", dsn=", ",");
	parts->tls = log_value(parts->relay, ", tls=", ",");
	parts->relay[strcspn(parts->relay, ",")] = '\0';
	return true;
}

/* NULL: it is no delivery, but a probe of an address. */
static const char *
result_of(const char *status)
{
	return strcmp(status, "sent") == 0 ? "sent" : strcmp(status, "bounced") == 0 ?
	    "bounced" : strcmp(status, "deferred") == 0 ||
	    strcasecmp(status, "softbounce") == 0 ? "deferred" : NULL;
}

/* That of "NAME[ADDRESS]:PORT"; 0: it has none. */
static int
port_of(const char *relay)
{
	const char *close = strchr(relay, ']');

	return close != NULL && close[1] == ':' ? atoi(close + 2) : 0;
}

/* Whether the relay is a content filter on this host: it has one of their ports, or none. */
static bool
is_filter(const char *relay)
{
	const char *open = strchr(relay, '[');
	int port = port_of(relay);

	return open != NULL && (log_begins(open, "[127.") || log_begins(open, "[::1]")) &&
	    (port == 0 || (port >= 10000 && port < 12000));
}

/* The queue id by which the relay took it, cut off in a copy of the text; or NULL. */
static const char *
queued_as(const char *text, char *room, size_t size)
{
	const char *queued = NULL;
	size_t length = 0;

	while ((text = strstr(text, " queued as ")) != NULL)
		queued = text += strlen(" queued as ");
	while (queued != NULL && isalnum((unsigned char)queued[length]))
		length++;
	if (length == 0)
		return NULL;
	(void)snprintf(room, size, "%.*s", (int)length, queued);
	return room;
}

/* A filter on this host: it gave the message back, or stands where filters do. */
static bool
goes_to_filter(struct maillog *log, const struct maillog_line *line,
    const struct to_line *parts, const char *address)
{
	char room[64];
	const char *queued = queued_as(parts->text, room, sizeof(room));

	if (queued != NULL && track_came_back(log, line, queued,
	    address != NULL && log_begins(address, "private/") ? NULL : address))
		return true;
	return is_filter(parts->relay) || (log_begins(parts->text, "connect to ") &&
	    is_filter(parts->text + strlen("connect to ")));
}

/*
 * What Postfix 3.11 says of the session: "none", "may", "may:none", "dane:encrypt",
 * "may?" and, behind a slash, more; see postconf(5), smtp_log_tls_feature_status. False:
 * it says nothing.
 */
static bool
read_tls_status(char *tls, struct maillog_delivery *delivery)
{
	char level[32];
	const char *colon;
	size_t length;

	if (tls == NULL)
		return false;
	length = strcspn(tls, "/");
	(void)snprintf(level, sizeof(level), "%.*s", (int)length, tls);
	if (level[0] == '!' || strchr(level, '?') != NULL)
		return true;
	tls[strcspn(tls, ":/")] = '\0';
	delivery->level = tls;
	colon = strchr(level, ':');
	colon = colon != NULL ? colon + 1 : level;
	if (strcmp(colon, "none") == 0) {
		delivery->tls_version = delivery->verification = "none";
		return true;
	}
	delivery->tls_version = "TLS";
	if (strcmp(colon, "halfdane") == 0)
		delivery->verification = "trusted";
	else if (strcmp(colon, "may") != 0 && strcmp(colon, "encrypt") != 0)
		delivery->verification = "verified";
	return true;
}

/* The session had an end before it could be told whether TLS would be spoken. */
static bool
ended_early(const char *text)
{
	return strstr(text, "refused to talk to me") != NULL ||
	    strstr(text, "the initial server greeting") != NULL ||
	    strstr(text, "while performing the ") != NULL ||
	    log_begins(text, "Cannot start TLS");
}

/*
 * The process that wrote the line, which is at this message: what it logged before is of
 * this one, or of what it has delivered already.
 */
static struct process *
begin_deliveries(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);

	if (process == NULL)
		return NULL;
	if (process->queue_id != NULL && strcmp(process->queue_id, line->queue_id) != 0)
		track_forget_sessions(process);
	if (process->queue_id == NULL)
		track_keep(log, &process->queue_id, line->queue_id);
	return process;
}

/* Whether a handshake with the relay failed, and the message went out without. */
static bool
fell_back(const struct process *process, const char *relay)
{
	return process->doubt != NULL && strstr(process->doubt, "SSL_connect error") != NULL &&
	    strstr(process->doubt, relay) != NULL;
}

/* "to=<...>, relay=NAME[ADDRESS]:PORT, delay=..., dsn=2.0.0, status=sent (250 ...)" */
void
out_on_delivery(struct maillog *log, const struct maillog_line *line)
{
	struct maillog_delivery delivery = {
		.time_ms = line->time_ms, .mta = "postfix", .queue_id = line->queue_id,
		.bits = -1
	};
	struct process *process = begin_deliveries(log, line);
	const struct relayed *session;
	const struct message *message;
	struct to_line parts;
	char relay[512], trouble[DOUBT_MAX + 512], *name = NULL, *address = NULL;
	bool told, reached;

	if (process == NULL || !read_to(line->text, &parts))
		return;
	(void)snprintf(relay, sizeof(relay), "%s", parts.relay);
	message = track_find(log, line, line->queue_id);
	delivery.not_required = message != NULL && message->not_required;
	reached = strcmp(relay, "none") != 0;
	delivery.port = port_of(relay);
	if (reached && !track_client(relay, &name, &address)) {
		relay[strcspn(relay, ":")] = '\0';
		name = relay;
	}
	delivery.to = parts.to;
	delivery.relay = name;
	delivery.address = address;
	track_end_failures(log, process, &delivery);
	delivery.result = result_of(parts.status);
	if (goes_to_filter(log, line, &parts, address) || log->reading->deliver == NULL ||
	    delivery.result == NULL || strcmp(line->program, "lmtp") == 0 ||
	    (strcmp(line->program, "error") == 0 && !out_blames_tls(parts.text)))
		return;
	delivery.dsn = parts.dsn;
	delivery.text = parts.text;
	session = reached ? out_find(process, parts.relay) : NULL;
	told = read_tls_status(parts.tls, &delivery);
	if (told && delivery.tls_version != NULL && strcmp(delivery.tls_version, "none") == 0)
		session = NULL;
	if (strcmp(delivery.result, "sent") == 0 ? session == NULL &&
	    fell_back(process, parts.relay) : out_blames_tls(parts.text)) {
		(void)snprintf(trouble, sizeof(trouble), "%s%s%s", parts.text,
		    process->doubt != NULL ? "; " : "",
		    process->doubt != NULL ? process->doubt : "");
		delivery.trouble = trouble;
	}
	out_deliver(log, line, &delivery, session, !told && reached &&
	    !ended_early(parts.text));
}
