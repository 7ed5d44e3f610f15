/*
 * worker_status.c - what the control socket tells: how the daemon is, how a reload went.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker_status.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/ship.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/tape.h"
#include "base/text.h"

/* How long the reader of the MTA's log may be silent, and behind: it speaks each minute. */
#define WATCH_SILENT_MS (INT64_C(5) * 60 * 1000)
#define WATCH_BEHIND_MS (INT64_C(15) * 60 * 1000)

/* The same of what sends the journal, and how long it may fail. */
#define SHIP_QUIET_MS (INT64_C(5) * 60 * 1000)
#define SHIP_BEHIND_MS (INT64_C(15) * 60 * 1000)

/* So long a death of a worker is told of. */
#define DEATH_MS (INT64_C(60) * 60 * 1000)

#define FORMAT (JSON_COMPACT | JSON_ENSURE_ASCII)

/* A status that is being put together. */
struct status {
	struct worker *worker;
	int64_t now_ms;
	json_t *object;
	json_t *trouble;		/* of the object */
	bool serving;
	bool failed;			/* memory was short */
};

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

/* A text that may hold anything; null for NULL. */
static json_t *
json_of_text(const char *text)
{
	struct buffer repaired = BUFFER_INIT;
	json_t *value = NULL;

	if (text == NULL)
		return json_null();
	text_repair(&repaired, text, strlen(text));
	if (!repaired.failed)
		value = json_stringn(repaired.text != NULL ? repaired.text : "",
		    repaired.length);
	buffer_free(&repaired);
	return value;
}

/* Unix time in milliseconds, to the second; null for 0 and for no end. */
static json_t *
json_of_time(int64_t time_ms)
{
	char text[DATE_TIME_SIZE];

	if (time_ms <= 0 || time_ms == INT64_MAX)
		return json_null();
	date_write_time(time_ms / 1000, text);
	return json_string(text);
}

/* Puts a member, whose value is taken. */
static void
status_put(struct status *status, const char *name, json_t *value)
{
	if (json_object_set_new(status->object, name, value) != 0)
		status->failed = true;
}

