/*
 * store_file.c - the journal's files: which they are, and what is in them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


static const char *const suffixes[STORE_FILES] = { "", "-wal", "-shm" };

void
store_file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd != -1)
		(void)close(fd);
}

static bool
file_look_up(const char *path, const char *suffix, struct store_file *file)
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
		if (!file_look_up(path, suffixes[i], &files[i]))
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
file_find_name(const char *path, int64_t now_ms, char *name, size_t size)
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
file_is_ours(const char *path)
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

	if (!file_is_ours(path) || !file_find_name(path, now_ms, name, size) ||
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
