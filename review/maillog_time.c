/*
 * maillog_time.c - the time that a log's line begins with, in whichever form.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <ctype.h>
#include <string.h>

#define YEARS_BACK 2

/* A syslog's clock may be ahead of a file's. */
#define SLACK (2 * 24 * 60 * 60)

/* A time as written. */
struct written_time {
	int year;		/* 0: not written */
	int month, day;		/* from 1 */
	int hour, minute, second, ms;
	bool zoned;		/* the offset from UTC is known: in seconds */
	int offset;
	int daylight;		/* as tm_isdst */
};

/* ------------------------------------------------------------------ *
 * Its parts: each goes behind what it reads, and says whether it is there
 * ------------------------------------------------------------------ */

static bool
read_digits(const char **at, int least, int most, int *value)
{
	int count = 0;

	*value = 0;
	while (count < most && isdigit((unsigned char)(*at)[count]))
		*value = *value * 10 + ((*at)[count++] - '0');
	*at += count;
	return count >= least;
}

static bool
read_byte(const char **at, char byte)
{
	if (**at != byte)
		return false;
	(*at)++;
	return true;
}

/* "Nov", of twelve. */
static bool
read_month(const char **at, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++) {
		if (strncmp(*at, names + 3 * i, 3) == 0) {
			*month = i + 1;
			*at += 3;
			return true;
		}
	}
	return false;
}

/* "10:11:50", "10:11:50.123456" */
static bool
read_clock(const char **at, struct written_time *written)
{
	const char *digits;
	int scale = 100;

	if (!read_digits(at, 1, 2, &written->hour) || !read_byte(at, ':') ||
	    !read_digits(at, 2, 2, &written->minute) || !read_byte(at, ':') ||
	    !read_digits(at, 2, 2, &written->second))
		return false;
	written->ms = 0;
	if ((**at == '.' || **at == ',') && isdigit((unsigned char)(*at)[1]))
		for (digits = ++*at; isdigit((unsigned char)**at); (*at)++)
			if (*at - digits < 3) {
				written->ms += (**at - '0') * scale;
				scale /= 10;
			}
	return written->hour < 24 && written->minute < 60 && written->second <= 60;
}

/* "Z", "+01", "+0100", "+01:00" */
static void
read_offset(const char **at, struct written_time *written)
{
	const char *sign = *at;
	int hours, minutes = 0;

	if (*sign == 'Z' || *sign == 'z') {
		(*at)++;
		written->zoned = true;
		written->offset = 0;
		return;
	}
	if (*sign != '+' && *sign != '-')
		return;
	(*at)++;
	if (!read_digits(at, 2, 2, &hours)) {
		*at = sign;
		return;
	}
	(void)read_byte(at, ':');
	if (isdigit((unsigned char)**at))
		(void)read_digits(at, 2, 2, &minutes);
	written->zoned = true;
	written->offset = (hours * 60 + minutes) * (*sign == '-' ? -60 : 60);
}

/* " UTC", " CET", " +0100": of another zone than ours the name says nothing. */
static void
read_zone(const char **at, struct written_time *written)
{
	const char *name = *at + 1;
	size_t length = 0;

	if (**at != ' ')
		return;
	if (*name == '+' || *name == '-') {
		*at = name;
		read_offset(at, written);
		return;
	}
	while (isupper((unsigned char)name[length]))
		length++;
	if (length < 3 || length > 5 || name[length] != ' ')
		return;
	*at = name + length;
	if (strncmp(name, "UTC", length) == 0 || strncmp(name, "GMT", length) == 0)
		written->zoned = true;
	for (int i = 0; i < 2; i++)
		if (strlen(tzname[i]) == length && strncmp(name, tzname[i], length) == 0)
			written->daylight = i;
}

/* ------------------------------------------------------------------ *
 * The forms
 * ------------------------------------------------------------------ */

/* "Nov 21 05:00:00", with one blank or two; the year may stand before, within, behind */
static bool
read_traditional(const char **at, struct written_time *written)
{
	const char *end;
	int year;

	if (!read_month(at, &written->month) || !read_byte(at, ' '))
		return false;
	(void)read_byte(at, ' ');
	if (!read_digits(at, 1, 2, &written->day) || !read_byte(at, ' '))
		return false;
	end = *at;
	if (read_digits(&end, 4, 4, &year) && read_byte(&end, ' ')) {
		written->year = year;
		*at = end;
	}
	if (!read_clock(at, written))
		return false;
	end = *at;
	if (read_byte(&end, ' ') && read_digits(&end, 4, 4, &year) && *end == ' ') {
		written->year = year;
		*at = end;
	}
	return true;
}

/* "2026-11-21T05:00:00+01:00", "2026-11-21 05:00:00 CET" */
static bool
read_dashes(const char **at, struct written_time *written)
{
	if (!read_byte(at, '-') || !read_digits(at, 2, 2, &written->month) ||
	    !read_byte(at, '-') || !read_digits(at, 2, 2, &written->day) ||
	    (!read_byte(at, 'T') && !read_byte(at, 't') && !read_byte(at, ' ')) ||
	    !read_clock(at, written))
		return false;
	read_offset(at, written);
	return true;
}

