/*
 * journal-file.h - a journal in a folder of its own, for the unit tests of what writes it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_FILE_H
#define TLSWARD_JOURNAL_FILE_H

#include "tests/unit.h"

#include <sqlite3.h>
#include <unistd.h>

#include "journal/journal.h"
#include "journal/store.h"

#define STOP_MS 60000

static char folder[40];
static char path[64];

static inline int
clear_folder(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s/*", folder);
	return system(command);
}

/*
 * Runs the tests on a journal in memory where possible: no disk that others keep busy is
 * to be waited for. ON_DISK in the environment: on the disk.
 */
static inline int
run_on_journal(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	int status;

	(void)strcpy(folder, "/dev/shm/unit-journal-XXXXXX");
	if (getenv("ON_DISK") != NULL || mkdtemp(folder) == NULL) {
		(void)strcpy(folder, "/tmp/unit-journal-XXXXXX");
		if (mkdtemp(folder) == NULL)
			return EXIT_FAILURE;
	}
	(void)snprintf(path, sizeof(path), "%s/journal.db", folder);
	status = unit_run(argc, argv, tests, count);
	(void)clear_folder();
	(void)rmdir(folder);
	return status;
}

static inline struct journal_store *
start_store(const struct journal_options *options)
{
	struct journal_store *store = journal_store_start(options);

	assert_non_null(store);
	return store;
}

static inline void
stop_store(struct journal_store **store)
{
	assert_true(journal_store_stop(*store, STOP_MS));
	journal_store_free(store);
	assert_null(*store);
}

/* What another connection sees, and does. */
static inline sqlite3 *
connect_to(const char *file)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(file, &db),
	    SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	return db;
}

static inline void
run_sql(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

/* The first column of the first row, as text. */
static inline void
ask(const char *file, const char *sql, char *answer, size_t size)
{
	sqlite3 *db = connect_to(file);
	sqlite3_stmt *statement = NULL;
	const unsigned char *text;

	(void)journal_settle(db, file);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	answer[0] = '\0';
	if (sqlite3_step(statement) == SQLITE_ROW &&
	    (text = sqlite3_column_text(statement, 0)) != NULL)
		(void)snprintf(answer, size, "%s", (const char *)text);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
}

/* "said" is told where it is another answer. */
static inline void
assert_answer(const char *sql, const char *expected, const char *said)
{
	char answer[8192];

	ask(path, sql, answer, sizeof(answer));
	if (strcmp(answer, expected) != 0)
		fail_msg("%s: %s instead of %s; %s", sql, answer, expected, said);
}

#endif
