/*
 * doctor_pf_out.c - tlsward doctor: whether Postfix asks how to deliver, and is told so by
 * the name that the rules know.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool/doctor_export.h"
#include "tool/doctor_pf_reach.h"

#define MAP_NAME "tlsward"
#define MAPS "smtp_tls_policy_maps"

/* "socketmap:ADDRESS:NAME" taken apart. False: it is another kind of table. */
struct socketmap {
	char address[PF_PATH_MAX], name[256];
};

static bool
take_socketmap(const char *table, struct socketmap *map)
{
	const char *name = strrchr(table, ':');

	if (strncmp(table, "socketmap:", 10) != 0 || name <= table + 10)
		return false;
	(void)snprintf(map->address, sizeof(map->address), "%.*s",
	    (int)(name - table - 10), table + 10);
	(void)snprintf(map->name, sizeof(map->name), "%s", name + 1);
	return true;
}

/* The path of a table that is a file, as tlsward export writes one; NULL: it is none. */
static const char *
file_of_map(const char *table)
{
	const char *colon = strstr(table, ":/");

	return colon != NULL && strncmp(table, "socketmap:", 10) != 0 ? colon + 1 : NULL;
}

/* What this service looks up in, and where ours stands there. */
struct maps {
	struct socketmap ours;
	bool found;
	char file[PF_PATH_MAX];				/* a table that is one; "" */
	char before[PF_PATH_MAX], after[PF_PATH_MAX];	/* "": nothing */
	char meant[PF_PATH_MAX];			/* not ours, but to be so */
};

static void
read_tls_maps(const struct pf *pf, const struct pf_service *service, struct maps *maps)
{
	const char *list = pf_get(pf, service, MAPS);
	const char *ours = pf->doctor->loaded.settings->tls_policy_map;
	char table[PF_PATH_MAX];
	struct socketmap map;

	*maps = (struct maps){ .found = false };
	while (pf_word(&list, table, sizeof(table))) {
		bool socket = take_socketmap(table, &map);

		if (socket && ours != NULL &&
		    pf_is_socket(pf, service->chroot, map.address, ours)) {
			maps->found = true;
			maps->ours = map;
		} else if (socket && (strstr(map.address, MAP_NAME) != NULL ||
		    (ours != NULL && pf_is_socket(pf, false, map.address, ours)))) {
			(void)strcpy(maps->meant, table);
		} else {
			(void)strcpy(maps->found ? maps->after : maps->before, table);
			if (file_of_map(table) != NULL)
				(void)strcpy(maps->file, table);
		}
	}
}

/* Sets the fix: our table alone before what else there is. */
static void
fix_maps(const struct pf *pf, const struct pf_service *service, const struct maps *maps)
{
	const struct loaded *loaded = &pf->doctor->loaded;
	const char *ours = loaded->settings->tls_policy_map;
	char right[PF_PATH_MAX];
	const char *other = maps->before[0] != '\0' ? maps->before : maps->after;

	if (ours == NULL || !pf_write_address(pf, service->chroot, ours, right))
		doctor_fix(pf->doctor, "%s: %s tls-policy-map unix:%s/tlsward/tls.sock, and then "
		    MAPS " = socketmap:unix:tlsward/tls.sock:" MAP_NAME " in %s",
		    loaded->settings_path, ours == NULL ? "add" : "set",
		    pf_get(pf, NULL, "queue_directory"), pf->main_path);
	else
		pf_fix(pf, pf_owner(pf, service, MAPS), MAPS, "socketmap:%s:" MAP_NAME "%s%s",
		    right, other[0] != '\0' ? ", " : "", other);
}

/* A file in the place of our socket: whether it is what the policy says today. */
static void
look_at_file(const struct pf *pf, const struct pf_service *owner, const char *table)
{
	const char *path = file_of_map(table);
	bool made = strstr(table, "hash:/") != NULL && strstr(table, "texthash:/") == NULL;
	enum exported exported;

	made = made || strstr(table, "btree:/") != NULL;
	exported = doctor_exported(pf->doctor, "postfix", path, made ? "postmap" : NULL);
	if (exported == EXPORTED_HERE)
		return;
	pf_say(pf, owner, DOCTOR_WARNING, "map", MAPS " names %s, %s: whether the rules on mail "
	    "that goes out reach Postfix is not known", table, exported == EXPORTED_NOT ?
	    "which tlsward export did not write" : "which cannot be read");
	doctor_fix(pf->doctor, "tlsward export postfix > %s%s%s", path, made ? "; then postmap " :
	    "", made ? path : "");
}

