/*
 * log.h - where the daemon's lines go: a file, syslog or standard error.
 *
 * A line for a file is written before the call returns. Lines for syslog and
 * standard error go through a bounded queue with a thread of its own once
 * log_start() was called, so that a reader who does not read never stops mail;
 * before that (and in a process that starts no thread) they are written at once
 * or, where that would block, lost. Lines lost are counted, and said when lines
 * flow again. Nothing here ever fails a message.
 *
 * All functions but log_open(), log_start(), log_stop() and log_free() are safe to
 * call from any thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_LOG_H
#define TLSWARD_MILTER_LOG_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/limiter.h"
#include "journal/journal.h"
#include "settings/settings.h"

struct log;

/*
 * Makes the log that the settings name; a file is opened, and created where there
 * is none. Returns NULL with errno set where that fails. "settings" must outlive
 * the log. "foreground": standard error may be used to say that the log is broken.
 */
struct log *log_open(const struct settings *settings, bool foreground);

/*
 * Whether anybody takes the lines: of the system's log, whether it runs; else errno. Then it
 * is for the caller to say. Before log_start().
 */
bool log_is_heard(struct log *log);

/* Starts the queue's thread. Returns 0, or -1 with errno set. */
int log_start(struct log *log);

/* Writes what is queued, for at most "milliseconds", and ends the thread. */
void log_stop(struct log *log, int milliseconds);

/* Frees *log and clears the pointer. NULL-safe. Its thread must have ended. */
void log_free(struct log **log);

/* Opens the file (or syslog) anew. What fails keeps the old file and is logged. */
void log_reopen(struct log *log);

/* In the background nobody is asked to read standard error any longer. */
void log_leave_stderr(const struct log *log);

/* Writes a decision record. */
void log_record(struct log *log, const struct journal_record *record);

/* Writes a line of the daemon's own. "log" may be NULL: then standard error. */
void log_message(struct log *log, enum severity level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The same for a line that a stranger could provoke: at most once a minute for each
 * limiter, with how many were held back since.
 */
void log_limited(struct log *log, struct limiter *limiter, enum severity severity,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* How many lines were lost so far. */
unsigned long log_lost(const struct log *log);

/* Milliseconds since the epoch. */
int64_t log_time_ms(void);

#endif
