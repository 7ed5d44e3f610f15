/*
 * maillog_track.c - the sessions and messages that a log is in the middle of.
 *
 * Two bags: the session that each process is in, by its host and process id, and the
 * messages under way, by their host and queue id. A message is ready when its sender is
 * known and what its session was: at once where TLS was logged before it, and else at
 * the session's end, whose line may count a STARTTLS that was not logged. It is handed
 * over some time later, when whatever says that a content filter gave it back has been
 * written. What never ends is given up: the oldest first where there is too much of it,
 * and whatever was silent for some hours of the log.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MINUTE_MS (60 * (int64_t)1000)

#define PASS_AFTER_MS MINUTE_MS
#define READY_MAX 20000
#define WAITING_MAX 20000

/* A process that was silent for so long goes on with something else. */
#define TOGETHER_MS (10 * MINUTE_MS)	/* after the delivery of a message */
#define SILENT_MS (6 * 60 * MINUTE_MS)
#define PROCESSES_MAX 20000
#define MESSAGES_MAX 30000

/* So long after it came, a filter says by which queue id it gave a message back. */
#define FILTER_MS (10 * MINUTE_MS)

/* Why a handshake failed is told by then. */
#define FAILURE_MS (10 * MINUTE_MS)
#define FAILURES_MAX 1000

/* All processes are looked at when there are twice as many as then, and so many more. */
#define SWEEP_MORE 1024

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
	free(message->keyed.key);
	free_texts(message->text, MESSAGE_TEXTS);
	free(message);
}

/* ------------------------------------------------------------------ *
 * Sessions
 * ------------------------------------------------------------------ */

void
track_forget_sessions(struct process *process)
{
	struct relayed *session;

	while ((session = process->sessions) != NULL) {
		process->sessions = session->next;
		free(session->peer);
		free(session->version);
		free(session->cipher);
		free(session);
	}
	free(process->doubt);
	free(process->queue_id);
	process->doubt = process->queue_id = NULL;
	process->verified = NULL;
}

static bool
was_before(const struct maillog *log, int64_t time_ms, int64_t span_ms)
{
	return time_ms != 0 && log->now_ms != 0 && time_ms + span_ms < log->now_ms;
}

/* Whether there is nothing that a later line may belong to. */
static bool
is_idle(const struct process *process)
{
	return process->session == NULL && process->failures == 0 &&
	    process->sessions == NULL && process->doubt == NULL &&
	    process->queue_id == NULL && process->verified == NULL;
}

bool
track_is_over(const struct maillog *log, const struct process *process)
{
	bool delivered = process->session == NULL && process->failures == 0 &&
	    process->queue_id != NULL;

	return is_idle(process) ||
	    was_before(log, process->last_ms, delivered ? TOGETHER_MS : SILENT_MS);
}

/* Ends what the process is in as the log's end does. */
static void
give_up(struct maillog *log, struct process *process)
{
	if (process->session != NULL && process->session->tls == TLS_NOT_SEEN &&
	    !process->session->begun)
		process->session->tls = TLS_MISSED;
	track_end_session(log, process);
	track_forget_sessions(process);
}

static void
drop_process(struct maillog *log, struct process *process)
{
	give_up(log, process);
	bag_remove(&log->processes, &process->keyed);
	free(process->keyed.key);
	free(process);
}

struct process *
track_process(struct maillog *log, const struct maillog_line *line)
{
	struct process *process = bag_find(log, &log->processes, line->host, line->pid,
	    sizeof(*process));

	if (process == NULL)
		return NULL;
	if (track_is_over(log, process)) {
		give_up(log, process);
		process->place = line->place;
	}
	if (line->time_ms != 0)
		process->last_ms = line->time_ms;
	chain_remove(&log->processes.chain, &process->keyed.link);
	chain_add(&log->processes.chain, &process->keyed.link);
	return process;
}

/* Forgets the processes that are in nothing, or have long been in the same. */
static void
sweep(struct maillog *log)
{
	struct link *behind;

	for (struct link *link = log->processes.chain.first; link != NULL; link = behind) {
		behind = link->behind;
		if (track_is_over(log, (struct process *)link))
			drop_process(log, (struct process *)link);
	}
	log->sweep_at = 2 * log->processes.chain.count + SWEEP_MORE;
}

struct session *
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

