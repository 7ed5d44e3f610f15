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
#include "tool/maillog.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/maillog_files.h"
#include "tool/maillog_line.h"
#include "tool/tool.h"

enum tls_state { TLS_NOT_SEEN, TLS_SEEN, TLS_MISSED };

/* From "connect" to "disconnect" of one smtpd process. */
struct session {
	unsigned references;
	bool ended;
	bool begun;		/* its "connect" was seen */
	enum tls_state tls;
	char *version, *cipher;
	int bits;
	enum policy_tri trusted;
	char *cert_cn, *cert_issuer, *cert_fingerprint, *cert_pubkey;
};

/* A process, and the session that it is in. */
struct process {
	char *key;
	struct session *session;
	struct message *waiting;	/* messages that wait for the session's end */
};

struct message {
	char *key;
	struct session *session;	/* NULL: it did not come over SMTP */
	struct message *next;		/* of those that wait */
	char *from;			/* NULL: not known yet */
	char *client_addr, *client_name, *sasl_username;
	int64_t time_ms;
	bool before_tls;		/* it came in before any TLS was logged */
	bool waits;
	bool done;			/* handed over */
	bool removed;			/* no longer in the tree: who waits frees it */
};

struct maillog {
	void *processes, *messages;	/* trees of tsearch(3) */
	const struct maillog_period *period;
	maillog_taker *take;
	void *context;
	struct maillog_totals *totals;
	bool stopped;			/* the taker did, or memory was short */
};

/* ------------------------------------------------------------------ *
 * Sessions and messages
 * ------------------------------------------------------------------ */

static int
compare_processes(const void *a, const void *b)
{
	return strcmp(((const struct process *)a)->key, ((const struct process *)b)->key);
}

static int
compare_messages(const void *a, const void *b)
{
	return strcmp(((const struct message *)a)->key, ((const struct message *)b)->key);
}

static void
no_memory(struct maillog *log)
{
	if (!log->stopped)
		(void)tool_trouble("not enough memory");
	log->stopped = true;
}

/* A copy that is the caller's; NULL for NULL, and when memory is short. */
static char *
copy(struct maillog *log, const char *text)
{
	char *copied = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copied == NULL)
		no_memory(log);
	return copied;
}

static void
keep(struct maillog *log, char **where, const char *text)
{
	free(*where);
	*where = copy(log, text);
}

static void
session_release(struct session *session)
{
	if (session == NULL || --session->references > 0)
		return;
	free(session->version);
	free(session->cipher);
	free(session->cert_cn);
	free(session->cert_issuer);
	free(session->cert_fingerprint);
	free(session->cert_pubkey);
	free(session);
}

static void
message_free(struct message *message)
{
	session_release(message->session);
	free(message->key);
	free(message->from);
	free(message->client_addr);
	free(message->client_name);
	free(message->sasl_username);
	free(message);
}

/* "host instance word": several hosts and instances may write to one log. */
static char *
make_key(struct maillog *log, const struct maillog_line *line, const char *word)
{
	char *key;

	if (asprintf(&key, "%s %s %s", line->host, line->instance, word) == -1) {
		no_memory(log);
		return NULL;
	}
	return key;
}

/* The process that wrote the line; NULL when memory is short. */
static struct process *
process_of(struct maillog *log, const struct maillog_line *line)
{
	struct process wanted = { .key = make_key(log, line, line->pid) }, *process;
	void *node;

	if (wanted.key == NULL)
		return NULL;
	node = tfind(&wanted, &log->processes, compare_processes);
	if (node != NULL) {
		free(wanted.key);
		return *(struct process **)node;
	}
	process = malloc(sizeof(*process));
	if (process != NULL) {
		*process = wanted;
		node = tsearch(process, &log->processes, compare_processes);
	}
	if (node == NULL) {
		free(wanted.key);
		free(process);
		no_memory(log);
		return NULL;
	}
	return process;
}

/* The session of the line's process, begun without a "connect" if need be. */
static struct session *
session_of(struct maillog *log, struct process *process)
{
	if (process->session == NULL) {
		process->session = calloc(1, sizeof(*process->session));
		if (process->session == NULL) {
			no_memory(log);
			return NULL;
		}
		process->session->references = 1;
		process->session->bits = -1;
	}
	return process->session;
}

