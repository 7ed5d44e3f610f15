/*
 * doctor_pf_action.c - tlsward doctor: what Postfix does without the milter's answer, and
 * what it tells the milter.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/doctor_pf_reach.h"

/* A wait of under this many seconds ends while the daemon is only busy. */
#define WAIT_LEAST 5
#define WAIT_MOST 600

/* The value of NAME = VALUE in "{ ADDRESS, NAME = VALUE }"; false: it has none. */
static bool
option_of(const char *word, const char *name, char *value, size_t size)
{
	const char *at = word;
	size_t length = strlen(name);

	for (; (at = strstr(at, name)) != NULL; at++) {
		const char *end = at + length + strspn(at + length, " \t");

		if (strchr("{, \t", at[-1]) != NULL && *end == '=') {
			end += 1 + strspn(end + 1, " \t");
			(void)snprintf(value, size, "%.*s", (int)strcspn(end, " \t,}"), end);
			return true;
		}
	}
	return false;
}

static void
say_action(const struct pf *pf, const struct pf_service *owner, const char *what,
    const char *action)
{
	if (strcasecmp(action, "tempfail") == 0 || strcasecmp(action, "shutdown") == 0)
		pf_say(pf, owner, DOCTOR_OK, "milter-default-action", "while the daemon does not "
		    "answer, mail waits (%s %s)", what, action);
	else if (strcasecmp(action, "accept") == 0)
		pf_say(pf, owner, DOCTOR_FAULT, "milter-default-action", "%s accept: mail comes "
		    "in unasked while the daemon does not answer, and whoever brings it down "
		    "gets past the policy", what);
	else if (strcasecmp(action, "reject") == 0)
		pf_say(pf, owner, DOCTOR_WARNING, "milter-default-action", "%s reject: each start "
		    "of the daemon anew returns mail to its senders", what);
	else if (strcasecmp(action, "quarantine") == 0)
		pf_say(pf, owner, DOCTOR_WARNING, "milter-default-action", "%s quarantine: mail "
		    "that came in unasked is held, and somebody has to release it", what);
	else
		pf_say(pf, owner, DOCTOR_FAULT, "milter-default-action", "%s %s is none that "
		    "Postfix knows", what, action);
}

static bool
waits(const char *action)
{
	return strcasecmp(action, "tempfail") == 0 || strcasecmp(action, "shutdown") == 0;
}

/* The list with that element's action as tempfail. */
static void
fix_milter_option(const struct pf *pf, const struct pf_service *owner, const char *list,
    const char *word, const char *action)
{
	const char *at = strstr(list, word);
	const char *option = at != NULL ? strstr(at, "default_action") : NULL;
	const char *value = option != NULL ? strstr(option, action) : NULL;

	if (value != NULL)
		pf_fix(pf, owner, "smtpd_milters", "%.*stempfail%s", (int)(value - list), list,
		    value + strlen(action));
}

static void
check_action(const struct pf *pf, const struct pf_service *service)
{
	const char *list = pf_milters(pf, service), *rest = list;
	char word[PF_PATH_MAX], action[64], address[PF_PATH_MAX];
	const struct pf_service *owner;

	while (pf_word(&rest, word, sizeof(word))) {
		const char *inside = word + (word[0] == '{');

		if (!pf_word(&inside, address, sizeof(address)) ||
		    pf_ours(pf, service->chroot, address) == NULL)
			continue;
		if (option_of(word, "default_action", action, sizeof(action))) {
			owner = pf_owner(pf, service, "smtpd_milters");
			say_action(pf, owner, "smtpd_milters has default_action =", action);
			if (!waits(action))
				fix_milter_option(pf, owner, list, word, action);
			continue;
		}
		owner = pf_owner(pf, service, "milter_default_action");
		say_action(pf, owner, "milter_default_action =",
		    pf_get(pf, service, "milter_default_action"));
		if (!waits(pf_get(pf, service, "milter_default_action")))
			pf_fix(pf, owner, "milter_default_action", "tempfail");
	}
}

/* Postfix asks with 6 by itself; the macros are the daemon's to choose from 6 on only. */
static void
check_protocol(const struct pf *pf, const struct pf_service *service)
{
	const char *protocol = pf_get(pf, service, "milter_protocol");
	const struct pf_service *owner = pf_owner(pf, service, "milter_protocol");

	if (strcmp(protocol, "6") == 0)
		return;
	pf_say(pf, owner, DOCTOR_FAULT, "milter-protocol", "milter_protocol = %s: with another "
	    "than 6 Postfix does not tell at MAIL what the session used, and sessions over TLS "
	    "look as if in clear text", protocol);
	pf_fix(pf, owner, "milter_protocol", "6");
}

