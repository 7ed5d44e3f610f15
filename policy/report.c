/*
 * report.c - warnings about certificates and dates that need somebody's attention.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/report.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "policy/known.h"
#include "policy/messages.h"
#include "base/date.h"
#include "base/diag.h"

/* This long before its end a certificate's partner is to be asked for the next. */
#define SOON ((int64_t)30 * 86400)

/* What is weaker is reported. */
#define STRENGTH_LEAST 2048
#define SIGNATURE_LEAST "sha224"

/* This long before its end an exemption or a trial is to be renewed, or done with. */
#define DATE_SOON ((int64_t)14 * 86400)

#define IN_MAX (PATH_MAX + 16)

#define warn(pinned, diags, ...) \
    diags_add((diags), SEVERITY_WARNING, NULL, (pinned)->file, (pinned)->line, \
    (pinned)->column, (pinned)->text, \
    (pinned)->text != NULL ? strlen((pinned)->text) : 0, __VA_ARGS__)

/* ' in "PATH"'; of a file that is itself the place of the warning nothing. */
static const char *
in_file(const struct pinned_file *pinned, char text[IN_MAX])
{
	text[0] = '\0';
	if (pinned->line > 0)
		(void)snprintf(text, IN_MAX, " in \"%s\"", pinned->opened);
	return text;
}

static void
report_times(const struct pinned_file *pinned, const char *in, int64_t now,
    struct diags *diags)
{
	const struct certificate *certificate = &pinned->certificate;
	char day[CERTIFICATE_TIME_SIZE];

	if (certificate->not_after - now < SOON)
		warn(pinned, diags, MSG_REPORT_EXPIRY, in,
		    certificate->not_after < now ? "expired" : "expires",
		    certificate->not_after_text);
	if (certificate->not_before > now) {
		date_write_time(certificate->not_before, day);
		warn(pinned, diags, MSG_REPORT_EARLY, in, day);
	}
}

void
report_certificate(const struct pinned_file *pinned, int64_t now,
    struct diags *diags)
{
	const struct certificate *certificate = &pinned->certificate;
	char text[IN_MAX];
	const char *in = in_file(pinned, text);

	report_times(pinned, in, now, diags);
	if (certificate_key_strength(certificate->key) < STRENGTH_LEAST)
		warn(pinned, diags, MSG_REPORT_KEY, in, certificate->key);
	if (certificate_signature_rank(certificate->signature) <
	    certificate_signature_rank(SIGNATURE_LEAST))
		warn(pinned, diags, MSG_REPORT_SIGNATURE, in, certificate->signature);
}

void
report_file(const struct pinned_file *pinned, const struct certificate_file *file,
    struct diags *diags)
{
	char text[IN_MAX];
	const char *in = in_file(pinned, text);

	if (file->certificates > 1)
		warn(pinned, diags, MSG_REPORT_MORE, file->certificates, in);
	if (file->private_key)
		warn(pinned, diags, MSG_REPORT_PRIVATE, in);
}

void
report_date(const struct dated *dated, int64_t now, struct diags *diags)
{
	int days = (int)((dated->until - now + 86399) / 86400);

	if (dated->until <= now)
		warn(dated, diags, MSG_DATE_PAST, dated->date, dated->what);
	else if (dated->until - now <= DATE_SOON)
		warn(dated, diags, MSG_DATE_SOON, dated->date, days,
		    days == 1 ? "day" : "days", dated->what);
}

void
report_pinned(const struct policy *policy, int64_t now,
    struct diags *diags)
{
	for (const struct pinned_file *each = policy->pinned; each != NULL;
	    each = each->next)
		report_certificate(each, now, diags);
}

void
policy_report_dates(const struct policy *policy, int64_t now,
    struct diags *diags)
{
	report_pinned(policy, now, diags);
	for (const struct dated *each = policy->dated; each != NULL; each = each->next)
		report_date(each, now, diags);
	if (policy->known != NULL)
		known_report(policy->known, now, diags);
}
