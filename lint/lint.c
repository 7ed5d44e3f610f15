/*
 * lint.c - a policy, with the warnings about it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/lint.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "lint/warn.h"
#include "base/date.h"
#include "base/diag.h"

/* This long before its end a certificate's partner is to be asked for the next. */
#define CERTIFICATE_SOON ((int64_t)30 * 86400)

/* What is weaker is told of. */
#define STRENGTH_LEAST 2048
#define SIGNATURE_LEAST "sha224"

/* This long before its end an exemption or a trial is to be renewed, or done with. */
#define DATE_SOON ((int64_t)14 * 86400)

#define IN_MAX (PATH_MAX + 16)

/* ' in "PATH"'; of a file that is itself the place of the warning nothing. */
static const char *
in_file(const struct pinned_file *pinned, char text[IN_MAX])
{
	text[0] = '\0';
	if (pinned->place.line > 0)
		(void)snprintf(text, IN_MAX, " in \"%s\"", pinned->opened);
	return text;
}

/* What else is in the file of a certificate. */
static void
lint_file(const struct pinned_file *pinned, struct diags *diags)
{
	const struct certificate *certificate = &pinned->certificate;
	char text[IN_MAX];
	const char *in = in_file(pinned, text);

	if (certificate->certificates > 1)
		lint_warn_kept(diags, &pinned->place, KIND(CERTIFICATE_MORE),
		    certificate->certificates, in);
	if (certificate->private_key)
		lint_warn_kept(diags, &pinned->place, KIND(PRIVATE_KEY), in);
}

/* A certificate that has expired or soon will, is not valid yet, or is weak. */
static void
lint_certificate(const struct pinned_file *pinned, int64_t now, struct diags *diags)
{
	const struct certificate *certificate = &pinned->certificate;
	char text[IN_MAX], day[DATE_TIME_SIZE];
	const char *in = in_file(pinned, text);

	if (certificate->not_after - now < CERTIFICATE_SOON)
		lint_warn_kept(diags, &pinned->place, KIND(CERTIFICATE_EXPIRY), in,
		    certificate->not_after < now ? "expired" : "expires",
		    certificate->not_after_text);
	if (certificate->not_before > now) {
		date_write_time(certificate->not_before, day);
		lint_warn_kept(diags, &pinned->place, KIND(CERTIFICATE_EARLY), in, day);
	}
	if (certificate_key_strength(certificate->key) < STRENGTH_LEAST)
		lint_warn_kept(diags, &pinned->place, KIND(CERTIFICATE_KEY), in,
		    certificate->key);
	if (certificate_signature_rank(certificate->signature) <
	    certificate_signature_rank(SIGNATURE_LEAST))
		lint_warn_kept(diags, &pinned->place, KIND(CERTIFICATE_SIGNATURE), in,
		    certificate->signature);
}

/* A date that is past or near. */
static void
lint_date(const struct dated *dated, int64_t now, struct diags *diags)
{
	int days = (int)((dated->until - now + 86399) / 86400);

	if (dated->until <= now)
		lint_warn_kept(diags, &dated->place, KIND(DATE_PAST), dated->date,
		    dated->what);
	else if (dated->until - now <= DATE_SOON)
		lint_warn_kept(diags, &dated->place, KIND(DATE_SOON), dated->date, days,
		    days == 1 ? "day" : "days", dated->what);
}

void
lint_dates(const struct policy *policy, int64_t now, struct diags *diags)
{
	const struct pinned_file *file;

	for (file = policy->pinned; file != NULL; file = file->next)
		lint_certificate(file, now, diags);
	for (const struct dated *each = policy->dated; each != NULL; each = each->next)
		lint_date(each, now, diags);
	for (file = partner_files(policy); file != NULL; file = file->next)
		lint_certificate(file, now, diags);
}

static void
lint_empty_includes(struct lint *lint)
{
	const struct empty_include *empty;

	for (empty = lint->written->empty; empty != NULL; empty = empty->next)
		lint_warn(lint, &empty->place, KIND(INCLUDE_EMPTY), empty->pattern);
}

/* Elements of cipher lists that do nothing. */
static void
lint_ciphers(struct lint *lint)
{
	const struct odd_cipher *odd;

	for (odd = lint->written->ciphers; odd != NULL; odd = odd->next)
		if (odd->tls13)
			lint_warn(lint, &odd->place, KIND(CIPHER_SUITE), odd->text);
		else
			lint_warn(lint, &odd->place, KIND(CIPHER_NOTHING), odd->text);
}

static void
lint_valid(struct lint *lint)
{
	const struct pinned_file *file;

	for (file = lint->policy->pinned; file != NULL; file = file->next)
		lint_file(file, lint->diags);
	for (file = partner_files(lint->policy); file != NULL; file = file->next)
		lint_file(file, lint->diags);
	lint_dates(lint->policy, lint->now, lint->diags);
	lint_ciphers(lint);
	lint_whos(lint);
	lint_via(lint);
	lint_client_lists(lint);
	lint_demands(lint);
	lint_blocks(lint);
	lint_certificates(lint);
	lint_outgoing(lint);
}

/* Whether the policy file has profiles of its own, which others include, and misses none. */
static bool
is_library(const struct policy_written *written)
{
	const struct profile *each = written->empty == NULL ? written->profiles : NULL;

	for (; each != NULL; each = each->next)
		for (const struct source_node *node = written->sources; node != NULL;
		    node = node->next)
			if (&node->source == each->place.source && node->parent == NULL)
				return true;
	return false;
}

enum policy_load_result
lint_load(const char *path, const char *folder, int64_t now,
    const struct lint_postfix *postfix, struct policy **policy, struct diags *diags)
{
	size_t before = diags_count(diags);
	struct policy_written *written;
	enum policy_load_result result =
	    policy_load_written(path, NULL, policy, &written, diags);
	struct lint lint = {
		.policy = *policy, .written = written, .asked = postfix,
		.today = now, .now = now, .diags = diags
	};

	if (written == NULL)
		return result;
	lint_empty_includes(&lint);
	if (result == POLICY_LOADED && folder != NULL &&
	    policy_load_certificates(*policy, folder, diags) == POLICY_NO_MEMORY)
		lint.no_memory = true;
	/* The daemon gets on without it; here somebody can mend it. */
	diags_raise(diags, "certificate-unreadable");
	if (result == POLICY_LOADED) {
		if ((*policy)->rule_count == 0 && !is_library(written))
			lint_warn_kept(diags, &(struct kept_place){ .file = path }, KIND(EMPTY));
		lint_valid(&lint);
		lint_comments(&lint, *policy);
	}
	lint.no_memory |= !policy_written_sort(written, diags, before);
	policy_written_free(&written);
	free(lint.listed);
	if (!lint.no_memory)
		return result;
	policy_free(policy);
	return POLICY_NO_MEMORY;
}
