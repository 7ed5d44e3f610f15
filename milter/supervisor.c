/*
 * supervisor.c - the process that owns the signals and keeps a worker running.
 *
 * It has one thread and one loop, in which it waits for a signal, for a word of the
 * worker's and for a time, and acts on each at once: what it waits for never keeps it
 * from obeying. It holds the tape of the policy in force, from which each new worker
 * loads that policy again, whatever is on disk by then.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/date.h"
#include "base/diag.h"
#include "base/tape.h"
#include "milter/snapshot.h"
#include "milter/worker_word.h"

/* How long a worker may take to start, and to end. */
#define START_MS 120000
#define STOP_MS 15000

/* A worker that has served as long as that is no continuation of earlier deaths. */
#define SETTLED_MS 60000

/* How often a worker is told of a reload that has no room for it. */
#define OWED_MS 100

/* How long a death is waited after, by how many there were in a row; then the last. */
static const int pauses_ms[] = { 0, 100, 300, 1000, 3000, 5000 };
#define PAUSES (sizeof(pauses_ms) / sizeof(pauses_ms[0]))

/* How often it is looked whether the sockets' files are where they were made. */
#define LOOK_MS 10000

/* So many words of the worker's, before others have their turn. */
#define HEARD_AT_ONCE 256

#define FOR_EVER INT64_MAX

struct supervisor {
	struct daemon *daemon;
	int signals;			/* a signalfd */
	pid_t worker;			/* 0: none */
	int control;			/* our end of its socket; -1: none */
	bool serving;			/* it has said so */
	bool served;			/* one has */
	bool stopping;			/* it was told to end */
	bool reload_owed;		/* the worker could not be told of it */
	bool stop_owed;			/* likewise */
	bool reloading;			/* it was, and has not said how that went */
	bool died_of_it;		/* and so did the one before, which died */
	bool lost_told;			/* a socket's file is gone: said once */
	unsigned deaths;		/* in a row */
	int64_t died_ms;		/* the first of them: Unix time */
	int64_t serving_ms;		/* since when it serves: Unix time */
	/*
	 * By the clock that never goes back. Without a worker: when to start one. Of one
	 * that starts, or is to end: when it is given up. Of one that serves: when it
	 * has settled.
	 */
	int64_t due_ms;
	bool over;
	int status;			/* of the end */
};

void
supervisor_signals(sigset_t *signals)
{
	static const int waited_for[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD };

	(void)sigemptyset(signals);
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(waited_for[0]); i++)
		(void)sigaddset(signals, waited_for[i]);
}

static int64_t
supervisor_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
supervisor_end(struct supervisor *supervisor, int status)
{
	supervisor->over = true;
	supervisor->status = status;
}

/* ------------------------------------------------------------------ *
 * What the worker is told, and tells
 * ------------------------------------------------------------------ */

static void
tell_worker(struct supervisor *supervisor, char what)
{
	bool told = supervisor->control != -1 &&
	    word_send(supervisor->control, what, -1) == 0;

	if (what == WORD_RELOAD) {
		supervisor->reloading = supervisor->reloading || told;
		supervisor->reload_owed = !told;
	} else if (what == WORD_STOP && !told && errno == EAGAIN) {
		supervisor->stop_owed = supervisor->control != -1;
	} else if (!told && supervisor->control != -1 && errno != EPIPE)
		log_message(supervisor->daemon->log, SEVERITY_ERROR,
		    "the worker cannot be told '%c': %s", what, strerror(errno));
}

