/*
 * ship_state.c - how far the journal was sent, in a file beside it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/date.h"
#include "base/file.h"

#define STATE_MAX 65536

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static int64_t
state_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void
state_text(const json_t *object, const char *name, char *text, size_t size)
{
	const char *found = json_string_value(json_object_get(object, name));

	(void)snprintf(text, size, "%s", found != NULL ? found : "");
}

/* A stream that it does not name is at its beginning. */
static void
state_cursors(const json_t *cursors, struct ship_state *state)
{
	for (int i = 0; i < SHIP_STREAMS; i++) {
		const json_t *cursor = json_object_get(cursors, ship_streams[i].name);

		state->cursors[i] = json_is_integer(cursor) ? json_integer_value(cursor) :
		    ship_cursor_start(&ship_streams[i]);
	}
	state->known = json_is_object(cursors);
}

bool
ship_state_read(const char *path, struct ship_state *state)
{
	struct file file = { .text = NULL };
	char name[PATH_MAX];
	json_t *object = NULL;
	int length = snprintf(name, sizeof(name), "%s.ship", path);

	memset(state, 0, sizeof(*state));
	if (length > 0 && (size_t)length < sizeof(name) &&
	    file_read(name, STATE_MAX, true, &file) == FILE_READ)
		object = json_loadb(file.text, file.length, 0, NULL);
	free(file.text);
	if (!json_is_object(object)) {
		json_decref(object);
		return false;
	}
	state->time_ms = state_number(object, "time");
	state->sent_ms = state_number(object, "sent");
	state->rows = state_number(object, "rows");
	state->refused = state_number(object, "refused");
	state->error_ms = state_number(object, "error_since");
	state_text(object, "error", state->error, sizeof(state->error));
	state_text(object, "journal", state->journal, sizeof(state->journal));
	state_cursors(json_object_get(object, "cursors"), state);
	json_decref(object);
	return state->time_ms > 0;
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

static json_t *
state_object(const struct ship_state *state)
{
	json_t *cursors = state->known ? json_object() : json_null();

	for (int i = 0; state->known && i < SHIP_STREAMS; i++)
		(void)json_object_set_new(cursors, ship_streams[i].name,
		    json_integer(state->cursors[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:s, s:o, s:I, s:s}", "time", state->time_ms,
	    "sent", state->sent_ms, "rows", state->rows, "refused", state->refused, "journal",
	    state->journal, "cursors", cursors, "error_since", state->error_ms, "error",
	    state->error);
}

static bool
state_put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	size_t length = strlen(text);
	bool fine = fd != -1 && write(fd, text, length) == (ssize_t)length;
	int saved = errno;

	if (fd != -1)
		(void)close(fd);
	errno = saved;
	return fine;
}

bool
ship_state_write(const char *path, const struct ship_state *state)
{
	char name[PATH_MAX], fresh[PATH_MAX];
	int length = snprintf(fresh, sizeof(fresh), "%s.ship.new", path);
	json_t *object = state_object(state);
	char *text = object == NULL ? NULL : json_dumps(object, JSON_INDENT(1));
	bool fine = false;

	json_decref(object);
	errno = ENOMEM;
	if (text != NULL && length > 0 && (size_t)length < sizeof(fresh)) {
		(void)snprintf(name, sizeof(name), "%.*s", length - 4, fresh);
		fine = state_put(fresh, text) && rename(fresh, name) == 0;
	}
	free(text);
	return fine;
}

bool
ship_standing_read(const char *path, int64_t now_ms, struct ship_standing *standing)
{
	struct ship_state *state = &standing->state;
	bool known;

	*standing = (struct ship_standing){ .up = false };
	if (!ship_state_read(path, state))
		memset(state, 0, sizeof(*state));
	standing->up = state->time_ms > now_ms - SHIP_SILENT_MS && state->error_ms == 0;
	known = ship_lag_read(path, state->known ? state : NULL, &standing->lag);
	if (standing->lag.since_ms > 0 && standing->lag.since_ms < now_ms)
		standing->behind_ms = now_ms - standing->lag.since_ms;
	return known;
}
