/*
 * settings.h - the settings file, tlsward.conf.
 *
 * The one public header of the room settings/, which the daemon and the tool
 * share. Uses policy/ and journal/.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_SETTINGS_H
#define TLSWARD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "journal/journal.h"
#include "policy/policy.h"
#include "base/diag.h"

enum settings_mta { SETTINGS_MTA_AUTO, SETTINGS_MTA_POSTFIX, SETTINGS_MTA_SENDMAIL };
enum settings_reply_at { SETTINGS_REPLY_AT_RCPT, SETTINGS_REPLY_AT_MAIL };
enum settings_answers {
	SETTINGS_ANSWERS_AUTO, SETTINGS_ANSWERS_FACTS, SETTINGS_ANSWERS_VERDICT
};
enum settings_on_error { SETTINGS_ON_ERROR_TEMPFAIL, SETTINGS_ON_ERROR_ACCEPT };
enum settings_log { SETTINGS_LOG_SYSLOG, SETTINGS_LOG_STDERR, SETTINGS_LOG_FILE };

/* All strings belong to the settings. Paths are absolute or as the user wrote. */
struct settings {
	char *listen;			/* libmilter's form: unix:/path, inet:port@host */
	char *listen_path;		/* the UNIX socket's path; NULL: not one */
	mode_t socket_mode;
	char *socket_group;		/* NULL: the daemon's group */
	char *policy;			/* resolved against the settings file's folder */
	char *partner_certificates;	/* likewise; NULL: none */
	char *user;
	char *group;			/* NULL: the user's primary group */
	enum settings_mta mta;
	char *policy_service;		/* as "listen"; NULL: none */
	char *policy_service_path;	/* the UNIX socket's path; NULL: not one */
	enum settings_answers policy_service_answers;
	enum settings_reply_at reply_at;
	bool mode_monitor;
	bool soft_bounce;
	char *recipient_delimiter;	/* "": none */
	enum settings_on_error on_internal_error;
	enum settings_log log;
	int syslog_facility;		/* LOG_MAIL and so on */
	char *log_path;			/* SETTINGS_LOG_FILE */
	enum journal_format log_format;
	bool log_accepted;
	bool follow_accepted;
	char *authentication_results;	/* our authserv-id; NULL: no field */
	char *pid_file;			/* NULL: none */
	char *metrics;			/* inet:port@host or inet6:port@host; NULL: none */
	char *journal;			/* the database's path; NULL: none */
	bool journal_is_default;	/* nobody has asked for it */
	int64_t journal_keep_ms;	/* 0: for ever */
	int64_t journal_max;		/* bytes; 0: no limit */
	bool journal_accepted_full;
	unsigned reply_at_line;		/* where it is set; 0: nowhere */
	unsigned metrics_line;		/* likewise */
};

enum settings_load_result {
	SETTINGS_LOADED, SETTINGS_INVALID, SETTINGS_UNREADABLE, SETTINGS_NO_MEMORY
};

/*
 * Reads "path"; "path" NULL gives the defaults, with the policy beside the
 * default settings file. Diagnostics are added to "diags": an unknown name with
 * what was probably meant, a value out of range, a setting given twice. On
 * SETTINGS_LOADED *settings is the caller's; else NULL.
 */
enum settings_load_result settings_load(const char *path,
    struct settings **settings, struct diags *diags);

/* Frees *settings and clears the pointer. NULL-safe. */
void settings_free(struct settings **settings);

/*
 * What settings and policy cannot mean together (reply-at mail with a "to" rule
 * that exempts, or with the policy service; one address twice), as errors in "diags",
 * and requirements on facts that nobody will supply, and metrics that others than
 * this host can read, as warnings. "path" is the
 * settings file's name.
 */
void settings_check_policy(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags);

/*
 * Looks at the journal's path: a file that must not be written is an error and, where
 * the effective user is the daemon's ("as_daemon"), one that cannot be is a warning:
 * the daemon starts all the same. Not while this process has the journal open.
 */
void settings_check_journal(const struct settings *settings, const char *path,
    bool as_daemon, struct diags *diags);

/* The options for policy_decide() that the settings stand for, at "now". */
struct policy_options settings_policy_options(const struct settings *settings,
    int64_t now);

/* Writes every setting with its values, its meaning and its default. */
void settings_describe(FILE *out);

/* Whether the daemon's user is the one for which nothing needs to be said. */
bool settings_user_is_default(const struct settings *settings);

/* Whether an address, as libmilter writes it, can be reached from this host alone. */
bool settings_is_loopback(const char *address);

/* The settings file that is read when none is named. */
const char *settings_default_path(void);

#endif
