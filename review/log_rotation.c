/*
 * log_rotation.c - a log's lines from file to file, whatever it is rotated into.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_rotation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"

/* So many looks in vain tell that a file has gone. */
#define MISSED 3

void
follow_say(const struct follow *follow, const char *format, ...)
{
	char text[REVIEW_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	follow->options.say(follow->options.context, text);
}

const char *
follow_name(const struct follow *follow)
{
	return follow->path != NULL ? follow->path :
	    follow->options.folder != NULL ? follow->options.folder : "journald";
}

bool
follow_is_input(const struct follow *follow)
{
	return follow->path != NULL && strcmp(follow->path, "-") == 0;
}

bool
follow_is_regular(const struct follow *follow)
{
	return S_ISREG(follow->input.status.st_mode);
}

struct span *
follow_last_span(const struct follow *follow)
{
	return &follow->spans[follow->span_count - 1];
}

/* The mark of what was read of the open file. */
struct mark
follow_mark(struct follow *follow)
{
	(void)fstat(follow->input.fd, &follow->input.status);
	return mark_make(&follow->input, follow->input.offset, follow->head,
	    follow->head_size);
}

/* Says once that not all of the open file can be read. */
void
follow_say_damaged(struct follow *follow)
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
	follow_say_damaged(follow);
	free(follow->file);
	follow->file = file;
	if (follow->span_count > 0)
		follow_last_span(follow)->mark = follow->end_size < 0 ? follow_mark(follow) :
		    follow->end;
	log_input_close(input);
	*input = next;
	input->no_wait = true;
	follow->end_size = follow->looked_size = -1;
	follow->trouble = follow->missed = 0;
	follow->spans[follow->span_count++] = (struct span){
		.base = follow->place - offset
	};
	if (!follow_is_regular(follow))
		return true;
	if (follow->going_on && mark_is_in(&follow->counted, input)) {
		follow->going_on = false;
		follow->counted_to = follow_last_span(follow)->base + follow->counted.offset;
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
const json_t *
follow_find(const struct follow *follow, const struct siblings *siblings)
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
	const json_t *position = follow_find(follow, siblings);
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
bool
follow_start(struct follow *follow)
{
	struct siblings siblings = { NULL, 0, 0 };
	bool fine, again = false;

	errno = ENOMEM;
	follow->blamed = follow_is_input(follow) ? follow->path : follow->folder;
	if (follow_is_input(follow))
		fine = open_file(follow, "-", NULL, 0);
	else if ((fine = siblings_list(follow->path, &siblings)))
		fine = start_files(follow, &siblings, &again);
	siblings_free(&siblings);
	if (fine && !follow->options.once)
		follow_say(follow, "follows %s, from %s", follow_is_input(follow) ?
		    "standard input" : follow->path, !follow_is_regular(follow) ? "now on" :
		    again ? "where it was" : "its start");
	return fine;
}

/* ------------------------------------------------------------------ *
 * From file to file
 * ------------------------------------------------------------------ */

/* Says once why a file cannot be read now. */
void
follow_say_trouble(struct follow *follow, const char *path, int error)
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
		mark = follow_mark(follow);
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

	if (follow_is_input(follow) || (stat(follow->path, &log) == 0 &&
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
			follow_say_trouble(follow, follow->folder, errno);
		follow->looked_size = -1;
		return NULL;
	}
	next = next_file(follow, &siblings);
	/* Whoever writes to the next one has written the last to this one. */
	if (next != SIBLING_NONE && (text = log_input_line(&follow->input, true)) == NULL) {
		*opened = open_sibling(follow, &siblings, next, 0) || errno == ESTALE;
		if (!*opened)
			follow_say_trouble(follow, siblings.files[next].path, errno);
	}
	/* It is to be looked for again, whether or not something changes. */
	if (next != SIBLING_NONE)
		follow->looked_size = -1;
	siblings_free(&siblings);
	return text;
}

/* The next line, from whichever file. NULL: there is none as yet. */
char *
follow_next_line(struct follow *follow)
{
	struct log_input *input = &follow->input;
	bool opened = true;
	char *text = NULL;

	while (text == NULL && opened) {
		if (was_truncated(follow))
			after_truncation(follow);
		text = log_input_line(input, false);
		if (text != NULL || !follow_is_regular(follow))
			break;
		opened = false;
		if (may_go_on(follow))
			text = line_of_next_file(follow, &opened);
	}
	if (text != NULL)
		follow->end_size = -1;
	return text;
}
