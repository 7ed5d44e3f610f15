/*
 * fact.c - one fact: what its value may be, and where it goes.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "journal/fact.h"
#include "base/date.h"

/* MD5 has the shortest digest that an MTA is known to report, SHA-512 the longest. */
#define DIGEST_MIN 32
#define DIGEST_MAX 128

static void *
slot(struct facts *facts, const struct record_field *field)
{
	return (char *)facts + field->offset;
}

bool
fact_is_number(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER || field->kind == FIELD_PORT ||
	    field->kind == FIELD_BITS;
}

static int
most(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER ? INT_MAX : 65535;
}

bool
fact_wrong_type(const struct record_field *field, char error[JOURNAL_ERROR_MAX])
{
	if (fact_is_number(field))
		return fact_error(error, "%s must be an integer from 0 to %d",
		    field->name, most(field));
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return fact_error(error, "%s must be \"yes\" or \"no\"", field->name);
	return fact_error(error, "%s must be a string", field->name);
}

bool
fact_from_number(struct facts *facts, const struct record_field *field,
    long long number, char error[JOURNAL_ERROR_MAX])
{
	if (number < 0 || number > most(field))
		return fact_wrong_type(field, error);
	*(int *)slot(facts, field) = (int)number;
	return true;
}

static bool
from_digits(struct facts *facts, const struct record_field *field, const char *text,
    char error[JOURNAL_ERROR_MAX])
{
	size_t digits = strspn(text, "0123456789");

	/* Eighteen digits always fit. */
	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return fact_wrong_type(field, error);
	return fact_from_number(facts, field, strtoll(text, NULL, 10), error);
}

static bool
from_yes_or_no(struct facts *facts, const struct record_field *field,
    const char *text, char error[JOURNAL_ERROR_MAX])
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return fact_wrong_type(field, error);
	if (field->kind == FIELD_LOCAL)
		*(bool *)slot(facts, field) = yes;
	else
		*(enum policy_tri *)slot(facts, field) = yes ? POLICY_YES : POLICY_NO;
	return true;
}

static bool
is_address(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	return inet_pton(AF_INET, text, &v4) == 1 ||
	    inet_pton(AF_INET6, text, &v6) == 1;
}

/* An algorithm's name and its colon: "sha512:"; 0 where there is none. */
static size_t
algorithm_length(const char *text)
{
	size_t length = strcspn(text, ":");

	/* Two digits before a colon are a digest's first byte. */
	if (text[length] == '\0' || length <= 2)
		return 0;
	return length + 1;
}

/* A digest of another algorithm than the two that pins can name. */
static bool
is_other_digest(const char *text)
{
	size_t digits = 0;

	if (strncasecmp(text, "sha1:", 5) == 0 || strncasecmp(text, "sha256:", 7) == 0)
		return false;
	for (text += algorithm_length(text); *text != '\0'; text++) {
		if (isxdigit((unsigned char)*text))
			digits++;
		else if (*text != ':' || digits == 0 || digits % 2 != 0 ||
		    !isxdigit((unsigned char)text[1]))
			return false;
	}
	return digits % 2 == 0 && digits >= DIGEST_MIN && digits <= DIGEST_MAX;
}

static bool
is_time(const char *text)
{
	int64_t when;

	return date_read_time(text, &when);
}

static bool
is_digest(const char *text)
{
	char normal[128];

	return strcmp(text, "none") == 0 ||
	    policy_fingerprint_normalize(text, normal, sizeof normal) ||
	    is_other_digest(text);
}

/* Why "text" is no value for the field; NULL: it is one. */
static const char *
objection(const struct record_field *field, const char *text)
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
		return is_address(text) ? NULL : "must be an IPv4 or IPv6 address";
	case FIELD_DIGEST:
		return is_digest(text) ? NULL :
		    "must be a digest (\"sha256:\" and 64 hex digits) or \"none\"";
	case FIELD_TIME:
		return is_time(text) ? NULL :
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

	if (fact_is_number(field))
		return from_digits(facts, field, text, error);
	if (field->kind == FIELD_LOCAL || field->kind == FIELD_VERIFIED)
		return from_yes_or_no(facts, field, text, error);
	why = objection(field, text);
	if (why != NULL)
		return fact_error(error, "%s %s", field->name, why);
	if (field->kind == FIELD_SENDER && text[0] == '\0')
		text = "<>";
	*(const char **)slot(facts, field) = text;
	return true;
}