static struct message *
find_message(struct maillog *log, const struct maillog_line *line)
{
	struct message wanted = { .key = make_key(log, line, line->queue_id) };
	void *node = NULL;

	if (wanted.key != NULL)
		node = tfind(&wanted, &log->messages, compare_messages);
	free(wanted.key);
	return node != NULL ? *(struct message **)node : NULL;
}

/* Takes it from the tree. */
static void
remove_message(struct maillog *log, struct message *message)
{
	(void)tdelete(message, &log->messages, compare_messages);
	if (!message->done && message->from == NULL)
		log->totals->unfinished++;
	if (message->waits)
		message->removed = true;
	else
		message_free(message);
}

/* A new message of that queue id; a queue id is used again for another in the end. */
static struct message *
add_message(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = find_message(log, line);

	if (message != NULL)
		remove_message(log, message);
	message = calloc(1, sizeof(*message));
	if (message == NULL) {
		no_memory(log);
		return NULL;
	}
	message->key = make_key(log, line, line->queue_id);
	message->time_ms = line->time_ms;
	if (message->key == NULL ||
	    tsearch(message, &log->messages, compare_messages) == NULL) {
		no_memory(log);
		message_free(message);
		return NULL;
	}
	return message;
}

/* ------------------------------------------------------------------ *
 * Handing over
 * ------------------------------------------------------------------ */

static void
tell_tls(const struct message *message, struct facts *facts)
{
	const struct session *session = message->session;

	if (message->before_tls && session->tls != TLS_MISSED) {
		facts->tls_version = "none";
	} else if (session->tls == TLS_SEEN) {
		facts->tls_version = session->version;
		facts->cipher = session->cipher;
		facts->bits = session->bits;
		facts->cert_verified = session->trusted;
		facts->cert_cn = session->cert_cn;
		facts->cert_issuer = session->cert_issuer;
		facts->cert_fingerprint = session->cert_fingerprint;
		facts->cert_pubkey_fingerprint = session->cert_pubkey;
	}
}

static void
hand_over(struct maillog *log, struct message *message)
{
	const struct maillog_period *period = log->period;
	struct facts facts = FACTS_INIT;
	struct maillog_message told = { &facts, message->time_ms };

	message->done = true;
	if (log->stopped || (message->time_ms != 0 &&
	    (message->time_ms < period->since_ms || message->time_ms >= period->until_ms)))
		return;
	facts.mta = "postfix";
	facts.from = message->from[0] == '\0' ? "<>" : message->from;
	facts.client_addr = message->client_addr;
	facts.client_name = message->client_name;
	facts.sasl_username = message->sasl_username;
	facts.local = message->session == NULL;
	if (facts.local)
		facts.tls_version = "none";
	else
		tell_tls(message, &facts);
	log->totals->messages++;
	if (!log->take(log->context, &told))
		log->stopped = true;
}

/* Its sender has become known. */
static void
finish(struct maillog *log, struct message *message)
{
	if (!message->done && !message->waits)
		hand_over(log, message);
}

static bool
is_settled(const struct message *message)
{
	return message->session == NULL || !message->before_tls ||
	    message->session->ended;
}

