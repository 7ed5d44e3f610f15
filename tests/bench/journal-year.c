/*
 * journal-year.c - writes a journal of a year's mail, through the store as it is.
 *
 *     journal-year PATH MESSAGES DOMAINS [REFUSED [RATE]]
 *
 * MESSAGES in the 365 days before now, from DOMAINS domains, a few of which send most
 * (the n-th as often as 1/n); REFUSED of them (a share, 0.005 by default) are refused.
 * A thousand domains have rules, the rest is monitored. The same arguments give the
 * same mail. With a RATE it is mail of now, so many a second. Prints what it took.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "base/diag.h"

#define RULES 1000
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

struct year {
	struct journal_store *store;
	struct policy *policy;
	double *weight;			/* of the domains up to this one */
	long domains;
	double refused;
	uint64_t random;
};

static void
say(void *context, enum severity level, const char *text)
{
	(void)context;
	if (level == SEVERITY_ERROR)
		(void)fprintf(stderr, "%s\n", text);
}

/* xorshift64* */
static double
chance(struct year *year)
{
	year->random ^= year->random >> 12;
	year->random ^= year->random << 25;
	year->random ^= year->random >> 27;
	return (double)((year->random * 0x2545f4914f6cdd1du) >> 11) / 9007199254740992.0;
}

