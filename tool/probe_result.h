/*
 * probe_result.h - what one run of `tlsward probe` found, and what comes of it.
 *
 * Used by one thread. What is text of a server or of DNS here is escaped where it is
 * written, or was.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_RESULT_H
#define TLSWARD_TOOL_PROBE_RESULT_H

#include "tool/probe.h"
#include "tool/tool.h"
#include "base/text.h"

#define PROBE_WORDS 400			/* of one of our sentences, with the NUL */

/* A finding. Its id is for scripts and stays; the manual lists all. */
enum probe_level { PROBE_INFO, PROBE_WARNING, PROBE_FAULT };
struct probe_finding {
	const char *id;
	enum probe_level level;
	const char *host, *address;	/* the target's; NULL: of all of them */
	char text[PROBE_WORDS];
	char fix[PROBE_WORDS];
};

/* One requirement of the rule, and what a server has for it. */
struct probe_requirement {
	enum policy_reason kind;
	char required[PROBE_WORDS], offered[PROBE_WORDS];
	enum policy_tri met;
	bool matters;			/* false: the rule accepts it unmet */
};

/* How a server would keep the rule. */
struct probe_judged {
	enum policy_tri met;		/* POLICY_UNKNOWN: it cannot be told */
	struct probe_requirement require[KIND_END];
	size_t count;
};

/* Of one address, beside what is in the target. */
struct probe_seen {
	struct probe_chain chain;	/* where the address has one */
	struct probe_judged judged;
};

/* The rule for it. */
struct probe_rule {
	bool policy;			/* there is a policy at all */
	bool found;			/* and a rule on mail that goes out there */
	bool monitored, exempt;
	char next_hop[PROBE_NAME + 16];	/* by which it was found */
	char partner[PROBE_NAME];	/* whose agreement it is of; "": none */
	char place[PROBE_WORDS];	/* FILE:LINE */
};

struct probe_result {
	struct probe_target target;
	struct probe_seen seen[PROBE_HOSTS_MAX][PROBE_ADDRESSES_MAX];
	const char *authorities;	/* --ca; NULL: the system's */
	bool stopped;			/* by a signal, before all was asked */
	int64_t now;			/* seconds since the epoch */
	unsigned short port;		/* that was named; 0: none */
	struct probe_rule rule;
	enum policy_tri met;		/* by all that answer; unknown: no rule, no answer */
	char answer[2 * PROBE_WORDS];	/* the first line */
	struct probe_finding *findings;	/* malloc'd */
	size_t finding_count, finding_room;
};

/* Each address of the target with what was seen of it. */
struct probe_each {
	struct probe_host *host;
	struct probe_address *address;
	struct probe_seen *seen;
};

/* The first, or the next one; all zero to begin with. False: there are no more. */
bool probe_next(struct probe_result *result, struct probe_each *each);

/* Frees what is in it. */
void probe_result_free(struct probe_result *result);

/* For people: "TLS 1.2". Static. */
const char *probe_protocol_words(enum probe_protocol protocol);

/* "TLS 1.2 and 1.3", "SSL 3 and TLS 1.0"; "no protocol". */
void probe_offers_text(const struct probe_address *address, char *text, size_t size);

/*
 * Finds the rule for the target (probe_rule.c), and what of it has to be asked on its own
 * terms; wish->protocols is 0 where that is nothing. "loaded" NULL: there is no policy.
 * False where memory is short.
 */
bool probe_find_rule(struct probe_result *result, const struct loaded *loaded,
    struct probe_wish *wish);

/* The protocols that Postfix may use by the rule of a verdict, 1u << policy_protocol. */
unsigned probe_rule_protocols(const struct loaded *loaded, const struct verdict *verdict);
enum policy_protocol probe_policy_protocol(enum probe_protocol protocol);

/* Judges each address by the rule that was found (probe_judge.c). False likewise. */
bool probe_judge(struct probe_result *result, const struct loaded *loaded);

/* Finds what there is to say, the gravest first (probe_findings.c). False likewise. */
bool probe_find(struct probe_result *result);

/* Whether a name stands for this host, or it is an address: no certificate has it. */
bool probe_is_nameless(const char *name);

/* Whether DANE would verify it (RFC 7672): all names on the way are in signed zones. */
enum policy_tri probe_dane(const struct probe_target *target,
    const struct probe_each *each);

/* "fault", "warning", "info". Static. */
const char *probe_level_name(enum probe_level level);

/* Whether a finding of that id is of that address. */
bool probe_has(const struct probe_result *result, const struct probe_address *address,
    const char *id);

/* How many of a level there are. */
size_t probe_count(const struct probe_result *result, enum probe_level level);

/* The first line: what was asked (probe_answer.c). */
void probe_answer(struct probe_result *result);

/* Write it to standard output, and return the exit status where that fails, else 0. */
int probe_print_text(struct probe_result *result);
int probe_print_json(struct probe_result *result);

#endif
