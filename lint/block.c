/*
 * block.c - warnings about blocks as they are written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <string.h>

/* What a setting sets: a kind of requirement, or behind those itself. */
#define SLOT(type) ((int)KIND_END + (int)(type))
#define SLOT_COUNT SLOT(SET_NOTHING)

/* A requirement that a profile brought in. */
struct used {
	const struct policy_requirement *requirement;	/* NULL: none */
	const char *profile;
};

/* The settings of a block that still have an effect at some place in it. */
struct written {
	const struct setting *by[SLOT_COUNT];
	struct used used[KIND_END];
	bool period;		/* a monitor or an exempt, perhaps of a profile */
};

/* What the profile that a setting uses comes to; NULL: it uses none. */
static const struct settings_of_rule *
lint_used(const struct lint *lint, const struct setting *setting)
{
	return setting->profile == NULL ? NULL :
	    stretches_at(&setting->profile->settings, lint->now);
}

static const char *const slot_names[] = {
	[SET_OTHERWISE] = "otherwise", [SET_MONITOR] = "monitor",
	[SET_EXEMPT] = "exempt", [SET_CONTACT] = "contact", [SET_NOTE] = "note"
};

/* What a setting sets itself; SLOT_COUNT: nothing. */
static int
own_slot(const struct setting *setting)
{
	enum setting_type type = setting->type;

	return type == SET_REQUIRE ? (int)setting->require->kind :
	    type == SET_USE || type == SET_NOTHING || type == SET_ENFORCE ? SLOT_COUNT :
	    SLOT(type);
}

/* How a setting does away with what was written for a slot before; NULL: it does not. */
static const char *
does_away(const struct lint *lint, const struct setting *setting, int slot)
{
	const struct settings_of_rule *used = lint_used(lint, setting);

	if (setting->type == SET_USE)
		return used != NULL && used->otherwise != NULL &&
		    slot == SLOT(SET_OTHERWISE) ? "comes from a profile" : NULL;
	if (setting->type == SET_ENFORCE)
		return slot == SLOT(SET_MONITOR) || slot == SLOT(SET_EXEMPT) ?
		    "is undone" : NULL;
	return slot == own_slot(setting) ? "is set again" : NULL;
}

/* Of requirements that is said elsewhere: they have dates. */
static void
write_setting(struct lint *lint, struct written *written, const struct setting *setting)
{
	const struct settings_of_rule *used = lint_used(lint, setting);
	unsigned own = (unsigned)own_slot(setting);

	for (int slot = KIND_END; slot < SLOT_COUNT; slot++) {
		const struct setting *before = written->by[slot];
		const char *how = before != NULL ? does_away(lint, setting, slot) : NULL;

		if (how == NULL)
			continue;
		written->by[slot] = NULL;
		lint_warn(lint, &before->place, KIND(OVERRIDDEN), setting->place.line,
		    slot_names[slot - KIND_END], how);
	}
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (setting->type == SET_NOTHING ||
		    (used != NULL && used->require[kind] != NULL))
			written->by[kind] = NULL;
	if (own < SLOT_COUNT)
		written->by[own] = setting;
}

/* Warns where less is demanded than by a profile before, and not for a while. */
static void
lint_loosened(struct lint *lint, const struct setting *setting, const struct used *used,
    const struct settings_of_rule *settings)
{
	const struct policy_requirement *before = used->requirement;
	const struct policy_requirement *after = setting->require;

	if (before != NULL && setting->span.until == INT64_MAX && (after == NULL ||
	    requirement_looser(after, before) ||
	    requirement_action(settings, after) < requirement_action(settings, before)))
		lint_warn(lint, &setting->place, KIND(LOOSENS), used->profile,
		    policy_kind_name(before->kind));
}

/* Notes which requirements profiles have brought in, and which are replaced. */
static void
write_used(struct lint *lint, struct written *written, const struct setting *setting,
    const struct settings_of_rule *settings)
{
	const struct settings_of_rule *used = lint_used(lint, setting);
	const struct profile *profile = setting->profile;
	bool drops = setting->type == SET_NOTHING || (profile != NULL && profile->drops);
	int first = KIND_FIRST;

	if (setting->type == SET_REQUIRE) {
		lint_loosened(lint, setting, &written->used[setting->require->kind],
		    settings);
		written->used[setting->require->kind] = (struct used){ 0 };
	}
	while (first < KIND_END - 1 && written->used[first].requirement == NULL)
		first++;
	if (setting->type == SET_NOTHING)
		lint_loosened(lint, setting, &written->used[first], settings);
	if (drops)
		memset(written->used, 0, sizeof(written->used));
	for (int kind = KIND_FIRST; used != NULL && kind < KIND_END; kind++)
		if (used->require[kind] != NULL)
			written->used[kind] = (struct used){
				used->require[kind], profile->name
			};
}

/* Notes whether there is a monitor or an exempt, and warns where none is undone. */
static void
write_period(struct lint *lint, struct written *written, const struct setting *setting,
    bool in_rule)
{
	const struct settings_of_rule *used = lint_used(lint, setting);

	/* What a profile undoes is its user's. */
	if (setting->type == SET_ENFORCE && in_rule && !written->period)
		lint_warn(lint, &setting->place, KIND(ENFORCE));
	if (setting->type == SET_ENFORCE)
		written->period = false;
	written->period |= setting->type == SET_MONITOR || setting->type == SET_EXEMPT ||
	    (used != NULL && (used->monitor.set || used->exempt.set));
}

