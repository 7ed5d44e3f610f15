/*
 * rules.h - what a loaded policy consists of.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_RULES_H
#define TLSWARD_POLICY_RULES_H

#include "policy/certificate.h"
#include "policy/cipher.h"
#include "policy/fingerprint.h"
#include "policy/pattern.h"
#include "policy/policy.h"
#include "base/arena.h"
#include "base/table.h"

/* The version that a policy's word stands for ("1.2", "TLSv1.2"); SSL is not among them. */
enum policy_protocol protocol_from_policy(const char *text);

/* As policies write it: "1.2"; "" for what they cannot. Static. */
const char *protocol_version(enum policy_protocol protocol);

/* otherwise ACTION [CODE [ENHANCED]] ["TEXT"] */
struct otherwise {
	enum policy_action action;
	char code[4];		/* "": the default */
	char enhanced[12];	/* "": the default */
	const char *text;	/* as written; NULL: the default */
};

/* Where something is written, for as long as the policy is there. */
struct kept_place {
	const char *file;	/* as opened */
	const char *text;	/* the line */
	unsigned line;		/* 0: the file as a whole */
	unsigned column;
};

/*
 * require certificate file "PATH", or a file of the folder of partner certificates:
 * then it is its own place.
 */
struct pinned_file {
	const char *path;	/* absolute */
	const char *opened;	/* as diagnostics name it */
	struct certificate certificate;
	struct kept_place place;
	const struct pinned_file *next;	/* in reading order */
};

/* The "until" of an exemption, a trial or a requirement, and where it stands. */
struct dated {
	const char *what;	/* the setting's name */
	const char *date;	/* as written */
	int64_t until;
	struct kept_place place;
	const struct dated *next;	/* in reading order */
};

/* A comment "# tlsward: allow ID...": what is warned of in these lines is meant so. */
struct allow {
	const struct allow *next;	/* the last one first */
	struct kept_place place;	/* of its "#", in the last of the lines */
	const char *text;		/* of the place's: what is behind "tlsward:" */
	unsigned first;			/* of lines that are joined */
	bool everywhere;		/* all of the policy's first line: for all of it */
};

/* What printing is to allow again; "of" is a part of the policy, or all of it. */
struct allowed {
	const void *of;
	const char *id;
};

struct policy_requirement {
	enum policy_reason kind;
	const struct requirement_kind *row;	/* the kind's, of the table */
	unsigned line;
	const char *file;		/* relative to the policy's folder */
	const struct otherwise *own;	/* NULL: the rule's */
	/*
	 * Of those with ">=": the protocol (PROTOCOL_UNKNOWN: any), the bits, the key's
	 * strength, the signature's rank or the days; else 0.
	 */
	int least;
	const char *text;		/* a list of ciphers, a signature; as written */
	const char *title;		/* what a list of ciphers is called; or NULL */
	union {
		struct cipher_set suites;
		const struct clients *clients;
		struct {
			const struct pattern *list;
			size_t count;
		} patterns;
		struct {
			const struct fingerprint *list;
			size_t count;
			/* By file: CERTIFICATE_DIGESTS of the list each; else 0. */
			const struct pinned_file *files;
			size_t file_count;
		} pins;
	} u;
};

/* monitor and exempt, with or without a date */
struct period {
	bool set;
	bool limited;
	int64_t until;
};

/* A rule's settings, with all that it uses taken in. */
struct settings_of_rule {
	const struct policy_requirement *require[KIND_END];
	const struct otherwise *otherwise;	/* NULL: tempfail */
	struct period monitor;
	struct period exempt;
	const char *exempt_reason;
	const char *contact;
	const char *note;
};

/* The settings from a date on, to the next one; INT64_MIN: from ever. */
struct stretch {
	int64_t from;
	struct settings_of_rule settings;
};

/* All of them, in order; there is one at least. */
struct stretches {
	struct stretch *list;
	size_t count;
};

/* The number of the stretch that a time is in; and the settings then. */
size_t stretches_index(const struct stretches *stretches, int64_t now);
const struct settings_of_rule *stretches_at(const struct stretches *stretches,
    int64_t now);

/* The first date behind "now" at which they are others or a period ends; INT64_MAX. */
int64_t stretches_next(const struct stretches *stretches, int64_t now);

/* How a statement named its WHO, for printing. */
struct who_written {
	struct who_written *next;
	enum { WRITTEN_WORD, WRITTEN_STRING, WRITTEN_REGEX, WRITTEN_FILE } form;
	bool caseless;
	bool below;		/* behind "domain" */
	const char *text;	/* a list's absolute path */
};

