/*
 * status_text.c - a status as one screen: the answer, what needs somebody, the details.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/screen.h"
#include "tool/tree.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

/* The column of labels. */
#define LABEL_WIDTH 14

#define PLURAL(count) ((count) == 1 ? "" : "s")

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

/* The text of a member, "" where it has none. */
static const char *
status_word(json_t *status, const char *path)
{
	const char *text = json_string_value(tree_at(status, path));

	return text != NULL ? text : "";
}

static int64_t
status_number(json_t *status, const char *path)
{
	return json_integer_value(tree_at(status, path));
}

static void
show_word(struct buffer *text, json_t *status, const char *path)
{
	text_visible(text, status_word(status, path));
}

/* A time as the reader's clocks have it; false where there is none. */
static bool
show_time(struct buffer *text, json_t *status, const char *path)
{
	int64_t when;

	if (!date_read_time(status_word(status, path), &when))
		return false;
	screen_time(text, when * 1000);
	return true;
}

/* How long before the status that was: " (3 minutes ago)". */
static void
show_age(struct buffer *text, json_t *status, const char *path)
{
	int64_t now, when, age;

	if (!date_read_time(status_word(status, "time"), &now) ||
	    !date_read_time(status_word(status, path), &when))
		return;
	age = now - when;
	if (age < 60)
		buffer_string(text, " (now)");
	else if (age < 3600)
		buffer_format(text, " (%" PRId64 " minute%s ago)", age / 60,
		    PLURAL(age / 60));
	else if (age < 48 * 3600)
		buffer_format(text, " (%" PRId64 " hour%s ago)", age / 3600,
		    PLURAL(age / 3600));
	else
		buffer_format(text, " (%" PRId64 " days ago)", age / 86400);
}

static void
show_label(struct buffer *text, const char *label)
{
	buffer_format(text, "%-*s  ", LABEL_WIDTH, label);
}

static void
show_bytes(struct buffer *text, int64_t bytes)
{
	if (bytes < 10 << 20)
		buffer_format(text, "%" PRId64 " KB", (bytes + 1023) / 1024);
	else
		buffer_format(text, "%" PRId64 " MB", bytes >> 20);
}

/* ------------------------------------------------------------------ *
 * The answer
 * ------------------------------------------------------------------ */

static void
show_answer(struct buffer *text, json_t *status)
{
	json_t *trouble = json_object_get(status, "trouble");
	size_t count = json_array_size(trouble);

	buffer_string(text, "tlsward ");
	show_word(text, status, "version");
	if (json_is_true(json_object_get(status, "serving"))) {
		buffer_string(text, " serves since ");
		(void)show_time(text, status, "since");
		if (count > 0)
			buffer_format(text, "; %zu thing%s need%s somebody:", count,
			    PLURAL(count), count == 1 ? "s" : "");
	} else
		buffer_string(text, " does not serve:");
	buffer_string(text, "\n");
	for (size_t i = 0; i < count; i++) {
		json_t *each = json_array_get(trouble, i);

		buffer_string(text, "  - ");
		show_word(text, each, "text");
		buffer_string(text, ": ");
		show_word(text, each, "fix");
		buffer_string(text, "\n");
	}
	buffer_string(text, "\n");
}

/* ------------------------------------------------------------------ *
 * The details
 * ------------------------------------------------------------------ */

static void
show_sockets(struct buffer *text, json_t *status)
{
	json_t *sockets = json_object_get(status, "sockets"), *each;
	size_t i;

	json_array_foreach(sockets, i, each) {
		show_label(text, status_word(each, "setting"));
		show_word(text, each, "address");
		buffer_string(text, "\n");
	}
}

static void
show_mta(struct buffer *text, json_t *status)
{
	show_label(text, "mail server");
	if (json_is_object(json_object_get(status, "mta"))) {
		show_word(text, status, "mta.name");
		buffer_string(text, ", seen last ");
		(void)show_time(text, status, "mta.seen");
		show_age(text, status, "mta.seen");
	} else {
		buffer_string(text, "none has asked about a message since ");
		(void)show_time(text, status, "worker.since");
	}
	buffer_string(text, "\n");
}

static void
show_policy(struct buffer *text, json_t *status)
{
	const char *disk = status_word(status, "policy.on_disk");
	int64_t listed = status_number(status, "policy.listed");
	int64_t rules = status_number(status, "policy.rules");
	int64_t partners = status_number(status, "policy.partners");

	show_label(text, "policy");
	show_word(text, status, "policy.file");
	buffer_string(text, ", loaded ");
	(void)show_time(text, status, "policy.loaded");
	buffer_string(text, "\n");
	show_label(text, "");
	buffer_format(text, "%" PRId64 " rule%s, %" PRId64 " partner%s", rules, PLURAL(rules),
	    partners, PLURAL(partners));
	if (listed > 0)
		buffer_format(text, ", %" PRId64 " list entries", listed);
	buffer_string(text, strcmp(disk, "same") == 0 ? "; on disk is the same" :
	    strcmp(disk, "other") == 0 ? "; on disk is another" :
	    strcmp(disk, "broken") == 0 ? "; on disk is another, with errors" : "");
	buffer_string(text, "\n");
	show_label(text, "");
	show_word(text, status, "policy.digest");
	buffer_string(text, "\n");
}

