/*
 * report.c - warnings about certificates that need somebody's attention.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/report.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "policy/date.h"
#include "policy/known.h"
#include "policy/messages.h"

/* This long before its end a certificate's partner is to be asked for the next. */
#define SOON ((int64_t)30 * 86400)

/* What is weaker is reported. */
#define STRENGTH_LEAST 2048
#define SIGNATURE_LEAST "sha224"

#define IN_MAX (PATH_MAX + 16)

#define warn(pinned, diags, ...) \
    policy_diags_add((diags), POLICY_WARNING, (pinned)->file, (pinned)->line, \
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
    struct policy_diags *diags)
{
	const struct certificate *certificate = &pinned->certificate;
	char day[CERTIFICATE_TIME_SIZE];

	if (certificate->not_after - now < SOON)
		warn(pinned, diags, MSG_REPORT_EXPIRY, in,
		    certificate->not_after < now ? "expired" : "expires",
		    certificate->not_after_text);
	if (certificate->not_before > now) {
		date_time(certificate->not_before, day);
		warn(pinned, diags, MSG_REPORT_EARLY, in, day);
	}
}

void
report_certificate(const struct pinned_file *pinned, int64_t now,
    struct policy_diags *diags)
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
    struct policy_diags *diags)
{
	char text[IN_MAX];
	const char *in = in_file(pinned, text);

	if (file->certificates > 1)
		warn(pinned, diags, MSG_REPORT_MORE, file->certificates, in);
	if (file->private_key)
		warn(pinned, diags, MSG_REPORT_PRIVATE, in);
}

void
policy_report_certificates(const struct policy *policy, int64_t now,
    struct policy_diags *diags)
{
	for (const struct pinned_file *each = policy->pinned; each != NULL;
	    each = each->next)
		report_certificate(each, now, diags);
	if (policy->known != NULL)
		known_report(policy->known, now, diags);
}
