/*
 * log_follow.c - the lines of logs, from file to file.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "review/log_marks.h"
#include "review/log_journald.h"
#include "review/reading.h"
#include "base/array.h"
#include "base/file.h"

/* So many looks in vain tell that a file has gone. */
#define MISSED 3

/* A file that was read, or is. */
struct span {
	int64_t base;		/* the place of its first byte */
	struct mark mark;	/* the end of it, or of what was read of it */
};

struct follow {
	struct follow_options options;
	char *path, *folder;	/* absolute, or "-"; of the file */
	char *file;		/* the one that is open */
	const json_t *positions;	/* the caller's; NULL: none */
	struct journald *journald;	/* NULL: it is a file */
	int64_t journald_us;	/* of the entry that was read last; 0: none was */
	struct log_input input;
	struct maillog_clock clock;
	char head[MARK_HEAD];	/* of the file that is open, where it is packed */
	size_t head_size;
	struct span *spans;	/* the last is the one that is open */
	size_t span_count, span_room;
	int64_t place;		/* behind the line that was read last */
	int64_t last_length;	/* of that line */

	struct mark counted;	/* what was counted before the start */
	bool going_on;		/* it is in a file that is still to come */
	json_t *found;		/* the position; NULL: begins at its start */
	int64_t counted_to;	/* its place, once it is known */

	struct mark end;	/* of what was read when there was no more */
	int64_t end_size;	/* of the file then, all of it read; -1: there is more */
	int64_t looked_ns, looked_size;	/* of folder and log, when there was no other file */
	int missed;		/* looks for the open file in its folder, in vain */
	int trouble;		/* errno that was told; 0: none */
	const char *blamed;	/* path or folder: what could not be read at the start */
	bool begun;
};

