/*
 * watched.c - what "tlsward watch" put into the journal: mail that went out, and
 * handshakes that failed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "review/maillog.h"
#include "journal/journal.h"
#include "base/array.h"

/* ------------------------------------------------------------------ *
 * Deliveries
 * ------------------------------------------------------------------ */

enum {
	OUT_STRENGTH, OUT_NEXT_HOP = OUT_STRENGTH + 3, OUT_VERIFICATION, OUT_RESULT,
	OUT_TROUBLE, OUT_RULE, OUT_KIND, OUT_NAME, OUT_PARTNER, OUT_VERDICT, OUT_REASON,
	OUT_COUNT, OUT_FIRST, OUT_LAST
};

static const char deliveries_sql[] =
    "SELECT nullif(tls_version, ''), nullif(cipher, ''), nullif(bits, -1), next_hop,"
    " verification, result, tls_reason, rule, nullif(rule_kind, ''),"
    " nullif(rule_name, ''), nullif(partner, ''), verdict, nullif(reason, ''), count,"
    " hour * 3600000 + first, hour * 3600000 + last FROM delivery"
    " WHERE hour BETWEEN ?1 / 3600000 AND (?2 - 1) / 3600000"
    " AND (?3 IS NULL OR next_hop = ?3 OR (substr(?3, 1, 1) = '.' AND"
    " substr(next_hop, -length(?3)) = ?3))";

static bool
column_is(sqlite3_stmt *row, int column, const char *word)
{
	const char *text = review_column(row, column);

	return text != NULL && strcmp(text, word) == 0;
}

/* What a row says of deliveries that are alike. */
struct sent_row {
	const struct strength_row *strength;
	int64_t count, first_ms, last_ms;
	bool sent, deferred;		/* else bounced */
	bool trouble;			/* for TLS it was not sent */
	bool verified, met, exempt, would, unmet, refused;
	enum policy_reason reason;
};

static struct sent_row
read_delivery(struct review *review, sqlite3_stmt *row, uint32_t strength)
{
	struct sent_row sent = {
		.strength = &review->keep->strength_rows[strength],
		.count = sqlite3_column_int64(row, OUT_COUNT),
		.first_ms = sqlite3_column_int64(row, OUT_FIRST),
		.last_ms = sqlite3_column_int64(row, OUT_LAST),
		.sent = column_is(row, OUT_RESULT, "sent"),
		.deferred = column_is(row, OUT_RESULT, "deferred"),
		.verified = column_is(row, OUT_VERIFICATION, "verified"),
		.met = column_is(row, OUT_VERDICT, "met"),
		.exempt = column_is(row, OUT_VERDICT, "exempt"),
		.would = column_is(row, OUT_VERDICT, "would"),
		.unmet = column_is(row, OUT_VERDICT, "unmet"),
		.refused = column_is(row, OUT_VERDICT, "refused"),
		.reason = review_reason_called(review_column(row, OUT_REASON))
	};

	sent.trouble = !sent.sent && !column_is(row, OUT_TROUBLE, "");
	return sent;
}

/* What happened to a delivery. */
static void
take_result(struct review_side *side, const struct sent_row *row, bool agreed)
{
	*(row->sent ? &side->sent : row->deferred ? &side->deferred : &side->bounced) +=
	    row->count;
	if (row->trouble && row->deferred)
		side->deferred_for_tls += row->count;
	if (row->refused && agreed) {
		side->refused += row->count;
		side->tempfailed += row->deferred ? row->count : 0;
		side->refused_for[row->reason] += row->count;
		review_note_times(&side->first_refused_ms, &side->last_refused_ms,
		    row->first_ms, row->last_ms);
	}
	if (row->sent && row->would) {
		side->would_be_refused += row->count;
		side->would_for[row->reason] += row->count;
		review_note_times(&side->first_would_ms, &side->last_would_ms,
		    row->first_ms, row->last_ms);
	}
}

static void
take_sent(struct review_sent *went, const struct sent_row *row)
{
	went->protocol[row->strength->strength.protocol] += row->count;
	went->encrypted += row->strength->encrypted ? row->count : 0;
	went->verified += row->verified ? row->count : 0;
	went->met += row->met ? row->count : 0;
	if (row->unmet) {
		went->unmet += row->count;
		went->unmet_for[row->reason] += row->count;
		review_note_times(&went->first_unmet_ms, &went->last_unmet_ms, row->first_ms,
		    row->last_ms);
	}
	review_note_times(&went->first_ms, &went->last_ms, row->first_ms, row->last_ms);
}

