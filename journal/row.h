/*
 * row.h - a decision as it goes into the journal's tables.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_ROW_H
#define TLSWARD_JOURNAL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

/* A longer value is cut there, as one of the log would be. */
#define ROW_VALUE_MAX 4096

enum row_kind {
	ROW_RECORD,		/* a row of record */
	ROW_MESSAGE		/* to be rolled up */
};

struct row_waiter;

/* One block of memory, to be given to free(). */
struct row {
	struct row *next;
	struct row_waiter *waiter;	/* NULL: nobody waits */
	int64_t time_ms;
	size_t size;			/* of the block */
	size_t key;			/* ROW_MESSAGE: bytes of its set of facts */
	size_t length;			/* of the columns */
	enum row_kind kind;
	bool refused;
	bool clear;			/* clear text over SMTP, from a domain */
	char columns[];			/* of the table, as row_column() reads them */
};

/*
 * The columns of "record": all fields in their order, and then "exempted". Those of a
 * message: the facts' (ROW_FACTS, without "certificate"), the certificate's, and the
 * sample's (session, client_addr, sender).
 */
#define ROW_SET 14
#define ROW_CERTIFICATE 11
#define ROW_SAMPLE 3

/* Those among the set's that the writers must know. */
#define ROW_NETWORK 2
#define ROW_AUTHENTICATED 4
#define ROW_NULL_SENDER 5
#define ROW_DOMAIN 6

extern const char *const row_set_names[ROW_SET];
extern const char *const row_certificate_names[ROW_CERTIFICATE];

/* Whether a decision is kept in full, whatever the settings say. */
bool row_is_kept(const struct verdict *verdict);

/* Returns the caller's row, or NULL when memory is short. */
struct row *row_new(const struct journal_record *record, enum row_kind kind);

enum row_type { ROW_NULL, ROW_NUMBER, ROW_TEXT };

struct row_value {
	enum row_type type;
	uint32_t number;		/* or the text's length */
	const char *text;		/* not terminated */
};

/* Reads one column and returns where the next one is. */
const char *row_column(const char *at, struct row_value *value);

#endif
