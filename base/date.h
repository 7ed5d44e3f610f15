/*
 * date.h - dates and times, in UTC.
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

#endif