static void
take_delivery(struct review_side *side, const struct sent_row *row, bool agreed)
{
	side->messages += row->count;
	side->protocol[row->strength->strength.protocol] += row->count;
	side->encrypted += row->strength->encrypted ? row->count : 0;
	side->verified += row->verified ? row->count : 0;
	side->met += row->met ? row->count : 0;
	side->exempt += row->exempt ? row->count : 0;
	review_note_times(&side->first_ms, &side->last_ms, row->first_ms, row->last_ms);
	take_result(side, row, agreed);
	if (row->sent)
		take_sent(&side->went, row);
}

/* Counts what was wrong with TLS; of more than REVIEW_LIST_MAX kinds no further one. */
static void
count_trouble(struct review *review, struct review_agreement *agreement, sqlite3_stmt *row)
{
	const char *reason = review_text(review, review_column(row, OUT_TROUBLE));
	struct review_trouble *grown = agreement->troubles;
	size_t i = 0;

	if (reason == NULL || reason[0] == '\0')
		return;
	/* The texts are in one table: the same text is the same pointer. */
	while (i < agreement->trouble_count && grown[i].reason != reason)
		i++;
	if (i == REVIEW_LIST_MAX)
		return;
	if (i == agreement->trouble_count) {
		grown = realloc(grown, (i + 1) * sizeof(*grown));
		if (grown == NULL) {
			review->keep->failed = true;
			return;
		}
		agreement->troubles = grown;
		agreement->trouble_count++;
		grown[i] = (struct review_trouble){ .reason = reason };
		if (review->keep->options->diagnoses != NULL)
			grown[i].meaning = diagnoses_entry(review->keep->options->diagnoses,
			    reason)->meaning;
	}
	grown[i].deliveries += sqlite3_column_int64(row, OUT_COUNT);
	for (struct review_trouble moved; i > 0 && grown[i].deliveries > grown[i - 1].deliveries;
	    i--) {
		moved = grown[i];
		grown[i] = grown[i - 1];
		grown[i - 1] = moved;
	}
}

static void
count_delivery(struct review *review, sqlite3_stmt *row)
{
	struct review_keep *keep = review->keep;
	const char *kind = review_column(row, OUT_KIND);
	const struct row_rule rule = {
		.any = kind != NULL || sqlite3_column_type(row, OUT_PARTNER) != SQLITE_NULL,
		.kind = RULE_DELIVER, .rule = review_column(row, OUT_RULE),
		.name = review_column(row, OUT_NAME), .partner = review_column(row, OUT_PARTNER)
	};
	uint32_t strength = review_strength_number(review, row, OUT_STRENGTH);
	uint32_t number = review_agreement_of(review, &rule), sender;
	bool agreed = number != INTERN_NONE;
	struct sent_row sent;

	if (keep->failed || (keep->only != INTERN_NONE && number != keep->only))
		return;
	sender = review_sender_number(review, number, review_column(row, OUT_NEXT_HOP));
	if (keep->failed)
		return;
	sent = read_delivery(review, row, strength);
	take_delivery(&review->out, &sent, agreed);
	if (agreed) {
		take_delivery(&review->agreements[number].out, &sent, agreed);
		count_trouble(review, &review->agreements[number], row);
	}
	if (sender != INTERN_NONE)
		take_delivery(&keep->sender_list[sender].out, &sent, agreed);
	else if (!agreed)
		review->others += sent.count;
}

int
review_deliveries(struct review *review)
{
	return review_each(review, deliveries_sql, count_delivery);
}

/* ------------------------------------------------------------------ *
 * Handshakes
 * ------------------------------------------------------------------ */

static void
note_address(struct review *review, sqlite3_stmt *row)
{
	struct review_keep *keep = review->keep;
	bool added;
	uint32_t number;

	buffer_clear(&keep->key);
	buffer_string(&keep->key, review_column(row, 0));
	number = review_row(keep, &keep->addresses, keep->address_agreements,
	    &keep->address_room, &added);
	if (added)
		keep->address_agreements[number] = INTERN_NONE;
}

/* The addresses of which it is to be found out whose they are. */
int
review_handshake_addresses(struct review *review)
{
	return review_each(review, "SELECT DISTINCT address FROM handshake"
	    " WHERE direction = 'in' AND address <> ''"
	    " AND hour BETWEEN ?1 / 3600000 AND (?2 - 1) / 3600000", note_address);
}