static long
choose_domain(struct year *year)
{
	double point = chance(year) * year->weight[year->domains - 1];
	long low = 0, high = year->domains - 1;

	while (low < high) {
		long middle = (low + high) / 2;

		if (year->weight[middle] < point)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
write_policy(const char *path)
{
	FILE *out = fopen(path, "w");

	if (out == NULL)
		return false;
	for (int i = 0; i < RULES; i++)
		(void)fprintf(out, "from partner%d.example .partner%d.example {"
		    " require tls >= 1.2; otherwise reject }\n", i, i);
	(void)fprintf(out, "default { require tls >= 1.0; monitor }\n");
	return fclose(out) == 0;
}

static struct policy *
make_policy(void)
{
	char folder[] = "/tmp/journal-year-XXXXXX", path[64];
	struct diags *diags = diags_new();
	struct policy *policy = NULL;

	if (diags == NULL || mkdtemp(folder) == NULL)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/policy.conf", folder);
	if (write_policy(path))
		(void)policy_load(path, &policy, diags);
	(void)unlink(path);
	(void)rmdir(folder);
	diags_print(diags, true, stderr);
	diags_free(&diags);
	return policy;
}

struct text {
	char domain[64], from[96], name[96], address[32], session[40], cert[80], print[80];
	const char *san[1];
};

/* A domain's hosts differ; what one of them speaks is always the same. */
static void
make_facts(struct year *year, long domain, int64_t time_ms, struct text *text,
    struct facts *facts)
{
	long host = (long)(chance(year) * (double)(1 + domain % 4));
	bool refused = domain < RULES && chance(year) < year->refused * 1.5;

	(void)snprintf(text->domain, sizeof(text->domain), "partner%ld.example", domain);
	(void)snprintf(text->from, sizeof(text->from), "user%d@%s",
	    (int)(chance(year) * 50), text->domain);
	(void)snprintf(text->name, sizeof(text->name), "mx%ld.%s", host, text->domain);
	(void)snprintf(text->address, sizeof(text->address), "10.%ld.%ld.%ld",
	    domain >> 8 & 255, domain & 255, host + 1);
	(void)snprintf(text->session, sizeof(text->session), "%013llx-%x",
	    (unsigned long long)time_ms * 1000, (unsigned)(chance(year) * 1e6));
	*facts = (struct facts)FACTS_INIT;
	facts->mta = "postfix";
	facts->session = text->session;
	facts->client_addr = text->address;
	facts->client_port = 1024 + (int)(chance(year) * 60000);
	facts->client_name = text->name;
	facts->helo = text->name;
	facts->from = text->from;
	facts->to = "someone@ours.example";
	if (refused) {
		facts->tls_version = domain % 3 == 0 ? "TLSv1.1" : "none";
		if (domain % 3 == 0) {
			facts->cipher = "ECDHE-RSA-AES256-SHA";
			facts->bits = 256;
		}
		return;
	}
	facts->tls_version = (domain + host) % 5 == 0 ? "TLSv1.2" : "TLSv1.3";
	facts->cipher = (domain + host) % 5 == 0 ? "ECDHE-RSA-AES256-GCM-SHA384" :
	    "TLS_AES_256_GCM_SHA384";
	facts->bits = 256;
	facts->cert_verified = POLICY_NO;
	if (domain % 10 != 0)
		return;
	(void)snprintf(text->cert, sizeof(text->cert), "mx.%s", text->domain);
	(void)snprintf(text->print, sizeof(text->print), "sha256:%064lx", domain);
	facts->cert_verified = POLICY_YES;
	facts->cert_cn = text->cert;
	facts->cert_issuer = "Example CA";
	facts->cert_fingerprint = text->print;
}

static bool
put(struct year *year, int64_t time_ms)
{
	struct policy_options options = { .now = time_ms / 1000 };
	struct verdict verdict;
	struct facts facts;
	struct text text;
	struct journal_record record = { time_ms, &facts, &verdict };

	make_facts(year, choose_domain(year), time_ms, &text, &facts);
	if (policy_decide(year->policy, &facts, &options, &verdict) != 0)
		return false;
	journal_store_put(year->store, &record);
	return true;
}

/* The store would rather lose records than memory. */
static void
let_write(struct journal_store *store)
{
	const struct timespec pause = { 0, 1000000 };
	struct journal_stats stats;

	for (;;) {
		journal_store_stats(store, &stats);
		if (stats.queue < JOURNAL_HELD_MAX / 2)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

static bool
write_year(struct year *year, long messages)
{
	int64_t start = (int64_t)time(NULL) * 1000 - YEAR_MS;

	for (long i = 0; i < messages; i++) {
		int64_t at = (int64_t)((double)YEAR_MS / (double)messages * (double)i);

		if (!put(year, start + at))
			return false;
		if (i % 1000 == 0)
			let_write(year->store);
	}
	return true;
}

/* A second's in twenty pieces. */
static bool
write_now(struct year *year, long messages, double rate)
{
	const struct timespec pause = { 0, 50000000 };
	struct timespec begin, now;
	long done = 0;

	(void)clock_gettime(CLOCK_REALTIME, &begin);
	while (done < messages) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		double passed = (double)(now.tv_sec - begin.tv_sec) +
		    (double)(now.tv_nsec - begin.tv_nsec) / 1e9;

		for (; done < messages && (double)done < passed * rate; done++)
			if (!put(year, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000))
				return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

static void
report(const char *path, struct year *year, double seconds)
{
	struct journal_stats stats;
	struct stat status;

	journal_store_stats(year->store, &stats);
	if (stat(path, &status) != 0)
		status.st_size = 0;
	(void)printf("%lu written, %lu lost, %lu errors, %.0f seconds (%.1f us each), "
	    "%.1f MB\n", stats.written, stats.lost, stats.errors, seconds,
	    seconds * 1e6 / (double)(stats.written > 0 ? stats.written : 1),
	    (double)status.st_size / 1e6);
}

int
main(int argc, char **argv)
{
	struct journal_options options = { .say = say };
	struct year year = { .random = 20260731, .refused = 0.005 };
	struct timespec begin, end;
	double sum = 0, rate;
	bool done;

	if (argc < 4 || argc > 6 || (year.domains = atol(argv[3])) < 1) {
		(void)fprintf(stderr, "usage: journal-year PATH MESSAGES DOMAINS "
		    "[REFUSED [RATE]]\n");
		return 2;
	}
	if (argc > 4)
		year.refused = atof(argv[4]);
	rate = argc > 5 ? atof(argv[5]) : 0;
	options.path = argv[1];
	year.weight = calloc((size_t)year.domains, sizeof(*year.weight));
	year.policy = make_policy();
	if (year.weight == NULL || year.policy == NULL)
		return 1;
	for (long i = 0; i < year.domains; i++)
		year.weight[i] = sum += 1.0 / (double)(i + 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	year.store = journal_store_start(&options);
	done = year.store != NULL && (rate > 0 ? write_now(&year, atol(argv[2]), rate) :
	    write_year(&year, atol(argv[2]))) &&
	    journal_store_stop(year.store, 600000);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	if (done)
		report(argv[1], &year, (double)(end.tv_sec - begin.tv_sec) +
		    (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	journal_store_free(&year.store);
	policy_free(&year.policy);
	free(year.weight);
	return done ? 0 : 1;
}