/* What was agreed with a partner: a block around rules, which follow each other. */
struct agreement {
	const char *name;
	const char *contact;		/* for those of its rules that have none; NULL */
	const char *note;
	struct who_written *written;	/* its domains, in reading order */
};

struct policy_rule {
	enum policy_rule_kind kind;
	const char *file;	/* relative to the policy's folder */
	unsigned line;
	struct stretches settings;
	struct who_written *written;	/* in reading order */
	struct clients *via;		/* for their sessions alone; NULL: for all */
	const struct agreement *partner;	/* that it is of; NULL: none */
};

enum who_type {
	WHO_ADDRESS, WHO_DOMAIN, WHO_SUBDOMAINS, WHO_POSTMASTER, WHO_NULL_SENDER,
	WHO_NETWORK, WHO_AUTHENTICATED, WHO_LOCAL, WHO_REGEX, WHO_NEXT_HOP
};

#define WHO_COLUMN_MAX 0xffffffu
#define WHO_FILE_MAX 0xfffffffu

/* One WHO of one rule. There may be millions: 32 bytes. */
struct who {
	const char *name;	/* as written */
	const char *key;	/* as it compares; a regular expression's is its name */
	uint32_t rule;		/* an index of policy->rules */
	uint32_t line;
	uint32_t column : 24;	/* at most WHO_COLUMN_MAX */
	/* Not 0: an entry of a list; the byte of its text that ends the name now. */
	uint32_t listed : 8;
	uint32_t file : 28;	/* an index of policy->files */
	uint32_t type : 4;	/* enum who_type */
};

struct who_regex {
	uint32_t who;		/* an index of the table's whos */
	bool anchored;
};

/* Expressions of one sort. */
struct regexes {
	struct who_regex *list;	/* in reading order */
	pcre2_code **codes;	/* the same, as they are matched */
	size_t count;
	size_t room;
	size_t code_room;
};

/*
 * The WHOs of one kind of rule. Where several rules name the same, which differ in their
 * "via", the key or the expression leads to the first one, and that to the next.
 */
struct who_table {
	struct who *whos;
	size_t count;
	size_t room;
	struct table keys;
	uint32_t *next;		/* by index of a WHO: see index_next() */
	size_t next_count;
	size_t next_room;
	struct regexes regexes;		/* on domains, or names */
	struct regexes address_regexes;	/* on whole addresses */
	bool has_addresses;
	bool has_subdomains;
	bool has_names;		/* domains, or subdomains */
	uint8_t prefixes[2][129];	/* IPv4, IPv6: how many networks have it */
	bool has_networks[2];
};

/* The clients that a rule is for, or that it requires. */
struct clients {
	struct who_table table;
	struct who_written *written;	/* in reading order */
	struct clients *next;		/* of all of the policy */
};

/* The text of a list. */
struct policy_text {
	struct policy_text *next;
	char *text;		/* malloc'd */
};

#define POLICY_DIGEST_BYTES 32

struct policy {
	struct arena arena;
	struct cipher_table *ciphers;
	pcre2_match_context *limits;
	struct policy_rule *rules;
	size_t rule_count;
	size_t rule_room;
	struct who_table tables[RULE_DEFAULT];	/* by the kind of their rules */
	const struct policy_rule *default_rule;	/* default { }; NULL: none */
	/* To be freed with the policy. */
	pcre2_code **codes;
	size_t code_count;
	size_t code_room;
	/* The files that it was read from, relative to its folder. */
	const char **files;
	size_t file_count;
	size_t file_room;
	struct clients *clients;	/* all of them, whose tables go with the policy */
	struct policy_text *texts;	/* of lists, in which their names stay */
	size_t listed;
	/* SHA-256 of what was read, as policy_digest(); not where it could not be had. */
	unsigned char digest[POLICY_DIGEST_BYTES];
	bool has_no_digest;
	const struct pinned_file *pinned;	/* all of them, in reading order */
	const struct dated *dated;	/* likewise */
	const struct allow *allows;
	struct allowed *allowed;	/* by lint/, where there was one; by part and id */
	size_t allowed_count;
	struct partners *partners;	/* the folder's certificates; NULL: none */
};

/* The file that names a WHO. */
static inline const char *
policy_file(const struct policy *policy, const struct who *who)
{
	return policy->files[who->file];
}

