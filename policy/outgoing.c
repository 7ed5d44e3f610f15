/*
 * outgoing.c - what a rule on mail that goes out may say, and one on mail that comes in.
 *
 * An MTA that delivers can be told less than a filter that receives can judge. What it
 * cannot be told is an error where it is written; nothing is left out silently.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"
#include "policy/requirement.h"

#include <string.h>

/* Of longest names, what there is in a value stays within the 100,000 that Postfix reads. */
#define LISTED_MAX 250

/* The rule that is looked at, between two dates. */
struct look {
	struct parser *p;
	const struct block *block;
	int64_t at;
	struct settings_of_rule *settings;
};

/* ------------------------------------------------------------------ *
 * Where it comes from
 * ------------------------------------------------------------------ */

/* The setting that wrote a requirement, or used a profile that did; the last of them. */
static const struct setting *
origin_of(const struct look *look, const struct policy_requirement *requirement)
{
	const struct setting *found = NULL;

	for (const struct setting *each = look->block->first; each != NULL;
	    each = each->next) {
		const struct profile *profile = each->type == SET_USE ? each->profile : NULL;

		if ((each->require == requirement && span_has(&each->span, look->at)) ||
		    (profile != NULL && profile->settings.count > 0 &&
		    stretches_at(&profile->settings, look->at)->
		    require[requirement->kind] == requirement))
			found = each;
	}
	return found;
}

static const struct setting *
origin_of_otherwise(const struct look *look, const struct otherwise *otherwise)
{
	const struct setting *each = look->block->first;

	while (each != NULL && (each->type != SET_OTHERWISE || each->otherwise != otherwise))
		each = each->next;
	return each;
}

/* Whether it stands in the rule itself. */
static bool
is_own(const struct look *look, const struct policy_requirement *requirement)
{
	const struct setting *origin = origin_of(look, requirement);

	return origin != NULL && origin->type != SET_USE;
}

static void
refuse(const struct look *look, const struct policy_requirement *requirement,
    const char *why)
{
	const struct setting *origin = origin_of(look, requirement);

	if (origin != NULL)
		parse_error(look->p, origin->type == SET_USE ? &origin->place :
		    &origin->kind, MSG_OUTGOING, policy_kind_name(requirement->kind), why);
}

/* ------------------------------------------------------------------ *
 * Actions
 * ------------------------------------------------------------------ */

/* In the place of what a profile says of mail that comes in: the message is kept. */
static const struct otherwise *
keep_message(struct parser *p)
{
	struct otherwise *kept = parse_keep(p, sizeof(*kept));

	if (kept != NULL)
		kept->action = POLICY_TEMPFAIL;
	return kept;
}

static bool
loses_message(const struct otherwise *otherwise)
{
	return otherwise != NULL && (otherwise->action == POLICY_REJECT ||
	    otherwise->action == POLICY_QUARANTINE);
}

static void
look_at_action(const struct look *look, int kind)
{
	const struct policy_requirement *requirement = look->settings->require[kind];
	struct policy_requirement *copy;

	if (!loses_message(requirement->own))
		return;
	if (is_own(look, requirement)) {
		parse_error(look->p, &origin_of(look, requirement)->own, "%s",
		    MSG_OUTGOING_OTHERWISE);
		return;
	}
	if ((copy = parse_keep(look->p, sizeof(*copy))) == NULL)
		return;
	*copy = *requirement;
	copy->own = keep_message(look->p);
	look->settings->require[kind] = copy;
}

static void
look_at_otherwise(const struct look *look)
{
	const struct otherwise *otherwise = look->settings->otherwise;
	const struct setting *own;

	if (!loses_message(otherwise))
		return;
	if ((own = origin_of_otherwise(look, otherwise)) != NULL)
		parse_error(look->p, &own->place, "%s", MSG_OUTGOING_OTHERWISE);
	else
		look->settings->otherwise = keep_message(look->p);
}

/* ------------------------------------------------------------------ *
 * Requirements
 * ------------------------------------------------------------------ */

/* A host's name in full: to Postfix ".name" is any depth, and a lone label may be a word. */
static bool
is_host(const struct pattern *pattern)
{
	char name[256];

	return pattern->type == PATTERN_NAME && pattern->text[0] != '.' &&
	    pattern_host(pattern, name) && strchr(name, '.') != NULL;
}

