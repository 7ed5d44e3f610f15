/*
 * health.h - whether the worker, once it has a policy, serves.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_HEALTH_H
#define TLSWARD_MILTER_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "milter/sockets.h"
#include "settings/settings.h"

/* Set by the threads that know. */
struct health {
	const struct settings *settings;
	const struct sockets *sockets;
	atomic_bool milter;		/* libmilter's thread runs */
	atomic_bool policy_service;	/* the policy service's does */
	atomic_bool tls_policy_map;	/* and the TLS policy map's */
	atomic_bool ending;
};

/* Whether mail is served; else why not, in "words". Thread-safe. */
#define HEALTH_SIZE 256
bool health_look(const struct health *health, char words[HEALTH_SIZE]);

#endif