/* Something that needs a person. "fix": what is to be done. */
static void __attribute__((format(printf, 4, 5)))
status_trouble(struct status *status, const char *id, const char *fix,
    const char *format, ...)
{
	char text[2 * TOLD_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (json_array_append_new(status->trouble, json_pack("{s:s, s:o, s:s}", "id", id,
	    "text", json_of_text(text), "fix", fix)) != 0)
		status->failed = true;
}

/* ------------------------------------------------------------------ *
 * The daemon
 * ------------------------------------------------------------------ */

static void
put_daemon(struct status *status)
{
	const struct worker *worker = status->worker;
	const struct daemon *daemon = worker->daemon;

	status_put(status, "version", json_string(TLSWARD_VERSION));
	status_put(status, "time", json_of_time(status->now_ms));
	status_put(status, "since", json_of_time(daemon->started_ms));
	status_put(status, "pid", json_integer(getppid()));
	status_put(status, "settings", json_of_text(daemon->settings_path));
	status_put(status, "worker", json_pack("{s:i, s:o, s:i, s:o}", "pid", (int)getpid(),
	    "since", json_of_time(worker->metrics.started_ms), "deaths",
	    (int)daemon->deaths, "died", json_of_time(daemon->died_ms)));
	if (daemon->died_ms != 0 && status->now_ms - daemon->died_ms < DEATH_MS)
		status_trouble(status, "worker-died", "the log has its last words: report"
		    " them", "a worker died within the last hour (%u since the start); a new"
		    " one serves", daemon->deaths);
}

/* Settings that are others on disk: a reload does not take them. */
static void
put_changed_settings(struct status *status)
{
	const struct daemon *daemon = status->worker->daemon;
	struct diags *diags = diags_new();

	if (diags != NULL)
		settings_changes(daemon->settings, daemon->settings_path, diags);
	for (size_t i = 0; diags != NULL && diags_at(diags, i) != NULL; i++) {
		const struct diag *diag = diags_at(diags, i);

		if (diag->severity != SEVERITY_INFO)
			status_trouble(status, "settings-changed", diag->severity ==
			    SEVERITY_ERROR ? "tlsward check; then systemctl restart tlsward" :
			    "systemctl restart tlsward", "%s:%u: %s", diag->file, diag->line,
			    diag->message);
	}
	diags_free(&diags);
}

/* What does not run, or is not there. */
static void
put_health(struct status *status)
{
	char words[HEALTH_SIZE];

	status->serving = health_look(&status->worker->health, words);
	if (!status->serving)
		status_trouble(status, "not-serving", "the log says why; systemctl restart"
		    " tlsward", "%s", words);
	status_put(status, "serving", json_boolean(status->serving));
}

static void
put_socket(json_t *sockets, const char *setting, const char *address, bool *failed)
{
	char shown[SETTINGS_SHOWN_MAX];

	if (address == NULL)
		return;
	settings_show_address(address, shown);
	if (json_array_append_new(sockets, json_pack("{s:s, s:o}", "setting", setting,
	    "address", json_of_text(shown))) != 0)
		*failed = true;
}

static void
put_sockets(struct status *status)
{
	const struct settings *settings = status->worker->daemon->settings;
	json_t *sockets = json_array();

	for (size_t i = 0; i < settings->listen.count; i++)
		put_socket(sockets, "listen", settings->listen.address[i], &status->failed);
	put_socket(sockets, "policy-service", settings->policy_service, &status->failed);
	put_socket(sockets, "tls-policy-map", settings->tls_policy_map, &status->failed);
	put_socket(sockets, "metrics", settings->metrics, &status->failed);
	put_socket(sockets, "control", settings->control, &status->failed);
	status_put(status, "sockets", sockets);
}

static void
put_mta(struct status *status)
{
	char name[LATELY_MTA_SIZE];
	int64_t asked_ms = lately_mta(&status->worker->service.lately, name);

	status_put(status, "mta", asked_ms == 0 ? json_null() : json_pack("{s:o, s:o}",
	    "name", json_of_text(name), "seen", json_of_time(asked_ms)));
}

/* ------------------------------------------------------------------ *
 * The policy
 * ------------------------------------------------------------------ */

/* What is to be said of the policy in force: by a status and by a reload. */
static json_t *
json_of_policy(struct worker *worker, int64_t loaded_ms)
{
	struct snapshots *snapshots = worker->service.snapshots;
	struct snapshot *snapshot = snapshots_acquire(snapshots);
	const struct policy_summary *summary = &snapshot->summary;
	char digest[POLICY_DIGEST_SIZE] = "";
	json_t *object;

	(void)policy_digest(snapshot->policy, digest);
	object = json_pack("{s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:b}", "file",
	    json_of_text(worker->daemon->settings->policy), "digest", digest, "loaded",
	    json_of_time(loaded_ms), "rules", (json_int_t)summary->rules, "outgoing",
	    (json_int_t)summary->deliver_rules, "partners", (json_int_t)summary->partners,
	    "listed", (json_int_t)summary->listed, "has_default", summary->has_default);
	snapshots_release(snapshots, &snapshot);
	return object;
}

/* Whether what is on disk is what is in force. */
static const char *
look_at_disk(const struct in_force *in_force)
{
	int current = in_force->tape != -1 ? tape_is_current(in_force->tape) : -1;

	return current == 1 ? "same" : current == 0 ? "other" : "unknown";
}

/* The copy's tape is one of its own, to be closed. */
static void
copy_in_force(struct worker *worker, struct in_force *copy)
{
	struct in_force *in_force = &worker->in_force;

	(void)pthread_mutex_lock(&in_force->lock);
	*copy = (struct in_force){
		.loaded_ms = in_force->loaded_ms, .reload_ms = in_force->reload_ms,
		.reload_taken = in_force->reload_taken,
		.tape = in_force->tape == -1 ? -1 :
		    fcntl(in_force->tape, F_DUPFD_CLOEXEC, 0)
	};
	memcpy(copy->reload_error, in_force->reload_error, sizeof(copy->reload_error));
	memcpy(copy->journal_error, in_force->journal_error, sizeof(copy->journal_error));
	(void)pthread_mutex_unlock(&in_force->lock);
}

static void
put_policy(struct status *status, const struct in_force *in_force, const char *disk)
{
	json_t *policy = json_of_policy(status->worker, in_force->loaded_ms);

	if (json_object_set_new(policy, "on_disk", json_string(disk)) != 0)
		status->failed = true;
	status_put(status, "policy", policy);
	if (strcmp(disk, "other") == 0)
		status_trouble(status, "policy-changed", "tlsward check, then tlsward reload",
		    "the policy on disk is not the one in force");
}

/* What was not taken is over where what is on disk is in force again. */
static void
put_reload(struct status *status, const struct in_force *in_force, const char *disk)
{
	const char *error = in_force->reload_error;

	status_put(status, "reload", in_force->reload_ms == 0 ? json_null() :
	    json_pack("{s:o, s:b, s:o}", "time", json_of_time(in_force->reload_ms), "taken",
	    in_force->reload_taken, "error", json_of_text(error[0] != '\0' ? error : NULL)));
	if (in_force->reload_ms != 0 && !in_force->reload_taken && strcmp(disk, "same") != 0)
		status_trouble(status, "reload-failed", "mend the policy, then tlsward reload",
		    "the last reload was not taken: the policy before it is in force%s%s",
		    error[0] != '\0' ? "; " : "", error);
}

static void
put_next(struct status *status)
{
	struct snapshots *snapshots = status->worker->service.snapshots;
	struct snapshot *snapshot = snapshots_acquire(snapshots);
	struct policy_ends ends;

	policy_next_ends(snapshot->policy, status->now_ms / 1000, &ends);
	snapshots_release(snapshots, &snapshot);
	status_put(status, "next", json_pack("{s:o, s:o}", "certificate", json_of_time(
	    ends.certificate == INT64_MAX ? 0 : ends.certificate * 1000), "period",
	    json_of_time(ends.period == INT64_MAX ? 0 : ends.period * 1000)));
}

/* ------------------------------------------------------------------ *
 * Decisions and their record
 * ------------------------------------------------------------------ */

static void
put_decisions(struct status *status)
{
	struct worker *worker = status->worker;
	int64_t hour_ms = status->now_ms - LATELY_MINUTES * INT64_C(60000);
	int64_t since_ms = worker->metrics.started_ms;
	uint32_t minute = lately_minute();
	json_t *decisions = json_pack("{s:o}", "since",
	    json_of_time(since_ms > hour_ms ? since_ms : hour_ms));

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++) {
		enum policy_action action = (enum policy_action)i;
		uint64_t count = lately_count(&worker->service.lately, action, minute);

		if (json_object_set_new(decisions, policy_action_name(action),
		    json_integer((json_int_t)count)) != 0)
			status->failed = true;
	}
	status_put(status, "decisions", decisions);
}

