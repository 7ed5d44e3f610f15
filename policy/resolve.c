/*
 * resolve.c - what a block's settings come to, with the profiles that it uses.
 *
 * What a block does to the settings before it is kept as an effect, so that a
 * profile is gone through once however often it is used.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/parse.h"

#include <string.h>

/* A block's effect on what was gathered before it. */
struct effect {
	struct settings_of_rule settings;
	bool nothing;		/* drops the requirements first */
	bool enforce;		/* drops monitor and exempt first */
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

static void apply_block(struct parser *p, const struct block *block,
    const struct profile *inside, struct effect *effect);

/* The profile's effect, worked out once; NULL when it uses itself or memory is short. */
static const struct effect *
effect_of(struct parser *p, struct profile *profile)
{
	if (profile->state == PROFILE_BUSY)
		return NULL;
	if (profile->state == PROFILE_NEW) {
		profile->effect = parse_scratch(p, sizeof(*profile->effect));
		if (profile->effect == NULL)
			return NULL;
		profile->settings = &profile->effect->settings;
		profile->state = PROFILE_BUSY;
		apply_block(p, &profile->block, profile, profile->effect);
		profile->state = PROFILE_DONE;
		profile->drops = profile->effect->nothing;
	}
	return profile->effect;
}

static const char *
hint_profile(struct parser *p, const char *name)
{
	const char *names[64];
	size_t count = 0;

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

	if (use->use_default) {
		if (p->written->default_block == NULL &&
		    (!p->incomplete || first_complaint(p, "default")))
			parse_error(p, &use->place, "%s", MSG_DEFAULT_NONE);
		return p->written->default_block;
	}
	for (found = p->written->profiles; found != NULL; found = found->next)
		if (strcmp(found->name, use->text) == 0)
			break;
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

static void
apply_use(struct parser *p, struct setting *use, const struct profile *inside,
    struct effect *effect)
{
	struct profile *profile = find_used(p, use, inside);
	const struct effect *used;

	if (profile == NULL)
		return;
	if (profile->state == PROFILE_BUSY) {
		if (use->use_default)
			parse_error(p, &use->place, "%s", MSG_DEFAULT_SELF);
		else
			parse_error(p, &use->place, MSG_PROFILE_SELF, profile->name);
		return;
	}
	profile->used = true;
	use->profile = profile;
	if ((used = effect_of(p, profile)) != NULL)
		compose(effect, used);
}

static void
apply_block(struct parser *p, const struct block *block, const struct profile *inside,
    struct effect *effect)
{
	struct settings_of_rule *settings = &effect->settings;

	for (struct setting *each = block->first; each != NULL; each = each->next) {
		switch (each->type) {
		case SET_USE:
			apply_use(p, each, inside, effect);
			break;
		case SET_REQUIRE:
			if (each->require != NULL)
				settings->require[each->require->kind] = each->require;
			break;
		case SET_NOTHING:
			drop_requirements(effect);
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
			settings->contact = each->text;
			break;
		case SET_NOTE:
			settings->note = each->text;
			break;
		}
	}
}

void
parse_resolve(struct parser *p)
{
	/* All profiles, used or not, so that the errors in each are found. */
	for (struct profile *each = p->written->profiles; each != NULL; each = each->next)
		(void)effect_of(p, each);
	if (p->written->default_block != NULL)
		(void)effect_of(p, p->written->default_block);
	for (size_t i = 0; i < p->policy->rule_count && !p->no_memory; i++) {
		struct policy_rule *rule = &p->policy->rules[i];
		struct effect effect = { 0 };

		if (rule->kind == RULE_DEFAULT) {
			rule->settings = p->written->default_block->effect->settings;
			p->policy->default_rule = rule;
			continue;
		}
		apply_block(p, &p->written->rules[i].block, NULL, &effect);
		rule->settings = effect.settings;
	}
}
