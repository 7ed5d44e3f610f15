/*
 * import_exchange_out.c - connectors by which mail goes out, and domain security.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_exchange.h"

#include <string.h>
#include <strings.h>

/* How much of the other side is verified, TlsAuthLevel; its numbers are Exchange's. */
enum tls_level { LEVEL_NONE, LEVEL_ENCRYPTION = 1, LEVEL_CERTIFICATE = 2, LEVEL_DOMAIN = 4 };

/* A connector while its domains are taken. */
struct outgoing {
	enum tls_level level;
	const char *name;	/* whom a certificate is to be of; "": the domain */
	bool by_domain;		/* and that is so: each domain has a rule of its own */
};

/* False, having said so, where it is none that is known. */
static bool
read_level(struct exchange_object *object, const char *property, enum tls_level *level)
{
	static const struct { const char *word, *number; enum tls_level level; } levels[] = {
		{ "", "0", LEVEL_NONE },
		{ "EncryptionOnly", "1", LEVEL_ENCRYPTION },
		{ "CertificateValidation", "2", LEVEL_CERTIFICATE },
		{ "DomainValidation", "4", LEVEL_DOMAIN },
	};
	const char *text = exchange_text(object, property);

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcasecmp(text, levels[i].word) == 0 ||
		    strcmp(text, levels[i].number) == 0) {
			*level = levels[i].level;
			return true;
		}
	import_lost(object->import, NULL, "%s \"%s\": %s is \"%s\", which is not known.",
	    object->what, object->name, property, text);
	return false;
}

/* That a certificate is to have a name, which an MTA takes in full alone. */
static void
demand_name(struct exchange_object *object, struct import_rule *rule, const char *name)
{
	struct import *import = object->import;

	if (strncmp(name, "*.", 2) != 0) {
		import_set(import, rule, "require certificate name %s",
		    import_word(import, name));
		return;
	}
	import_set(import, rule, "require certificate name %s", import_word(import, name + 2));
	import_lost(import, rule, "Exchange takes any name in %s. An MTA that delivers takes names "
	    "of hosts in full: add those of the hosts that take the mail to require certificate "
	    "name.", name);
}

/* Begins the object's rule. */
static void
begin_outgoing(struct exchange_object *object, const struct outgoing *outgoing,
    const char *domain)
{
	struct import *import = object->import;
	struct import_rule *rule = import_rule(import, IMPORT_DELIVER, object->name);

	object->rule = rule;
	import_note(import, rule, "%s \"%s\", %s", object->what, object->name, object->file);
	if (outgoing->level >= LEVEL_ENCRYPTION)
		import_set(import, rule, "require tls");
	if (outgoing->level == LEVEL_CERTIFICATE)
		import_set(import, rule, "require certificate");
	if (outgoing->level == LEVEL_DOMAIN)
		demand_name(object, rule, outgoing->name[0] != '\0' ? outgoing->name : domain);
}

/* The rule of the connector, or one of the domain's own where its name counts. */
static void
take_recipient_domain(struct exchange_object *object, const char *text, void *context)
{
	struct outgoing *outgoing = context;
	enum import_scope scope;
	const char *domain = exchange_domain(object, text, &scope);

	if (domain == NULL)
		return;
	if (outgoing->by_domain)
		begin_outgoing(object, outgoing, scope == IMPORT_BOTH ?
		    import_text(object->import, "*.%s", domain) : domain);
	import_who(object->import, object->rule, domain, scope);
}

static void
take_smart_host(struct exchange_object *object, const char *text, void *context)
{
	const char **all = context;

	*all = import_text(object->import, "%s %s", *all, text);
}

/* A rule is chosen by the next hop, which smart hosts are. */
static void
tell_smart_hosts(struct exchange_object *object, const char *routes)
{
	const char *all = "";

	if (object->rule == NULL || exchange_flag(object, routes) == EXCHANGE_YES ||
	    exchange_each(object, "SmartHosts", take_smart_host, &all) == 0)
		return;
	import_comment(object->import, object->rule, "Exchange sends it to%s. Where the MTA is to do so, "
	    "by its transport map, the next hop is that host and the rule is to name it.", all);
}

