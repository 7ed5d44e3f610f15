/*
 * fleet-day.c - the roll-ups of a day of a fleet's mail, as COPY reads them.
 *
 *     fleet-day certificate | facts DAYS | rollup FIRST DAY MESSAGES NODES | policy | sets
 *
 * FIRST is a day since the epoch, DAY counts from there. "sets" prints how many there are.
 *
 * The n-th of DOMAINS domains sends as much as 1/n^ZIPF; its hosts, HOSTS/sqrt(n) or one,
 * share that as 1, 1/2, 1/3... A tenth of the hosts has a new address each day. A host
 * speaks always the same. One domain in twenty sends in clear text; one in thirty mixes:
 * one message in twenty in clear text, from a host that has no TLS. One domain in a hundred
 * is a partner's; one in ten shows a certificate. Each node gets the same share, with the
 * evening and the night as quiet as they are. The same arguments give the same rows; what
 * is sampled is how many messages of each set of facts a node takes in an hour (Poisson).
 *
 * SPDX-License-Identifier: ISC
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOMAINS 100000
#define ZIPF 1.3
#define HOSTS 32
#define HOSTS_STAY 10		/* days that a host keeps its address */
#define CERTIFICATE_EACH 10
#define PARTNER_EACH 100
#define PARTNER_AT 7
#define CLEAR_EACH 20
#define CLEAR_AT 11
#define MIXED_EACH 30
#define MIXED_AT 3
#define MIXED_SHARE 0.05

/* Of a day's messages in each hour. */
static const double shape[24] = {
	2.0, 1.6, 1.4, 1.4, 1.7, 2.3, 3.4, 4.8, 6.2, 6.8, 6.7, 6.3,
	5.9, 6.1, 6.2, 6.0, 5.6, 5.0, 4.4, 4.0, 3.7, 3.3, 2.9, 2.3
};

/* One host of a domain, and how it sends. */
struct set {
	int domain, host;
	bool clear;
	double weight;		/* of all messages */
};

struct day {
	struct set *sets;
	int count;
	int64_t first;		/* of all days, since the epoch */
	char hour[32];		/* that is printed, as PostgreSQL has it */
	uint64_t random;
};

/* xorshift64* */
static uint64_t
next_random(struct day *day)
{
	day->random ^= day->random >> 12;
	day->random ^= day->random << 25;
	day->random ^= day->random >> 27;
	return day->random * 0x2545f4914f6cdd1du;
}

static double
chance(struct day *day)
{
	return ((double)(next_random(day) >> 11) + 0.5) / 9007199254740992.0;
}

/* Of a mean that may be large: then about. */
static long
poisson(struct day *day, double mean)
{
	double product, limit;
	long count = 0;

	if (mean > 50) {
		double normal = sqrt(-2 * log(chance(day))) * cos(2 * M_PI * chance(day));

		count = lround(mean + normal * sqrt(mean));
		return count > 0 ? count : 0;
	}
	limit = exp(-mean);
	for (product = chance(day); product > limit; product *= chance(day))
		count++;
	return count;
}

static int
hosts_of(int domain)
{
	int hosts = (int)(HOSTS / sqrt(domain));

	return hosts > 1 ? hosts : 1;
}

static void
add_set(struct day *day, int domain, int host, bool clear, double weight)
{
	day->sets[day->count++] = (struct set){ domain, host, clear, weight };
}

static void
add_domain(struct day *day, int domain, double weight)
{
	int hosts = hosts_of(domain);
	bool clear = domain % CLEAR_EACH == CLEAR_AT;
	double all = 0;

	if (!clear && domain % MIXED_EACH == MIXED_AT) {
		add_set(day, domain, hosts, true, weight * MIXED_SHARE);
		weight *= 1 - MIXED_SHARE;
	}
	for (int i = 0; i < hosts; i++)
		all += 1.0 / (i + 1);
	for (int i = 0; i < hosts; i++)
		add_set(day, domain, i, clear, weight / (i + 1) / all);
}

static bool
make_sets(struct day *day)
{
	double all = 0;
	size_t room = 0;

	for (int i = 1; i <= DOMAINS; i++) {
		all += pow(i, -ZIPF);
		room += (size_t)hosts_of(i) + 1;
	}
	day->sets = calloc(room, sizeof(*day->sets));
	for (int i = 1; i <= DOMAINS && day->sets != NULL; i++)
		add_domain(day, i, pow(i, -ZIPF) / all);
	return day->sets != NULL;
}

/* How often a host has had a new address by then. */
static int
moves(int set, int day)
{
	return (day + set % HOSTS_STAY) / HOSTS_STAY;
}

static int
facts_number(const struct day *day, int set, int move)
{
	return move * day->count + set + 1;
}

static void
print_address(FILE *out, const struct set *set, int move, bool network)
{
	unsigned hash = ((unsigned)set->domain * 64u + (unsigned)set->host) * 2654435761u +
	    (unsigned)move * 40503u;

	(void)fprintf(out, "%u.%u.%u.", 11 + hash % 200, hash >> 8 & 255, hash >> 16 & 255);
	(void)fprintf(out, network ? "0/24" : "%u", 1 + (hash >> 24) % 250);
}

/* ------------------------------------------------------------------ *
 * What is printed
 * ------------------------------------------------------------------ */

static void
print_certificates(void)
{
	for (int i = CERTIFICATE_EACH; i <= DOMAINS; i += CERTIFICATE_EACH)
		(void)printf("%d\t2026-01-01\t\\\\x%064x\tmx.sender%d.example\tExample CA\t"
		    "sha256:%064x\tsha256:%064x\tRSA-2048\t2027-06-01T00:00:00Z\n", i, (unsigned)i, i,
		    (unsigned)i, (unsigned)i + DOMAINS);
}

