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

const struct block *
lint_block_of(const struct lint *lint, size_t index)
{
	return lint->policy->rules[index].kind == RULE_DEFAULT ?
	    &lint->written->default_block->block : &lint->written->rules[index].block;
}

const struct setting *
lint_setting(const struct block *block, const struct policy_requirement *requirement)
{
	const struct setting *each = block->first;

	while (each != NULL) {
		if (each->type == SET_REQUIRE && each->require == requirement)
			return each;
		if (each->type == SET_USE && each->profile != NULL &&
		    each->profile->settings->require[requirement->kind] ==
		    requirement)
			each = each->profile->block.first;
		else
			each = each->next;
	}
	return NULL;
}

static const char *
slot_name(int slot)
{
	static const char *const names[] = {
		[SET_OTHERWISE] = "otherwise", [SET_MONITOR] = "monitor",
		[SET_EXEMPT] = "exempt", [SET_CONTACT] = "contact", [SET_NOTE] = "note"
	};

	return slot < KIND_END ? policy_kind_name((enum policy_reason)slot) :
	    names[slot - KIND_END];
}

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
does_away(const struct setting *setting, int slot)
{
	const struct settings_of_rule *used = setting->profile == NULL ? NULL :
	    setting->profile->settings;

	if (setting->type == SET_USE)
		return used != NULL && (slot < KIND_END ? used->require[slot] != NULL :
		    slot == SLOT(SET_OTHERWISE) && used->otherwise != NULL) ?
		    "comes from a profile" : NULL;
	if (setting->type == SET_NOTHING)
		return slot < KIND_END ? "is dropped" : NULL;
	if (setting->type == SET_ENFORCE)
		return slot == SLOT(SET_MONITOR) || slot == SLOT(SET_EXEMPT) ?
		    "is undone" : NULL;
	return slot == own_slot(setting) ? "is set again" : NULL;
}

static void
write_setting(struct lint *lint, struct written *written, const struct setting *setting)
{
	unsigned own = (unsigned)own_slot(setting);

	for (int slot = 0; slot < SLOT_COUNT; slot++) {
		const struct setting *before = written->by[slot];
		const char *how = before != NULL ? does_away(setting, slot) : NULL;

		if (how != NULL)
			written->by[slot] = NULL;
		/* Across a profile's "use" of another file the line would say little. */
		if (how != NULL && before->place.source == setting->place.source)
			lint_warn(lint, &before->place, KIND(OVERRIDDEN),
			    setting->place.line, slot_name(slot), how);
	}
	if (own < SLOT_COUNT)
		written->by[own] = setting;
}

/* Warns where less is demanded than by a profile before. */
static void
lint_loosened(struct lint *lint, const struct setting *setting, const struct used *used,
    const struct settings_of_rule *settings)
{
	const struct policy_requirement *before = used->requirement;
	const struct policy_requirement *after = setting->require;

	if (before != NULL && (after == NULL || requirement_looser(after, before) ||
	    requirement_action(settings, after) < requirement_action(settings, before)))
		lint_warn(lint, &setting->place, KIND(LOOSENS), used->profile,
		    policy_kind_name(before->kind));
}

/* Notes which requirements profiles have brought in, and which are replaced. */
static void
write_used(struct lint *lint, struct written *written, const struct setting *setting,
    const struct settings_of_rule *settings)
{
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
	for (int kind = KIND_FIRST; profile != NULL && kind < KIND_END; kind++)
		if (profile->settings->require[kind] != NULL)
			written->used[kind] = (struct used){
				profile->settings->require[kind], profile->name
			};
}

/* Notes whether there is a monitor or an exempt, and warns where none is undone. */
static void
write_period(struct lint *lint, struct written *written, const struct setting *setting,
    bool in_rule)
{
	const struct settings_of_rule *used = setting->profile == NULL ? NULL :
	    setting->profile->settings;

	/* What a profile undoes is its user's. */
	if (setting->type == SET_ENFORCE && in_rule && !written->period)
		lint_warn(lint, &setting->place, KIND(ENFORCE));
	if (setting->type == SET_ENFORCE)
		written->period = false;
	written->period |= setting->type == SET_MONITOR || setting->type == SET_EXEMPT ||
	    (used != NULL && (used->monitor.set || used->exempt.set));
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

static void
lint_pins(struct lint *lint, const struct written *written)
{
	const struct setting *pins = written->by[REASON_CERTIFICATE_FINGERPRINT];

	if (pins != NULL && one_key(pins->require))
		lint_warn(lint, &pins->value, KIND(ONE_KEY));
}

static void
lint_block(struct lint *lint, const struct block *block,
    const struct settings_of_rule *settings, bool in_rule)
{
	const struct settings_of_rule *resolved = in_rule ? settings : NULL;
	struct written written = { 0 };
	bool used = !in_rule, any = false;

	for (const struct setting *each = block->first; each != NULL; each = each->next) {
		write_setting(lint, &written, each);
		write_used(lint, &written, each, settings);
		write_period(lint, &written, each, in_rule);
	}
	lint_cipher_list(lint, &written, resolved);
	lint_pins(lint, &written);
	for (int kind = KIND_FIRST; !used && kind < KIND_END; kind++) {
		any |= resolved->require[kind] != NULL;
		used = resolved->require[kind] != NULL &&
		    resolved->require[kind]->own == NULL;
	}
	if (!used && written.by[SLOT(SET_OTHERWISE)] != NULL)
		lint_warn(lint, &written.by[SLOT(SET_OTHERWISE)]->place,
		    KIND(OTHERWISE), any ? "each has one of its own" : "there is none");
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
		lint_block(lint, &each->block, each->settings, false);
		if (!each->used && has_rules(lint, each->place.source))
			lint_warn(lint, &each->place, KIND(PROFILE), each->name);
	}
	for (size_t i = 0; i < lint->policy->rule_count; i++)
		lint_block(lint, lint_block_of(lint, i),
		    &lint->policy->rules[i].settings, true);
}
