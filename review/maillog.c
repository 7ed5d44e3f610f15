/*
 * maillog.c - the messages that a Postfix log tells of, and how they came in.
 *
 * Two trees: the session that each smtpd process is in, by its process id, and the
 * messages under way, by their queue id. A message is handed over when its sender is
 * known and what its session was: at once where TLS was logged before it, and else at
 * the session's end, whose line may count a STARTTLS that was not logged.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ *
 * The sessions and messages that a log is in the middle of
 * ------------------------------------------------------------------ */

enum tls_state { TLS_NOT_SEEN, TLS_SEEN, TLS_MISSED };

enum {
	SESSION_VERSION, SESSION_CIPHER, SESSION_CN, SESSION_ISSUER, SESSION_FINGERPRINT,
	SESSION_PUBKEY, SESSION_TEXTS
};
enum { MESSAGE_FROM, MESSAGE_ADDR, MESSAGE_NAME, MESSAGE_SASL, MESSAGE_TEXTS };

/* From "connect" to "disconnect" of one smtpd process. */
struct session {
	unsigned references;
	bool ended;
	bool begun;		/* its "connect" was seen */
	enum tls_state tls;
	int bits;
	enum policy_tri trusted;
	char *text[SESSION_TEXTS];	/* NULL: unknown */
};

/* A process, and the session that it is in. */
struct process {
	char *key;		/* first, as in a message */
	struct session *session;
	struct message *waiting;	/* messages that wait for the session's end */
};

struct message {
	char *key;
	struct session *session;	/* NULL: it did not come over SMTP */
	struct message *next;		/* of those that wait */
	char *text[MESSAGE_TEXTS];	/* NULL: unknown; [MESSAGE_FROM]: as yet */
	int64_t time_ms;
	bool before_tls;		/* it came in before any TLS was logged */
	bool waits;
	bool done;			/* handed over */
	bool removed;			/* no longer in the tree: who waits frees it */
};

struct maillog {
	void *processes, *messages;	/* trees of tsearch(3) */
	const struct maillog_reading *reading;
	struct maillog_totals *totals;
	char *error;			/* as for maillog_read() */
	bool stopped;			/* the taker did, or memory was short: "error" says so */
};

/* What both kinds of nodes of the trees begin with. */
struct keyed {
	char *key;
};

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct keyed *)a)->key, ((const struct keyed *)b)->key);
}

static void
track_no_memory(struct maillog *log)
{
	(void)strcpy(log->error, "not enough memory");
	log->stopped = true;
}

/* Replaces *where by a copy of "text", or by NULL. */
static void
track_keep(struct maillog *log, char **where, const char *text)
{
	free(*where);
	*where = text != NULL ? strdup(text) : NULL;
	if (text != NULL && *where == NULL)
		track_no_memory(log);
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
}

static void
session_release(struct session *session)
{
	if (session == NULL || --session->references > 0)
		return;
	free_texts(session->text, SESSION_TEXTS);
	free(session);
}

static void
message_free(struct message *message)
{
	session_release(message->session);
	free(message->key);
	free_texts(message->text, MESSAGE_TEXTS);
	free(message);
}

/*
 * The node of a tree that the line names by "word": several hosts and instances may
 * write to one log. A new one of "size" bytes where there is none; 0: then NULL.
 */
static void *
find_node(struct maillog *log, void **tree, const struct maillog_line *line,
    const char *word, size_t size)
{
	struct keyed wanted, *found = NULL;
	void *node;

	if (asprintf(&wanted.key, "%s %s %s", line->host, line->instance, word) == -1) {
		track_no_memory(log);
		return NULL;
	}
	node = tfind(&wanted, tree, compare_keys);
	if (node != NULL || size == 0) {
		free(wanted.key);
		return node != NULL ? *(void **)node : NULL;
	}
	if ((found = calloc(1, size)) != NULL) {
		found->key = wanted.key;
		node = tsearch(found, tree, compare_keys);
	}
	if (node != NULL)
		return found;
	free(wanted.key);
	free(found);
	track_no_memory(log);
	return NULL;
}

