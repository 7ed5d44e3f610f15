/*
 * watch.h - what the parts of tlsward watch share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_WATCH_H
#define TLSWARD_TOOL_WATCH_H

#include "tool/tool.h"
#include "journal/watch.h"
#include "review/log_follow.h"
#include "base/limiter.h"

/* By what it judges. */
struct watch_judge {
	const char *policy;	/* --policy; NULL: not given */
	const char *config;	/* -c; NULL: not given */
	struct loaded loaded;
	struct diagnoses *diagnoses;
	void (*say)(void *context, const char *text);	/* writes a line */
	/* Of deliveries below their agreement: told since then, and left untold since. */
	int64_t told_ms;
	int told;
	unsigned long untold;
};

/* False, having said why. watch_judge_free() in any case. */
bool watch_judge_load(struct watch_judge *judge);

/* The same again; what was loaded before stays where that fails. */
bool watch_judge_reload(struct watch_judge *judge);

void watch_judge_free(struct watch_judge *judge);

/* Judges a delivery, of "time_ms", by the policy of that day, and counts it. */
void watch_judge_delivery(struct watch_judge *judge,
    const struct maillog_delivery *delivery, int64_t time_ms,
    struct journal_watch *writer);

/* Tells how many below their agreement were not told of. */
void watch_judge_settle(struct watch_judge *judge);

/* ------------------------------------------------------------------ *
 * The logs, and what is written of them
 * ------------------------------------------------------------------ */

struct watch_run;

/* A log that is followed. */
struct watch_log {
	struct watch_run *run;
	struct follow *follow;
	struct maillog *reader;
	struct maillog_reading reading;
	struct maillog_totals totals;
	char error[REVIEW_ERROR_MAX];
	bool begun;		/* its first line was read */
	bool fed;		/* one that was not counted before */
	bool counting;		/* what the reader tells is new */
	bool settled;		/* what was open at the last line is counted */
	bool ended;
};

struct watch_run {
	struct watch_judge judge;
	const char *journal;		/* --journal; NULL: the settings' */
	const char *folder;		/* --journald-folder */
	struct tool_files files;	/* --maillog */
	bool journald, once;

	struct journal_watch *writer;
	struct watch_log *logs;
	size_t log_count;
	json_t *positions;		/* of all logs that were ever followed */
	int64_t lines, unread;		/* since the last commit, and in all */
	int64_t all_lines, all_unread;
	int64_t handshakes, deliveries;
	int64_t line_ms;		/* of the newest line */
	int64_t committed_ms;
	bool more;			/* there is more to be read */
	bool held;			/* the last commit was not made, which was said */
	bool failed;			/* it ends with STATUS_TROUBLE; it has been said */
};

/* SIGTERM and SIGINT end it, SIGHUP loads the policy again. */
void watch_take_signals(void);

/* Says a line. */
void watch_say(void *context, const char *text);

/* Reads where it was. Waits for a journal, if not once. */
bool watch_read_positions(struct watch_run *run);

/* Opens one more log (NULL: the systemd journal). False: run->failed. */
bool watch_open_log(struct watch_run *run, const char *path);

/* Reads and writes, until the end of all logs, which it returns, or a signal. */
bool watch_logs(struct watch_run *run);

#endif
