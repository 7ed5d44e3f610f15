/*
 * worker_control.c - the control socket of the worker: who answers what.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "milter/control.h"
#include "milter/worker_status.h"
#include "milter/worker_word.h"

/* A policy of a hundred thousand rules takes seconds. */
#define CLIENT_MS 10000
#define RELOAD_MS 300000

static bool
answer_status(void *worker, struct buffer *answer)
{
	return worker_status(worker, answer);
}

static bool
answer_nonce(void *argument, struct buffer *answer)
{
	struct worker *worker = argument;
	char nonce[NONCE_SIZE];

	if (!nonces_issue(&worker->service.nonces, nonce))
		return false;
	buffer_format(answer, "{\"nonce\":\"%s\",\"seconds\":%d}", nonce, NONCE_SECONDS);
	return true;
}

/* By way of the supervisor, which has a log of its own to open anew. */
static bool
want_reload(void *argument, const struct ucred *client)
{
	struct worker *worker = argument;

	if (word_send(worker->supervisor, WORD_WANTED, -1) != 0)
		return false;
	log_message(worker->daemon->log, SEVERITY_INFO, "user id %lu (process %ld) asks for a"
	    " reload", (unsigned long)client->uid, (long)client->pid);
	return true;
}

void
worker_prepare_control(struct worker *worker)
{
	const struct daemon *daemon = worker->daemon;
	const struct control_service service = {
		.status = answer_status, .nonce = answer_nonce, .reload = want_reload,
		.context = worker, .user = geteuid(), .group = getegid(),
		.client_ms = CLIENT_MS, .reload_ms = RELOAD_MS,
	};

	if (daemon->sockets.control_fd == -1)
		return;
	worker->control = control_new(daemon->sockets.control_fd, &service);
	if (worker->control == NULL)
		log_message(daemon->log, SEVERITY_ERROR, "nobody can be answered on %s (%s):"
		    " going on without", daemon->settings->control, strerror(errno));
}