/* What waited for the end of the process's session goes on. */
static void
end_session(struct maillog *log, struct process *process)
{
	struct message *message;

	if (process->session != NULL)
		process->session->ended = true;
	while ((message = process->waiting) != NULL) {
		process->waiting = message->next;
		message->waits = false;
		if (message->from != NULL && !message->done)
			hand_over(log, message);
		if (message->removed)
			message_free(message);
	}
	session_release(process->session);
	process->session = NULL;
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

static void
on_connect(struct maillog *log, struct process *process)
{
	struct session *session;

	end_session(log, process);
	session = session_of(log, process);
	if (session != NULL)
		session->begun = true;
}

/* "disconnect from NAME[ADDRESS] ehlo=2 starttls=1 mail=1 ..." */
static void
on_disconnect(struct maillog *log, struct process *process, const char *text)
{
	struct session *session = process->session;
	const char *count = strstr(text, " starttls=");
	bool counts = strstr(text, " commands=") != NULL;

	if (session != NULL && session->tls == TLS_NOT_SEEN &&
	    ((count != NULL && strncmp(count, " starttls=0/", 12) != 0) ||
	    (count == NULL && !counts && !session->begun)))
		session->tls = TLS_MISSED;
	end_session(log, process);
}

/*
 * "Trusted TLS connection established from NAME[ADDRESS]: TLSv1.2 with cipher
 * NAME (128/128 bits)", and for TLS 1.3 more
 */
static void
on_tls(struct maillog *log, struct process *process, char *text)
{
	struct session *session = session_of(log, process);
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
	cipher = maillog_value(version, " with cipher ", " (");
	bits = cipher != NULL ? cipher + strlen(cipher) + 2 : NULL;
	keep(log, &session->cipher, cipher);
	session->bits = bits != NULL && atoi(bits) > 0 ? atoi(bits) : -1;
	version += 2;
	version[strcspn(version, " ")] = '\0';
	keep(log, &session->version, version);
}

/*
 * "NAME[ADDRESS]: Trusted: subject_CN=..., issuer=..., fingerprint=...,
 * pkey_fingerprint=...", where smtpd_tls_loglevel is 2 or more; before on_tls()
 */
static void
on_certificate(struct maillog *log, struct process *process, char *text)
{
	struct session *session = session_of(log, process);
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
	keep(log, &session->cert_cn, cn);
	keep(log, &session->cert_issuer, issuer);
	if (fingerprint != NULL && policy_fingerprint_normalize(fingerprint, digest,
	    sizeof(digest)))
		keep(log, &session->cert_fingerprint, digest);
	if (pubkey != NULL && policy_fingerprint_normalize(pubkey, digest,
	    sizeof(digest)))
		keep(log, &session->cert_pubkey, digest);
}

/* A message of this process, from the client that "text" begins with. */
static struct message *
receive(struct maillog *log, const struct maillog_line *line, struct process *process,
    char *text)
{
	struct session *session = session_of(log, process);
	struct message *message;
	struct maillog_client client;
	char *sasl;

	if (session == NULL || (message = add_message(log, line)) == NULL)
		return NULL;
	message->session = session;
	session->references++;
	message->before_tls = session->tls != TLS_SEEN;
	sasl = strstr(text, ", sasl_username=");
	if (maillog_client_read(text, &client)) {
		keep(log, &message->client_addr, client.address);
		keep(log, &message->client_name, client.name);
	}
	if (sasl != NULL)
		keep(log, &message->sasl_username, maillog_value(sasl, "username=", ","));
	if (!is_settled(message)) {
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
	keep(log, &message->from, from);
	if (message->from != NULL)
		finish(log, message);
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void
on_smtpd(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = process_of(log, line);
	char *text = line->text;

	if (process == NULL)
		return;
	if (begins(text, "connect from "))
		on_connect(log, process);
	else if (begins(text, "disconnect from "))
		on_disconnect(log, process, text);
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
		(void)add_message(log, line);
}

/* "from=<...>, size=1234, nrcpt=1 (queue active)", at each attempt; "removed" */
static void
on_qmgr(struct maillog *log, const struct maillog_line *line)
{
	struct message *message;
	char *from;

	if (strcmp(line->text, "removed") == 0) {
		if ((message = find_message(log, line)) != NULL)
			remove_message(log, message);
	} else if (begins(line->text, "from=<") &&
	    (from = maillog_value(line->text, "from=<", ">, size=")) != NULL) {
		message = find_message(log, line);
		if (message == NULL) {
			log->totals->without_client++;
		} else if (message->from == NULL) {
			keep(log, &message->from, from);
			if (message->from != NULL)
				finish(log, message);
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

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* The log has ended within these sessions. */
static void
end_all(struct maillog *log)
{
	while (log->processes != NULL) {
		struct process *process = *(struct process **)log->processes;

		if (process->session != NULL && process->session->tls == TLS_NOT_SEEN &&
		    !process->session->begun)
			process->session->tls = TLS_MISSED;
		end_session(log, process);
		(void)tdelete(process, &log->processes, compare_processes);
		free(process->key);
		free(process);
	}
	while (log->messages != NULL)
		remove_message(log, *(struct message **)log->messages);
}

bool
maillog_read(const char *const *paths, int count, const struct maillog_period *period,
    maillog_taker *take, void *context, struct maillog_totals *totals)
{
	struct maillog log = {
		.period = period, .take = take, .context = context, .totals = totals
	};
	bool read;

	*totals = (struct maillog_totals){ 0 };
	read = maillog_files_read(paths, count, on_line, &log);
	end_all(&log);
	return read && !log.stopped;
}
