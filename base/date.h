/*
 * date.h - dates and times, in UTC and in the reader's time zone.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_DATE_H
#define TLSWARD_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads YYYY-MM-DD as the start of that day in UTC. False where it is no date. */
bool date_read_day(const char *text, int64_t *when);

/* Reads a time of RFC 3339. False where it is none. */
bool date_read_time(const char *text, int64_t *when);

#define DATE_DAY_SIZE 11
#define DATE_TIME_SIZE 21
#define DATE_MS_SIZE 25

/*
 * Write a time as YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ (one before 1970 or after 9999 as
 * the limit) and, from milliseconds, YYYY-MM-DDTHH:MM:SS.sssZ (of the years 0 to 9999).
 */
void date_write_day(int64_t when, char text[DATE_DAY_SIZE]);
void date_write_time(int64_t when, char text[DATE_TIME_SIZE]);
void date_write_ms(int64_t when_ms, char text[DATE_MS_SIZE]);

/*
 * In the reader's time zone, which is that of $TZ or else of the machine (tzset(3)), as
 * it was at that time: with summer time where it had it.
 */
struct date_local {
	char text[20];		/* "2026-01-31 12:00:00" */
	char zone[32];		/* "CET"; where zones have no names "UTC+05:30" */
	int month;		/* 1 to 12 */
};

/*
 * A time as its reader's clocks had it; of a zone that is not known, in UTC and called
 * that. The years are 0 to 9999.
 */
struct date_local date_local(int64_t when_ms);

/*
 * Reads YYYY-MM-DD, as the start of that day, or YYYY-MM-DD HH:MM[:SS] (or with a T in
 * the blank's place), in the reader's time zone. False where it is neither.
 */
bool date_read_local(const char *text, int64_t *when);

/* When the day of "when" begins in the reader's time zone, or one so many days later. */
int64_t date_local_day(int64_t when, int days);

#endif