static void
look_at_names(const struct look *look, const struct policy_requirement *names)
{
	bool fine = true;

	/* PATTERN_EXACT has been reported. */
	for (size_t i = 0; names != NULL && i < names->u.patterns.count; i++)
		fine &= names->u.patterns.list[i].type == PATTERN_EXACT ||
		    is_host(&names->u.patterns.list[i]);
	if (!fine)
		refuse(look, names, MSG_OUTGOING_NAMES);
	else if (names != NULL && names->u.patterns.count > LISTED_MAX)
		refuse(look, names, MSG_OUTGOING_MANY);
}

static void
look_at_pins(const struct look *look, const struct policy_requirement *pins)
{
	const struct settings_of_rule *settings = look->settings;

	if (pins == NULL)
		return;
	for (size_t i = 1; pins->u.pins.file_count == 0 && i < pins->u.pins.count; i++)
		if (pins->u.pins.list[i].length != pins->u.pins.list[0].length)
			refuse(look, pins, MSG_OUTGOING_DIGESTS);
	if (pins->u.pins.count > LISTED_MAX *
	    (pins->u.pins.file_count > 0 ? (size_t)CERTIFICATE_DIGESTS : 1))
		refuse(look, pins, MSG_OUTGOING_MANY);
	if (settings->require[REASON_CERTIFICATE] != NULL ||
	    settings->require[REASON_CERTIFICATE_NAME] != NULL ||
	    settings->require[REASON_DANE] != NULL)
		refuse(look, pins, MSG_OUTGOING_PIN);
}

/* Which suites TLS 1.3 uses no MTA can be told; only to leave it. */
static void
look_at_suites(const struct look *look, const struct policy_requirement *requirement)
{
	const struct policy_requirement *tls = look->settings->require[REASON_TLS_VERSION];

	if (tls != NULL && tls->least == PROTOCOL_TLS_1_3 && tls != requirement &&
	    requirement_action(look->settings, requirement) != POLICY_ACCEPT &&
	    !requirement_met_by_tls13(look->p->policy, requirement))
		refuse(look, requirement, MSG_OUTGOING_TLS13);
}

static void
look_at_kind(const struct look *look, int kind)
{
	const struct policy_requirement *requirement = look->settings->require[kind];

	if (requirement == NULL)
		return;
	if (requirement->row->outbound == LEVEL_UNTOLD) {
		/* A profile is for both ways, and one way we are the client. */
		if (kind == REASON_CLIENT && !is_own(look, requirement))
			look->settings->require[kind] = NULL;
		else
			refuse(look, requirement, requirement->row->untold);
		return;
	}
	if (requirement_is_of_suite(requirement->kind))
		look_at_suites(look, requirement);
	look_at_action(look, kind);
}

static void
look_at_outgoing(const struct look *look)
{
	const struct policy_requirement *const *require = look->settings->require;

	look_at_names(look, require[REASON_CERTIFICATE_NAME]);
	look_at_pins(look, require[REASON_CERTIFICATE_FINGERPRINT]);
	if (require[REASON_DANE] != NULL && require[REASON_CERTIFICATE_NAME] != NULL)
		refuse(look, require[REASON_DANE], MSG_OUTGOING_DANE);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		look_at_kind(look, kind);
	look_at_otherwise(look);
}

static void
look_at_incoming(const struct look *look)
{
	const struct policy_requirement *dane = look->settings->require[REASON_DANE];

	if (dane != NULL && is_own(look, dane))
		parse_error(look->p, &origin_of(look, dane)->kind, "%s",
		    MSG_INCOMING_DANE);
	look->settings->require[REASON_DANE] = NULL;
}

void
parse_direction(struct parser *p, size_t rule)
{
	struct policy_rule *looked_at = &p->policy->rules[rule];
	struct look look = { .p = p, .block = &p->written->rules[rule].block };

	for (const struct setting *each = look.block->first; each != NULL &&
	    looked_at->kind == RULE_DELIVER; each = each->next)
		if (each->type == SET_USE && each->use_default)
			parse_error(p, &each->place, "%s", MSG_OUTGOING_DEFAULT);
	for (size_t i = 0; i < looked_at->settings.count && !p->no_memory; i++) {
		look.at = looked_at->settings.list[i].from;
		look.settings = &looked_at->settings.list[i].settings;
		if (looked_at->kind == RULE_DELIVER)
			look_at_outgoing(&look);
		else
			look_at_incoming(&look);
	}
}
