/*
 * worker_reload.c - the worker's policy: the first one, and those of reloads.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/tape.h"
#include "milter/load.h"
#include "milter/worker_status.h"
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
	bool loaded;

	diags_free(&worker->diags);
	worker->diags = diags_new();
	loaded = load_timed(&worker->daemon->loaded, daemon->settings,
	    daemon->settings_path, tape, worker->diags);
	if (worker->diags != NULL && tape == -1)
		settings_changes(daemon->settings, daemon->settings_path, worker->diags);
	if (worker->diags != NULL && (tape == -1 || !loaded))
		load_log_diags(daemon->log, worker->diags);
	return loaded;
}

/* Notes what is in force from now on; "tape" is taken over, the one before closed. */
static void
note_in_force(struct worker *worker, int tape, int64_t loaded_ms)
{
	struct in_force *in_force = &worker->in_force;
	int before;

	(void)pthread_mutex_lock(&in_force->lock);
	before = in_force->tape;
	in_force->tape = tape;
	in_force->loaded_ms = loaded_ms;
	(void)pthread_mutex_unlock(&in_force->lock);
	if (before != -1)
		(void)close(before);
}

void
worker_tell_policy(struct worker *worker)
{
	struct snapshots *snapshots = worker->service.snapshots;
	struct snapshot *snapshot = snapshots_acquire(snapshots);
	char digest[POLICY_DIGEST_SIZE];

	if (policy_digest(snapshot->policy, digest))
		journal_store_policy(worker->service.journal, digest,
		    worker->in_force.loaded_ms);
	snapshots_release(snapshots, &snapshot);
}

/*
 * A worker that follows another loads the policy that was in force, and knows of it what
 * the supervisor does.
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
	note_in_force(worker, daemon->tape, daemon->policy_ms);
	daemon->tape = -1;
	worker->in_force.reload_ms = daemon->reload_ms;
	worker->in_force.reload_taken = daemon->reload_taken;
	counters_loaded(&service->counters, true, loaded->at_ms, loaded->took_ns);
	if (!daemon->again)
		load_log_policy(daemon->log, "policy loaded", daemon->settings,
		    &loaded->summary);
	worker->daily.last = log_time_ms();
	service->snapshots = snapshots_new(&loaded->policy);
	return service->snapshots != NULL;
}

/* Writes the first error as a line, "" where there is none. */
static void
first_error(const struct diags *diags, char text[TOLD_MAX])
{
	const struct diag *diag = NULL;

	text[0] = '\0';
	for (size_t i = 0; diags != NULL && (diag = diags_at(diags, i)) != NULL; i++)
		if (diag->severity == SEVERITY_ERROR)
			break;
	if (diag == NULL)
		return;
	if (diag->line > 0)
		(void)snprintf(text, TOLD_MAX, "%s:%u:%u: %s", diag->file, diag->line,
		    diag->column, diag->message);
	else
		(void)snprintf(text, TOLD_MAX, "%s: %s", diag->file, diag->message);
}

/* There shall be two policies at a time, and no third for those who are slow. */
static void
free_older_policies(struct worker *worker)
{
	struct pollfd orders = { .fd = worker->supervisor, .events = POLLIN };

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
	if (word_send(worker->supervisor, WORD_TAPE, tape_fd(loaded->tape)) == 0) {
		snapshots_install(worker->service.snapshots, &fresh);
		note_in_force(worker, fcntl(tape_fd(loaded->tape), F_DUPFD_CLOEXEC, 0),
		    loaded->at_ms);
		return true;
	}
	log_message(daemon->log, SEVERITY_ERROR, "the supervisor cannot be given the new"
	    " policy: %s", strerror(errno));
	diags_add(worker->diags, SEVERITY_ERROR, NULL, daemon->settings->policy, 0, 0, NULL,
	    0, "the supervisor cannot be given the new policy");
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

/* Notes how a reload went, for whoever asks, and answers who has asked for it. */
static void
tell_of_reload(struct worker *worker, bool taken)
{
	struct in_force *in_force = &worker->in_force;
	char *answer;

	(void)pthread_mutex_lock(&in_force->lock);
	in_force->reload_ms = log_time_ms();
	in_force->reload_taken = taken;
	first_error(worker->diags, in_force->reload_error);
	(void)pthread_mutex_unlock(&in_force->lock);
	if (worker->control == NULL)
		return;
	answer = worker_reload_answer(worker, taken);
	control_reload_ended(worker->control, answer);
	free(answer);
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
	if (!replaced)
		(void)word_send(worker->supervisor, WORD_KEPT, -1);
	tell_of_reload(worker, replaced);
	if (!replaced) {
		log_message(daemon->log, SEVERITY_ERROR,
		    "policy not reloaded: the one in force is kept");
		return;
	}
	worker_tell_policy(worker);
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
	control_reload_begins(worker->control);
	free_older_policies(worker);
	error = worker_start_thread(&worker->loader, run_reload, worker);
	worker->loading = error == 0;
	if (error == 0)
		return;
	log_message(worker->daemon->log, SEVERITY_ERROR, "cannot start a thread: %s",
	    strerror(error));
	diags_free(&worker->diags);
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