/* Where ours is not among them. */
static void
say_no_tls_map(const struct pf *pf, const struct pf_service *service, const struct maps *maps)
{
	const struct pf_service *owner = pf_owner(pf, service, MAPS);
	const char *ours = pf->doctor->loaded.settings->tls_policy_map;

	if (maps->meant[0] != '\0')
		pf_say(pf, owner, DOCTOR_FAULT, "map", MAPS " names %s, which is not where the "
		    "daemon answers%s: that is %s, and while it is so all mail waits", maps->meant,
		    service->chroot ? " as seen from the chroot" : "",
		    ours != NULL ? ours : "nowhere, without tls-policy-map");
	else if (maps->file[0] != '\0') {
		look_at_file(pf, owner, maps->file);
		return;
	} else
		pf_say(pf, owner, DOCTOR_FAULT, "map", MAPS " %s: the rules on mail that goes out "
		    "do not reach Postfix", pf_get(pf, service, MAPS)[0] == '\0' ? "is empty" :
		    "does not name the daemon's map");
	fix_maps(pf, service, maps);
}

/* Asks it as Postfix does. */
static void
check_answer(const struct pf *pf, const struct pf_service *service, const struct maps *maps)
{
	const struct pf_service *owner = pf_owner(pf, service, MAPS);
	char reply[PF_REPLY_MAX];

	if (strcmp(maps->ours.name, MAP_NAME) != 0) {
		pf_say(pf, owner, DOCTOR_FAULT, "map-name", MAPS " asks for a map %s: the daemon's "
		    "is " MAP_NAME ", and while it is so all mail waits", maps->ours.name);
		fix_maps(pf, service, maps);
		return;
	}
	pf_check_socket(pf, owner, service->chroot, "map-reach", "the map's socket",
	    maps->ours.address);
	if (!pf_ask_map(pf, service->chroot, maps->ours.address,
	    MAP_NAME " doctor.invalid", reply))
		return;
	if (strncmp(reply, "OK ", 3) == 0 || strncmp(reply, "NOTFOUND ", 9) == 0) {
		pf_say(pf, owner, DOCTOR_OK, "map-answer", "the map answers");
	} else {
		pf_say(pf, owner, DOCTOR_FAULT, "map-answer", "the map answers \"%s\": mail waits",
		    reply);
		doctor_fix(pf->doctor, "see the daemon's log, and tlsward status");
	}
}

static void
check_order(const struct pf *pf, const struct pf_service *service, const struct maps *maps)
{
	const struct pf_service *owner = pf_owner(pf, service, MAPS);
	struct socketmap next;

	if (maps->before[0] != '\0') {
		pf_say(pf, owner, DOCTOR_WARNING, "map-order", MAPS ": %s is asked first, and where "
		    "it has an answer the rules do not count", maps->before);
		fix_maps(pf, service, maps);
	}
	if (maps->after[0] != '\0' && take_socketmap(maps->after, &next)) {
		pf_say(pf, owner, DOCTOR_WARNING, "map-order", MAPS ": %s is asked for domains "
		    "without a rule only: a rule hides what it would ask for", maps->after);
		doctor_fix(pf->doctor, "%s: add tls-policy-next %s %s, and leave the daemon's map "
		    "alone in " MAPS, pf->doctor->loaded.settings_path, next.address, next.name);
	}
}

/* ------------------------------------------------------------------ *
 * What else delivery depends on
 * ------------------------------------------------------------------ */

