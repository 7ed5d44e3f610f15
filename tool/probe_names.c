/*
 * probe_names.c - where a probe goes: MX, addresses and TLSA records.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/probe_dns.h"
#include "tool/probe_say.h"
#include "policy/policy.h"
#include "base/file.h"
#include "base/text.h"

#define SMTP_PORT 25
#define HOSTS_FILE "/etc/hosts"
#define HOSTS_FILE_MAX (1 << 20)

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

/* A socket address as one of the host's; what is there already, or one too many, is not. */
static void
add_probe_address(struct probe_host *host, const struct sockaddr *socket, socklen_t size)
{
	struct probe_address *address = &host->addresses[host->address_count];
	char text[sizeof(address->text)];

	if (host->address_count == PROBE_ADDRESSES_MAX ||
	    getnameinfo(socket, size, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		return;
	for (size_t i = 0; i < host->address_count; i++)
		if (strcmp(host->addresses[i].text, text) == 0)
			return;
	memcpy(address->text, text, sizeof(text));
	memcpy(&address->socket, socket, size);
	address->socket_size = size;
	host->address_count++;
}

/* An address of A or AAAA as it is in the record. */
static void
add_probe_record(struct probe_host *host, const struct dns_record *record)
{
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = htons(host->port) };
	struct sockaddr_in6 ip6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(host->port) };

	if (record->length == sizeof(ip4.sin_addr)) {
		memcpy(&ip4.sin_addr, record->data, sizeof(ip4.sin_addr));
		add_probe_address(host, (const struct sockaddr *)&ip4, sizeof(ip4));
	} else if (record->length == sizeof(ip6.sin6_addr)) {
		memcpy(&ip6.sin6_addr, record->data, sizeof(ip6.sin6_addr));
		add_probe_address(host, (const struct sockaddr *)&ip6, sizeof(ip6));
	}
}

