/*
 * import_exchange_in.c - connectors by which mail comes in: of Exchange Online, by the
 * sender's domain, and of Exchange Server, by the host's address.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ *
 * What connectors have in common
 * ------------------------------------------------------------------ */

const char *
exchange_domain(struct exchange_object *object, const char *text, enum import_scope *scope)
{
	struct import *import = object->import;
	size_t length = strcspn(text, strncasecmp(text, "X400:", 5) == 0 ? "" : ";");
	const char *name = text;

	if (strncasecmp(text, "smtp:", 5) == 0)
		name += 5;
	name = import_text(import, "%.*s", (int)(length - (size_t)(name - text)), name);
	*scope = strncmp(name, "*.", 2) == 0 ? IMPORT_BOTH : IMPORT_ITSELF;
	name += *scope == IMPORT_BOTH ? 2 : 0;
	if (strcmp(name, "*") == 0 || strcmp(name, "--") == 0) {
		import_lost(import, object->rule, "%s \"%s\": it is for all domains (\"%s\"). As a rule "
		    "for everybody it would be about the mail of those, too, with whom nothing "
		    "was agreed.", object->what, object->name, text);
		return NULL;
	}
	if (strpbrk(name, "*:=") == NULL)
		return name;
	import_lost(import, object->rule, "%s \"%s\": \"%s\" is not a domain.", object->what,
	    object->name, text);
	return NULL;
}

bool
exchange_counts(struct exchange_object *object, const char *const *own)
{
	struct import *import = object->import;
	const char *type = exchange_text(object, "ConnectorType");

	if (exchange_flag(object, "Enabled") == EXCHANGE_NO) {
		import_lost(import, NULL, "%s \"%s\": it is not enabled.", object->what,
		    object->name);
		return false;
	}
	if (strcasecmp(type, "OnPremises") == 0 || strcasecmp(type, "XPremises") == 0 ||
	    strcmp(type, "1") == 0) {
		import_lost(import, NULL, "%s \"%s\": it is between servers of the site "
		    "(ConnectorType %s), and no partner's.", object->what, object->name, type);
		return false;
	}
	for (; *own != NULL; own++)
		if (exchange_flag(object, *own) == EXCHANGE_YES) {
			import_lost(import, NULL, "%s \"%s\": it is between servers of the site "
			    "(%s), and no partner's.", object->what, object->name, *own);
			return false;
		}
	return true;
}

/* The common name of a distinguished name, as certificates' owners write it. */
static const char *
common_name(struct import *import, const char *name, size_t length)
{
	const char *text = import_text(import, "%.*s", (int)length, name), *end;

	while (strncasecmp(text, "CN=", 3) != 0) {
		bool quoted = false;

		for (; *text != '\0' && (*text != ',' || quoted); text++)
			quoted ^= *text == '"';
		if (*text == '\0')
			return "";
		text += 1 + strspn(text + 1, " ");
	}
	text += 3;
	end = text[0] == '"' ? strchr(text + 1, '"') : text + strcspn(text, ",");
	if (end == NULL)
		return "";
	text += text[0] == '"';
	return import_text(import, "%.*s", (int)(end - text), text);
}

static void
certificate_name(struct import *import, struct import_rule *rule, const char *name)
{
	if (strncmp(name, "*.", 2) == 0)
		import_set(import, rule, "require certificate name %s %s",
		    import_word(import, name + 2), import_word(import, name));
	else
		import_set(import, rule, "require certificate name %s",
		    import_word(import, name));
}

/* Demands the certificate that a text names: a name, "*.name", or "<I>ISSUER<S>SUBJECT". */
static void
demand_certificate(struct exchange_object *object, struct import_rule *rule,
    const char *text)
{
	struct import *import = object->import;
	const char *issuer, *subject = strstr(text, "<S>");
	const char *subject_name, *issuer_name;

	if (strncmp(text, "<I>", 3) != 0 && subject == NULL) {
		certificate_name(import, rule, text);
		return;
	}
	issuer = strncmp(text, "<I>", 3) == 0 ? text + 3 : "";
	issuer_name = common_name(import, issuer, strcspn(issuer, "<"));
	subject_name = subject != NULL ? common_name(import, subject + 3,
	    strlen(subject + 3)) : "";
	if (subject_name[0] != '\0')
		certificate_name(import, rule, subject_name);
	else
		import_lost(import, rule, "\"%s\" has no common name of a subject (CN=).", text);
	if (issuer_name[0] != '\0')
		import_set(import, rule, "require certificate issuer %s",
		    import_word(import, issuer_name));
	else if (issuer[0] != '\0')
		import_lost(import, rule, "\"%s\" has no common name of an issuer (CN=), by which "
		    "alone a rule can name it.", text);
}

/* ------------------------------------------------------------------ *
 * Inbound connectors
 * ------------------------------------------------------------------ */

static void
take_sender_domain(struct exchange_object *object, const char *text, void *context)
{
	enum import_scope scope;
	const char *domain = exchange_domain(object, text, &scope);

	if (domain != NULL)
		import_who(object->import, context, domain, scope);
}

/* Networks, with a blank between them. */
struct exchange_networks {
	const char *all;
	bool everything;
};

static void
take_network(struct exchange_object *object, const char *text, void *context)
{
	struct exchange_networks *networks = context;

	networks->all = import_text(object->import, "%s %s", networks->all, text);
}

