/*
 * fact.c - facts by the list: what a value may be, where it goes, and copies.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "journal/record.h"
#include "base/date.h"

/* MD5 has the shortest digest that an MTA is known to report, SHA-512 the longest. */
#define DIGEST_MIN 32
#define DIGEST_MAX 128

static void *
fact_slot(struct facts *facts, const struct record_field *field)
{
	return (char *)facts + field->offset;
}

bool
fact_error(char error[JOURNAL_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, JOURNAL_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

static int
fact_most(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER ? INT_MAX : 65535;
}

bool
fact_wrong_type(const struct record_field *field, char error[JOURNAL_ERROR_MAX])
{
	if (record_field_is_number(field))
		return fact_error(error, "%s must be an integer from 0 to %d",
		    field->name, fact_most(field));
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return fact_error(error, "%s must be \"yes\" or \"no\"", field->name);
	return fact_error(error, "%s must be a string", field->name);
}

bool
fact_from_number(struct facts *facts, const struct record_field *field,
    long long number, char error[JOURNAL_ERROR_MAX])
{
	if (number < 0 || number > fact_most(field))
		return fact_wrong_type(field, error);
	*(int *)fact_slot(facts, field) = (int)number;
	return true;
}

static bool
fact_from_digits(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	size_t digits = strspn(text, "0123456789");

	/* Eighteen digits always fit. */
	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return fact_wrong_type(field, error);
	return fact_from_number(facts, field, strtoll(text, NULL, 10), error);
}

static bool
fact_from_yes_or_no(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return fact_wrong_type(field, error);
	if (field->kind == FIELD_LOCAL)
		*(bool *)fact_slot(facts, field) = yes;
	else
		*(enum policy_tri *)fact_slot(facts, field) =
		    yes ? POLICY_YES : POLICY_NO;
	return true;
}

static bool
fact_is_address(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	return inet_pton(AF_INET, text, &v4) == 1 ||
	    inet_pton(AF_INET6, text, &v6) == 1;
}

/* An algorithm's name and its colon: "sha512:"; 0 where there is none. */
static size_t
fact_algorithm_length(const char *text)
{
	size_t length = strcspn(text, ":");

	/* Two digits before a colon are a digest's first byte. */
	if (text[length] == '\0' || length <= 2)
		return 0;
	return length + 1;
}

/* A digest of another algorithm than the two that pins can name. */
static bool
fact_is_other_digest(const char *text)
{
	size_t digits = 0;

	if (strncasecmp(text, "sha1:", 5) == 0 || strncasecmp(text, "sha256:", 7) == 0)
		return false;
	for (text += fact_algorithm_length(text); *text != '\0'; text++) {
		if (isxdigit((unsigned char)*text))
			digits++;
		else if (*text != ':' || digits == 0 || digits % 2 != 0 ||
		    !isxdigit((unsigned char)text[1]))
			return false;
	}
	return digits % 2 == 0 && digits >= DIGEST_MIN && digits <= DIGEST_MAX;
}

static bool
fact_is_time(const char *text)
{
	int64_t when;

	return date_read_time(text, &when);
}

static bool
fact_is_digest(const char *text)
{
	char normal[128];

	return strcmp(text, "none") == 0 ||
	    policy_fingerprint_normalize(text, normal, sizeof(normal)) ||
	    fact_is_other_digest(text);
}

/* Why "text" is no value for the field; NULL: it is one. */
static const char *
fact_objection(const struct record_field *field, const char *text)
{
	switch (field->kind) {
	case FIELD_NAME:
		return text[0] != '\0' ? NULL :
		    "is empty: leave it out when it is unknown or does not apply";
	case FIELD_PROTOCOL:
		return text[0] != '\0' ? NULL :
		    "is empty: clear text is \"none\"; leave it out when it is unknown";
	case FIELD_MTA:
		return strcmp(text, "postfix") == 0 || strcmp(text, "sendmail") == 0 ?
		    NULL : "must be \"postfix\" or \"sendmail\"";
	case FIELD_ADDRESS:
		return fact_is_address(text) ? NULL : "must be an IPv4 or IPv6 address";
	case FIELD_DIGEST:
		return fact_is_digest(text) ? NULL :
		    "must be a digest (\"sha256:\" and 64 hex digits) or \"none\"";
	case FIELD_TIME:
		return fact_is_time(text) ? NULL :
		    "must be a time of the form 2026-01-31T12:00:00Z";
	default:
		return NULL;
	}
}

bool
fact_from_text(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	const char *why;

	if (record_field_is_number(field))
		return fact_from_digits(facts, field, text, error);
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return fact_from_yes_or_no(facts, field, text, error);
	why = fact_objection(field, text);
	if (why != NULL)
		return fact_error(error, "%s %s", field->name, why);
	if (field->kind == FIELD_SENDER && text[0] == '\0')
		text = "<>";
	*(const char **)fact_slot(facts, field) = text;
	return true;
}

/* ------------------------------------------------------------------ *
 * Copies
 * ------------------------------------------------------------------ */

static const char *
fact_string(const struct facts *facts, const struct record_field *field)
{
	const char *string = NULL;

	if (field->kind <= FIELD_TIME)
		memcpy(&string, (const char *)facts + field->offset, sizeof(string));
	return string;
}

static size_t
fact_string_size(const char *string)
{
	return string != NULL ? strlen(string) + 1 : 0;
}

/* What the strings of lists stand in. */
static size_t
fact_arrays_size(const struct facts *facts)
{
	const struct record_field *field = NULL;
	size_t size = 0;

	while ((field = record_field_next(field, IN_LINE)) != NULL)
		if (field->kind == FIELD_LIST)
			size += fact_list_get(facts, field).count * sizeof(char *);
	return size;
}

size_t
facts_copy_size(const struct facts *facts)
{
	size_t size = alignof(char *) + fact_arrays_size(facts);
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, IN_LINE)) != NULL) {
		size += fact_string_size(fact_string(facts, field));
		if (field->kind == FIELD_LIST) {
			struct fact_list list = fact_list_get(facts, field);

			for (size_t i = 0; i < list.count; i++)
				size += fact_string_size(list.strings[i]);
		}
	}
	return size;
}

/* Copies the string to *room and moves *room behind it; NULL stays NULL. */
static const char *
fact_copy_string(const char *string, char **room)
{
	size_t size = fact_string_size(string);

	if (size == 0)
		return NULL;
	*room += size;
	return memcpy(*room - size, string, size);
}

/* The array goes to *array, the strings to *room; both move on. */
static struct fact_list
fact_copy_list(struct fact_list list, const char ***array, char **room)
{
	const char **strings = *array;

	if (list.strings == NULL)
		return list;
	for (size_t i = 0; i < list.count; i++)
		strings[i] = fact_copy_string(list.strings[i], room);
	*array += list.count;
	return (struct fact_list){ strings, list.count };
}

void
facts_copy(struct facts *copy, const struct facts *facts, char *room)
{
	size_t over = (uintptr_t)room % alignof(char *);
	const char **array = (const char **)(void *)(over == 0 ? room :
	    room + alignof(char *) - over);
	char *strings = (char *)array + fact_arrays_size(facts);
	const struct record_field *field = NULL;

	*copy = *facts;
	while ((field = record_field_next(field, IN_LINE)) != NULL) {
		if (field->kind == FIELD_LIST)
			fact_list_set(copy, field, fact_copy_list(
			    fact_list_get(facts, field), &array, &strings));
		else if (field->kind <= FIELD_TIME)
			*(const char **)fact_slot(copy, field) =
			    fact_copy_string(fact_string(facts, field), &strings);
	}
}
