/*
 * record.h - the record's fields, and what a writer of records is.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_RECORD_H
#define TLSWARD_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/journal.h"
#include "base/buffer.h"

/* What a field's value may be, where it is read as a fact. */
enum field_kind {
	FIELD_TEXT,		/* anything, also nothing */
	FIELD_NAME,		/* anything, but something */
	FIELD_PROTOCOL,
	FIELD_MTA,
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
	FIELD_RESULT		/* came out of the decision: no fact */
};

enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_LIST };

struct record_value {
	enum value_type type;
	const char *text;
	unsigned number;
	const char *const *list;
	size_t count;
};

/* With its terminator: sha256:hex. */
#define RECORD_DIGEST_SIZE 72

/* Room for values that have to be put together; lives until the next value. */
struct record_scratch {
	char time[JOURNAL_TIME_SIZE];
	char digest[RECORD_DIGEST_SIZE];
	struct buffer text;
	const char *reasons[REASON_COUNT];
};

struct record_field {
	const char *name;
	enum field_kind kind;
	size_t offset;		/* of a fact, in struct facts */
	/* Of a result: the value, or false where there is none. */
	bool (*result)(const struct journal_record *record,
	    struct record_scratch *scratch, struct record_value *value);
};

/* All fields, in the order in which they are written. */
extern const struct record_field record_fields[];
extern const size_t record_field_count;

/*
 * The field called "name", or NULL. The search begins behind the field "after"
 * (NULL: at the first), since names mostly come in the record's order.
 */
const struct record_field *record_field_find(const char *name,
    const struct record_field *after);

/* The field's value in "record"; false where it is unknown or does not apply. */
bool record_field_value(const struct record_field *field,
    const struct journal_record *record, struct record_scratch *scratch,
    struct record_value *value);

/* One way to write a record. */
struct record_writer {
	const char *open, *close;
	void (*name)(struct buffer *buffer, const char *name, bool first);
	void (*text)(struct buffer *buffer, const char *text, size_t value_max);
	void (*list)(struct buffer *buffer, const char *const *list, size_t count,
	    size_t value_max);
};

extern const struct record_writer record_logfmt;
extern const struct record_writer record_json;

#endif
