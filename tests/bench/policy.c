/*
 * policy.c - what policies cost, for measuring.
 *
 *	policy load POLICY		milliseconds, and the most memory in KiB
 *	policy lookup POLICY NAMES	nanoseconds a look-up, in random order and hot
 *	policy decide POLICY NAMES	nanoseconds a decision, and its allocations
 *
 * NAMES is a file of domains, one a line: the senders'. Each prints its two figures.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/fake-milter/allocation.h"
#include "policy/match.h"
#include "base/diag.h"

#define LOOKUPS 1000000
#define HOT 16

struct names {
	char *text;
	const char **list;
	size_t count;
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct policy *
load(const char *path)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;

	if (diags == NULL ||
	    policy_load(path, &policy, diags) != POLICY_LOADED) {
		(void)fprintf(stderr, "%s: not loaded\n", path);
		exit(1);
	}
	diags_free(&diags);
	return policy;
}

static void
read_names(const char *path, struct names *names)
{
	FILE *file = fopen(path, "r");
	size_t size = 0, length = 0;
	char *line = NULL;

	names->list = calloc(LOOKUPS, sizeof(*names->list));
	if (file == NULL || names->list == NULL) {
		perror(path);
		exit(1);
	}
	while (names->count < LOOKUPS && getline(&line, &size, file) > 0) {
		length = strcspn(line, "\n");
		names->list[names->count++] = strndup(line, length);
	}
	(void)fclose(file);
	free(line);
	if (names->count == 0)
		exit(1);
}

/* In an order that no cache foresees: Fisher and Yates. */
static void
shuffle(struct names *names)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = names->count - 1; i > 0; i--) {
		const char *other;
		size_t j;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		j = (size_t)(x % (i + 1));
		other = names->list[i];
		names->list[i] = names->list[j];
		names->list[j] = other;
	}
}

/*
 * Copies of "among" of the names, one behind the other in the order in which they are
 * asked for: what is measured is the table's memory, not that of the questions.
 */
static void
line_up(struct names *names, size_t among, struct names *asked)
{
	size_t size = 0, used = 0;

	for (size_t i = 0; i < LOOKUPS; i++)
		size += strlen(names->list[i % among]) + 1;
	asked->text = malloc(size);
	asked->list = calloc(LOOKUPS, sizeof(*asked->list));
	if (asked->text == NULL || asked->list == NULL)
		exit(1);
	for (size_t i = 0; i < LOOKUPS; i++) {
		size_t length = strlen(names->list[i % among]) + 1;

		memcpy(asked->text + used, names->list[i % among], length);
		asked->list[i] = asked->text + used;
		used += length;
	}
	asked->count = LOOKUPS;
}

static double
look_up(const struct policy *policy, const struct names *asked)
{
	const struct who_table *table = &policy->tables[RULE_FROM];
	size_t found = 0;
	double start = now(), end;

	for (size_t i = 0; i < asked->count; i++)
		found += index_find(table, asked->list[i], strlen(asked->list[i])) != NULL;
	end = now();
	if (found != asked->count) {
		(void)fprintf(stderr, "not all names were found\n");
		exit(1);
	}
	return (end - start) / (double)asked->count;
}

static void
print_lookups(const struct policy *policy, struct names *names)
{
	struct names asked = { 0 }, hot = { 0 };

	shuffle(names);
	line_up(names, names->count, &asked);
	line_up(names, names->count < HOT ? names->count : HOT, &hot);
	(void)printf("%.1f %.1f\n", look_up(policy, &asked), look_up(policy, &hot));
}

static void
print_decisions(const struct policy *policy, const struct names *names)
{
	static const char *const versions[] = { "TLSv1.3", "TLSv1.2", "TLSv1.1" };
	struct policy_options options = { .recipient_delimiter = "+" };
	char address[512];
	double spent = 0;
	size_t done = 0;

	options.now = (int64_t)time(NULL);
	allocation_watch();
	allocation_fail(0);
	for (size_t i = 0; i < LOOKUPS && spent < 2e9; i++) {
		struct facts facts = FACTS_INIT;
		struct verdict verdict;
		double start;

		(void)snprintf(address, sizeof(address), "<someone@%s>",
		    names->list[i % names->count]);
		facts.from = address;
		facts.to = "hr@ours.example";
		facts.client_addr = "192.0.2.1";
		facts.client_name = "mx.partner.example";
		facts.tls_version = versions[i % 3];
		facts.cipher = i % 3 == 0 ? "TLS_AES_256_GCM_SHA384" :
		    "ECDHE-RSA-AES256-GCM-SHA384";
		facts.bits = 256;
		start = now();
		if (policy_decide(policy, &facts, &options, &verdict) != 0)
			exit(1);
		spent += now() - start;
		done++;
	}
	(void)printf("%.1f %ld\n", spent / (double)done, allocation_count());
}

int
main(int argc, char **argv)
{
	struct names names = { 0 };
	struct policy *policy;
	struct rusage usage;
	double start, end;

	if (argc < 3 || (argc == 3) != (strcmp(argv[1], "load") == 0))
		return 2;
	start = now();
	policy = load(argv[2]);
	end = now();
	if (argc == 3) {
		(void)getrusage(RUSAGE_SELF, &usage);
		(void)printf("%.1f %ld\n", (end - start) / 1e6, usage.ru_maxrss);
		return 0;
	}
	read_names(argv[3], &names);
	if (strcmp(argv[1], "lookup") == 0)
		print_lookups(policy, &names);
	else
		print_decisions(policy, &names);
	return 0;
}
