/*
 * summary.c - what a policy has, and what a sender and a session come to by it: for
 * those who report of them.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/match.h"
#include "policy/requirement.h"
#include "policy/session.h"

/* Notes the facts that requirements of a kind are judged by. */
static void
note_needs(const struct requirement_kind *row, struct policy_summary *summary)
{
	summary->needs_certificate |= requirement_needs(row, "cert_");
	summary->needs_fingerprint |= requirement_needs(row, "cert_fingerprint");
	summary->needs_known |= requirement_needs(row, "cert_key") ||
	    requirement_needs(row, "cert_signature") ||
	    requirement_needs(row, "cert_not_after");
}

/* Notes by what servers are known: TLSA records, digests; a file has them all. */
static void
note_deliver_pins(const struct policy_rule *rule, struct policy_summary *summary)
{
	for (size_t i = 0; i < rule->settings.count; i++) {
		const struct settings_of_rule *settings = &rule->settings.list[i].settings;
		const struct policy_requirement *pins =
		    settings->require[REASON_CERTIFICATE_FINGERPRINT];

		summary->delivers_by_dane |= settings->require[REASON_DANE] != NULL;
		if (pins == NULL || pins->u.pins.file_count > 0)
			continue;
		summary->delivers_by_sha1 |=
		    pins->u.pins.list[0].algorithm == DIGEST_SHA1;
		summary->delivers_by_sha256 |=
		    pins->u.pins.list[0].algorithm == DIGEST_SHA256;
	}
}

static void
note_rule(const struct policy_rule *rule, bool required[KIND_END],
    struct policy_summary *summary)
{
	for (size_t i = 0; i < rule->settings.count; i++) {
		const struct settings_of_rule *settings = &rule->settings.list[i].settings;

		summary->has_to_exempt |= rule->kind == RULE_TO && settings->exempt.set;
		/* What a server shows is asked of the MTA that delivers. */
		for (int kind = KIND_FIRST; kind < KIND_END && rule->kind != RULE_DELIVER;
		    kind++)
			required[kind] |= settings->require[kind] != NULL;
	}
	if (rule->kind == RULE_DELIVER)
		note_deliver_pins(rule, summary);
	summary->has_to_rules |= rule->kind == RULE_TO;
	summary->deliver_rules += rule->kind == RULE_DELIVER;
}

void
policy_summarize(const struct policy *policy, struct policy_summary *summary)
{
	bool required_by_any[KIND_END] = { false };

	*summary = (struct policy_summary){
		.rules = policy->rule_count, .listed = policy->listed,
		.has_default = policy->default_rule != NULL
	};
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		note_rule(rule, required_by_any, summary);
		/* Those of one follow each other. */
		summary->partners += rule->partner != NULL &&
		    (i == 0 || rule[-1].partner != rule->partner);
	}
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (required_by_any[kind])
			note_needs(requirement_kind((enum policy_reason)kind), summary);
	summary->uses_fingerprint = summary->needs_fingerprint ||
	    (policy->partners != NULL && summary->needs_certificate);
}

/* ------------------------------------------------------------------ *
 * The rules, one by one
 * ------------------------------------------------------------------ */

size_t
policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

/* The first regular expression of a rule, with its slashes. */
static const char *
first_regex(const struct policy *policy, size_t rule)
{
	const struct who_table *table = &policy->tables[policy->rules[rule].kind];

	for (size_t i = 0; i < table->count; i++)
		if (table->whos[i].rule == rule && table->whos[i].type == WHO_REGEX)
			return table->whos[i].name;
	return NULL;
}

/* The first WHO of a rule: a list is called as its file is. */
static const char *
first_who(const struct policy *policy, size_t rule)
{
	const struct who_written *first = policy->rules[rule].written;
	const char *slash;

	if (first == NULL)
		return NULL;
	if (first->form == WRITTEN_REGEX)
		return first_regex(policy, rule);
	slash = first->form == WRITTEN_FILE ? strrchr(first->text, '/') : NULL;
	return slash != NULL ? slash + 1 : first->text;
}