/* The agreement whose rule names the client. */
static uint32_t
agreement_naming(struct review *review, const struct facts *facts, enum review_by *by)
{
	struct review_keep *keep = review->keep;
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < keep->client_rule_count; i++) {
		int names = policy_rule_client(keep->options->policy, keep->client_rules[i],
		    facts, keep->judged.now);

		keep->failed |= names < 0;
		if (names == NAMES_VIA || (names == NAMES_REQUIRED && found == SIZE_MAX)) {
			found = keep->client_rules[i];
			*by = names == NAMES_VIA ? BY_VIA : BY_CLIENT;
		}
		if (names == NAMES_VIA)
			break;
	}
	return found == SIZE_MAX ? INTERN_NONE : keep->rule_agreements[found];
}

/* The agreement of which a host's name is below one of its domains, or is one. */
static uint32_t
agreement_above(struct review *review, const char *host)
{
	const struct review_keep *keep = review->keep;
	uint32_t by_default = keep->default_rule == SIZE_MAX ? INTERN_NONE :
	    keep->rule_agreements[keep->default_rule];
	char sender[300];

	for (; host != NULL && strchr(host, '.') != NULL && !review->keep->failed;
	    host = strchr(host, '.') + 1) {
		struct facts facts = FACTS_INIT;
		uint32_t number;

		(void)snprintf(sender, sizeof(sender), "?@%s", host);
		facts.from = sender;
		number = review_agreement_of_sender(review, NULL, &facts);
		if (number != INTERN_NONE && number != by_default)
			return number;
	}
	return INTERN_NONE;
}

static uint32_t
agreement_of_next_hop(struct review *review, const char *next_hop)
{
	struct facts facts = FACTS_INIT;

	facts.direction = "out";
	facts.next_hop = next_hop;
	return next_hop == NULL ? INTERN_NONE :
	    review_agreement_of_sender(review, NULL, &facts);
}

/* By a rule that names the server, at whichever port, or by the recipient's domain. */
static uint32_t
agreement_of_server(struct review *review, const struct review_handshake *handshake)
{
	const struct maillog_port *each = maillog_ports;
	uint32_t number = INTERN_NONE;
	char server[300];

	for (; each->port != 0 && number == INTERN_NONE && handshake->host != NULL; each++) {
		(void)snprintf(server, sizeof(server), "[%s]%s", handshake->host,
		    each->suffix);
		number = agreement_of_next_hop(review, server);
	}
	return number != INTERN_NONE ? number :
	    agreement_of_next_hop(review, handshake->next_hop);
}

/* Whose handshake it was, and by what that is known. */
static uint32_t
agreement_of_handshake(struct review *review, struct review_handshake *handshake)
{
	struct review_keep *keep = review->keep;
	struct facts facts = FACTS_INIT;
	uint32_t number, address;

	facts.client_name = handshake->host;
	facts.client_addr = handshake->address;
	handshake->by = BY_NEXT_HOP;
	number = handshake->out ? agreement_of_server(review, handshake) :
	    agreement_naming(review, &facts, &handshake->by);
	if (number != INTERN_NONE)
		return number;
	address = handshake->out ? INTERN_NONE :
	    review_address_find(review, handshake->address);
	if (address != INTERN_NONE && keep->address_agreements[address] < keep->agreements.count) {
		handshake->by = BY_ADDRESS;
		return keep->address_agreements[address];
	}
	handshake->by = BY_NAME;
	if (handshake->next_hop == NULL)
		number = agreement_above(review, handshake->host);
	if (number == INTERN_NONE)
		handshake->by = BY_NOTHING;
	return number;
}

bool
review_is_handshake_of(struct review *review, const struct review_handshake *handshake)
{
	struct review_handshake one = *handshake;

	return review->keep->only != INTERN_NONE &&
	    agreement_of_handshake(review, &one) == review->keep->only;
}

static void
explain_handshake(const struct diagnoses *diagnoses, struct review_handshake *handshake)
{
	const struct diagnosis *entry = diagnoses == NULL || handshake->reason == NULL ? NULL :
	    diagnoses_entry(diagnoses, handshake->reason);

	if (entry == NULL)
		return;
	handshake->meaning = entry->meaning;
	handshake->cause = entry->cause;
	handshake->fix = entry->fix;
	handshake->side = entry->side;
}

