/*
 * probe_text.c - what tlsward probe found, for people: a screen for a server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdio.h>
#include <string.h>

#include "tool/screen.h"
#include "base/date.h"
#include "base/text.h"

#define WIDTH 80
#define NAMED_COLUMN 12		/* what a line is about */
#define SUITES_SHOWN 12		/* without --full */
#define AUTHORITIES_SHOWN 3

struct telling {
	struct probe_result *result;
	struct screen screen;
	struct buffer text;
};

/* A line "  NAME        WORDS", whose words may be a server's. */
static void
tell(struct telling *telling, const char *name, const char *words)
{
	buffer_format(&telling->text, "  %-*s", NAMED_COLUMN, name);
	text_visible(&telling->text, words);
	buffer_string(&telling->text, "\n");
}

/* ------------------------------------------------------------------ *
 * The rule
 * ------------------------------------------------------------------ */

static void
tell_requirement(struct telling *telling, const struct probe_requirement *require)
{
	static const char *const words[] = {
		[POLICY_UNKNOWN] = "unknown", [POLICY_NO] = "not met", [POLICY_YES] = "met"
	};
	char line[2 * PROBE_WORDS + 64] = "";

	text_append(line, sizeof(line), "%s: it has %s%s", require->required,
	    require->offered, require->matters ? "" : " (mail goes out all the same)");
	tell(telling, words[require->met], line);
}

/* Whether two came out alike: then they are told once. */
static bool
judged_alike(const struct probe_judged *a, const struct probe_judged *b)
{
	if (a->count != b->count || a->met != b->met)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->require[i].met != b->require[i].met ||
		    strcmp(a->require[i].offered, b->require[i].offered) != 0)
			return false;
	return true;
}

static void
tell_rule(struct telling *telling)
{
	struct probe_result *result = telling->result;
	const struct probe_rule *rule = &result->rule;
	struct probe_each each = { .host = NULL };
	const struct probe_judged *last = NULL;
	char line[PROBE_WORDS];

	if (!rule->found)
		return;
	line[0] = '\0';
	text_append(line, sizeof(line), "%s, next hop %s%s", rule->place, rule->next_hop,
	    rule->exempt ? ", exempt" : rule->monitored ? ", under monitor" : "");
	tell(telling, "rule", line);
	while (!rule->exempt && probe_next(result, &each)) {
		const struct probe_judged *judged = &each.seen->judged;

		if (each.address->reached < REACHED_EHLO ||
		    (last != NULL && judged_alike(last, judged)))
			continue;
		if (last != NULL) {
			line[0] = '\0';
			text_append(line, sizeof(line), "%s [%s]", each.host->name,
			    each.address->text);
			tell(telling, "but", line);
		}
		for (size_t i = 0; i < judged->count; i++)
			tell_requirement(telling, &judged->require[i]);
		last = judged;
	}
}

/* ------------------------------------------------------------------ *
 * Findings
 * ------------------------------------------------------------------ */

static void
tell_finding(struct telling *telling, const struct probe_finding *finding)
{
	static const enum screen_colour colours[] = {
		[PROBE_INFO] = COLOUR_DIM, [PROBE_WARNING] = COLOUR_YELLOW,
		[PROBE_FAULT] = COLOUR_RED
	};
	const struct probe_target *target = &telling->result->target;
	char line[3 * PROBE_WORDS] = "";
	bool one = target->host_count == 1 && target->hosts[0].address_count == 1;

	if (finding->host != NULL && !one)
		text_append(line, sizeof(line), "%s", finding->host);
	if (finding->address != NULL && !one)
		text_append(line, sizeof(line), " [%s]", finding->address);
	text_append(line, sizeof(line), "%s%s (%s)", line[0] != '\0' ? ": " : "",
	    finding->text, finding->id);
	screen_colour(&telling->screen, &telling->text, colours[finding->level]);
	buffer_format(&telling->text, "  %-*s", NAMED_COLUMN,
	    probe_level_name(finding->level));
	screen_plain(&telling->screen, &telling->text);
	text_visible(&telling->text, line);
	buffer_string(&telling->text, "\n");
	tell(telling, "  do", finding->fix);
}

/* ------------------------------------------------------------------ *
 * An address
 * ------------------------------------------------------------------ */

static void
tell_handshake(struct telling *telling, const struct probe_address *address)
{
	char line[PROBE_WORDS] = "";

	probe_offers_text(address, line, sizeof(line));
	if (address->reached == REACHED_TLS)
		text_append(line, sizeof(line), "; with us %s, %s",
		    probe_protocol_words(address->protocol), address->cipher);
	if (address->reached == REACHED_TLS && address->group[0] != '\0')
		text_append(line, sizeof(line), ", %s", address->group);
	if (address->dh_bits > 0)
		text_append(line, sizeof(line), "; DH %d bits", address->dh_bits);
	tell(telling, "protocols", line);
}

/* The suites in a line for each protocol, the newest first. */
static void
tell_suites(struct telling *telling, const struct probe_address *address)
{
	const char *name = "suites";
	size_t left = address->suites_whole ? PROBE_SUITES_MAX : SUITES_SHOWN;

	for (int protocol = PROBE_PROTOCOLS - 1; protocol >= 0 && left > 0; protocol--) {
		struct buffer line = BUFFER_INIT;

		for (size_t i = 0; i < address->suite_count && left > 0; i++) {
			if ((int)address->suites[i].protocol != protocol)
				continue;
			left--;
			buffer_format(&line, "%s %s", line.length == 0 ? probe_protocol_words(
			    (enum probe_protocol)protocol) : "", address->suites[i].name);
		}
		telling->text.failed |= line.failed;
		if (line.length > 0 && !line.failed) {
			tell(telling, name, line.text);
			name = "";
		}
		buffer_free(&line);
	}
	if (address->suite_count > 0 && address->ordered != OFFER_UNKNOWN)
		tell(telling, "", address->ordered == OFFER_YES ? "in its own order" :
		    "in the client's order");
}

