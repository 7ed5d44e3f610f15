/*
 * supervisor.c - the process that owns the signals and keeps a worker running.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"
#include "milter/snapshot.h"

/* A worker that dies this often within a minute is not started again. */
#define DEATHS_MAX 5
#define DEATHS_SECONDS 60

/* How long a worker may take to end, and to start. */
#define STOP_SECONDS 8
#define START_MS 120000

struct supervisor {
	struct daemon *daemon;
	sigset_t signals;
	pid_t worker;			/* 0: none */
	int control;			/* our end of its socket; -1: none */
	time_t deaths[DEATHS_MAX];	/* the last ones, the oldest is overwritten */
	unsigned death_count;
	bool reload_owed;		/* the worker has not read what it was told before */
};

void
supervisor_signals(sigset_t *signals)
{
	static const int waited_for[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD };

	(void)sigemptyset(signals);
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(waited_for[0]); i++)
		(void)sigaddset(signals, waited_for[i]);
}

/* Waits for the worker's word that it serves. False: it died, or takes too long. */
static bool
worker_serves(const struct supervisor *supervisor)
{
	struct pollfd waiting = { .fd = supervisor->control, .events = POLLIN };
	char answer;

	return poll(&waiting, 1, START_MS) == 1 &&
	    read(supervisor->control, &answer, 1) == 1 && answer == CONTROL_SERVING;
}

static bool
start_worker(struct supervisor *supervisor)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	child = fork();
	if (child == -1) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return false;
	}
	if (child == 0) {
		(void)close(ends[0]);
		if (supervisor->daemon->ready != -1)
			(void)close(supervisor->daemon->ready);
		_exit(worker_run(supervisor->daemon, ends[1]));
	}
	(void)close(ends[1]);
	supervisor->worker = child;
	supervisor->control = ends[0];
	/* The worker has its own copy; the next one reads what is there then. */
	policy_free(&supervisor->daemon->loaded.policy);
	snapshots_return_memory();
	return worker_serves(supervisor);
}

