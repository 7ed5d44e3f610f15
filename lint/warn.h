/*
 * warn.h - what the files of lint/ share: the policy that is looked at, and warning.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_WARN_H
#define TLSWARD_LINT_WARN_H

#include "lint/kinds.h"
#include "lint/lint.h"
#include "policy/written.h"
#include "base/diag.h"

/*
 * The policy that is looked at, as of one moment after the other: a warning that is not
 * of today names the day, and is said once, of the first.
 */
struct lint {
	const struct policy *policy;
	const struct policy_written *written;
	const struct lint_postfix *asked;	/* NULL: nobody */
	struct policy_postfix postfix;		/* what it says, of outgoing rules */
	int64_t today;
	int64_t now;			/* the moment that is looked at */
	struct diags *diags;
	const struct stretches *looked_at[2];	/* whose dates make the moments */
	bool begins;			/* the next moment is today */
	size_t said;			/* since when of these: an index of "diags" */
	struct providers *providers;
	struct place last;		/* of the last WHO that was looked up */
	struct kept_place place;	/* of the WHO that is warned at */
	char *listed;			/* its line, where it is in a list; malloc'd */
	unsigned tries;			/* of slow patterns of certificates */
	bool no_memory;
};

/*
 * Goes through today, and then each date to come on which settings of the one or the
 * other (NULL: none) change: "for (lint_begin(...); lint_next(lint);)", to the end.
 */
void lint_begin(struct lint *lint, const struct stretches *a, const struct stretches *b);
bool lint_next(struct lint *lint);

/* Warns at a place, of a KIND(). */
#define lint_warn(lint, at, ...) \
    lint_warn_place((lint), &(struct kept_place){ (at)->source->path, \
    (at)->start, (at)->line, (at)->column }, __VA_ARGS__)
