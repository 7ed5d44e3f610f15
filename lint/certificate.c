/*
 * certificate.c - warnings about certificates that prove little.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

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

	if (names_partner && pattern->type == PATTERN_NAME &&
	    (pattern->text[0] == '.' || strchr(pattern->text, '@') != NULL))
		lint_warn(lint, &place, KIND(NAME_NEVER), pattern->text);
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
	const struct setting *setting = names != NULL ? lint_setting(lint, block, names) : NULL;
	bool anybody = names == NULL;

	for (size_t i = 0; setting != NULL && i < names->u.patterns.count; i++)
		anybody |= lint_pattern(lint, setting, &names->u.patterns.list[i],
		    names->kind == REASON_CERTIFICATE_NAME, is_proof);
	return anybody;
}

/* Where a word written without quotes ends, and the next begins behind one blank. */
static uint32_t
next_column(const struct pattern *word)
{
	uint32_t column = word->column + 1;

	for (const char *c = word->text; *c != '\0'; c++)
		column += text_begins(*c);
	return column;
}

/*
 * Warns of words without quotes, one behind the other, that are rather one name: an
 * issuer that is called by one word has a number in it, as "R11".
 */
static void
lint_issuer_words(struct lint *lint, const struct block *block,
    const struct policy_requirement *issuers)
{
	const struct setting *setting = issuers != NULL ?
	    lint_setting(lint, block, issuers) : NULL;

	for (size_t i = 1; setting != NULL && i < issuers->u.patterns.count; i++) {
		const struct pattern *last = &issuers->u.patterns.list[i - 1];
		struct place place = place_of(setting, last);

		if (last->type == PATTERN_EXACT && last[1].type == PATTERN_EXACT &&
		    last->line == last[1].line && next_column(last) == last[1].column &&
		    (strpbrk(last->text, "0123456789") == NULL ||
		    strpbrk(last[1].text, "0123456789") == NULL)) {
			lint_warn(lint, &place, KIND(ISSUER_WORDS));
			return;
		}
	}
}

/* Warns of clients that are the servers of a mail service, where they are a proof. */
static void
lint_shared_clients(struct lint *lint, const struct clients *clients)
{
	for (size_t i = 0; clients != NULL && i < clients->table.count; i++) {
		const struct who *who = &clients->table.whos[i];
		const char *name = who->key + (who->type == WHO_SUBDOMAINS), *provider;

		if (who->type != WHO_DOMAIN && who->type != WHO_SUBDOMAINS)
			continue;
		provider = provider_of(lint->providers, name, strlen(name));
		if (provider != NULL)
			lint_warn_client(lint, who, KIND(PROVIDER), who->name, provider);
	}
}

static void
lint_proofs(struct lint *lint, size_t rule, const struct settings_of_rule *settings)
{
	const struct policy_requirement *clients = settings->require[REASON_CLIENT];
	const struct block *block = lint_block_of(lint, rule);
	const struct policy_requirement *issuer =
	    settings->require[REASON_CERTIFICATE_ISSUER];
	/* With a pin the key is the proof; and where mail goes there is no client. */
	bool pinned = settings->require[REASON_CERTIFICATE_FINGERPRINT] != NULL ||
	    lint->policy->rules[rule].kind == RULE_DELIVER;
	bool anybody = lint_patterns(lint, block,
	    settings->require[REASON_CERTIFICATE_NAME], !pinned);
	const struct setting *setting;

	(void)lint_patterns(lint, block, issuer, !pinned);
	lint_issuer_words(lint, block, issuer);
	if (!pinned && clients != NULL)
		lint_shared_clients(lint, clients->u.clients);
	if (period_active(&settings->exempt, lint->now))
		lint_shared_clients(lint, lint->policy->rules[rule].via);
	if (!pinned && issuer != NULL && anybody &&
	    (setting = lint_setting(lint, block, issuer)) != NULL)
		lint_warn(lint, &setting->value, KIND(ISSUER));
}

/* ------------------------------------------------------------------ *
 * Partners' certificates
 * ------------------------------------------------------------------ */

