/*
 * watch_logs.c - tlsward watch: what is read of the logs, and when it is written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* How long it waits for more, and between two commits. */
#define LOOK_MS 500
#define COMMIT_MS 1000

/* So many times as long as a commit took nothing is written, while there is more. */
#define PAUSE 20

/* So often it writes that it is there, where no line comes. */
#define HEARTBEAT_MS 60000

/* So often a reading "once" tries to write. */
#define TRIES 5

/* So many lines are read of one log before the others are looked at. */
#define LINES_AT_ONCE 1000

/* A line from later than so long after now has a wrong clock's time. */
#define AHEAD_MS ((int64_t)366 * 24 * 3600 * 1000)

/* So many logs have their positions kept. */
#define POSITIONS_MAX 200

/* What signals ask for. */
static volatile sig_atomic_t watch_ends, watch_reloads;

static void
on_signal(int number)
{
	if (number == SIGHUP)
		watch_reloads = 1;
	else
		watch_ends = 1;
}

void
watch_take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

void
watch_say(void *context, const char *text)
{
	struct buffer line = BUFFER_INIT;

	(void)context;
	text_visible(&line, text);
	(void)fprintf(stderr, "tlsward watch: %s\n", line.failed ? text : line.text);
	buffer_free(&line);
}

static void __attribute__((format(printf, 1, 2)))
watch_tell(const char *format, ...)
{
	char text[REVIEW_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	watch_say(NULL, text);
}

static void
watch_fail(struct watch_run *run, const char *text)
{
	watch_say(NULL, text);
	run->failed = true;
}

/* Waits so long, or for a signal or input. */
static void
watch_wait(const struct watch_run *run, int ms)
{
	struct pollfd poller = { .fd = -1, .events = POLLIN };

	for (size_t i = 0; i < run->log_count; i++)
		if (!run->logs[i].ended && follow_descriptor(run->logs[i].follow) != -1)
			poller.fd = follow_descriptor(run->logs[i].follow);
	(void)poll(&poller, 1, ms);
}

/* ------------------------------------------------------------------ *
 * Counting
 * ------------------------------------------------------------------ */

static bool
is_likely(int64_t time_ms)
{
	return time_ms > 0 && time_ms < tool_now_ms() + AHEAD_MS;
}

/*
 * A line whose time is not known is of now: so is one of a year to come, which would be
 * kept until then.
 */
static int64_t
known_time(const struct watch_run *run, int64_t time_ms)
{
	return is_likely(time_ms) ? time_ms : run->line_ms != 0 ? run->line_ms :
	    tool_now_ms();
}

static bool
watch_handshake(void *context, const struct maillog_handshake *handshake)
{
	struct watch_log *log = context;
	struct watch_run *run = log->run;
	char next_hop[256];

	if (!log->counting)
		return true;
	run->handshakes++;
	journal_watch_handshake(run->writer, &(struct journal_handshake){
		.time_ms = known_time(run, handshake->time_ms),
		.direction = handshake->outgoing ? "out" : "in",
		.host = handshake->name, .address = handshake->address,
		.next_hop = policy_domain(handshake->next_hop, next_hop,
		    sizeof(next_hop)) ? next_hop : NULL,
		.reason = diagnoses_find(run->judge.diagnoses, handshake->why)->id,
		.sample = handshake->sample
	});
	return true;
}

static bool
watch_delivery(void *context, const struct maillog_delivery *delivery)
{
	struct watch_log *log = context;
	struct watch_run *run = log->run;

	if (!log->counting)
		return true;
	run->deliveries++;
	watch_judge_delivery(&run->judge, delivery, known_time(run, delivery->time_ms),
	    run->writer);
	return true;
}

/* ------------------------------------------------------------------ *
 * Positions and commits
 * ------------------------------------------------------------------ */

/* What is in the journal may be anything: an array of positions, each of a log, stays. */
static json_t *
parse_positions(const char *text)
{
	json_t *found = text == NULL ? NULL : json_loads(text, 0, NULL);
	json_t *positions = json_array(), *position;
	size_t i;

	json_array_foreach(found, i, position)
		if (json_is_string(json_object_get(position, "log")) &&
		    json_array_size(positions) < POSITIONS_MAX)
			(void)json_array_append(positions, position);
	json_decref(found);
	return positions;
}

/* Reads where it was. Waits for a journal, if not once. */
bool
watch_read_positions(struct watch_run *run)
{
	struct buffer state = BUFFER_INIT;

	while (!journal_watch_position(run->writer, &state)) {
		if (!run->held)
			watch_tell("%s", journal_watch_error(run->writer));
		run->held = true;
		if (run->once || watch_ends) {
			run->failed = run->once;
			return false;
		}
		watch_wait(run, COMMIT_MS);
	}
	run->held = false;
	run->positions = parse_positions(state.text);
	buffer_free(&state);
	return run->positions != NULL;
}

/* The position of one log, to which the reader adds what it knows of hosts. */
static void
keep_position(struct watch_run *run, struct watch_log *log)
{
	struct buffer hosts = BUFFER_INIT;
	json_t *position = follow_position(log->follow, maillog_oldest(log->reader)), *old;
	size_t i;

	if (position == NULL)
		return;
	maillog_hosts_write(log->reader, &hosts);
	if (hosts.text != NULL && !hosts.failed)
		(void)json_object_set_new(position, "hosts", json_string(hosts.text));
	(void)json_object_set_new(position, "settled", json_boolean(log->settled));
	buffer_free(&hosts);
	json_array_foreach(run->positions, i, old)
		if (strcmp(json_string_value(json_object_get(old, "log")),
		    follow_name(log->follow)) == 0)
			break;
	if (i < json_array_size(run->positions))
		(void)json_array_remove(run->positions, i);
	else if (i >= POSITIONS_MAX)
		(void)json_array_remove(run->positions, 0);
	(void)json_array_append_new(run->positions, position);
}

/* Writes what was counted. */
static enum journal_watch_result
watch_commit(struct watch_run *run)
{
	enum journal_watch_result result;
	char *state;

	for (size_t i = 0; i < run->log_count; i++)
		if (run->logs[i].fed)
			keep_position(run, &run->logs[i]);
	state = json_dumps(run->positions, JSON_COMPACT);
	if (state == NULL)
		return JOURNAL_WATCH_STALE;
	result = journal_watch_commit(run->writer, &(struct journal_position){
		.state = state, .now_ms = tool_now_ms(), .line_ms = run->line_ms,
		.lag_ms = run->more && run->line_ms != 0 ? tool_now_ms() - run->line_ms : 0,
		.lines = run->lines, .lines_unread = run->unread
	});
	free(state);
	run->committed_ms = tool_now_ms();
	if (result == JOURNAL_WATCH_DONE)
		run->lines = run->unread = 0;
	return result;
}

/* Writes, and says what is in the way of that. False: it ends, or is to be tried later. */
static bool
try_commit(struct watch_run *run)
{
	switch (watch_commit(run)) {
	case JOURNAL_WATCH_DONE:
		if (run->held)
			watch_tell("the journal is written to again");
		run->held = false;
		return true;
	case JOURNAL_WATCH_STALE:
		watch_fail(run, journal_watch_error(run->writer));
		return false;
	case JOURNAL_WATCH_HELD:
		if (!run->held)
			watch_tell("%s", journal_watch_error(run->writer));
		run->held = true;
		return false;
	}
	return false;
}

/* Whether it is time to write: what was read, or that nothing was. */
static bool
commit_is_due(const struct watch_run *run)
{
	return tool_now_ms() - run->committed_ms >=
	    (run->lines > 0 ? COMMIT_MS : HEARTBEAT_MS);
}

/* Until it is written; once, so often as is worth while. */
static bool
must_commit(struct watch_run *run)
{
	int tries = 0;

	while (!try_commit(run)) {
		if (run->failed || (watch_ends && tries > 0))
			return false;
		if (run->once && ++tries == TRIES) {
			run->failed = true;
			return false;
		}
		tries += watch_ends;
		watch_wait(run, COMMIT_MS);
	}
	return true;
}

/*
 * Where there is more to be added: then the journal is left to the daemon, so much longer
 * than it was locked that hardly a refusal waits for this one.
 */
static bool
commit_and_pause(struct watch_run *run)
{
	int64_t start_ms = tool_now_ms(), pause_ms;

	if (!must_commit(run))
		return false;
	pause_ms = PAUSE * (tool_now_ms() - start_ms);
	if (pause_ms < JOURNAL_WATCH_PAUSE_MS)
		pause_ms = JOURNAL_WATCH_PAUSE_MS;
	(void)poll(NULL, 0, pause_ms < COMMIT_MS ? (int)pause_ms : COMMIT_MS);
	return true;
}

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

bool
watch_open_log(struct watch_run *run, const char *path)
{
	struct watch_log *log = &run->logs[run->log_count++];
	const struct follow_options options = {
		.path = path, .rotated = run->files.list, .rotated_count = run->files.count,
		.folder = run->folder, .once = run->once, .say = watch_say
	};

	log->run = run;
	log->reading = (struct maillog_reading){
		.since_ms = INT64_MIN, .until_ms = INT64_MAX, .fail = watch_handshake,
		.deliver = watch_delivery, .context = log
	};
	log->follow = follow_open(&options, run->positions, log->error);
	if (log->follow == NULL)
		watch_fail(run, log->error);
	else if ((log->reader = maillog_new(&log->reading, &log->totals, log->error)) == NULL)
		watch_fail(run, "not enough memory");
	return !run->failed;
}

static bool
was_settled(const struct watch_log *log)
{
	return json_is_true(json_object_get(follow_found(log->follow), "settled"));
}

/* Before the first line, and before the first that is new. */
static void
begin_counting(struct watch_log *log, bool counted)
{
	const char *hosts;

	if (!log->begun) {
		hosts = json_string_value(json_object_get(follow_found(log->follow),
		    "hosts"));
		if (hosts != NULL)
			maillog_hosts_read(log->reader, hosts);
		log->begun = true;
	}
	if (!counted && !log->fed) {
		if (was_settled(log))
			(void)maillog_settle(log->reader);
		log->fed = true;
	}
	log->counting = !counted;
}

static bool
watch_feed(struct watch_log *log, struct follow_line *line)
{
	struct watch_run *run = log->run;
	int64_t unread = log->totals.unread_lines, told;

	if (maillog_is_none(&log->totals)) {
		maillog_not_one(follow_name(log->follow), log->error);
		return false;
	}
	begin_counting(log, line->counted);
	/* What the end of the file has of a line is one, if it tells of something. */
	if (line->cut && !maillog_settle(log->reader))
		return false;
	told = run->handshakes + run->deliveries;
	if (!maillog_feed(log->reader, line->text, line->clock, line->place) ||
	    (line->cut && !maillog_settle(log->reader)))
		return false;
	log->settled = line->cut;
	if (line->cut && told == run->handshakes + run->deliveries) {
		follow_take_back(log->follow);
		return true;
	}
	if (line->counted)
		return true;
	if (log->totals.newest_ms > run->line_ms && is_likely(log->totals.newest_ms))
		run->line_ms = log->totals.newest_ms;
	run->lines++;
	run->all_lines++;
	run->unread += log->totals.unread_lines - unread;
	run->all_unread += log->totals.unread_lines - unread;
	return true;
}

/* The end of a log, or of what is there of it. */
static bool
end_log(struct watch_log *log)
{
	const struct maillog_totals *totals = &log->totals;

	log->ended = true;
	log->counting = log->fed || !was_settled(log);
	if (!maillog_settle(log->reader))
		return false;
	if (follow_found(log->follow) == NULL && totals->lines == 0 &&
	    (log->run->journald || totals->other_lines + totals->unread_lines > 0)) {
		maillog_not_one(log->run->journald ? "the systemd journal that this user may "
		    "read" : follow_name(log->follow), log->error);
		return false;
	}
	/* Also where no line was new: what was open is counted. */
	log->settled = true;
	log->fed = log->fed || log->counting;
	keep_position(log->run, log);
	return true;
}

/* Reads some lines. False: there are no more as yet, or it has failed. */
static bool
read_some(struct watch_log *log)
{
	struct watch_run *run = log->run;
	struct follow_line line;
	bool fine = true;

	for (int i = 0; i < LINES_AT_ONCE && fine; i++) {
		enum follow_result result = follow_read(log->follow, &line, log->error);

		if (result == FOLLOW_NOTHING)
			return false;
		fine = result == FOLLOW_LINE ? watch_feed(log, &line) :
		    result == FOLLOW_END && end_log(log);
		if (fine && journal_watch_is_full(run->writer) && !commit_and_pause(run))
			return false;
		if (result == FOLLOW_END && fine)
			return false;
	}
	if (!fine)
		watch_fail(run, log->error[0] != '\0' ? log->error : "not enough memory");
	return fine;
}

static bool
all_ended(const struct watch_run *run)
{
	for (size_t i = 0; i < run->log_count; i++)
		if (!run->logs[i].ended)
			return false;
	return true;
}

bool
watch_logs(struct watch_run *run)
{
	while (!run->failed && !watch_ends && !all_ended(run)) {
		bool more = false;

		/* Once: one after the other, so that copies are seen. */
		for (size_t i = 0; i < run->log_count && !run->failed &&
		    !(run->once && more); i++)
			more = (!run->logs[i].ended && read_some(&run->logs[i])) || more;
		run->more = more;
		if (watch_reloads) {
			watch_reloads = 0;
			watch_tell("%s", watch_judge_reload(&run->judge) ?
			    "the policy was loaded again" :
			    "the policy that was in force before stays");
		}
		if (!run->failed && commit_is_due(run))
			(void)try_commit(run);
		if (!more && !run->failed && !watch_ends && !all_ended(run))
			watch_wait(run, LOOK_MS);
	}
	if (!run->failed)
		(void)must_commit(run);
	return !run->failed && all_ended(run);
}