static void __attribute__((format(printf, 2, 3)))
follow_say(const struct follow *follow, const char *format, ...)
{
	char text[REVIEW_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	follow->options.say(follow->options.context, text);
}

static bool
is_input(const struct follow *follow)
{
	return follow->path != NULL && strcmp(follow->path, "-") == 0;
}

static bool
is_regular(const struct follow *follow)
{
	return S_ISREG(follow->input.status.st_mode);
}

static struct span *
last_span(const struct follow *follow)
{
	return &follow->spans[follow->span_count - 1];
}

/* The mark of what was read of the open file. */
static struct mark
mark_here(struct follow *follow)
{
	(void)fstat(follow->input.fd, &follow->input.status);
	return mark_make(&follow->input, follow->input.offset, follow->head,
	    follow->head_size);
}

/* Says once that not all of the open file can be read. */
static void
say_damaged(struct follow *follow)
{
	if (!follow->input.damaged || follow->trouble == EILSEQ)
		return;
	follow->trouble = EILSEQ;
	follow_say(follow, "cannot read all of %s: %s; goes on with what comes after it",
	    follow->file, log_input_problem(&follow->input));
}

/*
 * Opens a file at an offset, in the place of the open one. False with errno: nothing has
 * changed; ESTALE: another file has that name by now than when it was looked at.
 */
static bool
open_file(struct follow *follow, const char *path, const struct stat *status,
    int64_t offset)
{
	struct log_input next = LOG_INPUT_INIT, *input = &follow->input;
	char *file = strdup(path);
	int error;

	errno = ENOMEM;
	if (file == NULL || !array_reserve(follow->spans, follow->span_count + 1,
	    &follow->span_room) || !log_input_open(&next, path, follow->options.once) ||
	    (status != NULL && next.status.st_ino != status->st_ino)) {
		error = next.fd == -1 ? errno : ESTALE;
		log_input_close(&next);
		free(file);
		errno = error;
		return false;
	}
	say_damaged(follow);
	free(follow->file);
	follow->file = file;
	if (follow->span_count > 0)
		last_span(follow)->mark = follow->end_size < 0 ? mark_here(follow) :
		    follow->end;
	log_input_close(input);
	*input = next;
	input->no_wait = true;
	follow->end_size = follow->looked_size = -1;
	follow->trouble = follow->missed = 0;
	follow->spans[follow->span_count++] = (struct span){
		.base = follow->place - offset
	};
	if (!is_regular(follow))
		return true;
	if (follow->going_on && mark_is_in(&follow->counted, input)) {
		follow->going_on = false;
		follow->counted_to = last_span(follow)->base + follow->counted.offset;
	}
	follow->head_size = input->archive == NULL ? 0 :
	    log_input_bytes(input, 0, follow->head, sizeof(follow->head));
	return log_input_seek(input, offset);
}

/* ------------------------------------------------------------------ *
 * Where to begin
 * ------------------------------------------------------------------ */

static bool
open_sibling(struct follow *follow, const struct siblings *siblings, size_t number,
    int64_t offset)
{
	return open_file(follow, siblings->files[number].path,
	    &siblings->files[number].status, offset);
}

/* The oldest file, not empty, that was written after the mark was made; there is one. */
static size_t
oldest_after(const struct siblings *siblings, const struct mark *mark)
{
	size_t i = 0;

	while (i + 1 < siblings->count && (siblings->files[i].status.st_size == 0 ||
	    sibling_written_ns(&siblings->files[i].status) <= mark->written_ns))
		i++;
	return i;
}

/*
 * Begins with the first line that is needed, and counts from the mark on. What is needed
 * is in the file of the mark or an older one, or gone.
 */
static bool
go_on(struct follow *follow, const struct siblings *siblings, const struct mark *needed)
{
	size_t counted = siblings_marked(siblings, &follow->counted), first;

	errno = ENOENT;
	if (siblings->count == 0)
		return false;
	/* It may have been renamed while it was looked for. */
	errno = ESTALE;
	if (counted == SIBLING_NONE && ++follow->missed < MISSED)
		return false;
	if (counted == SIBLING_NONE) {
		first = oldest_after(siblings, &follow->counted);
		follow_say(follow, "%s: what was read last is not there any more; goes on at "
		    "the start of %s, and lines may be left out", follow->path,
		    siblings->files[first].path);
		return open_sibling(follow, siblings, first, 0);
	}
	first = needed->head_size == 0 ? SIBLING_NONE : siblings_marked(siblings, needed);
	follow->going_on = true;
	if (first != SIBLING_NONE && (first < counted || (first == counted &&
	    needed->offset < follow->counted.offset)))
		return open_sibling(follow, siblings, first, needed->offset);
	return open_sibling(follow, siblings, counted, follow->counted.offset);
}

/*
 * The position of this log: by its name or, a mark in one of its files having been
 * counted under another name, by that; or NULL.
 */
static const json_t *
find_position(const struct follow *follow, const struct siblings *siblings)
{
	const json_t *position;
	struct mark mark;
	size_t i;

	json_array_foreach(follow->positions, i, position) {
		const char *log = json_string_value(json_object_get(position, "log"));

		if (log != NULL && strcmp(follow_name(follow), log) == 0)
			return position;
	}
	json_array_foreach(follow->positions, i, position)
		if (siblings != NULL &&
		    mark_read(json_object_get(position, "counted"), &mark) &&
		    siblings_marked(siblings, &mark) != SIBLING_NONE)
			return position;
	return NULL;
}

/* The file to begin with: the log itself, or the oldest of those named that is there. */
static bool
begin(struct follow *follow, const struct siblings *siblings)
{
	struct stat status;

	for (size_t i = 0; i < siblings->count; i++)
		for (size_t j = 0; j < follow->options.rotated_count; j++)
			if (stat(follow->options.rotated[j], &status) == 0 &&
			    siblings_open(siblings, &status) == i)
				return open_sibling(follow, siblings, i, 0);
	return open_file(follow, follow->path, NULL, 0);
}

static bool
start_files(struct follow *follow, const struct siblings *siblings, bool *again)
{
	const json_t *position = find_position(follow, siblings);
	struct mark needed = { .head_size = 0 };

	follow->blamed = follow->path;
	*again = position != NULL &&
	    mark_read(json_object_get(position, "counted"), &follow->counted);
	if (!*again)
		return begin(follow, siblings);
	if (!mark_read(json_object_get(position, "needed"), &needed))
		needed.head_size = 0;
	json_decref(follow->found);
	follow->found = json_incref((json_t *)(uintptr_t)position);
	return go_on(follow, siblings, &needed);
}

/* Opens the first file. False with errno. */
static bool
start_following(struct follow *follow)
{
	struct siblings siblings = { NULL, 0, 0 };
	bool fine, again = false;

	errno = ENOMEM;
	follow->blamed = is_input(follow) ? follow->path : follow->folder;
	if (is_input(follow))
		fine = open_file(follow, "-", NULL, 0);
	else if ((fine = siblings_list(follow->path, &siblings)))
		fine = start_files(follow, &siblings, &again);
	siblings_free(&siblings);
	if (fine && !follow->options.once)
		follow_say(follow, "follows %s, from %s", is_input(follow) ?
		    "standard input" : follow->path, !is_regular(follow) ? "now on" :
		    again ? "where it was" : "its start");
	return fine;
}

/* ------------------------------------------------------------------ *
 * From file to file
 * ------------------------------------------------------------------ */

/* Says once why a file cannot be read now. */
static void
say_trouble(struct follow *follow, const char *path, int error)
{
	if (follow->trouble == error)
		return;
	follow->trouble = error;
	if (error == ENOENT)
		follow_say(follow, "waits for %s, which is not there yet", path);
	else
		follow_say(follow, "cannot read %s: %s; tries again", path, file_why(error));
}

/*
 * The file after the open one, with something in it, or SIBLING_NONE. Where the open one
 * has gone from the folder, those are newer that were written later.
 */
static size_t
next_file(struct follow *follow, const struct siblings *siblings)
{
	size_t here = siblings_open(siblings, &follow->input.status);
	struct mark mark;

	if (here == SIBLING_NONE) {
		mark = mark_here(follow);
		here = siblings_marked(siblings, &mark);
		/* It may have been renamed while it was looked for. */
		if (here == SIBLING_NONE && ++follow->missed < MISSED) {
			follow->looked_size = -1;
			return SIBLING_NONE;
		}
		if (here == SIBLING_NONE && siblings->count > 0) {
			here = oldest_after(siblings, &mark);
			return siblings->files[here].status.st_size > 0 ? here :
			    SIBLING_NONE;
		}
	}
	for (size_t i = here + 1; here != SIBLING_NONE && i < siblings->count; i++)
		if (siblings->files[i].status.st_size > 0)
			return i;
	return SIBLING_NONE;
}

/* Whether it is worth while to look for a next file: something is new in the folder. */
static bool
may_go_on(struct follow *follow)
{
	struct stat folder, log = { .st_size = 0 };
	int64_t changed_ns;

	if (is_input(follow) || (stat(follow->path, &log) == 0 &&
	    log.st_ino == follow->input.status.st_ino &&
	    log.st_dev == follow->input.status.st_dev) ||
	    stat(follow->folder, &folder) != 0)
		return false;
	changed_ns = sibling_written_ns(&folder);
	if (changed_ns == follow->looked_ns && log.st_size == follow->looked_size)
		return false;
	follow->looked_ns = changed_ns;
	follow->looked_size = log.st_size;
	return true;
}

/* Whether the open file lost what was read of it. */
static bool
was_truncated(struct follow *follow)
{
	struct log_input *input = &follow->input;
	struct mark now;

	if (follow->end_size < 0 || input->archive != NULL ||
	    fstat(input->fd, &input->status) != 0 ||
	    (input->status.st_size == follow->end_size &&
	    sibling_written_ns(&input->status) == follow->end.written_ns))
		return false;
	now = mark_make(input, follow->end.offset, NULL, 0);
	return input->status.st_size < follow->end_size ||
	    now.tail_size != follow->end.tail_size || now.tail != follow->end.tail;
}

/* A copy of it may be there, with more than what was read (logrotate's copytruncate). */
static void
after_truncation(struct follow *follow)
{
	struct siblings siblings = { NULL, 0, 0 };
	size_t copy = SIBLING_NONE;

	follow_say(follow, "%s was truncated in place: what was written to it last is lost; "
	    "rotate it by renaming", follow->path);
	if (siblings_list(follow->path, &siblings))
		copy = siblings_marked(&siblings, &follow->end);
	if (copy == SIBLING_NONE ||
	    !open_sibling(follow, &siblings, copy, follow->end.offset))
		(void)open_file(follow, follow->path, NULL, 0);
	follow->end_size = -1;
	siblings_free(&siblings);
}

/* What else the open file has, or opens the next one. NULL: neither. */
static char *
line_of_next_file(struct follow *follow, bool *opened)
{
	struct siblings siblings = { NULL, 0, 0 };
	char *text = NULL;
	size_t next;

	*opened = false;
	if (!siblings_list(follow->path, &siblings)) {
		if (errno != ESTALE)
			say_trouble(follow, follow->folder, errno);
		follow->looked_size = -1;
		return NULL;
	}
	next = next_file(follow, &siblings);
	/* Whoever writes to the next one has written the last to this one. */
	if (next != SIBLING_NONE && (text = log_input_line(&follow->input, true)) == NULL) {
		*opened = open_sibling(follow, &siblings, next, 0) || errno == ESTALE;
		if (!*opened)
			say_trouble(follow, siblings.files[next].path, errno);
	}
	/* It is to be looked for again, whether or not something changes. */
	if (next != SIBLING_NONE)
		follow->looked_size = -1;
	siblings_free(&siblings);
	return text;
}

/* The next line, from whichever file. NULL: there is none as yet. */
static char *
next_line(struct follow *follow)
{
	struct log_input *input = &follow->input;
	bool opened = true;
	char *text = NULL;

	while (text == NULL && opened) {
		if (was_truncated(follow))
			after_truncation(follow);
		text = log_input_line(input, false);
		if (text != NULL || !is_regular(follow))
			break;
		opened = false;
		if (may_go_on(follow))
			text = line_of_next_file(follow, &opened);
	}
	if (text != NULL)
		follow->end_size = -1;
	return text;
}

/* ------------------------------------------------------------------ *
 * A following
 * ------------------------------------------------------------------ */

/* Where nothing else is, what is there of a last line is one. */
static enum follow_result
read_rest(struct follow *follow, char **text, char *error)
{
	struct log_input *input = &follow->input;

	*text = log_input_line(input, true);
	if (*text != NULL)
		return FOLLOW_LINE;
	if (!input->damaged)
		return FOLLOW_END;
	review_say(error, "cannot read all of %s: %s", follow->file,
	    log_input_problem(input));
	return FOLLOW_FAILED;
}

/* There is no more in any file: is that the end? */
static enum follow_result
read_end(struct follow *follow, struct follow_line *line, char *error)
{
	struct log_input *input = &follow->input;

	if (is_regular(follow) ? follow->options.once || is_input(follow) : input->done) {
		line->cut = is_regular(follow) && !is_input(follow) &&
		    input->archive == NULL;
		return read_rest(follow, &line->text, error);
	}
	say_damaged(follow);
	if (follow->end_size < 0 && is_regular(follow)) {
		follow->end = mark_here(follow);
		follow->end_size = input->offset + (int64_t)(input->end - input->at);
	}
	return FOLLOW_NOTHING;
}

static enum follow_result
read_file(struct follow *follow, struct follow_line *line, char *error)
{
	enum follow_result result = FOLLOW_LINE;
	int64_t end;

	line->cut = false;
	line->text = next_line(follow);
	if (line->text == NULL)
		result = read_end(follow, line, error);
	if (result != FOLLOW_LINE)
		return result;
	follow->clock.latest = is_regular(follow) ? follow->input.status.st_mtime :
	    time(NULL);
	end = last_span(follow)->base + follow->input.offset;
	line->place = follow->place;
	line->counted = follow->going_on || end <= follow->counted_to;
	follow->last_length = end - follow->place;
	follow->place = end;
	return FOLLOW_LINE;
}

static enum follow_result
read_journald(struct follow *follow, struct follow_line *line, char *error)
{
	int64_t time_us;

	line->cut = false;
	line->text = journald_line(follow->journald, &time_us, &line->counted, error);
	if (line->text == NULL)
		return error[0] != '\0' ? FOLLOW_FAILED :
		    follow->options.once ? FOLLOW_END : FOLLOW_NOTHING;
	follow->clock.latest = time(NULL);
	follow->journald_us = line->place = time_us;
	return FOLLOW_LINE;
}

/* Opens what is followed, or waits for it, or until it is not renamed just now. */
static enum follow_result
read_start(struct follow *follow, char *error)
{
	int why;

	for (int i = 0; i < 10 && !follow->begun; i++) {
		follow->begun = start_following(follow);
		if (!follow->begun && errno != ESTALE)
			break;
	}
	if (follow->begun)
		return FOLLOW_LINE;
	why = errno;
	if (why == ENOENT && !follow->options.once)
		say_trouble(follow, follow->path, why);
	if ((why == ENOENT || why == ESTALE) && !follow->options.once)
		return FOLLOW_NOTHING;
	review_say(error, "cannot read %s: %s", follow->blamed, file_why(why));
	return FOLLOW_FAILED;
}

enum follow_result
follow_read(struct follow *follow, struct follow_line *line,
    char error[REVIEW_ERROR_MAX])
{
	enum follow_result result;

	error[0] = '\0';
	line->clock = &follow->clock;
	if (follow->journald != NULL)
		return read_journald(follow, line, error);
	if (!follow->begun && (result = read_start(follow, error)) != FOLLOW_LINE)
		return result;
	return read_file(follow, line, error);
}

void
follow_take_back(struct follow *follow)
{
	follow->place -= follow->last_length;
	follow->input.offset -= follow->last_length;
}

bool
follow_is_rotated(const char *path, const char *log)
{
	return sibling_is_of(path, log);
}

int
follow_descriptor(const struct follow *follow)
{
	return is_input(follow) ? STDIN_FILENO : -1;
}

const char *
follow_name(const struct follow *follow)
{
	return follow->path != NULL ? follow->path :
	    follow->options.folder != NULL ? follow->options.folder : "journald";
}

const json_t *
follow_found(const struct follow *follow)
{
	return follow->found;
}

static json_t *
journald_position(struct follow *follow, int64_t needed)
{
	char *cursor = follow->journald_us == 0 ? NULL : journald_cursor(follow->journald);
	json_t *position = cursor == NULL ? NULL : json_pack("{ss ss sI sI}", "log",
	    follow_name(follow), "cursor", cursor, "time_us",
	    (json_int_t)follow->journald_us, "needed_us", (json_int_t)needed);

	free(cursor);
	return position;
}

/* Forgets the files before the one with that place. */
static void
drop_spans(struct follow *follow, int64_t needed)
{
	size_t drop = 0;

	while (drop + 1 < follow->span_count && follow->spans[drop + 1].base <= needed)
		drop++;
	follow->span_count -= drop;
	memmove(follow->spans, follow->spans + drop,
	    follow->span_count * sizeof(*follow->spans));
}

json_t *
follow_position(struct follow *follow, int64_t needed)
{
	struct mark counted, first;
	json_t *position;

	if (follow->journald != NULL)
		return journald_position(follow, needed);
	if (!follow->begun || follow->going_on || !is_regular(follow) || is_input(follow))
		return NULL;
	last_span(follow)->mark = mark_here(follow);
	/* While nothing was read of a file, it is the end of the one before. */
	counted = follow->input.offset == 0 && follow->span_count > 1 ?
	    follow->spans[follow->span_count - 2].mark : last_span(follow)->mark;
	if (counted.head_size == 0)
		return NULL;
	drop_spans(follow, needed < follow->place ? needed : follow->place - 1);
	position = json_pack("{ss so}", "log", follow_name(follow), "counted",
	    mark_write(&counted));
	first = follow->spans[0].mark;
	if (position == NULL || needed >= follow->place || first.head_size == 0)
		return position;
	first.offset = needed - follow->spans[0].base;
	first.tail_size = 0;
	if (first.offset >= 0)
		(void)json_object_set_new(position, "needed", mark_write(&first));
	return position;
}

/* ------------------------------------------------------------------ *
 * Its beginning and its end
 * ------------------------------------------------------------------ */

static bool
go_on_with_journald(struct follow *follow)
{
	const json_t *position = find_position(follow, NULL);
	json_int_t time_us, needed_us;
	const char *cursor;

	if (position == NULL || json_unpack((json_t *)(uintptr_t)position,
	    "{ss sI sI}", "cursor", &cursor, "time_us", &time_us, "needed_us",
	    &needed_us) != 0)
		return false;
	follow->found = json_incref((json_t *)(uintptr_t)position);
	if (!journald_seek(follow->journald, cursor, time_us, needed_us))
		follow_say(follow, "the systemd journal has not kept what was read last: "
		    "lines may be left out");
	return true;
}

static bool
open_journald(struct follow *follow, char *error)
{
	bool again;

	follow->journald = journald_open(follow->options.folder, error);
	if (follow->journald == NULL)
		return false;
	again = go_on_with_journald(follow);
	if (!follow->options.once)
		follow_say(follow, "follows the systemd journal, from %s", again ?
		    "where it was" : "its start");
	return true;
}

/* The absolute path of what is followed, and its folder. */
static bool
take_log_path(struct follow *follow, char *error)
{
	const char *path = follow->options.path;
	char *here = path[0] == '/' || strcmp(path, "-") == 0 ? strdup("") :
	    getcwd(NULL, 0);
	const char *slash;

	if (here == NULL || asprintf(&follow->path, "%s%s%s", here,
	    here[0] == '\0' ? "" : "/", path) < 0)
		follow->path = NULL;
	free(here);
	if (follow->path == NULL) {
		review_say(error, "cannot follow %s: %s", path, strerror(errno));
		return false;
	}
	slash = strrchr(follow->path, '/');
	follow->folder = strndup(follow->path, slash == NULL ? 0 :
	    (size_t)(slash - follow->path) + 1);
	if (follow->folder == NULL)
		review_say(error, "not enough memory");
	return follow->folder != NULL;
}

struct follow *
follow_open(const struct follow_options *options, const json_t *positions,
    char error[REVIEW_ERROR_MAX])
{
	struct follow *follow = calloc(1, sizeof(*follow));

	if (follow == NULL) {
		review_say(error, "not enough memory");
		return NULL;
	}
	follow->options = *options;
	follow->input = (struct log_input)LOG_INPUT_INIT;
	follow->end_size = follow->looked_size = -1;
	follow->positions = positions;
	if (options->path == NULL ? !open_journald(follow, error) :
	    !take_log_path(follow, error))
		follow_close(&follow);
	return follow;
}

void
follow_close(struct follow **follow)
{
	struct follow *old = *follow;

	if (old == NULL)
		return;
	log_input_close(&old->input);
	journald_close(&old->journald);
	json_decref(old->found);
	free(old->path);
	free(old->folder);
	free(old->file);
	free(old->spans);
	free(old);
	*follow = NULL;
}
