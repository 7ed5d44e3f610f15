/*
 * redo.c - refusals that were answered and are not in the journal's tables yet.
 *
 * A commit of its own for each refusal costs more than the rest of the session. So in a
 * flood a record is put into a file beside the journal, PATH-redo, before the reply, which
 * costs one write; it gets into the tables with those that came with it, a moment later.
 * What a process leaves there when it is killed, the next one writes, or who reads.
 *
 * The file has two halves. One is filled while what is in the other gets into the tables;
 * then it is filled anew, over what was there. Each entry has a number, higher than the
 * one before, so that an older one behind it is told from one of now; the journal
 * knows the highest that it has. A hash tells what was written in part, or is another
 * journal's.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "journal/store.h"
#include "journal/store_room.h"

#define SUFFIX "-redo"
#define HALF ((size_t)1 << 20)

/* How long who reads waits for a daemon that is about to write. */
#define SETTLE_MS 1000
#define SETTLE_STEP_US 5000

struct entry {
	uint64_t hash;			/* of what is behind it, and of whose it is */
	int64_t sequence, time_ms;
	uint64_t length;		/* of the columns, which are behind this */
};

static uint64_t
entry_hash(const struct entry *entry, uint64_t journal, const char *columns)
{
	struct hash_key key = { journal, 0 };

	key.b = hash_bytes(key, &entry->sequence,
	    sizeof(*entry) - offsetof(struct entry, sequence));
	return hash_bytes(key, columns, entry->length);
}

/* ------------------------------------------------------------------ *
 * Writing it
 * ------------------------------------------------------------------ */

static bool
write_entry(const struct redo *redo, const struct entry *entry, const char *columns,
    off_t at)
{
	struct iovec parts[2] = { { .iov_len = sizeof(*entry) }, { .iov_len = entry->length } };

	/* They are only read. */
	memcpy(&parts[0].iov_base, &entry, sizeof(entry));
	memcpy(&parts[1].iov_base, &columns, sizeof(columns));
	return pwritev(redo->fd, parts, 2, at) == (ssize_t)(sizeof(*entry) + entry->length);
}

bool
redo_add(struct redo *redo, struct row *row)
{
	struct entry entry = { .sequence = redo->next, .time_ms = row->time_ms,
	    .length = row->length };
	const size_t size = sizeof(entry) + row->length;
	struct redo_half *half = &redo->halves[redo->filling];

	if (redo->fd == -1)
		return false;
	if (half->size + size > HALF && redo->halves[!redo->filling].size == 0) {
		redo->filling = !redo->filling;
		half = &redo->halves[redo->filling];
	}
	if (half->size + size > HALF)
		return false;
	entry.hash = entry_hash(&entry, redo->journal, row->columns);
	if (!write_entry(redo, &entry, row->columns,
	    (off_t)(redo->filling * HALF + half->size)))
		return false;
	row->redo = redo->next++;
	half->size += size;
	half->last = row->redo;
	return true;
}

void
redo_done(struct redo *redo, int64_t sequence)
{
	for (int i = 0; i < 2; i++)
		if (redo->halves[i].last <= sequence)
			redo->halves[i].size = 0;
}

/* ------------------------------------------------------------------ *
 * Reading it
 * ------------------------------------------------------------------ */

/* Rows in their order. */
struct found {
	struct row *first, **last;
	int64_t highest;		/* of any entry, also one that the journal has */
};

/* The row at "text", or NULL: there is no entry, or an older one. */
static struct row *
redo_entry(const char *text, size_t left, uint64_t journal, int64_t after)
{
	struct entry entry;
	struct row *row;

	if (left < sizeof(entry))
		return NULL;
	memcpy(&entry, text, sizeof(entry));
	text += sizeof(entry);
	if (entry.length > left - sizeof(entry) || entry.sequence <= after ||
	    entry.hash != entry_hash(&entry, journal, text))
		return NULL;
	row = row_restore(text, entry.length);
	if (row == NULL)
		return NULL;
	row->time_ms = entry.time_ms;
	row->redo = entry.sequence;
	return row;
}

/* What of a half the journal has not: behind "has". */
static void
redo_half_rows(const char *text, size_t size, uint64_t journal, int64_t has,
    struct found *found)
{
	int64_t before = 0;
	struct row *row;
	size_t at = 0;

	while ((row = redo_entry(text + at, size - at, journal, before)) != NULL) {
		before = row->redo;
		at += sizeof(struct entry) + row->length;
		if (before > found->highest)
			found->highest = before;
		if (before <= has) {
			free(row);
			continue;
		}
		*found->last = row;
		found->last = &row->next;
	}
}

/* The whole file; its length, or -1. */
static ssize_t
redo_text(int fd, char *text)
{
	size_t length = 0;
	ssize_t got;

	while ((got = pread(fd, text + length, 2 * HALF - length, (off_t)length)) > 0)
		length += (size_t)got;
	return got == -1 ? -1 : (ssize_t)length;
}

static int64_t
first_number(const char *text, size_t size)
{
	struct entry entry = { .sequence = INT64_MAX };

	if (size >= sizeof(entry))
		memcpy(&entry, text, sizeof(entry));
	return entry.sequence;
}

