/*
 * doctor_pf_filter.c - tlsward doctor: content filters, and what stands before Postfix.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ *
 * Content filters
 * ------------------------------------------------------------------ */

/* What comes back from a filter is neither to be asked about nor to be judged again. */
static void
check_way_back(const struct pf *pf, const struct pf_service *service)
{
	const char *list = "smtpd_recipient_restrictions";

	if (pf_has_milter(pf, service)) {
		pf_say(pf, service, DOCTOR_FAULT, "content-filter", "what comes back from the "
		    "content filter is shown to the milter: it is in clear text, of partners too, "
		    "and a refusal there returns mail that was taken");
		pf_fix(pf, service, "smtpd_milters", "%s", "");
	} else if (pf_judges_alone(pf) &&
	    strstr(pf_get(pf, service, list), "check_policy_service") != NULL) {
		pf_say(pf, service, DOCTOR_FAULT, "content-filter", "what comes back from the "
		    "content filter is judged by the policy service: it is in clear text, of "
		    "partners too, and a refusal there returns mail that was taken");
		pf_fix(pf, service, list, "permit_mynetworks,reject");
	} else {
		pf_say(pf, service, DOCTOR_OK, "content-filter",
		    "what comes back from the content filter is not judged again");
	}
}

/*
 * Mail is asked about where it comes in, and not behind a filter: that every session there
 * is of loopback and in clear text is the same mistake from the other side.
 */
static bool
only_back_asks(const struct pf *pf)
{
	bool back = false, outside = false;

	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		back = back || (service->side == PF_BACK && pf_has_milter(pf, service));
		outside = outside || (service->side == PF_OUTSIDE && pf_has_milter(pf, service));
	}
	return back && !outside;
}

static void
check_proxy(const struct pf *pf, const struct pf_service *service)
{
	const struct settings *settings = pf->doctor->loaded.settings;
	const char *filter = pf_get(pf, service, "smtpd_proxy_filter");

	if (filter[0] == '\0' || !pf_has_milter(pf, service))
		return;
	pf_say(pf, pf_owner(pf, service, "smtpd_proxy_filter"), DOCTOR_WARNING, "proxy-filter",
	    "smtpd_proxy_filter = %s: Postfix shows the milter no message there, so that none "
	    "is held (quarantine is a tempfail) and authentication-results has no effect",
	    filter);
	doctor_fix(pf->doctor, settings->quarantine_as == SETTINGS_HOLD ?
	    "%s: quarantine-as tempfail, or reject; or a content_filter in place of %s" :
	    "%s: authentication-results none; or a content_filter in place of %s",
	    pf->doctor->loaded.settings_path, filter);
}

/* ------------------------------------------------------------------ *
 * What stands before Postfix
 * ------------------------------------------------------------------ */

static void
check_upstream(const struct pf *pf, const struct pf_service *service)
{
	const char *name = strncmp(service->command, "postscreen", 10) == 0 ?
	    "postscreen_upstream_proxy_protocol" : "smtpd_upstream_proxy_protocol";
	const char *protocol = pf_get(pf, service, name);

	if (protocol[0] == '\0')
		return;
	pf_say(pf, pf_owner(pf, service, name), DOCTOR_WARNING, "upstream-proxy", "%s = %s: "
	    "what stands there before Postfix must hand TLS through; where it ends TLS itself, "
	    "every session is in clear text to Postfix, and to the policy", name, protocol);
	doctor_fix(pf->doctor, "let the proxy pass the bytes on (in haproxy mode tcp, and no ssl "
	    "on its bind line); tlsward log shows whether sessions have TLS");
}

/* ------------------------------------------------------------------ *
 * A second message without a question
 * ------------------------------------------------------------------ */

/*
 * Mended in 3.12-20260803 and in the releases of the other branches since then. What a
 * distribution has brought into an older one is not to be seen.
 */
static bool
may_ask_once(const struct pf *pf)
{
	return strtol(pf_get(pf, NULL, "mail_release_date"), NULL, 10) < 20260803;
}

static void
check_end_of_data(const struct pf *pf, const struct pf_service *service)
{
	const char *name = "smtpd_end_of_data_restrictions";
	const char *list = pf_get(pf, service, name);

	if (list[strspn(list, " ,\t")] == '\0' || !pf_has_milter(pf, service) ||
	    !may_ask_once(pf))
		return;
	pf_say(pf, pf_owner(pf, service, name), DOCTOR_WARNING, "end-of-data", "%s can reject a "
	    "message: before the fixes of August 2026 Postfix lets a client then name more "
	    "recipients and send another message, of which no milter is asked; whether they were "
	    "brought into this Postfix %s is not known", name, pf_get(pf, NULL, "mail_version"));
	pf_fix(pf, pf_owner(pf, service, name), name, "%s", "");
}

void
pf_check_filters(const struct pf *pf)
{
	if (only_back_asks(pf))
		pf_say(pf, NULL, DOCTOR_FAULT, "content-filter", "the milter is asked behind the "
		    "content filter alone, where every session is one of this host in clear text");
	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		if (service->side == PF_BACK)
			check_way_back(pf, service);
		if (service->side == PF_OUTSIDE) {
			check_proxy(pf, service);
			check_end_of_data(pf, service);
		}
		if (service->side == PF_OUTSIDE ||
		    strncmp(service->command, "postscreen", 10) == 0)
			check_upstream(pf, service);
	}
}
