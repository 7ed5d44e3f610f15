/*
 * maillog_files.c - the lines of several log files, in the order of time.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/maillog_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tool/maillog_line.h"
#include "tool/tool.h"

#define LINE_MAX_BYTES 65536

/* So many lines are looked at for the first time of a file. */
#define FIRST_LINES 100

struct file {
	const char *path;
	dev_t device;
	ino_t inode;
	bool is_input;		/* standard input */
	time_t latest;
	int64_t first_ms;	/* 0: no time was found */
};

static gzFile
open_file(const struct file *file)
{
	gzFile opened = file->is_input ? gzdopen(dup(STDIN_FILENO), "rb") :
	    gzopen(file->path, "rb");

	if (opened == NULL)
		(void)tool_trouble("cannot read %s: %s", file->path,
		    errno != 0 ? strerror(errno) : "not enough memory");
	else
		(void)gzbuffer(opened, 128 * 1024);
	return opened;
}

/*
 * Reads a line without its newline, and passes over what is too long of it. False at
 * the end of the file.
 */
static bool
read_line(gzFile file, char line[LINE_MAX_BYTES])
{
	char rest[512];
	size_t length;

	if (gzgets(file, line, LINE_MAX_BYTES) == NULL)
		return false;
	length = strlen(line);
	if (length > 0 && line[length - 1] == '\n') {
		line[length - 1] = '\0';
		if (length > 1 && line[length - 2] == '\r')
			line[length - 2] = '\0';
		return true;
	}
	while (length == LINE_MAX_BYTES - 1 && gzgets(file, rest, sizeof(rest)) != NULL &&
	    strchr(rest, '\n') == NULL)
		continue;
	return true;
}

/* Whether all was read: a compressed file may be damaged or cut off. */
static bool
close_file(gzFile opened, const struct file *file)
{
	int code = Z_OK;
	const char *text = gzerror(opened, &code);
	bool fine = code == Z_OK || code == Z_STREAM_END;

	if (!fine)
		(void)tool_trouble("cannot read all of %s: %s", file->path,
		    code == Z_ERRNO ? strerror(errno) :
		    code == Z_BUF_ERROR ? "it ends in the middle" : text);
	(void)gzclose(opened);
	return fine;
}

/* Finds the first time; standard input must be the only one and needs none. */
static bool
look_at(struct file *file, char *line)
{
	gzFile opened = open_file(file);
	struct maillog_line parts;

	if (opened == NULL)
		return false;
	for (int i = 0; i < FIRST_LINES && file->first_ms == 0 && read_line(opened, line);
	    i++)
		if (maillog_line_read(line, file->latest, &parts))
			file->first_ms = parts.time_ms;
	return close_file(opened, file);
}

static bool
stat_file(struct file *file)
{
	struct stat status;
	bool fine;

	file->is_input = strcmp(file->path, "-") == 0;
	file->latest = (time_t)(tool_now_ms() / 1000);
	fine = file->is_input ? fstat(STDIN_FILENO, &status) == 0 :
	    stat(file->path, &status) == 0;
	if (fine && S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		fine = false;
	}
	if (!fine) {
		(void)tool_trouble("cannot read %s: %s", file->path, strerror(errno));
		return false;
	}
	file->device = status.st_dev;
	file->inode = status.st_ino;
	if (S_ISREG(status.st_mode))
		file->latest = status.st_mtime;
	return true;
}

static int
compare_files(const void *a, const void *b)
{
	const struct file *one = a, *other = b;

	if (one->first_ms == other->first_ms)
		return (one->latest > other->latest) - (one->latest < other->latest);
	return (one->first_ms > other->first_ms) - (one->first_ms < other->first_ms);
}

static bool
prepare(struct file *files, const char *const *paths, int count, char *line)
{
	for (int i = 0; i < count; i++) {
		files[i].path = paths[i];
		if (!stat_file(&files[i]))
			return false;
		for (int j = 0; j < i; j++)
			if (files[i].device == files[j].device &&
			    files[i].inode == files[j].inode) {
				(void)tool_trouble("%s and %s are the same file",
				    paths[j], paths[i]);
				return false;
			}
	}
	for (int i = 0; count > 1 && i < count; i++) {
		if (files[i].is_input) {
			(void)tool_trouble("standard input cannot be read with others");
			return false;
		}
		if (!look_at(&files[i], line))
			return false;
	}
	qsort(files, (size_t)count, sizeof(*files), compare_files);
	return true;
}

static bool
read_file(const struct file *file, maillog_line_taker *take, void *context, char *line)
{
	gzFile opened = open_file(file);
	bool goes_on = true;

	if (opened == NULL)
		return false;
	while (goes_on && read_line(opened, line))
		goes_on = take(context, line, file->latest);
	return close_file(opened, file) && goes_on;
}

bool
maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context)
{
	struct file *files = calloc((size_t)count, sizeof(*files));
	char *line = malloc(LINE_MAX_BYTES);
	bool fine = files != NULL && line != NULL;

	if (!fine)
		(void)tool_trouble("not enough memory");
	fine = fine && prepare(files, paths, count, line);
	for (int i = 0; fine && i < count; i++)
		fine = read_file(&files[i], take, context, line);
	free(files);
	free(line);
	return fine;
}
