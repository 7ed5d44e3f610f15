/*
 * worker.h - the process that libmilter runs in.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_WORKER_H
#define MILTER_WORKER_H

#include "milter/daemon.h"

/*
 * Serves until the supervisor says so on "control" or is gone. Returns the exit
 * status, for _exit(): libmilter's threads are still there. Takes daemon->policy
 * over, or loads the policy where that is NULL.
 */
int worker_run(struct daemon *daemon, int control);

#endif