/* False: it cannot be read now. */
static bool
redo_read(int fd, uint64_t journal, int64_t has, struct found *found)
{
	char *text = malloc(2 * HALF);
	ssize_t length = text != NULL ? redo_text(fd, text) : -1;
	size_t sizes[2] = { 0 };
	unsigned older;

	*found = (struct found){ .last = &found->first, .highest = has };
	if (length > 0) {
		sizes[0] = (size_t)length < HALF ? (size_t)length : HALF;
		sizes[1] = (size_t)length - sizes[0];
		older = first_number(text, sizes[0]) > first_number(text + HALF, sizes[1]);
		redo_half_rows(text + older * HALF, sizes[older], journal, has, found);
		redo_half_rows(text + !older * HALF, sizes[!older], journal, has, found);
	}
	free(text);
	return length >= 0;
}

static int
redo_file(const char *path, int flags)
{
	char name[PATH_MAX];
	int length = snprintf(name, sizeof(name), "%s" SUFFIX, path);

	if (length < 0 || (size_t)length >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* Whatever stands there, nobody waits for it. */
	return open(name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640);
}

/* For this open file; the lock ends with it. */
static bool
redo_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Which journal it is, and what it has. False: it cannot be read now. */
static bool
redo_journal(sqlite3 *db, uint64_t *journal, int64_t *has)
{
	sqlite3_stmt *row = NULL;
	bool found = sqlite3_prepare_v2(db, "SELECT journal, (SELECT value FROM highest"
	    " WHERE name = '" REDO_NAME "') FROM identity", -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW && sqlite3_column_type(row, 0) == SQLITE_TEXT;

	if (found) {
		*journal = hash_bytes((struct hash_key){ 0, 0 }, sqlite3_column_text(row, 0),
		    (size_t)sqlite3_column_bytes(row, 0));
		*has = sqlite3_column_int64(row, 1);
	}
	(void)sqlite3_finalize(row);
	return found;
}

struct row *
redo_open(struct redo *redo, const char *path, sqlite3 *db)
{
	uint64_t journal;
	int64_t has;
	struct found found;

	if (!redo_journal(db, &journal, &has))
		return NULL;
	redo->journal = journal;
	if (redo->next <= has)
		redo->next = has + 1;
	if (redo->fd != -1 || (redo->fd = redo_file(path, O_RDWR | O_CREAT)) == -1)
		return NULL;
	if (!redo_lock(redo->fd) || !redo_read(redo->fd, journal, has, &found)) {
		redo_close(redo, false);
		return NULL;
	}
	if (redo->next <= found.highest)
		redo->next = found.highest + 1;
	/* Both are taken until what was found is in the tables. */
	for (int i = 0; i < 2; i++)
		redo->halves[i] = (struct redo_half){ found.first != NULL ? HALF : 0,
		    found.highest };
	return found.first;
}

void
redo_close(struct redo *redo, bool empty)
{
	if (redo->fd == -1)
		return;
	/* Where that fails, the journal knows that it has them. */
	if (empty && ftruncate(redo->fd, 0) != 0)
		errno = 0;
	(void)close(redo->fd);
	redo->fd = -1;
}

/* ------------------------------------------------------------------ *
 * For who reads the journal
 * ------------------------------------------------------------------ */

/* Writes what a process left that is no more. */
static bool
redo_write(const char *path)
{
	struct store_db db;
	struct redo redo = { .fd = -1 };
	struct row *rows = NULL;
	size_t count = 0, unfit = 0;
	bool written;

	store_db_join(&db, path);
	if (db.result == DB_DONE)
		rows = redo_open(&redo, path, db.db);
	if (rows != NULL) {
		store_db_begin(&db);
		store_db_records(&db, rows, SIZE_MAX, &count, &unfit);
		(void)store_db_commit(&db);
	}
	written = redo.fd != -1 && db.result == DB_DONE;
	redo_close(&redo, written);
	store_db_close(&db, false);
	rows_free(rows);
	return written;
}

/* The number of the last that the file has and the journal has not; 0: there is none. */
static int64_t
redo_waiting(sqlite3 *db, const char *path)
{
	struct found found = { .first = NULL };
	int fd = redo_file(path, O_RDONLY);
	uint64_t journal;
	int64_t has, last = 0;

	if (fd == -1)
		return 0;
	if (redo_journal(db, &journal, &has) && redo_read(fd, journal, has, &found) &&
	    found.first != NULL)
		last = found.highest;
	rows_free(found.first);
	(void)close(fd);
	return last;
}

/* Whether a process has it, which writes what is in it before it lets go. */
static bool
redo_is_held(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = redo_file(path, O_RDONLY);
	bool held = fd != -1 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (fd != -1)
		(void)close(fd);
	return held;
}

bool
journal_settle(sqlite3 *db, const char *path)
{
	const struct timespec step = { 0, SETTLE_STEP_US * 1000L };
	int64_t wanted = redo_waiting(db, path), has = 0;
	uint64_t journal;

	for (int i = 0; i < SETTLE_MS * 1000 / SETTLE_STEP_US && has < wanted; i++) {
		if (!redo_is_held(path))
			return redo_waiting(db, path) == 0 || redo_write(path);
		(void)nanosleep(&step, NULL);
		if (!redo_journal(db, &journal, &has))
			return false;
	}
	return has >= wanted;
}
