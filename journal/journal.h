/*
 * journal.h - the decision record: its fields, its readers and its writers.
 *
 * The one public header of the room journal/. Uses policy/ and nothing above.
 * Everything here is thread-safe as long as no two threads share one buffer.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_H
#define TLSWARD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/store.h"
#include "journal/watch.h"
#include "policy/policy.h"
#include "base/buffer.h"
#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * The record
 * ------------------------------------------------------------------ */

/* All of it is borrowed. */
struct journal_record {
	int64_t time_ms;		/* milliseconds since the epoch, UTC */
	const struct facts *facts;
	const struct verdict *verdict;
};

enum journal_format { JOURNAL_LOGFMT, JOURNAL_JSON };

/* The action of that name; POLICY_ACCEPT for NULL and for what is none. */
enum policy_action journal_action(const char *name);

/*
 * Appends the record as one line, without the newline, whatever its values
 * hold: control characters are escaped and invalid UTF-8 is replaced by
 * U+FFFD. A value longer than "value_max" bytes is cut there and marked with
 * "..." (0: no limit). Failure shows in buffer->failed.
 */
void journal_record_write(const struct journal_record *record,
    enum journal_format format, size_t value_max, struct buffer *buffer);

/*
 * Appends a line of the daemon's own, in the same formats: time, level and msg.
 */
void journal_message_write(int64_t time_ms, enum severity level,
    const char *message, enum journal_format format, size_t value_max,
    struct buffer *buffer);

/*
 * Appends what decide says of a line that holds no facts: an object with the
 * members error and line.
 */
void journal_error_write(const char *error, size_t line, struct buffer *buffer);

/* ------------------------------------------------------------------ *
 * Facts by the record's names
 * ------------------------------------------------------------------ */

/*
 * Copies all facts, and their strings and lists into "room", of facts_copy_size()
 * bytes: the copy lives as long as that.
 */
void facts_copy(struct facts *copy, const struct facts *facts, char *room);
size_t facts_copy_size(const struct facts *facts);

/* Facts with strings of their own. */
struct journal_facts;

/* Returns empty facts, or NULL when memory is short. */
struct journal_facts *journal_facts_new(void);
void journal_facts_free(struct journal_facts **owned);	/* NULL-safe, clears */
void journal_facts_clear(struct journal_facts *owned);	/* keeps its memory */

/* The facts to judge; valid until the next clear, set, read or free. */
const struct facts *journal_facts_get(const struct journal_facts *owned);

/* The name of the fact at "index", or NULL beyond the last. */
const char *journal_fact_name(size_t index);

/*
 * Appends the value of the fact called "name" for people to read, one line
 * whatever it holds. False, and nothing is written, where it is unknown.
 */
bool journal_fact_text(const struct facts *facts, const char *name,
    struct buffer *buffer);

/* The name of what comes out at "index" ("action"), or NULL beyond the last. */
const char *journal_result_name(size_t index);

/*
 * Appends the value of the record's field called "name" as it is; the members of a
 * list have commas between them. False, and nothing is written, where it is unknown
 * or does not apply.
 */
bool journal_record_text(const struct journal_record *record, const char *name,
    struct buffer *buffer);

/* The longest error text that these write. */
#define JOURNAL_ERROR_MAX 256

/*
 * Sets one fact from text, as records have it
 * ("tls_version", "TLSv1.2"; the list cert_san is separated by commas). False
 * with a reason in "error" for a name or a value that is not one. The names of
 * what a record says came out are accepted and ignored.
 */
bool journal_facts_set(struct journal_facts *owned, const char *name,
    const char *value, char error[JOURNAL_ERROR_MAX]);

/*
 * The same of what people write: "1.2" or "TLS1.2" for "TLSv1.2", "clear" for "none",
 * "<a@b.example>", "[192.0.2.1]"; "error" also has what was probably meant.
 */
bool journal_facts_set_written(struct journal_facts *owned, const char *name,
    const char *value, char error[JOURNAL_ERROR_MAX]);

/* The same from a value in JSON, as the journal has lists. */
bool journal_facts_set_json(struct journal_facts *owned, const char *name,
    const char *json, char error[JOURNAL_ERROR_MAX]);

/* Whether what must not lack is there: the sender; of what goes out the next hop. */
bool journal_facts_whole(const struct facts *facts, char error[JOURNAL_ERROR_MAX]);

/*
 * Clears, then reads one line of JSON, an object of facts. False with a reason
 * in "error" where it is not valid JSON, not an object, names an unknown fact,
 * has a value of the wrong type, or is not whole.
 */
bool journal_facts_read(struct journal_facts *owned, const char *line,
    size_t length, char error[JOURNAL_ERROR_MAX]);

/*
 * What the record that was read last said of what came out: the value of the field
 * called "name" where that is a string, else NULL; so of "node". Valid as long as the
 * facts are.
 */
const char *journal_facts_result(const struct journal_facts *owned, const char *name);

#endif