/* Takes the file over. One that is no tape, or could still be changed, is none. */
static void
keep_tape(struct supervisor *supervisor, int file)
{
	struct daemon *daemon = supervisor->daemon;

	if (file == -1)
		errno = EMFILE;
	if (file == -1 || !tape_seal(file)) {
		log_message(daemon->log, SEVERITY_ERROR, "the policy in force cannot be"
		    " kept for a new worker: %s", strerror(errno));
		if (file != -1)
			(void)close(file);
		return;
	}
	if (daemon->tape != -1)
		(void)close(daemon->tape);
	daemon->tape = file;
	daemon->policy_ms = log_time_ms();
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

static void
note_serving(struct supervisor *supervisor)
{
	tell_ready(supervisor->daemon);
	supervisor->serving = true;
	supervisor->served = true;
	supervisor->serving_ms = log_time_ms();
	if (!supervisor->stopping)
		supervisor->due_ms = supervisor->deaths == 0 ? FOR_EVER :
		    supervisor_clock() + SETTLED_MS;
}

/* How a reload went. */
static void
note_reload(struct supervisor *supervisor, bool taken)
{
	supervisor->reloading = false;
	supervisor->died_of_it = false;
	supervisor->daemon->reload_ms = log_time_ms();
	supervisor->daemon->reload_taken = taken;
}

/* As a signal asked for it, or somebody by way of the control socket. */
static void
order_reload(struct supervisor *supervisor)
{
	log_reopen(supervisor->daemon->log);
	tell_worker(supervisor, WORD_RELOAD);
}

/* Takes all that the worker has said so far, also where it is dead by now. */
static void
hear_worker(struct supervisor *supervisor)
{
	char what;
	int file, result;

	/* One that says more is heard on: meanwhile it keeps nobody from being obeyed. */
	for (int i = 0; i < HEARD_AT_ONCE && supervisor->control != -1; i++) {
		result = word_receive(supervisor->control, &what, &file);
		if (result == 1 && what == WORD_SERVING) {
			note_serving(supervisor);
		} else if (result == 1 && what == WORD_WANTED) {
			order_reload(supervisor);
		} else if (result == 1 && what == WORD_KEPT) {
			note_reload(supervisor, false);
		} else if (result == 1 && what == WORD_TAPE) {
			note_reload(supervisor, true);
			keep_tape(supervisor, file);
			continue;
		}
		if (result != -1 && file != -1)
			(void)close(file);
		if (result == -1 && errno == EAGAIN)
			return;
		if (result < 1) {
			(void)close(supervisor->control);
			supervisor->control = -1;
		}
	}
}

/* ------------------------------------------------------------------ *
 * Starting one
 * ------------------------------------------------------------------ */

/* In the new process. */
static void
become_worker(const struct supervisor *supervisor, const int ends[2])
{
	struct daemon *daemon = supervisor->daemon;

	(void)close(ends[0]);
	(void)close(supervisor->signals);
	if (daemon->ready != -1)
		(void)close(daemon->ready);
	/* Several deaths in a row: what it has to say was said before. */
	daemon->again = supervisor->deaths > 1;
	_exit(worker_run(daemon, ends[1]));
}

/* False with errno set: there is none. */
static bool
fork_worker(struct supervisor *supervisor)
{
	int ends[2], error;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	child = fork();
	if (child == 0)
		become_worker(supervisor, ends);
	error = errno;
	(void)close(ends[1]);
	if (child == -1) {
		(void)close(ends[0]);
		errno = error;
		return false;
	}
	supervisor->worker = child;
	supervisor->control = ends[0];
	supervisor->serving = false;
	supervisor->due_ms = supervisor_clock() + START_MS;
	/* The worker has its own copy; the next one loads it from the tape. */
	policy_free(&supervisor->daemon->loaded.policy);
	snapshots_return_memory();
	return true;
}

/* Notes a death, and when the next worker starts. Writes that in words. */
static void
plan_worker(struct supervisor *supervisor, char *words, size_t size)
{
	unsigned at = supervisor->deaths < PAUSES ? supervisor->deaths :
	    (unsigned)PAUSES - 1;
	char time[DATE_TIME_SIZE];

	supervisor->daemon->deaths++;
	supervisor->daemon->died_ms = log_time_ms();
	if (supervisor->deaths++ == 0)
		supervisor->died_ms = supervisor->daemon->died_ms;
	supervisor->due_ms = supervisor_clock() + pauses_ms[at];
	date_write_time(supervisor->daemon->policy_ms / 1000, time);
	(void)snprintf(words, size, "starting a new one in %d.%d seconds, with the policy"
	    " of %s", pauses_ms[at] / 1000, pauses_ms[at] % 1000 / 100, time);
}

/* Where there is none. What cannot be started counts as a death. */
static void
start_worker(struct supervisor *supervisor)
{
	const struct daemon *daemon = supervisor->daemon;
	const char *lost = sockets_lost(&daemon->sockets);
	char words[128];

	if (lost != NULL) {
		log_message(daemon->log, SEVERITY_ERROR, "the socket %s is gone: no new"
		    " worker could be reached, giving up", lost);
		supervisor_end(supervisor, 1);
		return;
	}
	if (fork_worker(supervisor))
		return;
	plan_worker(supervisor, words, sizeof(words));
	log_message(daemon->log, SEVERITY_ERROR, "cannot start a worker: %s; %s",
	    strerror(errno), words);
	if (!supervisor->served)
		supervisor_end(supervisor, 1);
}

/* ------------------------------------------------------------------ *
 * Its end
 * ------------------------------------------------------------------ */

/* A reload is tried again, once: the worker may have died of it, or before it. */
static void
say_death(struct supervisor *supervisor, pid_t pid, int status, const char *words)
{
	if (WIFSIGNALED(status))
		log_message(supervisor->daemon->log, SEVERITY_ERROR, "the worker (process"
		    " %ld) was killed by signal %d%s", (long)pid, WTERMSIG(status), words);
	else
		log_message(supervisor->daemon->log, SEVERITY_ERROR, "the worker (process"
		    " %ld) ended unasked with status %d%s", (long)pid, WEXITSTATUS(status),
		    words);
	if (!supervisor->reloading)
		return;
	supervisor->reloading = false;
	supervisor->reload_owed = !supervisor->died_of_it;
	if (!supervisor->died_of_it) {
		supervisor->died_of_it = true;
		return;
	}
	note_reload(supervisor, false);
	log_message(supervisor->daemon->log, SEVERITY_ERROR,
	    "policy not reloaded: two workers died meanwhile");
}

/* Collects the worker if it has ended. What it said last is heard first. */
static void
bury_worker(struct supervisor *supervisor)
{
	pid_t pid = supervisor->worker;
	char words[128] = ": ";
	int status;

	if (pid == 0 || waitpid(pid, &status, WNOHANG) != pid)
		return;
	hear_worker(supervisor);
	if (supervisor->control != -1)
		(void)close(supervisor->control);
	supervisor->control = -1;
	supervisor->worker = 0;
	if (supervisor->stopping) {
		if (status != 0)
			say_death(supervisor, pid, status, ", while the daemon was ending");
		log_message(supervisor->daemon->log, SEVERITY_INFO, "ended");
		supervisor_end(supervisor, 0);
	} else if (!supervisor->served) {
		say_death(supervisor, pid, status, ": the daemon could not start");
		supervisor_end(supervisor, 1);
	} else {
		plan_worker(supervisor, words + 2, sizeof(words) - 2);
		say_death(supervisor, pid, status, words);
	}
}

/*
 * Nobody who comes now is kept waiting: the sockets go with the worker's, which it
 * leaves at once, and a new daemon can have their names.
 */
static void
stop_worker(struct supervisor *supervisor)
{
	struct daemon *daemon = supervisor->daemon;

	if (supervisor->stopping)
		return;
	supervisor->stopping = true;
	supervisor->due_ms = supervisor_clock() + STOP_MS;
	tell_worker(supervisor, WORD_STOP);
	sockets_remove(&daemon->sockets);
	sockets_close(&daemon->sockets);
	if (supervisor->worker != 0)
		return;
	log_message(daemon->log, SEVERITY_INFO, "ended");
	supervisor_end(supervisor, 0);
}

static void
kill_worker(struct supervisor *supervisor, const char *why)
{
	log_message(supervisor->daemon->log, SEVERITY_WARNING, "%s: killing it", why);
	(void)kill(supervisor->worker, SIGKILL);
	supervisor->due_ms = FOR_EVER;
}

/* ------------------------------------------------------------------ *
 * The loop
 * ------------------------------------------------------------------ */

static void
obey_signal(struct supervisor *supervisor, uint32_t received)
{
	switch (received) {
	case SIGHUP:
		order_reload(supervisor);
		break;
	case SIGUSR1:
		tell_worker(supervisor, WORD_COUNTERS);
		break;
	case SIGCHLD:
		bury_worker(supervisor);
		break;
	default:
		stop_worker(supervisor);
		break;
	}
}

static void
obey_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo received;

	while (!supervisor->over && read(supervisor->signals, &received,
	    sizeof(received)) == (ssize_t)sizeof(received))
		obey_signal(supervisor, received.ssi_signo);
}

