/*
 * maillog_files.c - the lines of several log files, in the order of time.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "review/reading.h"

#define LINE_MAX_BYTES 65536

/* So many lines are looked at for the first time of a file. */
#define FIRST_LINES 100

struct log_file {
	const char *path;
	dev_t device;
	ino_t inode;
	bool is_input;		/* standard input */
	time_t latest;
	int64_t first_ms;	/* 0: no time was found */
};

static gzFile
maillog_open_file(const struct log_file *file, char *error)
{
	gzFile opened = file->is_input ? gzdopen(dup(STDIN_FILENO), "rb") :
	    gzopen(file->path, "rb");

	if (opened == NULL)
		review_say(error, "cannot read %s: %s", file->path,
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
read_log_line(gzFile file, char line[LINE_MAX_BYTES])
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
close_log(gzFile opened, const struct log_file *file, char *error)
{
	int code = Z_OK;
	const char *text = gzerror(opened, &code);
	bool fine = code == Z_OK || code == Z_STREAM_END;

	if (!fine)
		review_say(error, "cannot read all of %s: %s", file->path,
		    code == Z_ERRNO ? strerror(errno) :
		    code == Z_BUF_ERROR ? "it ends in the middle" : text);
	(void)gzclose(opened);
	return fine;
}

/* Hands the lines over, up to "most" of them (0: all). */
static bool
read_log(const struct log_file *file, maillog_line_taker *take, void *context, char *line,
    int most, char *error)
{
	gzFile opened = maillog_open_file(file, error);
	bool goes_on = opened != NULL;

	if (opened == NULL)
		return false;
	for (int i = 0; goes_on && (most == 0 || i < most) && read_log_line(opened, line);
	    i++)
		goes_on = take(context, line, file->latest);
	return close_log(opened, file, error) && goes_on;
}

static bool
find_first_time(void *context, char *line, time_t latest)
{
	struct log_file *file = context;
	struct maillog_line parts;

	if (file->first_ms == 0 && maillog_line_read(line, latest, &parts))
		file->first_ms = parts.time_ms;
	return true;
}

static bool
stat_log(struct log_file *file, char *error)
{
	struct stat status;
	bool fine;

	file->is_input = strcmp(file->path, "-") == 0;
	file->latest = time(NULL);
	fine = file->is_input ? fstat(STDIN_FILENO, &status) == 0 :
	    stat(file->path, &status) == 0;
	if (fine && S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		fine = false;
	}
	if (!fine) {
		review_say(error, "cannot read %s: %s", file->path, strerror(errno));
		return false;
	}
	file->device = status.st_dev;
	file->inode = status.st_ino;
	if (S_ISREG(status.st_mode))
		file->latest = status.st_mtime;
	return true;
}

static int
compare_logs(const void *a, const void *b)
{
	const struct log_file *one = a, *other = b;

	if (one->first_ms == other->first_ms)
		return (one->latest > other->latest) - (one->latest < other->latest);
	return (one->first_ms > other->first_ms) - (one->first_ms < other->first_ms);
}

/* Standard input must be the only one, for its first time is not looked for. */
static bool
prepare_logs(struct log_file *files, const char *const *paths, int count, char *line,
    char *error)
{
	for (int i = 0; i < count; i++) {
		files[i].path = paths[i];
		if (!stat_log(&files[i], error))
			return false;
		for (int j = 0; j < i; j++)
			if (files[i].device == files[j].device &&
			    files[i].inode == files[j].inode) {
				review_say(error, "%s and %s are the same file", paths[j],
				    paths[i]);
				return false;
			}
	}
	for (int i = 0; count > 1 && i < count; i++) {
		if (files[i].is_input) {
			review_say(error, "standard input cannot be read with others");
			return false;
		}
		if (!read_log(&files[i], find_first_time, &files[i], line, FIRST_LINES,
		    error))
			return false;
	}
	qsort(files, (size_t)count, sizeof(*files), compare_logs);
	return true;
}

bool
maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX])
{
	struct log_file *files = calloc((size_t)count, sizeof(*files));
	char *line = malloc(LINE_MAX_BYTES);
	bool fine = files != NULL && line != NULL;

	if (!fine)
		review_say(error, "not enough memory");
	fine = fine && prepare_logs(files, paths, count, line, error);
	for (int i = 0; fine && i < count; i++)
		fine = read_log(&files[i], take, context, line, 0, error);
	free(files);
	free(line);
	return fine;
}
