/*
 * record.c - the decision record: which fields it has, and where they come from.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/record.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

enum policy_action
journal_action(const char *name)
{
	for (int action = POLICY_ACCEPT; name != NULL && action <= POLICY_REJECT; action++)
		if (strcmp(name, policy_action_name((enum policy_action)action)) == 0)
			return (enum policy_action)action;
	return POLICY_ACCEPT;
}

/* Begins a text; where memory was short for one before, that is not forgotten. */
static void
field_begin(struct record_view *view)
{
	bool failed = view->text.failed;

	buffer_clear(&view->text);
	view->text.failed = failed;
}

/* ------------------------------------------------------------------ *
 * What came out
 * ------------------------------------------------------------------ */

static const char *
field_time(struct record_view *view)
{
	date_write_ms(view->record->time_ms, view->room);
	return view->room;
}

static const char *
field_domain(struct record_view *view)
{
	const char *domain = view->record->verdict->from_domain;

	return domain[0] == '\0' ? NULL : domain;
}

/* The outcome at "index" of the verdict, or NULL. */
static const struct policy_outcome *
field_outcome(const struct journal_record *record, int index)
{
	if (index < 0 || index >= OUTCOME_COUNT)
		return NULL;
	return &record->verdict->outcome[index];
}

static const struct policy_outcome *
field_reported(const struct journal_record *record)
{
	return field_outcome(record, record->verdict->reported);
}

/* What the strictest rule under monitor said; NULL where none would refuse. */
static const struct policy_outcome *
field_monitored(const struct journal_record *record)
{
	if (record->verdict->would == POLICY_ACCEPT)
		return NULL;
	return field_outcome(record, record->verdict->would_by);
}

static const char *
field_action(struct record_view *view)
{
	return policy_action_name(view->record->verdict->action);
}

static const char *
field_reason_name(enum policy_reason reason)
{
	return reason == REASON_NONE ? NULL : policy_reason_name(reason);
}

static const char *
field_reason(struct record_view *view)
{
	return field_reason_name(view->record->verdict->reason);
}

static unsigned
field_failed(const struct journal_record *record)
{
	return record->verdict->failed;
}

static const char *
field_place(struct record_view *view, const struct policy_outcome *outcome)
{
	if (outcome == NULL || outcome->place.file == NULL)
		return NULL;
	field_begin(view);
	buffer_string(&view->text, outcome->place.file);
	buffer_add(&view->text, ":", 1);
	text_decimal(&view->text, outcome->place.line);
	return view->text.text;
}

static const char *
field_rule(struct record_view *view)
{
	return field_place(view, field_reported(view->record));
}

static const char *
field_rule_kind(struct record_view *view)
{
	const struct policy_outcome *outcome = field_reported(view->record);

	return outcome == NULL ? NULL : policy_rule_kind_name(outcome->place.kind);
}

static const char *
field_rule_name(struct record_view *view)
{
	const struct policy_outcome *outcome = field_reported(view->record);

	return outcome == NULL ? NULL : outcome->place.name;
}

static const char *
field_would(struct record_view *view)
{
	enum policy_action would = view->record->verdict->would;

	return would == POLICY_ACCEPT ? NULL : policy_action_name(would);
}

static const char *
field_would_reason(struct record_view *view)
{
	const struct policy_outcome *outcome = field_monitored(view->record);

	return outcome == NULL ? NULL : field_reason_name(outcome->reason);
}

static unsigned
field_would_failed(const struct journal_record *record)
{
	const struct policy_outcome *outcome = field_monitored(record);

	return outcome == NULL ? 0 : outcome->failed;
}

static const char *
field_would_rule(struct record_view *view)
{
	return field_place(view, field_monitored(view->record));
}

static const char *
field_exempt(struct record_view *view)
{
	const struct verdict *verdict = view->record->verdict;

	return verdict->exempt ? verdict->exempt_reason : NULL;
}

static const char *
field_reply(struct record_view *view)
{
	struct policy_reply reply;

	if (!policy_reply(view->record->verdict, view->record->facts, &reply))
		return NULL;
	field_begin(view);
	buffer_string(&view->text, reply.code);
	buffer_add(&view->text, " ", 1);
	buffer_string(&view->text, reply.enhanced);
	buffer_add(&view->text, " ", 1);
	buffer_string(&view->text, reply.text);
	return view->text.text;
}