/* What was waited for has come, or did not. */
static void
act_in_time(struct supervisor *supervisor)
{
	char died[DATE_TIME_SIZE], serving[DATE_TIME_SIZE];

	if (supervisor->worker == 0) {
		start_worker(supervisor);
	} else if (supervisor->stopping) {
		kill_worker(supervisor, "the worker does not end");
	} else if (!supervisor->serving) {
		kill_worker(supervisor, "the worker does not start");
	} else {
		date_write_time(supervisor->died_ms / 1000, died);
		date_write_time(supervisor->serving_ms / 1000, serving);
		log_message(supervisor->daemon->log, SEVERITY_WARNING, "deaths of the worker"
		    " since %s: %u; served again since %s", died, supervisor->deaths,
		    serving);
		supervisor->deaths = 0;
		supervisor->due_ms = FOR_EVER;
	}
}

/* How long to wait, for poll(2). */
static int
supervisor_patience(const struct supervisor *supervisor)
{
	int64_t left = supervisor->due_ms == FOR_EVER ? INT32_MAX :
	    supervisor->due_ms - supervisor_clock();

	if ((supervisor->reload_owed || supervisor->stop_owed) &&
	    supervisor->control != -1 && left > OWED_MS)
		left = OWED_MS;
	if (!supervisor->lost_told && left > LOOK_MS)
		left = LOOK_MS;
	return left < 0 ? 0 : left < INT32_MAX ? (int)left : -1;
}

