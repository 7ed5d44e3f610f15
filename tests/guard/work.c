/*
 * work.c - what tests/guard/guard.py counts the instructions of.
 *
 *	work decide|message|record|reload N SETTINGS
 *	work sqlite		(which version it is)
 *
 * Does that N times, in one thread but for the journal's own: a decision; a message with
 * all its callbacks behind tests/fake-milter; a refusal's record, written to the journal;
 * a reload of the policy, as the daemon's worker does it.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "allocation.h"
#include "fake.h"
#include "milter/callbacks.h"
#include "milter/correlation.h"
#include "milter/load.h"
#include "base/diag.h"
#include "journal/journal.h"
#include "journal/store.h"

struct worker {
	const char *path;		/* of the settings */
	struct settings *settings;
	struct service service;
	struct smfiDesc milter;
};

/* What is linked for the fake libmilter alone: no allocation fails here. */
void
allocation_watch(void)
{
}

static _Noreturn void
give_up(const char *what)
{
	(void)fprintf(stderr, "work: %s\n", what);
	exit(1);
}

static void
say(void *context, enum severity severity, const char *text)
{
	(void)context;
	if (severity == SEVERITY_ERROR)
		(void)fprintf(stderr, "%s\n", text);
}

/* Into "loaded", from disk. */
static void
load_from_disk(const struct worker *worker, struct loaded *loaded)
{
	struct diags *diags = diags_new();

	if (!load_timed(loaded, worker->settings, worker->path, -1, diags)) {
		diags_print(diags, true, stderr);
		give_up("the policy was not loaded");
	}
	diags_free(&diags);
}

static void
begin(struct worker *worker)
{
	struct service *service = &worker->service;
	struct loaded loaded = { .policy = NULL };
	struct diags *diags = diags_new();

	if (settings_load(worker->path, &worker->settings, diags) != SETTINGS_LOADED) {
		diags_print(diags, true, stderr);
		give_up("the settings were not loaded");
	}
	diags_free(&diags);
	load_from_disk(worker, &loaded);
	service->settings = worker->settings;
	service->log = log_open(worker->settings, true);
	service->snapshots = snapshots_new(&loaded.policy);
	load_release(&loaded);
	service->correlation = correlation_new();
	service->authres = authres_new(worker->settings->authentication_results);
	worker->milter = callbacks_description();
	callbacks_serve(service);
}

/* The n-th sender of clear text, whom the policy refuses, or of TLS. */
static void
judge(const struct policy *policy, long n, bool tls, char address[64], struct facts *facts,
    struct verdict *verdict)
{
	struct policy_options options = { .now = 1790000000 };

	(void)snprintf(address, 64, "<someone@partner%ld.example>", n * 7 % 999);
	*facts = (struct facts)FACTS_INIT;
	facts->mta = "postfix";
	facts->session = "4bX1cD0000z3Q";
	facts->client_addr = "192.0.2.1";
	facts->client_port = 25000;
	facts->client_name = "mx.partner.example";
	facts->helo = "mx.partner.example";
	facts->from = address;
	facts->to = "hr@ours.example";
	facts->tls_version = tls ? "TLSv1.3" : "none";
	facts->cipher = tls ? "TLS_AES_256_GCM_SHA384" : NULL;
	facts->bits = tls ? 256 : 0;
	if (policy_decide(policy, facts, &options, verdict) != 0)
		give_up("no verdict");
}

static void
decide(struct worker *worker, long times)
{
	struct loaded loaded = { .policy = NULL };
	struct verdict verdict;
	struct facts facts;
	char address[64];

	load_from_disk(worker, &loaded);
	for (long i = 0; i < times; i++)
		judge(loaded.policy, i, i % 4 != 0, address, &facts, &verdict);
	load_release(&loaded);
}

static void
send_message(const struct worker *worker)
{
	const struct fake_options options = { .one_thread = true, .mta = FAKE_POSTFIX };
	SMFICTX *ctx = fake_new(&worker->milter, &options);

	if (ctx == NULL)
		give_up("no memory");
	fake_macro(ctx, "{tls_version}", "TLSv1.3");
	fake_macro(ctx, "{cipher}", "TLS_AES_256_GCM_SHA384");
	fake_macro(ctx, "{cipher_bits}", "256");
	(void)fake_negotiate(ctx);
	(void)fake_connect(ctx, "mx.partner.example", "192.0.2.1", 25000);
	(void)fake_helo(ctx, "mx.partner.example");
	(void)fake_mail(ctx, "<someone@partner7.example>");
	(void)fake_rcpt(ctx, "<hr@ours.example>");
	(void)fake_data(ctx);
	for (int i = 0; i < 12; i++)
		(void)fake_header(ctx, "Received", "from one host by another; some day");
	if (fake_end(ctx) != SMFIS_ACCEPT)
		give_up("the message was not accepted");
	(void)fake_close(ctx);
	fake_free(&ctx);
}

static void
message(struct worker *worker, long times)
{
	for (long i = 0; i < times; i++)
		send_message(worker);
}

/* So few a second that each is committed by itself: a flood goes another way. */
static void
record(struct worker *worker, long times)
{
	const struct timespec pause = { 0, 10000000 };
	struct journal_options options = { .path = worker->settings->journal, .say = say };
	struct journal_store *store = journal_store_start(&options);
	struct loaded loaded = { .policy = NULL };
	struct verdict verdict;
	struct facts facts;
	char address[64];

	load_from_disk(worker, &loaded);
	for (long i = 0; i < times; i++) {
		struct journal_record kept = { 1790000000000 + i, &facts, &verdict };

		judge(loaded.policy, i, false, address, &facts, &verdict);
		journal_store_put(store, &kept);
		(void)nanosleep(&pause, NULL);
	}
	if (!journal_store_stop(store, 600000))
		give_up("the journal is stuck");
	journal_store_free(&store);
	load_release(&loaded);
}

static void
reload(struct worker *worker, long times)
{
	for (long i = 0; i < times; i++) {
		struct loaded loaded = { .policy = NULL };

		load_from_disk(worker, &loaded);
		if (snapshots_replace(worker->service.snapshots, &loaded.policy) != 0)
			give_up("no memory");
		load_release(&loaded);
		(void)snapshots_collect(worker->service.snapshots);
	}
}

static const struct {
	const char *name;
	void (*run)(struct worker *, long);
} works[] = {
	{ "decide", decide }, { "message", message }, { "record", record },
	{ "reload", reload },
};

int
main(int argc, char **argv)
{
	struct worker worker = { .path = argc == 4 ? argv[3] : NULL };

	if (argc == 2 && strcmp(argv[1], "sqlite") == 0)
		return puts(sqlite3_libversion()) == EOF;
	for (size_t i = 0; argc == 4 && i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(argv[1], works[i].name) != 0)
			continue;
		begin(&worker);
		works[i].run(&worker, atol(argv[2]));
		return 0;
	}
	(void)fprintf(stderr, "usage: work decide|message|record|reload N SETTINGS\n");
	return 2;
}