static void
show_reload(struct buffer *text, json_t *status)
{
	show_label(text, "last reload");
	if (!json_is_object(json_object_get(status, "reload")))
		buffer_string(text, "none since the start");
	else {
		(void)show_time(text, status, "reload.time");
		buffer_string(text, json_is_true(tree_at(status, "reload.taken")) ?
		    ": taken" : ": not taken");
	}
	buffer_string(text, "\n");
}

static void
show_decisions(struct buffer *text, json_t *status)
{
	static const struct {
		const char *path, *words;
	} actions[] = {
		{ "decisions.accept", "accepted" }, { "decisions.reject", "rejected" },
		{ "decisions.tempfail", "tempfailed" }, { "decisions.quarantine", "held" },
	};

	show_label(text, "last hour");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		buffer_string(text, i > 0 ? ", " : "");
		screen_number(text, status_number(status, actions[i].path));
		buffer_format(text, " %s", actions[i].words);
	}
	if (strcmp(status_word(status, "decisions.since"),
	    status_word(status, "worker.since")) == 0) {
		buffer_string(text, ", since ");
		(void)show_time(text, status, "decisions.since");
	}
	buffer_string(text, "\n");
}

static void
show_journal(struct buffer *text, json_t *status)
{
	int64_t waiting = status_number(status, "journal.queue") +
	    status_number(status, "journal.held");
	int64_t lost = status_number(status, "journal.lost");

	show_label(text, "journal");
	if (!json_is_object(json_object_get(status, "journal"))) {
		buffer_string(text, "none\n");
		return;
	}
	show_word(text, status, "journal.file");
	buffer_string(text, ", ");
	show_bytes(text, status_number(status, "journal.bytes"));
	if (json_is_true(tree_at(status, "journal.trouble")))
		buffer_string(text, ", cannot be written");
	if (waiting > 0)
		buffer_format(text, ", %" PRId64 " decision%s", waiting,
		    waiting == 1 ? " waits" : "s wait");
	if (lost > 0)
		buffer_format(text, ", %" PRId64 "%s lost", lost, lost == 1 ? " was" : " were");
	if (waiting == 0 && lost == 0)
		buffer_string(text, ", all is written");
	buffer_string(text, "\n");
}

static void
show_watch(struct buffer *text, json_t *status)
{
	json_t *watch = json_object_get(status, "watch");
	int64_t lag = status_number(status, "watch.lag");

	show_label(text, "watch");
	if (!json_is_object(watch)) {
		buffer_string(text, "none\n");
		return;
	}
	show_word(text, status, json_is_string(json_object_get(watch, "maillog")) ?
	    "watch.maillog" : "");
	if (json_is_string(json_object_get(watch, "maillog")))
		buffer_string(text, ", ");
	buffer_string(text, "read to ");
	if (!show_time(text, status, "watch.position"))
		buffer_string(text, "no line yet");
	if (lag >= 60)
		buffer_format(text, ", %" PRId64 " minute%s behind", lag / 60,
		    PLURAL(lag / 60));
	buffer_string(text, "\n");
}

static void
show_ship(struct buffer *text, json_t *status)
{
	json_t *ship = json_object_get(status, "ship");
	int64_t rows = status_number(status, "ship.rows");

	if (!json_is_object(ship))
		return;
	show_label(text, "ship");
	if (!json_is_string(json_object_get(ship, "seen")))
		buffer_string(text, "has not run yet");
	else {
		buffer_string(text, json_is_true(json_object_get(ship, "up")) ? "runs, seen " :
		    json_is_string(json_object_get(ship, "error")) ? "cannot send, seen " :
		    "seen last ");
		(void)show_time(text, status, "ship.seen");
		show_age(text, status, "ship.seen");
	}
	if (!json_is_integer(json_object_get(ship, "rows")))
		buffer_string(text, ", the journal cannot be read");
	else if (rows == 0)
		buffer_string(text, ", all is sent");
	else {
		buffer_string(text, ", ");
		screen_number(text, rows);
		buffer_format(text, " row%s behind, %" PRId64 " seconds", PLURAL(rows),
		    status_number(status, "ship.seconds"));
	}
	buffer_string(text, "\n");
}

/* The sooner of the two. */
static void
show_next(struct buffer *text, json_t *status)
{
	const char *certificate = status_word(status, "next.certificate");
	const char *period = status_word(status, "next.period");
	bool first = period[0] == '\0' ||
	    (certificate[0] != '\0' && strcmp(certificate, period) <= 0);

	show_label(text, "next date");
	if (!show_time(text, status, first ? "next.certificate" : "next.period"))
		buffer_string(text, "none");
	else
		buffer_string(text, first ? ": a partner's certificate ends" :
		    ": a rule changes, by a date of its own");
	buffer_string(text, "\n");
}

void
status_text(json_t *status, struct buffer *text)
{
	show_answer(text, status);
	show_sockets(text, status);
	show_mta(text, status);
	show_policy(text, status);
	show_reload(text, status);
	show_decisions(text, status);
	show_journal(text, status);
	show_watch(text, status);
	show_ship(text, status);
	show_next(text, status);
}
