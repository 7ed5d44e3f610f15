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

struct lint {
	const struct policy *policy;
	const struct policy_written *written;
	int64_t now;
	struct diags *diags;
	struct providers *providers;
	struct place last;		/* of the last WHO that was looked up */
	unsigned tries;			/* of slow patterns of certificates */
	bool no_memory;
};

/* Warns at a place, of a KIND(). */
#define lint_warn(lint, at, ...) \
    lint_warn_kept((lint)->diags, &(struct kept_place){ (at)->source->path, \
    (at)->start, (at)->line, (at)->column }, __VA_ARGS__)
void lint_warn_kept(struct diags *diags, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Warns at a WHO, where its file is known. */
void lint_warn_who(struct lint *lint, const struct who *who, enum lint_kind kind,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The block that the rule at "index" is written with. */
const struct block *lint_block_of(const struct lint *lint, size_t index);

/*
 * The setting of a rule's block, or of a profile that it uses, which wrote the
 * requirement; NULL: not found.
 */
const struct setting *lint_setting(const struct block *block,
    const struct policy_requirement *requirement);

/* Warnings of one sort each; lint_load() calls them. */
void lint_whos(struct lint *lint);		/* what rules do to each other */
void lint_demands(struct lint *lint);		/* too little, or too much */
void lint_blocks(struct lint *lint);		/* settings as written, profiles */
void lint_certificates(struct lint *lint);	/* certificates that prove little */
void lint_regexes(struct lint *lint, enum policy_rule_kind kind);

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
