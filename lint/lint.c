/*
 * lint.c - a policy, with the warnings about it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/lint.h"

#include <limits.h>
#include <stdio.h>

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

static void
lint_valid(struct lint *lint)
{
	const struct pinned_file *file;

	for (file = lint->policy->pinned; file != NULL; file = file->next)
		lint_file(file, lint->diags);
	lint_dates(lint->policy, lint->now, lint->diags);
	lint_whos(lint);
	lint_demands(lint);
	lint_blocks(lint);
	lint_certificates(lint);
}

enum policy_load_result
lint_load(const char *path, int64_t now, struct policy **policy, struct diags *diags)
{
	size_t before = diags_count(diags);
	struct policy_written *written;
	enum policy_load_result result =
	    policy_load_written(path, NULL, policy, &written, diags);
	struct lint lint = {
		.policy = *policy, .written = written, .now = now, .diags = diags
	};

	if (written == NULL)
		return result;
	lint_empty_includes(&lint);
	if (result == POLICY_LOADED)
		lint_valid(&lint);
	lint.no_memory |= !policy_written_sort(written, diags, before);
	policy_written_free(&written);
	if (!lint.no_memory)
		return result;
	policy_free(policy);
	return POLICY_NO_MEMORY;
}

enum policy_load_result
lint_load_certificates(struct policy *policy, const char *folder, int64_t now,
    struct diags *diags)
{
	enum policy_load_result result = policy_load_certificates(policy, folder, diags);
	const struct pinned_file *file;

	for (file = partner_files(policy); file != NULL; file = file->next)
		lint_file(file, diags);
	for (file = partner_files(policy); file != NULL; file = file->next)
		lint_certificate(file, now, diags);
	return result;
}
