/*
 * regex.c - warnings about regular expressions of a WHO.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <string.h>

/* What is meant by a text: each character escaped, and what holds it. */
#define MEANT_MAX (REGEX_NAME_MAX * 4 + 16)

struct regex {
	const struct who *who;
	pcre2_code *code;
	bool anchored;
	bool caseless;
	char text[REGEX_NAME_MAX * 2];	/* without slashes; "": too long */
	struct regex_name name;
};

/* "/TEXT/FLAGS" as the WHO's name has it. */
static void
read_regex(const struct who_table *table, const struct regexes *regexes, size_t index,
    struct regex *regex)
{
	const char *name, *end;

	memset(regex, 0, sizeof(*regex));
	regex->who = &table->whos[regexes->list[index].who];
	regex->code = regexes->codes[index];
	regex->anchored = regexes->list[index].anchored;
	name = regex->who->name + 1;
	end = strrchr(name, '/');
	regex->caseless = end[1] == 'i';
	if ((size_t)(end - name) < sizeof(regex->text))
		memcpy(regex->text, name, (size_t)(end - name));
	if (regex->text[0] != '\0' || end == name)
		regex_name_read(regex->text, &regex->name);
}

/* The WHO that applies to all that the expression can match, or NULL. */
static const struct who *
applies_before(const struct lint *lint, const struct who_table *table,
    const struct regex *regex)
{
	const struct regex_name *name = &regex->name;
	size_t length = strlen(name->name);
	char below[REGEX_NAME_MAX + 1];
	const struct who *who;
	size_t number = 0;

	if (name->shape != REGEX_NAME || name->loose_dot || !name->to_end)
		return NULL;
	if (name->at_label && !name->or_itself) {
		(void)snprintf(below, sizeof(below), ".%s", name->name);
		who = index_find(table, below, length + 1);
		return who != NULL ? who : index_find_above(table, name->name, length);
	}
	if (!name->from_start)
		return NULL;
	if ((who = index_find(table, name->name, length)) == NULL)
		who = index_find_above(table, name->name, length);
	if (who == NULL && index_find_regex(&table->regexes, lint->policy->limits,
	    name->name, length, &number) == POLICY_YES)
		who = &table->whos[table->regexes.list[number].who];
	return who == regex->who ? NULL : who;
}

/*
 * The expression that was meant by one that spells a name out: what is written between
 * "start" and "end", held at both ends.
 */
static void
write_meant(const struct regex_name *name, const char *start, const char *end,
    char meant[MEANT_MAX])
{
	size_t used = (size_t)snprintf(meant, MEANT_MAX, "%s",
	    name->from_start ? "^" :
	    name->at_label && !name->or_itself ? "\\." : "(^|\\.)");

	for (const char *c = start; c < end; c++) {
		if (*c == '.' && (c == start || c[-1] != '\\'))
			meant[used++] = '\\';
		meant[used++] = *c;
	}
	meant[used++] = '$';
	meant[used] = '\0';
}

/*
 * Of one that has alternatives in a name the first is looked at. Returns whether it spells
 * a name out.
 */
static bool
lint_name(struct lint *lint, const struct regex *regex, bool exempts)
{
	char other[REGEX_NAME_MAX + 32], meant[MEANT_MAX];
	char plain[sizeof(regex->text)];
	struct regex_name name;

	regex_name_first(regex->text, plain);
	regex_name_read(plain, &name);
	/* What stands before the name is not to be one of the alternatives. */
	if (name.shape != REGEX_NAME || strncmp(plain, regex->text, name.start) != 0)
		return false;
	if (name.loose_dot)
		lint_warn_client(lint, regex->who, KIND(REGEX_DOT));
	/* That one which exempts is not anchored is said elsewhere. */
	if (exempts || (name.to_end && (name.from_start || name.at_label)))
		return true;
	(void)snprintf(other, sizeof(other), "%s%s%s",
	    name.from_start ? "" : name.at_label ? "mx." : "not", name.name,
	    name.to_end ? "" : ".evil.example");
	write_meant(&name, regex->text + name.start,
	    regex->text + strlen(regex->text) - (strlen(plain) - name.end), meant);
	lint_warn_client(lint, regex->who, KIND(REGEX_END), other, meant);
	return true;
}

