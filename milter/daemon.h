/*
 * daemon.h - from the command line to a process that serves.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_DAEMON_H
#define MILTER_DAEMON_H

#include <stdbool.h>
#include <sys/stat.h>

#include "milter/log.h"
#include "milter/privileges.h"
#include "settings/settings.h"
#include "policy/policy.h"
#include "base/diag.h"

struct daemon {
	const char *settings_path;
	bool foreground;
	struct settings *settings;
	struct identity identity;
	struct log *log;
	struct policy *policy;		/* for the first worker; NULL: load it anew */
	int64_t loaded_ms;		/* when it was; Unix time */
	int64_t loading_ns;		/* and how long that took */
	struct stat socket;		/* the UNIX socket as it was made */
	int service_fd;			/* the policy service's; -1: there is none */
	struct stat service_socket;
	int metrics_fd;			/* what metrics are fetched from; -1: likewise */
	int ready;			/* tells the first process; -1: nobody waits */
};

/*
 * Checks the settings and the policy, as -t does, and prints all diagnostics to
 * standard error. Returns the exit status: 0, or 1 for errors.
 */
int daemon_check(const char *settings_path);

/*
 * Starts and serves until it is told to end. Returns the exit status. In the
 * background it is the first process that returns: 0 once the daemon serves, 1
 * when it could not.
 */
int daemon_run(const char *settings_path, bool foreground);

/*
 * Loads the policy into daemon->policy, which must be NULL, and takes the time.
 * False where it has errors, which are in "diags" (NULL: memory is short).
 */
bool daemon_load(struct daemon *daemon, struct diags *diags);

/* The pid file and the sockets, at the end. */
void daemon_clean_up(const struct daemon *daemon);

/* Leaves standard error in the background: who started the daemon may wait for it. */
void daemon_leave_stderr(const struct daemon *daemon);

/* A UNIX socket that was made and is not where it was any more, or NULL. */
const char *daemon_lost_socket(const struct daemon *daemon);

#endif
