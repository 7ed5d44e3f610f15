/*
 * maillog_failure.c - handshakes that failed, until it is told why.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog_track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
track_end_failure(struct maillog *log, struct failure *failure)
{
	const struct maillog_reading *reading = log->reading;
	const struct maillog_handshake *handshake = &failure->handshake;

	chain_remove(&log->failures, &failure->link);
	failure->process->failures--;
	log->proxied_count -= failure->proxied;
	if (failure->process->failing == failure)
		failure->process->failing = NULL;
	if (!log->stopped && (handshake->time_ms == 0 ||
	    (handshake->time_ms >= reading->since_ms &&
	    handshake->time_ms < reading->until_ms))) {
		log->totals->handshakes_failed += !handshake->outgoing;
		if (reading->fail != NULL)
			log->stopped = !reading->fail(reading->context, handshake);
	}
	free(failure);
}

void
out_doubt(struct maillog *log, struct process *process, const char *text)
{
	char room[DOUBT_MAX];

	(void)snprintf(room, sizeof(room), "%s%s%s",
	    process->doubt != NULL ? process->doubt : "",
	    process->doubt != NULL ? "; " : "", text);
	track_keep(log, &process->doubt, room);
}

/* Adds what a delivery tells of a handshake that failed for it. */
static void
name_relay(struct maillog_handshake *handshake, const struct maillog_delivery *delivery)
{
	const char *at = strrchr(delivery->to, '@');

	(void)snprintf(handshake->next_hop, sizeof(handshake->next_hop), "%.*s",
	    at != NULL ? (int)strcspn(at + 1, ">,") : 0, at != NULL ? at + 1 : "");
	if (handshake->name[0] != '\0' || delivery->relay == NULL)
		return;
	(void)snprintf(handshake->name, sizeof(handshake->name), "%s", delivery->relay);
	if (handshake->address[0] == '\0' && delivery->address != NULL)
		(void)snprintf(handshake->address, sizeof(handshake->address), "%s",
		    delivery->address);
}

void
track_end_failures(struct maillog *log, struct process *process,
    const struct maillog_delivery *delivery)
{
	const char *address = delivery != NULL ? delivery->address : NULL;
	struct link *behind;

	for (struct link *link = log->failures.first; link != NULL &&
	    (process->failures > 0 || (address != NULL && log->proxied_count > 0));
	    link = behind) {
		struct failure *failure = (struct failure *)link;

		behind = link->behind;
		if (failure->process != process && !(failure->proxied && address != NULL &&
		    strcmp(failure->handshake.address, address) == 0))
			continue;
		if (delivery != NULL && failure->proxied)
			out_doubt(log, process, failure->handshake.why);
		if (delivery != NULL)
			name_relay(&failure->handshake, delivery);
		track_end_failure(log, failure);
	}
}

void
track_failure(struct maillog *log, struct process *process,
    const struct maillog_line *line, bool outgoing, const char *text)
{
	struct failure *failure = calloc(1, sizeof(*failure));
	struct maillog_handshake *handshake;
	char *name, *address, room[512];

	if (failure == NULL) {
		track_no_memory(log);
		return;
	}
	handshake = &failure->handshake;
	failure->process = process;
	failure->place = line->place;
	failure->proxied = outgoing && strcmp(line->program, "tlsproxy") == 0;
	handshake->time_ms = line->time_ms;
	handshake->outgoing = outgoing;
	(void)snprintf(room, sizeof(room), "%s", text);
	if (track_client(room, &name, &address)) {
		(void)snprintf(handshake->address, sizeof(handshake->address), "%s", address);
		(void)snprintf(handshake->name, sizeof(handshake->name), "%s",
		    name != NULL ? name : "");
	} else if (outgoing) {
		room[strcspn(room, ":, ")] = '\0';
		(void)snprintf(handshake->name, sizeof(handshake->name), "%.*s",
		    (int)(strlen(room) - (room[0] != '\0' && room[strlen(room) - 1] == '.')),
		    room);
	}
	chain_add(&log->failures, &failure->link);
	process->failures++;
	process->failing = failure;
	log->proxied_count += failure->proxied;
}

void
track_why(struct process *process, const struct maillog_line *line, const char *why)
{
	struct maillog_handshake *handshake;
	size_t length;

	if (process->failing == NULL)
		return;
	handshake = &process->failing->handshake;
	length = strlen(handshake->why);
	(void)snprintf(handshake->why + length, sizeof(handshake->why) - length, "%s%s",
	    length > 0 ? "; " : "", why);
	if (handshake->sample[0] == '\0' || strstr(handshake->sample, "error:") == NULL)
		(void)snprintf(handshake->sample, sizeof(handshake->sample), "%s[%s]: %s",
		    line->service, line->pid, line->text);
}
