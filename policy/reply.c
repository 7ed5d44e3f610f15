/*
 * reply.c - what the other side is told.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/rules.h"
#include "policy/template.h"

struct default_reply {
	const char *reject_code;
	const char *detail;	/* of the enhanced status code, after its class */
	const char *text;	/* after "Mail from " or "Mail to " */
};

static const struct default_reply defaults[REASON_COUNT] = {
	[REASON_TLS] = { "530", "7.0",
	    "{domain} must reach us over {required}; this session was not encrypted" },
	[REASON_TLS_VERSION] = { "554", "7.0",
	    "{domain} must reach us over {required}; this session used {tls_version}" },
	[REASON_BITS] = { "554", "7.0",
	    "{domain} must reach us with {required}; this session used {cipher} with "
	    "{bits} bits" },
	[REASON_CIPHER] = { "554", "7.0",
	    "{domain} must reach us with {required}; this session used {cipher}" },
	[REASON_FORWARD_SECRECY] = { "554", "7.0",
	    "{domain} must reach us with {required}; this session used {cipher}" },
	[REASON_AEAD] = { "554", "7.0",
	    "{domain} must reach us with {required}; this session used {cipher}" },
	[REASON_CERTIFICATE] = { "550", "7.1",
	    "{domain} must reach us with {required}; this session presented none that "
	    "we can verify" },
	[REASON_CERTIFICATE_NAME] = { "550", "7.1",
	    "{domain} must reach us with {required}; this session's certificate has "
	    "another name" },
	[REASON_CERTIFICATE_ISSUER] = { "550", "7.1",
	    "{domain} must reach us with {required}; this session's certificate has "
	    "another issuer" },
	[REASON_CERTIFICATE_FINGERPRINT] = { "550", "7.1",
	    "{domain} must reach us with {required}; this session did not present it" },
	[REASON_CERTIFICATE_KEY] = { "550", "7.1",
	    "{domain} must reach us with {required}; the key of this session's "
	    "certificate is weaker" },
	[REASON_CERTIFICATE_SIGNATURE] = { "550", "7.1",
	    "{domain} must reach us with {required}; the signature of this session's "
	    "certificate is weaker" },
	[REASON_CERTIFICATE_VALIDITY] = { "550", "7.1",
	    "{domain} must reach us with {required}; this session's certificate has "
	    "expired or is about to" },
	[REASON_UNKNOWN_FACT] = { "554", "7.0",
	    "{domain} cannot be judged: a fact about this session is missing on our "
	    "side; please try again later" }
};

/* Appends to a text of "size" bytes; what does not fit is cut. */
static void __attribute__((format(printf, 3, 4)))
append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text + used, size - used, format, ap);
	va_end(ap);
}

static void
pattern_text(const struct policy_requirement *requirement, char *text, size_t size)
{
	for (size_t i = 0; i < requirement->u.patterns.count; i++) {
		const struct pattern *pattern = &requirement->u.patterns.list[i];
		bool regex = pattern->type == PATTERN_REGEX;

		append(text, size, "%s%s%s%s", i > 0 ? " or " : "", regex ? "/" : "",
		    pattern->text, regex ? "/" : "");
	}
}

/* What the session used must fit behind the list. */
#define CIPHERS_SHOWN 200

static void
ciphers_text(const struct policy_requirement *requirement, char *text, size_t size)
{
	const char *list = requirement->u.ciphers.text;
	size_t shown = strlen(list);

	if (shown > CIPHERS_SHOWN)
		for (shown = CIPHERS_SHOWN; shown > 0 && list[shown] != ':'; shown--)
			continue;
	append(text, size, "%.*s%s", (int)shown, list, list[shown] != '\0' ? ":..." : "");
}

static void
requirement_text(const struct policy_requirement *requirement, char *text, size_t size)
{
	switch (requirement->kind) {
	case REASON_TLS_VERSION:
		if (requirement->u.version == PROTOCOL_UNKNOWN)
			append(text, size, "TLS");
		else
			append(text, size, "TLS %s or newer",
			    protocol_version(requirement->u.version));
		break;
	case REASON_BITS:
		append(text, size, "a cipher of at least %d bits", requirement->u.bits);
		break;
	case REASON_CIPHER:
		append(text, size, "one of the ciphers ");
		ciphers_text(requirement, text, size);
		break;
	case REASON_CIPHERSUITES:
		append(text, size, "one of the TLS 1.3 cipher suites ");
		ciphers_text(requirement, text, size);
		break;
	case REASON_FORWARD_SECRECY:
		append(text, size, "a key exchange that gives forward secrecy");
		break;
	case REASON_AEAD:
		append(text, size, "authenticated encryption (AEAD)");
		break;
	case REASON_CERTIFICATE:
		append(text, size, "a verified client certificate");
		break;
	case REASON_CERTIFICATE_NAME:
		append(text, size, "a verified client certificate for ");
		pattern_text(requirement, text, size);
		break;
	case REASON_CERTIFICATE_ISSUER:
		append(text, size, "a verified client certificate issued by ");
		pattern_text(requirement, text, size);
		break;
	case REASON_CERTIFICATE_FINGERPRINT:
		append(text, size, "the client certificate or key that is registered "
		    "with us");
		break;
	case REASON_CERTIFICATE_KEY:
		append(text, size, "a client certificate whose key is as strong as RSA "
		    "with %d bits", requirement->u.key);
		break;
	case REASON_CERTIFICATE_SIGNATURE:
		append(text, size, "a client certificate signed with %s or better",
		    requirement->u.signature.name);
		break;
	case REASON_CERTIFICATE_VALIDITY:
		append(text, size, "a client certificate that is valid for another "
		    "%d day%s", requirement->u.days,
		    requirement->u.days == 1 ? "" : "s");
		break;
	case REASON_NONE:
	case REASON_TLS:
	case REASON_UNKNOWN_FACT:
	case REASON_COUNT:
		break;
	}
}