/* Warns of a text with a reply code of its own: the reply has one before it. */
static void
lint_text_code(struct lint *lint, const struct setting *setting)
{
	const struct otherwise *otherwise = setting->type == SET_REQUIRE ?
	    setting->require->own : setting->type == SET_OTHERWISE ? setting->otherwise :
	    NULL;
	const char *text = otherwise != NULL ? otherwise->text : NULL;

	if (text != NULL && (text[0] == '4' || text[0] == '5') &&
	    strspn(text, "0123456789") == 3 && strspn(text + 3, " -") > 0)
		lint_warn(lint, setting->type == SET_REQUIRE ? &setting->own :
		    &setting->place, KIND(CODE_IN_TEXT));
}

/*
 * A cipher list where TLS 1.3 is required too, in a rule by a profile perhaps. A list
 * that comes from a profile may be for others. With an action of its own the list can
 * still make a difference.
 */
static void
lint_cipher_list(struct lint *lint, const struct written *written,
    const struct settings_of_rule *resolved)
{
	const struct setting *list = written->by[REASON_CIPHER];
	const struct policy_requirement *tls = NULL;

	if (resolved != NULL)
		tls = resolved->require[REASON_TLS_VERSION];
	else if (written->by[REASON_TLS_VERSION] != NULL)
		tls = written->by[REASON_TLS_VERSION]->require;
	if (tls != NULL && list != NULL && tls->least == PROTOCOL_TLS_1_3 &&
	    tls->own == NULL && list->require->own == NULL)
		lint_warn(lint, &list->value, KIND(CIPHER));
}

/* Whether all pins are of one key. */
static bool
one_key(const struct policy_requirement *pins)
{
	bool by_file = pins->u.pins.file_count > 0;
	size_t step = by_file ? CERTIFICATE_DIGESTS : 1;
	size_t at = by_file ? OF_KEY_SHA256 : 0;

	for (size_t i = at; i < pins->u.pins.count; i += step)
		if (!fingerprint_equal(&pins->u.pins.list[i], &pins->u.pins.list[at]))
			return false;
	return true;
}

/* Whether a later line names the key of one that ends, and others. */
static bool
is_taken_over(const struct setting *pins, const struct stretches *stretches)
{
	const struct policy_requirement *next;

	if (pins->span.until == INT64_MAX)
		return false;
	next = stretches_at(stretches, pins->span.until)->
	    require[REASON_CERTIFICATE_FINGERPRINT];
	return next != NULL && requirement_looser(next, pins->require);
}

/* Of a line that is yet to count there is time enough to ask for another key. */
static void
lint_pins(struct lint *lint, const struct written *written,
    const struct stretches *stretches)
{
	const struct setting *pins = written->by[REASON_CERTIFICATE_FINGERPRINT];
	const struct pinned_file *renewed;

	if (pins == NULL || lint->now != lint->today || !one_key(pins->require) ||
	    is_taken_over(pins, stretches))
		return;
	if ((renewed = lint_renewed_soon(lint, pins->require)) != NULL)
		lint_warn(lint, &pins->value, KIND(RENEWAL), renewed->opened,
		    renewed->certificate.not_after_text);
	else
		lint_warn(lint, &pins->value, KIND(ONE_KEY));
}

/* A block as of now. */
static void
read_block_now(struct lint *lint, const struct block *block,
    const struct stretches *stretches, bool in_rule, struct written *written)
{
	const struct settings_of_rule *settings = stretches_at(stretches, lint->now);

	*written = (struct written){ .period = false };
	for (const struct setting *each = block->first; each != NULL; each = each->next) {
		if (!span_has(&each->span, lint->now))
			continue;
		write_setting(lint, written, each);
		write_used(lint, written, each, settings);
		write_period(lint, written, each, in_rule);
		lint_text_code(lint, each);
	}
	lint_cipher_list(lint, written, in_rule ? settings : NULL);
	lint_pins(lint, written, stretches);
}

/* What becomes of a rule's "otherwise", over all days. */
struct otherwise_use {
	bool any;		/* there are requirements */
	bool used;		/* one of them has no action of its own */
};

static void
use_otherwise(const struct settings_of_rule *settings, struct otherwise_use *use)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		use->any |= each != NULL;
		use->used |= each != NULL && each->own == NULL;
	}
}

static void
lint_block(struct lint *lint, const struct block *block,
    const struct stretches *stretches, bool in_rule)
{
	struct otherwise_use use = { false, !in_rule };
	struct written written;

	for (lint_begin(lint, stretches, NULL); lint_next(lint);) {
		read_block_now(lint, block, stretches, in_rule, &written);
		use_otherwise(stretches_at(stretches, lint->now), &use);
	}
	lint_spans(lint, block, stretches, in_rule);
	if (!use.used && written.by[SLOT(SET_OTHERWISE)] != NULL)
		lint_warn(lint, &written.by[SLOT(SET_OTHERWISE)]->place,
		    KIND(OTHERWISE), use.any ? "each has one of its own" :
		    "there is none");
}

static bool
has_rules(const struct lint *lint, const struct source *source)
{
	const struct source_node *node = lint->written->sources;

	while (node != NULL && &node->source != source)
		node = node->next;
	/* The policy file itself is a library only when it is looked at alone. */
	return node == NULL || node->has_rules ||
	    (node->parent == NULL && lint->policy->rule_count > 0);
}

void
lint_blocks(struct lint *lint)
{
	const struct profile *each;

	for (each = lint->written->profiles; each != NULL; each = each->next) {
		lint_block(lint, &each->block, &each->settings, false);
		if (!each->used && has_rules(lint, each->place.source))
			lint_warn(lint, &each->place, KIND(PROFILE), each->name);
	}
	for (size_t i = 0; i < lint->policy->rule_count; i++)
		lint_block(lint, lint_block_of(lint, i), &lint->policy->rules[i].settings,
		    true);
}