static void
take_range(struct exchange_object *object, const char *text, void *context)
{
	struct exchange_networks *networks = context;
	bool all;

	if (!exchange_range(object, text, &all, take_network, networks))
		import_lost(object->import, object->rule, "%s \"%s\": \"%s\" is not a range of "
		    "addresses.", object->what, object->name, text);
	networks->everything |= all;
}

/* The host's address and certificate, and TLS. */
static void
inbound_demands(struct exchange_object *object, struct import_rule *rule, bool tls)
{
	struct import *import = object->import;
	const char *certificate = exchange_text(object, "TlsSenderCertificateName");
	bool by_certificate = exchange_flag(object, "RestrictDomainsToCertificate") ==
	    EXCHANGE_YES;
	bool by_address = exchange_flag(object, "RestrictDomainsToIPAddresses") ==
	    EXCHANGE_YES;
	struct exchange_networks networks = { .all = "" };

	(void)exchange_each(object, "SenderIPAddresses", take_range, &networks);
	if (by_address && networks.all[0] != '\0')
		import_set(import, rule, "require client%s", networks.all);
	else if (by_address)
		import_lost(import, rule, "RestrictDomainsToIPAddresses is set, and there is no "
		    "address in SenderIPAddresses.");
	else if (networks.all[0] != '\0')
		import_comment(import, rule, "Its addresses (%s) are not demanded: "
		    "RestrictDomainsToIPAddresses is not set.", networks.all + 1);
	if (tls)
		import_set(import, rule, "require tls");
	if (certificate[0] != '\0' && (by_certificate || tls))
		demand_certificate(object, rule, certificate);
	else if (certificate[0] != '\0')
		import_lost(import, rule, "TlsSenderCertificateName \"%s\" is not demanded there: "
		    "neither RequireTls nor RestrictDomainsToCertificate is set.", certificate);
	else if (by_certificate)
		import_lost(import, rule, "RestrictDomainsToCertificate is set, and there is no "
		    "TlsSenderCertificateName.");
	if (certificate[0] != '\0' && tls && !by_certificate)
		import_comment(import, rule, "RestrictDomainsToCertificate is not set: Exchange "
		    "may take such mail with another certificate as nobody's; this does not.");
}

static void
take_condition(struct exchange_object *object, const char *text, void *context)
{
	const char **all = context;

	*all = import_text(object->import, "%s %s", *all, text);
}

/* What a connector is limited to, which no rule can be. */
static void
tell_limits(struct exchange_object *object, struct import_rule *rule,
    const char *const *properties)
{
	for (; *properties != NULL; properties++) {
		const char *all = "";

		if (exchange_each(object, *properties, take_condition, &all) > 0)
			import_lost(object->import, rule, "%s:%s. The rule is for all mail of "
			    "these senders.", *properties, all);
	}
}

void
exchange_inbound(struct exchange_object *object)
{
	static const char *const own[] = { "CloudServicesMailEnabled", "TreatMessagesAsInternal",
		NULL };
	static const char *const limits[] = { "AssociatedAcceptedDomains",
		"TrustedOrganizations", NULL };
	struct import *import = object->import;
	enum exchange_answer tls;
	struct import_rule *rule;

	if (!exchange_counts(object, own))
		return;
	rule = import_rule(import, IMPORT_FROM, object->name);
	object->rule = rule;
	import_note(import, rule, "inbound connector \"%s\", %s", object->name, object->file);
	if (exchange_text(object, "ConnectorType")[0] == '\0')
		import_comment(import, rule, "The export does not say its ConnectorType: make sure "
		    "that it is a partner's.");
	tls = exchange_flag(object, "RequireTls");
	if (tls == EXCHANGE_ABSENT)
		import_comment(import, rule, "The export does not say RequireTls.");
	if (exchange_each(object, "SenderDomains", take_sender_domain, rule) == 0)
		import_lost(import, rule, "inbound connector \"%s\": there is no domain in "
		    "SenderDomains.", object->name);
	inbound_demands(object, rule, tls == EXCHANGE_YES);
	tell_limits(object, rule, limits);
}

/* ------------------------------------------------------------------ *
 * Receive connectors
 * ------------------------------------------------------------------ */

static void
take_client_network(struct exchange_object *object, const char *text, void *context)
{
	import_who(object->import, context, text, IMPORT_ITSELF);
}

/* Adds the networks of a range, unless that is every address. */
static void
take_client_range(struct exchange_object *object, const char *text, void *context)
{
	bool all;

	if (!exchange_range(object, text, &all, take_client_network, context))
		import_lost(object->import, object->rule, "%s \"%s\": \"%s\" is not a range of "
		    "addresses.", object->what, object->name, text);
	else if (all)
		import_lost(object->import, object->rule, "%s \"%s\": it is for every host (%s). As a "
		    "rule it would be about all mail.", object->what, object->name, text);
}

void
exchange_receive(struct exchange_object *object)
{
	static const char *const own[] = { NULL };
	struct import *import = object->import;
	struct import_rule *rule;

	if (!exchange_counts(object, own))
		return;
	if (exchange_flag(object, "RequireTLS") != EXCHANGE_YES) {
		import_lost(import, NULL, "receive connector \"%s\": it does not require TLS.",
		    object->name);
		return;
	}
	rule = import_rule(import, IMPORT_CLIENT, NULL);
	object->rule = rule;
	import_note(import, rule, "receive connector \"%s\", %s", object->name, object->file);
	if (exchange_each(object, "RemoteIPRanges", take_client_range, rule) == 0)
		import_lost(import, rule, "receive connector \"%s\": there is no address in "
		    "RemoteIPRanges.", object->name);
	import_set(import, rule, "require tls");
}