static bool
read_year_first(const char **at, struct written_time *written)
{
	if (!read_digits(at, 4, 4, &written->year))
		return false;
	if (**at == '-')
		return read_dashes(at, written);
	return read_byte(at, ' ') && read_traditional(at, written);
}

/* "Wed 2026-03-25 10:11:50 CET" of journalctl -o short-full, "Wed Mar 25 10:11:50 2026" */
static bool
read_weekday(const char **at, struct written_time *written)
{
	for (int i = 0; i < 3; i++)
		if (!isalpha((unsigned char)*(*at)++))
			return false;
	(void)read_byte(at, ',');
	if (!read_byte(at, ' '))
		return false;
	if (!isdigit((unsigned char)**at))
		return read_traditional(at, written);
	if (!read_year_first(at, written))
		return false;
	read_zone(at, written);
	return true;
}

/* ------------------------------------------------------------------ *
 * When that was
 * ------------------------------------------------------------------ */

/* The start of the hour; -1: there is none such. */
static time_t
hour_of(const struct written_time *written, int year)
{
	struct tm when = {
		.tm_year = year - 1900, .tm_mon = written->month - 1,
		.tm_mday = written->day, .tm_hour = written->hour,
		.tm_isdst = written->daylight
	};
	time_t time = written->zoned ? timegm(&when) : mktime(&when);

	/* The 29th of February is none in the wrong year. */
	if (when.tm_mday != written->day || when.tm_mon != written->month - 1)
		return -1;
	return written->zoned && time != -1 ? time - written->offset : time;
}

static time_t
hour_without_year(const struct written_time *written, time_t latest)
{
	struct tm now;

	if (localtime_r(&latest, &now) == NULL)
		return -1;
	for (int back = 0; back < YEARS_BACK; back++) {
		time_t hour = hour_of(written, now.tm_year + 1900 - back);

		if (hour != -1 && hour <= latest + SLACK)
			return hour;
	}
	return -1;
}

/* The hour is that of the line before, mostly. */
static int64_t
ms_of(const struct written_time *written, struct maillog_clock *clock)
{
	const int hour[MAILLOG_HOUR] = {
		written->year, written->month, written->day, written->hour,
		written->zoned, written->offset, written->daylight
	};

	if (clock->start == 0 || memcmp(hour, clock->hour, sizeof(hour)) != 0) {
		memcpy(clock->hour, hour, sizeof(hour));
		clock->start = written->year != 0 ? hour_of(written, written->year) :
		    hour_without_year(written, clock->latest);
	}
	if (clock->start == -1)
		return 0;
	return ((int64_t)clock->start + written->minute * 60 + written->second) * 1000 +
	    written->ms;
}

/* "1774430000.123456" of journalctl -o short-unix */
static bool
read_seconds(const char **at, int64_t *time_ms)
{
	size_t length = strspn(*at, "0123456789");
	int64_t seconds = 0;

	if (length < 9 || length > 11 || (*at)[length] != '.')
		return false;
	for (; **at != '.'; (*at)++)
		seconds = seconds * 10 + (**at - '0');
	(*at)++;
	*at += strspn(*at, "0123456789");
	*time_ms = seconds * 1000;
	return true;
}

/* "[12345.678901]" since the host's start, which says nothing. */
static bool
read_since_start(const char **at, int64_t *time_ms)
{
	*at += 1;
	*at += strspn(*at, " 0123456789.");
	*time_ms = 0;
	return read_byte(at, ']');
}

/* A day and a time behind a month in another language, as journalctl writes it. */
static bool
read_foreign(const char **at, struct written_time *written)
{
	size_t length = strcspn(*at, " []:");

	*at += length;
	return length > 1 && length < 24 && read_byte(at, ' ') &&
	    read_digits(at, 1, 2, &written->day) && read_byte(at, ' ') &&
	    read_clock(at, written);
}

const char *
maillog_time(const char *text, struct maillog_clock *clock, int64_t *time_ms)
{
	struct written_time written = { .daylight = -1 };
	const char *at = text;
	bool read;

	if (*text == '[') {
		read = read_since_start(&at, time_ms);
		return read && *at == ' ' ? at + 1 : NULL;
	}
	if (isdigit((unsigned char)*text)) {
		if (read_seconds(&at, time_ms))
			return *at == ' ' ? at + 1 : NULL;
		at = text;
		read = read_year_first(&at, &written);
	} else if (!(read = read_traditional(&at, &written))) {
		at = text;
		written = (struct written_time){ .daylight = -1 };
		read = isalpha((unsigned char)*text) && read_weekday(&at, &written);
		at = read ? at : text;
		if (!read && read_foreign(&at, &written) && *at == ' ') {
			*time_ms = 0;
			return at + 1;
		}
	}
	if (!read || *at != ' ')
		return NULL;
	*time_ms = ms_of(&written, clock);
	return at + 1;
}
