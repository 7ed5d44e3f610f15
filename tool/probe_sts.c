/*
 * probe_sts.c - MTA-STS (RFC 8461): records and policies as they are written.
 *
 * What the grammar does not have is no policy: a sender that reads it strictly has none,
 * and that is what the domain should hear. Fields that are not known are none's business,
 * and of one that comes twice the first counts, but for "mx" (sections 3.1 and 3.2).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_sts.h"

#include <stdio.h>
#include <string.h>

#include "tool/probe_say.h"
#include "policy/policy.h"
#include "base/text.h"

#define NAME_MAX_LENGTH 32		/* of a field that is an extension */
#define ID_MAX 32
#define AGE_DIGITS 10

/* Some bytes of what is read. */
struct sts_piece {
	const char *at;
	size_t length;
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (text_lower(c) >= 'a' && text_lower(c) <= 'z');
}

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static bool
sts_piece_is(struct sts_piece piece, const char *text)
{
	return piece.length == strlen(text) && memcmp(piece.at, text, piece.length) == 0;
}

static void
trim_end(struct sts_piece *piece)
{
	while (piece->length > 0 && is_wsp(piece->at[piece->length - 1]))
		piece->length--;
}

static void
trim_start(struct sts_piece *piece)
{
	while (piece->length > 0 && is_wsp(piece->at[0])) {
		piece->at++;
		piece->length--;
	}
}

/* Says what is wrong with a piece, and is false. */
static bool
sts_wrong(struct probe_sts *sts, const char *words, struct sts_piece piece)
{
	char theirs[64];

	(void)snprintf(theirs, sizeof(theirs), "%.*s",
	    piece.length < sizeof(theirs) ? (int)piece.length : (int)sizeof(theirs) - 1,
	    piece.at);
	probe_say(sts->trouble, words, theirs);
	return false;
}

/* The next piece of "rest" until "end", which is taken too. */
static struct sts_piece
take_until(struct sts_piece *rest, char end)
{
	const char *found = memchr(rest->at, end, rest->length);
	struct sts_piece piece = { rest->at,
		found != NULL ? (size_t)(found - rest->at) : rest->length };
	size_t taken = piece.length + (found != NULL);

	rest->at += taken;
	rest->length -= taken;
	return piece;
}

/* Parts a field into name and value at "separator". False: it has none, or no name. */
static bool
split_field(struct sts_piece field, char separator, struct sts_piece *name,
    struct sts_piece *value)
{
	*value = field;
	*name = take_until(value, separator);
	if (name->length == field.length || name->length == 0 ||
	    name->length > NAME_MAX_LENGTH || !is_alnum(name->at[0]))
		return false;
	for (size_t i = 1; i < name->length; i++)
		if (!is_alnum(name->at[i]) && memchr("_-.", name->at[i], 3) == NULL)
			return false;
	return true;
}

/* ------------------------------------------------------------------ *
 * The record, section 3.1
 * ------------------------------------------------------------------ */

static const char record_version[] = "v=STSv1";

bool
sts_is_record(const char *text, size_t length)
{
	size_t size = sizeof(record_version) - 1;

	if (length <= size || memcmp(text, record_version, size) != 0)
		return false;
	while (size < length && is_wsp(text[size]))
		size++;
	return size < length && text[size] == ';';
}

static bool
is_extension_value(struct sts_piece value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] < '!' || value.at[i] > '~' || value.at[i] == ';' ||
		    value.at[i] == '=')
			return false;
	return value.length > 0;
}

static bool
take_id(struct sts_piece value, struct probe_sts *sts)
{
	if (value.length == 0 || value.length > ID_MAX)
		return sts_wrong(sts, "its record's id has not 1 to 32 characters: ", value);
	for (size_t i = 0; i < value.length; i++)
		if (!is_alnum(value.at[i]))
			return sts_wrong(sts, "its record's id is not letters and digits "
			    "alone: ", value);
	if (sts->id[0] == '\0')
		(void)snprintf(sts->id, sizeof(sts->id), "%.*s", (int)value.length,
		    value.at);
	return true;
}

static bool
take_record_field(struct sts_piece field, struct probe_sts *sts)
{
	struct sts_piece name, value;

	if (!split_field(field, '=', &name, &value))
		return sts_wrong(sts, "its record has a field that is not NAME=VALUE: ", field);
	if (sts_piece_is(name, "id"))
		return take_id(value, sts);
	if (!is_extension_value(value))
		return sts_wrong(sts, "its record has a field whose value is none: ", field);
	return true;
}

bool
sts_read_record(const char *text, size_t length, struct probe_sts *sts)
{
	struct sts_piece rest = { text, length };

	sts->id[0] = '\0';
	(void)take_until(&rest, ';');
	while (rest.length > 0) {
		struct sts_piece field = take_until(&rest, ';');
		bool last = field.at + field.length == text + length;

		trim_start(&field);
		trim_end(&field);
		/* Behind the last ";" nothing has to be, but there alone. */
		if (field.length == 0 && last)
			break;
		if (!take_record_field(field, sts))
			return false;
	}
	if (sts->id[0] != '\0')
		return true;
	probe_say(sts->trouble, "its record has no id", "");
	return false;
}

/* ------------------------------------------------------------------ *
 * The policy, section 3.2
 * ------------------------------------------------------------------ */

/* Which of the fields that come once were there. */
struct sts_seen {
	bool version, mode, age;
};

const char *
probe_sts_mode_name(enum probe_sts_mode mode)
{
	static const char *const names[] = {
		[STS_NONE] = "none", [STS_TESTING] = "testing", [STS_ENFORCE] = "enforce"
	};

	return names[mode];
}

