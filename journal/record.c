/*
 * record.c - the decision record: which fields it has, and where they come from.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>
#include <time.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

static bool
give_text(struct record_value *value, const char *text)
{
	value->type = VALUE_TEXT;
	value->text = text;
	return text != NULL;
}

/* The last "count" digits of "number", and what follows them. */
static void
put_digits(char *text, int number, int count, char after)
{
	text[count] = after;
	while (count-- > 0) {
		text[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
journal_time(int64_t time_ms, char text[JOURNAL_TIME_SIZE])
{
	int64_t seconds = time_ms / 1000, ms = time_ms % 1000;
	struct tm tm = { 0 };
	time_t when;

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	when = (time_t)seconds;
	(void)gmtime_r(&when, &tm);
	put_digits(text, tm.tm_year + 1900, 4, '-');
	put_digits(text + 5, tm.tm_mon + 1, 2, '-');
	put_digits(text + 8, tm.tm_mday, 2, 'T');
	put_digits(text + 11, tm.tm_hour, 2, ':');
	put_digits(text + 14, tm.tm_min, 2, ':');
	put_digits(text + 17, tm.tm_sec, 2, '.');
	put_digits(text + 20, (int)ms, 3, 'Z');
	text[24] = '\0';
}

enum policy_action
journal_action(const char *name)
{
	for (int action = POLICY_ACCEPT; name != NULL && action <= POLICY_REJECT; action++)
		if (strcmp(name, policy_action_name((enum policy_action)action)) == 0)
			return (enum policy_action)action;
	return POLICY_ACCEPT;
}

static bool
get_time(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	journal_time(record->time_ms, scratch->time);
	return give_text(value, scratch->time);
}

static bool
get_domain(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const char *domain = record->verdict->from_domain;

	(void)scratch;
	return give_text(value, domain[0] == '\0' ? NULL : domain);
}

static bool
get_action(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	(void)scratch;
	return give_text(value, policy_action_name(record->verdict->action));
}

static bool
give_reason(struct record_value *value, enum policy_reason reason)
{
	return give_text(value,
	    reason == REASON_NONE ? NULL : policy_reason_name(reason));
}

static bool
get_reason(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	(void)scratch;
	return give_reason(value, record->verdict->reason);
}

/* The reasons in a set of bits, in their order. */
static bool
give_failed(struct record_scratch *scratch, struct record_value *value,
    unsigned failed)
{
	value->type = VALUE_LIST;
	value->list = scratch->reasons;
	value->count = 0;
	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (failed & 1u << r)
			scratch->reasons[value->count++] =
			    policy_reason_name((enum policy_reason)r);
	return value->count > 0;
}

static bool
get_failed(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	return give_failed(scratch, value, record->verdict->failed);
}

/* The outcome at "index" of the verdict, or NULL. */
static const struct policy_outcome *
outcome_at(const struct journal_record *record, int index)
{
	if (index < 0 || index >= OUTCOME_COUNT)
		return NULL;
	return &record->verdict->outcome[index];
}

static bool
give_place(struct record_scratch *scratch, struct record_value *value,
    const struct policy_outcome *outcome)
{
	if (outcome == NULL || outcome->place.file == NULL)
		return false;
	buffer_clear(&scratch->text);
	buffer_string(&scratch->text, outcome->place.file);
	buffer_add(&scratch->text, ":", 1);
	text_decimal(&scratch->text, outcome->place.line);
	return give_text(value, scratch->text.text);
}

static bool
get_rule(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	return give_place(scratch, value,
	    outcome_at(record, record->verdict->reported));
}

static bool
get_rule_kind(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const struct policy_outcome *outcome =
	    outcome_at(record, record->verdict->reported);

	(void)scratch;
	return give_text(value,
	    outcome == NULL ? NULL : policy_rule_kind_name(outcome->place.kind));
}

static bool
get_rule_name(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const struct policy_outcome *outcome =
	    outcome_at(record, record->verdict->reported);

	(void)scratch;
	return give_text(value, outcome == NULL ? NULL : outcome->place.name);
}

/* What the strictest rule under monitor said; NULL where none would refuse. */
static const struct policy_outcome *
would_outcome(const struct journal_record *record)
{
	if (record->verdict->would == POLICY_ACCEPT)
		return NULL;
	return outcome_at(record, record->verdict->would_by);
}

static bool
get_would(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	enum policy_action would = record->verdict->would;

	(void)scratch;
	return give_text(value,
	    would == POLICY_ACCEPT ? NULL : policy_action_name(would));
}

static bool
get_would_reason(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const struct policy_outcome *outcome = would_outcome(record);

	(void)scratch;
	return give_reason(value, outcome == NULL ? REASON_NONE : outcome->reason);
}

static bool
get_would_failed(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const struct policy_outcome *outcome = would_outcome(record);

	return give_failed(scratch, value, outcome == NULL ? 0 : outcome->failed);
}

static bool
get_would_rule(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	return give_place(scratch, value, would_outcome(record));
}

static bool
get_exempt(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	const struct verdict *verdict = record->verdict;

	(void)scratch;
	return give_text(value, verdict->exempt ? verdict->exempt_reason : NULL);
}

static bool
get_reply(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	struct policy_reply reply;

	if (!policy_reply(record->verdict, record->facts, &reply))
		return false;
	buffer_clear(&scratch->text);
	buffer_string(&scratch->text, reply.code);
	buffer_add(&scratch->text, " ", 1);
	buffer_string(&scratch->text, reply.enhanced);
	buffer_add(&scratch->text, " ", 1);
	buffer_string(&scratch->text, reply.text);
	return give_text(value, scratch->text.text);
}

static bool
get_contact(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	(void)scratch;
	return give_text(value, record->verdict->contact);
}

static bool
get_note(const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value)
{
	(void)scratch;
	return give_text(value, record->verdict->note);
}

#define FACT(name, kind) { #name, kind, offsetof(struct facts, name), NULL }
#define RESULT(name) { #name, FIELD_RESULT, 0, get_ ## name }

const struct record_field record_fields[] = {
	RESULT(time),
	FACT(mta, FIELD_MTA),
	FACT(session, FIELD_TEXT),
	FACT(client_addr, FIELD_ADDRESS),
	FACT(client_port, FIELD_PORT),
	FACT(client_name, FIELD_NAME),
	FACT(client_ptr, FIELD_TEXT),
	FACT(local, FIELD_LOCAL),
	FACT(helo, FIELD_TEXT),
	FACT(sasl_username, FIELD_NAME),
	FACT(from, FIELD_SENDER),
	FACT(to, FIELD_NAME),
	FACT(to_resolved, FIELD_NAME),
	FACT(nrcpt, FIELD_NUMBER),
	FACT(queue_id, FIELD_TEXT),
	RESULT(domain),
	FACT(tls_version, FIELD_PROTOCOL),
	FACT(cipher, FIELD_NAME),
	FACT(bits, FIELD_BITS),
	FACT(cert_verified, FIELD_VERIFIED),
	FACT(cert_cn, FIELD_TEXT),
	FACT(cert_san, FIELD_LIST),
	FACT(cert_issuer, FIELD_TEXT),
	FACT(cert_subject_dn, FIELD_TEXT),
	FACT(cert_issuer_dn, FIELD_TEXT),
	FACT(cert_fingerprint, FIELD_DIGEST),
	FACT(cert_pubkey_fingerprint, FIELD_DIGEST),
	FACT(cert_key, FIELD_NAME),
	FACT(cert_signature, FIELD_NAME),
	FACT(cert_not_after, FIELD_TIME),
	FACT(cert_source, FIELD_NAME),
	RESULT(action),
	RESULT(reason),
	RESULT(failed),
	RESULT(rule),
	RESULT(rule_kind),
	RESULT(rule_name),
	RESULT(would),
	RESULT(would_reason),
	RESULT(would_failed),
	RESULT(would_rule),
	RESULT(exempt),
	RESULT(reply),
	RESULT(contact),
	RESULT(note),
};
const size_t record_field_count = sizeof record_fields / sizeof record_fields[0];

const struct record_field *
record_field_find(const char *name, const struct record_field *after)
{
	size_t at = after == NULL ? 0 : (size_t)(after - record_fields) + 1;

	for (size_t i = 0; i < record_field_count; i++, at++) {
		if (at >= record_field_count)
			at = 0;
		if (strcmp(record_fields[at].name, name) == 0)
			return &record_fields[at];
	}
	return NULL;
}
