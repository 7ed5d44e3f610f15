/*
 * reader.c - a journal opened for reading, while the daemon may be writing to it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "review/fleet.h"
#ifdef TLSWARD_LIBPQ
#include "journal/database.h"
#endif

/* So long a reader waits for a writer that keeps it out. */
#define BUSY_MS 5000

/* ------------------------------------------------------------------ *
 * A fleet's, in PostgreSQL
 * ------------------------------------------------------------------ */

/* What went wrong with PostgreSQL first, "" nothing. False: it is a file. */
static bool
fleet_trouble(sqlite3 *db, char error[REVIEW_ERROR_MAX])
{
	sqlite3_stmt *row = NULL;
	bool is = db != NULL && sqlite3_prepare_v2(db, "SELECT fleet_trouble()", -1, &row,
	    NULL) == SQLITE_OK;
	const char *text = is && sqlite3_step(row) == SQLITE_ROW ? review_column(row, 0) : NULL;

	if (error != NULL)
		review_say(error, "%s", text != NULL ? text : "");
	(void)sqlite3_finalize(row);
	return is;
}

bool
review_is_fleet(sqlite3 *db)
{
	return fleet_trouble(db, NULL);
}

const char *
review_accepted(sqlite3 *db, bool few)
{
	return review_is_fleet(db) ? "accepted AS facts" :
	    few ? "facts CROSS JOIN rollup ON rollup.facts = facts.id"
	    " LEFT JOIN certificate ON certificate.id = facts.certificate" :
	    "rollup CROSS JOIN facts ON facts.id = rollup.facts"
	    " LEFT JOIN certificate ON certificate.id = facts.certificate";
}

static sqlite3 *
reader_fleet(const char *path, const char *node, char error[REVIEW_ERROR_MAX])
{
#ifdef TLSWARD_LIBPQ
	return fleet_open(path, node, error);
#else
	(void)path;
	(void)node;
	review_say(error, "this tlsward cannot read PostgreSQL: it was built without libpq");
	return NULL;
#endif
}

char *
review_journal_name(const char *path)
{
#ifdef TLSWARD_LIBPQ
	if (fleet_named(path))
		return database_name(database_conninfo(path));
#endif
	return strdup(fleet_named(path) ? "postgresql:" : path);
}

/* ------------------------------------------------------------------ *
 * A file
 * ------------------------------------------------------------------ */

void
review_explain(sqlite3 *db, int result, const char *path, char error[REVIEW_ERROR_MAX])
{
	int code = result & 0xff;	/* without what extends it */
	const char *text = db != NULL && (sqlite3_errcode(db) & 0xff) == code ?
	    sqlite3_errmsg(db) : sqlite3_errstr(result);

	if (fleet_trouble(db, error) && error[0] != '\0')
		return;
	if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM)
		review_say(error, "%s cannot be read by this user while nobody has it open for "
		    "writing: run this as the daemon's user or root, or while the "
		    "daemon runs (%s)", path, text);
	else if (code == SQLITE_NOTADB)
		review_say(error, "%s is not a journal: it is not an SQLite database", path);
	else
		review_say(error, "cannot read %s: %s", path,
		    code == SQLITE_NOMEM ? "not enough memory" : text);
}

/* SQLite's own words for these are less than clear. */
static bool
is_readable_file(const char *path, char error[REVIEW_ERROR_MAX])
{
	struct stat status;

	if (stat(path, &status) != 0) {
		review_say(error, errno == ENOENT ? "there is no journal %s: %s" :
		    "cannot read the journal %s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISREG(status.st_mode)) {
		review_say(error, "%s is not a journal: it is not a regular file", path);
		return false;
	}
	if (access(path, R_OK) != 0) {
		review_say(error, "cannot read the journal %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* What is wrong with a journal that is neither of this version nor of an older one. */
static void
say_unreadable(sqlite3 *db, enum journal_look look, const char *path,
    char error[REVIEW_ERROR_MAX])
{
	switch (look) {
	case JOURNAL_EMPTY:
		review_say(error, "%s is empty: the daemon has not written to it yet", path);
		break;
	case JOURNAL_NEWER:
		review_say(error, "%s is a journal of a newer tlsward: read it with that", path);
		break;
	case JOURNAL_FOREIGN:
		review_say(error, "%s is not a journal: it is another program's database", path);
		break;
	default:
		review_explain(db, sqlite3_errcode(db), path, error);
		break;
	}
}

sqlite3 *
review_open(const char *path, const char *node, char error[REVIEW_ERROR_MAX])
{
	enum journal_look look = JOURNAL_UNUSABLE;
	sqlite3 *db = NULL;
	int result;

	if (fleet_named(path))
		return reader_fleet(path, node, error);
	if (node != NULL) {
		review_say(error, "%s is the journal of one node: --node goes with --journal "
		    "postgresql:...", path);
		return NULL;
	}
	if (!is_readable_file(path, error))
		return NULL;
	result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_busy_timeout(db, BUSY_MS);
	if (result == SQLITE_OK && (look = journal_look_at(db)) == JOURNAL_OLDER) {
		review_close(&db);
		result = journal_open_older(path, &db);
		if (result == SQLITE_OK)
			result = sqlite3_busy_timeout(db, BUSY_MS);
	}
	if (result == SQLITE_OK && look == JOURNAL_FINE)
		(void)journal_settle(db, path);
	if (result == SQLITE_OK && (look == JOURNAL_FINE || look == JOURNAL_OLDER))
		return db;
	if (result != SQLITE_OK)
		review_explain(db, result, path, error);
	else
		say_unreadable(db, look, path, error);
	review_close(&db);
	return NULL;
}

void
review_close(sqlite3 **db)
{
	(void)sqlite3_close(*db);
	*db = NULL;
}
