/*
 * orders.c - every order of callbacks up to a length, legal or not.
 *
 * Whatever order they come in: nothing is let through that the policy refuses, what
 * is to be held is held, and nothing is left behind.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "milter/callbacks.h"
#include "milter/load.h"
#include "base/diag.h"

#ifndef LENGTH_MAX
#define LENGTH_MAX 6
#endif

static const char commands[] = "CHMRDEA";	/* as the first letters say */

static const struct {
	const char *policy;
	bool holds;		/* the end may accept, but only what is held */
	bool proxied;		/* a filter before the queue takes it */
} kinds[] = {
	{ "default { require tls; otherwise reject }\n", false, false },
	{ "to ours.example { require tls; otherwise tempfail }\n", false, false },
	{ "default { require tls; otherwise quarantine }\n", true, false },
	{ "default { require tls; otherwise quarantine }\n", true, true },
};

struct orders {
	struct service service;
	struct smfiDesc milter;
	bool holds, proxied;
	unsigned long played;
	unsigned long wrong;
};

static sfsistat
play_command(SMFICTX *ctx, char command)
{
	switch (command) {
	case 'C':
		return fake_connect(ctx, "c.example", "192.0.2.1", 25000);
	case 'H':
		return fake_helo(ctx, "c.example");
	case 'M':
		return fake_mail(ctx, "<a@acme.example>");
	case 'R':
		return fake_rcpt(ctx, "<u@ours.example>");
	case 'D':
		return fake_data(ctx);
	case 'E':
		return fake_end(ctx);
	default:
		return fake_abort(ctx);
	}
}

static bool
is_right(const struct orders *orders, SMFICTX *ctx, char command, sfsistat status)
{
	if (status != SMFIS_ACCEPT)
		return true;
	return orders->holds && command == 'E' && fake_held(ctx)[0] != '\0';
}

static void
play(struct orders *orders, const char *order)
{
	const struct fake_options options = { .one_thread = true };
	SMFICTX *ctx = fake_new(&orders->milter, &options);
	bool right = ctx != NULL;

	if (ctx == NULL)
		abort();
	(void)fake_negotiate(ctx);
	if (orders->proxied)
		fake_queue_id(ctx, NULL);
	for (const char *at = order; *at != '\0'; at++)
		right = is_right(orders, ctx, *at, play_command(ctx, *at)) && right;
	(void)fake_close(ctx);
	fake_free(&ctx);
	right = snapshots_references(orders->service.snapshots) == 1 && right;
	orders->played++;
	if (!right && orders->wrong++ < 10)
		(void)fprintf(stderr, "wrong: %s\n", order);
}

static void
play_from(struct orders *orders, char *order, size_t length)
{
	order[length] = '\0';
	play(orders, order);
	if (length == LENGTH_MAX)
		return;
	for (const char *command = commands; *command != '\0'; command++) {
		order[length] = *command;
		play_from(orders, order, length + 1);
		order[length] = '\0';
	}
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0)
		abort();
}

/* Plays all orders with one policy. False where something is wrong. */
static bool
play_kind(struct orders *orders, const struct settings *settings, size_t kind)
{
	struct diags *diags = diags_new();
	struct policy *policy;
	char order[LENGTH_MAX + 1];
	unsigned long wrong = orders->wrong;

	write_file(settings->policy, kinds[kind].policy);
	policy = load_policy(settings, "tlsward.conf", NULL, diags);
	diags_free(&diags);
	if (policy == NULL)
		return false;
	orders->service.snapshots = snapshots_new(&policy);
	orders->holds = kinds[kind].holds;
	orders->proxied = kinds[kind].proxied;
	if (orders->service.snapshots == NULL)
		return false;
	play_from(orders, order, 0);
	snapshots_free(&orders->service.snapshots);
	return orders->wrong == wrong;
}

static struct settings *
make_settings(const char *folder)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/tlsward.conf", folder);
	write_file(path, "listen unix:/nowhere\npolicy policy.conf\n"
	    "log file:/dev/null\nmta postfix\n");
	(void)settings_load(path, &settings, diags);
	diags_print(diags, true, stderr);
	diags_free(&diags);
	(void)unlink(path);
	return settings;
}

int
main(void)
{
	char folder[] = "/tmp/tlsward-orders-XXXXXX";
	struct orders orders;
	struct settings *settings;
	struct log *log;
	int passed = 0, failed = 0;

	memset(&orders, 0, sizeof(orders));
	if (mkdtemp(folder) == NULL || (settings = make_settings(folder)) == NULL)
		return 1;
	log = log_open(settings, true);
	if (log == NULL)
		return 1;
	orders.service.settings = settings;
	orders.service.log = log;
	orders.milter = callbacks_description();
	callbacks_serve(&orders.service);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		*(play_kind(&orders, settings, i) ? &passed : &failed) += 1;
	failed += fake_faults() > 0;
	(void)unlink(settings->policy);
	(void)rmdir(folder);
	log_free(&log);
	settings_free(&settings);
	(void)printf("%lu orders of callbacks\n%d passed, %d failed\n", orders.played,
	    passed, failed);
	return failed == 0 ? 0 : 1;
}