static const char *
field_contact(struct record_view *view)
{
	return view->record->verdict->contact;
}

static const char *
field_note(struct record_view *view)
{
	return view->record->verdict->note;
}

/* ------------------------------------------------------------------ *
 * What the tables alone have
 * ------------------------------------------------------------------ */

bool
journal_network(const char *address, char network[JOURNAL_NETWORK_SIZE])
{
	struct in6_addr v6;
	struct in_addr v4;
	bool is_v4 = inet_pton(AF_INET, address, &v4) == 1;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	/* The same host, whichever kind of socket it was seen on. */
	if (!is_v4 && IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(&v4, v6.s6_addr + 12, sizeof(v4));
		is_v4 = true;
	}
	if (is_v4) {
		v4.s_addr &= htonl(0xFFFFFF00u);
		(void)inet_ntop(AF_INET, &v4, network, INET_ADDRSTRLEN);
	} else {
		memset(v6.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &v6, network, INET6_ADDRSTRLEN);
	}
	(void)strcat(network, is_v4 ? "/24" : "/64");
	return true;
}

static const char *
field_client_network(struct record_view *view)
{
	const char *address = view->record->facts->client_addr;

	if (address == NULL || !journal_network(address, view->room))
		return NULL;
	return view->room;
}

static const char *
field_authenticated(struct record_view *view)
{
	return view->record->facts->sasl_username != NULL ? "yes" : NULL;
}

static const char *
field_null_sender(struct record_view *view)
{
	const char *from = view->record->facts->from;

	if (from == NULL || (from[0] != '\0' && strcmp(from, "<>") != 0))
		return NULL;
	return "yes";
}

/* The local part. */
static const char *
field_sender(struct record_view *view)
{
	const char *from = view->record->facts->from;
	const char *at = from != NULL ? strrchr(from, '@') : NULL;

	if (field_null_sender(view) != NULL)
		return NULL;
	if (at == NULL)
		return from;
	field_begin(view);
	buffer_add(&view->text, from, (size_t)(at - from));
	return view->text.text;
}

static unsigned
field_exempted(const struct journal_record *record)
{
	return record->verdict->exempt ? 1 : 0;
}

/* ------------------------------------------------------------------ *
 * The list
 * ------------------------------------------------------------------ */

#define FIELD_NOT 0
#define FIELD_ONE IN_ROLLUP
#define FIELD_SET IN_FACTS
#define FIELD_CERTIFICATE IN_CERTIFICATE

#define FACT(name, kind, rolled) \
	{ #name, FIELD_ ## kind, IN_LINE | IN_RECORD | FIELD_ ## rolled, \
	    offsetof(struct facts, name), NULL, NULL },