/* The bytes of a journal, with what is not yet in its main file. */
static int64_t
journal_bytes(const char *path)
{
	struct stat main, log;
	struct buffer name = BUFFER_INIT;
	int64_t bytes = stat(path, &main) == 0 ? (int64_t)main.st_size : 0;

	buffer_format(&name, "%s-wal", path);
	if (!name.failed && stat(name.text, &log) == 0)
		bytes += (int64_t)log.st_size;
	buffer_free(&name);
	return bytes;
}

static void
put_journal(struct status *status, const struct in_force *in_force)
{
	const struct worker *worker = status->worker;
	const char *path = worker->daemon->settings->journal;
	struct journal_stats stats = { .queue = 0 };
	bool trouble;

	if (path == NULL) {
		status_put(status, "journal", json_null());
		return;
	}
	journal_store_stats(worker->service.journal, &stats);
	trouble = stats.trouble || worker->service.journal == NULL;
	status_put(status, "journal", json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:b}",
	    "file", json_of_text(path), "bytes", (json_int_t)journal_bytes(path), "queue",
	    (json_int_t)stats.queue, "held", (json_int_t)stats.held, "written",
	    (json_int_t)stats.written, "lost", (json_int_t)stats.lost, "trouble", trouble));
	if (trouble)
		status_trouble(status, "journal", "tlsward check says what is wrong with it;"
		    " mail goes on by the policy", "%s", in_force->journal_error[0] != '\0' ?
		    in_force->journal_error : "the journal cannot be written");
}

