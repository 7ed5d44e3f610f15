/*
 * provider.c - names that the customers of a mail service have in common.
 *
 * Of each service the names in the certificates of the servers that send for its
 * customers, as their connections and the services' own documents show them. A
 * name counts when it is one of these, or has one label before it. It is a help
 * against the commonest mistakes: a service that is not here is no proof either.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/provider.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct provider {
	const char *name;
	const char *service;
};

/* Sorted by name. */
static const struct provider providers[] = {
	{ "amazonses.com", "Amazon SES" },
	{ "antispameurope.com", "Hornetsecurity" },
	{ "barracudanetworks.com", "Barracuda" },
	{ "emailsrvr.com", "Rackspace" },
	{ "ess.barracudanetworks.com", "Barracuda" },
	{ "fastmail.com", "Fastmail" },
	{ "gandi.net", "Gandi" },
	{ "gmail.com", "Google" },
	{ "google.com", "Google" },
	{ "gppcmail.net", "Proofpoint" },
	{ "hornetsecurity.com", "Hornetsecurity" },
	{ "icloud.com", "Apple iCloud" },
	{ "iphmx.com", "Cisco" },
	{ "kundenserver.de", "IONOS" },
	{ "mail.gandi.net", "Gandi" },
	{ "mail.me.com", "Apple iCloud" },
	{ "mail.ovh.net", "OVH" },
	{ "mail.protection.outlook.com", "Microsoft 365" },
	{ "mail.yahoo.com", "Yahoo" },
	{ "mail.yandex.net", "Yandex" },
	{ "mailcontrol.com", "Forcepoint" },
	{ "mailgun.net", "Mailgun" },
	{ "mailgun.org", "Mailgun" },
	{ "messagelabs.com", "Symantec" },
	{ "messagingengine.com", "Fastmail" },
	{ "mimecast.com", "Mimecast" },
	{ "mtasv.net", "Postmark" },
	{ "outbound.protection.outlook.com", "Microsoft 365" },
	{ "outlook.com", "Microsoft 365" },
	{ "ovh.net", "OVH" },
	{ "ppe-hosted.com", "Proofpoint" },
	{ "pphosted.com", "Proofpoint" },
	{ "protection.outlook.com", "Microsoft 365" },
	{ "sendgrid.net", "SendGrid" },
	{ "sparkpostmail.com", "SparkPost" },
	{ "trendmicro.com", "Trend Micro" },
	{ "yandex.net", "Yandex" },
	{ "yandex.ru", "Yandex" },
	{ "zoho.com", "Zoho" },
	{ "zoho.eu", "Zoho" }
};

struct wanted {
	const char *name;
	size_t length;
};

static int
compare(const void *key, const void *element)
{
	const struct wanted *wanted = key;
	const struct provider *provider = element;
	int order = strncasecmp(wanted->name, provider->name, wanted->length);

	return order != 0 ? order : provider->name[wanted->length] == '\0' ? 0 : -1;
}

static const char *
find(const char *name, size_t length)
{
	struct wanted wanted = { name, length };
	const struct provider *found = bsearch(&wanted, providers,
	    sizeof(providers) / sizeof(providers[0]), sizeof(providers[0]), compare);

	return found != NULL ? found->service : NULL;
}

const char *
provider_of(const char *name, size_t length)
{
	const char *service = find(name, length);
	const char *dot = memchr(name, '.', length);

	if (service == NULL && dot != NULL)
		service = find(dot + 1, length - (size_t)(dot + 1 - name));
	return service;
}
