/*
 * doctor_daemon.c - tlsward doctor's points of the daemon: what it says of itself, and what
 * its settings mean for mail.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "tool/control.h"
#include "base/date.h"

#define CONTROL_MS 5000

#define DAY_S INT64_C(86400)

/* So long before a date comes it is told of. */
#define NEAR_DAYS 14

#define SYSLOG_SOCKET "/dev/log"

/* ------------------------------------------------------------------ *
 * What it says of itself
 * ------------------------------------------------------------------ */

static const char *
text_at(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* A time that it tells, in seconds; 0: there is none. */
static int64_t
told_time(const json_t *object, const char *name)
{
	const char *text = text_at(object, name);
	int64_t when;

	return text != NULL && date_read_time(text, &when) ? when : 0;
}

/* The id of a trouble that the daemon tells of: one that this program knows. */
static const char *
trouble_id(const char *id)
{
	static const char *const known[] = { "not-serving", "worker-died", "policy-changed",
	    "reload-failed", "journal", "watch-silent", "watch-behind", "settings-changed",
	    "ship-silent", "ship-failing", "ship-behind" };

	for (size_t i = 0; id != NULL && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], id) == 0)
			return known[i];
	return "daemon";
}

/* What needs a person, as tlsward status has it. */
static void
say_daemon_trouble(struct doctor *doctor, const json_t *trouble)
{
	const char *id = trouble_id(text_at(trouble, "id"));
	const char *text = text_at(trouble, "text"), *fix = text_at(trouble, "fix");

	doctor_say(doctor, strcmp(id, "not-serving") == 0 ? DOCTOR_FAULT : DOCTOR_WARNING, id,
	    "%s", text != NULL ? text : "the daemon has a trouble that it does not name");
	doctor_fix(doctor, "%s", fix != NULL ? fix : "tlsward status");
}

/* Whether there is a point of that id. */
static bool
was_told(const struct doctor *doctor, const char *id)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (strcmp(doctor->points[i].id, id) == 0)
			return true;
	return false;
}

/* A start reads the settings, and a reload the policy alone. */
static void
say_settings_changed(struct doctor *doctor, const json_t *status)
{
	const char *path = doctor->loaded.settings_path;
	int64_t since = told_time(status, "since");
	struct stat file;

	if (was_told(doctor, "settings-changed") || since == 0 || path == NULL || stat(path, &file) != 0 || file.st_mtime <= since)
		return;
	doctor_say(doctor, DOCTOR_WARNING, "settings-changed", "%s was changed after the daemon "
	    "was started: it runs by the settings of then", path);
	doctor_fix(doctor, "tlsward check, then systemctl restart tlsward");
}

/* The settings that it was started with are another file's. */
static void
say_other_settings(struct doctor *doctor, const json_t *status)
{
	const char *theirs = text_at(status, "settings");
	const char *ours = doctor->loaded.settings_path;
	struct stat a, b;

	if (theirs == NULL || ours == NULL || stat(theirs, &a) != 0 || stat(ours, &b) != 0 ||
	    (a.st_dev == b.st_dev && a.st_ino == b.st_ino))
		return;
	doctor_say(doctor, DOCTOR_WARNING, "settings-changed", "the daemon was started with the "
	    "settings %s, and not with %s", theirs, ours);
	doctor_fix(doctor, "tlsward doctor -c %s", theirs);
}

/* The one that asks may be another than the one whose configuration is here. */
static void
say_other_mta(struct doctor *doctor, const char *name)
{
	bool postfix = name != NULL && strncasecmp(name, "postfix", 7) == 0;
	bool sendmail = name != NULL && strncasecmp(name, "sendmail", 8) == 0;

	if ((!postfix || doctor->saw_postfix) && (!sendmail || doctor->saw_sendmail))
		return;
	doctor_say(doctor, DOCTOR_WARNING, "mta-asking", "%s asked the daemon last, and its "
	    "configuration was not looked at", name);
	doctor_fix(doctor, "tlsward doctor %s", postfix ? "--postfix, with the folder of its "
	    "main.cf" : "--sendmail, with its sendmail.cf");
}

static void
say_mta(struct doctor *doctor, const json_t *status)
{
	const json_t *mta = json_object_get(status, "mta");
	const char *since = text_at(status, "since"), *name = text_at(mta, "name");

	say_other_mta(doctor, name);
	if (!json_is_object(mta))
		doctor_say(doctor, DOCTOR_OK, "daemon", "the daemon serves, since %s; no mail server "
		    "has asked it about a message yet", since != NULL ? since : "its start");
	else
		doctor_say(doctor, DOCTOR_OK, "daemon", "the daemon serves, since %s; %s asked it "
		    "last at %s", since != NULL ? since : "its start", name != NULL && name[0] !=
		    '\0' ? name : "a mail server", text_at(mta, "seen"));
}

/* ------------------------------------------------------------------ *
 * The journal
 * ------------------------------------------------------------------ */

/* When its newest record is of, in seconds; 0: it is empty, or cannot be read. */
static int64_t
newest_record(sqlite3 *db)
{
	static const char query[] = "SELECT max(coalesce((SELECT max(time) FROM record), 0), "
	    "coalesce((SELECT max(hour * 3600000 + last) FROM rollup WHERE hour = (SELECT "
	    "max(hour) FROM rollup)), 0))";
	sqlite3_stmt *statement = NULL;
	int64_t time_ms = 0;

	if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		time_ms = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return time_ms / 1000;
}