struct watched {
	int64_t time_ms, line_ms, lag_ms, lines, lines_unread;
};

static void
note_watched(void *context, const char *name, int64_t value)
{
	struct watched *watched = context;
	const struct {
		const char *name;
		int64_t *member;
	} members[] = {
		{ "time", &watched->time_ms }, { "line_time", &watched->line_ms },
		{ "lag", &watched->lag_ms }, { "lines", &watched->lines },
		{ "lines_unread", &watched->lines_unread },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(name, members[i].name) == 0)
			*members[i].member = value;
}

static void
look_at_watch(struct status *status, const struct watched *watched)
{
	char seen[DATE_TIME_SIZE];

	if (watched->time_ms == 0) {
		status_trouble(status, "watch-silent", "systemctl enable --now tlsward-watch",
		    "nothing reads the mail server's log: tlsward watch has written nothing");
	} else if (status->now_ms - watched->time_ms > WATCH_SILENT_MS) {
		date_write_time(watched->time_ms / 1000, seen);
		status_trouble(status, "watch-silent", "systemctl restart tlsward-watch",
		    "tlsward watch has written nothing since %s", seen);
	} else if (watched->lag_ms > WATCH_BEHIND_MS)
		status_trouble(status, "watch-behind", "journalctl -u tlsward-watch",
		    "tlsward watch is %" PRId64 " minutes behind the mail server's log",
		    watched->lag_ms / 60000);
}

/* What a watch that was run by hand read is told too; it is missed where it is set. */
static void
put_watch(struct status *status)
{
	const struct worker *worker = status->worker;
	const char *maillog = worker->daemon->settings->maillog;
	struct watched watched = { .time_ms = 0 };

	if (worker->service.journal == NULL ||
	    !journal_store_watched(worker->service.journal, note_watched, &watched) ||
	    (maillog == NULL && watched.time_ms == 0)) {
		status_put(status, "watch", json_null());
		return;
	}
	status_put(status, "watch", json_pack("{s:o, s:o, s:o, s:I, s:I, s:I}", "maillog",
	    json_of_text(maillog), "seen", json_of_time(watched.time_ms), "position",
	    json_of_time(watched.line_ms), "lag", (json_int_t)(watched.lag_ms / 1000),
	    "lines", (json_int_t)watched.lines, "lines_unread",
	    (json_int_t)watched.lines_unread));
	if (maillog != NULL)
		look_at_watch(status, &watched);
}

static void
look_at_ship(struct status *status, const struct ship_standing *standing)
{
	const struct ship_state *state = &standing->state;
	bool silent = status->now_ms - state->time_ms > SHIP_QUIET_MS;
	char since[DATE_TIME_SIZE];

	date_write_time((silent ? state->time_ms : state->error_ms) / 1000, since);
	if (state->time_ms == 0)
		status_trouble(status, "ship-silent", "systemctl enable --now tlsward-ship",
		    "nothing sends the journal to PostgreSQL: tlsward ship has not run yet");
	else if (silent)
		status_trouble(status, "ship-silent", "systemctl restart tlsward-ship",
		    "tlsward ship has not run since %s: nothing sends the journal to PostgreSQL",
		    since);
	else if (state->error_ms > 0 && status->now_ms - state->error_ms > SHIP_QUIET_MS)
		status_trouble(status, "ship-failing", "journalctl -u tlsward-ship", "the journal "
		    "cannot be sent to PostgreSQL since %s: %s", since, state->error);
	else if (standing->behind_ms > SHIP_BEHIND_MS)
		status_trouble(status, "ship-behind", "journalctl -u tlsward-ship", "tlsward ship "
		    "is %" PRId64 " minutes behind: %" PRId64 " rows of the journal are not in "
		    "PostgreSQL", standing->behind_ms / 60000, standing->lag.rows);
}

