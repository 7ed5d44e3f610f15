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

/* "host instance word": several hosts and instances may write to one log. */
static char *
make_key(struct maillog *log, const struct maillog_line *line, const char *word)
{
	char *key;

	if (asprintf(&key, "%s %s %s", line->host, line->instance, word) == -1) {
		track_no_memory(log);
		return NULL;
	}
	return key;
}

struct process *
track_process(struct maillog *log, const struct maillog_line *line)
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
		track_no_memory(log);
		return NULL;
	}
	return process;
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
	struct message wanted = { .key = make_key(log, line, line->queue_id) };
	void *node = NULL;

	if (wanted.key != NULL)
		node = tfind(&wanted, &log->messages, compare_messages);
	free(wanted.key);
	return node != NULL ? *(struct message **)node : NULL;
}

void
track_remove(struct maillog *log, struct message *message)
{
	(void)tdelete(message, &log->messages, compare_messages);
	if (!message->done && message->text[MESSAGE_FROM] == NULL)
		log->totals->unfinished++;
	if (message->waits)
		message->removed = true;
	else
		message_free(message);
}

/* A new message of that queue id; a queue id is used again for another in the end. */
struct message *
track_add(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line);

	if (message != NULL)
		track_remove(log, message);
	message = calloc(1, sizeof(*message));
	if (message == NULL) {
		track_no_memory(log);
		return NULL;
	}
	message->key = make_key(log, line, line->queue_id);
	message->time_ms = line->time_ms;
	if (message->key == NULL ||
	    tsearch(message, &log->messages, compare_messages) == NULL) {
		track_no_memory(log);
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
		(void)tdelete(process, &log->processes, compare_processes);
		free(process->key);
		free(process);
	}
	while (log->messages != NULL)
		track_remove(log, *(struct message **)log->messages);
}
