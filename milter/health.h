/*
 * health.h - whether the worker serves.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_HEALTH_H
#define MILTER_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "milter/daemon.h"

#define HEALTH_WHY_SIZE 256

/* Each is set by the thread that knows. */
struct health {
	const struct daemon *daemon;
	atomic_bool policy;		/* one is in force */
	atomic_bool milter;		/* libmilter's thread runs */
	atomic_bool policy_service;	/* the policy service's does */
	atomic_bool ending;
};

/*
 * Whether a policy is in force and who asks is answered: the threads of the listeners
 * run, and the names of UNIX sockets still lead to them. False with a line of text in
 * "why". Thread-safe.
 */
bool health_ok(const struct health *health, char why[HEALTH_WHY_SIZE]);

#endif