static void
print_one_facts(const struct day *day, int number, int move)
{
	const struct set *set = &day->sets[number];
	bool old = (set->domain + set->host) % 4 == 0;
	bool partner = set->domain % PARTNER_EACH == PARTNER_AT;
	int id = facts_number(day, number, move);

	(void)printf("%d\t%s%.0d\t9999-01-01\t%s\t\\\\x%064x\tpostfix\tmx%d.sender%d.example\t", id,
	    set->clear || set->domain % CERTIFICATE_EACH != 0 ? "\\N" : "",
	    set->clear || set->domain % CERTIFICATE_EACH != 0 ? 0 : set->domain,
	    set->clear ? "\\N" : "256", (unsigned)id, set->host, set->domain);
	print_address(stdout, set, move, true);
	(void)printf("\t");
	if (partner)
		print_address(stdout, set, move, false);
	else
		(void)printf("\\N");
	(void)printf("\tok\tsender%d.example\t%s\t%s\t%s\t", set->domain,
	    set->clear ? "none" : old ? "TLSv1.2" : "TLSv1.3",
	    set->clear ? "\\N" : old ? "ECDHE-RSA-AES256-GCM-SHA384" : "TLS_AES_256_GCM_SHA384",
	    set->clear ? "\\N" : set->domain % CERTIFICATE_EACH == 0 ? "yes" : "no");
	if (partner)
		(void)printf("policy.conf:%d\tfrom\tsender%d.example\tPartner %d\n",
		    set->domain / PARTNER_EACH + 1, set->domain, set->domain);
	else
		(void)printf("policy.conf:%d\tdefault\t\\N\t\\N\n", DOMAINS / PARTNER_EACH + 1);
}

static void
print_facts(const struct day *day, int days)
{
	for (int move = 0; move <= (days + HOSTS_STAY - 2) / HOSTS_STAY; move++)
		for (int i = 0; i < day->count; i++)
			if (move <= moves(i, days - 1))
				print_one_facts(day, i, move);
}

static void
print_rollup(struct day *day, int number, int at, int hour, int node, long messages)
{
	const struct set *set = &day->sets[number];
	int64_t start = (day->first + at) * 86400 + hour * 3600;
	double early = 1 - pow(chance(day), 1.0 / (double)messages);
	double late = early + (1 - early) * (messages == 1 ? 0 :
	    pow(chance(day), 1.0 / (double)(messages - 1)));
	int first = (int)(early * 3600000), last = (int)(late * 3600000);
	int64_t moment = (start * 1000 + first) * 1000;

	(void)printf("%s\t%ld\t%d\t%d\t%d\t%d\t%013" PRIx64 "-%x\t", day->hour, messages,
	    facts_number(day, number, moves(number, at)), node, first, last, moment,
	    (unsigned)(next_random(day) >> 44));
	print_address(stdout, set, moves(number, at), false);
	(void)printf("\tuser%u\n", (unsigned)(next_random(day) >> 56));
}

static void
set_hour(struct day *day, int at, int hour)
{
	time_t start = (time_t)((day->first + at) * 86400 + hour * 3600);
	struct tm broken;

	(void)gmtime_r(&start, &broken);
	(void)strftime(day->hour, sizeof(day->hour), "%Y-%m-%d %H:00+00", &broken);
}

static void
print_day(struct day *day, int at, double messages, int nodes)
{
	double all = 0;

	for (int hour = 0; hour < 24; hour++)
		all += shape[hour];
	day->random = 20260731 + (uint64_t)at * 7919;
	for (int hour = 0; hour < 24; hour++) {
		set_hour(day, at, hour);
		for (int node = 0; node < nodes; node++)
			for (int i = 0; i < day->count; i++) {
				long count = poisson(day, day->sets[i].weight * messages *
				    shape[hour] / all / nodes);

				if (count > 0)
					print_rollup(day, i, at, hour, node, count);
			}
	}
}

static void
print_policy(void)
{
	for (int i = 0; i < DOMAINS / PARTNER_EACH; i++) {
		int domain = i * PARTNER_EACH + PARTNER_AT;

		(void)printf("partner \"Partner %d\" { domain sender%d.example;"
		    " incoming { require tls >= 1.2%s } }\n", domain, domain,
		    i % 10 == 0 ? "; monitor" : "");
	}
	(void)printf("default { require tls >= 1.0; monitor }\n");
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: fleet-day certificate | facts DAYS |"
	    " rollup FIRST DAY MESSAGES NODES | policy | sets\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct day day = { .sets = NULL };
	const char *what = argc > 1 ? argv[1] : "";

	if (!make_sets(&day))
		return 1;
	if (strcmp(what, "certificate") == 0)
		print_certificates();
	else if (strcmp(what, "policy") == 0)
		print_policy();
	else if (strcmp(what, "facts") == 0 && argc == 3)
		print_facts(&day, atoi(argv[2]));
	else if (strcmp(what, "sets") == 0)
		(void)printf("%d\n", day.count);
	else if (strcmp(what, "rollup") == 0 && argc == 6 && atoi(argv[5]) > 0) {
		day.first = atoi(argv[2]);
		print_day(&day, atoi(argv[3]), atof(argv[4]), atoi(argv[5]));
	}
	else
		return usage();
	free(day.sets);
	return ferror(stdout) || fclose(stdout) != 0;
}