static void
make_outgoing(struct exchange_object *object, struct outgoing *outgoing,
    const char *domains, const char *routes)
{
	struct import *import = object->import;

	if (outgoing->level == LEVEL_NONE) {
		import_lost(import, NULL, "%s \"%s\": it does not require TLS.", object->what,
		    object->name);
		return;
	}
	outgoing->by_domain = outgoing->level == LEVEL_DOMAIN && outgoing->name[0] == '\0';
	if (!outgoing->by_domain)
		begin_outgoing(object, outgoing, "");
	if (exchange_each(object, domains, take_recipient_domain, outgoing) == 0)
		import_lost(import, object->rule, "%s \"%s\": there is no domain in %s.", object->what,
		    object->name, domains);
	tell_smart_hosts(object, routes);
}

void
exchange_outbound(struct exchange_object *object)
{
	static const char *const own[] = { "CloudServicesMailEnabled",
		"RouteAllMessagesViaOnPremises", NULL };
	struct outgoing outgoing = { .level = LEVEL_NONE };
	struct import *import = object->import;

	if (!exchange_counts(object, own) || !read_level(object, "TlsSettings", &outgoing.level))
		return;
	if (exchange_flag(object, "IsTransportRuleScoped") == EXCHANGE_YES) {
		import_lost(import, NULL, "outbound connector \"%s\": it is for mail that a mail "
		    "flow rule sends there, whatever its domain.", object->name);
		return;
	}
	outgoing.name = exchange_text(object, "TlsDomain");
	make_outgoing(object, &outgoing, "RecipientDomains", "UseMXRecord");
	if (object->rule != NULL && exchange_flag(object, "TestMode") == EXCHANGE_YES)
		import_comment(import, object->rule, "It is in test mode there.");
}

void
exchange_send(struct exchange_object *object)
{
	static const char *const own[] = { "CloudServicesMailEnabled", NULL };
	struct outgoing outgoing = { .level = LEVEL_NONE };

	if (!exchange_counts(object, own) || !read_level(object, "TlsAuthLevel", &outgoing.level))
		return;
	/* Without RequireTLS the level is for TLS that may be had. */
	if (exchange_flag(object, "RequireTLS") != EXCHANGE_YES)
		outgoing.level = LEVEL_NONE;
	else if (outgoing.level == LEVEL_NONE)
		outgoing.level = LEVEL_ENCRYPTION;
	outgoing.name = exchange_text(object, "TlsDomain");
	make_outgoing(object, &outgoing, "AddressSpaces", "DNSRoutingEnabled");
}

/* ------------------------------------------------------------------ *
 * Domain security
 * ------------------------------------------------------------------ */

/* A list of domains, each of which shows a certificate of its own name. */
struct secure_list {
	enum import_target target;
	const char *property;
};

static void
take_secure_domain(struct exchange_object *object, const char *text, void *context)
{
	const struct secure_list *list = context;
	struct import *import = object->import;
	enum import_scope scope;
	const char *domain = exchange_domain(object, text, &scope);
	struct import_rule *rule;

	if (domain == NULL)
		return;
	if (scope == IMPORT_BOTH) {
		import_lost(import, NULL, "%s of %s: domain security is for domains without "
		    "\"*\".", text, list->property);
		return;
	}
	rule = import_rule(import, list->target, domain);
	import_note(import, rule, "%s, %s", list->property, object->file);
	import_set(import, rule, "require tls");
	import_set(import, rule, "require certificate name %s", import_word(import, domain));
	import_who(import, rule, domain, scope);
}

static void
tell_secure_domain(struct exchange_object *object, const char *text, void *context)
{
	const struct secure_list *list = context;

	import_lost(object->import, NULL, "%s of %s: it is not in effect unless a connector has "
	    "DomainSecureEnabled, and none of those that were read has.", text, list->property);
}

void
exchange_domain_secure(struct exchange_object *object, bool sends, bool receives)
{
	struct secure_list send = { IMPORT_DELIVER, "TLSSendDomainSecureList" };
	struct secure_list receive = { IMPORT_FROM, "TLSReceiveDomainSecureList" };

	(void)exchange_each(object, send.property, sends ? take_secure_domain :
	    tell_secure_domain, &send);
	(void)exchange_each(object, receive.property, receives ? take_secure_domain :
	    tell_secure_domain, &receive);
}
