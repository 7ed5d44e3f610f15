/*
 * resolve.c - what a block's settings come to, with the profiles that it uses.
 *
 * What a block does to the settings before it is kept as an effect, so that a
 * profile is gone through once however often it is used; once for each stretch between
 * the dates of its requirements.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* A block's effect on what was gathered before it. */
struct effect {
	struct settings_of_rule settings;
	bool nothing;		/* drops the requirements first */
	bool enforce;		/* drops monitor and exempt first */
	bool own_contact;	/* not by "use" */
	bool own_note;
};

static void
drop_requirements(struct effect *effect)
{
	memset(effect->settings.require, 0, sizeof(effect->settings.require));
	effect->nothing = true;
}

static void
enforce(struct effect *effect)
{
	effect->settings.monitor = (struct period){ 0 };
	effect->settings.exempt = (struct period){ 0 };
	effect->settings.exempt_reason = NULL;
	effect->enforce = true;
}

/* Does to "onto" what a profile does. */
static void
compose(struct effect *onto, const struct effect *used)
{
	const struct settings_of_rule *from = &used->settings;
	struct settings_of_rule *to = &onto->settings;

	if (used->nothing)
		drop_requirements(onto);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (from->require[kind] != NULL)
			to->require[kind] = from->require[kind];
	if (used->enforce)
		enforce(onto);
	if (from->otherwise != NULL)
		to->otherwise = from->otherwise;
	if (from->monitor.set)
		to->monitor = from->monitor;
	if (from->exempt.set) {
		to->exempt = from->exempt;
		to->exempt_reason = from->exempt_reason;
	}
	if (from->contact != NULL)
		to->contact = from->contact;
	if (from->note != NULL)
		to->note = from->note;
}

/* A block that is gone through. */
struct pass {
	struct parser *p;
	const struct profile *inside;	/* whose block it is; NULL: a rule's */
	int64_t at;			/* as of which time */
	bool first;			/* errors are reported, and dates collected */
	int64_t *dates;
	size_t date_count;
	size_t date_room;
};

static void resolve_block(struct parser *p, const struct block *block,
    const struct profile *inside, const struct agreement *partner,
    struct stretches *stretches, struct effect **effects);

/* Resolves the profile, once. */
static void
resolve_profile(struct parser *p, struct profile *profile)
{
	if (profile->state != PROFILE_NEW)
		return;
	profile->state = PROFILE_BUSY;
	resolve_block(p, &profile->block, profile, NULL, &profile->settings,
	    &profile->effects);
	profile->state = PROFILE_DONE;
	for (size_t i = 0; i < profile->settings.count; i++)
		profile->drops |= profile->effects[i].nothing;
}

static const char *
hint_profile(struct parser *p, const char *name)
{
	const char *names[64];
	size_t count = 0;

	/* One that is shipped: it is beside the policy. */
	if (parse_is_there(p, parse_print(p, "%sprofiles/%s.conf", p->folder, name)))
		return parse_print(p, MSG_HINT_PROFILE, name);
	for (const struct profile *each = p->written->profiles; each != NULL && count < 64;
	    each = each->next)
		names[count++] = each->name;
	return parse_hint(p, name, strlen(name), names, count);
}

/*
 * Whether a missing profile was not complained about before. Where an error may
 * have hidden its definition, once is enough.
 */
static bool
first_complaint(struct parser *p, const char *name)
{
	struct profile *missing = p->missing;

	while (missing != NULL && strcmp(missing->name, name) != 0)
		missing = missing->next;
	if (missing != NULL || (missing = parse_scratch(p, sizeof(*missing))) == NULL)
		return false;
	missing->name = name;
	missing->next = p->missing;
	p->missing = missing;
	return true;
}

/* The profile that a "use" names, or NULL and reported. */
static struct profile *
find_used(struct parser *p, const struct setting *use, const struct profile *inside)
{
	struct profile *found;
	void **named;

	if (use->use_default) {
		if (p->written->default_block == NULL &&
		    (!p->incomplete || first_complaint(p, "default")))
			parse_error(p, &use->place, "%s", MSG_DEFAULT_NONE);
		return p->written->default_block;
	}
	named = parse_named(p, &p->profiles, use->text);
	found = named != NULL ? *named : NULL;
	if (found == NULL) {
		if (!p->incomplete || first_complaint(p, use->text))
			parse_error(p, &use->place, MSG_PROFILE_UNKNOWN, use->text,
			    hint_profile(p, use->text));
		return NULL;
	}
	if (inside != NULL && inside != p->written->default_block &&
	    found->order > inside->order) {
		parse_error(p, &use->place, MSG_PROFILE_LATER, use->text,
		    found->place.source->path, found->place.line, found->place.column);
		return NULL;
	}
	return found;
}

/* Notes a date at which the settings change. */
static void
add_date(struct pass *pass, int64_t date)
{
	if (!pass->first || date == INT64_MIN || date == INT64_MAX)
		return;
	if (!array_reserve(pass->dates, pass->date_count + 1, &pass->date_room))
		pass->p->no_memory = true;
	else
		pass->dates[pass->date_count++] = date;
}