/* A text, NULL where it is empty. */
static const char *
text_or_none(sqlite3_stmt *row, int column)
{
	const char *text = review_column(row, column);

	return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Is it of what was asked for? "domain": that of the options. */
static bool
is_of_interest(const struct review *review, const struct review_handshake *handshake,
    uint32_t number)
{
	const struct review_keep *keep = review->keep;
	const char *domain = keep->options->domain, *host = handshake->out ?
	    handshake->next_hop : handshake->host;
	size_t length, below;

	if (keep->only != INTERN_NONE)
		return number == keep->only;
	if (domain == NULL || (number != INTERN_NONE && number == keep->of_domain &&
	    review->agreements[number].kind != RULE_DEFAULT))
		return true;
	length = host == NULL ? 0 : strlen(host);
	below = strlen(domain);
	return length >= below && strcmp(host + length - below, domain) == 0 &&
	    (length == below || domain[0] == '.' || host[length - below - 1] == '.');
}

/* The row of many strangers that failed for one reason; NULL: there is none as yet. */
static struct review_handshake *
find_others(struct review *review, const struct review_handshake *one)
{
	for (size_t i = 0; i < review->handshake_count; i++) {
		struct review_handshake *each = &review->handshakes[i];

		if (each->others > 0 && each->out == one->out && (each->reason == NULL ||
		    one->reason == NULL ? each->reason == one->reason :
		    strcmp(each->reason, one->reason) == 0))
			return each;
	}
	return NULL;
}

/* Takes the strangers beyond those that are listed: the least ones, as they come last. */
static bool
take_other(struct review *review, struct review_handshake *one)
{
	struct review_handshake *others;

	if (one->number != INTERN_NONE ||
	    review->keep->strangers++ < REVIEW_STRANGERS_MAX)
		return false;
	others = find_others(review, one);
	if (others != NULL) {
		others->others++;
		others->count += one->count;
		review_note_times(&others->first_ms, &others->last_ms, one->first_ms,
		    one->last_ms);
		return true;
	}
	one->others = 1;
	one->host = one->address = one->next_hop = NULL;
	return false;
}

static void
count_handshake(struct review *review, sqlite3_stmt *row)
{
	struct review_keep *keep = review->keep;
	/* Kept where it is listed. */
	struct review_handshake one = {
		.out = column_is(row, 0, "out"), .host = text_or_none(row, 1),
		.address = text_or_none(row, 2), .next_hop = text_or_none(row, 3),
		.reason = text_or_none(row, 4), .count = sqlite3_column_int64(row, 5),
		.first_ms = sqlite3_column_int64(row, 6),
		.last_ms = sqlite3_column_int64(row, 7), .sample = text_or_none(row, 8)
	};
	const char **texts[] = { &one.host, &one.address, &one.next_hop, &one.reason, &one.sample };

	one.number = agreement_of_handshake(review, &one);
	if (!is_of_interest(review, &one, one.number))
		return;
	if (one.number != INTERN_NONE)
		review->agreements[one.number].handshakes_failed += one.count;
	if (take_other(review, &one))
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = review_text(review, *texts[i]);
	if (keep->failed || !array_reserve(review->handshakes, review->handshake_count + 1,
	    &keep->handshake_room)) {
		keep->failed = true;
		return;
	}
	explain_handshake(keep->options->diagnoses, &one);
	review->handshakes[review->handshake_count++] = one;
}

static int
handshakes_by_count(const void *a, const void *b)
{
	const struct review_handshake *one = a, *other = b;

	if ((one->others > 0) != (other->others > 0))
		return one->others > 0 ? 1 : -1;
	if (one->count != other->count)
		return one->count > other->count ? -1 : 1;
	return one->last_ms > other->last_ms ? -1 : one->last_ms < other->last_ms;
}

int
review_handshakes(struct review *review)
{
	int result = review_each(review, "SELECT direction, host, address, next_hop,"
	    " reason, sum(count), min(hour * 3600000 + first), max(hour * 3600000 + last),"
	    " sample FROM handshake WHERE hour BETWEEN ?1 / 3600000 AND"
	    " (?2 - 1) / 3600000 GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 8 DESC",
	    count_handshake);

	if (review->handshake_count > 0)
		qsort(review->handshakes, review->handshake_count, sizeof(*review->handshakes),
		    handshakes_by_count);
	return result;
}
