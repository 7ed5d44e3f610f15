/*
 * date.h - the calendar, for what is printed.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_DATE_H
#define TLSWARD_POLICY_DATE_H

#include <stdint.h>

/* Writes the day of a time from 1970 to 9999 as YYYY-MM-DD, in UTC. */
void date_day(int64_t when, char text[11]);

/* Writes a time as YYYY-MM-DDTHH:MM:SSZ; one before 1970 or after 9999 as the limit. */
void date_time(int64_t when, char text[21]);

#endif