static void
check_level(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtp_tls_security_level";
	const struct pf_service *owner = pf_owner(pf, service, name);
	const char *level = pf_get(pf, service, name);
	const char *support = pf_get(pf, service, "smtp_dns_support_level");
	bool by_rule = pf->doctor->summary.delivers_by_dane;

	if (level[0] == '\0' ? !pf_is(pf, service, "smtp_use_tls", "yes") &&
	    !pf_is(pf, service, "smtp_enforce_tls", "yes") : strcasecmp(level, "none") == 0) {
		pf_say(pf, owner, DOCTOR_WARNING, "out-level", "%s is %s: mail to whom no rule is "
		    "on, or one under monitor, goes out in clear text", name,
		    level[0] != '\0' ? level : "not set");
		pf_fix(pf, owner, name, "may");
	}
	if (strcasecmp(support, "dnssec") != 0 && (by_rule ||
	    strncasecmp(level, "dane", 4) == 0)) {
		pf_say(pf, owner, DOCTOR_FAULT, "dane-dnssec", "%s%s without "
		    "smtp_dns_support_level = dnssec: Postfix looks up no TLSA record, and %s",
		    by_rule ? "require dane" : "smtp_tls_security_level = ",
		    by_rule ? " in the policy" : level, !by_rule && strcasecmp(level, "dane") == 0 ?
		    "goes without" : "mail waits");
		pf_fix(pf, pf_owner(pf, service, "smtp_dns_support_level"),
		    "smtp_dns_support_level", "dnssec");
	}
}

static void
check_out_digest(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtp_tls_fingerprint_digest";
	const struct policy_summary *summary = &pf->doctor->summary;
	const char *digest = pf_get(pf, service, name);
	const char *wanted = summary->delivers_by_sha256 ? "sha256" :
	    summary->delivers_by_sha1 ? "sha1" : digest;

	if (strcasecmp(digest, wanted) == 0)
		return;
	pf_say(pf, pf_owner(pf, service, name), DOCTOR_FAULT, "out-digest", "%s = %s: pins by "
	    "%s of rules on mail that goes out never fit, and it waits", name, digest, wanted);
	pf_fix(pf, pf_owner(pf, service, name), name, "%s", wanted);
}

static void
check_switched_off(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "tls_required_enable";

	if (!pf_is(pf, service, name, "yes"))
		return;
	pf_say(pf, pf_owner(pf, service, name), DOCTOR_WARNING, "tls-required", "%s = yes: a "
	    "message with the header \"TLS-Required: no\" goes out past every rule", name);
	pf_fix(pf, pf_owner(pf, service, name), name, "no");
}

static void
check_out_log(const struct pf *pf, const struct pf_service *service)
{
	static const char name[] = "smtp_tls_loglevel";

	if (!pf_is(pf, service, name, "0"))
		return;
	pf_say(pf, pf_owner(pf, service, name), DOCTOR_WARNING, "out-loglevel", "%s = 0: the log "
	    "does not tell whether mail went out over TLS, and tlsward watch cannot judge it",
	    name);
	pf_fix(pf, pf_owner(pf, service, name), name, "1");
}

/* Whether that one delivers over SMTP to hosts of others. */
static bool
delivers(const struct pf_service *service)
{
	size_t length = strcspn(service->command, " \t");

	return strcmp(service->type, "unix") == 0 && length == 4 &&
	    strncmp(service->command, "smtp", 4) == 0;
}

/* The way to a content filter on this host is one without TLS, and not to a partner. */
static bool
serves_filter(const struct pf *pf, const struct pf_service *service)
{
	size_t length = strlen(service->name);

	if (strcmp(service->name, "smtp") == 0 || strcmp(service->name, "relay") == 0)
		return false;
	for (size_t i = 0; i < pf->service_count; i++) {
		const char *filter = pf_get(pf, &pf->services[i], "content_filter");

		if (strncmp(filter, service->name, length) == 0 && filter[length] == ':')
			return true;
	}
	return false;
}

static void
check_delivery(const struct pf *pf, const struct pf_service *service)
{
	struct maps maps;

	read_tls_maps(pf, service, &maps);
	if (maps.found) {
		check_answer(pf, service, &maps);
		check_order(pf, service, &maps);
	} else {
		say_no_tls_map(pf, service, &maps);
	}
	check_level(pf, service);
	check_out_digest(pf, service);
	check_switched_off(pf, service);
	check_out_log(pf, service);
}

/* A map that is named though there are no rules is asked all the same. */
void
pf_check_outgoing(const struct pf *pf)
{
	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];
		struct maps maps;

		if (!delivers(service) || serves_filter(pf, service))
			continue;
		read_tls_maps(pf, service, &maps);
		if (pf->doctor->summary.deliver_rules > 0)
			check_delivery(pf, service);
		else if (maps.found)
			check_answer(pf, service, &maps);
		else if (maps.meant[0] != '\0')
			say_no_tls_map(pf, service, &maps);
	}
	if (pf->doctor->summary.deliver_rules > 0)
		pf_check_routes(pf);
}
