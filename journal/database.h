/*
 * database.h - the PostgreSQL of a fleet: what it is called, and a connection to it.
 *
 * Only where there is libpq.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_DATABASE_H
#define TLSWARD_JOURNAL_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

/* What stands before a CONNINFO in settings and on a command line. */
#define DATABASE_SCHEME "postgresql:"

/*
 * What libpq takes, of that: what stands behind the scheme or, of a URI, which has the
 * same one, all of it. Points into "path".
 */
const char *database_conninfo(const char *path);

/*
 * What to call it in messages: the scheme, and what is no secret of it. "" where it is
 * none that libpq knows, whose own words would quote what may be a password. The caller's
 * to free(); NULL: memory is short.
 */
char *database_name(const char *conninfo);

/*
 * PostgreSQL takes no text that is not UTF-8, and no NUL: ship_text() puts a code point in
 * place of each such byte, from U+10FF00 on, which all begin so. Whether "text" begins with
 * one, which has four bytes, and of which byte it is.
 */
#define DATABASE_BYTE "\xf4\x8f"
bool database_byte(const char *text, size_t length, unsigned char *byte);

/*
 * Connects, as "program" unless CONNINFO says otherwise, and waits for that; texts are
 * UTF-8. A peer that is gone without a word is found out about in a minute or so. As
 * PQconnectdbParams(): NULL: memory is short; else to be closed by PQfinish().
 */
PGconn *database_connect(const char *conninfo, const char *program);

#endif