/* "asked": when a mail server asked last, of what was not to be let in without a record. */
static void
say_journal(struct doctor *doctor, int64_t asked)
{
	const char *path = doctor->loaded.settings->journal;
	char error[REVIEW_ERROR_MAX], day[DATE_TIME_SIZE] = "never";
	sqlite3 *db = path != NULL ? review_open(path, NULL, error) : NULL;
	int64_t newest = db != NULL ? newest_record(db) : 0;

	review_close(&db);
	if (path == NULL || asked < doctor->now - DAY_S || newest > asked - DAY_S)
		return;
	if (newest > 0)
		date_write_time(newest, day);
	doctor_say(doctor, DOCTOR_WARNING, "journal-records", "mail is judged, and the newest "
	    "record in the journal %s is of %s", path, newest > 0 ? day : "no time: it is empty");
	doctor_fix(doctor, "tlsward status and the log say what is wrong with it; a disk that is "
	    "full, most likely");
}

/* ------------------------------------------------------------------ *
 * What the settings and the policy mean
 * ------------------------------------------------------------------ */

static void
say_mode(struct doctor *doctor)
{
	const struct settings *settings = doctor->loaded.settings;
	const char *path = doctor->loaded.settings_path;

	if (settings->mode_monitor) {
		doctor_say(doctor, DOCTOR_WARNING, "mode", "mode is monitor: every rule is judged "
		    "and recorded, and no mail is refused");
		doctor_fix(doctor, "%s:%u: mode enforce, once tlsward report shows that the "
		    "partners keep to it", path, settings->set_at[SETTING_mode_monitor].line);
	}
	if (settings->on_internal_error == SETTINGS_ON_ERROR_ACCEPT) {
		doctor_say(doctor, DOCTOR_WARNING, "on-internal-error", "on-internal-error is "
		    "accept: mail that cannot be judged is let in");
		doctor_fix(doctor, "%s:%u: on-internal-error tempfail", path,
		    settings->set_at[SETTING_on_internal_error].line);
	}
}

/* Whether somebody takes what is sent to the system's log. */
static bool
syslog_answers(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	bool answers = false;

	for (size_t i = 0; !answers && i < sizeof(types) / sizeof(types[0]); i++) {
		int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		answers = fd != -1 &&
		    (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		    errno == EAGAIN || errno == EACCES);
		if (fd != -1)
			(void)close(fd);
	}
	return answers;
}

static void
say_log(struct doctor *doctor)
{
	if (doctor->loaded.settings->log != SETTINGS_LOG_SYSLOG || syslog_answers())
		return;
	doctor_say(doctor, DOCTOR_WARNING, "log", "nobody takes what is sent to the system's log "
	    "(" SYSLOG_SOCKET "): what the daemon says is lost");
	doctor_fix(doctor, "install rsyslog, or in %s: log file:/var/log/tlsward/tlsward.log",
	    doctor->loaded.settings_path);
}

static void
say_date(struct doctor *doctor, const char *id, int64_t when, const char *what,
    const char *fix)
{
	char day[DATE_DAY_SIZE];

	if (when == INT64_MAX || when > doctor->now + NEAR_DAYS * DAY_S)
		return;
	date_write_day(when, day);
	doctor_say(doctor, DOCTOR_WARNING, id, "%s on %s", what, day);
	doctor_fix(doctor, "%s", fix);
}

static void
say_dates(struct doctor *doctor)
{
	struct policy_ends ends;

	if (doctor->loaded.policy == NULL)
		return;
	policy_next_ends(doctor->loaded.policy, doctor->now, &ends);
	say_date(doctor, "next-certificate", ends.certificate, "a partner's certificate that the "
	    "policy names ends", "tlsward report says whose: ask them for the next one");
	say_date(doctor, "next-date", ends.period, "a rule changes by its own date (monitor, "
	    "exempt or a requirement)", "tlsward report says which one; nothing is to be done where "
	    "that is meant");
}

/* ------------------------------------------------------------------ *
 * The whole
 * ------------------------------------------------------------------ */

static void
say_status(struct doctor *doctor, const json_t *status)
{
	const json_t *trouble = json_object_get(status, "trouble");
	int64_t asked = told_time(json_object_get(status, "mta"), "seen");

	if (json_is_true(json_object_get(status, "serving")))
		say_mta(doctor, status);
	for (size_t i = 0; i < json_array_size(trouble); i++)
		say_daemon_trouble(doctor, json_array_get(trouble, i));
	say_other_settings(doctor, status);
	say_settings_changed(doctor, status);
	if (asked > 0)
		say_journal(doctor, asked);
}

void
doctor_daemon(struct doctor *doctor)
{
	char why[CONTROL_WHY_MAX];
	json_t *status = NULL;

	if (control_ask(doctor->loaded.settings, "status", CONTROL_MS, &status, why) ==
	    CONTROL_ANSWERED) {
		say_status(doctor, status);
	} else {
		doctor_say(doctor, DOCTOR_WARNING, "daemon", "the daemon cannot be asked how it "
		    "is: %s", why);
		doctor_fix(doctor, "systemctl status tlsward; in %s, control names its socket",
		    doctor->loaded.settings_path);
	}
	json_decref(status);
	say_mode(doctor);
	say_log(doctor);
	say_dates(doctor);
}