/* Whether the certificate is one that the rule is about. */
static bool
is_meant_by(const struct lint *lint, const struct settings_of_rule *settings,
    const struct certificate *certificate)
{
	const struct policy_requirement *names = settings->require[REASON_CERTIFICATE_NAME];
	const struct policy_requirement *issuers =
	    settings->require[REASON_CERTIFICATE_ISSUER];
	const struct policy_requirement *pins =
	    settings->require[REASON_CERTIFICATE_FINGERPRINT];

	if (pins != NULL)
		return partner_fits(pins, certificate);
	return (names != NULL || issuers != NULL) &&
	    (names == NULL || (certificate->san_count > 0 ?
	    requirement_match(lint->policy, names, certificate->san,
	    certificate->san_count) : requirement_match(lint->policy, names,
	    (const char *const *)&certificate->cn, 1)) == POLICY_YES) &&
	    (issuers == NULL || requirement_match(lint->policy, issuers,
	    (const char *const *)&certificate->issuer, 1) == POLICY_YES);
}

/* The requirement for which an MTA has to have verified the certificate; NULL: none. */
static const struct policy_requirement *
wants_verified(const struct settings_of_rule *settings)
{
	const struct policy_requirement *const *require = settings->require;

	return require[REASON_CERTIFICATE_NAME] != NULL ?
	    require[REASON_CERTIFICATE_NAME] :
	    require[REASON_CERTIFICATE_ISSUER] != NULL ?
	    require[REASON_CERTIFICATE_ISSUER] : require[REASON_CERTIFICATE];
}

/* Warns of a certificate that is to be verified and cannot be. */
static void
lint_purpose(struct lint *lint, const struct block *block,
    const struct settings_of_rule *settings)
{
	const struct policy_requirement *wanted = wants_verified(settings);
	const struct policy_requirement *pins =
	    settings->require[REASON_CERTIFICATE_FINGERPRINT];
	const struct pinned_file *file = NULL;
	const struct setting *setting;

	for (size_t i = 0; wanted != NULL && pins != NULL && file == NULL &&
	    i < pins->u.pins.file_count; i++)
		if (!pins->u.pins.files[i].certificate.for_clients)
			file = &pins->u.pins.files[i];
	if (wanted != NULL && file == NULL)
		file = partner_files(lint->policy);
	while (file != NULL && (file->certificate.for_clients ||
	    !is_meant_by(lint, settings, &file->certificate)))
		file = file->next;
	if (file != NULL && (setting = lint_setting(lint, block, wanted)) != NULL)
		lint_warn(lint, &setting->place, KIND(PURPOSE), file->opened);
}

/* A certificate is renewed this long before its end, or half of its life. */
#define RENEWED_BEFORE ((int64_t)60 * 86400)

static bool
is_renewed_soon(const struct certificate *certificate, int64_t today)
{
	int64_t half = (certificate->not_after - certificate->not_before) / 2;

	return certificate->not_after - today <
	    (half < RENEWED_BEFORE ? half : RENEWED_BEFORE);
}

const struct pinned_file *
lint_renewed_soon(const struct lint *lint, const struct policy_requirement *pins)
{
	const struct pinned_file *file = pins->u.pins.file_count > 0 ?
	    pins->u.pins.files : partner_files(lint->policy);

	while (file != NULL && !(partner_fits(pins, &file->certificate) &&
	    is_renewed_soon(&file->certificate, lint->today)))
		file = file->next;
	return file;
}

void
lint_certificates(struct lint *lint)
{
	if ((lint->providers = providers_read(lint->diags)) == NULL) {
		lint->no_memory = true;
		return;
	}
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct stretches *settings = &lint->policy->rules[i].settings;

		for (lint_begin(lint, settings, NULL); lint_next(lint);) {
			lint_proofs(lint, i, stretches_at(settings, lint->now));
			if (lint->policy->rules[i].kind != RULE_DELIVER)
				lint_purpose(lint, lint_block_of(lint, i),
				    stretches_at(settings, lint->now));
		}
	}
	providers_free(&lint->providers);
}
