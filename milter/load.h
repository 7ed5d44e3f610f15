/*
 * load.h - the policy that the settings name, checked against the settings.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_LOAD_H
#define MILTER_LOAD_H

#include "milter/log.h"
#include "settings/settings.h"
#include "policy/policy.h"
#include "base/diag.h"

/*
 * Loads the policy and the partners' certificates, with the warnings of lint_dates().
 * "settings_path" is for diagnostics. Returns it, or NULL where it has errors,
 * contradicts the settings or could not be read; "diags" says why.
 */
struct policy *load_policy(const struct settings *settings, const char *settings_path,
    struct diags *diags);

/* The same with all warnings, for a check. */
struct policy *load_linted(const struct settings *settings, const char *settings_path,
    struct diags *diags);

/* What was loaded, and how. All zero is nothing yet. */
struct loaded {
	struct policy *policy;		/* owned; NULL: there is none, or it was passed on */
	int64_t at_ms;			/* when it was; Unix time */
	int64_t took_ns;
};

/*
 * The same into *loaded, which must not have a policy, taking the time. False where it
 * has errors, which are in "diags" (NULL: memory is short).
 */
bool load_timed(struct loaded *loaded, const struct settings *settings,
    const char *settings_path, struct diags *diags);

/* Logs each diagnostic as one line: FILE:LINE:COLUMN: error|warning: MESSAGE. */
void load_log_diags(struct log *log, const struct diags *diags);

/* Logs what was loaded, and that there is no default block where there is none. */
void load_log_policy(struct log *log, const char *what,
    const struct settings *settings, const struct policy_summary *summary);

#endif
