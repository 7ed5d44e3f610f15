/*
 * probe_result.c - what the parts of tlsward probe share.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
probe_next(struct probe_result *result, struct probe_each *each)
{
	struct probe_target *target = &result->target;
	size_t host = 0, address = 0;

	if (each->host != NULL) {
		host = (size_t)(each->host - target->hosts);
		address = (size_t)(each->address - each->host->addresses) + 1;
	}
	for (; host < target->host_count; host++, address = 0)
		if (address < target->hosts[host].address_count) {
			each->host = &target->hosts[host];
			each->address = &each->host->addresses[address];
			each->seen = &result->seen[host][address];
			return true;
		}
	return false;
}

void
probe_result_free(struct probe_result *result)
{
	if (result == NULL)
		return;
	probe_target_free(&result->target);
	free(result->findings);
	result->findings = NULL;
}

static void
add_list_item(char *text, size_t size, const char *item, size_t at, size_t count)
{
	text_append(text, size, "%s%s", at == 0 ? "" : at + 1 == count ? " and " : ", ", item);
}

const char *
probe_protocol_words(enum probe_protocol protocol)
{
	static const char *const names[PROBE_PROTOCOLS] = {
		"SSL 3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"
	};

	return names[protocol];
}

void
probe_offers_text(const struct probe_address *address, char *text, size_t size)
{
	size_t count = 0, at = 0;

	for (int i = 0; i < PROBE_PROTOCOLS; i++)
		count += address->offers[i] == OFFER_YES;
	if (count == 0)
		text_append(text, size, "no protocol");
	for (int i = 0; i < PROBE_PROTOCOLS; i++)
		if (address->offers[i] == OFFER_YES) {
			/* "TLS 1.2 and 1.3" */
			bool again = at > 1 || (at > 0 &&
			    address->offers[PROBE_SSL_3] != OFFER_YES);
			const char *name = probe_protocol_words((enum probe_protocol)i);

			add_list_item(text, size, again ? name + 4 : name, at++, count);
		}
}

bool
probe_is_nameless(const char *name)
{
	return strcmp(name, "localhost") == 0 || text_is_address(name);
}

enum policy_tri
probe_dane(const struct probe_target *target, const struct probe_each *each)
{
	const struct probe_host *host = each->host;
	enum probe_secure worst = host->tlsa_secure;

	if (host->tlsa_count == 0 && worst != SECURE_UNKNOWN)
		return POLICY_NO;
	if (target->is_domain && target->secure != SECURE_YES)
		worst = target->secure;
	if (host->secure != SECURE_YES && worst == SECURE_YES)
		worst = host->secure;
	if (worst == SECURE_UNKNOWN)
		return POLICY_UNKNOWN;
	return worst == SECURE_YES && each->seen->chain.tlsa_matches ? POLICY_YES : POLICY_NO;
}

const char *
probe_level_name(enum probe_level level)
{
	static const char *const names[] = {
		[PROBE_INFO] = "info", [PROBE_WARNING] = "warning", [PROBE_FAULT] = "fault"
	};

	return names[level];
}

size_t
probe_count(const struct probe_result *result, enum probe_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < result->finding_count; i++)
		count += result->findings[i].level == level;
	return count;
}

bool
probe_has(const struct probe_result *result, const struct probe_address *address,
    const char *id)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].address == address->text &&
		    strcmp(result->findings[i].id, id) == 0)
			return true;
	return false;
}
