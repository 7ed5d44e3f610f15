/*
 * log_follow.c - the lines of logs.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "review/log_rotation.h"
#include "base/file.h"

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

	if (follow_is_regular(follow) ? follow->options.once || follow_is_input(follow) : input->done) {
		line->cut = follow_is_regular(follow) && !follow_is_input(follow) &&
		    input->archive == NULL;
		return read_rest(follow, &line->text, error);
	}
	follow_say_damaged(follow);
	if (follow->end_size < 0 && follow_is_regular(follow)) {
		follow->end = follow_mark(follow);
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
	line->text = follow_next_line(follow);
	if (line->text == NULL)
		result = read_end(follow, line, error);
	if (result != FOLLOW_LINE)
		return result;
	follow->clock.latest = follow_is_regular(follow) ? follow->input.status.st_mtime :
	    time(NULL);
	end = follow_last_span(follow)->base + follow->input.offset;
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
		follow->begun = follow_start(follow);
		if (!follow->begun && errno != ESTALE)
			break;
	}
	if (follow->begun)
		return FOLLOW_LINE;
	why = errno;
	if (why == ENOENT && !follow->options.once)
		follow_say_trouble(follow, follow->path, why);
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
	return follow_is_input(follow) ? STDIN_FILENO : -1;
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
	if (!follow->begun || follow->going_on || !follow_is_regular(follow) || follow_is_input(follow))
		return NULL;
	follow_last_span(follow)->mark = follow_mark(follow);
	/* While nothing was read of a file, it is the end of the one before. */
	counted = follow->input.offset == 0 && follow->span_count > 1 ?
	    follow->spans[follow->span_count - 2].mark : follow_last_span(follow)->mark;
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
	const json_t *position = follow_find(follow, NULL);
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