bool
policy_required_text(const struct policy_outcome *outcome, enum policy_reason kind,
    char *text, size_t size)
{
	const struct policy_requirement *requirement = outcome->rule == NULL ? NULL :
	    outcome->rule->settings.require[kind];

	text[0] = '\0';
	if (requirement != NULL)
		requirement_text(requirement, text, size);
	return requirement != NULL;
}

enum policy_action
policy_required_action(const struct policy_outcome *outcome, enum policy_reason kind)
{
	const struct policy_requirement *requirement = outcome->rule == NULL ? NULL :
	    outcome->rule->settings.require[kind];

	return requirement == NULL ? POLICY_ACCEPT :
	    requirement_action(&outcome->rule->settings, requirement);
}

/* What {required} stands for. */
static void
required_value(const struct policy_outcome *outcome, char *text, size_t size)
{
	text[0] = '\0';
	if (outcome->reason == REASON_TLS || outcome->reason == REASON_UNKNOWN_FACT) {
		if (!policy_required_text(outcome, REASON_TLS_VERSION, text, size))
			append(text, size, "TLS");
	} else if (outcome->requirement != NULL)
		requirement_text(outcome->requirement, text, size);
}

static const char *
domain_value(const struct verdict *verdict, const struct facts *facts)
{
	bool recipient = verdict->outcome[verdict->reported].place.kind == RULE_TO;
	const char *domain = verdict->reported == OUTCOME_TO_RESOLVED ?
	    verdict->to_resolved_domain : recipient ? verdict->to_domain :
	    verdict->from_domain;
	bool null = facts->from == NULL || *facts->from == '\0' ||
	    strcmp(facts->from, "<>") == 0;

	if (*domain != '\0')
		return domain;
	return !recipient && null ? "<>" : "an address without a domain";
}

static void
write_text(const struct verdict *verdict, const struct facts *facts,
    const struct otherwise *otherwise, char *out, size_t size)
{
	const struct policy_outcome *outcome = &verdict->outcome[verdict->reported];
	bool recipient = outcome->place.kind == RULE_TO;
	char required[POLICY_REPLY_MAX], bits[16] = "unknown";
	const char *const values[TEMPLATE_COUNT] = {
		[TEMPLATE_DOMAIN] = domain_value(verdict, facts),
		[TEMPLATE_REASON] = policy_reason_name(verdict->reason),
		[TEMPLATE_REQUIRED] = required,
		[TEMPLATE_TLS_VERSION] =
		    facts->tls_version != NULL ? facts->tls_version : "unknown",
		[TEMPLATE_CIPHER] = facts->cipher != NULL ? facts->cipher : "unknown",
		[TEMPLATE_BITS] = bits
	};
	size_t used = 0;

	required_value(outcome, required, sizeof(required));
	if (verdict->bits >= 0)
		(void)snprintf(bits, sizeof(bits), "%d", verdict->bits);
	if (otherwise != NULL && otherwise->text != NULL) {
		template_fill(otherwise->text, values, out, size);
		return;
	}
	used = (size_t)snprintf(out, size, "Mail %s ", recipient ? "to" : "from");
	template_fill(defaults[verdict->reason].text, values, out + used, size - used);
}

bool
policy_reply(const struct verdict *verdict, const struct facts *facts,
    struct policy_reply *reply)
{
	bool reject = verdict->action == POLICY_REJECT || verdict->soft_bounced;
	const struct policy_outcome *outcome;
	const struct default_reply *fallback;
	const struct otherwise *otherwise = NULL;
	size_t used;

	memset(reply, 0, sizeof(*reply));
	if (verdict->action < POLICY_TEMPFAIL || verdict->reported < 0)
		return false;
	outcome = &verdict->outcome[verdict->reported];
	fallback = &defaults[verdict->reason];
	if (outcome->requirement != NULL)
		otherwise = requirement_otherwise(&outcome->rule->settings,
		    outcome->requirement);
	if (otherwise != NULL && otherwise->code[0] != '\0')
		(void)strcpy(reply->code, otherwise->code);
	else
		(void)strcpy(reply->code, reject ? fallback->reject_code : "451");
	if (otherwise != NULL && otherwise->enhanced[0] != '\0')
		(void)strcpy(reply->enhanced, otherwise->enhanced);
	else
		(void)snprintf(reply->enhanced, sizeof(reply->enhanced), "%c.%s",
		    reject ? '5' : '4', fallback->detail);
	if (verdict->soft_bounced)	/* as Postfix's soft_bounce: the class alone */
		reply->code[0] = reply->enhanced[0] = '4';
	used = strlen(reply->code) + strlen(reply->enhanced) + 2;
	write_text(verdict, facts, otherwise, reply->text, POLICY_REPLY_MAX + 1 - used);
	return true;
}
