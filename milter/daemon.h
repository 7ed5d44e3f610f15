/*
 * daemon.h - from the command line to processes that serve: the first one, the
 * supervisor, the worker.
 *
 * libmilter takes SIGHUP, SIGTERM and SIGINT for itself, and HUP ends it. So it
 * runs in a worker, in a session of its own, that is told what to do through a
 * socket; the supervisor has one thread, waits for signals and starts a new worker
 * when one dies, with the policy that was in force. The worker ends when the supervisor
 * does.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_DAEMON_H
#define TLSWARD_MILTER_DAEMON_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

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
	char node[SETTINGS_NODE_MAX];	/* this host's name in a fleet; "": there is no journal */
	struct log *log;
	struct loaded loaded;		/* for the first worker */
	int tape;			/* of the policy in force; -1: none so far */
	int64_t started_ms;		/* Unix time, as all of these */
	int64_t policy_ms;		/* when the policy in force was loaded */
	int64_t reload_ms;		/* when a reload ended last; 0: none has */
	bool reload_taken;		/* and what was loaded then is in force */
	unsigned deaths;		/* of workers, since the start */
	int64_t died_ms;		/* the last one */
	bool again;			/* for a worker that follows several dead ones */
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

/* The signals that the supervisor waits for, to be blocked before it runs. */
void supervisor_signals(sigset_t *signals);

/*
 * Runs until told to end, with a new worker for each that dies; but where the first one
 * does not come to serve, or the file of a socket is gone, that is the end. Returns the
 * exit status.
 */
int supervisor_run(struct daemon *daemon);

/*
 * Serves until the supervisor says so on "supervisor" (milter/worker_word.h) or is gone. Returns
 * the exit status, for _exit(): libmilter's threads are still there. Takes the policy of
 * daemon->loaded over, or loads it from daemon->tape where there is none.
 */
int worker_run(struct daemon *daemon, int supervisor);

#endif
