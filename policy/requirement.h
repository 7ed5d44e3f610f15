/*
 * requirement.h - the kinds of requirement: all that there is to know of each.
 *
 * One row a kind; its functions stand beside it, in the file of its family.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_REQUIREMENT_H
#define TLSWARD_POLICY_REQUIREMENT_H

#include <stdio.h>

#include "policy/rules.h"
#include "base/text.h"

struct access;		/* policy/map.h */
struct parser;
struct session;

/* What is said of a session for a reason. */
struct reason {
	const char *word;	/* "tls-version", as records have it */
	/* The default reply, of "reject": the code, and the end of the enhanced one. */
	const char *code;
	const char *detail;
	const char *reply;	/* its text behind "Mail from " or "Mail to " */
	const char *advice;	/* as policy_advice() */
};

/* What Postfix is told, in the order of what counts: levels of smtp_tls_policy_maps. */
enum tls_level {
	LEVEL_UNTOLD = 1,	/* nothing can be */
	LEVEL_MAY, LEVEL_ENCRYPT, LEVEL_VERIFY, LEVEL_SECURE, LEVEL_FINGERPRINT,
	LEVEL_DANE_ONLY
};

/* What a certificate must be before a requirement on it is the matter. */
enum requirement_presumes {
	PRESUMES_NOTHING = 1, PRESUMES_PRESENTED, PRESUMES_VERIFIED
};

/* Adds what Sendmail can be told of it. False: it has no words for all. access_map.c */
typedef bool requirement_access(const struct policy_requirement *requirement,
    struct access *access);
requirement_access access_tls, access_bits, access_verify, access_name, access_dane,
    access_nothing;

#define REQUIREMENT_FACTS_MAX 4

struct requirement_kind {
	enum policy_reason kind;
	enum policy_reason reason;	/* of verdicts, where it is not met */
	const char *name;		/* as policies write it: "certificate name" */
	const char *other_name;		/* another way to write it, or the same */
	struct reason why;
	enum requirement_presumes presumes;
	/* The facts that it is judged by, as records name them; ends with NULL. */
	const char *facts[REQUIREMENT_FACTS_MAX + 1];

	/* What it becomes outbound; where that is nothing, why, and what to write. */
	enum tls_level outbound;
	const char *untold;
	requirement_access *sendmail;

	/*
	 * Reads what it demands, from behind its name; of a name of two words from the
	 * second one on. Returns false where what follows cannot be read: it has been
	 * reported. What it keeps lives with the policy.
	 */
	bool (*parse)(struct parser *p, struct policy_requirement *requirement);

	/*
	 * Whether an encrypted session that has what is presumed meets it: yes, no, or
	 * unknown, for a fact was not supplied or a pattern ran into its limit.
	 * Thread-safe.
	 */
	enum policy_tri (*meets)(const struct session *session,
	    const struct policy_requirement *requirement);

	/* Writes it as policies do, from its name on. */
	void (*print)(const struct policy_requirement *requirement, FILE *out);

	/*
	 * What it demands, in words ("a cipher of at least %s bits"), and what appends the
	 * value for "%s"; cut at "size".
	 */
	const char *demands;
	void (*value)(const struct policy_requirement *requirement, char *text,
	    size_t size);

	/* Whether "a" lets pass all that "b" does. */
	bool (*covers)(const struct policy_requirement *a,
	    const struct policy_requirement *b);

	/* Whether what a rule requires otherwise includes it. */
	bool (*implied)(const struct settings_of_rule *settings,
	    const struct policy_requirement *lacking);
};

/* The families, each ended by a row without a name. */
extern const struct requirement_kind requirements_client[];
extern const struct requirement_kind requirements_tls[];
extern const struct requirement_kind requirements_cipher[];
extern const struct requirement_kind requirements_certificate[];
extern const struct requirement_kind requirements_pin[];

/* The row of a kind; of REASON_TLS that of "tls", of what is none NULL. */
const struct requirement_kind *requirement_kind(enum policy_reason kind);

/* What is said of a reason, of a kind or not. */
const struct reason *requirement_reason(enum policy_reason reason);

/* Whether it is judged by a fact whose name begins so. */
bool requirement_needs(const struct requirement_kind *kind, const char *fact);

/*
 * The kind that is written as "before" ("", "certificate ") and then "word". NULL: there
 * is none, and *count "words" are those that can stand there.
 */
#define REQUIREMENT_WORDS_MAX (2 * KIND_END)
const struct requirement_kind *requirement_find(const char *before, const char *word,
    const char *words[], size_t *count);

/* Appends what it demands, in words; what does not fit into "size" bytes is cut. */
void requirement_describe(const struct policy_requirement *requirement, char *text,
    size_t size);

/* How policies write a string, and a regular expression; with a space before it. */
void requirement_print_string(const char *text, FILE *out);
void requirement_print_regex(const char *text, bool caseless, FILE *out);

/* Writes WHOs as a statement names them, with a space before each. */
void print_whos(const struct who_written *written, FILE *out);

/* Reads the token into an element, which is all zero; false where it is none. */
typedef bool requirement_element(struct parser *p,
    struct policy_requirement *requirement, void *element);

/*
 * The list that begins at the token, of elements of "size" bytes, kept with the policy;
 * "next" goes on to another. NULL: there is none, it ends in a token that is bad, or
 * memory is short.
 */
void *requirement_list(struct parser *p, size_t size, size_t *count,
    requirement_element *element, void (*next)(struct parser *p),
    struct policy_requirement *requirement);

/* The token as a number up to "most", or -1. */
int requirement_read_number(const struct parser *p, int most);

/* Members of kinds that demand nothing but themselves. */
bool requirement_parse_nothing(struct parser *p, struct policy_requirement *requirement);
void requirement_print_name(const struct policy_requirement *requirement, FILE *out);
void requirement_no_value(const struct policy_requirement *requirement, char *text,
    size_t size);

/* Members of kinds that demand a number, a text or nothing. */
void requirement_print_number(const struct policy_requirement *requirement, FILE *out);
void requirement_number(const struct policy_requirement *requirement, char *text,
    size_t size);
bool requirement_covers_least(const struct policy_requirement *a,
    const struct policy_requirement *b);

/* Included in nothing else; in TLS 1.3; in a certificate that is pinned. */
bool requirement_never_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking);
bool requirement_implied_by_tls13(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking);
bool requirement_implied_by_pin(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking);

#endif