/* The process that wrote the line; NULL when memory is short. */
static struct process *
track_process(struct maillog *log, const struct maillog_line *line)
{
	return find_node(log, &log->processes, line, line->pid, sizeof(struct process));
}

/* The session of one, begun without a "connect" if need be; NULL likewise. */
static struct session *
track_session(struct maillog *log, struct process *process)
{
	if (process != NULL && process->session == NULL) {
		process->session = calloc(1, sizeof(*process->session));
		if (process->session == NULL) {
			track_no_memory(log);
			return NULL;
		}
		process->session->references = 1;
		process->session->bits = -1;
	}
	return process != NULL ? process->session : NULL;
}

/* The message with the line's queue id; NULL: there is none. */
static struct message *
track_find(struct maillog *log, const struct maillog_line *line)
{
	return find_node(log, &log->messages, line, line->queue_id, 0);
}

/* It has left the queue. */
static void
track_remove(struct maillog *log, struct message *message)
{
	(void)tdelete(message, &log->messages, compare_keys);
	if (!message->done && message->text[MESSAGE_FROM] == NULL)
		log->totals->unfinished++;
	if (message->waits)
		message->removed = true;
	else
		message_free(message);
}

/* A new message with the line's queue id, in the place of an older one; or NULL. */
static struct message *
track_add(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line);

	/* A queue id is used again for another in the end. */
	if (message != NULL)
		track_remove(log, message);
	message = find_node(log, &log->messages, line, line->queue_id, sizeof(*message));
	if (message != NULL)
		message->time_ms = line->time_ms;
	return message;
}

static void
tell_tls(const struct message *message, struct facts *facts)
{
	const struct session *session = message->session;

	if (message->before_tls && session->tls != TLS_MISSED) {
		facts->tls_version = "none";
	} else if (session->tls == TLS_SEEN) {
		facts->tls_version = session->text[SESSION_VERSION];
		facts->cipher = session->text[SESSION_CIPHER];
		facts->bits = session->bits;
		facts->cert_verified = session->trusted;
		facts->cert_cn = session->text[SESSION_CN];
		facts->cert_issuer = session->text[SESSION_ISSUER];
		facts->cert_fingerprint = session->text[SESSION_FINGERPRINT];
		facts->cert_pubkey_fingerprint = session->text[SESSION_PUBKEY];
	}
}

static void
hand_over(struct maillog *log, struct message *message)
{
	const struct maillog_reading *reading = log->reading;
	struct facts facts = FACTS_INIT;

	message->done = true;
	if (log->stopped || (message->time_ms != 0 &&
	    (message->time_ms < reading->since_ms || message->time_ms >= reading->until_ms)))
		return;
	facts.mta = "postfix";
	facts.from = message->text[MESSAGE_FROM][0] == '\0' ? "<>" : message->text[MESSAGE_FROM];
	facts.client_addr = message->text[MESSAGE_ADDR];
	facts.client_name = message->text[MESSAGE_NAME];
	facts.sasl_username = message->text[MESSAGE_SASL];
	facts.local = message->session == NULL;
	if (facts.local)
		facts.tls_version = "none";
	else
		tell_tls(message, &facts);
	log->totals->messages++;
	if (!reading->take(reading->context, &facts, message->time_ms))
		log->stopped = true;
}

/* Its sender has become known: it is handed over, or waits for its session's end. */
static void
track_sender(struct maillog *log, struct message *message, const char *from)
{
	track_keep(log, &message->text[MESSAGE_FROM], from);
	if (message->text[MESSAGE_FROM] != NULL && !message->done && !message->waits)
		hand_over(log, message);
}

