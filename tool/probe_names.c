/*
 * probe_names.c - where a probe goes: a domain's MX, or one host.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/probe_dns.h"
#include "tool/probe_host.h"
#include "tool/probe_say.h"
#include "tool/probe_sts.h"
#include "policy/policy.h"

#define SMTP_PORT 25

static struct probe_host *
add_probe_host(struct probe_target *target, const char *name, unsigned short port)
{
	struct probe_host *host;

	if (target->host_count == PROBE_HOSTS_MAX)
		return NULL;
	host = &target->hosts[target->host_count++];
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	host->port = port;
	return host;
}

/* ------------------------------------------------------------------ *
 * MX
 * ------------------------------------------------------------------ */

/* One more MX; the same one twice is the one that is preferred. */
static void
add_mx(struct probe_target *target, const struct dns_record *record)
{
	char name[PROBE_NAME];
	struct probe_host *host;
	unsigned preference;
	bool good;

	if (record->length < 3)
		return;
	preference = (unsigned)record->data[0] << 8 | record->data[1];
	good = dns_read_name(record->data + 2, record->length - 2, name);
	for (size_t i = 0; i < target->host_count; i++)
		if (strcmp(target->hosts[i].name, name) == 0) {
			if (preference < target->hosts[i].preference)
				target->hosts[i].preference = preference;
			return;
		}
	if ((host = add_probe_host(target, name, SMTP_PORT)) == NULL) {
		probe_say(target->trouble, "it has more MX hosts than are looked at", "");
		return;
	}
	host->preference = preference;
	if (name[0] == '\0')
		probe_say(host->trouble, "\".\" as one MX of several is no host", "");
	else if (!good)
		probe_say(host->trouble, "it is not a host name", "");
}

static int
compare_mx(const void *a, const void *b)
{
	const struct probe_host *one = a, *other = b;

	if (one->preference != other->preference)
		return one->preference < other->preference ? -1 : 1;
	return strcmp(one->name, other->name);
}

static bool
is_null_mx(const struct dns_answer *answer)
{
	return answer->count == 1 && answer->records[0].length == 3 &&
	    answer->records[0].data[2] == 0;
}

/* What an answer to the question for MX says. */
static void
take_mx(struct probe_target *target, const char *name, const struct dns_answer *answer)
{
	target->secure = answer->secure;
	target->is_domain = answer->found == DNS_RECORDS ||
	    answer->found == DNS_NO_RECORDS;
	if (answer->found == DNS_FAILED)
		probe_say(target->trouble, "its MX cannot be found: ", answer->why);
	else if (is_null_mx(answer)) {
		target->null_mx = true;
		probe_say(target->trouble, "it takes no mail (its MX is \".\", RFC 7505)", "");
	} else if (answer->found != DNS_RECORDS) {
		target->implicit_mx = target->is_domain;
		(void)add_probe_host(target, name, SMTP_PORT);
	}
	for (size_t i = 0; i < answer->count && !target->null_mx; i++)
		add_mx(target, &answer->records[i]);
	qsort(target->hosts, target->host_count, sizeof(target->hosts[0]), compare_mx);
}

