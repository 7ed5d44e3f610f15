/*
 * record.h - the record from inside: its fields, their values, and rows of them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_RECORD_H
#define TLSWARD_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/journal.h"

/* ------------------------------------------------------------------ *
 * Fields
 * ------------------------------------------------------------------ */

/* What a field's value may be. The facts' kinds are those of POLICY_FACTS. */
enum field_kind {
	/* Strings, up to FIELD_TIME. */
	FIELD_TEXT,		/* anything, also nothing */
	FIELD_NAME,		/* anything, but something */
	FIELD_PROTOCOL,
	FIELD_MTA,
	FIELD_RESOLVE,
	FIELD_DIRECTION,
	FIELD_VERIFICATION,
	FIELD_ADDRESS,		/* an IP address */
	FIELD_SENDER,
	FIELD_DIGEST,
	FIELD_TIME,		/* RFC 3339 */
	FIELD_LOCAL,		/* bool; "yes", "no" */
	FIELD_VERIFIED,		/* enum policy_tri; "yes", "no" */
	FIELD_LIST,
	FIELD_NUMBER,		/* int; 0 is unknown */
	FIELD_PORT,		/* int; 0 is unknown */
	FIELD_BITS,		/* int; -1 is unknown */
	/* No facts: these came out of the decision, or are made of facts. */
	FIELD_RESULT,		/* a text */
	FIELD_MOMENT,		/* a text; in the tables milliseconds */
	FIELD_REASONS,		/* a list */
	FIELD_FLAG		/* a number, 0 or 1 */
};

/*
 * Where a field is: in the record as it is written; in which tables a column; and
 * behind all these in what rows of the journal give (store.h). What came later than the
 * digests of sets of facts is no part of one where it is unknown.
 */
enum {
	IN_LINE = 1, IN_RECORD = 2, IN_FACTS = 4, IN_CERTIFICATE = 8, IN_ROLLUP = 16,
	IN_ROWS = 32, IN_LATER = 64
};

/* With its terminator: sha256:hex. */
#define RECORD_DIGEST_SIZE 72

/* A record, and room for values that have to be put together: until the next value. */
struct record_view {
	const struct journal_record *record;
	struct buffer text;	/* its "failed" stays */
	char room[RECORD_DIGEST_SIZE];
	const char *reasons[REASON_COUNT];
};

struct record_field {
	const char *name;
	enum field_kind kind;
	unsigned places;
	size_t offset;		/* of a fact, in struct facts */
	/* What is no fact: a text or NULL, a set of reasons, a flag. */
	const char *(*text)(struct record_view *view);
	unsigned (*number)(struct record_view *view);
};

/* The list, ended by one without a name. */
extern const struct record_field record_fields[];

/* The field behind "field" (NULL: the first) in one of "places", or NULL. */
static inline const struct record_field *
record_field_next(const struct record_field *field, unsigned places)
{
	field = field == NULL ? record_fields : field + 1;
	while (field->name != NULL && (field->places & places) == 0)
		field++;
	return field->name != NULL ? field : NULL;
}

/* How many there are. */
int record_field_count(unsigned places);

/*
 * The field called "name" of the record as it is written, or NULL. The search begins
 * behind the field "after" (NULL: at the first), since names mostly come in order.
 */
const struct record_field *record_field_find(const char *name,
    const struct record_field *after);

static inline bool
record_field_is_fact(const struct record_field *field)
{
	return field->kind < FIELD_RESULT;
}

static inline bool
record_field_is_number(const struct record_field *field)
{
	return field->kind == FIELD_NUMBER || field->kind == FIELD_PORT ||
	    field->kind == FIELD_BITS || field->kind == FIELD_FLAG;
}

static inline bool
record_field_is_list(const struct record_field *field)
{
	return field->kind == FIELD_LIST || field->kind == FIELD_REASONS;
}

/* A fact of FIELD_LIST, as FACT_MEMBER_LIST has it: NULL is unknown. */
struct fact_list {
	const char *const *strings;
	size_t count;
};

enum value_type { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_LIST };

/* VALUE_NONE: it is unknown or does not apply. */
struct record_value {
	enum value_type type;
	unsigned number;
	const char *text;
	struct fact_list list;
};

struct record_value record_field_value(const struct record_field *field,
    struct record_view *view);

/* Appends a JSON array of strings of "value_max" bytes together (0: no limit). */
void record_json_list(struct buffer *buffer, struct fact_list list, size_t value_max);

/* ------------------------------------------------------------------ *
 * Rows: a decision as it goes into the tables
 * ------------------------------------------------------------------ */

/* A longer value is cut there, as one of the log would be. */
#define ROW_VALUE_MAX 4096

enum row_kind {
	ROW_RECORD,		/* a row of the table record */
	ROW_MESSAGE		/* to be rolled up */
};

struct row_waiter;

/* One block of memory, to be given to free(). */
struct row {
	struct row *next;
	struct row_waiter *waiter;	/* NULL: nobody waits */
	int64_t time_ms;
	int64_t redo;			/* its number there (store_room.h); 0: it is not there */
	size_t size;			/* of the block */
	size_t length;			/* of the columns */
	size_t key;			/* ROW_MESSAGE: bytes of its set of facts */
	enum row_kind kind;
	bool refused;
	bool clear;			/* clear text over SMTP, from a domain */
	/*
	 * As row_column() reads them, in the fields' order: those IN_RECORD, or those
	 * IN_FACTS, then IN_CERTIFICATE, then IN_ROLLUP. The time is not among them.
	 */
	char columns[];
};

/* Returns the caller's row, or NULL when memory is short. */
struct row *row_new(const struct journal_record *record, enum row_kind kind);

/*
 * The caller's ROW_RECORD with these columns of another; its time is not set. NULL: they
 * are not whole, or memory is short.
 */
struct row *row_restore(const char *columns, size_t length);

/* Frees a list of rows. */
void rows_free(struct row *row);

enum row_type { ROW_NULL, ROW_NUMBER, ROW_TEXT };

struct row_value {
	enum row_type type;
	uint32_t number;		/* or the text's length */
	const char *text;		/* not terminated */
};

/* Reads one column and returns where the next one is. */
const char *row_column(const char *at, struct row_value *value);

/* Reads the column of the field called "name", and returns where it is; or NULL. */
const char *row_find(const struct row *row, const char *name, struct row_value *value);

/* Makes a text of a ROW_MESSAGE's set of facts, which is there, an unknown one. */
void row_forget(struct row *row, const char *at);

/* ------------------------------------------------------------------ *
 * Tables
 * ------------------------------------------------------------------ */

/*
 * "TLSW" in the file's header (PRAGMA application_id), so that another program's
 * database is never taken for a journal.
 */
#define SCHEMA_APPLICATION_ID 0x544c5357

/*
 * The version that this program writes (PRAGMA user_version); 0 is an empty file. A
 * new field needs none: its column is added where it is missing, and an older program
 * writes on without it.
 */
#define SCHEMA_VERSION 4

struct sqlite3;

/*
 * Makes an empty or older journal one that this program can write, in one
 * transaction: all of it is done or nothing. Returns an SQLite result code.
 */
int schema_migrate(struct sqlite3 *db);

#endif
