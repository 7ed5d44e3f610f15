/*
 * dates.c - warnings about certificates and dates that need somebody's attention.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <limits.h>
#include <stdio.h>

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

void
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

void
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
