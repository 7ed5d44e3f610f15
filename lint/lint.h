/*
 * lint.h - what advises: warnings about a policy that is valid and has a hole.
 *
 * For `tlsward check` and `tlsward-milter -t`; of what it finds the daemon looks at
 * dates alone, now and then. Nothing here changes a verdict.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_H
#define TLSWARD_LINT_H

#include "policy/policy.h"
#include "base/arena.h"
#include "base/diag.h"

/* Whoever knows of the Postfix that delivers. */
struct lint_postfix {
	struct policy_postfix (*ask)(void *context);
	void *context;
};

/*
 * As policy_load() and, where "folder" is not NULL, policy_load_certificates(), with the
 * warnings of what is so at "now" (seconds since the epoch) and on each date to come, in
 * the order of the policy's lines. "postfix" is asked where that matters; NULL: nothing
 * is known of it. They include those of lint_dates(). Beside errors there
 * is no warning but of what is not there to be read. A folder, or a file
 * in it, that cannot be read is an error of a policy that is loaded.
 */
enum policy_load_result lint_load(const char *path, const char *folder, int64_t now,
    const struct lint_postfix *postfix, struct policy **policy, struct diags *diags);

/*
 * Takes the warnings away that comments of the policy allow: "# tlsward: allow ID..." at
 * the end of the line, or being the first line of the policy for all that "diags" has.
 * "tell_unused": adds of those that have allowed none. To be called once, behind all that
 * warns. Where memory is short all stays.
 */
void lint_allow(const struct policy *policy, struct diags *diags, bool tell_unused);

/*
 * Warns of what will need its partner's or the administrator's attention at "now":
 * certificates of the folder and of pins by file that have expired or soon will, keys
 * and signatures that are weak, and dates of an "until" that are past or
 * within 14 days. Thread-safe.
 */
void lint_dates(const struct policy *policy, int64_t now, struct diags *diags);

/* ------------------------------------------------------------------ *
 * What changes between two policies
 * ------------------------------------------------------------------ */

/* How a rule is another, of which several may be so. */
enum { LINT_STRICTER = 1, LINT_MILDER = 2, LINT_OTHER = 4 };

/* One thing that is otherwise, between the starts of two days (seconds since the epoch). */
struct lint_change {
	struct lint_change *next;
	int64_t from;		/* INT64_MIN: from now on */
	int64_t until;		/* INT64_MAX: for ever */
	unsigned how;		/* one of the above */
	const char *text;	/* "tls >= 1.3 (was tls >= 1.2)" */
};

enum lint_state { LINT_GONE, LINT_NEW, LINT_KEPT };

#define LINT_NAMES_MAX 5

/*
 * The WHOs to which one rule of the old policy applied and one of the new one applies,
 * where these are not the same in effect. Of pairs the first is the old policy's.
 */
struct lint_difference {
	const char *names[LINT_NAMES_MAX];	/* the first: "acme.example via mx.b.example" */
	size_t name_count;			/* of all of them */
	struct policy_place places[2];		/* of the rules; file NULL: there is none */
	bool named[2];				/* whether it names these WHOs itself */
	const char *partner;			/* whose agreement it is about; NULL: none */
	/* Of the rule or the agreement as a whole, of which "unit" is the number. */
	enum lint_state state;
	size_t unit;
	unsigned how;				/* of all changes together, bits */
	struct lint_change *changes;		/* by the days on which they begin */
};

struct lint_diff {
	struct lint_difference *list;		/* in the order of the policies */
	size_t count;
	struct arena arena;			/* what the strings are in */
};

/*
 * Compares what is in effect for each WHO (of a rule with "via", from each of its
 * clients) at "now" and at each date to come, not texts. A WHO that only one policy
 * names is compared with what applies to it in the other. Of an expression that only
 * one has, and that is no plain name, that is taken to be the default. Borrows from the
 * policies; thread-safe. NULL: memory is short.
 */
struct lint_diff *lint_diff(const struct policy *old, const struct policy *new,
    int64_t now);

void lint_diff_free(struct lint_diff **diff);	/* NULL-safe, clears */

#endif
