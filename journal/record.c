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
#include "policy/tls_policy.h"

enum policy_action
journal_action(const char *name)
{
	for (int action = POLICY_ACCEPT; name != NULL && action <= POLICY_REJECT; action++)
		if (strcmp(name, policy_action_name((enum policy_action)action)) == 0)
			return (enum policy_action)action;
	return POLICY_ACCEPT;
}

/* ------------------------------------------------------------------ *
 * What came out, and what is made of facts
 * ------------------------------------------------------------------ */

/* Begins a text; where memory was short for one before, that is not forgotten. */
static void
field_begin(struct record_view *view)
{
	bool failed = view->text.failed;

	buffer_clear(&view->text);
	view->text.failed = failed;
}

static const char *
field_moment(struct record_view *view, int64_t time_ms)
{
	date_write_ms(time_ms, view->room);
	return view->room;
}

static const char *
field_filled(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static const struct policy_outcome no_outcome = { .place = { .file = NULL } };

/* The outcome at "index" of the verdict, or one that says nothing. */
static const struct policy_outcome *
field_outcome(const struct verdict *verdict, int index)
{
	return index < 0 || index >= OUTCOME_COUNT ? &no_outcome :
	    &verdict->outcome[index];
}

static const struct policy_outcome *
field_reported(const struct verdict *verdict)
{
	return field_outcome(verdict, verdict->reported);
}

/* What the strictest rule under monitor said; nothing where none would refuse. */
static const struct policy_outcome *
field_monitored(const struct verdict *verdict)
{
	return field_outcome(verdict,
	    verdict->would == POLICY_ACCEPT ? -1 : verdict->would_by);
}

static const char *
field_reason_name(enum policy_reason reason)
{
	return reason == REASON_NONE ? NULL : policy_reason_name(reason);
}

static const char *
field_place(struct record_view *view, const struct policy_outcome *outcome)
{
	if (outcome->place.file == NULL)
		return NULL;
	field_begin(view);
	buffer_string(&view->text, outcome->place.file);
	buffer_add(&view->text, ":", 1);
	text_decimal(&view->text, outcome->place.line);
	return view->text.text;
}

static const char *
field_reply_line(struct record_view *view)
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
field_network(struct record_view *view)
{
	const char *address = view->record->facts->client_addr;

	return address != NULL && journal_network(address, view->room) ?
	    view->room : NULL;
}

/*
 * Where a rule of the client, the sender or the recipient applied, via and require client
 * are judged again by it. What the default rule has to say is none of theirs.
 */
static const char *
field_address(struct record_view *view)
{
	const struct policy_outcome *outcome = view->record->verdict->outcome;

	for (int i = 0; i < OUTCOME_COUNT; i++)
		if (outcome[i].place.file != NULL && outcome[i].place.kind != RULE_DEFAULT)
			return view->record->facts->client_addr;
	return NULL;
}

/* Nothing where the name was found, which is told by the name. */
static const char *
field_unresolved(const struct facts *facts)
{
	return facts->client_resolve != NULL && strcmp(facts->client_resolve, "ok") != 0 ?
	    facts->client_resolve : NULL;
}

static bool
field_is_null_sender(const char *from)
{
	return from != NULL && (from[0] == '\0' || strcmp(from, "<>") == 0);
}

static const char *
field_local_part(struct record_view *view)
{
	const char *from = view->record->facts->from;
	const char *at = from != NULL ? strrchr(from, '@') : NULL;

	if (field_is_null_sender(from) || at == NULL)
		return field_is_null_sender(from) ? NULL : from;
	field_begin(view);
	buffer_add(&view->text, from, (size_t)(at - from));
	return view->text.text;
}

/* What Postfix is told of mail that goes out. */
static const char *
field_told(struct record_view *view)
{
	if (view->record->facts->direction == NULL)
		return NULL;
	field_begin(view);
	if (!policy_tls_policy(view->record->verdict, &view->text))
		buffer_string(&view->text, "NOTFOUND");
	return view->text.text;
}

/* ------------------------------------------------------------------ *
 * The list
 * ------------------------------------------------------------------ */

#define IN_BOTH (IN_LINE | IN_RECORD)

/*
 * In their order: facts; texts, and what they are, NULL where unknown; numbers; and
 * what rows alone have.
 */
#define RECORD_FIELDS(FACT, TEXT, NUMBER, ROWS) \
	/* The column "time" is a number, and put in by hand. */ \
	TEXT(time, MOMENT, IN_LINE, field_moment(view, view->record->time_ms)) \
	POLICY_CLIENT_FACTS(FACT) \
	TEXT(client_network, RESULT, IN_FACTS, field_network(view)) \
	TEXT(client_address, RESULT, IN_FACTS | IN_LATER, field_address(view)) \
	TEXT(client_resolve, RESULT, IN_FACTS | IN_LATER, \
	    field_unresolved(view->record->facts)) \
	POLICY_MAIL_FACTS(FACT) \
	TEXT(authenticated, RESULT, IN_FACTS, \
	    view->record->facts->sasl_username != NULL ? "yes" : NULL) \
	TEXT(null_sender, RESULT, IN_FACTS, \
	    field_is_null_sender(view->record->facts->from) ? "yes" : NULL) \
	TEXT(sender, RESULT, IN_ROLLUP, field_local_part(view)) \
	TEXT(domain, RESULT, IN_BOTH | IN_FACTS, field_filled(verdict->from_domain)) \
	POLICY_TLS_FACTS(FACT) \
	TEXT(action, RESULT, IN_BOTH, policy_action_name(verdict->action)) \
	TEXT(reason, RESULT, IN_BOTH, field_reason_name(verdict->reason)) \
	NUMBER(failed, REASONS, IN_BOTH, verdict->failed) \
	TEXT(rule, RESULT, IN_BOTH | IN_FACTS, \
	    field_place(view, field_reported(verdict))) \
	TEXT(rule_kind, RESULT, IN_BOTH | IN_FACTS, \
	    field_reported(verdict) == &no_outcome ? NULL : \
	    policy_rule_kind_name(field_reported(verdict)->place.kind)) \
	TEXT(rule_name, RESULT, IN_BOTH | IN_FACTS, \
	    field_reported(verdict)->place.name) \
	TEXT(rule_via, RESULT, IN_BOTH | IN_FACTS | IN_LATER, \
	    field_reported(verdict)->via) \
	TEXT(partner, RESULT, IN_BOTH | IN_FACTS | IN_LATER, \
	    field_outcome(verdict, OUTCOME_FROM)->partner) \
	TEXT(tls_policy, RESULT, IN_BOTH, field_told(view)) \
	TEXT(enforced, RESULT, IN_BOTH, verdict->would != POLICY_ACCEPT && \
	    verdict->action == POLICY_ACCEPT ? "no" : NULL) \
	TEXT(would, RESULT, IN_BOTH, verdict->would == POLICY_ACCEPT ? NULL : \
	    policy_action_name(verdict->would)) \
	TEXT(would_reason, RESULT, IN_BOTH, \
	    field_reason_name(field_monitored(verdict)->reason)) \
	NUMBER(would_failed, REASONS, IN_BOTH, field_monitored(verdict)->failed) \
	TEXT(would_rule, RESULT, IN_BOTH, field_place(view, field_monitored(verdict))) \
	TEXT(exempt, RESULT, IN_BOTH, verdict->exempt ? verdict->exempt_reason : NULL) \
	TEXT(reply, RESULT, IN_BOTH, field_reply_line(view)) \
	TEXT(contact, RESULT, IN_BOTH, verdict->contact) \
	TEXT(note, RESULT, IN_BOTH, verdict->note) \
	NUMBER(exempted, FLAG, IN_RECORD, verdict->exempt) \
	TEXT(exemption, RESULT, IN_FACTS | IN_LATER, !verdict->exempt ? NULL : \
	    verdict->exempt_reason != NULL ? verdict->exempt_reason : "") \
	ROWS("kind", RESULT) \
	ROWS("messages", FLAG) \
	ROWS("first", MOMENT) \
	ROWS("last", MOMENT) \
	ROWS("client_network", RESULT) \
	ROWS("host", RESULT) \
	ROWS("address", RESULT) \
	ROWS("result", RESULT) \
	ROWS("tls_reason", RESULT) \
	ROWS("verdict", RESULT) \
	ROWS("dsn", RESULT) \
	ROWS("text", RESULT) \
	ROWS("count", FLAG) \
	ROWS("sample", RESULT)

#define NO_FUNCTION(...)
#define TEXT_FUNCTION(name, kind, places, value) \
	static const char * \
	field_ ## name(struct record_view *view) \
	{ \
		const struct verdict *verdict = view->record->verdict; \
	\
		(void)verdict; \
		return value; \
	}
#define NUMBER_FUNCTION(name, kind, places, value) \
	static unsigned \
	field_ ## name(struct record_view *view) \
	{ \
		const struct verdict *verdict = view->record->verdict; \
	\
		return value; \
	}
RECORD_FIELDS(NO_FUNCTION, TEXT_FUNCTION, NUMBER_FUNCTION, NO_FUNCTION)

/* What a roll-up has of a fact. */
#define FIELD_NOT 0
#define FIELD_ONE IN_ROLLUP
#define FIELD_SET IN_FACTS
#define FIELD_CERTIFICATE IN_CERTIFICATE

#define FACT_FIELD(name, kind, rolled) \
	{ #name, FIELD_ ## kind, IN_BOTH | FIELD_ ## rolled, \
	    offsetof(struct facts, name), NULL, NULL },
#define TEXT_FIELD(name, kind, places, value) \
	{ #name, FIELD_ ## kind, places, 0, field_ ## name, NULL },
#define NUMBER_FIELD(name, kind, places, value) \
	{ #name, FIELD_ ## kind, places, 0, NULL, field_ ## name },
#define ROWS_FIELD(name, kind) { name, FIELD_ ## kind, IN_ROWS, 0, NULL, NULL },

const struct record_field record_fields[] = {
	RECORD_FIELDS(FACT_FIELD, TEXT_FIELD, NUMBER_FIELD, ROWS_FIELD)
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

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

static struct record_value
value_text(const char *text)
{
	return (struct record_value){ .type = text != NULL ? VALUE_TEXT : VALUE_NONE,
	    .text = text };
}

static struct record_value
value_number(int number, int least)
{
	return (struct record_value){
	    .type = number >= least ? VALUE_NUMBER : VALUE_NONE,
	    .number = (unsigned)number };
}

/* The reasons in a set of bits, in their order. */
static struct record_value
value_reasons(struct record_view *view, unsigned set)
{
	struct record_value value = { .list = { view->reasons, 0 } };

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (set & 1u << r)
			view->reasons[value.list.count++] =
			    policy_reason_name((enum policy_reason)r);
	value.type = value.list.count > 0 ? VALUE_LIST : VALUE_NONE;
	return value;
}

static struct record_value
value_digest(struct record_view *view, const char *digest)
{
	bool normal = digest != NULL &&
	    policy_fingerprint_normalize(digest, view->room, sizeof(view->room));

	return value_text(normal ? view->room : digest);
}

static struct record_value
value_verified(enum policy_tri verified)
{
	return value_text(verified == POLICY_UNKNOWN ? NULL :
	    verified == POLICY_YES ? "yes" : "no");
}

static struct record_value
value_sender(const char *from)
{
	return value_text(from != NULL && from[0] == '\0' ? "<>" : from);
}

static struct record_value
value_list(const struct fact_list *list)
{
	return (struct record_value){
	    .type = list->strings != NULL ? VALUE_LIST : VALUE_NONE, .list = *list };
}

struct record_value
record_field_value(const struct record_field *field, struct record_view *view)
{
	const void *fact = (const char *)view->record->facts + field->offset;

	switch (field->kind) {
	case FIELD_RESULT:
	case FIELD_MOMENT:
		return value_text(field->text(view));
	case FIELD_REASONS:
		return value_reasons(view, field->number(view));
	case FIELD_FLAG:
		return value_number((int)field->number(view), 0);
	case FIELD_LOCAL:
		return value_text(*(const bool *)fact ? "yes" : NULL);
	case FIELD_VERIFIED:
		return value_verified(*(const enum policy_tri *)fact);
	case FIELD_LIST:
		return value_list(fact);
	case FIELD_NUMBER:
	case FIELD_PORT:
		return value_number(*(const int *)fact, 1);
	case FIELD_BITS:
		return value_number(*(const int *)fact, 0);
	case FIELD_SENDER:
		return value_sender(*(const char *const *)fact);
	case FIELD_DIGEST:
		return value_digest(view, *(const char *const *)fact);
	default:
		return value_text(*(const char *const *)fact);
	}
}
