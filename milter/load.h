/*
 * load.h - the policy that the settings name: loading it, and what is said of it.
 *
 * All times are in milliseconds since the epoch.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_LOAD_H
#define TLSWARD_MILTER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "milter/log.h"
#include "policy/policy.h"
#include "settings/settings.h"

/*
 * Loads the policy and the partners' certificates, with one warning for all that
 * lint_dates() tells of. "settings_path" is for diagnostics. "tape" (base/tape.h; NULL:
 * none) records what is read, or plays what was read. Returns it, or NULL where it has
 * errors, contradicts the settings, could not be read or recorded; "diags" says why.
 */
struct policy *load_policy(const struct settings *settings, const char *settings_path,
    struct tape *tape, struct diags *diags);

/* The same for a check, with all warnings that there are. */
struct policy *load_checked(struct settings *settings, const char *settings_path,
    struct diags *diags);

/* What was loaded, and how. All zero is nothing yet. */
struct loaded {
	struct policy *policy;		/* owned; NULL: there is none, or it was passed on */
	struct tape *tape;		/* owned; what it was loaded from; NULL likewise */
	struct policy_summary summary;	/* of the one that was loaded */
	int64_t at_ms;
	int64_t took_ns;
};

/*
 * load_policy() into *loaded, which must not have a policy, taking the time: from disk,
 * with a new tape of it, or from the tape that was recorded into "tape" (-1: none).
 * False where it has errors, which are in "diags" (NULL: memory is short).
 */
bool load_timed(struct loaded *loaded, const struct settings *settings,
    const char *settings_path, int tape, struct diags *diags);

/* Frees what *loaded owns and clears the pointers. */
void load_release(struct loaded *loaded);

/*
 * Logs each diagnostic as one line, FILE:LINE:COLUMN: error|warning: MESSAGE [ID], as many
 * as diags_show() shows.
 */
void load_log_diags(struct log *log, const struct diags *diags);

/* Logs what was loaded, and that there is no default block where there is none. */
void load_log_policy(struct log *log, const char *what,
    const struct settings *settings, const struct policy_summary *summary);

/*
 * What certificates and dates need is said once a day: at the start and at each reload
 * in one line of the diagnostics, in between line by line by daily_report().
 */
#define DAILY_MS (INT64_C(24) * 60 * 60 * 1000)

struct daily {
	int64_t last;			/* when it was last said */
};

/* Whether a day has passed; then, and where the clock was set back, one begins. */
bool daily_due(struct daily *daily, int64_t now_ms);

/* How long to wait before asking again: an hour at most, as clocks are set. */
int daily_wait(const struct daily *daily, int64_t now_ms);

/* Logs, as warnings, what lint_dates() has to say. */
void daily_report(struct log *log, const struct policy *policy, int64_t now_ms);

#endif
