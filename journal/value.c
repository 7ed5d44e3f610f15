/*
 * value.c - facts as a record shows them.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "journal/record.h"

static bool
show_text(struct record_value *value, const char *text)
{
	value->type = VALUE_TEXT;
	value->text = text;
	return text != NULL;
}

static bool
show_number(struct record_value *value, int number, int least)
{
	value->type = VALUE_NUMBER;
	value->number = number < 0 ? 0 : (unsigned)number;
	return number >= least;
}

static bool
show_sender(struct record_value *value, const char *from)
{
	return show_text(value, from != NULL && from[0] == '\0' ? "<>" : from);
}

static bool
show_digest(struct record_value *value, struct record_scratch *scratch,
    const char *digest)
{
	char *normal = scratch->digest;

	if (digest != NULL &&
	    policy_fingerprint_normalize(digest, normal, sizeof scratch->digest))
		digest = normal;
	return show_text(value, digest);
}

static bool
show_verified(struct record_value *value, enum policy_tri verified)
{
	if (verified == POLICY_UNKNOWN)
		return false;
	return show_text(value, verified == POLICY_YES ? "yes" : "no");
}

/* The names of the certificate: the only list among the facts. */
static bool
show_list(struct record_value *value, const struct facts *facts)
{
	value->type = VALUE_LIST;
	value->list = facts->cert_san;
	value->count = facts->cert_san_count;
	return facts->cert_san != NULL;
}

bool
record_field_value(const struct record_field *field,
    const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const void *fact = (const char *)record->facts + field->offset;

	switch (field->kind) {
	case FIELD_RESULT:
		return field->result(record, scratch, value);
	case FIELD_LOCAL:
		return show_text(value, *(const bool *)fact ? "yes" : NULL);
	case FIELD_VERIFIED:
		return show_verified(value, *(const enum policy_tri *)fact);
	case FIELD_LIST:
		return show_list(value, record->facts);
	case FIELD_NUMBER:
	case FIELD_PORT:
		return show_number(value, *(const int *)fact, 1);
	case FIELD_BITS:
		return show_number(value, *(const int *)fact, 0);
	case FIELD_SENDER:
		return show_sender(value, *(const char *const *)fact);
	case FIELD_DIGEST:
		return show_digest(value, scratch, *(const char *const *)fact);
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PROTOCOL:
	case FIELD_MTA:
	case FIELD_ADDRESS:
	case FIELD_TIME:
		break;
	}
	return show_text(value, *(const char *const *)fact);
}
