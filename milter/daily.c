/*
 * daily.c - what certificates and dates need, said once a day.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/daily.h"

#include "lint/lint.h"
#include "milter/load.h"
#include "base/diag.h"

#define WAIT_MAX_MS (60 * 60 * 1000)

void
daily_said(struct daily *daily, int64_t now_ms)
{
	daily->last = now_ms;
}

bool
daily_due(struct daily *daily, int64_t now_ms)
{
	bool due = now_ms - daily->last >= DAILY_MS;

	if (due || now_ms < daily->last)
		daily->last = now_ms;
	return due;
}

int
daily_wait(const struct daily *daily, int64_t now_ms)
{
	int64_t left = daily->last + DAILY_MS - now_ms;

	return left > WAIT_MAX_MS ? WAIT_MAX_MS : left < 0 ? 0 : (int)left;
}

void
daily_report(struct log *log, const struct policy *policy, int64_t now_ms)
{
	struct diags *diags = diags_new();

	if (diags == NULL) {
		log_message(log, SEVERITY_ERROR,
		    "not enough memory to look through certificates and dates");
		return;
	}
	lint_dates(policy, now_ms / 1000, diags);
	load_log_diags(log, diags);
	diags_free(&diags);
}
