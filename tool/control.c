/*
 * control.c - asking the daemon on its control socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/control.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tool/tool.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"

/* A longer answer is none of the daemon's. */
#define ANSWER_MAX (16u << 20)

#define AGAIN_MS 100

/* A question that is being asked. */
struct call {
	const char *path;
	int fd;
	int64_t end_ms;			/* when it is given up */
	char *why;
};

static enum control_result __attribute__((format(printf, 3, 4)))
call_end(struct call *call, enum control_result result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(call->why, CONTROL_WHY_MAX, format, arguments);
	va_end(arguments);
	return result;
}

static int64_t
call_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ *
 * Connecting
 * ------------------------------------------------------------------ */

/* Whose the socket is, where that can be seen: else as the settings have it. */
static enum control_result
end_denied(struct call *call, const struct settings *settings)
{
	const char *name = settings->group != NULL ? settings->group : settings->user;
	const struct group *group;
	struct stat socket;

	if (lstat(call->path, &socket) == 0 && (group = getgrgid(socket.st_gid)) != NULL)
		name = group->gr_name;
	return call_end(call, CONTROL_DENIED, "you may not ask the daemon at %s: only root, its"
	    " user and the group %s may (sudo, or adduser YOU %s)", call->path, name, name);
}

static enum control_result
end_unconnected(struct call *call, const struct settings *settings, int error)
{
	if (error == EACCES || error == EPERM)
		return end_denied(call, settings);
	if (error == ENOENT || error == ENOTDIR)
		return call_end(call, CONTROL_ABSENT, "no daemon runs with these settings: there"
		    " is no socket %s (systemctl status tlsward; another settings file: -c)",
		    call->path);
	if (error == ECONNREFUSED)
		return call_end(call, CONTROL_ABSENT, "no daemon runs: one that has died left"
		    " the socket %s (systemctl status tlsward)", call->path);
	return call_end(call, CONTROL_ABSENT, "the daemon cannot be reached at %s: %s",
	    call->path, strerror(error));
}

/* A queue that is full is waited for. */
static enum control_result
call_connect(struct call *call, const struct settings *settings)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", call->path);
	call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (call->fd == -1)
		return end_unconnected(call, settings, errno);
	while (connect(call->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		if (errno != EAGAIN && errno != EINTR)
			return end_unconnected(call, settings, errno);
		if (call_clock() >= call->end_ms)
			return call_end(call, CONTROL_SLOW, "too many ask the daemon at %s: try"
			    " again", call->path);
		(void)poll(NULL, 0, AGAIN_MS);
	}
	return CONTROL_ANSWERED;
}

/* ------------------------------------------------------------------ *
 * The answer
 * ------------------------------------------------------------------ */

static enum control_result
end_gone(struct call *call)
{
	return call_end(call, CONTROL_GONE, "the daemon, or its worker, ended before it"
	    " answered: its log says why");
}

/* Waits until there is more. */
static enum control_result
call_wait(struct call *call)
{
	struct pollfd waiting = { .fd = call->fd, .events = POLLIN };
	int64_t left = call->end_ms - call_clock();

	if (left > 0 && poll(&waiting, 1, (int)left) != 0)
		return CONTROL_ANSWERED;
	return call_end(call, CONTROL_SLOW, "the daemon at %s gives no answer: its log says what"
	    " it does", call->path);
}

/* Reads to the end of the line. */
static enum control_result
call_read(struct call *call, struct buffer *line)
{
	char bytes[16384];
	enum control_result result;

	while (line->length == 0 || line->text[line->length - 1] != '\n') {
		ssize_t got = recv(call->fd, bytes, sizeof(bytes), 0);

		if (got == -1 && (errno == EAGAIN || errno == EINTR)) {
			if ((result = call_wait(call)) != CONTROL_ANSWERED)
				return result;
			continue;
		}
		if (got <= 0)
			return end_gone(call);
		buffer_add(line, bytes, (size_t)got);
		if (line->failed || line->length > ANSWER_MAX)
			return call_end(call, CONTROL_STRANGE, "the answer from %s is too long",
			    call->path);
	}
	return CONTROL_ANSWERED;
}

static enum control_result
call_take(struct call *call, const struct buffer *line, json_t **answer)
{
	json_t *object = json_loadb(line->text, line->length, 0, NULL);
	const char *error = json_string_value(json_object_get(object, "error"));
	struct buffer shown = BUFFER_INIT;

	if (!json_is_object(object)) {
		json_decref(object);
		return call_end(call, CONTROL_STRANGE, "what answers at %s is no tlsward-milter of"
		    " this version", call->path);
	}
	if (error == NULL) {
		*answer = object;
		return CONTROL_ANSWERED;
	}
	text_visible(&shown, error);
	(void)call_end(call, CONTROL_REFUSED, "the daemon says: %s",
	    shown.failed ? "" : shown.text);
	buffer_free(&shown);
	json_decref(object);
	return CONTROL_REFUSED;
}

static enum control_result
call_ask(struct call *call, const char *command, json_t **answer)
{
	struct buffer line = BUFFER_INIT;
	char request[64];
	int length = snprintf(request, sizeof(request), "{\"command\":\"%s\"}\n", command);
	enum control_result result;

	/* So few bytes find room at once. One that has refused us already has said why. */
	if (send(call->fd, request, (size_t)length, MSG_NOSIGNAL) != length &&
	    errno != EPIPE)
		return end_gone(call);
	result = call_read(call, &line);
	if (result == CONTROL_ANSWERED)
		result = call_take(call, &line, answer);
	buffer_free(&line);
	return result;
}

enum control_result
control_ask(const struct settings *settings, const char *command, int timeout_ms,
    json_t **answer, char why[CONTROL_WHY_MAX])
{
	struct call call = { .fd = -1, .end_ms = call_clock() + timeout_ms, .why = why };
	enum control_result result;

	*answer = NULL;
	why[0] = '\0';
	if (settings->control == NULL)
		return call_end(&call, CONTROL_OFF, "the settings have \"control none\": the"
		    " daemon cannot be asked; kill -HUP reloads it, and its log tells how that"
		    " went");
	call.path = settings_unix_path(settings->control);
	result = call_connect(&call, settings);
	if (result == CONTROL_ANSWERED)
		result = call_ask(&call, command, answer);
	if (call.fd != -1)
		(void)close(call.fd);
	return result;
}

struct settings *
control_settings(const char *config, bool *broken)
{
	const char *path = config != NULL ? config : settings_default_path();
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	enum settings_load_result result = diags == NULL ? SETTINGS_NO_MEMORY :
	    settings_load(path, &settings, diags);

	*broken = result == SETTINGS_INVALID;
	if (result != SETTINGS_LOADED && diags != NULL)
		diags_print(diags, false, stderr);
	if (*broken)
		result = settings_load(NULL, &settings, diags);
	if (result == SETTINGS_NO_MEMORY)
		(void)tool_no_memory();
	diags_free(&diags);
	return settings;
}
