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

#include "review/log_input.h"
#include "review/reading.h"
#include "base/array.h"
#include "base/file.h"

/* So many lines are looked at for the first time of a file. */
#define FIRST_LINES 100

struct log_file {
	const char *path;
	bool is_input;		/* standard input */
	struct stat status;
	struct maillog_clock clock;
	int64_t first_ms;	/* 0: no time was found */
	int64_t lines, read;	/* those that were looked at, and those of a log */
};

void
maillog_not_one(const char *path, char error[REVIEW_ERROR_MAX])
{
	review_say(error, "no line of a mail log in %s: expected what Postfix or Sendmail "
	    "write, as syslog, journalctl or docker keep it", path);
}

/* Hands the lines over, up to "most" of them (0: all). */
static bool
read_log(struct log_file *file, maillog_line_taker *take, void *context, int most,
    char *error)
{
	struct log_input input = LOG_INPUT_INIT;
	bool goes_on = true;
	char *line;

	if (!log_input_open(&input, file->path, true)) {
		review_say(error, "cannot read %s: %s", file->path, file_why(errno));
		return false;
	}
	for (int i = 0; goes_on && (most == 0 || i < most) &&
	    (line = log_input_line(&input, true)) != NULL; i++)
		goes_on = take(context, line, &file->clock);
	/* A compressed file may be damaged or cut off. */
	if (input.damaged) {
		review_say(error, "cannot read all of %s: %s", file->path,
		    log_input_problem(&input));
		goes_on = false;
	}
	log_input_close(&input);
	return goes_on;
}

static bool
find_first_time(void *context, char *line, struct maillog_clock *clock)
{
	struct log_file *file = context;
	struct maillog_line parts;
	bool read = maillog_line_read(line, clock, &parts) != MAILLOG_UNREAD;

	file->lines += line[0] != '\0';
	file->read += read;
	if (file->first_ms == 0 && read)
		file->first_ms = parts.time_ms;
	return true;
}

static bool
stat_log(struct log_file *file, char *error)
{
	file->is_input = strcmp(file->path, "-") == 0;
	if ((file->is_input ? fstat(STDIN_FILENO, &file->status) :
	    stat(file->path, &file->status)) != 0) {
		review_say(error, "cannot read %s: %s", file->path, strerror(errno));
		return false;
	}
	file->clock.latest = S_ISREG(file->status.st_mode) ? file->status.st_mtime :
	    time(NULL);
	return true;
}

static int
compare_logs(const void *a, const void *b)
{
	const struct log_file *one = a, *other = b;

	if (one->first_ms != other->first_ms)
		return one->first_ms > other->first_ms ? 1 : -1;
	return (one->clock.latest > other->clock.latest) -
	    (one->clock.latest < other->clock.latest);
}

/* What can be read only once must be the only one, for its first time is not looked for. */
static bool
prepare_logs(struct log_file *files, const char *const *paths, int count, char *error)
{
	for (int i = 0; i < count; i++) {
		files[i].path = paths[i];
		if (!stat_log(&files[i], error))
			return false;
		for (int j = 0; j < i; j++)
			if (files[i].status.st_dev == files[j].status.st_dev &&
			    files[i].status.st_ino == files[j].status.st_ino) {
				review_say(error, "%s and %s are the same file", paths[j],
				    paths[i]);
				return false;
			}
	}
	for (int i = 0; count > 1 && i < count; i++) {
		if (!S_ISREG(files[i].status.st_mode) && !S_ISDIR(files[i].status.st_mode)) {
			review_say(error, "%s can be read only once: give it alone",
			    files[i].is_input ? "standard input" : files[i].path);
			return false;
		}
		if (!read_log(&files[i], find_first_time, &files[i], FIRST_LINES, error))
			return false;
		if (files[i].lines > 0 && files[i].read == 0) {
			maillog_not_one(files[i].path, error);
			return false;
		}
	}
	qsort(files, (size_t)count, sizeof(*files), compare_logs);
	return true;
}

/* ------------------------------------------------------------------ *
 * What stands in two files
 * ------------------------------------------------------------------ */

/* How often a line stood in a file, and in those before at most. */
struct line_count {
	int file;
	uint32_t before, now;
};

/* A reading of several files: lines of a time that two of them have are counted. */
struct overlap {
	maillog_line_taker *take;
	void *context;
	const struct log_file *files;
	int count, current;
	int64_t last_ms;		/* of the files before and this one */
	int64_t before_ms;		/* of those before */
	struct hash_key seed;
	struct intern lines;
	struct line_count *counts;	/* by number */
	size_t room;
	bool no_memory;
};

/* Whether it stood as often in a file before. */
static bool
was_read(struct overlap *overlap, const char *line)
{
	uint64_t hash = hash_bytes(overlap->seed, line, strlen(line));
	struct line_count *count;
	uint32_t number;
	bool added;

	number = intern_add(&overlap->lines, &hash, sizeof(hash), &added);
	if (number == INTERN_NONE ||
	    !array_reserve(overlap->counts, overlap->lines.count, &overlap->room)) {
		overlap->no_memory = true;
		return false;
	}
	count = &overlap->counts[number];
	if (added)
		*count = (struct line_count){ .file = overlap->current };
	if (count->file != overlap->current) {
		count->before = count->now > count->before ? count->now : count->before;
		count->now = 0;
		count->file = overlap->current;
	}
	return ++count->now <= count->before;
}

static bool
take_once(void *context, char *line, struct maillog_clock *clock)
{
	struct overlap *overlap = context;
	int next = overlap->current + 1;
	int64_t time_ms = maillog_line_time(line, clock);

	if (time_ms > overlap->last_ms)
		overlap->last_ms = time_ms;
	if (time_ms != 0 && (time_ms <= overlap->before_ms || (next < overlap->count &&
	    time_ms >= overlap->files[next].first_ms)) && was_read(overlap, line))
		return true;
	return !overlap->no_memory && overlap->take(overlap->context, line, clock);
}

static bool
read_once(struct log_file *files, int count, maillog_line_taker *take, void *context,
    char *error)
{
	struct overlap overlap = {
		.take = take, .context = context, .files = files, .count = count,
		.last_ms = INT64_MIN
	};
	bool fine = true;

	hash_seed(&overlap.seed);
	for (int i = 0; fine && i < count; i++) {
		overlap.current = i;
		overlap.before_ms = overlap.last_ms;
		fine = read_log(&files[i], take_once, &overlap, 0, error);
	}
	if (overlap.no_memory)
		review_say(error, "not enough memory");
	intern_free(&overlap.lines);
	free(overlap.counts);
	return fine;
}

bool
maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context, char error[REVIEW_ERROR_MAX])
{
	struct log_file *files = calloc((size_t)count, sizeof(*files));
	bool fine = files != NULL;

	if (!fine)
		review_say(error, "not enough memory");
	fine = fine && prepare_logs(files, paths, count, error);
	if (fine && count == 1)
		fine = read_log(&files[0], take, context, 0, error);
	else if (fine)
		fine = read_once(files, count, take, context, error);
	free(files);
	return fine;
}
