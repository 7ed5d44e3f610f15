/*
 * period.c - times as people give them: --since and --until.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/period.h"

#include <string.h>

#include "tool/tool.h"
#include "base/date.h"

static const struct {
	char letter;
	int64_t ms;
} units[] = {
	{ 's', 1000 },
	{ 'm', INT64_C(60) * 1000 },
	{ 'h', INT64_C(3600) * 1000 },
	{ 'd', INT64_C(86400) * 1000 },
	{ 'w', INT64_C(604800) * 1000 },
	{ 'y', INT64_C(365) * 86400 * 1000 },
};

bool
period_length(const char *text, int64_t *ms)
{
	size_t digits = strspn(text, "0123456789");
	int64_t number = 0;

	/* Seven digits of years still fit. */
	if (digits == 0 || digits > 7 || text[digits] == '\0' || text[digits + 1] != '\0')
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].letter == text[digits]) {
			*ms = number * units[i].ms;
			return true;
		}
	return false;
}

bool
tool_since(const char *text, int64_t now_ms, int64_t *ms)
{
	int64_t length, when;

	if (period_length(text, &length))
		*ms = length < now_ms ? now_ms - length : 0;
	else if (date_read_day(text, &when) || date_read_time(text, &when))
		*ms = when * 1000;
	else {
		(void)tool_trouble("\"%s\" is no time: write 90m, 24h, 30d or 2w for so "
		    "long ago, a day (2026-01-31) or a time (2026-01-31T12:00:00Z)", text);
		return false;
	}
	return true;
}
