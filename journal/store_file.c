/*
 * store_file.c - the journal's files: which they are, and what is in them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/record.h"
#include "journal/store.h"

static const char *const suffixes[STORE_FILES] = { "", "-wal", "-shm" };

void
store_file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd != -1)
		(void)close(fd);
}

static bool
look_up(const char *path, const char *suffix, struct store_file *file)
{
	char name[PATH_MAX];
	struct stat status;
	int length = snprintf(name, sizeof(name), "%s%s", path, suffix);

	if (length < 0 || (size_t)length >= sizeof(name) || stat(name, &status) != 0)
		return false;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	return true;
}

bool
store_file_note(const char *path, struct store_file files[STORE_FILES])
{
	for (int i = 0; i < STORE_FILES; i++)
		if (!look_up(path, suffixes[i], &files[i]))
			return false;
	return true;
}

bool
store_file_same(const char *path, const struct store_file files[STORE_FILES])
{
	struct store_file now[STORE_FILES];

	if (!store_file_note(path, now))
		return false;
	for (int i = 0; i < STORE_FILES; i++)
		if (now[i].device != files[i].device || now[i].inode != files[i].inode)
			return false;
	return true;
}

/* A name that nothing has yet. */
static bool
find_name(const char *path, int64_t now_ms, char *name, size_t size)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };
	struct stat status;
	char stamp[32];

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 1; i < 100; i++) {
		int length = i == 1 ?
		    snprintf(name, size, "%s.corrupt-%s", path, stamp) :
		    snprintf(name, size, "%s.corrupt-%s-%d", path, stamp, i);

		if (length < 0 || (size_t)length >= size)
			break;
		if (lstat(name, &status) != 0 && errno == ENOENT)
			return true;
	}
	errno = ENAMETOOLONG;
	return false;
}

/* Whether renaming it does no harm to anybody else. */
static bool
is_ours(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return false;
	errno = EPERM;
	return S_ISREG(status.st_mode) && status.st_uid == geteuid();
}

int
store_file_set_aside(const char *path, int64_t now_ms, char *name, size_t size)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (!is_ours(path) || !find_name(path, now_ms, name, size) ||
	    rename(path, name) != 0)
		return -1;
	/* Together they may yet be read; alone the old log would spoil a new journal. */
	for (int i = 1; i < STORE_FILES; i++) {
		(void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		(void)snprintf(to, sizeof(to), "%s%s", name, suffixes[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ *
 * Before it is opened
 * ------------------------------------------------------------------ */

/* SQLite's file format, section 1.3. */
#define HEADER_SIZE 100
#define VERSION_AT 60
#define APPLICATION_AT 68

static uint32_t
read_number(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	    (uint32_t)bytes[2] << 8 | bytes[3];
}

static enum journal_look
look_at_header(const unsigned char *header, size_t length)
{
	static const char magic[16] = "SQLite format 3";
	uint32_t application, version;

	/* What was no database yet, or is none any more, is set aside or filled. */
	if (length < HEADER_SIZE || memcmp(header, magic, sizeof(magic)) != 0)
		return JOURNAL_FINE;
	application = read_number(header + APPLICATION_AT);
	version = read_number(header + VERSION_AT);
	/* A journal that was made a moment before the power failed. */
	if (application == 0 && version == 0)
		return JOURNAL_FINE;
	if (application != SCHEMA_APPLICATION_ID)
		return JOURNAL_FOREIGN;
	return version > SCHEMA_VERSION ? JOURNAL_NEWER : JOURNAL_FINE;
}

static enum journal_look
look_at_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);
	char *folder = slash == NULL ? strdup(".") :
	    strndup(path, length > 0 ? length : 1);
	enum journal_look look = JOURNAL_UNUSABLE;
	int saved;

	if (folder != NULL && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		look = JOURNAL_ABSENT;
	else if (folder != NULL && errno == ENOENT)
		look = JOURNAL_NO_FOLDER;
	saved = errno;
	free(folder);
	errno = saved;
	return look;
}

enum journal_look
journal_store_look(const char *path)
{
	unsigned char header[HEADER_SIZE];
	enum journal_look look = look_at_folder(path);
	struct stat status;
	ssize_t got;
	int fd;

	if (look != JOURNAL_ABSENT)
		return look;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return errno == ENOENT ? JOURNAL_ABSENT : JOURNAL_UNUSABLE;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)close(fd);
		return JOURNAL_FOREIGN;
	}
	got = read(fd, header, sizeof(header));
	(void)close(fd);
	return got < 0 ? JOURNAL_UNUSABLE : look_at_header(header, (size_t)got);
}

const char *
journal_look_text(enum journal_look look)
{
	switch (look) {
	case JOURNAL_NO_FOLDER:
		return "its folder is not there";
	case JOURNAL_UNUSABLE:
		return "it cannot be written";
	case JOURNAL_NEWER:
		return "it was written by a newer version of tlsward";
	case JOURNAL_FOREIGN:
		return "it is not a journal of tlsward";
	default:
		return "it can be written";
	}
}
