/*
 * metrics_http.c - the listener that metrics are fetched from.
 *
 * libmicrohttpd's own time limit is one of silence, which a client that sends a byte
 * now and then never reaches: so the time of a connection is looked after here. With
 * epoll the library does not see that a client left in the middle of a request: hence
 * poll.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/metrics.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"

/* A request with its headers; a larger one is refused. */
#define MEMORY_PER_CLIENT 16384

/* How often connections are looked at, while there are some. */
#define LOOK_MS 1000

struct client {
	int fd;				/* -1: this place is free */
	int64_t since_ns;
};

struct metrics_http {
	const struct metrics_source *source;
	const struct health *health;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;		/* for the rest */
	pthread_cond_t begun;		/* there is a connection */
	struct client clients[METRICS_HTTP_CLIENTS];
	size_t count;
};

/* ------------------------------------------------------------------ *
 * Answers
 * ------------------------------------------------------------------ */

/* Sends "text" (taken over) and ends the connection. */
static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *type,
    struct buffer *text)
{
	struct MHD_Response *response = NULL;
	enum MHD_Result result = MHD_NO;

	if (!text->failed)
		response = MHD_create_response_from_buffer(text->length, text->text,
		    MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		buffer_free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
	    MHD_add_response_header(response, "Connection", "close") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
	    (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	    MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES))
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
answer_line(struct MHD_Connection *connection, unsigned status, const char *line)
{
	struct buffer text = BUFFER_INIT;

	buffer_format(&text, "%s\n", line);
	return answer(connection, status, "text/plain; charset=utf-8", &text);
}

static enum MHD_Result
answer_metrics(struct metrics_http *http, struct MHD_Connection *connection)
{
	enum metrics_format format = metrics_choose(MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, "Accept"));
	struct buffer text = BUFFER_INIT;

	metrics_write(http->source, format, log_time_ms(), &text);
	return answer(connection, MHD_HTTP_OK, metrics_content_type(format), &text);
}

static enum MHD_Result
answer_health(struct metrics_http *http, struct MHD_Connection *connection)
{
	char words[HEALTH_SIZE];

	if (health_look(http->health, words))
		return answer_line(connection, MHD_HTTP_OK, "ok");
	return answer_line(connection, MHD_HTTP_SERVICE_UNAVAILABLE, words);
}

static enum MHD_Result
on_request(void *argument, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *body, size_t *body_size,
    void **state)
{
	struct metrics_http *http = argument;

	(void)version;
	(void)body;
	(void)body_size;
	(void)state;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "only GET and HEAD");
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(http, connection);
	if (strcmp(path, "/healthz") == 0)
		return answer_health(http, connection);
	return answer_line(connection, MHD_HTTP_NOT_FOUND, "only /metrics and /healthz");
}

/* ------------------------------------------------------------------ *
 * Connections
 * ------------------------------------------------------------------ */

static void
on_begin(struct metrics_http *http, struct MHD_Connection *connection, void **place)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_CONNECTION_FD);

	*place = NULL;
	for (size_t i = 0; i < METRICS_HTTP_CLIENTS && info != NULL; i++) {
		struct client *client = &http->clients[i];

		if (client->fd != -1)
			continue;
		client->fd = info->connect_fd;
		client->since_ns = histogram_clock();
		http->count++;
		(void)pthread_cond_signal(&http->begun);
		*place = client;
		return;
	}
}

static void
on_connection(void *argument, struct MHD_Connection *connection, void **place,
    enum MHD_ConnectionNotificationCode code)
{
	struct metrics_http *http = argument;
	struct client *client = *place;

	(void)pthread_mutex_lock(&http->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		on_begin(http, connection, place);
	} else if (client != NULL) {
		client->fd = -1;
		http->count--;
		*place = NULL;
	}
	(void)pthread_mutex_unlock(&http->lock);
}

/* The library sees the end of what it reads, and closes. */
static void
end_overdue(const struct metrics_http *http)
{
	int64_t now = histogram_clock();

	for (size_t i = 0; i < METRICS_HTTP_CLIENTS; i++) {
		const struct client *client = &http->clients[i];

		if (client->fd != -1 && now - client->since_ns >
		    METRICS_HTTP_SECONDS * INT64_C(1000000000))
			(void)shutdown(client->fd, SHUT_RDWR);
	}
}

void *
metrics_http_run(void *argument)
{
	struct metrics_http *http = argument;

	for (;;) {
		(void)pthread_mutex_lock(&http->lock);
		while (http->count == 0)
			(void)pthread_cond_wait(&http->begun, &http->lock);
		end_overdue(http);
		(void)pthread_mutex_unlock(&http->lock);
		(void)poll(NULL, 0, LOOK_MS);
	}
	return NULL;
}

/* Its thread takes no signals. */
static struct MHD_Daemon *
start(struct metrics_http *http, int fd)
{
	struct MHD_Daemon *daemon;
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL,
	    on_request, http,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_HTTP_CLIENTS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)METRICS_HTTP_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CLIENT,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
	    MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return daemon;
}

struct metrics_http *
metrics_http_new(int fd, const struct metrics_source *source,
    const struct health *health)
{
	struct metrics_http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return NULL;
	http->source = source;
	http->health = health;
	for (size_t i = 0; i < METRICS_HTTP_CLIENTS; i++)
		http->clients[i].fd = -1;
	(void)pthread_mutex_init(&http->lock, NULL);
	(void)pthread_cond_init(&http->begun, NULL);
	http->daemon = start(http, fd);
	if (http->daemon != NULL)
		return http;
	free(http);
	return NULL;
}
