/*
 * maillog_held.c - deliveries that wait until it is known whether their host logs TLS.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define MINUTE_MS (60 * (int64_t)1000)

/* A delivery without a sign of TLS waits so long for one that TLS is logged. */
#define HELD_MS (60 * MINUTE_MS)
#define HELD_MAX 1000

/* TLS was logged so long ago that it may not be any more. */
#define LOGGED_MS (7 * 24 * 60 * MINUTE_MS)

/* ------------------------------------------------------------------ *
 * Hosts
 * ------------------------------------------------------------------ */

static struct log_host *
find_log_host(struct maillog *log, const char *name)
{
	for (size_t i = 0; i < log->host_count; i++)
		if (strcmp(log->hosts[i].name, name) == 0)
			return &log->hosts[i];
	return NULL;
}

/* Keeps when a host logged TLS (0: it does not seem to), in the place of the oldest. */
static void
keep_host(struct maillog *log, const char *name, int64_t time_ms)
{
	struct log_host *host = find_log_host(log, name);

	if (host == NULL && log->host_count < HOSTS_MAX)
		host = &log->hosts[log->host_count++];
	for (size_t i = 0; host == NULL || i < log->host_count; i++)
		if (host == NULL || (strcmp(host->name, name) != 0 &&
		    log->hosts[i].last_ms < host->last_ms))
			host = &log->hosts[i];
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	host->last_ms = time_ms;
}

void
maillog_hosts_write(const struct maillog *log, struct buffer *text)
{
	for (size_t i = 0; i < log->host_count; i++)
		if (strchr(log->hosts[i].name, ' ') == NULL)
			buffer_format(text, "%s%" PRId64 ":%s", i > 0 ? " " : "",
			    log->hosts[i].last_ms, log->hosts[i].name);
}

void
maillog_hosts_read(struct maillog *log, const char *text)
{
	char name[sizeof(log->hosts[0].name)], *end;
	int64_t time_ms;

	while (*text != '\0') {
		time_ms = strtoll(text, &end, 10);
		text = end + strcspn(end, " ");
		if (*end == ':' && text - end <= (ptrdiff_t)sizeof(name)) {
			(void)snprintf(name, sizeof(name), "%.*s", (int)(text - end - 1),
			    end + 1);
			keep_host(log, name, time_ms);
		}
		text += strspn(text, " ");
	}
}

/* ------------------------------------------------------------------ *
 * Handing over
 * ------------------------------------------------------------------ */

/* A delivery that waits for a sign that its host logs TLS. */
struct held {
	struct link link;
	int64_t place;
	const char *host;
	struct maillog_delivery delivery;
	char texts[];
};

static void
hand_over_delivery(struct maillog *log, const struct maillog_delivery *delivery)
{
	const struct maillog_reading *reading = log->reading;

	if (!log->stopped && (delivery->time_ms == 0 ||
	    (delivery->time_ms >= reading->since_ms &&
	    delivery->time_ms < reading->until_ms)))
		log->stopped = !reading->deliver(reading->context, delivery);
}

static void
say_clear(struct maillog_delivery *delivery)
{
	delivery->tls_version = delivery->verification = "none";
}

static void
release(struct maillog *log, struct held *held, bool clear)
{
	chain_remove(&log->held, &held->link);
	if (clear)
		say_clear(&held->delivery);
	hand_over_delivery(log, &held->delivery);
	free(held);
}

static void
hold(struct maillog *log, const struct maillog_line *line,
    const struct maillog_delivery *delivery)
{
	struct held copy = { .place = line->place, .host = line->host, .delivery = *delivery };
	const char **texts[] = {
		&copy.host, &copy.delivery.queue_id, &copy.delivery.to, &copy.delivery.relay,
		&copy.delivery.address, &copy.delivery.dsn, &copy.delivery.text,
		&copy.delivery.trouble
	};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	size_t size = 0;
	struct held *held;
	char *at;

	for (size_t i = 0; i < count; i++)
		size += *texts[i] != NULL ? strlen(*texts[i]) + 1 : 0;
	held = calloc(1, sizeof(*held) + size);
	if (held == NULL) {
		track_no_memory(log);
		return;
	}
	at = held->texts;
	for (size_t i = 0; i < count; i++) {
		if (*texts[i] == NULL)
			continue;
		*texts[i] = strcpy(at, *texts[i]);
		at += strlen(at) + 1;
	}
	*held = copy;
	chain_add(&log->held, &held->link);
}

void
out_decide_host(struct maillog *log, const char *name, int64_t logged_ms)
{
	struct link *behind;

	keep_host(log, name, logged_ms);
	for (struct link *link = log->held.first; link != NULL; link = behind) {
		behind = link->behind;
		if (strcmp(((struct held *)link)->host, name) == 0)
			release(log, (struct held *)link, logged_ms != 0);
	}
}

void
out_pass(struct maillog *log, bool all)
{
	struct held *held;
	char name[256];

	while ((held = (struct held *)log->held.first) != NULL && (all ||
	    log->held.count > HELD_MAX || (held->delivery.time_ms != 0 &&
	    held->delivery.time_ms + HELD_MS < log->now_ms))) {
		(void)snprintf(name, sizeof(name), "%s", held->host);
		release(log, held, false);
		if (!all)
			out_decide_host(log, name, 0);
	}
}

void
out_deliver(struct maillog *log, const struct maillog_line *line,
    struct maillog_delivery *delivery, const struct relayed *session, bool may_be_clear)
{
	const struct log_host *host = find_log_host(log, line->host);

	if (session != NULL) {
		delivery->tls_version = session->version;
		delivery->cipher = session->cipher;
		delivery->bits = session->bits;
		delivery->verification = session->verification;
		/* Of a server Sendmail verifies nothing but TLSA records. */
		if (strcmp(delivery->mta, "sendmail") == 0)
			delivery->level = "dane";
	} else if (may_be_clear && host != NULL && host->last_ms != 0 &&
	    (line->time_ms == 0 || host->last_ms + LOGGED_MS > line->time_ms)) {
		say_clear(delivery);
	} else if (may_be_clear && (host == NULL || host->last_ms != 0)) {
		hold(log, line, delivery);
		return;
	}
	hand_over_delivery(log, delivery);
}

int64_t
maillog_oldest(const struct maillog *log)
{
	int64_t oldest = INT64_MAX;

	for (const struct link *link = log->processes.chain.first; link != NULL;
	    link = link->behind) {
		const struct process *process = (const struct process *)link;

		if (process->place < oldest && !track_is_over(log, process))
			oldest = process->place;
	}
	if (log->recent != NULL && ((const struct message *)log->recent)->place < oldest)
		oldest = ((const struct message *)log->recent)->place;
	if (log->held.first != NULL && ((const struct held *)log->held.first)->place < oldest)
		oldest = ((const struct held *)log->held.first)->place;
	return oldest;
}
