/*
 * import_join.c - each WHO is one rule's: two of a kind that name the same are an error.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_items.h"

#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "base/array.h"
#include "base/intern.h"

/* Whose a WHO is: of itself, and of what is below it. */
struct join_owner {
	struct import_rule *rules[2];	/* NULL: nobody's, as yet or any more */
	struct import_who *whos[2];
	bool disputed[2];		/* it is in rules that do not agree */
};

struct join {
	struct import *import;
	struct intern keys;
	struct join_owner *owners;	/* by the key */
	size_t room;
};

static struct join_owner *
owner_of(struct join *join, const struct import_rule *rule, const struct import_who *who)
{
	struct buffer key = BUFFER_INIT;
	bool added = false;
	uint32_t number;

	buffer_format(&key, "%d %s", (int)rule->target, who->text);
	number = key.failed ? INTERN_NONE :
	    intern_add(&join->keys, key.text, key.length, &added);
	buffer_free(&key);
	tool_need(number != INTERN_NONE && array_reserve(join->owners, number + 1,
	    &join->room));
	if (added)
		join->owners[number] = (struct join_owner){ .disputed = { false } };
	return &join->owners[number];
}

/* Whether all that a rule demands stands in the other, too. */
static bool
demands_all(const struct import_rule *rule, const struct import_rule *other)
{
	for (const struct import_line *line = other->settings.first; line != NULL;
	    line = line->next) {
		const struct import_line *same = rule->settings.first;

		while (same != NULL && strcmp(same->text, line->text) != 0)
			same = same->next;
		if (same == NULL)
			return false;
	}
	return !rule->exempt;
}

static const char *
origin(const struct import_rule *rule)
{
	return rule->notes.first != NULL ? rule->notes.first->text : "another entry";
}

const char *
import_demands(struct import *import, const struct import_rule *rule)
{
	const char *all = "";

	for (const struct import_line *line = rule->settings.first; line != NULL;
	    line = line->next)
		all = import_text(import, "%s%s%s", all, all[0] != '\0' ? "; " : "",
		    line->text);
	return all;
}

/* A WHO in two rules: of its scope, so much. */
struct join_clash {
	struct join_owner *owner;
	struct import_rule *rule;
	struct import_who *who;
	unsigned bits;
};

static void
own(const struct join_clash *clash)
{
	for (int bit = 0; bit < 2; bit++)
		if ((clash->bits & 1U << bit) != 0) {
			clash->owner->rules[bit] = clash->rule;
			clash->owner->whos[bit] = clash->who;
		}
}

/* Takes it away from whose it was. */
static void
disown(const struct join_clash *clash)
{
	for (int bit = 0; bit < 2; bit++)
		if ((clash->bits & 1U << bit) != 0)
			clash->owner->whos[bit]->scope &= ~(1U << bit);
}

/* Neither rule can be told to be the stricter one. */
static void
leave_to_nobody(struct import *import, const struct join_clash *clash,
    struct import_rule *earlier, const char *name)
{
	import_lost(import, earlier, "%s: %s demands (%s), and %s demands (%s). Write what "
	    "counts.", name, origin(earlier), import_demands(import, earlier),
	    origin(clash->rule), import_demands(import, clash->rule));
	disown(clash);
	clash->who->scope &= ~clash->bits;
	for (int bit = 0; bit < 2; bit++)
		clash->owner->disputed[bit] |= (clash->bits & 1U << bit) != 0;
}

static void
dispute(struct import *import, const struct join_clash *clash, struct import_rule *earlier,
    const char *name)
{
	struct import_rule *rule = clash->rule;
	bool stricter = demands_all(rule, earlier), milder = demands_all(earlier, rule);

	if (stricter && !milder) {
		import_comment(import, rule, "%s: %s demands less (%s). This counts.", name,
		    origin(earlier), import_demands(import, earlier));
		disown(clash);
		own(clash);
	} else if (!milder) {
		leave_to_nobody(import, clash, earlier, name);
	} else {
		import_comment(import, earlier, stricter ? "%s: %s demands the same%s%s." :
		    "%s: %s demands less (%s). %s", name, origin(rule),
		    stricter ? "" : import_demands(import, rule),
		    stricter ? "" : "This counts.");
		clash->who->scope &= ~clash->bits;
	}
}

/* So much of a scope, which one rule or none has so far. */
static void
settle_part(struct import *import, const struct join_clash *clash)
{
	int bit = clash->bits == IMPORT_BELOW;
	struct import_rule *earlier = clash->owner->rules[bit];
	const char *name = import_text(import, "%s%s", bit == 1 ? "." : "", clash->who->text);

	if (clash->owner->disputed[bit]) {
		import_lost(import, clash->rule, "%s: %s demands (%s), and others something "
		    "else. Write what counts.", name, origin(clash->rule),
		    import_demands(import, clash->rule));
		clash->who->scope &= ~clash->bits;
	} else if (earlier == NULL && clash->owner->rules[1 - bit] == clash->rule) {
		/* The rule has the other part already: they are one. */
		clash->who->scope &= ~clash->bits;
		clash->owner->whos[1 - bit]->scope |= clash->bits;
		own(&(struct join_clash){ clash->owner, clash->rule,
		    clash->owner->whos[1 - bit], clash->bits });
	} else if (earlier == NULL) {
		own(clash);
	} else if (earlier == clash->rule) {
		clash->who->scope &= ~clash->bits;
		clash->owner->whos[bit]->scope |= clash->bits;
	} else {
		dispute(import, clash, earlier, name);
	}
}

static void
settle(struct join *join, struct import_rule *rule, struct import_who *who)
{
	struct join_owner *owner = owner_of(join, rule, who);
	unsigned scope = who->scope;

	if (scope == IMPORT_BOTH && owner->rules[0] == owner->rules[1] &&
	    owner->disputed[0] == owner->disputed[1]) {
		settle_part(join->import, &(struct join_clash){ owner, rule, who, scope });
		return;
	}
	for (unsigned bit = IMPORT_ITSELF; bit <= IMPORT_BELOW; bit++)
		if ((scope & bit) != 0)
			settle_part(join->import,
			    &(struct join_clash){ owner, rule, who, bit });
}

void
import_join(struct import *import)
{
	struct join join = { .import = import };

	for (struct import_item *item = import->first; item != NULL; item = item->next)
		for (struct import_who *who = item->rule != NULL ? item->rule->whos : NULL;
		    who != NULL; who = who->next)
			settle(&join, item->rule, who);
	intern_free(&join.keys);
	free(join.owners);
}