/* One that never matches, or not in a time that can be waited for. */
static bool
lint_idle(struct lint *lint, const struct regex *regex, unsigned *tries)
{
	bool never = !regex->caseless && regex_needs_upper_case(regex->text);

	if (never)
		lint_warn_client(lint, regex->who, KIND(REGEX_CASE));
	if (lint_is_slow(lint->policy, regex->text, regex->code, tries))
		lint_warn_client(lint, regex->who, KIND(REGEX_SLOW));
	return never;
}

/* Whether a rule for the expression exempts, on some day; warns where it is not anchored. */
static bool
lint_exempting_regex(struct lint *lint, const struct who_table *table,
    const struct regex *regex)
{
	const struct policy_rule *rules = lint->policy->rules;
	bool exempts = false;

	for (const struct who *who = regex->who; who != NULL; who = index_next(table, who)) {
		const struct stretches *settings = &rules[who->rule].settings;

		for (lint_begin(lint, settings, NULL); lint_next(lint);) {
			if (!period_active(&stretches_at(settings, lint->now)->exempt,
			    lint->now))
				continue;
			exempts = true;
			if (!regex->anchored)
				lint_warn_who(lint, who, KIND(UNANCHORED));
		}
	}
	return exempts;
}

/* Those on domains, or on clients' names. */
static void
lint_domain_regexes(struct lint *lint, const struct who_table *table, bool client)
{
	const struct who *all = NULL, *by;
	unsigned tries = 0;
	struct regex regex;

	for (size_t i = 0; i < table->regexes.count; i++) {
		read_regex(table, &table->regexes, i, &regex);
		(void)lint_name(lint, &regex, lint_exempting_regex(lint, table, &regex));
		if (!client && strchr(regex.who->name, '@') != NULL)
			lint_warn_who(lint, regex.who, KIND(REGEX_NO_AT));
		if (!lint_idle(lint, &regex, &tries) && (by = all != NULL ? all :
		    applies_before(lint, table, &regex)) != NULL)
			lint_warn_who(lint, regex.who, KIND(REGEX_SHADOWED), by->name,
			    by->line, policy_file(lint->policy, by));
		if (all == NULL && regex.name.shape == REGEX_ALL)
			all = regex.who;
	}
}

static void
lint_address_regexes(struct lint *lint, const struct who_table *table)
{
	unsigned tries = 0;
	struct regex regex;

	for (size_t i = 0; i < table->address_regexes.count; i++) {
		struct regex_name domain;

		read_regex(table, &table->address_regexes, i, &regex);
		if (!lint_exempting_regex(lint, table, &regex) && !regex.anchored)
			lint_warn_who(lint, regex.who, KIND(REGEX_ADDRESS));
		regex_address_domain(regex.who, &domain);
		if (domain.shape == REGEX_NAME && domain.loose_dot)
			lint_warn_who(lint, regex.who, KIND(REGEX_DOT));
		(void)lint_idle(lint, &regex, &tries);
	}
}

void
lint_regexes(struct lint *lint, enum policy_rule_kind kind)
{
	const struct who_table *table = &lint->policy->tables[kind];

	lint_domain_regexes(lint, table, kind == RULE_CLIENT);
	lint_address_regexes(lint, table);
}

/* Whether nothing may stand before it but what is below the same name. */
static bool
is_held(const struct regex *regex)
{
	size_t length = strlen(regex->text);

	return regex->anchored || (strncmp(regex->text, "\\.", 2) == 0 &&
	    strchr(regex->text, '|') == NULL && regex->text[length - 1] == '$');
}

void
lint_client_lists(struct lint *lint)
{
	unsigned tries = 0;

	for (const struct clients *each = lint->policy->clients; each != NULL;
	    each = each->next) {
		for (size_t i = 0; i < each->table.regexes.count; i++) {
			struct regex regex;

			read_regex(&each->table, &each->table.regexes, i, &regex);
			if (!lint_name(lint, &regex, false) && !is_held(&regex))
				lint_warn_client(lint, regex.who, KIND(REGEX_CLIENT));
			(void)lint_idle(lint, &regex, &tries);
		}
	}
}
