/*
 * authres_write.c - how our Authentication-Results field is written.
 *
 * The form is the one that fastmail's authentication_milter made known, with what
 * tlsward decided as properties of the type "policy".
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/authres.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Lines are shorter than this where that can be (RFC 5322, section 2.1.1). */
#define WIDTH 78
#define TAB_WIDTH 8

/* Longer values are left out. Quoted, two of them and more fit into a line. */
#define TEXT_MAX 128

/* A property with its value, quoted. */
#define ITEM_MAX 512

struct writer {
	char *text;
	size_t size;
	size_t length;
	size_t column;
	bool failed;
};

/* Appends an item behind a blank, on a line of its own where this one is full. */
static void
put_item(struct writer *writer, const char *item)
{
	size_t length = strlen(item);
	bool first = writer->length == 0;
	bool fold = !first && writer->column + 1 + length >= WIDTH;
	const char *before = first ? "" : fold ? "\n\t" : " ";

	if (writer->length + strlen(before) + length >= writer->size) {
		writer->failed = true;
		return;
	}
	writer->length += (size_t)snprintf(writer->text + writer->length,
	    writer->size - writer->length, "%s%s", before, item);
	writer->column = fold ? TAB_WIDTH + length : writer->column + !first + length;
}

static void put_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_format(struct writer *writer, const char *format, ...)
{
	char item[ITEM_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(item, sizeof(item), format, arguments);
	va_end(arguments);
	put_item(writer, item);
}

/* What of a value may be there at all: printable ASCII, of a length. */
static bool
is_safe(const char *text)
{
	size_t length = 0;

	for (; text[length] != '\0'; length++)
		if (text[length] < ' ' || text[length] > '~')
			return false;
	return length > 0 && length <= TEXT_MAX;
}

/* Writes a value (RFC 2045, section 5.1), quoted where it is no token. */
static void
quote_value(const char *text, char out[2 * TEXT_MAX + 3])
{
	if (strpbrk(text, " ()<>@,;:\\\"/[]?=") == NULL) {
		(void)snprintf(out, 2 * TEXT_MAX + 3, "%s", text);
		return;
	}
	*out++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out++ = '"';
	*out = '\0';
}

static void
put_value(struct writer *writer, const char *property, const char *text)
{
	char value[2 * TEXT_MAX + 3];

	if (text == NULL || !is_safe(text))
		return;
	quote_value(text, value);
	put_format(writer, "%s=%s", property, value);
}

static void
put_session(struct writer *writer, const struct facts *facts,
    const struct verdict *verdict)
{
	enum policy_tri encrypted = policy_encrypted(facts);

	put_item(writer, encrypted == POLICY_YES ? "x-tls=pass" :
	    encrypted == POLICY_NO ? "x-tls=none" : "x-tls=permerror");
	if (encrypted != POLICY_YES)
		return;
	put_value(writer, "smtp.version", facts->tls_version);
	put_value(writer, "smtp.cipher", facts->cipher);
	if (verdict->bits > 0)
		put_format(writer, "smtp.bits=%d", verdict->bits);
	if (facts->cert_verified == POLICY_YES)
		put_value(writer, "smtp.cert-cn", facts->cert_cn);
}

/* The place of the rule, as the record's field "rule" has it. */
static void
put_place(struct writer *writer, const char *property, const struct verdict *verdict,
    int index)
{
	char place[2 * TEXT_MAX];

	if (index < 0)
		return;
	(void)snprintf(place, sizeof(place), "%s:%u",
	    verdict->outcome[index].place.file, verdict->outcome[index].place.line);
	put_value(writer, property, place);
}

static void
put_verdict(struct writer *writer, const struct verdict *verdict)
{
	put_value(writer, "policy.tlsward", policy_action_name(verdict->action));
	if (verdict->reason != REASON_NONE)
		put_value(writer, "policy.reason", policy_reason_name(verdict->reason));
	put_place(writer, "policy.rule", verdict, verdict->reported);
	if (verdict->exempt)
		put_item(writer, "policy.exempt=yes");
	if (verdict->would == POLICY_ACCEPT || verdict->would_by < 0)
		return;
	put_value(writer, "policy.would", policy_action_name(verdict->would));
	put_value(writer, "policy.would-reason",
	    policy_reason_name(verdict->outcome[verdict->would_by].reason));
	if (verdict->would_by != verdict->reported)
		put_place(writer, "policy.would-rule", verdict, verdict->would_by);
}

bool
authres_write(const char *id, const struct facts *facts,
    const struct verdict *verdict, char *out, size_t size)
{
	struct writer writer = { .text = out, .size = size,
	    .column = sizeof(AUTHRES_FIELD ": ") - 1 };
	char value[2 * TEXT_MAX + 3];

	out[0] = '\0';
	if (!is_safe(id))
		return false;
	quote_value(id, value);
	put_format(&writer, "%s;", value);
	put_session(&writer, facts, verdict);
	put_verdict(&writer, verdict);
	if (writer.failed)
		out[0] = '\0';
	return !writer.failed;
}