/* What waited for the end of the process's session goes on; it is in none then. */
static void
track_end_session(struct maillog *log, struct process *process)
{
	struct message *message;

	if (process->session != NULL)
		process->session->ended = true;
	while ((message = process->waiting) != NULL) {
		process->waiting = message->next;
		message->waits = false;
		if (message->text[MESSAGE_FROM] != NULL && !message->done)
			hand_over(log, message);
		if (message->removed)
			message_free(message);
	}
	session_release(process->session);
	process->session = NULL;
}

/* The log has ended within these sessions. */
static void
track_end(struct maillog *log)
{
	while (log->processes != NULL) {
		struct process *process = *(struct process **)log->processes;

		if (process->session != NULL && process->session->tls == TLS_NOT_SEEN &&
		    !process->session->begun)
			process->session->tls = TLS_MISSED;
		track_end_session(log, process);
		(void)tdelete(process, &log->processes, compare_keys);
		free(process->key);
		free(process);
	}
	while (log->messages != NULL)
		track_remove(log, *(struct message **)log->messages);
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/*
 * The value of "name" in "text" up to "end" behind it, cut off in place ("from=<",
 * ">, "); NULL where there is none.
 */
static char *
log_value(char *text, const char *name, const char *end)
{
	char *value = strstr(text, name), *stop;

	if (value == NULL)
		return NULL;
	value += strlen(name);
	stop = strstr(value, end);
	if (stop != NULL)
		*stop = '\0';
	return value;
}

static void
on_connect(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session;

	if (process == NULL)
		return;
	track_end_session(log, process);
	session = track_session(log, process);
	if (session != NULL)
		session->begun = true;
}

/* "disconnect from NAME[ADDRESS] ehlo=2 starttls=1 mail=1 ..." */
static void
on_disconnect(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = track_process(log, line);
	struct session *session = process != NULL ? process->session : NULL;
	const char *count = strstr(line->text, " starttls=");
	bool counts = strstr(line->text, " commands=") != NULL;

	if (session != NULL && session->tls == TLS_NOT_SEEN &&
	    ((count != NULL && strncmp(count, " starttls=0/", 12) != 0) ||
	    (count == NULL && !counts && !session->begun)))
		session->tls = TLS_MISSED;
	if (process != NULL)
		track_end_session(log, process);
}

/*
 * "Trusted TLS connection established from NAME[ADDRESS]: TLSv1.2 with cipher
 * NAME (128/128 bits)", and for TLS 1.3 more
 */
static void
on_tls(struct maillog *log, const struct maillog_line *line)
{
	struct session *session = track_session(log, track_process(log, line));
	char *text = line->text, *version = strstr(text, "]: "), *cipher, *bits;

	/* With the port: "NAME[ADDRESS]:25: " */
	if (version == NULL && (version = strstr(text, "]:")) != NULL)
		version = strstr(version, ": ");
	else if (version != NULL)
		version++;
	if (session == NULL || version == NULL)
		return;
	log->totals->tls_lines++;
	session->tls = TLS_SEEN;
	session->trusted = begins(text, "Trusted ") || begins(text, "Verified ") ?
	    POLICY_YES : POLICY_NO;
	log->totals->certificates += !begins(text, "Anonymous ");
	bits = log_value(version, " (", "/");
	cipher = log_value(version, " with cipher ", " (");
	track_keep(log, &session->text[SESSION_CIPHER], cipher);
	session->bits = bits != NULL && atoi(bits) > 0 ? atoi(bits) : -1;
	version += 2;
	version[strcspn(version, " ")] = '\0';
	track_keep(log, &session->text[SESSION_VERSION], version);
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

/* The client of "NAME[ADDRESS]" or "NAME[ADDRESS]:port", which is cut up. */
static void
keep_client(struct maillog *log, struct message *message, char *text)
{
	char *open = strchr(text, '['), *close;

	if (open == NULL || (close = strchr(open, ']')) == NULL)
		return;
	*open = *close = '\0';
	track_keep(log, &message->text[MESSAGE_ADDR], open + 1);
	if (*text != '\0' && strcmp(text, "unknown") != 0)
		track_keep(log, &message->text[MESSAGE_NAME], text);
}

/* A message of this process, from the client that "text" begins with. */
static struct message *
receive(struct maillog *log, const struct maillog_line *line, char *text)
{
	struct process *process = track_process(log, line);
	struct session *session = track_session(log, process);
	struct message *message;
	char *sasl = strstr(text, ", sasl_username=");

	if (session == NULL || (message = track_add(log, line)) == NULL)
		return NULL;
	message->session = session;
	session->references++;
	message->before_tls = session->tls != TLS_SEEN;
	keep_client(log, message, text);
	if (sasl != NULL)
		track_keep(log, &message->text[MESSAGE_SASL],
		    log_value(sasl, "username=", ","));
	if (message->before_tls && !session->ended) {
		message->waits = true;
		message->next = process->waiting;
		process->waiting = message;
	}
	return message;
}

/* "client=NAME[ADDRESS]", and what may follow */
static void
on_client(struct maillog *log, const struct maillog_line *line)
{
	/* A content filter gives it back: it came in before. */
	if (strstr(line->text, ", orig_client=") != NULL ||
	    strstr(line->text, ", orig_queue_id=") != NULL)
		log->totals->reinjected++;
	else if (strcmp(line->queue_id, "NOQUEUE") != 0)
		(void)receive(log, line, line->text + strlen("client="));
}

/*
 * "proxy-accept: END-OF-MESSAGE: 250 ...; from=<...> to=<...> proto=ESMTP helo=<...>":
 * it went through a filter before the queue, which then gives it back
 */
static void
on_proxy_accept(struct maillog *log, const struct maillog_line *line)
{
	char *from = log_value(line->text, "; from=<", "> to=<");
	char *client = strstr(line->text, " from ");
	struct message *message;

	if (from == NULL)
		return;
	message = receive(log, line, client != NULL && client < from ? client + 6 :
	    line->text);
	if (message != NULL)
		track_sender(log, message, from);
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

static void
on_removed(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line);

	if (message != NULL && strcmp(line->text, "removed") == 0)
		track_remove(log, message);
}

/* "from=<...>, size=1234, nrcpt=1 (queue active)", at each attempt */
static void
on_queued(struct maillog *log, const struct maillog_line *line)
{
	char *from = log_value(line->text, "from=<", ">, size=");
	struct message *message = track_find(log, line);

	if (message == NULL)
		log->totals->without_client++;
	else if (message->text[MESSAGE_FROM] == NULL)
		track_sender(log, message, from);
}

/* The lines that tell something: what the text begins with, or has anywhere. */
static const struct log_shape {
	const char *program, *text;
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
	{ "smtpd", " TLS connection established from ", true, on_tls },
	{ "smtpd", ": subject_CN=", true, on_certificate },
	{ "qmgr", "removed", false, on_removed },
	{ "qmgr", "from=<", false, on_queued },
	{ "nqmgr", "removed", false, on_removed },
	{ "nqmgr", "from=<", false, on_queued },
	{ "pickup", "uid=", false, on_pickup },
	{ "cleanup", "milter-reject: ", false, on_reject },
	{ "cleanup", "reject: ", false, on_reject },
};

static bool
on_line(void *context, char *text, time_t latest)
{
	const struct log_shape *end = log_shapes + sizeof(log_shapes) / sizeof(log_shapes[0]);
	struct maillog *log = context;
	struct maillog_line line;

	if (!maillog_line_read(text, latest, &line)) {
		log->totals->other_lines++;
		return true;
	}
	log->totals->lines++;
	for (const struct log_shape *shape = log_shapes; shape < end; shape++)
		if (strcmp(line.program, shape->program) == 0 && (shape->anywhere ?
		    strstr(line.text, shape->text) != NULL :
		    begins(line.text, shape->text))) {
			shape->take(log, &line);
			break;
		}
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
