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

#include "milter/control.h"
#include "milter/daemon.h"
#include "milter/health.h"
#include "milter/metrics.h"
#include "milter/service_listener.h"

/* Of what was said, so much is told on. */
#define TOLD_MAX 512

/* What is told of the policy in force, and of reloads: by whoever holds the lock. */
struct in_force {
	pthread_mutex_t lock;
	int tape;			/* of it; -1: there is none */
	int64_t loaded_ms;		/* Unix time, and so is the next one */
	int64_t reload_ms;		/* 0: none was tried since the start */
	bool reload_taken;
	char reload_error[TOLD_MAX];	/* the first of what was not taken; "": none is known */
	char journal_error[TOLD_MAX];	/* what the journal said last; "" */
};

struct worker {
	struct daemon *daemon;
	struct service service;
	struct service_listener *listener;	/* NULL: no policy service */
	struct service_listener *map;		/* NULL: no TLS policy map */
	struct metrics_http *http;		/* NULL: no metrics */
	struct metrics_source metrics;
	struct health health;
	struct daily daily;
	int supervisor;			/* the socket on which it is heard */
	struct control *control;	/* NULL: nobody can ask */
	bool has_control;		/* and its thread was started */
	struct in_force in_force;
	struct diags *diags;		/* of the load before; NULL: none are kept */
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
 * that which was in force. False: it was said why.
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

/* Tells the journal which policy is in force. */
void worker_tell_policy(struct worker *worker);

/* Has a control socket answered, where there is one, by a thread for control_run(). */
void worker_prepare_control(struct worker *worker);

#endif
