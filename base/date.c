/*
 * date.c - dates and times, in UTC.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/date.h"

#include <string.h>
#include <time.h>

#define LAST_TIME INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */
#define FIRST_MS INT64_C(-62167219200000)	/* 0000-01-01T00:00:00Z */
#define LAST_MS (LAST_TIME * 1000 + 999)

static bool
date_number(const char *text, size_t digits, int *value)
{
	*value = 0;
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (text[i] - '0');
	}
	return true;
}

bool
date_read_day(const char *text, int64_t *when)
{
	int year, month, day;
	struct tm tm = { 0 };
	time_t start;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
	    !date_number(text, 4, &year) || !date_number(text + 5, 2, &month) ||
	    !date_number(text + 8, 2, &day) || year < 1)
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	/* What the calendar has not becomes another day. */
	start = timegm(&tm);
	if (tm.tm_mon != month - 1 || tm.tm_mday != day)
		return false;
	*when = start;
	return true;
}

/* "Z", or the offset from UTC in seconds. False where it is neither. */
static bool
date_zone(const char *text, int64_t *offset)
{
	int hours, minutes;

	*offset = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' ||
	    !date_number(text + 1, 2, &hours) || !date_number(text + 4, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*offset = (int64_t)(hours * 60 + minutes) * (text[0] == '-' ? -60 : 60);
	return true;
}

bool
date_read_time(const char *text, int64_t *when)
{
	char day[11] = "";
	int hour, minute, second;
	int64_t offset;

	if (strlen(text) < 20 || (text[10] != 'T' && text[10] != 't') ||
	    text[13] != ':' || text[16] != ':')
		return false;
	memcpy(day, text, 10);
	if (!date_read_day(day, when) || !date_number(text + 11, 2, &hour) ||
	    !date_number(text + 14, 2, &minute) || !date_number(text + 17, 2, &second) ||
	    hour > 23 || minute > 59 || second > 60)
		return false;
	text += 19;
	/* A fraction of a second, which does not count. */
	if (text[0] == '.' && text[1] >= '0' && text[1] <= '9')
		text += 1 + strspn(text + 1, "0123456789");
	if (!date_zone(text, &offset))
		return false;
	*when += hour * 3600 + minute * 60 + second - offset;
	return true;
}

/* Writes the last digits of a number. */
static void
date_put(char *text, int count, int number)
{
	while (count-- > 0) {
		text[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
date_write_ms(int64_t when_ms, char text[DATE_MS_SIZE])
{
	struct tm tm = { 0 };
	time_t when;
	int ms;

	if (when_ms < FIRST_MS)
		when_ms = FIRST_MS;
	if (when_ms > LAST_MS)
		when_ms = LAST_MS;
	ms = (int)((when_ms % 1000 + 1000) % 1000);
	when = (time_t)((when_ms - ms) / 1000);
	(void)gmtime_r(&when, &tm);
	memcpy(text, "YYYY-MM-DDThh:mm:ss.sssZ", DATE_MS_SIZE);
	date_put(text, 4, tm.tm_year + 1900);
	date_put(text + 5, 2, tm.tm_mon + 1);
	date_put(text + 8, 2, tm.tm_mday);
	date_put(text + 11, 2, tm.tm_hour);
	date_put(text + 14, 2, tm.tm_min);
	date_put(text + 17, 2, tm.tm_sec);
	date_put(text + 20, 3, ms);
}

void
date_write_time(int64_t when, char text[DATE_TIME_SIZE])
{
	char whole[DATE_MS_SIZE];

	when = when < 0 ? 0 : when > LAST_TIME ? LAST_TIME : when;
	date_write_ms(when * 1000, whole);
	memcpy(text, whole, DATE_TIME_SIZE - 2);
	memcpy(text + DATE_TIME_SIZE - 2, "Z", 2);
}

void
date_write_day(int64_t when, char text[DATE_DAY_SIZE])
{
	char whole[DATE_TIME_SIZE];

	date_write_time(when, whole);
	memcpy(text, whole, DATE_DAY_SIZE - 1);
	text[DATE_DAY_SIZE - 1] = '\0';
}
