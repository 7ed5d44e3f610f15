/*
 * worker.h - what the parts of the worker share.
 *
 * All functions but those that say otherwise are the main thread's.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_WORKER_H
#define TLSWARD_MILTER_WORKER_H

#include <pthread.h>

#include "milter/daemon.h"
#include "milter/metrics.h"
#include "milter/service_listener.h"

struct worker {
	struct daemon *daemon;
	struct service service;
	struct service_listener *listener;	/* NULL: no policy service */
	struct service_listener *map;		/* NULL: no TLS policy map */
	struct metrics_http *http;		/* NULL: no metrics */
	struct metrics_source metrics;
	struct health health;
	struct daily daily;
	int control;
	int ended[2];			/* libmilter's thread writes when it ends */
	pthread_t milter;		/* that thread */
	bool has_milter;		/* it was started */
	pthread_mutex_t gate;		/* nobody is answered while it is locked */
	pthread_t loader;		/* the thread of the reload under way */
	bool loading;			/* there is one */
	bool reload_owed;		/* and another is to follow */
	int loaded[2];			/* that thread writes when it ends */
	bool orphan;			/* the supervisor is gone */
};

/*
 * Starts a thread that no signal reaches and that lives as long as the process. Returns 0
 * or an error.
 */
int worker_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

/*
 * Takes over the policy that daemon->loaded has or, in a worker that follows another, loads
 * that which was in force. It keeps no tape: the supervisor has it. False: it was said why.
 */
bool worker_first_policy(struct worker *worker);

/*
 * The new policy is built beside the old one, which stays when the new one has errors or
 * contradicts the settings, and beside this thread, which goes on listening: when
 * worker->loaded[0] can be read, the reload is ended by the second function. One that is
 * begun meanwhile follows then.
 */
void worker_begin_reload(struct worker *worker);
void worker_end_reload(struct worker *worker);

#endif