/* Seconds; -1: it is no time. */
static long
seconds_of(const char *text)
{
	static const char units[] = "smhdw";
	static const long worth[] = { 1, 60, 3600, 86400, 604800 };
	char *end;
	long number = strtol(text, &end, 10);
	const char *unit = *end != '\0' ? strchr(units, *end) : units;

	return end == text || unit == NULL || number < 0 || number > 10000 ? -1 :
	    number * worth[unit - units];
}

static void
check_timeouts(const struct pf *pf, const struct pf_service *service)
{
	static const struct { const char *name, *usual; } timeouts[] = {
		{ "milter_connect_timeout", "30s" }, { "milter_command_timeout", "30s" },
		{ "milter_content_timeout", "300s" },
	};

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		const char *name = timeouts[i].name, *value = pf_get(pf, service, name);
		const struct pf_service *owner = pf_owner(pf, service, name);
		long seconds = seconds_of(value);

		if (seconds >= WAIT_LEAST && seconds <= WAIT_MOST)
			continue;
		pf_say(pf, owner, DOCTOR_WARNING, "milter-timeout", seconds > WAIT_MOST ?
		    "%s = %s: clients give up before Postfix does" :
		    "%s = %s: a daemon that is busy for so long counts as one that is down", name,
		    value);
		pf_fix(pf, owner, name, "%s", timeouts[i].usual);
	}
}

/* With "mta auto" the daemon knows Postfix by {v}. */
static void
check_macros(const struct pf *pf, const struct pf_service *service)
{
	const char *version = pf_get(pf, service, "milter_macro_v");
	const struct settings *settings = pf->doctor->loaded.settings;

	if (settings->mta != SETTINGS_MTA_AUTO || strncmp(version, "Postfix", 7) == 0)
		return;
	pf_say(pf, pf_owner(pf, service, "milter_macro_v"), DOCTOR_FAULT, "milter-macros",
	    "milter_macro_v = %s: by it the daemon knows Postfix, and with it how certificates "
	    "are to be understood", version);
	if (settings->set_at[SETTING_mta].line > 0)
		doctor_fix(pf->doctor, "%s:%u: mta postfix",
		    pf->doctor->loaded.settings_path, settings->set_at[SETTING_mta].line);
	else
		doctor_fix(pf->doctor, "%s: add mta postfix", pf->doctor->loaded.settings_path);
}

/* ------------------------------------------------------------------ *
 * Clients that are not asked about
 * ------------------------------------------------------------------ */

/* Whether a key stands for this host alone. */
static bool
is_this_host(const char *key)
{
	key += strspn(key, " \t");
	return strncmp(key, "127.", 4) == 0 || strncmp(key, "::1", 3) == 0 ||
	    strncmp(key, "[::1]", 5) == 0;
}

/* Whether lines of a table take clients of the network out. */
static bool
lines_disable(const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, "\n");
		char line[1024];

		(void)snprintf(line, sizeof(line), "%.*s", (int)length, text);
		if (line[0] != '#' && !is_this_host(line) && strcasestr(line, "DISABLE") != NULL)
			return true;
		text += length + (text[length] == '\n');
	}
	return false;
}

static bool
map_disables(const char *map)
{
	const char *colon = strchr(map, ':');
	struct file file;
	bool does;

	if (map[0] == '{')
		map++;
	if (colon != NULL && (colon[1] == '{' || strncmp(map, "static:", 7) == 0))
		return strcasestr(map, "DISABLE") != NULL;
	if (colon == NULL || colon[1] != '/' ||
	    file_read(colon + 1, 1u << 20, true, &file) != FILE_READ)
		return false;
	does = lines_disable(file.text);
	free(file.text);
	return does;
}

static void
check_milter_maps(const struct pf *pf, const struct pf_service *service)
{
	const struct pf_service *owner = pf_owner(pf, service, "smtpd_milter_maps");
	const char *maps = pf_get(pf, service, "smtpd_milter_maps");
	bool everybody = strcasestr(maps, "static:DISABLE") != NULL ||
	    strcasestr(maps, "static:{DISABLE") != NULL;
	char map[PF_PATH_MAX];

	while (pf_word(&maps, map, sizeof(map)))
		if (map_disables(map)) {
			pf_say(pf, owner, everybody ? DOCTOR_FAULT : DOCTOR_WARNING, "milter-maps",
			    "smtpd_milter_maps: %s has DISABLE, and mail of the clients that it is "
			    "for comes in without the milter", map);
			pf_fix(pf, owner, "smtpd_milter_maps", "%s", "");
		}
}

void
pf_check_actions(const struct pf *pf)
{
	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		if (service->side != PF_OUTSIDE || !pf_has_milter(pf, service))
			continue;
		check_action(pf, service);
		check_protocol(pf, service);
		check_timeouts(pf, service);
		check_macros(pf, service);
		check_milter_maps(pf, service);
	}
}