/* Without the file nobody new comes, so that nothing else would ever be noticed. */
static void
look_for_sockets(struct supervisor *supervisor)
{
	const struct daemon *daemon = supervisor->daemon;
	const char *lost = supervisor->lost_told ? NULL : sockets_lost(&daemon->sockets);

	if (lost == NULL)
		return;
	supervisor->lost_told = true;
	log_message(daemon->log, SEVERITY_ERROR, "the socket %s is gone: nobody reaches the"
	    " daemon there until it is started anew", lost);
}

static void
supervise(struct supervisor *supervisor)
{
	while (!supervisor->over) {
		struct pollfd waiting[2] = {
			{ .fd = supervisor->signals, .events = POLLIN },
			{ .fd = supervisor->control, .events = POLLIN },
		};

		(void)poll(waiting, 2, supervisor_patience(supervisor));
		hear_worker(supervisor);
		obey_signals(supervisor);
		if (supervisor->reload_owed && supervisor->control != -1)
			tell_worker(supervisor, WORD_RELOAD);
		if (supervisor->stop_owed) {
			supervisor->stop_owed = false;
			tell_worker(supervisor, WORD_STOP);
		}
		if (!supervisor->over && supervisor_clock() >= supervisor->due_ms)
			act_in_time(supervisor);
		else
			look_for_sockets(supervisor);
	}
}

int
supervisor_run(struct daemon *daemon)
{
	struct supervisor supervisor = { .daemon = daemon, .control = -1 };
	sigset_t signals;

	daemon->started_ms = log_time_ms();
	supervisor_signals(&signals);
	supervisor.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor.signals == -1) {
		log_message(daemon->log, SEVERITY_ERROR, "cannot wait for signals: %s",
		    strerror(errno));
		return 1;
	}
	keep_tape(&supervisor, fcntl(tape_fd(daemon->loaded.tape), F_DUPFD_CLOEXEC, 0));
	tape_free(&daemon->loaded.tape);
	if (daemon->tape == -1)
		supervisor_end(&supervisor, 1);
	supervise(&supervisor);
	if (supervisor.worker != 0)
		(void)kill(supervisor.worker, SIGKILL);
	(void)close(supervisor.signals);
	return supervisor.status;
}
