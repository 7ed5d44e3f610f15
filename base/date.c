/*
 * date.c - dates and times, in UTC.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/date.h"

#include <string.h>

#define LAST_TIME INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

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

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar, for years from 1. */
static int64_t
days_from_epoch(int year, int month, int day)
{
	int64_t before = year - 1;
	int64_t days = before * 365 + before / 4 - before / 100 + before / 400;

	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1 - 719162;
}

bool
date_read_day(const char *text, int64_t *when)
{
	int year, month, day;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
	    !date_number(text, 4, &year) || !date_number(text + 5, 2, &month) ||
	    !date_number(text + 8, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	*when = days_from_epoch(year, month, day) * 86400;
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
date_put(char *text, int count, int64_t number)
{
	while (count-- > 0) {
		text[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
date_write_day(int64_t when, char text[11])
{
	/* Days to a civil date, from the era of 400 years that begins in March. */
	int64_t days = when / 86400 + 719468;
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	(void)strcpy(text, "YYYY-MM-DD");
	date_put(text, 4, year + era * 400 + (month >= 10));
	date_put(text + 5, 2, month < 10 ? month + 3 : month - 9);
	date_put(text + 8, 2, of_year - (153 * month + 2) / 5 + 1);
}

void
date_write_time(int64_t when, char text[21])
{
	int64_t second;

	when = when < 0 ? 0 : when > LAST_TIME ? LAST_TIME : when;
	second = when % 86400;
	date_write_day(when, text);
	(void)strcpy(text + 10, "Thh:mm:ssZ");
	date_put(text + 11, 2, second / 3600);
	date_put(text + 14, 2, second / 60 % 60);
	date_put(text + 17, 2, second % 60);
}