void
policy_rule_place(const struct policy *policy, size_t index, struct policy_place *place)
{
	const struct policy_rule *rule = &policy->rules[index];

	*place = (struct policy_place){
		.file = rule->file, .line = rule->line, .kind = rule->kind,
		.name = first_who(policy, index)
	};
}

size_t
policy_outcome_rule(const struct policy *policy, const struct policy_outcome *outcome)
{
	return outcome->rule == NULL ? SIZE_MAX : (size_t)(outcome->rule - policy->rules);
}

bool
policy_named_next(const struct policy *policy, enum policy_rule_kind kind, size_t *index,
    struct policy_named *named)
{
	const struct who_table *table = &policy->tables[kind];

	while (*index < table->count) {
		const struct who *who = &table->whos[(*index)++];

		/* The entries of a list follow each other. */
		if (who->listed && *index > 1 && who[-1].listed &&
		    who[-1].file == who->file && who[-1].rule == who->rule)
			continue;
		*named = (struct policy_named){
			who->listed ? policy_file(policy, who) : who->name, who->listed, who->rule
		};
		return true;
	}
	return false;
}

bool
policy_names_next_hops(const struct policy *policy)
{
	return policy->tables[RULE_DELIVER].has_addresses;
}

bool
policy_rule_is_via(const struct policy *policy, size_t index, const char *via)
{
	const struct clients *clients = policy->rules[index].via;

	if (via == NULL || clients == NULL)
		return via == NULL && clients == NULL;
	for (size_t i = 0; i < clients->table.count; i++)
		if (strcmp(clients->table.whos[i].name, via) == 0)
			return true;
	return false;
}

const char *
policy_rule_via(const struct policy *policy, size_t index, size_t number)
{
	const struct clients *clients = policy->rules[index].via;

	return clients != NULL && number < clients->table.count ?
	    clients->table.whos[number].name : NULL;
}

int
policy_rule_client(const struct policy *policy, size_t index, const struct facts *facts,
    int64_t now)
{
	const struct policy_rule *rule = &policy->rules[index];
	const struct policy_requirement *required =
	    stretches_at(&rule->settings, now)->require[REASON_CLIENT];
	struct client client;
	int by = NAMES_NO_CLIENT;

	if (facts == NULL || (rule->via == NULL && required == NULL))
		return rule->via != NULL ? NAMES_VIA : required != NULL ? NAMES_REQUIRED : by;
	if (client_read(&client, facts) == -1)
		return -1;
	if (rule->via != NULL &&
	    match_client(policy, &rule->via->table, &client, true).who != NULL)
		by = NAMES_VIA;
	else if (required != NULL && match_client(policy, &required->u.clients->table,
	    &client, true).who != NULL)
		by = NAMES_REQUIRED;
	client_free(&client);
	return by;
}

/* ------------------------------------------------------------------ *
 * What ends by itself
 * ------------------------------------------------------------------ */

/* Takes an end that comes before the one so far, and after "now". */
static void
take_end(int64_t *first, int64_t end, int64_t now)
{
	if (end > now && end < *first)
		*first = end;
}

void
policy_next_ends(const struct policy *policy, int64_t now, struct policy_ends *ends)
{
	const struct pinned_file *each;

	*ends = (struct policy_ends){ INT64_MAX, INT64_MAX };
	for (each = policy->pinned; each != NULL; each = each->next)
		take_end(&ends->certificate, each->certificate.not_after, now);
	for (each = partner_files(policy); each != NULL; each = each->next)
		take_end(&ends->certificate, each->certificate.not_after, now);
	for (size_t i = 0; i < policy->rule_count; i++)
		take_end(&ends->period, stretches_next(&policy->rules[i].settings, now), now);
}

/* ------------------------------------------------------------------ *
 * Rules and sessions
 * ------------------------------------------------------------------ */

