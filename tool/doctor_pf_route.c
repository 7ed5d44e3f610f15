/*
 * doctor_pf_route.c - tlsward doctor: routes on which a rule does not see its domain.
 *
 * Postfix asks for the next hop, as routing gives it: with a relayhost that is its name for
 * all mail. See transport(5).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX (16u << 20)
#define ROUTES_SAID 10		/* of a table; the others are counted */

/* Whether a rule on mail that goes out is on that next hop. */
static bool
has_rule(const struct pf *pf, const char *next_hop)
{
	const struct loaded *loaded = &pf->doctor->loaded;
	const struct policy_options options = settings_policy_options(loaded->settings,
	    pf->doctor->now);
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	facts.direction = "out";
	facts.next_hop = next_hop;
	return policy_decide(loaded->policy, &facts, &options, &verdict) == 0 &&
	    verdict.outcome[OUTCOME_FROM].rule != NULL;
}

/* The next hop of "TRANSPORT:NEXT"; NULL: the domain stays, or it is none over SMTP. */
static const char *
next_hop_in(const struct pf *pf, const char *value)
{
	char name[256];
	const char *colon = value[0] == '[' ? NULL : strchr(value, ':');
	const struct pf_service *service;

	if (colon == NULL)
		return NULL;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - value), value);
	service = pf_find(pf, name[0] != '\0' ? name : "smtp", "unix");
	return service != NULL && strncmp(service->command, "smtp", 4) == 0 &&
	    strchr(" \t", service->command[4]) != NULL && colon[1] != '\0' ? colon + 1 : NULL;
}

static void
say_route(const struct pf *pf, const char *name, const char *next_hop)
{
	if (next_hop == NULL || next_hop[0] == '\0' || has_rule(pf, next_hop))
		return;
	pf_say(pf, NULL, DOCTOR_FAULT, "route", "%s = %s: Postfix asks how to deliver to %s, "
	    "which has no rule, and rules on partners' domains do not count", name,
	    pf_get(pf, NULL, name), next_hop);
	doctor_fix(pf->doctor, "write a rule on it (deliver \"%s\"), or route partners' mail past "
	    "it in transport_maps: DOMAIN smtp:", next_hop);
}

/* ------------------------------------------------------------------ *
 * Tables
 * ------------------------------------------------------------------ */

/* One line of a table: a domain that has a rule, to a next hop that has none. */
static bool
loses_rule(const struct pf *pf, char *line, const char **key, const char **next_hop)
{
	char *value = line + strcspn(line, " \t");

	if (line[0] == '#' || line[0] == '\0' || *value == '\0')
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, " \t\r")] = '\0';
	*key = line[0] == '.' ? line + 1 : line;
	*next_hop = next_hop_in(pf, value);
	return *next_hop != NULL && strchr(*key, '@') == NULL && has_rule(pf, *key) &&
	    !has_rule(pf, *next_hop);
}

static void
read_routes(const struct pf *pf, const char *path)
{
	unsigned number = 0, lost = 0;
	const char *key, *next_hop;
	struct file file;
	char *rest, *line;

	if (file_read(path, TABLE_MAX, true, &file) != FILE_READ)
		return;
	for (rest = file.text; (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (!loses_rule(pf, line, &key, &next_hop) || lost++ >= ROUTES_SAID)
			continue;
		pf_say(pf, NULL, DOCTOR_FAULT, "route", "%s:%u sends mail for %s to %s: Postfix "
		    "asks how to deliver to that, which has no rule, and the rule on %s does not "
		    "count", path, number, key, next_hop, key);
		doctor_fix(pf->doctor, "%s:%u: %s smtp:, or a rule on the next hop: deliver \"%s\"",
		    path, number, key, next_hop);
	}
	free(file.text);
}

/* Tables that are made from a text file of that name, or are one. */
static void
check_tables(const struct pf *pf, const char *name)
{
	static const char *const kinds[] = { "hash:", "btree:", "lmdb:", "cdb:", "dbm:",
	    "texthash:" };
	const char *list = pf_get(pf, NULL, name);
	char table[PF_PATH_MAX];

	while (pf_word(&list, table, sizeof(table)))
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (strncmp(table, kinds[i], strlen(kinds[i])) == 0)
				read_routes(pf, table + strlen(kinds[i]));
}

static void
check_by_sender(const struct pf *pf)
{
	static const char *const names[] = { "sender_dependent_relayhost_maps",
	    "sender_dependent_default_transport_maps" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = pf_get(pf, NULL, names[i]);

		if (value[0] == '\0')
			continue;
		pf_say(pf, NULL, DOCTOR_WARNING, "route", "%s = %s: mail of the senders in it goes "
		    "to other next hops, where rules on partners' domains do not count", names[i],
		    value);
		doctor_fix(pf->doctor, "write a rule on each next hop in it (deliver \"NEXT-HOP\"), "
		    "or take it out of %s", pf->main_path);
	}
}

void
pf_check_routes(const struct pf *pf)
{
	say_route(pf, "relayhost", pf_get(pf, NULL, "relayhost"));
	say_route(pf, "default_transport",
	    next_hop_in(pf, pf_get(pf, NULL, "default_transport")));
	check_tables(pf, "transport_maps");
	check_by_sender(pf);
}
