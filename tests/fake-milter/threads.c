/*
 * threads.c - everything at once: sessions of every kind on 64 threads, clients of the
 * policy service, reloads without a pause, figures, counters, a log that is reopened.
 *
 * usage: fake-threads [SESSIONS]	so many on each thread; 4 without
 *
 * Ends when all sessions are played. Whatever is reloaded meanwhile, what each policy
 * refuses is refused, each refusal is in the journal, and nothing is left behind. Built
 * with --enable-sanitizers=thread it is what finds races.
 *
 * SPDX-License-Identifier: ISC
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "allocation.h"
#include "fake.h"
#include "milter/callbacks.h"
#include "milter/correlation.h"
#include "milter/load.h"
#include "milter/metrics.h"
#include "milter/service_listener.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "journal/store.h"

#define THREADS 64
#define ASKERS 4
#define PATH_SIZE 64

struct crowd {
	char folder[PATH_SIZE];
	struct settings *settings;
	struct service service;
	struct smfiDesc milter;
	struct metrics_source figures;
	struct service_listener *listener;
	int sessions;			/* on each thread */
	atomic_int turn;		/* numbers the threads */
	atomic_bool over;
	atomic_ulong refused, wrong, reloads, answers;
};

/* What is linked for the fake libmilter alone: no allocation fails here. */
void
allocation_watch(void)
{
}

static void
write_file(const struct crowd *crowd, const char *name, const char *text)
{
	char path[PATH_SIZE + 32];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", crowd->folder, name);
	file = fopen(path, "w");
	if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0)
		abort();
}

/* ------------------------------------------------------------------ *
 * Sessions
 * ------------------------------------------------------------------ */

