/*
 * make-journal.c - makes an empty journal, for tests to put rows into.
 *
 *     make-journal PATH
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>

#include <sqlite3.h>

#include "journal/record.h"

int
main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	int status = 1;

	if (argc == 2 && sqlite3_open(argv[1], &db) == SQLITE_OK &&
	    sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) == SQLITE_OK &&
	    schema_migrate(db) == SQLITE_OK)
		status = 0;
	else
		(void)fprintf(stderr, "make-journal: %s\n", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	return status;
}
