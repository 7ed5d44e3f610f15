/*
 * control.c - the control socket: the daemon is asked how it is, and told to reload.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/text.h"
#include "milter/counters.h"

/* After a client that could not be taken, for want of descriptors. */
#define PAUSE_MS 1000

#define GROUPS_MAX 1024

/* Who asks. */
struct asker {
	int fd;				/* -1: this place is free */
	struct ucred who;
	char line[CONTROL_LINE_MAX];	/* what came of the request */
	size_t length;
	struct buffer answer;
	size_t sent;			/* of it */
	unsigned long wants;		/* the reload that is waited for; 0: none */
	bool ended;			/* nothing more will come */
	bool last;			/* it is hung up when it has its answer */
	int64_t since_ms;		/* when what it does now began */
};

struct control {
	int fd;
	int wake;			/* an eventfd */
	struct control_service service;
	struct asker askers[CONTROL_CLIENTS];
	int64_t paused_ms;		/* nobody is taken before; 0: the next one is */
	atomic_bool stop, stopped;
	pthread_mutex_t lock;		/* for the rest */
	unsigned long begun, ended;	/* how many reloads have */
	bool asked;			/* one that has not begun was asked for */
	char *result;			/* of the last; NULL: memory was short */
};

static int64_t
control_clock(void)
{
	return histogram_clock() / 1000000;
}

struct control *
control_new(int fd, const struct control_service *service)
{
	struct control *control = calloc(1, sizeof(*control));

	if (control == NULL)
		return NULL;
	control->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->wake == -1) {
		int error = errno;

		free(control);
		errno = error;
		return NULL;
	}
	control->fd = fd;
	control->service = *service;
	(void)pthread_mutex_init(&control->lock, NULL);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control->askers[i].fd = -1;
	return control;
}

static void
asker_leave(struct asker *asker)
{
	if (asker->fd != -1)
		(void)close(asker->fd);
	buffer_free(&asker->answer);
	*asker = (struct asker){ .fd = -1 };
}

void
control_free(struct control **control)
{
	struct control *old = *control;

	if (old == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		asker_leave(&old->askers[i]);
	(void)pthread_mutex_destroy(&old->lock);
	(void)close(old->wake);
	free(old->result);
	free(old);
	*control = NULL;
}

/* ------------------------------------------------------------------ *
 * Answers
 * ------------------------------------------------------------------ */

/* Sends what there is of the answer, as far as it is taken. */
static void
asker_send(struct asker *asker)
{
	while (asker->fd != -1 && asker->sent < asker->answer.length) {
		ssize_t sent = send(asker->fd, asker->answer.text + asker->sent,
		    asker->answer.length - asker->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1 && errno == EAGAIN)
			return;
		if (sent == -1)
			asker_leave(asker);
		else
			asker->sent += (size_t)sent;
	}
	if (asker->fd == -1 || asker->answer.length == 0)
		return;
	buffer_free(&asker->answer);
	asker->sent = 0;
	asker->since_ms = control_clock();
	if (asker->last)
		asker_leave(asker);
}

/* The answer is there as a whole, or cannot be. */
static void
asker_answer(struct asker *asker)
{
	buffer_string(&asker->answer, "\n");
	asker->since_ms = control_clock();
	if (asker->answer.failed)
		asker_leave(asker);
	else
		asker_send(asker);
}

static void
asker_refuse(struct asker *asker, const char *error, bool last)
{
	buffer_clear(&asker->answer);
	buffer_string(&asker->answer, "{\"error\":");
	text_json(&asker->answer, error);
	buffer_string(&asker->answer, "}");
	asker->last = asker->last || last;
	asker_answer(asker);
}

/* ------------------------------------------------------------------ *
 * Reloads
 * ------------------------------------------------------------------ */

static void
control_wake(struct control *control)
{
	const uint64_t one = 1;

	(void)!write(control->wake, &one, sizeof(one));
}

void
control_reload_begins(struct control *control)
{
	if (control == NULL)
		return;
	(void)pthread_mutex_lock(&control->lock);
	control->begun++;
	control->asked = false;
	(void)pthread_mutex_unlock(&control->lock);
}

void
control_reload_ended(struct control *control, const char *answer)
{
	if (control == NULL)
		return;
	(void)pthread_mutex_lock(&control->lock);
	control->ended = control->begun;
	free(control->result);
	control->result = answer != NULL ? strdup(answer) : NULL;
	(void)pthread_mutex_unlock(&control->lock);
	control_wake(control);
}

/* One that was asked for and has not begun does for all who ask before it does. */
static void
ask_reload(struct control *control, struct asker *asker)
{
	bool asked;

	(void)pthread_mutex_lock(&control->lock);
	asker->wants = control->begun + 1;
	asked = control->asked ||
	    control->service.reload(control->service.context, &asker->who);
	control->asked = asked;
	(void)pthread_mutex_unlock(&control->lock);
	asker->since_ms = control_clock();
	if (asked)
		return;
	asker->wants = 0;
	asker_refuse(asker, "the supervisor takes no request now: try again in a moment",
	    false);
}

/* Answers those whose reload has ended. */
static void
tell_reloaded(struct control *control)
{
	(void)pthread_mutex_lock(&control->lock);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct asker *asker = &control->askers[i];

		if (asker->wants == 0 || asker->wants > control->ended)
			continue;
		asker->wants = 0;
		if (control->result != NULL) {
			buffer_string(&asker->answer, control->result);
			asker_answer(asker);
		} else
			asker_refuse(asker, "not enough memory to tell how the reload went:"
			    " see the log", false);
	}
	(void)pthread_mutex_unlock(&control->lock);
}