static void
put_ship(struct status *status)
{
	const struct settings *settings = status->worker->daemon->settings;
	struct ship_standing standing;
	bool known;

	if (settings->ship_to == NULL || settings->journal == NULL) {
		status_put(status, "ship", json_null());
		return;
	}
	known = ship_standing_read(settings->journal, status->now_ms, &standing);
	status_put(status, "ship", json_pack("{s:b, s:o, s:o, s:o, s:o, s:I}", "up",
	    standing.up, "seen", json_of_time(standing.state.time_ms), "rows",
	    known ? json_integer(standing.lag.rows) : json_null(), "seconds",
	    known ? json_integer(standing.behind_ms / 1000) : json_null(), "error",
	    standing.state.error_ms > 0 ? json_of_text(standing.state.error) : json_null(),
	    "refused", (json_int_t)standing.state.refused));
	look_at_ship(status, &standing);
}

/* ------------------------------------------------------------------ *
 * The whole
 * ------------------------------------------------------------------ */

static void
put_all(struct status *status)
{
	struct in_force in_force;
	const char *disk;

	copy_in_force(status->worker, &in_force);
	disk = look_at_disk(&in_force);
	put_daemon(status);
	put_health(status);
	put_changed_settings(status);
	put_sockets(status);
	put_mta(status);
	put_policy(status, &in_force, disk);
	put_reload(status, &in_force, disk);
	put_decisions(status);
	put_journal(status, &in_force);
	put_watch(status);
	put_ship(status);
	put_next(status);
	if (in_force.tape != -1)
		(void)close(in_force.tape);
}

bool
worker_status(struct worker *worker, struct buffer *out)
{
	struct status status = { .worker = worker, .now_ms = log_time_ms(),
	    .object = json_object(), .trouble = json_array() };
	char *text = NULL;

	put_all(&status);
	status_put(&status, "trouble", status.trouble);
	if (!status.failed)
		text = json_dumps(status.object, FORMAT);
	json_decref(status.object);
	if (text == NULL)
		return false;
	buffer_string(out, text);
	free(text);
	return true;
}

/* ------------------------------------------------------------------ *
 * A reload
 * ------------------------------------------------------------------ */

/* With all that diag_print() needs. */
static void
put_diagnostic(const struct diag *diag, void *list)
{
	(void)json_array_append_new(list, json_pack("{s:s, s:s?, s:o, s:I, s:I, s:o, s:o, s:i}",
	    "severity", severity_name(diag->severity), "id", diag->id, "file",
	    json_of_text(diag->file), "line", (json_int_t)diag->line, "column",
	    (json_int_t)diag->column, "message", json_of_text(diag->message), "source",
	    json_of_text(diag->source), "skipped", diag->skipped));
}

char *
worker_reload_answer(struct worker *worker, bool taken)
{
	const struct diags *diags = worker->diags;
	json_t *list = json_array(), *answer;
	char *text = NULL;

	if (diags == NULL || diags_failed(diags)) {
		json_decref(list);
		return NULL;
	}
	diags_show(diags, false, put_diagnostic, list);
	answer = json_pack("{s:b, s:o, s:I, s:I, s:o}", "taken", taken, "policy",
	    json_of_policy(worker, worker->in_force.loaded_ms), "errors",
	    (json_int_t)diags_errors(diags), "warnings", (json_int_t)diags_warnings(diags),
	    "diagnostics", list);
	if (answer != NULL)
		text = json_dumps(answer, FORMAT);
	json_decref(answer);
	return text;
}
