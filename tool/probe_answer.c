/*
 * probe_answer.c - the first line of tlsward probe.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdio.h>
#include <string.h>

#include "base/date.h"

#define SAY(...) text_append(result->answer, sizeof(result->answer), __VA_ARGS__)

static void
say_asked(struct probe_result *result)
{
	bool brackets = result->port != 0 && strchr(result->target.asked, ':') != NULL;

	SAY(brackets ? "[%s]" : "%s", result->target.asked);
	if (result->port != 0)
		SAY(":%u", result->port);
}

static void
say_rule(struct probe_result *result)
{
	if (result->rule.partner[0] != '\0')
		SAY("the agreement with %s", result->rule.partner);
	else
		SAY("the rule for it");
	if (result->rule.monitored)
		SAY(" (under monitor: it is not enforced)");
}

/* The first requirement of an address that came out so. */
static const struct probe_requirement *
requirement_that(const struct probe_each *each, enum policy_tri met)
{
	for (size_t i = 0; i < each->seen->judged.count; i++) {
		const struct probe_requirement *require = &each->seen->judged.require[i];

		if (require->met == met && require->matters)
			return require;
	}
	return NULL;
}

/* The first address that came out so, and what is required there; others are named. */
static void
say_which(struct probe_result *result, enum policy_tri met)
{
	struct probe_each each = { .host = NULL };
	const struct probe_host *last = NULL;

	while (probe_next(result, &each)) {
		const struct probe_requirement *require = requirement_that(&each, met);

		if (each.address->reached < REACHED_EHLO || each.seen->judged.met != met ||
		    require == NULL || each.host == last)
			continue;
		if (last == NULL) {
			SAY(": ");
			if (result->target.is_domain)
				SAY("%s has ", each.host->name);
			SAY("%s, and %s is required", require->offered, require->required);
		} else
			SAY("; nor %s %s", met == POLICY_NO ? "would" : "can it be told of",
			    each.host->name);
		last = each.host;
	}
}

static void
say_judged(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };

	if (result->met == POLICY_UNKNOWN)
		SAY("it cannot be told whether ");
	say_asked(result);
	SAY(result->met == POLICY_NO ? " would not keep " : " would keep ");
	say_rule(result);
	if (result->met != POLICY_YES) {
		say_which(result, result->met);
		return;
	}
	while (probe_next(result, &each))
		if (each.address->reached == REACHED_TLS) {
			SAY(": %s with %s", probe_protocol_words(each.address->protocol),
			    each.address->cipher);
			return;
		}
}

static void
say_certificate(struct probe_result *result, const struct probe_each *each)
{
	const struct probe_chain *chain = &each->seen->chain;
	char day[DATE_DAY_SIZE];

	date_write_day(chain->not_after, day);
	if (sk_X509_num(each->address->chain) <= 0)
		SAY("; it has no certificate");
	else if (!chain->verified)
		SAY("; its certificate cannot be verified: %s", chain->self_signed ?
		    "it is self-signed" :
		    X509_verify_cert_error_string(chain->verify_error));
	else if (!chain->names_host && !probe_is_nameless(each->host->name))
		SAY("; its certificate is not for it");
	else
		SAY("; certificate is valid%s until %s", chain->names_host ? " for it" : "",
		    day);
}

static const char *
newest_words(const struct probe_address *address)
{
	int newest = PROBE_PROTOCOLS - 1;

	while (newest > 0 && address->offers[newest] != OFFER_YES)
		newest--;
	return probe_protocol_words((enum probe_protocol)newest);
}

/* Hosts with a fault, beside the one that is told of. */
static void
say_others(struct probe_result *result, const struct probe_host *told)
{
	const char *last = told->name;
	size_t others = 0;

	for (size_t i = 0; i < result->finding_count; i++) {
		const struct probe_finding *finding = &result->findings[i];

		if (finding->level != PROBE_FAULT || finding->host == NULL ||
		    finding->host == told->name || finding->host == last)
			continue;
		SAY(others++ == 0 ? "; there is a fault of %s" : ", of %s", finding->host);
		last = finding->host;
	}
}

static void
say_offer(struct probe_result *result, const struct probe_each *each)
{
	const struct probe_address *address = each->address;

	if (address->reached == REACHED_EHLO)
		SAY(address->starttls ? " refuses STARTTLS" :
		    " does not offer STARTTLS: clear text alone");
	else if (probe_has(result, address, "handshake-fails"))
		SAY(" offers STARTTLS, but no handshake succeeds");
	else if (address->requires_certificate)
		SAY(" ends each session without a client certificate");
	else {
		SAY(probe_has(result, address, "old-tls-only") ? " offers nothing newer than " :
		    " offers ");
		if (probe_has(result, address, "old-tls-only"))
			SAY("%s", newest_words(address));
		else
			probe_offers_text(address, result->answer, sizeof(result->answer));
		say_certificate(result, each);
	}
}

/* Where there is no rule: what the first one that answers offers. */
static void
say_offers(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };

	while (probe_next(result, &each) && each.address->reached < REACHED_EHLO)
		continue;
	say_asked(result);
	if (result->target.is_domain && strcmp(each.host->name, result->target.asked) != 0)
		SAY(": %s", each.host->name);
	say_offer(result, &each);
	say_others(result, each.host);
	if (result->rule.exempt)
		SAY(" (%s exempts it)", result->rule.place);
	else if (result->rule.policy)
		SAY(" (no rule is on mail to it)");
}

/* Where none answers. */
static void
say_nothing(struct probe_result *result)
{
	say_asked(result);
	if (result->target.null_mx)
		SAY(" takes no mail (null MX)");
	else
		SAY(" cannot be asked");
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].level == PROBE_FAULT && !result->target.null_mx) {
			SAY(": %s", result->findings[i].text);
			return;
		}
}

void
probe_answer(struct probe_result *result)
{
	struct probe_each each = { .host = NULL };
	bool answers = false;

	while (probe_next(result, &each))
		answers |= each.address->reached >= REACHED_EHLO;
	if (result->stopped)
		SAY("interrupted, not all was asked: ");
	if (!answers)
		say_nothing(result);
	else if (result->rule.found && !result->rule.exempt)
		say_judged(result);
	else
		say_offers(result);
}
