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

#define UPPER_CASE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct regex {
	const struct who *who;
	bool anchored;
	bool caseless;
	char text[REGEX_NAME_MAX * 2];	/* without slashes; "": too long */
	struct regex_name name;
};

/* "/TEXT/FLAGS" as the WHO's name has it. */
static void
read_regex(const struct who_table *table, size_t index, struct regex *regex)
{
	const char *name, *end;

	memset(regex, 0, sizeof(*regex));
	regex->who = &table->whos[table->regexes[index].who];
	regex->anchored = table->regexes[index].anchored;
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
	bool unknown = false;

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
	if (who == NULL)
		who = index_find_regex(table, lint->policy->limits, name->name, length,
		    &unknown);
	return unknown || who == regex->who ? NULL : who;
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

/* Of one that has alternatives in a name the first is looked at. */
static void
lint_name(struct lint *lint, const struct regex *regex, bool exempts)
{
	char other[REGEX_NAME_MAX + 32], meant[MEANT_MAX];
	char plain[sizeof(regex->text)];
	struct regex_name name;

	regex_name_first(regex->text, plain);
	regex_name_read(plain, &name);
	/* What stands before the name is not to be one of the alternatives. */
	if (name.shape != REGEX_NAME || strncmp(plain, regex->text, name.start) != 0)
		return;
	if (name.loose_dot)
		lint_warn_who(lint, regex->who, KIND(REGEX_DOT));
	/* That one which exempts is not anchored is said elsewhere. */
	if (exempts || (name.to_end && (name.from_start || name.at_label)))
		return;
	(void)snprintf(other, sizeof(other), "%s%s%s",
	    name.from_start ? "" : name.at_label ? "mx." : "not", name.name,
	    name.to_end ? "" : ".evil.example");
	write_meant(&name, regex->text + name.start,
	    regex->text + strlen(regex->text) - (strlen(plain) - name.end), meant);
	lint_warn_who(lint, regex->who, KIND(REGEX_END), other, meant);
}

void
lint_regexes(struct lint *lint, enum policy_rule_kind kind)
{
	const struct who_table *table = &lint->policy->tables[kind];
	const struct who *all = NULL, *by;
	unsigned tries = 0;
	struct regex regex;

	for (size_t i = 0; i < table->regex_count; i++) {
		bool exempts;

		read_regex(table, i, &regex);
		exempts = period_active(
		    &lint->policy->rules[regex.who->rule].settings.exempt, lint->now);
		if (!regex.anchored && exempts)
			lint_warn_who(lint, regex.who, KIND(UNANCHORED));
		lint_name(lint, &regex, exempts);
		if (regex.name.shape == REGEX_NAME && !regex.caseless &&
		    strpbrk(regex.name.name, UPPER_CASE) != NULL)
			lint_warn_who(lint, regex.who, KIND(REGEX_CASE));
		else if ((by = all != NULL ? all : applies_before(lint, table, &regex)) != NULL)
			lint_warn_who(lint, regex.who, KIND(REGEX_SHADOWED), by->name,
			    by->line, policy_file(lint->policy, by));
		if (all == NULL && regex.name.shape == REGEX_ALL)
			all = regex.who;
		if (lint_is_slow(lint->policy, regex.text, table->regex_codes[i], &tries))
			lint_warn_who(lint, regex.who, KIND(REGEX_SLOW));
	}
}