/* The certificates of the folder, in the order of their names; NULL: there are none. */
const struct pinned_file *partner_files(const struct policy *policy);

/* Whether a certificate, or its key, is one of the pins. */
bool partner_fits(const struct policy_requirement *pins,
    const struct certificate *certificate);

/* An empty policy, or NULL when memory is short. */
struct policy *policy_new(void);

/* Whether the period holds at "now". */
bool period_active(const struct period *period, int64_t now);

/* Whether "a" lets pass all that "b" of its kind does and more; whether both are one. */
bool requirement_looser(const struct policy_requirement *a,
    const struct policy_requirement *b);
bool requirement_same(const struct policy_requirement *a,
    const struct policy_requirement *b);

/* Whether one of its patterns matches one of the names. Thread-safe. */
enum policy_tri requirement_match(const struct policy *policy,
    const struct policy_requirement *requirement, const char *const *names, size_t count);

/* Writes it as policies do, behind "require ". */
void requirement_print(const struct policy_requirement *requirement, FILE *out);

/* Whether each of "some" is one of "all", as it is written, or in a network or below. */
bool clients_include(const struct clients *all, const struct clients *some);

/* Whether what a rule requires otherwise includes the requirement that it lacks. */
bool requirement_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking);

/* Whether anything is required. */
bool settings_require_something(const struct settings_of_rule *settings);

/* The same without what may be unmet; and whether a rule requires something on other days. */
struct settings_of_rule settings_enforced(const struct settings_of_rule *settings);
bool rule_is_between_dates(const struct policy_rule *rule,
    const struct settings_of_rule *today);

/* The protocols that Postfix is told of, 1u << policy_protocol; 0: nothing is left. */
unsigned settings_protocols_told(const struct policy *policy,
    const struct policy_postfix *postfix, const struct settings_of_rule *settings);

/* What of "told" (without what may be unmet) Sendmail has no words for: "aead"; "": none. */
void settings_unsaid(const struct policy *policy, const struct settings_of_rule *told,
    char *text, size_t size);

/* Whether the protocol and the suite alone decide requirements of a kind. */
bool requirement_is_of_suite(enum policy_reason kind);

/*
 * Whether a session of that suite, under the newest protocol that it can have, meets
 * all that the suite alone decides. Thread-safe.
 */
bool rule_met_by_suite(const struct policy *policy,
    const struct settings_of_rule *settings, const struct cipher *cipher);

/*
 * Whether all suites meet it that OpenSSL offers under TLS 1.3 by default: a client
 * that cannot choose among them need not.
 */
bool requirement_met_by_tls13(const struct policy *policy,
    const struct policy_requirement *requirement);

/* What a requirement's failure leads to. */
enum policy_action requirement_action(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement);
const struct otherwise *requirement_otherwise(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement);

/* The action that clear text gets, and the requirement that lends its reply. */
enum policy_action clear_text_action(const struct settings_of_rule *settings,
    const struct policy_requirement **lender);

struct network {
	int family;		/* 0: IPv4, 1: IPv6 */
	unsigned prefix;
	unsigned char bytes[16];
};

enum network_error { NETWORK_OK, NETWORK_NONE, NETWORK_PREFIX, NETWORK_HOST_BITS };

/* Reads an address or ADDRESS/PREFIX. IPv4-mapped IPv6 is read as IPv4. */
enum network_error network_read(const char *text, struct network *network);

/* The WHO with that key, or NULL. Thread-safe once the table is filled. */
const struct who *index_find(const struct who_table *table, const char *key,
    size_t length);

/* The WHO of another rule with the same key, or NULL; beginning with what was found. */
const struct who *index_next(const struct who_table *table, const struct who *who);

/* The longest leading-dot WHO above a domain, or NULL. */
const struct who *index_find_above(const struct who_table *table, const char *domain,
    size_t length);

/*
 * Whether one of the expressions from number *number on matches, or it is not known, for
 * it ran into its limit. *number becomes its number.
 */
enum policy_tri index_find_regex(const struct regexes *regexes,
    pcre2_match_context *limits, const char *text, size_t length, size_t *number);

/* The longest network of fewer than "below" bits around an address, or NULL. */
const struct who *index_find_network(const struct who_table *table,
    const struct network *address, unsigned below);

/* The WHO that names what another does, or a domain or network around it; or NULL. */
const struct who *index_find_around(const struct who_table *table, const struct who *who);

#endif