static bool
find_mx(struct dns *dns, struct probe_target *target, const char *name)
{
	struct dns_answer answer;

	if (!dns_is_whole()) {
		(void)add_probe_host(target, name, SMTP_PORT);
		return true;
	}
	if (!dns_ask(dns, name, DNS_MX, &answer))
		return false;
	take_mx(target, name, &answer);
	dns_answer_free(&answer);
	return true;
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* RFC 6761 section 6.3 */
static bool
is_localhost(const char *name)
{
	static const char last[] = ".localhost";
	size_t length = strlen(name);

	return strcmp(name, last + 1) == 0 || (length >= sizeof(last) &&
	    strcmp(name + length - (sizeof(last) - 1), last) == 0);
}

static void
tell_progress(const struct probe_budget *budget, const char *host, const char *what)
{
	if (budget->progress != NULL)
		budget->progress(host, what, budget->progress_data);
}

/* What "asked" means without its brackets, as a next hop has them: then it is no domain. */
static bool
undress(const char *asked, char text[PROBE_NAME])
{
	bool brackets = asked[0] == '[';
	const char *from = asked + brackets;
	size_t length = strlen(from);

	if (brackets && length > 0 && from[length - 1] == ']')
		length--;
	if (strncasecmp(from, "ipv6:", 5) == 0) {
		from += 5;
		length -= 5;
	}
	(void)snprintf(text, PROBE_NAME, "%.*s",
	    length < PROBE_NAME ? (int)length : PROBE_NAME - 1, from);
	return brackets;
}

/* Addresses and TLSA records of all hosts. */
static bool
find_hosts(const struct probe_names *names, const struct probe_budget *budget,
    struct dns *dns, struct probe_target *target)
{
	for (size_t i = 0; i < target->host_count; i++) {
		struct probe_host *host = &target->hosts[i];

		if (host->trouble[0] != '\0')
			continue;
		tell_progress(budget, host->name, "looking up its addresses");
		if (!host_find_addresses(names, dns, host) || !host_find_tlsa(dns, host))
			return false;
	}
	return true;
}

/* A name that is asked of DNS. */
static bool
find_by_name(const struct probe_names *names, struct probe_budget *budget, const char *name,
    unsigned short port, bool host_alone, struct probe_target *target)
{
	struct dns *dns;
	bool ok;

	if (!dns_new(names, budget, &dns, target->trouble))
		return target->trouble[0] != '\0';
	tell_progress(budget, name, "looking it up");
	if (host_alone)
		ok = add_probe_host(target, name, port) != NULL;
	else
		ok = find_mx(dns, target, name);
	ok = ok && find_hosts(names, budget, dns, target);
	if (ok && target->is_domain && !target->null_mx)
		ok = sts_find(names, budget, dns, name, &target->sts);
	(void)snprintf(target->unvalidated, sizeof(target->unvalidated), "%s",
	    dns_unvalidated(dns));
	dns_free(&dns);
	return ok;
}

/* localhost, which is what /etc/hosts says, and 127.0.0.1. */
static bool
find_localhost(const char *name, unsigned short port, struct probe_target *target)
{
	struct probe_host *host = add_probe_host(target, name, port);

	(void)host_add_address(host, "127.0.0.1");
	return host_add_file(host);
}

bool
probe_target_find(const struct probe_names *names, struct probe_budget *budget,
    const char *asked, unsigned short port, struct probe_target *target)
{
	unsigned short the_port = port != 0 ? port : SMTP_PORT;
	char text[PROBE_NAME], name[PROBE_NAME];
	struct probe_host *host;
	bool brackets;

	memset(target, 0, sizeof(*target));
	brackets = undress(asked, text);
	(void)snprintf(target->asked, sizeof(target->asked), "%s", text);
	host = add_probe_host(target, text, the_port);
	if (host_add_address(host, text)) {
		(void)snprintf(host->name, sizeof(host->name), "%s",
		    host->addresses[0].text);
		return true;
	}
	memset(host, 0, sizeof(*host));
	target->host_count = 0;
	if (strlen(asked) >= PROBE_NAME || text[0] == '.' ||
	    !policy_domain(text, name, sizeof(name))) {
		probe_say(target->trouble, "this is no domain, host name or address: ", asked);
		return true;
	}
	if (is_localhost(name))
		return find_localhost(name, the_port, target);
	return find_by_name(names, budget, name, the_port, brackets || port != 0, target);
}

void
probe_target_free(struct probe_target *target)
{
	for (size_t i = 0; i < target->host_count; i++)
		for (size_t j = 0; j < target->hosts[i].address_count; j++)
			probe_address_free(&target->hosts[i].addresses[j]);
}
