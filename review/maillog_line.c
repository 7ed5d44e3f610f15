/*
 * maillog_line.c - one line of a Postfix log in its parts.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"

#define YEARS_BACK 2

/* A syslog's clock may be ahead of a file's. */
#define SLACK (2 * 24 * 60 * 60)

static bool
read_stamp(const char *stamp, struct tm *when)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *month = NULL;

	for (const char *m = months; *m != '\0' && month == NULL; m += 3)
		if (strncmp(stamp, m, 3) == 0)
			month = m;
	if (month == NULL || stamp[3] != ' ' || stamp[6] != ' ' || stamp[9] != ':' ||
	    stamp[12] != ':' || !isdigit((unsigned char)stamp[5]))
		return false;
	*when = (struct tm){
		.tm_mon = (int)((month - months) / 3),
		.tm_mday = atoi(stamp + 4),
		.tm_hour = atoi(stamp + 7),
		.tm_min = atoi(stamp + 10),
		.tm_sec = atoi(stamp + 13),
		.tm_isdst = -1
	};
	return true;
}

/* The time of "Nov 21 05:00:00", which says no year; 0: not understood. */
static int64_t
stamp_time(const char *stamp, time_t latest)
{
	struct tm now, when;

	if (strlen(stamp) < 15 || !read_stamp(stamp, &when) ||
	    localtime_r(&latest, &now) == NULL)
		return 0;
	for (int back = 0; back < YEARS_BACK; back++) {
		struct tm try = when;
		time_t time;

		try.tm_year = now.tm_year - back;
		time = mktime(&try);
		/* The 29th of February is none in the wrong year. */
		if (time != -1 && time <= latest + SLACK && try.tm_mday == when.tm_mday)
			return (int64_t)time * 1000;
	}
	return 0;
}

/* RFC 3339 with whatever fraction; 0: not understood. */
static int64_t
written_time(const char *text)
{
	int64_t seconds;

	return date_read_time(text, &seconds) ? seconds * 1000 : 0;
}

/* Cuts the time off and returns what follows it. */
static char *
read_time(char *line, time_t latest, int64_t *time_ms)
{
	char *end;

	if (isdigit((unsigned char)line[0])) {
		end = strchr(line, ' ');
		if (end == NULL)
			return NULL;
		*end = '\0';
		*time_ms = written_time(line);
		return end + 1;
	}
	if (strlen(line) < 16 || line[15] != ' ')
		return NULL;
	line[15] = '\0';
	*time_ms = stamp_time(line, latest);
	return line + 16;
}

/* "postfix/submission/smtpd[123]: " */
static char *
read_program(char *tag, struct maillog_line *parts)
{
	char *end = strstr(tag, "]: "), *open, *slash;

	if (end == NULL)
		return NULL;
	*end = '\0';
	open = strrchr(tag, '[');
	if (open == NULL || strchr(tag, ' ') != NULL)
		return NULL;
	*open = '\0';
	slash = strrchr(tag, '/');
	if (slash == NULL)
		return NULL;
	parts->program = slash + 1;
	tag[strcspn(tag, "/")] = '\0';
	parts->instance = tag;
	parts->pid = open + 1;
	return end + 3;
}

/* "NOQUEUE", hexadecimal, or what enable_long_queue_ids gives. */
static size_t
queue_id_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]))
		length++;
	return length >= 5 && text[length] == ':' && text[length + 1] == ' ' &&
	    (isupper((unsigned char)text[0]) || isdigit((unsigned char)text[0]) ||
	    length >= 10) ? length : 0;
}

/* A priority before all, as "<22>" of a raw syslog. */
static char *
skip_priority(char *line)
{
	char *end = line[0] == '<' ? strchr(line, '>') : NULL;

	return end != NULL && end - line <= 4 ? end + 1 : line;
}

bool
maillog_line_read(char *line, time_t latest, struct maillog_line *parts)
{
	char *at;
	size_t length;

	*parts = (struct maillog_line){ .queue_id = NULL };
	at = read_time(skip_priority(line), latest, &parts->time_ms);
	if (at == NULL)
		return false;
	parts->host = at;
	at = strchr(at, ' ');
	if (at == NULL)
		return false;
	*at++ = '\0';
	at = read_program(at, parts);
	if (at == NULL)
		return false;
	length = queue_id_length(at);
	parts->queue_id = at + strlen(at);
	if (length > 0) {
		parts->queue_id = at;
		at[length] = '\0';
		at += length + 2;
	}
	parts->text = at;
	return true;
}