void lint_warn_place(struct lint *lint, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same, whatever the day. */
void lint_warn_kept(struct diags *diags, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Warns at a WHO of a rule, where its file is known; of an agreement's rule at its block,
 * unless the WHO is in a list. At a WHO of clients, whatever it is for.
 */
#define lint_warn_who(lint, who, ...) lint_warn_found(lint, who, true, __VA_ARGS__)
#define lint_warn_client(lint, who, ...) lint_warn_found(lint, who, false, __VA_ARGS__)
#define lint_warn_found(lint, who, of_rule, ...) \
    (lint_find_who((lint), (who), (of_rule)) ? \
    lint_warn_place((lint), &(lint)->place, __VA_ARGS__) : (void)0)

/* Makes lint->place that of a WHO. False: it is not known, or memory is short. */
bool lint_find_who(struct lint *lint, const struct who *who, bool of_rule);

/* How a WHO is named: with the dot that "domain" lets out, and the client of its "via". */
#define LINT_WHO_MAX 640
const char *lint_who_name(const struct lint *lint, const struct who *who,
    char text[LINT_WHO_MAX]);

/* The block that the rule at "index" is written with. */
const struct block *lint_block_of(const struct lint *lint, size_t index);

/*
 * The setting of a rule's block, or of a profile that it uses, which wrote the
 * requirement; NULL: not found.
 */
const struct setting *lint_setting(const struct lint *lint, const struct block *block,
    const struct policy_requirement *requirement);

/* Whether texts, and what "otherwise" says, are one; NULL: none, and the default. */
bool lint_same_text(const char *a, const char *b);
bool lint_same_otherwise(const struct otherwise *a, const struct otherwise *b);

/* Whether it demands something now whose failure is not accepted; monitor aside. */
bool lint_restricts(const struct settings_of_rule *settings, int64_t now);

/*
 * Why settings "a" let pass what "b" would not, now, in words, which "text" may hold.
 * NULL: they do not, or it cannot be told. Where "a" are those of the rule at an index,
 * what ends by its own "until" does not count, nor what is for clients by address alone.
 */
#define LINT_WHY_MAX 128
#define LINT_NO_RULE SIZE_MAX
const char *lint_looser(const struct lint *lint, size_t rule,
    const struct settings_of_rule *a, const struct settings_of_rule *b,
    char text[LINT_WHY_MAX]);

/* Whether both demand the same, with the same actions, dates, contact and note. */
bool lint_same(const struct settings_of_rule *a, const struct settings_of_rule *b);

/*
 * The WHO that would apply for one of a table's if its rule were not there: of sessions of
 * the clients, or (NULL) of those for which no "via" counts. NULL: none of the table.
 * Whether of *some sessions (NULL: nobody asks) it is another.
 */
const struct who *lint_instead(const struct lint *lint, const struct who_table *table,
    const struct who *who, const struct clients *via, bool *some);

/* What dates do to the requirements of a block, which come to "stretches". */
void lint_spans(struct lint *lint, const struct block *block,
    const struct stretches *stretches, bool in_rule);

/* The comments that allow warnings: what in them is unknown; and keeps them for printing. */
void lint_comments(struct lint *lint, struct policy *policy);

/* The certificate of the pinned keys that will be renewed soon, or was; NULL: none. */
const struct pinned_file *lint_renewed_soon(const struct lint *lint,
    const struct policy_requirement *pins);

/* Warnings of one sort each; lint_load() calls them. */
void lint_whos(struct lint *lint);		/* what rules do to each other */
void lint_via(struct lint *lint);			/* rules for some clients */
void lint_demands(struct lint *lint);		/* too little, or too much */
void lint_blocks(struct lint *lint);		/* settings as written, profiles */
void lint_certificates(struct lint *lint);	/* certificates that prove little */
void lint_outgoing(struct lint *lint);		/* what an MTA is told of it */
void lint_regexes(struct lint *lint, enum policy_rule_kind kind);
void lint_client_lists(struct lint *lint);	/* of "via" and "require client" */

/* ------------------------------------------------------------------ *
 * Regular expressions
 * ------------------------------------------------------------------ */

#define REGEX_NAME_MAX 256

/* What a regular expression is, where it is as simple as this. */
struct regex_name {
	enum {
		REGEX_OTHER,
		REGEX_ALL,	/* matches every name, as "^.*$" does */
		REGEX_NAME	/* a name of two labels at least */
	} shape;
	bool from_start;	/* nothing may stand before the name */
	bool at_label;		/* what stands before it ends with a dot */
	bool or_itself;		/* with "at_label": or is nothing at all */
	bool to_end;		/* nothing may stand behind it */
	bool loose_dot;		/* a dot in it stands for any character */
	char name[REGEX_NAME_MAX];	/* with loose dots as dots */
	size_t start, end;	/* where in the text the name is written */
};

/* Reads a regular expression as written, without its slashes. */
void regex_name_read(const char *text, struct regex_name *regex);

/*
 * Reads what an expression on addresses, of a WHO, has behind its "@", where that is one:
 * else it is REGEX_OTHER.
 */
void regex_address_domain(const struct who *who, struct regex_name *domain);

/* Whether it can match no text in lower case, for an upper-case letter that it needs. */
bool regex_needs_upper_case(const char *text);

/*
 * Writes the expression to "plain", which has room for all of it, with the first of
 * the alternatives for each group of plain ones: "a\.com" for "a\.(com|net)".
 */
void regex_name_first(const char *text, char *plain);

/*
 * Whether there is a name on which the expression "text", without its slashes, is given
 * up: where it looks so it is tried, with the limits of every match. *tries counts
 * that: after some it is not tried any more.
 */
bool lint_is_slow(const struct policy *policy, const char *text, pcre2_code *code,
    unsigned *tries);

/* ------------------------------------------------------------------ *
 * Names that the customers of a mail service have in common
 * ------------------------------------------------------------------ */

struct providers;

/*
 * Reads conf/shared-providers where it is installed, or from the folder that the
 * environment's TLSWARD_DATADIR names. Without the file the list is empty; lines that
 * are broken are errors. NULL: memory is short.
 */
struct providers *providers_read(struct diags *diags);
void providers_free(struct providers **providers);	/* NULL-safe, clears */

/*
 * The mail service whose servers present a certificate with that name, whichever
 * customer they send for, or NULL. "name" has "length" bytes and may be a wildcard's
 * rest. Without case. Borrowed from the list.
 */
const char *provider_of(const struct providers *providers, const char *name,
    size_t length);

#endif
