/*
 * worker.h - the process that libmilter runs in.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_WORKER_H
#define TLSWARD_MILTER_WORKER_H

#include "milter/daemon.h"

/* What the supervisor asks of the worker, one byte each, and what it answers. */
#define CONTROL_RELOAD 'R'
#define CONTROL_COUNTERS 'C'
#define CONTROL_STOP 'S'
#define CONTROL_SERVING 'U'

/*
 * Serves until the supervisor says so on "control" or is gone. Returns the exit
 * status, for _exit(): libmilter's threads are still there. Takes the policy
 * of daemon->loaded over, or loads it where there is none.
 */
int worker_run(struct daemon *daemon, int control);

#endif
