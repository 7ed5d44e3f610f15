/*
 * recorder.h - the journal as the settings want it, with the log to complain to.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_RECORDER_H
#define MILTER_RECORDER_H

#include "milter/log.h"
#include "settings/settings.h"
#include "journal/journal.h"
#include "base/buffer.h"

/*
 * Starts the journal; "settings" and "log" must outlive it. NULL where the settings
 * want none, or, said in the log, where there is no memory or no thread: mail goes on
 * without it.
 */
struct journal_store *recorder_start(const struct settings *settings, struct log *log);

/* Appends its counters as " name=number" words; nothing where there is no journal. */
void recorder_text(struct journal_store *journal, struct buffer *text);

#endif
