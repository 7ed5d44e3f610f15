/*
 * date.c - dates and times, in UTC and in the reader's time zone.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/date.h"

#include <stdio.h>
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

/* YYYY-MM-DD, something, HH:MM:SS, as if it were UTC; what is behind that is not read. */
static bool
date_clock(const char *text, int64_t *when)
{
	char day[11] = "";
	int hour, minute, second;

	if (strlen(text) < 19 || text[13] != ':' || text[16] != ':')
		return false;
	memcpy(day, text, 10);
	if (!date_read_day(day, when) || !date_number(text + 11, 2, &hour) ||
	    !date_number(text + 14, 2, &minute) || !date_number(text + 17, 2, &second) ||
	    hour > 23 || minute > 59 || second > 60)
		return false;
	*when += hour * 3600 + minute * 60 + second;
	return true;
}

bool
date_read_time(const char *text, int64_t *when)
{
	int64_t offset;

	if (!date_clock(text, when) || (text[10] != 'T' && text[10] != 't'))
		return false;
	text += 19;
	/* A fraction of a second, which does not count. */
	if (text[0] == '.' && text[1] >= '0' && text[1] <= '9')
		text += 1 + strspn(text + 1, "0123456789");
	if (!date_zone(text, &offset))
		return false;
	*when -= offset;
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

/* The seconds of a time that can be written, and what is left of it. */
static time_t
clamp_ms(int64_t when_ms, int *ms)
{
	when_ms = when_ms < FIRST_MS ? FIRST_MS : when_ms > LAST_MS ? LAST_MS : when_ms;
	*ms = (int)((when_ms % 1000 + 1000) % 1000);
	return (time_t)((when_ms - *ms) / 1000);
}

/* Into the places of YYYY-MM-DD?hh:mm:ss. */
static void
put_clock(char *text, const struct tm *tm)
{
	date_put(text, 4, tm->tm_year + 1900);
	date_put(text + 5, 2, tm->tm_mon + 1);
	date_put(text + 8, 2, tm->tm_mday);
	date_put(text + 11, 2, tm->tm_hour);
	date_put(text + 14, 2, tm->tm_min);
	date_put(text + 17, 2, tm->tm_sec);
}

void
date_write_ms(int64_t when_ms, char text[DATE_MS_SIZE])
{
	struct tm tm = { 0 };
	int ms;
	time_t when = clamp_ms(when_ms, &ms);

	(void)gmtime_r(&when, &tm);
	memcpy(text, "YYYY-MM-DDThh:mm:ss.sssZ", DATE_MS_SIZE);
	put_clock(text, &tm);
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

/*
 * The name of the zone. glibc calls one that it does not know by the letters of $TZ, and
 * takes it to be UTC.
 */
static void
write_zone(const struct tm *tm, char *zone, size_t size)
{
	int minutes = (int)(tm->tm_gmtoff / 60), positive = minutes < 0 ? -minutes : minutes;
	const char *name = tm->tm_zone == NULL ? "" : tm->tm_zone;
	int used;

	if (minutes == 0 && strcmp(name, "GMT") != 0 && strcmp(name, "WET") != 0)
		(void)snprintf(zone, size, "UTC");
	else if (name[0] >= 'A' && name[0] <= 'Z')
		(void)snprintf(zone, size, "%.15s", name);
	else {
		used = snprintf(zone, size, "UTC%c%02d", minutes < 0 ? '-' : '+',
		    positive / 60);
		if (positive % 60 != 0)
			(void)snprintf(zone + used, size - (size_t)used, ":%02d",
			    positive % 60);
	}
}

struct date_local
date_local(int64_t when_ms)
{
	struct date_local local = { "YYYY-MM-DD hh:mm:ss", "", 0 };
	struct tm tm = { 0 };
	int ms;
	time_t when = clamp_ms(when_ms, &ms);

	/* The first day and the last may be another year's there. */
	if (localtime_r(&when, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099) {
		(void)gmtime_r(&when, &tm);
		tm.tm_zone = "UTC";
	}
	put_clock(local.text, &tm);
	local.month = tm.tm_mon + 1;
	write_zone(&tm, local.zone, sizeof(local.zone));
	return local;
}

/* What the reader's clocks show then, as if that were UTC: becomes the time. */
static int64_t
from_clock(int64_t clock)
{
	time_t when = (time_t)clock;
	struct tm tm = { 0 };

	(void)gmtime_r(&when, &tm);
	tm.tm_isdst = -1;
	return mktime(&tm);
}

bool
date_read_local(const char *text, int64_t *when)
{
	char whole[20] = "";
	int64_t clock;

	if (strlen(text) == 16 || strlen(text) == 19)
		(void)snprintf(whole, sizeof(whole), "%s%s", text,
		    strlen(text) == 16 ? ":00" : "");
	if (!date_read_day(text, &clock) && (!date_clock(whole, &clock) ||
	    (whole[10] != ' ' && whole[10] != 'T')))
		return false;
	*when = from_clock(clock);
	return true;
}

int64_t
date_local_day(int64_t when, int days)
{
	char day[DATE_DAY_SIZE] = "";
	int64_t clock = 0;

	memcpy(day, date_local(when * 1000).text, DATE_DAY_SIZE - 1);
	(void)date_read_day(day, &clock);
	return from_clock(clock + (int64_t)days * 86400);
}