/* ------------------------------------------------------------------ *
 * Handing over
 * ------------------------------------------------------------------ */

static void
tell_tls(const struct message *message, struct facts *facts)
{
	const struct session *session = message->session;

	if (message->before_tls && message->encrypted) {
		facts->tls_version = "TLS";
	} else if (message->before_tls && session->tls != TLS_MISSED) {
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
hand_over(struct maillog *log, const struct message *message)
{
	const struct maillog_reading *reading = log->reading;
	struct facts facts = FACTS_INIT;

	if (log->stopped || reading->take == NULL || (message->time_ms != 0 &&
	    (message->time_ms < reading->since_ms || message->time_ms >= reading->until_ms)))
		return;
	facts.mta = message->mta;
	facts.from = message->text[MESSAGE_FROM][0] == '\0' ? "<>" :
	    message->text[MESSAGE_FROM];
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

static void
take_out(struct maillog *log, struct message *message)
{
	if (!message->in_bag)
		return;
	if (log->recent == &message->keyed.link)
		log->recent = message->keyed.link.behind;
	bag_remove(&log->messages, &message->keyed);
	message->in_bag = false;
}

/* Frees what has left the queue, once nothing is waited for. */
static void
end_removed(struct maillog *log, struct message *message)
{
	if (!message->removed || message->waits || message->ready)
		return;
	take_out(log, message);
	message_free(message);
}

/* The one that has been ready the longest. */
static void
pass_first(struct maillog *log)
{
	struct message *message = log->ready;

	log->ready = message->later;
	if (log->ready == NULL)
		log->last_ready = &log->ready;
	log->ready_count--;
	message->ready = false;
	message->done = true;
	if (message->reinjected)
		log->totals->reinjected++;
	else
		hand_over(log, message);
	end_removed(log, message);
}

/* Whether all is known that is waited for. */
static void
make_ready(struct maillog *log, struct message *message)
{
	if (message->text[MESSAGE_FROM] == NULL || message->done || message->ready ||
	    message->waits)
		return;
	message->ready = true;
	message->later = NULL;
	*log->last_ready = message;
	log->last_ready = &message->later;
	log->ready_count++;
}

/* What waits for the session's end does so no more. */
static void
end_waiting(struct maillog *log, struct process *process)
{
	struct message *message;

	while ((message = process->waiting) != NULL) {
		process->waiting = message->next;
		log->waiting_count--;
		message->waits = false;
		make_ready(log, message);
		end_removed(log, message);
	}
}

/* ------------------------------------------------------------------ *
 * Messages
 * ------------------------------------------------------------------ */

struct message *
track_find(struct maillog *log, const struct maillog_line *line, const char *queue_id)
{
	return bag_find(log, &log->messages, line->host, queue_id, 0);
}

void
track_remove(struct maillog *log, struct message *message)
{
	if (!message->removed && !message->done && message->text[MESSAGE_FROM] == NULL)
		log->totals->unfinished++;
	message->removed = true;
	end_removed(log, message);
}

struct message *
track_add(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line, line->queue_id);

	/* A queue id is used again for another in the end. */
	if (message != NULL) {
		take_out(log, message);
		track_remove(log, message);
	}
	message = bag_find(log, &log->messages, line->host, line->queue_id,
	    sizeof(*message));
	if (message != NULL) {
		message->in_bag = true;
		message->time_ms = line->time_ms;
		message->place = line->place;
		if (log->recent == NULL)
			log->recent = &message->keyed.link;
		message->mta = line->is_postfix ? "postfix" : "sendmail";
	}
	return message;
}

void
track_receive(struct maillog *log, struct message *message, struct session *session,
    struct process *process)
{
	message->session = session;
	session->references++;
	message->before_tls = session->tls != TLS_SEEN;
	if (!message->before_tls || process == NULL || session->ended)
		return;
	if (log->waiting_count >= WAITING_MAX)
		end_waiting(log, process);
	message->waits = true;
	message->next = process->waiting;
	process->waiting = message;
	log->waiting_count++;
}

static void
set_sender(struct maillog *log, struct message *message, const char *from)
{
	track_keep(log, &message->text[MESSAGE_FROM], from);
	make_ready(log, message);
}

void
track_end_session(struct maillog *log, struct process *process)
{
	track_end_failures(log, process, NULL);
	if (process->session != NULL)
		process->session->ended = true;
	end_waiting(log, process);
	session_release(process->session);
	process->session = NULL;
}

/*
 * The sender whom SRS has encoded: "SRS0=HASH=TT=DOMAIN=LOCAL@OURS", "SRS1=HASH=HOST==..."
 * Written to "room". An empty one: it is encoded, and cannot be read; NULL: it is none
 * of these, or of the client's own domain, which then is the sender's.
 */
static const char *
srs_sender(const char *from, const char *client, char *room, size_t size)
{
	const char *at = strrchr(from, '@'), *part = from + 5, *local, *dot;
	size_t parts = 2;

	if (at == NULL || strncasecmp(from, "SRS", 3) != 0 ||
	    (from[3] != '0' && from[3] != '1') || strchr("=+-", from[4]) == NULL)
		return NULL;
	dot = client != NULL && strlen(client) > strlen(at + 1) ?
	    client + strlen(client) - strlen(at + 1) : client;
	if (dot != NULL && strcasecmp(dot, at + 1) == 0 && (dot == client || dot[-1] == '.'))
		return NULL;
	if (from[3] == '1')
		parts = 5;	/* the hash, the host, nothing, and those of SRS0 */
	room[0] = '\0';
	for (size_t i = 0; i < parts; i++) {
		part = strchr(part, '=');
		if (part == NULL || part++ > at)
			return room;
	}
	local = strchr(part, '=');
	if (local == NULL || local >= at || local == part)
		return room;
	(void)snprintf(room, size, "%.*s@%.*s", (int)(at - local - 1), local + 1,
	    (int)(local - part), part);
	return room;
}

void
track_name_sender(struct maillog *log, struct message *message, const char *from)
{
	char room[1024];
	const char *sender = from == NULL ? NULL :
	    srs_sender(from, message->text[MESSAGE_NAME], room, sizeof(room));

	set_sender(log, message, sender == NULL ? from : sender[0] != '\0' ? sender :
	    "unknown");
}

void
track_submitted(struct maillog *log, const struct maillog_line *line)
{
	struct message *message = track_find(log, line, line->queue_id);

	if (message != NULL && !message->done)
		message->reinjected = true;
}

bool
track_came_back(struct maillog *log, const struct maillog_line *line,
    const char *queue_id, const char *address)
{
	struct message *message = track_find(log, line, queue_id);
	const char *client = message != NULL ? message->text[MESSAGE_ADDR] : NULL;

	/*
	 * Another server's id may be the same as one of ours, but its mail does not come
	 * from there at that time.
	 */
	if (client == NULL || (line->time_ms != 0 && message->time_ms != 0 &&
	    message->time_ms + FILTER_MS < line->time_ms) ||
	    !((address != NULL && strcmp(address, client) == 0) ||
	    (track_is_loopback(address) && track_is_loopback(client))))
		return false;
	message->reinjected = message->reinjected || !message->done;
	return true;
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* Gives a message up, with which nothing has happened for long. */
static void
drop_message(struct maillog *log, struct message *message)
{
	take_out(log, message);
	track_remove(log, message);
}

void
track_pass(struct maillog *log)
{
	struct link *first;

	while (log->ready != NULL && (log->ready_count > READY_MAX ||
	    was_before(log, log->ready->time_ms, PASS_AFTER_MS)))
		pass_first(log);
	while (log->recent != NULL && was_before(log,
	    ((struct message *)log->recent)->time_ms, FILTER_MS))
		log->recent = log->recent->behind;
	while ((first = log->failures.first) != NULL &&
	    (log->failures.count > FAILURES_MAX || was_before(log,
	    ((struct failure *)first)->handshake.time_ms, FAILURE_MS)))
		track_end_failure(log, (struct failure *)first);
	while (log->processes.chain.count > PROCESSES_MAX)
		drop_process(log, (struct process *)log->processes.chain.first);
	while (log->messages.chain.count > MESSAGES_MAX)
		drop_message(log, (struct message *)log->messages.chain.first);
	if (log->processes.chain.count > log->sweep_at)
		sweep(log);
}

void
track_end(struct maillog *log)
{
	while (log->processes.chain.first != NULL)
		drop_process(log, (struct process *)log->processes.chain.first);
	while (log->ready != NULL)
		pass_first(log);
	while (log->messages.chain.first != NULL)
		drop_message(log, (struct message *)log->messages.chain.first);
}
