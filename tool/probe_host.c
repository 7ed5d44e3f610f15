/*
 * probe_host.c - the addresses and TLSA records of one host.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_host.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/probe_say.h"
#include "base/file.h"

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

bool
host_add_address(struct probe_host *host, const char *text)
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
 * Of this machine
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
			(void)host_add_address(host, address);
}

bool
host_add_file(struct probe_host *host)
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

bool
host_find_addresses(const struct probe_names *names, struct dns *dns,
    struct probe_host *host)
{
	if (!add_dns_addresses(dns, host, DNS_A) || !add_dns_addresses(dns, host, DNS_AAAA))
		return false;
	/* As it is for the MTA's other programs; one's own resolver is all that is asked. */
	if (host->address_count == 0 && names->resolver == NULL) {
		if (!host_add_file(host))
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

bool
host_find_tlsa(struct dns *dns, struct probe_host *host)
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
