/*
 * delegation.c - one request of Postfix's policy delegation protocol.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/delegation.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* The room to begin with: what Postfix sends mostly fits. */
#define ROOM_FIRST 2048

static const char *const names[ATTRIBUTE_COUNT] = {
#define NAME(name, text) text,
	ATTRIBUTES(NAME)
#undef NAME
};

/* A name is what Postfix makes: letters, digits, underscores. */
static bool
is_attribute_name(const char *name, size_t length)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return length > 0 && strspn(name, allowed) == length;
}

/*
 * Notes where the value stands. One that comes twice is no request of Postfix's:
 * which of them counts must not depend on who reads it.
 */
static bool
note_value(struct delegation *request, size_t name_length)
{
	const char *name = request->text + request->line;

	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (strncmp(names[i], name, name_length) != 0 ||
		    names[i][name_length] != '\0')
			continue;
		if (request->values[i] != 0)
			return false;
		request->values[i] = request->line + name_length + 1;
		return true;
	}
	return true;
}

static bool
is_policy_request(const struct delegation *request)
{
	size_t value = request->values[ATTRIBUTE_REQUEST];

	return value != 0 &&
	    strcmp(request->text + value, "smtpd_access_policy") == 0;
}

/* The line that ends at request->length, whose newline is there. */
static enum delegation_state
take_attribute(struct delegation *request)
{
	char *line = request->text + request->line;
	size_t length = request->length - 1 - request->line;
	const char *equals;

	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (memchr(line, '\0', length) != NULL)
		return DELEGATION_GARBAGE;
	line[length] = '\0';
	if (length == 0)
		return is_policy_request(request) ? DELEGATION_COMPLETE :
		    DELEGATION_GARBAGE;
	if (++request->lines > DELEGATION_LINES_MAX)
		return DELEGATION_TOO_LARGE;
	equals = strchr(line, '=');
	if (equals == NULL || !is_attribute_name(line, (size_t)(equals - line)) ||
	    !note_value(request, (size_t)(equals - line)))
		return DELEGATION_GARBAGE;
	request->line = request->length;
	return DELEGATION_PARTIAL;
}

/* Takes the bytes up to a newline, or all of them. */
static size_t
take_some(struct delegation *request, const char *bytes, size_t length)
{
	const char *newline = memchr(bytes, '\n', length);
	size_t taken = newline != NULL ? (size_t)(newline - bytes) + 1 : length;
	size_t wanted = request->length + taken;

	if (taken > DELEGATION_BYTES_MAX - request->length) {
		request->state = DELEGATION_TOO_LARGE;
		return taken;
	}
	if (!array_reserve(request->text, wanted < ROOM_FIRST ? ROOM_FIRST : wanted,
	    &request->room)) {
		request->state = DELEGATION_NO_MEMORY;
		return taken;
	}
	memcpy(request->text + request->length, bytes, taken);
	request->length += taken;
	request->state = newline != NULL ? take_attribute(request) : DELEGATION_PARTIAL;
	return taken;
}

size_t
delegation_feed(struct delegation *request, const char *bytes, size_t length)
{
	size_t taken = 0;

	while (taken < length && request->state <= DELEGATION_PARTIAL)
		taken += take_some(request, bytes + taken, length - taken);
	return taken;
}

const char *
delegation_get(const struct delegation *request, enum attribute attribute)
{
	size_t value = request->values[attribute];

	return value != 0 ? request->text + value : NULL;
}

const char *
delegation_find(const struct delegation *request, enum attribute attribute)
{
	const char *value = delegation_get(request, attribute);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

void
delegation_clear(struct delegation *request)
{
	free(request->text);
	memset(request, 0, sizeof(*request));
}
