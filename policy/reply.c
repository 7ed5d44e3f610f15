/*
 * reply.c - what the other side is told.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "policy/requirement.h"
#include "policy/template.h"

/* What {required} stands for. */
static void
required_value(const struct policy_outcome *outcome, char *text, size_t size)
{
	text[0] = '\0';
	if (outcome->reason == REASON_TLS || outcome->reason == REASON_UNKNOWN_FACT) {
		if (!policy_required_text(outcome, REASON_TLS_VERSION, text, size))
			text_append(text, size, "TLS");
	} else if (outcome->requirement != NULL)
		requirement_describe(outcome->requirement, text, size);
}

/* NULL: neither a domain nor the null sender. */
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
	return !recipient && null ? "<>" : NULL;
}

/* Its address: what it calls itself is not for a reply. */
static const char *
client_value(const struct facts *facts)
{
	struct network address;

	if (facts->client_addr != NULL &&
	    network_read(facts->client_addr, &address) == NETWORK_OK)
		return facts->client_addr;
	return facts->local ? "this host" : "another host";
}

/* Of a certificate that was not verified. */
static const char *
presented_value(const struct facts *facts)
{
	static const char *const values[] = {
		[PRESENTED_UNKNOWN] = "none that we can verify",
		[PRESENTED_NOTHING] = "none",
		[PRESENTED_RAW_KEY] = "a raw public key",
		[PRESENTED_CERTIFICATE] = "one that we could not verify"
	};

	return values[policy_presented(facts)];
}

/* Of one that was. No MTA tells the names in subjectAltName. */
static const char *
named_value(const struct facts *facts)
{
	if (facts->cert_san != NULL)
		return "has another name";
	return facts->cert_cn == NULL || *facts->cert_cn == '\0' ?
	    "shows us no common name" : "has another common name";
}

/* What the names in braces stand for. */
struct values {
	const char *of[TEMPLATE_COUNT];
	char required[POLICY_REPLY_MAX];
	char bits[16];
};

/*
 * What is not known is empty in the texts of others, and has words in ours; these name
 * the address that a rule is on.
 */
static void
read_values(struct values *values, const struct verdict *verdict,
    const struct facts *facts, bool own)
{
	const char *domain = domain_value(verdict, facts);
	const char *absent = own ? "" : "unknown";
	const char *mailbox = verdict->outcome[verdict->reported].mailbox;

	(void)snprintf(values->bits, sizeof(values->bits), "%d", verdict->bits);
	values->of[TEMPLATE_DOMAIN] = !own && mailbox != NULL ? mailbox :
	    domain != NULL ? domain : own ? "" : "an address without a domain";
	values->of[TEMPLATE_REASON] = policy_reason_name(verdict->reason);
	values->of[TEMPLATE_REQUIRED] = values->required;
	values->of[TEMPLATE_TLS_VERSION] =
	    facts->tls_version != NULL ? facts->tls_version : absent;
	values->of[TEMPLATE_CIPHER] = facts->cipher != NULL ? facts->cipher : absent;
	values->of[TEMPLATE_BITS] = verdict->bits >= 0 ? values->bits : absent;
	values->of[TEMPLATE_SESSION] = facts->session != NULL ? facts->session : "";
	values->of[TEMPLATE_CLIENT] = client_value(facts);
	values->of[TEMPLATE_PRESENTED] = presented_value(facts);
	values->of[TEMPLATE_NAMED] = named_value(facts);
}

/*
 * Fills a text. What is required is as long as what stands beside it allows, where the
 * text says it once.
 */
static void
fill(const char *text, struct values *values, const struct policy_outcome *outcome,
    char *out, size_t size)
{
	static const char name[] = "{required}";
	const char *first = strstr(text, name);
	size_t room = sizeof(values->required);

	values->required[0] = '\0';
	template_fill(text, values->of, out, size);
	if (first == NULL)
		return;
	if (strstr(first + 1, name) == NULL && size - strlen(out) < room)
		room = size - strlen(out);
	required_value(outcome, values->required, room);
	template_fill(text, values->of, out, size);
}

static void
write_text(const struct verdict *verdict, const struct facts *facts,
    const struct otherwise *otherwise, char *out, size_t size)
{
	const struct policy_outcome *outcome = &verdict->outcome[verdict->reported];
	bool recipient = outcome->place.kind == RULE_TO;
	char suffix[POLICY_SUFFIX_MAX + 100] = "";
	struct values values;
	size_t used = 0;

	read_values(&values, verdict, facts, true);
	if (otherwise != NULL && otherwise->text != NULL) {
		fill(otherwise->text, &values, outcome, out, size);
		return;
	}
	if (verdict->options.reply_suffix != NULL) {
		suffix[0] = ' ';
		fill(verdict->options.reply_suffix, &values, outcome, suffix + 1,
		    sizeof(suffix) - 1);
	}
	read_values(&values, verdict, facts, false);
	/* What must be shortened is what comes before it. */
	size -= strlen(suffix);
	used = (size_t)snprintf(out, size, "Mail %s ", recipient ? "to" : "from");
	fill(requirement_reason(verdict->reason)->reply, &values, outcome, out + used,
	    size - used);
	(void)strcat(out, suffix);
}

const char *
policy_suffix_problem(const char *text)
{
	const char *at;
	size_t length;

	if (strlen(text) > POLICY_SUFFIX_MAX)
		return "it is longer than 200 characters";
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return "a reply's text is printable ASCII";
	switch (template_check(text, &at, &length)) {
	case TEMPLATE_BRACE:
		return "\"{\" has no \"}\": a brace itself is written {{";
	case TEMPLATE_NAME:
		return "a name in braces is not known: {domain}, {reason}, {required}, "
		    "{tls_version}, {cipher}, {bits} and {session} are";
	case TEMPLATE_OK:
		break;
	}
	return NULL;
}

bool
policy_reply(const struct verdict *verdict, const struct facts *facts,
    struct policy_reply *reply)
{
	bool reject = verdict->action == POLICY_REJECT || verdict->soft_bounced;
	const struct policy_outcome *outcome;
	const struct reason *why;
	const struct otherwise *otherwise = NULL;
	size_t used;

	memset(reply, 0, sizeof(*reply));
	/* To mail that goes out nobody replies. */
	if (verdict->action < POLICY_TEMPFAIL || verdict->reported < 0 ||
	    facts->direction != NULL)
		return false;
	outcome = &verdict->outcome[verdict->reported];
	why = requirement_reason(verdict->reason);
	if (outcome->requirement != NULL)
		otherwise = requirement_otherwise(outcome->settings,
		    outcome->requirement);
	if (otherwise != NULL && otherwise->code[0] != '\0')
		(void)strcpy(reply->code, otherwise->code);
	else
		(void)strcpy(reply->code, reject ? why->code : "451");
	if (otherwise != NULL && otherwise->enhanced[0] != '\0')
		(void)strcpy(reply->enhanced, otherwise->enhanced);
	else
		(void)snprintf(reply->enhanced, sizeof(reply->enhanced), "%c.%s",
		    reject ? '5' : '4', why->detail);
	if (verdict->soft_bounced)	/* as Postfix's soft_bounce: the class alone */
		reply->code[0] = reply->enhanced[0] = '4';
	used = strlen(reply->code) + strlen(reply->enhanced) + 2;
	write_text(verdict, facts, otherwise, reply->text, POLICY_REPLY_MAX + 1 - used);
	return true;
}