static const struct kind {
	const char *from;
	const char *version, *cipher, *bits;	/* NULL: clear text */
	sfsistat wanted;			/* at some command */
	bool aborts;
} kinds[] = {
	{ "<a@acme.example>", NULL, NULL, NULL, SMFIS_REJECT, false },
	{ "<a@acme.example>", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "256", SMFIS_CONTINUE,
	    false },
	{ "<b@later.example>", NULL, NULL, NULL, SMFIS_TEMPFAIL, false },
	{ "<b@held.example>", "TLSv1.1", "AES128-SHA", "128", SMFIS_CONTINUE, false },
	{ "<c@watched.example>", NULL, NULL, NULL, SMFIS_CONTINUE, false },
	{ "<>", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "128", SMFIS_CONTINUE, true },
	{ "<d@else.example>", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "256",
	    SMFIS_CONTINUE, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One message; returns what was said last. */
static sfsistat
play_message(SMFICTX *ctx, const struct kind *kind)
{
	sfsistat status = fake_mail(ctx, kind->from);

	if (status == SMFIS_CONTINUE)
		status = fake_rcpt(ctx, "<u@ours.example>");
	if (status == SMFIS_CONTINUE)
		status = fake_data(ctx);
	if (status == SMFIS_CONTINUE && kind->aborts) {
		(void)fake_abort(ctx);
		return SMFIS_CONTINUE;
	}
	if (status == SMFIS_CONTINUE)
		(void)fake_header(ctx, "Authentication-Results", "mx.ours.example; x=y");
	return status == SMFIS_CONTINUE ? fake_end(ctx) : status;
}

static void
play_session(struct crowd *crowd, int thread, int number)
{
	const struct kind *kind = &kinds[(size_t)(thread + number) % KINDS];
	struct fake_options options = { .one_thread = number % 2 == 0,
	    .mta = thread % 2 == 0 ? FAKE_POSTFIX : FAKE_SENDMAIL };
	SMFICTX *ctx = fake_new(&crowd->milter, &options);

	if (ctx == NULL)
		abort();
	fake_macro(ctx, "{tls_version}", kind->version);
	fake_macro(ctx, "{cipher}", kind->cipher);
	fake_macro(ctx, "{cipher_bits}", kind->bits);
	(void)fake_negotiate(ctx);
	(void)fake_connect(ctx, "c.example", "192.0.2.1", 1024 + thread);
	(void)fake_helo(ctx, "c.example");
	for (int i = 0; i < 2; i++) {
		sfsistat status = play_message(ctx, kind);
		bool refused = status == SMFIS_REJECT || status == SMFIS_TEMPFAIL;

		if (refused != (kind->wanted != SMFIS_CONTINUE) ||
		    (refused && status != kind->wanted)) {
			(void)fprintf(stderr, "%s: %d\n", kind->from, (int)status);
			atomic_fetch_add(&crowd->wrong, 1);
		}
		atomic_fetch_add(&crowd->refused, refused);
	}
	(void)fake_close(ctx);
	fake_free(&ctx);
}

static void *
play_sessions(void *argument)
{
	struct crowd *crowd = argument;
	int thread = atomic_fetch_add(&crowd->turn, 1);

	for (int i = 0; i < crowd->sessions; i++)
		play_session(crowd, thread, i);
	return NULL;
}

/* ------------------------------------------------------------------ *
 * Whatever else goes on
 * ------------------------------------------------------------------ */

static int
dial(const struct crowd *crowd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", crowd->folder);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Reads one answer, which ends in an empty line. False where the other side is gone. */
static bool
read_answer(int fd)
{
	char last[2] = "", c;

	while (memcmp(last, "\n\n", 2) != 0) {
		if (read(fd, &c, 1) != 1)
			return false;
		last[0] = last[1];
		last[1] = c;
	}
	return true;
}

static void *
ask(void *argument)
{
	static const char request[] = "request=smtpd_access_policy\nprotocol_state=RCPT\n"
	    "client_address=192.0.2.1\nclient_port=%d\ninstance=%d\nsender=a@acme.example\n"
	    "recipient=u@ours.example\nencryption_protocol=\n\n";
	struct crowd *crowd = argument;

	for (int n = 0; !atomic_load(&crowd->over); n++) {
		char text[sizeof(request) + 32];
		int fd = dial(crowd);

		for (int i = 0; fd != -1 && i < 4; i++) {
			int length = snprintf(text, sizeof(text), request, 1024 + n % 64, n);

			if (write(fd, text, (size_t)length) != length || !read_answer(fd))
				break;
			atomic_fetch_add(&crowd->answers, 1);
		}
		(void)close(fd);
	}
	return NULL;
}

/* A reload after the other, as the worker does them. */
static void *
load_again(void *argument)
{
	struct crowd *crowd = argument;
	struct service *service = &crowd->service;

	while (!atomic_load(&crowd->over)) {
		struct loaded loaded = { .policy = NULL };
		struct diags *diags = diags_new();

		log_reopen(service->log);
		if (!load_timed(&loaded, crowd->settings, "tlsward.conf", -1, diags) ||
		    snapshots_replace(service->snapshots, &loaded.policy) != 0)
			abort();
		counters_add(&service->counters, COUNTER_RELOADS);
		counters_loaded(&service->counters, true, loaded.at_ms, loaded.took_ns);
		load_log_policy(service->log, "policy reloaded", crowd->settings,
		    &loaded.summary);
		load_release(&loaded);
		diags_free(&diags);
		(void)snapshots_collect(service->snapshots);
		atomic_fetch_add(&crowd->reloads, 1);
	}
	return NULL;
}

static void *
look_at_figures(void *argument)
{
	struct crowd *crowd = argument;

	while (!atomic_load(&crowd->over)) {
		struct buffer out = BUFFER_INIT;

		metrics_write(&crowd->figures, METRICS_OPENMETRICS, log_time_ms(), &out);
		metrics_line(&crowd->figures, &out);
		log_message(crowd->service.log, SEVERITY_INFO, "%zu bytes of figures",
		    out.length);
		buffer_free(&out);
	}
	return NULL;
}

/* ------------------------------------------------------------------ *
 * The daemon
 * ------------------------------------------------------------------ */

static const char policy[] =
    "from acme.example { require tls; otherwise reject }\n"
    "from later.example { require tls; otherwise tempfail }\n"
    "from held.example { require tls >= 1.2; otherwise quarantine }\n"
    "from watched.example { require tls; otherwise reject; monitor }\n"
    "default { require tls >= 1.2 }\n";

static void
say_of_store(void *context, enum severity severity, const char *text)
{
	log_message(context, severity, "%s", text);
}

static int
listen_on(const struct crowd *crowd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", crowd->folder);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 100) != 0)
		abort();
	return fd;
}

static bool
start(struct crowd *crowd)
{
	struct service *service = &crowd->service;
	struct journal_options options = { .say = say_of_store };
	struct loaded loaded = { .policy = NULL };
	struct diags *diags = diags_new();
	char path[PATH_SIZE + 32], text[1024];

	(void)snprintf(text, sizeof(text), "listen unix:/nowhere\npolicy policy.conf\n"
	    "log file:%s/log\npolicy-service unix:%s/s\njournal sqlite:%s/journal.db\n"
	    "policy-service-answers verdict\nauthentication-results mx.ours.example\n"
	    "log-accepted yes\n", crowd->folder, crowd->folder, crowd->folder);
	write_file(crowd, "tlsward.conf", text);
	write_file(crowd, "policy.conf", policy);
	(void)snprintf(path, sizeof(path), "%s/tlsward.conf", crowd->folder);
	if (settings_load(path, &crowd->settings, diags) != SETTINGS_LOADED ||
	    !load_timed(&loaded, crowd->settings, path, -1, diags)) {
		diags_print(diags, true, stderr);
		return false;
	}
	diags_free(&diags);
	service->settings = crowd->settings;
	service->log = options.context = log_open(crowd->settings, true);
	options.path = crowd->settings->journal;
	service->snapshots = snapshots_new(&loaded.policy);
	load_release(&loaded);
	service->correlation = correlation_new();
	service->authres = authres_new(crowd->settings->authentication_results);
	service->journal = journal_store_start(&options);
	crowd->listener = service_listener_new(listen_on(crowd), service, &policy_service,
	    NULL);
	crowd->figures = (struct metrics_source){ service, log_time_ms(),
	    journal_store_stats, journal_store_watched, NULL };
	crowd->milter = callbacks_description();
	callbacks_serve(service);
	return crowd->listener != NULL && service->journal != NULL &&
	    log_start(service->log) == 0;
}

/* As the worker ends. Returns how many decisions are in the journal. */
static unsigned long
stop(struct crowd *crowd)
{
	struct service *service = &crowd->service;
	struct journal_stats stats;

	(void)snapshots_collect(service->snapshots);
	if (snapshots_references(service->snapshots) != 1 || atomic_load(&service->active) != 0)
		atomic_fetch_add(&crowd->wrong, 1);
	service_listener_free(&crowd->listener);
	if (!journal_store_stop(service->journal, 60000))
		abort();
	journal_store_stats(service->journal, &stats);
	journal_store_free(&service->journal);
	log_stop(service->log, 60000);
	snapshots_free(&service->snapshots);
	correlation_free(&service->correlation);
	authres_free(&service->authres);
	log_free(&service->log);
	settings_free(&crowd->settings);
	return stats.lost + stats.held == 0 ? stats.written : 0;
}

static pthread_t
begin(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument) != 0)
		abort();
	return thread;
}

static void
play_all(struct crowd *crowd)
{
	pthread_t players[THREADS], others[ASKERS + 2], listener;

	listener = begin(service_listener_run, crowd->listener);
	others[0] = begin(load_again, crowd);
	others[1] = begin(look_at_figures, crowd);
	for (int i = 0; i < ASKERS; i++)
		others[2 + i] = begin(ask, crowd);
	for (int i = 0; i < THREADS; i++)
		players[i] = begin(play_sessions, crowd);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(players[i], NULL);
	while (atomic_load(&crowd->answers) == 0 || atomic_load(&crowd->reloads) == 0)
		(void)usleep(1000);
	atomic_store(&crowd->over, true);
	for (int i = 0; i < ASKERS + 2; i++)
		(void)pthread_join(others[i], NULL);
	service_listener_stop(crowd->listener);
	(void)pthread_join(listener, NULL);
}

static void
remove_files(const struct crowd *crowd)
{
	static const char *const names[] = { "log", "s", "tlsward.conf", "policy.conf",
	    "journal.db", "journal.db-wal", "journal.db-shm" };
	char path[PATH_SIZE + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", crowd->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(crowd->folder);
}

int
main(int argc, char **argv)
{
	static struct crowd crowd = { .folder = "/tmp/tlsward-threads-XXXXXX" };
	unsigned long written;
	bool good;

	crowd.sessions = argc > 1 ? atoi(argv[1]) : 4;
	if (mkdtemp(crowd.folder) == NULL || !start(&crowd))
		return 1;
	play_all(&crowd);
	written = stop(&crowd);
	remove_files(&crowd);
	(void)printf("%d sessions: %lu refused, %lu in the journal; %lu answers, %lu "
	    "reloads, %lu wrong\n", THREADS * crowd.sessions, crowd.refused, written,
	    crowd.answers, crowd.reloads, crowd.wrong);
	good = crowd.wrong == 0 && fake_faults() == 0 && written >= crowd.refused;
	(void)printf("%d passed, %d failed\n", good, !good);
	return good ? 0 : 1;
}
