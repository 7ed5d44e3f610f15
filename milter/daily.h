/*
 * daily.h - what certificates and dates need, said once a day.
 *
 * At the start and at each reload the policy's diagnostics say it. All times are in
 * milliseconds since the epoch.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_DAILY_H
#define MILTER_DAILY_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/log.h"
#include "policy/policy.h"

#define DAILY_MS (INT64_C(24) * 60 * 60 * 1000)

/* When it was last said. */
struct daily {
	int64_t last;
};

/* It was said now, by a start or a reload. */
void daily_said(struct daily *daily, int64_t now_ms);

/* Whether a day has passed; then, and where the clock was set back, one begins. */
bool daily_due(struct daily *daily, int64_t now_ms);

/* How long to wait before asking again: an hour at most, as clocks are set. */
int daily_wait(const struct daily *daily, int64_t now_ms);

/* Logs, as warnings, what lint_dates() has to say. */
void daily_report(struct log *log, const struct policy *policy, int64_t now_ms);

#endif
