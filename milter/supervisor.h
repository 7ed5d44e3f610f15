/*
 * supervisor.h - the process that owns the signals and keeps a worker running.
 *
 * libmilter takes SIGHUP, SIGTERM and SIGINT for itself, and HUP ends it. So it
 * runs in a worker, in a session of its own, that is told what to do through a
 * socket; the supervisor has one thread, waits for signals and starts a new worker
 * when one dies. The worker ends when the supervisor does.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SUPERVISOR_H
#define TLSWARD_MILTER_SUPERVISOR_H

#include <signal.h>

#include "milter/daemon.h"

/* The signals that the supervisor waits for, to be blocked before it runs. */
void supervisor_signals(sigset_t *signals);

/* Runs until told to end, or until workers keep dying. Returns the exit status. */
int supervisor_run(struct daemon *daemon);

#endif
