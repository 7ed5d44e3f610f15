/*
 * recorder.c - the journal as the settings want it, with the log to complain to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/recorder.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"

static void
say(void *log, enum journal_level level, const char *text)
{
	static const enum severity levels[] = {
		[JOURNAL_INFO] = SEVERITY_INFO, [JOURNAL_WARNING] = SEVERITY_WARNING,
		[JOURNAL_ERROR] = SEVERITY_ERROR,
	};

	log_message(log, levels[level], "%s", text);
}

struct journal_store *
recorder_start(const struct settings *settings, struct log *log)
{
	const struct journal_options options = {
		.path = settings->journal,
		.accepted_full = settings->journal_accepted_full,
		.keep_ms = settings->journal_keep_ms,
		.max_bytes = settings->journal_max,
		.say = say,
		.context = log,
	};
	struct journal_store *journal;

	if (settings->journal == NULL)
		return NULL;
	journal = journal_store_start(&options);
	if (journal == NULL)
		log_message(log, SEVERITY_ERROR, "journal %s: cannot be started: %s",
		    settings->journal, strerror(errno));
	return journal;
}

void
recorder_text(struct journal_store *journal, struct buffer *text)
{
	struct journal_stats stats;

	if (journal == NULL)
		return;
	journal_store_stats(journal, &stats);
	buffer_format(text, " journal-queue=%lu journal-held=%lu journal-written=%lu"
	    " journal-errors=%lu journal-lost=%lu journal-discarded=%lu downgrades=%lu",
	    stats.queue, stats.held, stats.written, stats.errors, stats.lost,
	    stats.discarded, stats.downgrades);
}