static void
tell_worker(struct supervisor *supervisor, char what)
{
	if (supervisor->control == -1 || send(supervisor->control, &what, 1,
	    MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		return;
	if (errno == EAGAIN && what == CONTROL_RELOAD)
		supervisor->reload_owed = true;
	else
		log_message(supervisor->daemon->log, SEVERITY_ERROR,
		    "the worker cannot be told '%c': %s", what, strerror(errno));
}

/* Collects the worker if it has ended. Says how, where that was not asked for. */
static bool
worker_ended(struct supervisor *supervisor, bool expected)
{
	struct log *log = supervisor->daemon->log;
	int status;

	if (supervisor->worker == 0 ||
	    waitpid(supervisor->worker, &status, WNOHANG) != supervisor->worker)
		return false;
	if (!expected && WIFSIGNALED(status))
		log_message(log, SEVERITY_ERROR, "the worker (process %ld) was killed by"
		    " signal %d", (long)supervisor->worker, WTERMSIG(status));
	else if (!expected)
		log_message(log, SEVERITY_ERROR, "the worker (process %ld) ended unasked with"
		    " status %d", (long)supervisor->worker, WEXITSTATUS(status));
	(void)close(supervisor->control);
	supervisor->control = -1;
	supervisor->worker = 0;
	return true;
}

static void
kill_worker(struct supervisor *supervisor, bool expected)
{
	(void)kill(supervisor->worker, SIGKILL);
	while (!worker_ended(supervisor, expected))
		(void)poll(NULL, 0, 10);
}

/* Whether one more death is too many. */
static bool
dies_too_often(struct supervisor *supervisor)
{
	struct timespec now;
	time_t *oldest = &supervisor->deaths[supervisor->death_count % DEATHS_MAX];
	bool too_often;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	too_often = supervisor->death_count >= DEATHS_MAX &&
	    now.tv_sec - *oldest < DEATHS_SECONDS;
	*oldest = now.tv_sec;
	supervisor->death_count++;
	return too_often;
}

/* After a death: a new worker on the same socket. False: this is the end. */
static bool
replace_worker(struct supervisor *supervisor)
{
	const struct daemon *daemon = supervisor->daemon;
	const char *lost;

	do {
		if (dies_too_often(supervisor)) {
			log_message(daemon->log, SEVERITY_ERROR, "the worker died %d times"
			    " within %d seconds: giving up", DEATHS_MAX, DEATHS_SECONDS);
			return false;
		}
		lost = sockets_lost(&daemon->sockets);
		if (lost != NULL) {
			log_message(daemon->log, SEVERITY_ERROR, "the socket %s is gone: no new"
			    " worker could be reached, giving up", lost);
			return false;
		}
		log_message(daemon->log, SEVERITY_WARNING, "starting a new worker");
		if (start_worker(supervisor))
			return true;
		if (supervisor->worker == 0) {
			log_message(daemon->log, SEVERITY_ERROR, "cannot start a worker: %s",
			    strerror(errno));
			return false;
		}
		/* It hung up, or hangs: either way it is over with it. */
		kill_worker(supervisor, false);
	} while (true);
}

static void
stop_worker(struct supervisor *supervisor)
{
	struct timespec pause = { 0, 100000000 };
	sigset_t child;

	tell_worker(supervisor, CONTROL_STOP);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	for (int i = 0; i < STOP_SECONDS * 10; i++) {
		if (worker_ended(supervisor, true))
			return;
		(void)sigtimedwait(&child, NULL, &pause);
	}
	log_message(supervisor->daemon->log, SEVERITY_WARNING,
	    "the worker does not end: killing it");
	kill_worker(supervisor, true);
}

/* Acts on one signal. False: the end, with its exit status in *status. */
static bool
handle_signal(struct supervisor *supervisor, int received, int *status)
{
	struct log *log = supervisor->daemon->log;

	switch (received) {
	case SIGHUP:
		log_reopen(log);
		tell_worker(supervisor, CONTROL_RELOAD);
		return true;
	case SIGUSR1:
		tell_worker(supervisor, CONTROL_COUNTERS);
		return true;
	case SIGCHLD:
		if (!worker_ended(supervisor, false))
			return true;
		*status = 1;
		return replace_worker(supervisor);
	case SIGTERM:
	case SIGINT:
		stop_worker(supervisor);
		log_message(log, SEVERITY_INFO, "ended");
		*status = 0;
		return false;
	default:
		return true;
	}
}

/* The next signal, or -1; a reload that could not be told of is told of again. */
static int
next_signal(struct supervisor *supervisor)
{
	struct timespec pause = { 0, 100000000 };
	int received;

	if (!supervisor->reload_owed)
		return sigwaitinfo(&supervisor->signals, NULL);
	received = sigtimedwait(&supervisor->signals, NULL, &pause);
	supervisor->reload_owed = false;
	tell_worker(supervisor, CONTROL_RELOAD);
	return received;
}

/* The first process may go, and with it the terminal. */
static void
tell_ready(struct daemon *daemon)
{
	if (daemon->ready == -1)
		return;
	log_leave_stderr(daemon->log);
	if (write(daemon->ready, "", 1) != 1)
		log_message(daemon->log, SEVERITY_WARNING, "nobody waited for the start");
	(void)close(daemon->ready);
	daemon->ready = -1;
}

int
supervisor_run(struct daemon *daemon)
{
	struct supervisor supervisor = { .daemon = daemon, .control = -1 };
	int received, status = 1;

	supervisor_signals(&supervisor.signals);
	if (!start_worker(&supervisor)) {
		log_message(daemon->log, SEVERITY_ERROR, "the worker could not start");
		if (supervisor.worker != 0)
			(void)kill(supervisor.worker, SIGKILL);
		return 1;
	}
	tell_ready(daemon);
	do {
		received = next_signal(&supervisor);
	} while (received == -1 || handle_signal(&supervisor, received, &status));
	return status;
}
