/*
 * worker.c - the process that libmilter runs in.
 *
 * The main thread listens to the supervisor; libmilter runs in a second one and in
 * those that it starts, a reload in one of its own. They have all signals blocked. The
 * main thread has not, and ignores those that libmilter waits for: so they are gone
 * before libmilter's own signal thread could see them, whoever sends them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "milter/callbacks.h"
#include "milter/confine.h"
#include "milter/load.h"
#include "milter/tls_policy_map.h"
#include "milter/tls_policy_next.h"
#include "milter/worker_word.h"

/*
 * How long the end may take: messages that have begun; then callbacks that are under way,
 * each of which may wait for the journal; the log's queue; the journal.
 */
#define MESSAGES_MS 2000
#define CALLBACKS_MS 3000
#define LOG_MS 1000
#define JOURNAL_MS 5000

/* Nobody waits for whoever is being answered on the control socket. */
#define CONTROL_MS 200

/* How often to look for old policies that can be freed, while there are some. */
#define COLLECT_MS 200

/* How much less urgent than messages a reload is, and whoever asks: for nice(2). */
#define RELOAD_NICE 5

/* What a callback decided still has to be written to the MTA by libmilter. */
#define REPLY_MS 50

/* Wakes libmilter's thread from whatever it waits in; nobody else sends it. */
#define WAKING SIGURG

static void
wake_up(int number)
{
	(void)number;
}

