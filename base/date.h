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

/* Writes the day of a time from 1970 to 9999 as YYYY-MM-DD, in UTC. */
void date_write_day(int64_t when, char text[11]);

/* Writes a time as YYYY-MM-DDTHH:MM:SSZ; one before 1970 or after 9999 as the limit. */
void date_write_time(int64_t when, char text[21]);

#endif
