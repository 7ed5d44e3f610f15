/*
 * template.c - the texts of replies, with their {names}.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/template.h"

#include <string.h>

const char *const template_names[TEMPLATE_COUNT] = {
	"domain", "reason", "required", "tls_version", "cipher", "bits", "session",
	"client", "presented", "named"
};

static int
find_name(const char *name, size_t length)
{
	for (int i = 0; i < TEMPLATE_COUNT; i++)
		if (strlen(template_names[i]) == length &&
		    memcmp(template_names[i], name, length) == 0)
			return i;
	return -1;
}

enum template_error
template_check(const char *text, const char **at, size_t *length)
{
	while ((text = strchr(text, '{')) != NULL) {
		const char *end;
		int found;

		text++;
		if (*text == '{') {
			text++;
			continue;
		}
		*at = text;
		if ((end = strchr(text, '}')) == NULL)
			return TEMPLATE_BRACE;
		*length = (size_t)(end - text);
		found = find_name(text, *length);
		if (found == -1 || found >= TEMPLATE_NAMES)
			return TEMPLATE_NAME;
		text = end + 1;
	}
	return TEMPLATE_OK;
}

struct output {
	char *next;
	size_t room;
};

static void
put(struct output *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length && out->room > 1; i++) {
		unsigned char c = (unsigned char)text[i];

		*out->next++ = c >= 0x20 && c < 0x7f ? (char)c : '?';
		out->room--;
	}
}

void
template_fill(const char *text, const char *const values[TEMPLATE_COUNT], char *out,
    size_t size)
{
	struct output output = { out, size };

	while (*text != '\0') {
		size_t plain = strcspn(text, "{"), length;
		const char *value;

		put(&output, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		if (text[1] == '{') {
			put(&output, "{", 1);
			text += 2;
			continue;
		}
		length = strcspn(text + 1, "}");
		value = values[find_name(text + 1, length)];
		put(&output, value, strlen(value));
		text += length + 2;
	}
	*output.next = '\0';
}