static bool
take_mode(struct sts_piece value, struct probe_sts *sts)
{
	for (int i = STS_NONE; i <= STS_ENFORCE; i++)
		if (sts_piece_is(value, probe_sts_mode_name((enum probe_sts_mode)i))) {
			sts->mode = (enum probe_sts_mode)i;
			return true;
		}
	return sts_wrong(sts, "its policy's mode is not enforce, testing or none: ", value);
}

static bool
take_age(struct sts_piece value, struct probe_sts *sts)
{
	int64_t age = 0;

	if (value.length == 0 || value.length > AGE_DIGITS)
		return sts_wrong(sts, "its policy's max_age is not 1 to 10 digits: ", value);
	for (size_t i = 0; i < value.length; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return sts_wrong(sts, "its policy's max_age is not a number: ", value);
		age = age * 10 + (value.at[i] - '0');
	}
	if (age > STS_AGE_MAX)
		return sts_wrong(sts, "its policy's max_age is over a year (31557600): ",
		    value);
	sts->max_age = age;
	return true;
}

/* A domain name, or one behind "*.". More than there is room for are not kept. */
static bool
take_sts_mx(struct sts_piece value, struct probe_sts *sts)
{
	size_t wild = value.length > 2 && memcmp(value.at, "*.", 2) == 0 ? 2 : 0;
	char text[PROBE_NAME], name[PROBE_NAME];

	if (value.length >= sizeof(text))
		return sts_wrong(sts, "its policy has an mx that is too long: ", value);
	memcpy(text, value.at + wild, value.length - wild);
	text[value.length - wild] = '\0';
	/* A NUL makes it shorter; a dot at an end and what is not ASCII are none of a name's. */
	if (strlen(text) != value.length - wild || text[0] == '.' ||
	    !policy_domain(text, name, sizeof(name)) || strcasecmp(text, name) != 0)
		return sts_wrong(sts, "its policy has an mx that is not a host name or "
		    "*.DOMAIN: ", value);
	if (sts->mx_count < sizeof(sts->mx) / sizeof(sts->mx[0]))
		(void)snprintf(sts->mx[sts->mx_count++], sizeof(sts->mx[0]), "%s%.*s",
		    wild != 0 ? "*." : "", PROBE_NAME - 3, name);
	return true;
}

/* Of a field that is not known: visible characters and blanks, UTF-8. */
static bool
is_policy_value(struct sts_piece value)
{
	for (size_t i = 0; i < value.length; i++)
		if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7f)
			return false;
	return value.length > 0 && text_utf8_length(value.at, value.length) == value.length;
}

static bool
take_policy_field(struct sts_piece name, struct sts_piece value, struct sts_seen *seen,
    struct probe_sts *sts)
{
	if (sts_piece_is(name, "version")) {
		if (!seen->version && !sts_piece_is(value, "STSv1"))
			return sts_wrong(sts, "its policy's version is not STSv1: ", value);
		seen->version = true;
	} else if (sts_piece_is(name, "mode")) {
		if (!seen->mode && !take_mode(value, sts))
			return false;
		seen->mode = true;
	} else if (sts_piece_is(name, "max_age")) {
		if (!seen->age && !take_age(value, sts))
			return false;
		seen->age = true;
	} else if (sts_piece_is(name, "mx"))
		return take_sts_mx(value, sts);
	else if (!is_policy_value(value))
		return sts_wrong(sts, "its policy has a field whose value is none: ", name);
	return true;
}

static bool
take_policy_line(struct sts_piece line, struct sts_seen *seen, struct probe_sts *sts)
{
	struct sts_piece name, value;

	trim_end(&line);
	if (line.length == 0)
		return sts_wrong(sts, "its policy has an empty line, which RFC 8461 does not "
		    "allow", line);
	if (!split_field(line, ':', &name, &value))
		return sts_wrong(sts, "its policy has a line that is not NAME: VALUE: ", line);
	trim_start(&value);
	return take_policy_field(name, value, seen, sts);
}

static bool
is_whole_policy(const struct sts_seen *seen, struct probe_sts *sts)
{
	const char *missing = !seen->version ? "version" : !seen->mode ? "mode" :
	    !seen->age ? "max_age" : sts->mode != STS_NONE && sts->mx_count == 0 ? "mx" : NULL;

	if (missing != NULL)
		probe_say(sts->trouble, "its policy has no line ", missing);
	return missing == NULL;
}

bool
sts_read_policy(const char *text, size_t length, struct probe_sts *sts)
{
	struct sts_piece rest = { text, length };
	struct sts_seen seen = { .version = false };

	sts->mx_count = 0;
	sts->max_age = 0;
	sts->mode = STS_NONE;
	if (length > STS_POLICY_MAX) {
		probe_say(sts->trouble, "its policy is larger than 64 KB", "");
		return false;
	}
	while (rest.length > 0) {
		struct sts_piece line = take_until(&rest, '\n');

		if (line.length > 0 && line.at[line.length - 1] == '\r')
			line.length--;
		if (!take_policy_line(line, &seen, sts))
			return false;
	}
	return is_whole_policy(&seen, sts);
}

/* ------------------------------------------------------------------ *
 * Its use, section 4.1
 * ------------------------------------------------------------------ */

bool
probe_sts_fits(const struct probe_sts *sts, const char *host)
{
	const char *parent = strchr(host, '.');

	for (size_t i = 0; i < sts->mx_count; i++) {
		bool wild = sts->mx[i][0] == '*';

		/* One label, and that whole, is what "*" is. */
		if (wild ? parent != NULL && parent != host &&
		    strcasecmp(parent, sts->mx[i] + 1) == 0 :
		    strcasecmp(host, sts->mx[i]) == 0)
			return true;
	}
	return false;
}