/* ------------------------------------------------------------------ *
 * Requests
 * ------------------------------------------------------------------ */

/*
 * No parser: that of jansson 2.14 writes behind its end where memory is short, and what is
 * asked is one of three lines.
 */
static void
obey_asker(struct control *control, struct asker *asker, const char *line)
{
	const struct control_service *service = &control->service;
	char command[16];
	int end = -1;
	bool done = true;

	if (sscanf(line, " { \"command\" : \"%15[a-z]\" } %n", command, &end) != 1 ||
	    end == -1 || line[end] != '\0') {
		asker_refuse(asker, "a request is one line, {\"command\":\"status\"}, with"
		    " the command status, reload or nonce", false);
		return;
	}
	if (strcmp(command, "status") == 0)
		done = service->status(service->context, &asker->answer);
	else if (strcmp(command, "nonce") == 0)
		done = service->nonce(service->context, &asker->answer);
	else if (strcmp(command, "reload") == 0) {
		ask_reload(control, asker);
		return;
	} else {
		asker_refuse(asker, "there is no such command: they are status, reload and"
		    " nonce", false);
		return;
	}
	if (done)
		asker_answer(asker);
	else
		asker_refuse(asker, "not enough memory to answer: try again", false);
}

/* Whether it has an answer to take, or waits for one. */
static bool
asker_is_busy(const struct asker *asker)
{
	return asker->wants != 0 || asker->answer.length > 0;
}

/* Obeys the lines that are there, one after the other. At its end half a line is one. */
static void
obey_lines(struct control *control, struct asker *asker)
{
	char line[CONTROL_LINE_MAX + 1];

	while (asker->fd != -1 && !asker_is_busy(asker)) {
		const char *end = memchr(asker->line, '\n', asker->length);
		size_t length = end != NULL ? (size_t)(end - asker->line) : asker->length;

		if (end == NULL && asker->length == sizeof(asker->line)) {
			asker_refuse(asker, "a request has at most 1023 bytes", true);
			return;
		}
		if (end == NULL && asker->length == 0 && asker->ended) {
			asker_leave(asker);
			return;
		}
		if (end == NULL && !asker->ended)
			return;
		memcpy(line, asker->line, length);
		/* A NUL is no request's: it makes the line end where it cannot. */
		line[length] = '\0';
		asker->length -= end != NULL ? length + 1 : length;
		memmove(asker->line, asker->line + length + (end != NULL), asker->length);
		obey_asker(control, asker, strlen(line) == length ? line : "");
	}
}

static void
asker_read(struct control *control, struct asker *asker)
{
	ssize_t got = recv(asker->fd, asker->line + asker->length,
	    sizeof(asker->line) - asker->length, MSG_DONTWAIT);

	if (got == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got == -1) {
		asker_leave(asker);
		return;
	}
	asker->ended = got == 0;
	asker->length += (size_t)got;
	obey_lines(control, asker);
}

/* ------------------------------------------------------------------ *
 * Who asks
 * ------------------------------------------------------------------ */

