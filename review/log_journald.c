/*
 * log_journald.c - the systemd journal, where libsystemd is there.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/log_journald.h"

#ifdef TLSWARD_SYSTEMD

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-journal.h>

#include "review/reading.h"

struct journald {
	sd_journal *journal;
	char *cursor;		/* up to which entries are counted; NULL: all came */
	int64_t cursor_us;
	struct buffer line;
};

/* Whatever says that it is about mail, and what mail servers' units say besides. */
static int
match_mail(sd_journal *journal)
{
	static const char *const matches[] = {
		"SYSLOG_FACILITY=2", "_SYSTEMD_UNIT=postfix.service",
		"_SYSTEMD_UNIT=postfix@-.service", "_SYSTEMD_UNIT=sendmail.service"
	};
	int result = 0;

	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]) && result >= 0; i++)
		if ((result = sd_journal_add_match(journal, matches[i], 0)) >= 0)
			result = sd_journal_add_disjunction(journal);
	return result;
}

struct journald *
journald_open(const char *folder, char error[REVIEW_ERROR_MAX])
{
	struct journald *journald = calloc(1, sizeof(*journald));
	int result;

	if (journald == NULL) {
		review_say(error, "not enough memory");
		return NULL;
	}
	result = folder != NULL ? sd_journal_open_directory(&journald->journal, folder, 0) :
	    sd_journal_open(&journald->journal, SD_JOURNAL_LOCAL_ONLY);
	if (result >= 0)
		result = match_mail(journald->journal);
	/* From now on it looks out for new files. */
	if (result >= 0)
		result = sd_journal_get_fd(journald->journal);
	if (result >= 0)
		result = sd_journal_seek_head(journald->journal);
	if (result >= 0)
		return journald;
	review_say(error, "cannot read the systemd journal%s%s: %s",
	    folder != NULL ? " in " : "", folder != NULL ? folder : "", strerror(-result));
	journald_close(&journald);
	return NULL;
}

void
journald_close(struct journald **journald)
{
	if (*journald == NULL)
		return;
	sd_journal_close((*journald)->journal);
	free((*journald)->cursor);
	buffer_free(&(*journald)->line);
	free(*journald);
	*journald = NULL;
}

bool
journald_seek(struct journald *journald, const char *cursor, int64_t time_us,
    int64_t needed_us)
{
	sd_journal *journal = journald->journal;

	if (sd_journal_seek_cursor(journal, cursor) < 0 || sd_journal_next(journal) <= 0 ||
	    sd_journal_test_cursor(journal, cursor) <= 0) {
		(void)sd_journal_seek_realtime_usec(journal, (uint64_t)time_us + 1);
		return false;
	}
	if (needed_us > time_us)
		return true;
	journald->cursor = strdup(cursor);
	journald->cursor_us = time_us;
	(void)sd_journal_seek_realtime_usec(journal, (uint64_t)needed_us);
	return true;
}

/* Adds a field of the entry, on one line. False where it has none. */
static bool
add_entry_field(struct journald *journald, const char *name)
{
	const void *data;
	const char *value;
	size_t length, skip = strlen(name) + 1;

	if (sd_journal_get_data(journald->journal, name, &data, &length) < 0 ||
	    length < skip)
		return false;
	value = data;
	for (size_t i = skip; i < length; i++)
		buffer_add(&journald->line, strchr("\n\r", value[i]) != NULL ? " " :
		    value + i, 1);
	return true;
}

/* "2026-01-31T12:00:00.123456+00:00 mx postfix/smtpd[123]: TEXT" */
static void
write_line(struct journald *journald, int64_t time_us)
{
	struct buffer *line = &journald->line;
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts = { 0 };
	char time[32];

	buffer_clear(line);
	(void)gmtime_r(&seconds, &parts);
	(void)strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &parts);
	buffer_format(line, "%s.%06" PRId64 "+00:00 ", time, time_us % 1000000);
	if (!add_entry_field(journald, "_HOSTNAME"))
		buffer_string(line, "-");
	buffer_string(line, " ");
	if (!add_entry_field(journald, "SYSLOG_IDENTIFIER"))
		(void)add_entry_field(journald, "_COMM");
	buffer_string(line, "[");
	if (!add_entry_field(journald, "SYSLOG_PID"))
		(void)add_entry_field(journald, "_PID");
	buffer_string(line, "]: ");
	(void)add_entry_field(journald, "MESSAGE");
}

/* Whether the entry was counted; the one of the cursor is the last of these. */
static bool
was_counted(struct journald *journald, int64_t time_us)
{
	bool counted = journald->cursor != NULL && time_us <= journald->cursor_us;

	if (journald->cursor != NULL && (!counted ||
	    sd_journal_test_cursor(journald->journal, journald->cursor) > 0)) {
		free(journald->cursor);
		journald->cursor = NULL;
	}
	return counted;
}

char *
journald_line(struct journald *journald, int64_t *time_us, bool *counted,
    char error[REVIEW_ERROR_MAX])
{
	uint64_t time = 0;
	int result = sd_journal_process(journald->journal);

	if (result >= 0)
		result = sd_journal_next(journald->journal);
	if (result > 0)
		result = sd_journal_get_realtime_usec(journald->journal, &time) < 0 ? -1 : 1;
	if (result <= 0) {
		if (result < 0)
			review_say(error, "cannot read the systemd journal: %s",
			    strerror(-result));
		return NULL;
	}
	*time_us = (int64_t)time;
	*counted = was_counted(journald, *time_us);
	write_line(journald, *time_us);
	if (journald->line.failed)
		review_say(error, "not enough memory");
	return journald->line.failed ? NULL : journald->line.text;
}

char *
journald_cursor(struct journald *journald)
{
	char *cursor;

	return sd_journal_get_cursor(journald->journal, &cursor) < 0 ? NULL : cursor;
}

#else

#include "review/reading.h"

struct journald *
journald_open(const char *folder, char error[REVIEW_ERROR_MAX])
{
	(void)folder;
	review_say(error, "cannot read the systemd journal: this tlsward was built without "
	    "libsystemd; give a file instead");
	return NULL;
}

void
journald_close(struct journald **journald)
{
	*journald = NULL;
}

bool
journald_seek(struct journald *journald, const char *cursor, int64_t time_us,
    int64_t needed_us)
{
	(void)journald;
	(void)cursor;
	return time_us > needed_us;
}

char *
journald_line(struct journald *journald, int64_t *time_us, bool *counted,
    char error[REVIEW_ERROR_MAX])
{
	(void)journald;
	(void)time_us;
	(void)counted;
	(void)error;
	return NULL;
}

char *
journald_cursor(struct journald *journald)
{
	(void)journald;
	return NULL;
}

#endif