/* The profile that is used, resolved; NULL: there is none, which has been reported. */
static const struct profile *
take_profile(struct pass *pass, struct setting *use)
{
	struct parser *p = pass->p;
	struct profile *profile;

	if (!pass->first)
		return use->profile;
	profile = find_used(p, use, pass->inside);
	if (profile == NULL)
		return NULL;
	if (profile->state == PROFILE_BUSY) {
		if (use->use_default)
			parse_error(p, &use->place, "%s", MSG_DEFAULT_SELF);
		else
			parse_error(p, &use->place, MSG_PROFILE_SELF, profile->name);
		return NULL;
	}
	profile->used = true;
	resolve_profile(p, profile);
	use->profile = profile;
	for (size_t i = 0; i < profile->settings.count; i++)
		add_date(pass, profile->settings.list[i].from);
	return profile;
}

static void
apply_use(struct pass *pass, struct setting *use, struct effect *effect)
{
	const struct profile *profile = take_profile(pass, use);
	size_t at;

	if (profile == NULL || profile->settings.count == 0)
		return;
	at = stretches_index(&profile->settings, pass->at);
	compose(effect, &profile->effects[at]);
}

static void
apply_require(struct pass *pass, const struct setting *setting, struct effect *effect)
{
	add_date(pass, setting->span.from);
	add_date(pass, setting->span.until);
	if (!span_has(&setting->span, pass->at))
		return;
	if (setting->type == SET_NOTHING)
		drop_requirements(effect);
	else if (setting->require != NULL)
		effect->settings.require[setting->require->kind] = setting->require;
}

static void
apply_block(struct pass *pass, const struct block *block, struct effect *effect)
{
	struct settings_of_rule *settings = &effect->settings;
	const char *contact = NULL, *note = NULL;

	for (struct setting *each = block->first; each != NULL; each = each->next) {
		switch (each->type) {
		case SET_USE:
			apply_use(pass, each, effect);
			break;
		case SET_REQUIRE:
		case SET_NOTHING:
			apply_require(pass, each, effect);
			break;
		case SET_OTHERWISE:
			settings->otherwise = each->otherwise;
			break;
		case SET_MONITOR:
			settings->monitor = each->period;
			break;
		case SET_EXEMPT:
			settings->exempt = each->period;
			settings->exempt_reason = each->text;
			break;
		case SET_ENFORCE:
			enforce(effect);
			break;
		case SET_CONTACT:
			contact = each->text;
			break;
		case SET_NOTE:
			note = each->text;
			break;
		}
	}
	/* One's own counts before one that is used, wherever they stand. */
	if (contact != NULL)
		settings->contact = contact;
	if (note != NULL)
		settings->note = note;
	effect->own_contact = contact != NULL;
	effect->own_note = note != NULL;
}

static int
by_date(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Sorts the dates, each once. */
static void
sort_dates(struct pass *pass)
{
	size_t count = 0;

	if (pass->date_count == 0)
		return;
	qsort(pass->dates, pass->date_count, sizeof(*pass->dates), by_date);
	for (size_t i = 0; i < pass->date_count; i++)
		if (i == 0 || pass->dates[i] != pass->dates[count - 1])
			pass->dates[count++] = pass->dates[i];
	pass->date_count = count;
}

/* What is said for all of an agreement counts before what a profile says. */
static void
apply_partner(const struct agreement *partner, struct effect *effect)
{
	if (!effect->own_contact && partner->contact != NULL)
		effect->settings.contact = partner->contact;
	if (!effect->own_note && partner->note != NULL)
		effect->settings.note = partner->note;
}

/*
 * "partner" is whose the rule is; "effects" may be NULL: nobody uses the block.
 */
static void
resolve_block(struct parser *p, const struct block *block, const struct profile *inside,
    const struct agreement *partner, struct stretches *stretches,
    struct effect **effects)
{
	struct pass pass = { .p = p, .inside = inside, .at = INT64_MIN, .first = true };
	struct effect effect = { 0 };
	size_t count;

	apply_block(&pass, block, &effect);
	sort_dates(&pass);
	pass.first = false;
	count = pass.date_count + 1;
	stretches->list = parse_keep(p, count * sizeof(*stretches->list));
	if (effects != NULL)
		*effects = parse_scratch(p, count * sizeof(**effects));
	for (size_t i = 0; i < count && !p->no_memory; i++) {
		if (i > 0) {
			effect = (struct effect){ 0 };
			pass.at = pass.dates[i - 1];
			apply_block(&pass, block, &effect);
		}
		if (partner != NULL)
			apply_partner(partner, &effect);
		stretches->list[i] = (struct stretch){ pass.at, effect.settings };
		if (effects != NULL)
			(*effects)[i] = effect;
		stretches->count = i + 1;
	}
	free(pass.dates);
}

void
parse_resolve(struct parser *p)
{
	/* All profiles, used or not, so that the errors in each are found. */
	for (struct profile *each = p->written->profiles; each != NULL; each = each->next)
		resolve_profile(p, each);
	if (p->written->default_block != NULL)
		resolve_profile(p, p->written->default_block);
	for (size_t i = 0; i < p->policy->rule_count && !p->no_memory; i++) {
		struct policy_rule *rule = &p->policy->rules[i];

		if (rule->kind == RULE_DEFAULT) {
			rule->settings = p->written->default_block->settings;
			p->policy->default_rule = rule;
			continue;
		}
		resolve_block(p, &p->written->rules[i].block, NULL, rule->partner,
		    &rule->settings, NULL);
		if (!p->no_memory)
			parse_direction(p, i);
	}
}