/* Whether "text" is an address, which the host then has. */
static bool
add_address_text(struct probe_host *host, const char *text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	struct in_addr ip4;
	char port[8];

	/* Nothing that inet_aton() alone takes: 127.1, 2130706433. */
	if (strchr(text, ':') == NULL && inet_pton(AF_INET, text, &ip4) != 1)
		return false;
	(void)snprintf(port, sizeof(port), "%hu", host->port);
	if (getaddrinfo(text, port, &hints, &found) != 0)
		return false;
	add_probe_address(host, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

/* ------------------------------------------------------------------ *
 * Of this machine: /etc/hosts, localhost
 * ------------------------------------------------------------------ */

/* One line: an address and its names. */
static void
take_hosts_line(struct probe_host *host, char *line)
{
	char *rest, *address, *name;

	line[strcspn(line, "#")] = '\0';
	if ((address = strtok_r(line, " \t\r", &rest)) == NULL)
		return;
	while ((name = strtok_r(NULL, " \t\r", &rest)) != NULL)
		if (strcasecmp(name, host->name) == 0)
			(void)add_address_text(host, address);
}

/* Those of /etc/hosts. False where memory is short. */
static bool
add_hosts_file(struct probe_host *host)
{
	struct file file = { .text = NULL };
	enum file_result result = file_read(HOSTS_FILE, HOSTS_FILE_MAX, true, &file);
	char *rest, *line;

	if (result == FILE_NO_MEMORY)
		return false;
	for (line = result == FILE_READ ? strtok_r(file.text, "\n", &rest) : NULL;
	    line != NULL; line = strtok_r(NULL, "\n", &rest))
		take_hosts_line(host, line);
	free(file.text);
	return true;
}

/* RFC 6761 section 6.3 */
static bool
is_localhost(const char *name)
{
	static const char last[] = ".localhost";
	size_t length = strlen(name);

	return strcmp(name, last + 1) == 0 || (length >= sizeof(last) &&
	    strcmp(name + length - (sizeof(last) - 1), last) == 0);
}

/* ------------------------------------------------------------------ *
 * One host
 * ------------------------------------------------------------------ */

/* Of two answers that count together. */
static enum probe_secure
least_secure(enum probe_secure a, enum probe_secure b)
{
	if (a == SECURE_BOGUS || b == SECURE_BOGUS)
		return SECURE_BOGUS;
	return a == b ? a : SECURE_NO;
}

static void
tell_no_address(struct probe_host *host, const struct dns_answer *answer)
{
	if (answer->found == DNS_FAILED)
		probe_say(host->trouble, "its addresses cannot be found: ", answer->why);
	else if (host->trouble[0] == '\0')
		probe_say(host->trouble, answer->found == DNS_NO_NAME ?
		    "DNS has no such name" : "it has no address in DNS", "");
}

/* Its addresses of one type. */
static bool
add_dns_addresses(struct dns *dns, struct probe_host *host, enum dns_type type)
{
	struct dns_answer answer;

	if (!dns_ask(dns, host->name, type, &answer))
		return false;
	for (size_t i = 0; i < answer.count; i++)
		add_probe_record(host, &answer.records[i]);
	if (answer.canonical[0] != '\0') {
		host->is_alias = true;
		(void)snprintf(host->alias_of, sizeof(host->alias_of), "%s",
		    answer.canonical);
	}
	host->secure = type == DNS_A ? answer.secure :
	    least_secure(host->secure, answer.secure);
	if (answer.found != DNS_RECORDS)
		tell_no_address(host, &answer);
	dns_answer_free(&answer);
	return true;
}

static bool
find_host_addresses(const struct probe_names *names, struct dns *dns,
    struct probe_host *host)
{
	if (!add_dns_addresses(dns, host, DNS_A) || !add_dns_addresses(dns, host, DNS_AAAA))
		return false;
	/* As it is for the MTA's other programs; one's own resolver is all that is asked. */
	if (host->address_count == 0 && names->resolver == NULL) {
		if (!add_hosts_file(host))
			return false;
		host->secure = host->address_count > 0 ? SECURE_NO : host->secure;
	}
	if (host->address_count > 0)
		host->trouble[0] = '\0';
	return true;
}

static void
take_tlsa(struct probe_host *host, const struct dns_answer *answer)
{
	size_t most = sizeof(host->tlsa) / sizeof(host->tlsa[0]);

	for (size_t i = 0; i < answer->count && host->tlsa_count < most; i++) {
		const struct dns_record *record = &answer->records[i];
		struct probe_tlsa *tlsa = &host->tlsa[host->tlsa_count];

		if (record->length < 3)
			continue;
		tlsa->usage = record->data[0];
		tlsa->selector = record->data[1];
		tlsa->matching = record->data[2];
		tlsa->size = record->length - 3;
		memcpy(tlsa->data, record->data + 3, tlsa->size < sizeof(tlsa->data) ?
		    tlsa->size : sizeof(tlsa->data));
		host->tlsa_count++;
	}
}

/* The records below one name, RFC 6698 section 3. */
static bool
ask_tlsa(struct dns *dns, struct probe_host *host, const char *base)
{
	struct dns_answer answer;
	char name[PROBE_NAME + 16];

	(void)snprintf(name, sizeof(name), "_%hu._tcp.%s", host->port, base);
	if (strlen(name) > 253)
		return true;
	if (!dns_ask(dns, name, DNS_TLSA, &answer))
		return false;
	take_tlsa(host, &answer);
	host->tlsa_secure = answer.secure;
	if (answer.found == DNS_FAILED)
		probe_say(host->tlsa_trouble, "", answer.why);
	dns_answer_free(&answer);
	(void)snprintf(host->tlsa_base, sizeof(host->tlsa_base), "%s", base);
	return true;
}

/* A secure alias's own come after those of where it leads, RFC 7672 section 2.2.2. */
static bool
find_tlsa(struct dns *dns, struct probe_host *host)
{
	if (!dns_is_whole())
		return true;
	if (host->is_alias && host->secure == SECURE_YES) {
		if (!ask_tlsa(dns, host, host->alias_of))
			return false;
		if (host->tlsa_count > 0 || host->tlsa_trouble[0] != '\0')
			return true;
	}
	return ask_tlsa(dns, host, host->name);
}

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

static void
tell_progress(const struct probe_budget *budget, const char *host, const char *what)
{
	if (budget->progress != NULL)
		budget->progress(host, what, budget->progress_data);
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
		if (!find_host_addresses(names, dns, host) || !find_tlsa(dns, host))
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

	(void)add_address_text(host, "127.0.0.1");
	return add_hosts_file(host);
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
	(void)snprintf(target->asked, sizeof(target->asked), "%s", asked);
	brackets = undress(asked, text);
	host = add_probe_host(target, text, the_port);
	if (add_address_text(host, text)) {
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