#define RESULT(name, rolled) \
	{ #name, FIELD_RESULT, IN_LINE | IN_RECORD | FIELD_ ## rolled, 0, \
	    field_ ## name, NULL },
#define REASONS(name) \
	{ #name, FIELD_REASONS, IN_LINE | IN_RECORD, 0, NULL, field_ ## name },
#define COLUMN(name, places) { #name, FIELD_RESULT, places, 0, field_ ## name, NULL },

const struct record_field record_fields[] = {
	/* The column "time" is a number, and put in by hand. */
	COLUMN(time, IN_LINE)
	POLICY_CLIENT_FACTS(FACT)
	COLUMN(client_network, IN_FACTS)
	POLICY_MAIL_FACTS(FACT)
	COLUMN(authenticated, IN_FACTS)
	COLUMN(null_sender, IN_FACTS)
	COLUMN(sender, IN_ROLLUP)
	RESULT(domain, SET)
	POLICY_TLS_FACTS(FACT)
	RESULT(action, NOT)
	RESULT(reason, NOT)
	REASONS(failed)
	RESULT(rule, SET)
	RESULT(rule_kind, SET)
	RESULT(rule_name, SET)
	RESULT(would, NOT)
	RESULT(would_reason, NOT)
	REASONS(would_failed)
	RESULT(would_rule, NOT)
	RESULT(exempt, NOT)
	RESULT(reply, NOT)
	RESULT(contact, NOT)
	RESULT(note, NOT)
	{ "exempted", FIELD_FLAG, IN_RECORD, 0, NULL, field_exempted },
	{ NULL, FIELD_TEXT, 0, 0, NULL, NULL },
};
int
record_field_count(unsigned places)
{
	const struct record_field *field = NULL;
	int count = 0;

	while ((field = record_field_next(field, places)) != NULL)
		count++;
	return count;
}

const struct record_field *
record_field_find(const char *name, const struct record_field *after)
{
	const struct record_field *field = after;

	do {
		field = record_field_next(field, IN_LINE);
		if (field != NULL && strcmp(field->name, name) == 0)
			return field;
		/* From the first on again, when the last was not it. */
	} while (field != after);
	return NULL;
}

bool
record_field_is_fact(const struct record_field *field)
{
	return field->kind < FIELD_RESULT;
}

bool
record_field_is_number(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER || field->kind == FIELD_PORT ||
	    field->kind == FIELD_BITS || field->kind == FIELD_FLAG;
}

bool
record_field_is_list(const struct record_field *field)
{
	return field->kind == FIELD_LIST || field->kind == FIELD_REASONS;
}

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

struct fact_list
fact_list_get(const struct facts *facts, const struct record_field *field)
{
	struct fact_list list;

	memcpy(&list, (const char *)facts + field->offset, sizeof(list));
	return list;
}

void
fact_list_set(struct facts *facts, const struct record_field *field,
    struct fact_list list)
{
	memcpy((char *)facts + field->offset, &list, sizeof(list));
}

static bool
value_text(struct record_value *value, const char *text)
{
	value->type = VALUE_TEXT;
	value->text = text;
	return text != NULL;
}

static bool
value_number(struct record_value *value, int number, int least)
{
	value->type = VALUE_NUMBER;
	value->number = number < 0 ? 0 : (unsigned)number;
	return number >= least;
}

static bool
value_list(struct record_value *value, struct fact_list list)
{
	value->type = VALUE_LIST;
	value->list = list.strings;
	value->count = list.count;
	return list.strings != NULL;
}

/* The reasons in a set of bits, in their order. */
static bool
value_reasons(struct record_value *value, struct record_view *view, unsigned set)
{
	value->type = VALUE_LIST;
	value->list = view->reasons;
	value->count = 0;
	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (set & 1u << r)
			view->reasons[value->count++] =
			    policy_reason_name((enum policy_reason)r);
	return value->count > 0;
}

static bool
value_digest(struct record_value *value, struct record_view *view, const char *digest)
{
	if (digest != NULL &&
	    policy_fingerprint_normalize(digest, view->room, sizeof(view->room)))
		digest = view->room;
	return value_text(value, digest);
}

static bool
value_verified(struct record_value *value, enum policy_tri verified)
{
	return value_text(value, verified == POLICY_UNKNOWN ? NULL :
	    verified == POLICY_YES ? "yes" : "no");
}

static bool
value_sender(struct record_value *value, const char *from)
{
	return value_text(value, from != NULL && from[0] == '\0' ? "<>" : from);
}

bool
record_field_value(const struct record_field *field, struct record_view *view,
    struct record_value *value)
{
	const void *fact = (const char *)view->record->facts + field->offset;

	switch (field->kind) {
	case FIELD_RESULT:
		return value_text(value, field->text(view));
	case FIELD_REASONS:
		return value_reasons(value, view, field->number(view->record));
	case FIELD_FLAG:
		return value_number(value, (int)field->number(view->record), 0);
	case FIELD_LOCAL:
		return value_text(value, *(const bool *)fact ? "yes" : NULL);
	case FIELD_VERIFIED:
		return value_verified(value, *(const enum policy_tri *)fact);
	case FIELD_LIST:
		return value_list(value, fact_list_get(view->record->facts, field));
	case FIELD_NUMBER:
	case FIELD_PORT:
		return value_number(value, *(const int *)fact, 1);
	case FIELD_BITS:
		return value_number(value, *(const int *)fact, 0);
	case FIELD_SENDER:
		return value_sender(value, *(const char *const *)fact);
	case FIELD_DIGEST:
		return value_digest(value, view, *(const char *const *)fact);
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PROTOCOL:
	case FIELD_MTA:
	case FIELD_ADDRESS:
	case FIELD_TIME:
		break;
	}
	return value_text(value, *(const char *const *)fact);
}
