/*
 * allow.c - warnings that are meant so: comments "# tlsward: allow ID...".
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/diag.h"
#include "base/suggest.h"
#include "base/text.h"

#define BLANKS " \t,"
#define ID_MAX 64

/* Profiles that use others are followed so far. */
#define PROFILES_DEEP 4

/* Every kind of warning that there is. */
static const char *const known[] = {
#define KNOWN_ID(name, id, severity, text) id,
	LINT_KINDS(KNOWN_ID)
	LINT_OTHER_IDS
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* A word of a comment; what ends it is not part of it. */
struct word {
	const char *text;
	size_t length;		/* 0: there is none */
};

static struct word
next_word(const char *text)
{
	text += strspn(text, BLANKS);
	return (struct word){ text, strcspn(text, BLANKS "#") };
}

static bool
word_is(const struct word *word, const char *text)
{
	return strlen(text) == word->length && memcmp(word->text, text, word->length) == 0;
}

/* The kind that the word names; NULL: none. */
static const char *
known_id(const struct word *word)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (word_is(word, known[i]))
			return known[i];
	return NULL;
}

/* ------------------------------------------------------------------ *
 * What is not known
 * ------------------------------------------------------------------ */

static void
warn_unknown(struct lint *lint, const struct allow *allow, const struct word *word,
    const char *const *candidates, size_t count, const char *else_say)
{
	const char *meant = suggest_word(word->text, word->length, candidates, count);
	struct kept_place place = allow->place;
	char text[ID_MAX + 1], hint[ID_MAX + 32];

	(void)snprintf(text, sizeof(text), "%.*s", (int)word->length, word->text);
	if (meant != NULL)
		(void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", meant);
	place.column = 1;
	for (const char *c = place.text; c < word->text; c++)
		place.column += text_begins(c[1]);
	lint_warn_kept(lint->diags, &place, KIND(ALLOW_UNKNOWN), text,
	    meant != NULL ? hint : else_say);
}

static void
lint_comment(struct lint *lint, const struct allow *allow)
{
	/* The title of a list is for replies. */
	static const char *const verbs[] = { "allow", "title" };
	struct word word = next_word(allow->text);

	if (word_is(&word, verbs[1]))
		return;
	if (!word_is(&word, verbs[0])) {
		warn_unknown(lint, allow, &word, verbs, 2,
		    "write \"# tlsward: allow\" and names of warnings");
		return;
	}
	do {
		word = next_word(word.text + word.length);
		if (known_id(&word) == NULL)
			warn_unknown(lint, allow, &word, known, KNOWN_COUNT,
			    "names of warnings are those in brackets at their end");
	} while (next_word(word.text + word.length).length > 0);
}

/* ------------------------------------------------------------------ *
 * What is allowed
 * ------------------------------------------------------------------ */

/* One kind of one comment. */
struct allowed_kind {
	const struct allow *allow;
	const char *id;		/* of "known" */
	bool used;
};

struct allowed_kinds {
	struct allowed_kind *list;	/* by file and line */
	size_t count;
	size_t first, last;	/* those that are for all: of one comment */
	size_t room;
};

static int
compare_places(const char *file, unsigned line, const char *other, unsigned other_line)
{
	int order = strcmp(file, other);

	return order != 0 ? order : line < other_line ? -1 : line > other_line;
}

static int
by_place(const void *a, const void *b)
{
	const struct allowed_kind *one = a, *other = b;
	int order = compare_places(one->allow->place.file, one->allow->place.line,
	    other->allow->place.file, other->allow->place.line);

	return order != 0 ? order : strcmp(one->id, other->id);
}

/* False when memory is short. */
static bool
add_kinds(struct allowed_kinds *kinds, const struct allow *allow)
{
	struct word word = next_word(allow->text);

	if (!word_is(&word, "allow"))
		return true;
	while ((word = next_word(word.text + word.length)).length > 0) {
		const char *id = known_id(&word);

		if (id == NULL)
			continue;
		if (!array_reserve(kinds->list, kinds->count + 1, &kinds->room))
			return false;
		kinds->list[kinds->count++] = (struct allowed_kind){ allow, id, false };
	}
	return true;
}

/* All that the policy allows, to be freed. False when memory is short. */
static bool
gather_kinds(const struct policy *policy, struct allowed_kinds *kinds)
{
	for (const struct allow *each = policy->allows; each != NULL; each = each->next)
		if (!add_kinds(kinds, each))
			return false;
	if (kinds->count > 0)
		qsort(kinds->list, kinds->count, sizeof(*kinds->list), by_place);
	while (kinds->first < kinds->count && !kinds->list[kinds->first].allow->everywhere)
		kinds->first++;
	kinds->last = kinds->first;
	while (kinds->last < kinds->count && kinds->list[kinds->last].allow->everywhere)
		kinds->last++;
	return true;
}

/* The first of those that end in this line or below it. */
static size_t
first_at(const struct allowed_kinds *kinds, const char *file, unsigned line)
{
	size_t low = 0, high = kinds->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct kept_place *place = &kinds->list[middle].allow->place;

		if (compare_places(place->file, place->line, file, line) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether the kind is for that line. */
static bool
covers(const struct allowed_kind *kind, const char *file, unsigned line)
{
	return kind->allow->first <= line && kind->allow->place.line >= line &&
	    strcmp(kind->allow->place.file, file) == 0;
}

/* Whether a warning is allowed: a function for diags_drop(). */
static bool
is_allowed(const struct diag *diag, void *data)
{
	struct allowed_kinds *kinds = data;
	bool allowed = false;
	size_t i;

	if (diag->severity != SEVERITY_WARNING || diag->id == NULL)
		return false;
	for (i = first_at(kinds, diag->file, diag->line); i < kinds->count &&
	    covers(&kinds->list[i], diag->file, diag->line); i++)
		if (strcmp(kinds->list[i].id, diag->id) == 0)
			allowed = kinds->list[i].used = true;
	for (i = kinds->first; i < kinds->last; i++)
		if (strcmp(kinds->list[i].id, diag->id) == 0)
			allowed = kinds->list[i].used = true;
	return allowed;
}

void
lint_allow(const struct policy *policy, struct diags *diags, bool tell_unused)
{
	struct allowed_kinds kinds = { 0 };

	if (gather_kinds(policy, &kinds) && kinds.count > 0) {
		diags_drop(diags, is_allowed, &kinds);
		for (size_t i = 0; tell_unused && i < kinds.count; i++)
			if (!kinds.list[i].used)
				lint_warn_kept(diags, &kinds.list[i].allow->place,
				    KIND(ALLOW_UNUSED), kinds.list[i].id);
	}
	free(kinds.list);
}

/* ------------------------------------------------------------------ *
 * What is printed
 * ------------------------------------------------------------------ */

/* What printing keeps is noted in the policy, which is const to all else here. */
struct keeper {
	struct lint *lint;
	struct policy *policy;
	struct allowed_kinds kinds;
	struct allowed *list;
	size_t count, room;
};

static void
keep_id(struct keeper *keeper, const void *of, const char *id)
{
	if (array_reserve(keeper->list, keeper->count + 1, &keeper->room))
		keeper->list[keeper->count++] = (struct allowed){ of, id };
	else
		keeper->lint->no_memory = true;
}

/* Of one part in the order of their names, so that printing twice is printing once. */
static int
by_part(const void *a, const void *b)
{
	const struct allowed *one = a, *other = b;

	return one->of != other->of ? ((uintptr_t)one->of > (uintptr_t)other->of ? 1 : -1) :
	    strcmp(one->id, other->id);
}

/* Gives the policy what was kept, each once. */
static void
end_keeping(struct keeper *keeper)
{
	struct policy *policy = keeper->policy;

	if (keeper->count == 0)
		return;
	qsort(keeper->list, keeper->count, sizeof(*keeper->list), by_part);
	policy->allowed = arena_alloc(&policy->arena, keeper->count * sizeof(*keeper->list));
	keeper->lint->no_memory |= policy->allowed == NULL;
	for (size_t i = 0; policy->allowed != NULL && i < keeper->count; i++)
		if (i == 0 || by_part(&keeper->list[i - 1], &keeper->list[i]) != 0)
			policy->allowed[policy->allowed_count++] = keeper->list[i];
}

/* What is allowed in that line is allowed of that part of the policy. */
static void
keep_line(struct keeper *keeper, const char *file, unsigned line, const void *of)
{
	const struct allowed_kinds *kinds = &keeper->kinds;

	for (size_t i = first_at(kinds, file, line); i < kinds->count &&
	    covers(&kinds->list[i], file, line); i++)
		keep_id(keeper, of, kinds->list[i].id);
}

/* The lines of a rule's settings, and of those of the profiles that it uses. */
static void
keep_settings(struct keeper *keeper, const struct block *block,
    const struct policy_rule *rule)
{
	const struct settings_of_rule *first = &rule->settings.list[0].settings;
	const struct setting *walk[PROFILES_DEEP] = { block->first };
	size_t depth = 1;

	while (depth > 0) {
		const struct setting *each = walk[depth - 1];

		if (each == NULL) {
			depth--;
			continue;
		}
		keep_line(keeper, each->place.source->path, each->place.line,
		    each->type == SET_REQUIRE ? (const void *)each->require :
		    each->type == SET_OTHERWISE ? (const void *)each->otherwise :
		    each->type == SET_MONITOR ? (const void *)&first->monitor :
		    each->type == SET_EXEMPT ? (const void *)&first->exempt : rule);
		walk[depth - 1] = each->next;
		if (each->type == SET_USE && each->profile != NULL && depth < PROFILES_DEEP)
			walk[depth++] = each->profile->block.first;
	}
}

/* The lines in which a rule, or the agreement that it is of, names a WHO. */
static void
keep_whos(struct keeper *keeper, const struct who_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct who *who = &table->whos[i];
		const struct policy_rule *rule = &keeper->policy->rules[who->rule];
		const struct source_node *node = keeper->lint->written->sources;

		while (node != NULL && node->file != who->file)
			node = node->next;
		if (!who->listed && node != NULL)
			keep_line(keeper, node->source.path, who->line,
			    rule->partner != NULL ? (const void *)rule->partner : rule);
	}
}

static void
keep_rule(struct keeper *keeper, size_t index)
{
	const struct policy_written *written = keeper->lint->written;
	const struct policy_rule *rule = &keeper->policy->rules[index];
	const struct place *place = &written->rules[index].place;
	const struct written_partner *partner = written->rules[index].partner;

	keep_line(keeper, place->source->path, place->line, rule);
	keep_settings(keeper, lint_block_of(keeper->lint, index), rule);
	if (partner != NULL)
		keep_line(keeper, partner->place.source->path, partner->place.line,
		    rule->partner);
}

void
lint_comments(struct lint *lint, struct policy *policy)
{
	struct keeper keeper = { .lint = lint, .policy = policy };

	for (const struct allow *each = policy->allows; each != NULL; each = each->next)
		lint_comment(lint, each);
	lint->no_memory |= !gather_kinds(policy, &keeper.kinds);
	for (size_t i = keeper.kinds.first; i < keeper.kinds.last; i++)
		keep_id(&keeper, policy, keeper.kinds.list[i].id);
	for (size_t i = 0; keeper.kinds.count > 0 && i < policy->rule_count; i++)
		keep_rule(&keeper, i);
	for (size_t i = 0; keeper.kinds.count > 0 && i < RULE_DEFAULT; i++)
		keep_whos(&keeper, &policy->tables[i]);
	end_keeping(&keeper);
	free(keeper.list);
	free(keeper.kinds.list);
}
