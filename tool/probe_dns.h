/*
 * probe_dns.h - questions to DNS, with what DNSSEC says of the answers.
 *
 * With libunbound where this build has it; else addresses alone, by getaddrinfo(), which
 * waits as long as resolv.conf(5) says, whatever the budget. One thread at a time
 * (libunbound has one of its own, which ends with it).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_DNS_H
#define TLSWARD_TOOL_PROBE_DNS_H

#include "tool/probe.h"

#define DNS_RECORDS_MAX 64		/* of one answer; more are not looked at */

enum dns_type { DNS_A = 1, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_DNSKEY = 48,
	DNS_TLSA = 52 };

enum dns_found {
	DNS_FAILED,		/* no answer, or a bogus one: "why" has it */
	DNS_NO_NAME,		/* there is no such name */
	DNS_NO_RECORDS,		/* but none of that type */
	DNS_RECORDS
};

struct dns_record {
	const unsigned char *data;	/* the rdata, names in it not compressed */
	size_t length;
};

struct dns_answer {
	enum dns_found found;
	enum probe_secure secure;
	struct dns_record records[DNS_RECORDS_MAX];
	size_t count;
	char canonical[PROBE_NAME];	/* where a CNAME leads; "": there is none */
	char why[PROBE_TEXT];
	void *held;			/* by dns_answer_free() */
};

struct dns;

/*
 * Asks the resolvers that "names" says. False where it cannot be: "why" has the reason, or
 * is "" where memory is short. "budget" must outlive it.
 */
bool dns_new(const struct probe_names *names, const struct probe_budget *budget,
    struct dns **dns, char why[PROBE_TEXT]);
void dns_free(struct dns **dns);

/*
 * Whether what "names" says can be used. False: "why" has what is wrong, or is "" where
 * memory is short. Nothing is sent.
 */
bool dns_check(const struct probe_names *names, const struct probe_budget *budget,
    char why[PROBE_TEXT]);

/* Whether this build can ask for more than addresses. */
bool dns_is_whole(void);

/* Why nothing is known of DNSSEC; "": it is. It may come to be with an answer. */
const char *dns_unvalidated(const struct dns *dns);

/*
 * One question, as patiently as the budget says. "name" is absolute, in A-labels. False
 * where memory is short. The answer is to be given to dns_answer_free().
 */
bool dns_ask(struct dns *dns, const char *name, enum dns_type type,
    struct dns_answer *answer);
void dns_answer_free(struct dns_answer *answer);

/*
 * Reads a name as it is on the wire, not compressed: lower case, without the last dot, what
 * no host name has as \DDD; "" is the root. False: it is none, or cannot be a host's.
 */
bool dns_read_name(const unsigned char *wire, size_t length, char name[PROBE_NAME]);

/* Milliseconds until the budget's deadline, "most" at most; 0: it has come. */
int dns_time_left(const struct probe_budget *budget, int most);

#endif