static void
tell_certificate(struct telling *telling, const struct probe_each *each)
{
	const struct probe_chain *chain = &each->seen->chain;
	int count = sk_X509_num(each->address->chain);
	char line[PROBE_WORDS * 4] = "", day[DATE_DAY_SIZE];

	if (count <= 0)
		return;
	date_write_day(chain->not_after, day);
	text_append(line, sizeof(line), "%s", chain->names);
	tell(telling, "certificate", line);
	line[0] = '\0';
	text_append(line, sizeof(line), "%s, signed with %s by %s, until %s", chain->key,
	    chain->signature, chain->issuer, day);
	tell(telling, "", line);
	line[0] = '\0';
	text_append(line, sizeof(line), "%d %s, %s; %s", count,
	    count == 1 ? "certificate" : "certificates",
	    chain->ordered ? "in order" : "in the wrong order", chain->verified ?
	    "verified" : X509_verify_cert_error_string(chain->verify_error));
	tell(telling, "chain", line);
}

static void
tell_client(struct telling *telling, const struct probe_address *address)
{
	char line[PROBE_WORDS] = "";

	if (address->wants_certificate != OFFER_YES)
		return;
	text_append(line, sizeof(line), "it asks for a client certificate%s",
	    address->requires_certificate ? ", and ends without one" : "");
	for (size_t i = 0; i < address->authority_count && i < AUTHORITIES_SHOWN; i++)
		text_append(line, sizeof(line), "%s%s", i == 0 ? ", of " : "; ",
		    address->authorities[i]);
	if (address->authority_count > AUTHORITIES_SHOWN)
		text_append(line, sizeof(line), " and %zu others",
		    address->authority_count - AUTHORITIES_SHOWN);
	tell(telling, "client", line);
}

static void
tell_tlsa(struct telling *telling, const struct probe_each *each)
{
	const struct probe_host *host = each->host;
	char line[PROBE_WORDS] = "";

	if (host->tlsa_count == 0)
		return;
	text_append(line, sizeof(line), "%zu %s, %zu usable, %s%s", host->tlsa_count,
	    host->tlsa_count == 1 ? "record" : "records", each->seen->chain.tlsa_usable,
	    each->seen->chain.tlsa_matches ? "one matches" : "none matches",
	    host->tlsa_secure == SECURE_YES ? "" : host->tlsa_secure == SECURE_UNKNOWN ?
	    "; not validated here" : "; not in a signed zone");
	tell(telling, "TLSA", line);
}

static void
tell_address(struct telling *telling, const struct probe_each *each)
{
	const struct probe_host *host = each->host;
	const struct probe_address *address = each->address;
	char line[PROBE_WORDS] = "";

	text_append(line, sizeof(line), "%s", host->name);
	if (strcmp(host->name, address->text) != 0)
		text_append(line, sizeof(line), " [%s]", address->text);
	if (host->port != 25)
		text_append(line, sizeof(line), " port %u", host->port);
	screen_colour(&telling->screen, &telling->text, COLOUR_BOLD);
	text_visible(&telling->text, line);
	screen_plain(&telling->screen, &telling->text);
	buffer_string(&telling->text, "\n");
	if (address->banner[0] != '\0')
		tell(telling, "says", address->banner);
	if (address->reached < REACHED_STARTTLS)
		return;
	tell_handshake(telling, address);
	tell_suites(telling, address);
	tell_certificate(telling, each);
	tell_client(telling, address);
	tell_tlsa(telling, each);
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

static void
tell_sts(struct telling *telling)
{
	const struct probe_sts *sts = &telling->result->target.sts;
	char line[PROBE_WORDS] = "";

	if (!sts->record)
		return;
	if (!sts->fetched)
		text_append(line, sizeof(line), "no policy: %s", sts->trouble);
	else
		text_append(line, sizeof(line), "mode %s, mx", probe_sts_mode_name(sts->mode));
	for (size_t i = 0; sts->fetched && i < sts->mx_count; i++)
		text_append(line, sizeof(line), " %s", sts->mx[i]);
	tell(telling, "MTA-STS", line);
}

static void
tell_all(struct telling *telling)
{
	struct probe_result *result = telling->result;
	struct probe_each each = { .host = NULL };

	screen_colour(&telling->screen, &telling->text,
	    result->met == POLICY_NO || probe_count(result, PROBE_FAULT) > 0 ? COLOUR_RED :
	    COLOUR_GREEN);
	text_visible(&telling->text, result->answer);
	screen_plain(&telling->screen, &telling->text);
	buffer_string(&telling->text, "\n");
	tell_rule(telling);
	for (size_t i = 0; i < result->finding_count; i++)
		tell_finding(telling, &result->findings[i]);
	while (probe_next(result, &each))
		tell_address(telling, &each);
	tell_sts(telling);
	buffer_string(&telling->text,
	    "What it offers as a server says nothing of it as a client.\n");
}

int
probe_print_text(struct probe_result *result)
{
	struct telling telling = { .result = result, .text = BUFFER_INIT };
	struct buffer folded = BUFFER_INIT;
	int status = STATUS_FINE;

	screen_open(&telling.screen);
	tell_all(&telling);
	screen_fold(&telling.text, telling.screen.width > 0 ? telling.screen.width : WIDTH,
	    false, &folded);
	if (telling.text.failed || folded.failed)
		status = tool_no_memory();
	else if (screen_write(&folded) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	buffer_free(&telling.text);
	buffer_free(&folded);
	return status;
}
