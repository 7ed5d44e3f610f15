/*
 * fleet_value.c - values as PostgreSQL sends them (its binary format), for SQLite.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <stdint.h>
#include <string.h>

#include "review/reading.h"
#include "journal/database.h"

/* PostgreSQL counts from the beginning of 2000, in microseconds. */
#define EPOCH_US INT64_C(946684800000000)

static int64_t
read_integer(const unsigned char *at, int length)
{
	/* Its sign is that of the first byte. */
	uint64_t number = length > 0 && at[0] >= 0x80 ? UINT64_MAX : 0;

	for (int i = 0; i < length && i < 8; i++)
		number = number << 8 | at[i];
	return (int64_t)number;
}

/* Whole ones of so many microseconds, also before the epoch. */
static int64_t
read_time(int64_t us, int64_t unit_us)
{
	/* Of what has no beginning or end. */
	if (us == INT64_MAX || us == INT64_MIN || us > INT64_MAX - EPOCH_US)
		return us;
	us += EPOCH_US;
	return us / unit_us - (us % unit_us < 0);
}

/* With what stands for a byte as that byte again. */
static void
give_bytes(sqlite3_context *context, const char *text, int length)
{
	struct buffer bytes = BUFFER_INIT;
	unsigned char byte;

	for (int at = 0, step; at < length; at += step) {
		step = database_byte(text + at, (size_t)(length - at), &byte) ? 4 : 1;
		buffer_add(&bytes, step == 4 ? (const char *)&byte : text + at, 1);
	}
	if (bytes.failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text(context, bytes.text, (int)bytes.length, SQLITE_TRANSIENT);
	buffer_free(&bytes);
}

void
fleet_value(sqlite3_context *context, const struct fleet_field *field,
    const PGresult *rows, int row, int column)
{
	const char *at = PQgetvalue(rows, row, column);
	int length = PQgetlength(rows, row, column);
	int64_t number;

	if (PQgetisnull(rows, row, column)) {
		sqlite3_result_null(context);
		return;
	}
	switch (PQftype(rows, column)) {
	case FLEET_INT2:
	case FLEET_INT4:
	case FLEET_INT8:
		sqlite3_result_int64(context, read_integer((const unsigned char *)at, length));
		break;
	case FLEET_TIMESTAMPTZ:
		number = read_integer((const unsigned char *)at, length);
		sqlite3_result_int64(context, read_time(number, field->special != NULL &&
		    field->special->unit == FLEET_HOURS ? JOURNAL_HOUR_MS * 1000 : 1000));
		break;
	case FLEET_BYTEA:
		sqlite3_result_blob(context, at, length, SQLITE_TRANSIENT);
		break;
	default:
		if (memmem(at, (size_t)length, DATABASE_BYTE, strlen(DATABASE_BYTE)) != NULL)
			give_bytes(context, at, length);
		else
			sqlite3_result_text(context, at, length, SQLITE_TRANSIENT);
		break;
	}
}
