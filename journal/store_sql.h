/*
 * store_sql.h - the statements of the journal's writer.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_SQL_H
#define TLSWARD_JOURNAL_STORE_SQL_H

#include "journal/store_db.h"

/* By enum db_statement; NULL: put together elsewhere. */
extern const char *const store_sql[DB_STATEMENTS];

#endif
