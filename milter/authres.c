/*
 * authres.c - whose an Authentication-Results field is.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/authres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"

/* The longest authserv-id that is compared by its A-labels. */
#define LABELS_MAX 480

bool
authres_is_field(const char *name)
{
	size_t length = sizeof(AUTHRES_FIELD) - 1;

	return strncasecmp(name, AUTHRES_FIELD, length) == 0 &&
	    name[length + strspn(name + length, " \t\r\n")] == '\0';
}

/* ------------------------------------------------------------------ *
 * The grammar
 * ------------------------------------------------------------------ */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Of a token (RFC 2045, section 5.1); bytes of UTF-8 too (RFC 8601, section 2.2). */
static bool
is_token(char c)
{
	return (unsigned char)c > ' ' && c != '\x7f' &&
	    strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* The byte behind the comment at "at", comments within it too; NULL: it has no end. */
static const char *
skip_comment(const char *at)
{
	size_t depth = 0;

	for (; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

/* CFWS of RFC 5322, section 3.2.2. NULL: a comment has no end. */
static const char *
skip_cfws(const char *at)
{
	while (at != NULL && (is_blank(*at) || *at == '('))
		at = *at == '(' ? skip_comment(at) : at + 1;
	return at;
}

/* The byte behind the quoted string at "at"; NULL: it has no end. */
static const char *
skip_quoted(const char *at)
{
	for (at++; *at != '\0' && *at != '"'; at++)
		if (*at == '\\' && at[1] != '\0')
			at++;
	return *at == '"' ? at + 1 : NULL;
}

static const char *
read_quoted(const char *at, char *out)
{
	const char *end = skip_quoted(at);

	if (end == NULL)
		return NULL;
	for (at++; at + 1 < end; at++) {
		if (*at == '\\')
			at++;
		*out++ = *at;
	}
	*out = '\0';
	return end;
}

/* Reads a value: a token or a quoted string. NULL: there is none, or it has no end. */
static const char *
read_value(const char *at, char *out)
{
	const char *start = at;

	if (*at == '"')
		return read_quoted(at, out);
	while (is_token(*at))
		*out++ = *at++;
	*out = '\0';
	return at > start ? at : NULL;
}

/* Reads the authserv-id into "out". False where the grammar is broken. */
static bool
read_id(const char *value, char *out)
{
	const char *at = skip_cfws(value);

	at = at != NULL ? read_value(at, out) : NULL;
	at = skip_cfws(at);
	if (at == NULL)
		return false;
	at = skip_cfws(at + strspn(at, "0123456789"));
	return at != NULL && (*at == ';' || *at == '\0');
}

/* ------------------------------------------------------------------ *
 * Comparing
 * ------------------------------------------------------------------ */

/*
 * How many bytes at "at" show nothing: blanks and controls, and in UTF-8 the C1
 * controls, the blanks of U+2000 to U+202F and U+3000, and the byte order mark.
 */
static size_t
invisible(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	if (byte[0] <= ' ' || byte[0] == 0x7f)
		return byte[0] != '\0';
	if (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] <= 0xa0)
		return 2;
	if ((byte[0] == 0xe2 && byte[1] == 0x80 && byte[2] >= 0x80 &&
	    byte[2] <= 0xaf) ||
	    (byte[0] == 0xe3 && byte[1] == 0x80 && byte[2] == 0x80) ||
	    (byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf))
		return 3;
	return 0;
}

/* Takes out of "text" what shows nothing, and the characters of "also". */
static void
squeeze(char *text, const char *also)
{
	char *out = text;

	while (*text != '\0') {
		size_t length = invisible(text);

		if (length == 0 && strchr(also, *text) == NULL)
			*out++ = *text;
		text += length > 0 ? length : 1;
	}
	*out = '\0';
}

static size_t
length_without_dot(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '.')
		length--;
	return length;
}

static bool
is_id_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* As domains compare: by their A-labels. */
static bool
same_labels(const char *a, const char *b)
{
	char left[LABELS_MAX + 3], right[LABELS_MAX + 3];

	if (strlen(a) > LABELS_MAX || strlen(b) > LABELS_MAX)
		return false;
	(void)snprintf(left, sizeof(left), "x@%s", a);
	(void)snprintf(right, sizeof(right), "x@%s", b);
	return policy_same_address(left, right);
}

static bool
same_id(char *found, const char *id)
{
	size_t length;

	squeeze(found, "");
	length = length_without_dot(found);
	if (length == length_without_dot(id) && strncasecmp(found, id, length) == 0)
		return true;
	return !is_id_ascii(found) && same_labels(found, id);
}

/* ------------------------------------------------------------------ *
 * What is broken
 * ------------------------------------------------------------------ */

static bool
is_of_name(char c)
{
	static const char others[] = "-_.0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return (unsigned char)c >= 0x80 || (c != '\0' && strchr(others, c) != NULL);
}

/* Whether "id" stands in "text" as a word of its own, with or without a last dot. */
static bool
has_word(const char *text, const char *id)
{
	size_t length = length_without_dot(id);

	for (const char *at = text; *at != '\0'; at++) {
		const char *end = at + length;

		if (strncasecmp(at, id, length) != 0 ||
		    (at > text && is_of_name(at[-1])))
			continue;
		end += strspn(end, ".");
		if (!is_of_name(*end))
			return true;
	}
	return false;
}

/*
 * Takes the comments out. From one that has no end on, only the parentheses go:
 * looking for the end of each would take a hostile value's length squared.
 */
static void
strip_comments(char *text)
{
	const char *at = text;
	char *out = text;
	bool open = false;

	while (*at != '\0') {
		const char *behind = *at == '(' && !open ? skip_comment(at) : NULL;

		open = open || (*at == '(' && behind == NULL);
		if (behind != NULL)
			at = behind;
		else if (*at++ != '(')
			*out++ = at[-1];
	}
	*out = '\0';
}

/* Whether a comment or a quoted string before the first ";" is not closed. */
static bool
is_open(const char *value)
{
	const char *at = value;

	while (at != NULL && *at != '\0' && *at != ';') {
		if (*at == '(')
			at = skip_comment(at);
		else if (*at == '"')
			at = skip_quoted(at);
		else
			at++;
	}
	return at == NULL;
}

/* Where the value's first part ends; what is empty before a ";" is none. */
static size_t
first_part(const char *value)
{
	const char *start = value;

	while (*start == ';' || invisible(start) > 0)
		start += *start == ';' ? 1 : invisible(start);
	return (size_t)(start - value) + strcspn(start, ";");
}

static bool
could_be_ours(const char *value, const char *id, char *scratch)
{
	size_t length = is_open(value) ? strlen(value) : first_part(value);

	memcpy(scratch, value, length);
	scratch[length] = '\0';
	if (has_word(scratch, id) || strstr(scratch, "=?") != NULL)
		return true;
	strip_comments(scratch);
	squeeze(scratch, "\"\\;");
	return scratch[0] == '\0' || has_word(scratch, id);
}

enum authres_claim
authres_claims(const char *value, const char *id)
{
	char *scratch = malloc(strlen(value) + 1);
	bool ours;

	if (scratch == NULL)
		return AUTHRES_NO_MEMORY;
	ours = read_id(value, scratch) ? same_id(scratch, id) :
	    could_be_ours(value, id, scratch);
	free(scratch);
	return ours ? AUTHRES_OURS : AUTHRES_OTHER;
}

void
forged_look(struct forged *forged, const char *name, const char *value, const char *id)
{
	enum authres_claim claim;

	if (forged->lost || !authres_is_field(name))
		return;
	forged->seen++;
	claim = authres_claims(value, id);
	if (claim == AUTHRES_OTHER)
		return;
	if (claim == AUTHRES_NO_MEMORY || forged->count >= FORGED_MAX ||
	    !array_reserve(forged->at, forged->count + 1, &forged->room))
		forged->lost = true;
	else
		forged->at[forged->count++] = forged->seen;
}

void
forged_clear(struct forged *forged)
{
	free(forged->at);
	memset(forged, 0, sizeof(*forged));
}
