/*
 * certificate.c - warnings about certificates that prove little.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <string.h>

#include "lint/provider.h"
#include "lint/regex_name.h"

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

static void
lint_providers(struct lint *lint, const struct block *block,
    const struct policy_requirement *names)
{
	const struct setting *setting = NULL;

	for (size_t i = 0; i < names->u.patterns.count; i++) {
		const struct pattern *pattern = &names->u.patterns.list[i];
		const char *provider = provider_of_pattern(lint->providers, pattern);
		struct place place;

		if (provider != NULL && setting == NULL)
			setting = lint_setting(block, names);
		if (provider == NULL || setting == NULL)
			continue;
		place = place_of(setting, pattern);
		lint_warn(lint, &place, KIND(PROVIDER), pattern->text, provider);
	}
}

/* A dot for any character in a pattern that lets in, or one that backtracks badly. */
static void
lint_expressions(struct lint *lint, const struct block *block,
    const struct policy_requirement *names, unsigned *tries)
{
	for (size_t i = 0; i < names->u.patterns.count; i++) {
		const struct pattern *pattern = &names->u.patterns.list[i];
		const struct setting *setting;
		struct regex_name regex;
		struct place place;
		bool dot, slow;

		if (pattern->type != PATTERN_REGEX)
			continue;
		regex_name_read(pattern->text, &regex);
		dot = names->kind == REASON_CERTIFICATE_NAME &&
		    regex.shape == REGEX_NAME && regex.loose_dot;
		slow = lint_is_slow(lint->policy, pattern->text, pattern->code, tries);
		if (!(dot || slow) || (setting = lint_setting(block, names)) == NULL)
			continue;
		place = place_of(setting, pattern);
		if (dot)
			lint_warn(lint, &place, KIND(REGEX_DOT));
		else
			lint_warn(lint, &place, KIND(REGEX_SLOW));
	}
}

/* Whether one of the patterns matches every name. */
static bool
names_anybody(const struct policy_requirement *names)
{
	for (size_t i = 0; i < names->u.patterns.count; i++) {
		const struct pattern *pattern = &names->u.patterns.list[i];
		struct regex_name regex;

		if (pattern->type != PATTERN_REGEX)
			continue;
		regex_name_read(pattern->text, &regex);
		if (regex.shape == REGEX_ALL)
			return true;
	}
	return false;
}

static void
lint_rule(struct lint *lint, const struct block *block,
    const struct settings_of_rule *settings, unsigned *tries)
{
	const struct policy_requirement *name = settings->require[REASON_CERTIFICATE_NAME];
	const struct policy_requirement *issuer =
	    settings->require[REASON_CERTIFICATE_ISSUER];
	const struct setting *setting;

	if (name != NULL)
		lint_expressions(lint, block, name, tries);
	if (issuer != NULL)
		lint_expressions(lint, block, issuer, tries);
	/* With a pin the key is the proof. */
	if (settings->require[REASON_CERTIFICATE_FINGERPRINT] != NULL)
		return;
	if (name != NULL)
		lint_providers(lint, block, name);
	if (issuer != NULL && (name == NULL || names_anybody(name)) &&
	    (setting = lint_setting(block, issuer)) != NULL)
		lint_warn(lint, &setting->value, KIND(ISSUER));
}

void
lint_certificates(struct lint *lint)
{
	unsigned tries = 0;

	if ((lint->providers = providers_read(lint->diags)) == NULL) {
		lint->no_memory = true;
		return;
	}
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		lint_rule(lint, rule->kind == RULE_DEFAULT ? &lint->written->fallback->block :
		    &lint->written->rules[i].block, &rule->settings, &tries);
	}
	providers_free(&lint->providers);
}
