/*
 * service_client.c - one client of the policy service.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/service_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"

/* One piece: several requests of Postfix's fit. */
#define PIECE 4096

bool
service_client_is_full(const struct service_client *client)
{
	return client->answers.length > client->written;
}

/* Writes what the client takes. Memory goes when all is written. */
static enum client_end
flush(struct service_client *client, int64_t now_ms)
{
	while (service_client_is_full(client)) {
		ssize_t sent = send(client->fd, client->answers.text + client->written,
		    client->answers.length - client->written, MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ? CLIENT_GOES_ON :
			    CLIENT_LEFT;
		client->written += (size_t)sent;
		client->since_ms = now_ms;
	}
	buffer_free(&client->answers);
	client->written = 0;
	return CLIENT_GOES_ON;
}

/* Answers the request when it is complete. */
static enum client_end
take_request(struct service_client *client, struct service *service)
{
	bool answered;

	switch (client->request.state) {
	case DELEGATION_EMPTY:
	case DELEGATION_PARTIAL:
		return CLIENT_GOES_ON;
	case DELEGATION_COMPLETE:
		break;
	case DELEGATION_TOO_LARGE:
		return CLIENT_TOO_LARGE;
	case DELEGATION_NO_MEMORY:
		return CLIENT_NO_MEMORY;
	case DELEGATION_GARBAGE:
	default:
		return CLIENT_GARBAGE;
	}
	answered = answer_request(service, &client->state, &client->request,
	    &client->answers);
	delegation_clear(&client->request);
	client->asked = true;
	if (!answered)
		return CLIENT_GARBAGE;
	return client->answers.failed ? CLIENT_NO_MEMORY : CLIENT_GOES_ON;
}

static enum client_end
take_piece(struct service_client *client, struct service *service, const char *piece,
    size_t length, int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON;

	while (length > 0 && end == CLIENT_GOES_ON) {
		size_t taken;

		/* A request's time runs from its first byte, whatever comes after. */
		if (client->request.state == DELEGATION_EMPTY && client->asked)
			client->since_ms = now_ms;
		taken = delegation_feed(&client->request, piece, length);
		piece += taken;
		length -= taken;
		end = take_request(client, service);
	}
	if (client->request.state == DELEGATION_EMPTY)
		client->since_ms = now_ms;
	return end;
}

enum client_end
service_client_serve(struct service_client *client, struct service *service,
    int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON, written;
	char piece[PIECE];
	ssize_t got;

	if (!service_client_is_full(client)) {
		got = recv(client->fd, piece, sizeof(piece), 0);
		if (got == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ?
			    CLIENT_GOES_ON : CLIENT_LEFT;
		if (got == 0)
			return CLIENT_LEFT;
		end = take_piece(client, service, piece, (size_t)got, now_ms);
	}
	if (end == CLIENT_NO_MEMORY)
		return end;
	/* What was asked before the garbage is answered. */
	written = flush(client, now_ms);
	return end != CLIENT_GOES_ON ? end : written;
}

enum client_end
service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms)
{
	int64_t passed = now_ms - client->since_ms;

	if (service_client_is_full(client))
		return passed > limits->answer_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	if (!client->asked)
		return passed <= limits->first_ms ? CLIENT_GOES_ON :
		    client->request.state == DELEGATION_EMPTY ? CLIENT_IDLE :
		    CLIENT_TOO_SLOW;
	if (client->request.state != DELEGATION_EMPTY)
		return passed > limits->request_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	return passed > limits->idle_ms ? CLIENT_IDLE : CLIENT_GOES_ON;
}

void
service_client_close(struct service_client *client)
{
	if (client->fd != -1)
		(void)close(client->fd);
	delegation_clear(&client->request);
	buffer_free(&client->answers);
	memset(client, 0, sizeof(*client));
	client->fd = -1;
}
