/*
 * daemon.h - from the command line to a process that serves.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_DAEMON_H
#define TLSWARD_MILTER_DAEMON_H

#include <stdbool.h>

#include "milter/load.h"
#include "milter/log.h"
#include "milter/privileges.h"
#include "milter/sockets.h"
#include "settings/settings.h"

/* What the start leaves to the supervisor and its workers. */
struct daemon {
	const char *settings_path;
	bool foreground;
	struct settings *settings;
	struct identity identity;
	struct log *log;
	struct loaded loaded;		/* for the first worker */
	struct sockets sockets;
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

#endif