static bool
is_of_group(int fd, const struct ucred *who, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (who->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Beside the socket's mode, which somebody may have changed. */
static bool
may_ask(const struct control_service *service, int fd, struct ucred *who)
{
	socklen_t size = sizeof(*who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &size) == 0 &&
	    (who->uid == 0 || who->uid == service->user ||
	    is_of_group(fd, who, service->group));
}

/* A free place, or that of who has asked nothing for the longest time; NULL: there is none. */
static struct asker *
find_place(struct control *control)
{
	struct asker *longest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct asker *asker = &control->askers[i];

		if (asker->fd == -1)
			return asker;
		if (asker->wants == 0 &&
		    (longest == NULL || asker->since_ms < longest->since_ms))
			longest = asker;
	}
	if (longest != NULL)
		asker_leave(longest);
	return longest;
}

/* All who wait for a reload have theirs: the next one's turn comes after that. */
static void
accept_asker(struct control *control)
{
	struct asker *asker;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			control->paused_ms = control_clock() + PAUSE_MS;
		return;
	}
	asker = find_place(control);
	if (asker == NULL) {
		(void)close(fd);
		return;
	}
	asker->fd = fd;
	asker->since_ms = control_clock();
	if (!may_ask(&control->service, fd, &asker->who))
		asker_refuse(asker, "only root, the daemon's user and its group may ask", true);
	else
		asker_read(control, asker);
}

static int64_t
asker_due(const struct control *control, const struct asker *asker)
{
	return asker->since_ms +
	    (asker->wants != 0 ? control->service.reload_ms : control->service.client_ms);
}

/* Those whose time is over go. */
static void
end_overdue_askers(struct control *control)
{
	int64_t now = control_clock();

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct asker *asker = &control->askers[i];

		if (asker->fd == -1 || now < asker_due(control, asker))
			continue;
		if (asker->wants != 0) {
			asker->wants = 0;
			asker_refuse(asker, "the reload is still under way: `tlsward status`"
			    " tells how it went", true);
		} else
			asker_leave(asker);
	}
}

/* ------------------------------------------------------------------ *
 * The thread
 * ------------------------------------------------------------------ */

/* Writes what is waited for. Returns how long that is, at most. */
static int
control_expect(const struct control *control, struct pollfd waiting[CONTROL_CLIENTS + 2])
{
	int64_t now = control_clock(), next = INT64_MAX;

	waiting[0] = (struct pollfd){ .fd = control->wake, .events = POLLIN };
	waiting[1] = (struct pollfd){ .fd = control->fd, .events = POLLIN };
	if (now < control->paused_ms) {
		waiting[1].fd = -1;
		next = control->paused_ms;
	}
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		const struct asker *asker = &control->askers[i];
		int64_t due = asker_due(control, asker);

		waiting[i + 2] = (struct pollfd){ .fd = asker->fd };
		if (asker->fd == -1)
			continue;
		waiting[i + 2].events = asker->answer.length > 0 ? POLLOUT :
		    asker->wants == 0 ? POLLIN : 0;
		next = due < next ? due : next;
	}
	return next == INT64_MAX ? -1 : next <= now ? 0 :
	    next - now < INT32_MAX ? (int)(next - now) : INT32_MAX;
}

static void
serve_asker(struct control *control, struct asker *asker, short events)
{
	if (asker->fd == -1)
		return;
	if (events == 0)
		;
	else if (asker->answer.length > 0)
		asker_send(asker);
	else if (asker->wants == 0)
		asker_read(control, asker);
	else
		asker_leave(asker);
	/* What came behind a request is the next one. */
	if (asker->fd != -1)
		obey_lines(control, asker);
}

static void
control_turn(struct control *control)
{
	struct pollfd waiting[CONTROL_CLIENTS + 2];
	uint64_t woken;

	if (poll(waiting, CONTROL_CLIENTS + 2, control_expect(control, waiting)) == -1)
		return;
	(void)!read(control->wake, &woken, sizeof(woken));
	tell_reloaded(control);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		serve_asker(control, &control->askers[i], waiting[i + 2].revents);
	end_overdue_askers(control);
	if (waiting[1].fd != -1 && waiting[1].revents != 0)
		accept_asker(control);
}

void *
control_run(void *argument)
{
	struct control *control = argument;

	while (!atomic_load(&control->stop))
		control_turn(control);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->askers[i].wants != 0)
			asker_refuse(&control->askers[i], "the daemon is ending: the policy was"
			    " not reloaded", true);
		asker_leave(&control->askers[i]);
	}
	atomic_store(&control->stopped, true);
	return NULL;
}

bool
control_stop(struct control *control, int milliseconds)
{
	if (control == NULL)
		return true;
	atomic_store(&control->stop, true);
	control_wake(control);
	for (int i = 0; i < milliseconds / 10 && !atomic_load(&control->stopped); i++)
		(void)poll(NULL, 0, 10);
	return atomic_load(&control->stopped);
}
