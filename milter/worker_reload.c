/*
 * worker_reload.c - the worker's policy: the first one, and those of reloads.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/tape.h"
#include "milter/load.h"
#include "milter/worker_word.h"

/* How long a reload waits for messages that use a policy before the one in force. */
#define OLDER_MS 500

int
worker_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/*
 * From what is on disk now, or from the tape (-1: none). Says what is to be said of it:
 * of what was in force already, its warnings were.
 */
static bool
load_anew(struct worker *worker, int tape)
{
	const struct daemon *daemon = worker->daemon;
	struct diags *diags = diags_new();
	bool loaded = load_timed(&worker->daemon->loaded, daemon->settings,
	    daemon->settings_path, tape, diags);

	if (diags != NULL && (tape == -1 || !loaded))
		load_log_diags(daemon->log, diags);
	diags_free(&diags);
	return loaded;
}

/*
 * A worker that follows another loads the policy that was in force. It keeps no tape: the
 * supervisor has it.
 */
bool
worker_first_policy(struct worker *worker)
{
	struct daemon *daemon = worker->daemon;
	struct service *service = &worker->service;
	struct loaded *loaded = &daemon->loaded;

	if (loaded->policy == NULL && !load_anew(worker, daemon->tape))
		return false;
	tape_free(&loaded->tape);
	(void)close(daemon->tape);
	daemon->tape = -1;
	counters_loaded(&service->counters, true, loaded->at_ms, loaded->took_ns);
	if (!daemon->again)
		load_log_policy(daemon->log, "policy loaded", daemon->settings,
		    &loaded->summary);
	worker->daily.last = log_time_ms();
	service->snapshots = snapshots_new(&loaded->policy);
	return service->snapshots != NULL;
}

/* There shall be two policies at a time, and no third for those who are slow. */
static void
free_older_policies(struct worker *worker)
{
	struct pollfd orders = { .fd = worker->control, .events = POLLIN };

	/* What else there is to do does not wait for that. */
	for (int i = 0; i < OLDER_MS / 10; i++)
		if (!snapshots_collect(worker->service.snapshots) ||
		    poll(&orders, 1, 10) != 0)
			return;
}

/*
 * Puts in force what was loaded, of which the supervisor has the tape then. False, with
 * nothing changed, where it cannot have it.
 */
static bool
put_in_force(struct worker *worker)
{
	struct daemon *daemon = worker->daemon;
	struct loaded *loaded = &daemon->loaded;
	struct snapshot *fresh = snapshot_prepare(&loaded->policy);

	if (fresh == NULL)
		return false;
	if (word_send(worker->control, WORD_TAPE, tape_fd(loaded->tape)) == 0) {
		snapshots_install(worker->service.snapshots, &fresh);
		return true;
	}
	log_message(daemon->log, SEVERITY_ERROR, "the supervisor cannot be given the new"
	    " policy: %s", strerror(errno));
	snapshot_give_up(&fresh);
	return false;
}

static void *
run_reload(void *argument)
{
	struct worker *worker = argument;
	char result = load_anew(worker, -1) ? '0' : '1';

	(void)!write(worker->loaded[1], &result, 1);
	return NULL;
}

static void
finish_reload(struct worker *worker, bool replaced)
{
	struct daemon *daemon = worker->daemon;
	struct service *service = &worker->service;
	struct loaded *loaded = &daemon->loaded;

	replaced = replaced && put_in_force(worker);
	counters_add(&service->counters,
	    replaced ? COUNTER_RELOADS : COUNTER_RELOADS_FAILED);
	counters_loaded(&service->counters, replaced, loaded->at_ms, loaded->took_ns);
	load_release(loaded);
	if (!replaced) {
		(void)word_send(worker->control, WORD_KEPT, -1);
		log_message(daemon->log, SEVERITY_ERROR,
		    "policy not reloaded: the one in force is kept");
		return;
	}
	load_log_policy(daemon->log, "policy reloaded", daemon->settings,
	    &loaded->summary);
	worker->daily.last = log_time_ms();
}

/*
 * The new policy is built beside the old one, which stays when the new one has
 * errors or contradicts the settings, and beside this thread, which goes on listening.
 */
void
worker_begin_reload(struct worker *worker)
{
	int error;

	log_reopen(worker->daemon->log);
	worker->reload_owed = worker->loading;
	if (worker->loading)
		return;
	free_older_policies(worker);
	error = worker_start_thread(&worker->loader, run_reload, worker);
	worker->loading = error == 0;
	if (error == 0)
		return;
	log_message(worker->daemon->log, SEVERITY_ERROR, "cannot start a thread: %s",
	    strerror(error));
	finish_reload(worker, false);
}

/* The thread of the reload has written. */
void
worker_end_reload(struct worker *worker)
{
	char result = '1';

	(void)!read(worker->loaded[0], &result, 1);
	(void)pthread_join(worker->loader, NULL);
	worker->loading = false;
	finish_reload(worker, result == '0');
	if (worker->reload_owed)
		worker_begin_reload(worker);
}