static void
take_own_session(void)
{
	static const int ignored[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2,
	    SIGPIPE, SIGXFSZ };
	const struct sigaction waking = { .sa_handler = wake_up };
	sigset_t none;

	(void)setsid();
	/* So that "pkill tlsward-milter" reaches the supervisor alone. */
	(void)prctl(PR_SET_NAME, "tlsward-worker", 0, 0, 0);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigaction(WAKING, &waking, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Who was answered once is answered again: the supervisor knows first that we serve. */
static void
wait_for_gate(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->gate);
	(void)pthread_mutex_unlock(&worker->gate);
}

static void *
run_libmilter(void *argument)
{
	struct worker *worker = argument;
	sigset_t waking;
	char result;

	(void)sigemptyset(&waking);
	(void)sigaddset(&waking, WAKING);
	(void)pthread_sigmask(SIG_UNBLOCK, &waking, NULL);
	wait_for_gate(worker);
	atomic_store(&worker->health.milter, true);
	result = smfi_main() == MI_SUCCESS ? '0' : '1';
	atomic_store(&worker->health.milter, false);
	(void)!write(worker->ended[1], &result, 1);
	return NULL;
}

static void *
run_policy_service(void *argument)
{
	struct worker *worker = argument;

	wait_for_gate(worker);
	atomic_store(&worker->health.policy_service, true);
	(void)service_listener_run(worker->listener);
	atomic_store(&worker->health.policy_service, false);
	return NULL;
}

static void *
run_tls_policy_map(void *argument)
{
	struct worker *worker = argument;

	wait_for_gate(worker);
	atomic_store(&worker->health.tls_policy_map, true);
	(void)service_listener_run(worker->map);
	atomic_store(&worker->health.tls_policy_map, false);
	return NULL;
}

static void
log_counters(struct worker *worker)
{
	struct buffer text = BUFFER_INIT;
	struct log *log = worker->daemon->log;

	metrics_line(&worker->metrics, &text);
	if (!text.failed)
		log_message(log, SEVERITY_INFO, "counters: %s", text.text);
	buffer_free(&text);
}

/* ------------------------------------------------------------------ *
 * The end
 * ------------------------------------------------------------------ */

/*
 * No new connections. Whose supervisor is dead removes the sockets' files first, while
 * it still answers: so a new daemon that waits for its end finds none of its own gone.
 * smfi_stop() is of no use here: it serves nobody any more from then on, waits up to five
 * seconds for a lock, and, when it comes before libmilter listens, makes it open a socket
 * of its own. "for_all": no other worker will come.
 */
static void
stop_accepting_mail(struct worker *worker, bool for_all)
{
	struct daemon *daemon = worker->daemon;

	if (worker->orphan)
		sockets_remove(&daemon->sockets);
	sockets_stop(&daemon->sockets, worker->ended[0], for_all);
	if (worker->has_milter)
		(void)pthread_kill(worker->milter, WAKING);
}

/* Waits for callbacks that are under way, or for all "messages" that have begun. */
static void
await_quiet(const struct worker *worker, int most_ms, bool messages)
{
	struct snapshots *snapshots = worker->service.snapshots;

	for (int i = 0; i < most_ms / 10; i++) {
		if (atomic_load(&worker->service.active) == 0 && (!messages ||
		    (snapshots_references(snapshots) == 1 &&
		    !snapshots_collect(snapshots))))
			return;
		(void)poll(NULL, 0, 10);
	}
}

/*
 * What was answered has its record, and nothing is answered for which there could be none:
 * messages that have begun come to their end, or are tempfailed without a verdict; then
 * nobody decides any more; then comes the journal, and the log.
 */
static void
end_serving(struct worker *worker)
{
	struct service *service = &worker->service;
	const struct daemon *daemon = worker->daemon;

	atomic_store(&service->stage, SERVICE_ENDING);
	await_quiet(worker, MESSAGES_MS, true);
	atomic_store(&service->stage, SERVICE_CLOSED);
	await_quiet(worker, CALLBACKS_MS, false);
	(void)poll(NULL, 0, REPLY_MS);
	atomic_store(&service->stage, SERVICE_OVER);
	if (!journal_store_stop(service->journal, JOURNAL_MS))
		log_message(daemon->log, SEVERITY_ERROR, "journal %s: not ended within %d "
		    "seconds", daemon->settings->journal, JOURNAL_MS / 1000);
	log_stop(daemon->log, LOG_MS);
}

/* ------------------------------------------------------------------ *
 * Serving
 * ------------------------------------------------------------------ */

/*
 * Acts on the bytes of the supervisor's. Several HUPs that came during one reload are one
 * more reload, not several. False: the end.
 */
static bool
obey_supervisor(struct worker *worker, const char *what, size_t length)
{
	bool reloaded = memchr(what, WORD_STOP, length) != NULL;

	for (size_t i = 0; i < length; i++) {
		if (what[i] == WORD_COUNTERS)
			log_counters(worker);
		else if (what[i] != WORD_RELOAD)
			return false;
		else if (!reloaded)
			worker_begin_reload(worker);
		reloaded = reloaded || what[i] == WORD_RELOAD;
	}
	return true;
}

/* What has to be done now and then. Returns how long that can wait, at most. */
static int
do_housework(struct worker *worker)
{
	struct snapshots *snapshots = worker->service.snapshots;
	bool old = snapshots_collect(snapshots);
	int64_t now = log_time_ms();
	struct snapshot *snapshot;
	int wait;

	if (daily_due(&worker->daily, now)) {
		snapshot = snapshots_acquire(snapshots);
		daily_report(worker->daemon->log, snapshot->policy, now);
		snapshots_release(snapshots, &snapshot);
	}
	wait = daily_wait(&worker->daily, now);
	return old && wait > COLLECT_MS ? COLLECT_MS : wait;
}

/* Listens to the supervisor. Returns the exit status. */
static int
listen_to_supervisor(struct worker *worker)
{
	struct pollfd waiting[3] = {
		{ .fd = worker->supervisor, .events = POLLIN },
		{ .fd = worker->ended[0], .events = POLLIN },
		{ .fd = worker->loaded[0], .events = POLLIN },
	};
	struct log *log = worker->daemon->log;
	char what[64];

	for (;;) {
		int wait = do_housework(worker);
		ssize_t length;

		if (poll(waiting, 3, wait) <= 0)
			continue;
		if (waiting[2].revents != 0)
			worker_end_reload(worker);
		if (waiting[1].revents != 0) {
			log_message(log, SEVERITY_ERROR, "libmilter ended");
			return 1;
		}
		if (waiting[0].revents == 0)
			continue;
		length = read(worker->supervisor, what, sizeof(what));
		if (length == -1 && errno == EINTR)
			continue;
		if (length <= 0) {
			log_message(log, SEVERITY_ERROR, "the supervisor is gone: ending");
			worker->orphan = true;
			return 0;
		}
		if (!obey_supervisor(worker, what, (size_t)length))
			return 0;
	}
}

/* What it says of trouble is kept, for whoever asks. */
static void
say_of_journal(void *argument, enum severity level, const char *text)
{
	struct worker *worker = argument;

	log_message(worker->daemon->log, level, "%s", text);
	if (level != SEVERITY_ERROR)
		return;
	(void)pthread_mutex_lock(&worker->in_force.lock);
	(void)snprintf(worker->in_force.journal_error, TOLD_MAX, "%s", text);
	(void)pthread_mutex_unlock(&worker->in_force.lock);
}

/*
 * NULL where the settings want none, or, said in the log, where there is no memory or
 * no thread: mail goes on without it.
 */
static struct journal_store *
start_journal(struct worker *worker)
{
	const struct settings *settings = worker->daemon->settings;
	const struct journal_options options = {
		.path = settings->journal,
		.node = worker->daemon->node,
		.node_is_set = settings->node != NULL,
		.policy = settings->policy,
		.accepted_full = settings->journal_accepted_full,
		.keep_ms = settings->journal_keep_ms,
		.max_bytes = settings->journal_max,
		.say = say_of_journal,
		.context = worker,
	};
	struct journal_store *journal;

	if (settings->journal == NULL)
		return NULL;
	journal = journal_store_start(&options);
	if (journal == NULL)
		log_message(worker->daemon->log, SEVERITY_ERROR,
		    "journal %s: cannot be started: %s", settings->journal, strerror(errno));
	return journal;
}

/* False: no memory. */
static bool
prepare_authres(struct service *service)
{
	const char *id = service->settings->authentication_results;

	if (id != NULL)
		service->authres = authres_new(id);
	return id == NULL || service->authres != NULL;
}

/* Everything the policy service needs, before the milter's callbacks need it. */
static bool
prepare_policy_service(struct worker *worker)
{
	const struct daemon *daemon = worker->daemon;

	if (daemon->sockets.service_fd == -1)
		return true;
	worker->service.correlation = correlation_new();
	if (worker->service.correlation != NULL)
		worker->listener = service_listener_new(daemon->sockets.service_fd,
		    &worker->service, &policy_service, NULL);
	return worker->listener != NULL;
}

/* The same of the TLS policy map. */
static bool
prepare_tls_policy_map(struct worker *worker)
{
	const struct daemon *daemon = worker->daemon;

	if (daemon->sockets.map_fd == -1)
		return true;
	worker->map = service_listener_new(daemon->sockets.map_fd, &worker->service,
	    &tls_policy_map, NULL);
	if (worker->map == NULL || daemon->sockets.next == NULL)
		return worker->map != NULL;
	worker->service.next = tls_policy_next_new(daemon->sockets.next,
	    daemon->sockets.next_length, daemon->settings->tls_policy_next_map,
	    service_listener_epoll(worker->map), &tls_policy_next_limits, daemon->log);
	return worker->service.next != NULL;
}

/* Mail comes first: it is served where metrics cannot be. */
static void
prepare_metrics(struct worker *worker)
{
	const struct daemon *daemon = worker->daemon;

	worker->metrics.service = &worker->service;
	worker->metrics.started_ms = log_time_ms();
	worker->metrics.journal = journal_store_stats;
	worker->metrics.watched = journal_store_watched;
	worker->metrics.shipped = daemon->settings->ship_to != NULL ?
	    daemon->settings->journal : NULL;
	if (daemon->sockets.metrics_fd == -1)
		return;
	worker->http = metrics_http_new(daemon->sockets.metrics_fd, &worker->metrics,
	    &worker->health);
	if (worker->http == NULL)
		log_message(daemon->log, SEVERITY_ERROR, "metrics cannot be served on %s: "
		    "going on without", daemon->settings->metrics);
}

static void *
run_control(void *argument)
{
	struct worker *worker = argument;

	wait_for_gate(worker);
	(void)!nice(RELOAD_NICE);
	return control_run(worker->control);
}

/* Starts a thread for each side. Returns 0 or an error. */
static int
start_threads(struct worker *worker)
{
	pthread_t unused;
	int error = worker_start_thread(&worker->milter, run_libmilter, worker);

	worker->has_milter = error == 0;
	if (error == 0 && worker->listener != NULL)
		error = worker_start_thread(&unused, run_policy_service, worker);
	if (error == 0 && worker->map != NULL)
		error = worker_start_thread(&unused, run_tls_policy_map, worker);
	if (error == 0 && worker->http != NULL)
		error = worker_start_thread(&unused, metrics_http_run, worker->http);
	if (error == 0 && worker->control != NULL)
		error = worker_start_thread(&unused, run_control, worker);
	worker->has_control = error == 0 && worker->control != NULL;
	return error;
}

static void
log_address(struct log *log, const char *what, const char *address, const char *more)
{
	char shown[SETTINGS_SHOWN_MAX];

	settings_show_address(address, shown);
	log_message(log, SEVERITY_INFO, "%s on %s%s", what, shown, more);
}

static void
log_serving(const struct worker *worker)
{
	const struct settings *settings = worker->daemon->settings;
	struct log *log = worker->daemon->log;
	char more[SETTINGS_SHOWN_MAX + 32] = "", next[SETTINGS_SHOWN_MAX];

	for (size_t i = 0; i < settings->listen.count; i++)
		log_address(log, "serving", settings->listen.address[i], "");
	if (worker->listener != NULL) {
		(void)snprintf(more, sizeof(more), ": %s", answer_manner(settings));
		log_address(log, "policy service", settings->policy_service, more);
		more[0] = '\0';
	}
	if (worker->map != NULL && settings->tls_policy_next != NULL) {
		settings_show_address(settings->tls_policy_next, next);
		(void)snprintf(more, sizeof(more), ", behind it %s", next);
	}
	if (worker->map != NULL)
		log_address(log, "TLS policy map", settings->tls_policy_map, more);
	if (worker->http != NULL)
		log_address(log, "metrics", settings->metrics, "");
}

/* To the log and to the supervisor. */
static void
say_serving(struct worker *worker)
{
	if (!worker->daemon->again)
		log_serving(worker);
	log_leave_stderr(worker->daemon->log);
	worker->orphan = word_send(worker->supervisor, WORD_SERVING, -1) != 0;
}

static bool
begin_serving(struct worker *worker)
{
	int error;

	callbacks_serve(&worker->service);
	prepare_metrics(worker);
	worker_prepare_control(worker);
	(void)pthread_mutex_lock(&worker->gate);
	error = start_threads(worker);
	if (error == 0)
		say_serving(worker);
	else
		log_message(worker->daemon->log, SEVERITY_ERROR, "cannot start a thread: %s",
		    strerror(error));
	(void)pthread_mutex_unlock(&worker->gate);
	return error == 0 && !worker->orphan;
}

/* All that must be there before mail can be served. */
static bool
prepare(struct worker *worker)
{
	struct daemon *daemon = worker->daemon;
	char error[CONFINE_ERROR_MAX];

	worker->health.settings = daemon->settings;
	worker->health.sockets = &daemon->sockets;
	worker->service.settings = daemon->settings;
	worker->service.log = daemon->log;
	if (daemon->settings->confine && !confine_process(CONFINE_WORKER,
	    daemon->sockets.next, error))
		log_message(daemon->log, SEVERITY_ERROR, "%s", error);
	else if (log_start(daemon->log) == 0 && pipe2(worker->ended, O_CLOEXEC) == 0 &&
	    pipe2(worker->loaded, O_CLOEXEC) == 0 &&
	    worker_first_policy(worker) && prepare_authres(&worker->service) &&
	    prepare_policy_service(worker) && prepare_tls_policy_map(worker))
		return true;
	log_message(daemon->log, SEVERITY_ERROR, "the worker cannot serve");
	log_stop(daemon->log, LOG_MS);
	return false;
}

int
worker_run(struct daemon *daemon, int supervisor)
{
	/* Threads may still use it when this function has returned. */
	static struct worker worker = { .gate = PTHREAD_MUTEX_INITIALIZER,
	    .in_force = { .lock = PTHREAD_MUTEX_INITIALIZER, .tape = -1 } };
	int status = 1;

	take_own_session();
	worker.daemon = daemon;
	worker.supervisor = supervisor;
	if (!prepare(&worker))
		return 1;
	worker.service.journal = start_journal(&worker);
	worker_tell_policy(&worker);
	if (begin_serving(&worker)) {
		/* On Linux it is this thread that becomes nicer, not all of the process. */
		(void)!nice(RELOAD_NICE);
		status = listen_to_supervisor(&worker);
	}
	atomic_store(&worker.health.ending, true);
	if (!worker.has_control || control_stop(worker.control, CONTROL_MS))
		control_free(&worker.control);
	stop_accepting_mail(&worker, status == 0 || worker.orphan);
	end_serving(&worker);
	return status;
}
