/*
 * certificate.c - warnings about certificates that prove little.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <string.h>

/*
 * The literal name with which a regular expression ends, as bytes in "name"; a dot
 * that stands for any character is taken for the dot that was meant.
 */
static size_t
literal_end(const char *text, char name[REGEX_NAME_MAX])
{
	size_t end = strlen(text), at = REGEX_NAME_MAX;

	if (end > 0 && text[end - 1] == '$')
		end--;
	while (end > 0 && at > 0) {
		char c = text[end - 1];
		bool escaped = end > 1 && text[end - 2] == '\\';

		if (!(isalnum((unsigned char)c) || c == '-') && c != '.')
			break;
		/* "\d", "\w" and the like are no letters. */
		if (escaped && c != '.' && c != '-')
			break;
		name[--at] = c;
		end -= escaped ? 2 : 1;
	}
	/* What is left of a ".*" or a "[^.]+" and the dot behind it. */
	while (at < REGEX_NAME_MAX && name[at] == '.')
		at++;
	memmove(name, name + at, REGEX_NAME_MAX - at);
	return REGEX_NAME_MAX - at;
}

static const char *
provider_of_pattern(const struct providers *providers, const struct pattern *pattern)
{
	char name[REGEX_NAME_MAX];
	size_t length;

	switch (pattern->type) {
	case PATTERN_REGEX:
		length = literal_end(pattern->text, name);
		return provider_of(providers, name, length);
	case PATTERN_WILDCARD:
		return provider_of(providers, pattern->text + 2,
		    strlen(pattern->text) - 2);
	case PATTERN_NAME:
	case PATTERN_EXACT:
		break;
	}
	return provider_of(providers, pattern->text, strlen(pattern->text));
}

/* The place of a pattern, on a line of the setting or, joined to it, below. */
static struct place
place_of(const struct setting *setting, const struct pattern *pattern)
{
	struct place place = setting->place;
	const char *newline;

	while (place.line < pattern->line &&
	    (newline = strchr(place.start, '\n')) != NULL) {
		place.start = newline + 1;
		place.line++;
	}
	place.column = pattern->column;
	return place;
}

/*
 * One pattern: of a proof, and not beside a pin, it must not be a service's name.
 * Returns whether it matches every name.
 */
static bool
lint_pattern(struct lint *lint, const struct setting *setting,
    const struct pattern *pattern, bool names_partner, bool is_proof)
{
	const char *provider = names_partner && is_proof ?
	    provider_of_pattern(lint->providers, pattern) : NULL;
	struct place place = place_of(setting, pattern);
	struct regex_name regex;

	if (provider != NULL)
		lint_warn(lint, &place, KIND(PROVIDER), pattern->text, provider);
	if (pattern->type != PATTERN_REGEX)
		return false;
	regex_name_read(pattern->text, &regex);
	if (names_partner && regex.shape == REGEX_NAME && regex.loose_dot)
		lint_warn(lint, &place, KIND(REGEX_DOT));
	else if (lint_is_slow(lint->policy, pattern->text, pattern->code,
	    &lint->tries))
		lint_warn(lint, &place, KIND(REGEX_SLOW));
	return regex.shape == REGEX_ALL;
}

/* Returns whether one of the patterns, or that there is none, lets everybody in. */
static bool
lint_patterns(struct lint *lint, const struct block *block,
    const struct policy_requirement *names, bool is_proof)
{
	const struct setting *setting = names != NULL ? lint_setting(block, names) : NULL;
	bool anybody = names == NULL;

	for (size_t i = 0; setting != NULL && i < names->u.patterns.count; i++)
		anybody |= lint_pattern(lint, setting, &names->u.patterns.list[i],
		    names->kind == REASON_CERTIFICATE_NAME, is_proof);
	return anybody;
}

static void
lint_proofs(struct lint *lint, const struct block *block,
    const struct settings_of_rule *settings)
{
	const struct policy_requirement *issuer =
	    settings->require[REASON_CERTIFICATE_ISSUER];
	/* With a pin the key is the proof. */
	bool pinned = settings->require[REASON_CERTIFICATE_FINGERPRINT] != NULL;
	bool anybody = lint_patterns(lint, block,
	    settings->require[REASON_CERTIFICATE_NAME], !pinned);
	const struct setting *setting;

	(void)lint_patterns(lint, block, issuer, !pinned);
	if (!pinned && issuer != NULL && anybody &&
	    (setting = lint_setting(block, issuer)) != NULL)
		lint_warn(lint, &setting->value, KIND(ISSUER));
}

void
lint_certificates(struct lint *lint)
{
	if ((lint->providers = providers_read(lint->diags)) == NULL) {
		lint->no_memory = true;
		return;
	}
	for (size_t i = 0; i < lint->policy->rule_count; i++)
		lint_proofs(lint, lint_block_of(lint, i),
		    &lint->policy->rules[i].settings);
	providers_free(&lint->providers);
}
