/*
 * maillog_track.c - the sessions and messages that a log is in the middle of.
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

void
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

struct process *
track_process(struct maillog *log, const struct maillog_line *line)
{
	return find_node(log, &log->processes, line, line->pid, sizeof(struct process));
}

struct session *
track_session(struct maillog *log, struct process *process)
{
	if (process->session == NULL) {
		process->session = calloc(1, sizeof(*process->session));
		if (process->session == NULL) {
			track_no_memory(log);
			return NULL;
		}
		process->session->references = 1;
		process->session->bits = -1;
	}
	return process->session;
}

struct message *
track_find(struct maillog *log, const struct maillog_line *line)
{
	return find_node(log, &log->messages, line, line->queue_id, 0);
}

void
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

struct message *
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
	struct maillog_message told = { &facts, message->time_ms };

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
	if (!reading->take(reading->context, &told))
		log->stopped = true;
}

void
track_finish(struct maillog *log, struct message *message)
{
	if (!message->done && !message->waits)
		hand_over(log, message);
}

bool
track_is_settled(const struct message *message)
{
	return message->session == NULL || !message->before_tls ||
	    message->session->ended;
}

void
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
void
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
