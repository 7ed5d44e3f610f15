/*
 * probe_findings.c - what is wrong with a server, or worth knowing, and what to do.
 *
 * A fault: whoever asks for what is usual (TLS 1.2 or newer, a certificate that can be
 * verified) cannot have it, or what is offered is known to be broken. A warning: it is to
 * be mended, but mail is safe without. Information: the rest.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_kinds.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* What is looked at: an address, or a host alone, or nothing but the target. */
struct finder {
	struct probe_result *result;
	struct probe_each each;
	bool failed;		/* memory was short */
};

/* A new one; NULL: memory is short. */
static struct probe_finding *
new_finding(struct finder *finder, const char *id, enum probe_level level)
{
	struct probe_result *result = finder->result;
	struct probe_finding *finding;

	if (!array_reserve(result->findings, result->finding_count + 1,
	    &result->finding_room)) {
		finder->failed = true;
		return NULL;
	}
	finding = &result->findings[result->finding_count++];
	*finding = (struct probe_finding){ .id = id, .level = level };
	if (finder->each.host != NULL)
		finding->host = finder->each.host->name;
	if (finder->each.address != NULL)
		finding->address = finder->each.address->text;
	return finding;
}

static void
add_finding(struct finder *finder, const char *id, enum probe_level level,
    const char *text, const char *detail, const char *fix)
{
	struct probe_finding *finding = new_finding(finder, id, level);
	const char *value = strstr(text, "%s");

	if (finding == NULL)
		return;
	if (value != NULL)
		text_append(finding->text, sizeof(finding->text), "%.*s%s%s",
		    (int)(value - text), text, detail, value + 2);
	else
		text_append(finding->text, sizeof(finding->text), "%s", text);
	text_append(finding->fix, sizeof(finding->fix), "%s", fix);
}

static void
find_by(struct finder *finder, const struct finding_kind *kinds)
{
	for (; kinds->id != NULL; kinds++) {
		char detail[PROBE_WORDS] = "";
		enum probe_level level = kinds->level;

		if (kinds->is(finder->result, &finder->each, detail, &level))
			add_finding(finder, kinds->id, level, kinds->text, detail, kinds->fix);
	}
}

static void
find_of_target(struct finder *finder)
{
	const struct probe_target *target = &finder->result->target;

	if (target->null_mx)
		add_finding(finder, "null-mx", PROBE_FAULT, "it takes no mail: its MX record says "
		    "so (RFC 7505)", "", "send no mail there, or have the record replaced");
	else if (target->secure == SECURE_BOGUS)
		add_finding(finder, "bogus", PROBE_FAULT, "DNSSEC says that its MX records are "
		    "forged, or the zone is signed wrongly", "",
		    "sign the zone anew, or correct the DS record at its parent");
	else if (target->host_count == 0)
		add_finding(finder, "no-host", PROBE_FAULT, "there is no host to ask: %s",
		    target->trouble[0] != '\0' ? target->trouble : "none was found",
		    "see whether the name is right, and whether the resolver answers");
	if (target->sts.asked && target->sts.record && !target->sts.fetched)
		add_finding(finder, "sts-policy", PROBE_FAULT, "it has an MTA-STS record, but no "
		    "policy that could be used: %s", target->sts.trouble,
		    "serve a policy as RFC 8461 has it, at https://mta-sts.DOMAIN/"
		    ".well-known/mta-sts.txt, without a redirect");
}

/* ------------------------------------------------------------------ *
 * Differences
 * ------------------------------------------------------------------ */

static bool
has_own(const struct probe_result *result, const struct probe_address *address)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].address == address->text &&
		    result->findings[i].level != PROBE_INFO)
			return true;
	return false;
}

/* What it offers, as text that is the same for the same. */
static void
describe_offer(const struct probe_address *address, char *text, size_t size)
{
	probe_offers_text(address, text, size);
	if (address->wants_certificate == OFFER_YES)
		text_append(text, size, ", asks for a client certificate");
	text_append(text, size, ", takes %s first", address->suite_count > 0 &&
	    address->ordered == OFFER_YES ? address->suites[0].name : address->cipher);
}

/* Of those without a fault or a warning, which say for themselves what is other there. */
static void
find_differences(struct finder *finder)
{
	struct probe_result *result = finder->result;
	char first[PROBE_WORDS] = "", other[PROBE_WORDS], text[PROBE_WORDS] = "";
	const struct probe_each none = { .host = NULL };
	struct probe_each each = none, one = none;

	while (probe_next(result, &each)) {
		if (each.address->reached != REACHED_TLS || has_own(result, each.address))
			continue;
		other[0] = '\0';
		describe_offer(each.address, other, sizeof(other));
		if (one.host == NULL) {
			one = each;
			memcpy(first, other, sizeof(first));
		} else if (strcmp(first, other) != 0) {
			text_append(text, sizeof(text), "%s [%s]: %s; %s [%s]: %s",
			    one.host->name, one.address->text, first, each.host->name,
			    each.address->text, other);
			finder->each = none;
			add_finding(finder, "hosts-differ", PROBE_WARNING,
			    "hosts offer different things: %s", text,
			    "set them up alike: which one a sender comes to is chance");
			return;
		}
	}
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* The gravest first; else as they were found. */
static void
sort_findings(struct probe_result *result)
{
	for (size_t i = 1; i < result->finding_count; i++) {
		struct probe_finding finding = result->findings[i];
		size_t at = i;

		while (at > 0 && result->findings[at - 1].level < finding.level) {
			result->findings[at] = result->findings[at - 1];
			at--;
		}
		result->findings[at] = finding;
	}
}

bool
probe_find(struct probe_result *result)
{
	struct finder finder = { .result = result };

	find_of_target(&finder);
	for (size_t i = 0; i < result->target.host_count; i++) {
		struct probe_host *host = &result->target.hosts[i];

		finder.each = (struct probe_each){ .host = host };
		find_by(&finder, probe_kinds_of_host);
		for (size_t j = 0; j < host->address_count; j++) {
			finder.each.address = &host->addresses[j];
			finder.each.seen = &result->seen[i][j];
			find_by(&finder, probe_kinds_of_server);
			find_by(&finder, probe_kinds_of_chain);
		}
	}
	find_differences(&finder);
	sort_findings(result);
	return !finder.failed;
}