void
policy_rule_standing(const struct policy *policy, size_t index,
    const struct policy_options *options, struct policy_standing *standing)
{
	const struct policy_rule *rule = &policy->rules[index];
	const struct settings_of_rule *settings = stretches_at(&rule->settings,
	    options->now);
	bool exempt = period_active(&settings->exempt, options->now);
	bool monitored = period_active(&settings->monitor, options->now);
	const struct period *period = exempt ? &settings->exempt : &settings->monitor;

	*standing = (struct policy_standing){
		.state = exempt ? STATE_EXEMPT : monitored || options->monitor ?
		    STATE_MONITORED : STATE_ENFORCED,
		/* By the setting "mode": the rule's date does not count. */
		.limited = (exempt || monitored) && period->limited,
		.next = stretches_next(&rule->settings, options->now),
		.demands = settings_require_something(settings),
		.partner = rule->partner == NULL ? NULL : rule->partner->name,
		.exempt_reason = exempt ? settings->exempt_reason : NULL,
		.contact = settings->contact, .note = settings->note
	};
	standing->until = standing->limited ? period->until : 0;
	policy_rule_place(policy, index, &standing->place);
}

bool
policy_rule_required(const struct policy *policy, size_t index, enum policy_reason kind,
    int64_t now, char *text, size_t size)
{
	struct policy_outcome outcome = { .rule = &policy->rules[index] };

	outcome.settings = stretches_at(&outcome.rule->settings, now);
	return policy_required_text(&outcome, kind, text, size);
}

bool
policy_registered_next(const struct policy *policy, size_t index, int64_t now,
    int64_t end, const struct pinned_file **at, struct policy_registered *registered)
{
	const struct policy_requirement *pins = index == SIZE_MAX ? NULL :
	    stretches_at(&policy->rules[index].settings, now)->
	    require[REASON_CERTIFICATE_FINGERPRINT];
	size_t named = pins == NULL ? 0 : pins->u.pins.file_count;
	const struct pinned_file *file = *at;

	if (pins == NULL && index != SIZE_MAX)
		return false;
	do {
		if (file == NULL)
			file = named > 0 ? pins->u.pins.files : partner_files(policy);
		else
			file = named > 0 && file + 1 == pins->u.pins.files + named ? NULL :
			    file->next;
	} while (file != NULL && (file->certificate.not_after >= end ||
	    (pins != NULL && !partner_fits(pins, &file->certificate))));
	if (file == NULL)
		return false;
	*at = file;
	*registered = (struct policy_registered){
		file->opened, file->certificate.cn, file->certificate.not_after
	};
	return true;
}

int
policy_standing(const struct policy *policy, const char *sender,
    const struct policy_options *options, struct policy_standing *standing)
{
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	*standing = (struct policy_standing){ .state = STATE_NO_RULE };
	facts.from = sender;
	if (policy_decide(policy, &facts, options, &verdict) != 0)
		return -1;
	if (verdict.outcome[OUTCOME_FROM].rule != NULL) {
		policy_rule_standing(policy, policy_outcome_rule(policy,
		    &verdict.outcome[OUTCOME_FROM]), options, standing);
		standing->place = verdict.outcome[OUTCOME_FROM].place;
	}
	return 0;
}

static enum policy_protocol
protocol_of(const struct session *session)
{
	if (session->encrypted == POLICY_NO)
		return PROTOCOL_CLEAR;
	if (session->tls13)
		return PROTOCOL_TLS_1_3;
	return session->version_given ? session->version : PROTOCOL_UNKNOWN;
}

void
policy_strength(const struct policy *policy, const struct facts *facts,
    struct policy_strength *strength)
{
	struct session session;

	session_read(&session, policy, facts, 0);
	strength->protocol = protocol_of(&session);
	strength->bits = session.bits;
	strength->forward_secrecy = session.tls13 ||
	    (session.cipher != NULL && session.cipher->forward_secrecy);
}

bool
policy_digest(const struct policy *policy, char text[POLICY_DIGEST_SIZE])
{
	struct fingerprint digest = {
		.algorithm = DIGEST_SHA256, .length = POLICY_DIGEST_BYTES
	};

	memcpy(digest.digest, policy->digest, POLICY_DIGEST_BYTES);
	return !policy->has_no_digest &&
	    fingerprint_write(&digest, text, POLICY_DIGEST_SIZE);
}
