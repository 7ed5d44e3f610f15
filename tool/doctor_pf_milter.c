/*
 * doctor_pf_milter.c - tlsward doctor: whether Postfix asks the milter, and reaches it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <stdio.h>
#include <string.h>

#include "tool/doctor_pf_reach.h"

/* One element of a list of milters: "ADDRESS" or "{ ADDRESS, NAME = VALUE ... }". */
struct milter_word {
	char address[PF_PATH_MAX];
	const char *ours;	/* which of our addresses it is; NULL: none */
};

static bool
next_milter(const struct pf *pf, bool chroot, const char **list, struct milter_word *milter)
{
	char word[PF_PATH_MAX];
	const char *inside = word + 1;

	if (!pf_word(list, word, sizeof(word)))
		return false;
	if (word[0] == '{') {
		word[strcspn(word, "}")] = '\0';
		if (!pf_word(&inside, milter->address, sizeof(milter->address)))
			milter->address[0] = '\0';
	} else {
		(void)strcpy(milter->address, word);
	}
	milter->ours = pf_ours(pf, chroot, milter->address);
	return true;
}

bool
pf_judges_alone(const struct pf *pf)
{
	const struct settings *settings = pf->doctor->loaded.settings;

	return settings->policy_service != NULL &&
	    (settings->policy_service_answers == SETTINGS_ANSWERS_VERDICT ||
	    (settings->policy_service_answers == SETTINGS_ANSWERS_AUTO &&
	    settings->listen.at[0].line == 0));
}

const char *
pf_milters(const struct pf *pf, const struct pf_service *service)
{
	return pf_has_word(pf_get(pf, service, "receive_override_options"), "no_milters") ?
	    "" : pf_get(pf, service, "smtpd_milters");
}

bool
pf_has_milter(const struct pf *pf, const struct pf_service *service)
{
	const char *list = pf_milters(pf, service);
	struct milter_word milter;

	while (next_milter(pf, service->chroot, &list, &milter))
		if (milter.ours != NULL)
			return true;
	return false;
}

bool
pf_takes_users(const struct pf *pf, const struct pf_service *service)
{
	static const char *const lists[] = { "smtpd_client_restrictions",
	    "smtpd_relay_restrictions", "smtpd_recipient_restrictions",
	    "smtpd_sender_restrictions", "smtpd_helo_restrictions" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *list = pf_get(pf, service, lists[i]);
		char word[256], before[256] = "";

		if (pf_owner(pf, service, lists[i]) == NULL)
			continue;
		while (pf_word(&list, word, sizeof(word))) {
			if (strcasecmp(before, "permit_sasl_authenticated") == 0 &&
			    strncasecmp(word, "reject", 7) == 0)
				return true;
			(void)strcpy(before, word);
		}
	}
	return false;
}

/* ------------------------------------------------------------------ *
 * What to write
 * ------------------------------------------------------------------ */

/*
 * Whether an element that is none of ours was meant to be: by its name or its path, or in
 * a form that is libmilter's alone.
 */
static bool
is_meant_as_ours(const struct pf *pf, const char *address)
{
	const char *path = pf_socket_path(address), *ours;

	if (strstr(address, "tlsward") != NULL)
		return true;
	for (size_t i = 0; path != NULL && (ours = pf_listen(pf, i)) != NULL; i++) {
		const char *slash = strrchr(ours, '/');

		/* The same path below another folder, or the socket's name alone. */
		if (slash != NULL && (strcmp(path, slash + 1) == 0 ||
		    (path[0] == '/' && strstr(ours, path) != NULL &&
		    strcmp(strstr(ours, path), path) == 0)))
			return true;
	}
	return false;
}

/* The "listen" that a service sees, as it names it; false: it sees none. */
static bool
choose_listen(const struct pf *pf, bool chroot, char right[PF_PATH_MAX])
{
	const char *ours;

	for (size_t i = 0; (ours = pf_listen(pf, i)) != NULL; i++)
		if (pf_write_address(pf, chroot, ours, right))
			return true;
	return false;
}

/* The list as it should be: ours in the place of what was meant so, or before all. */
static void
write_milter_list(const struct pf *pf, bool chroot, const char *list, const char *right,
    struct buffer *out)
{
	struct milter_word milter;
	bool there = false;
	const char *rest;

	for (rest = list; next_milter(pf, chroot, &rest, &milter);)
		there = there || is_meant_as_ours(pf, milter.address);
	if (!there)
		buffer_string(out, right);
	for (rest = list; rest[strspn(rest, " ,\t")] != '\0';) {
		const char *start = rest + strspn(rest, " ,\t");

		(void)next_milter(pf, chroot, &rest, &milter);
		buffer_string(out, out->length > 0 ? ", " : "");
		if (is_meant_as_ours(pf, milter.address))
			buffer_string(out, right);
		else
			buffer_add(out, start, (size_t)(rest - start));
	}
}

/* Sets the fix to a list with ours or, where no service there sees it, to tlsward.conf. */
static void
fix_list(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *name, const char *list)
{
	const struct loaded *loaded = &pf->doctor->loaded;
	const unsigned line = loaded->settings->listen.at[0].line;
	const char *queue = pf_get(pf, NULL, "queue_directory");
	struct buffer out = BUFFER_INIT;
	char right[PF_PATH_MAX] = "";

	if (choose_listen(pf, chroot, right)) {
		write_milter_list(pf, chroot, list, right, &out);
		pf_fix(pf, owner, name, "%s", out.text != NULL ? out.text : right);
	} else if (line > 0) {
		doctor_fix(pf->doctor, "%s:%u: listen unix:%s/tlsward/milter.sock, and then "
		    "%s = unix:tlsward/milter.sock in %s", loaded->settings_path, line, queue,
		    name, owner != NULL ? pf->master_path : pf->main_path);
	} else {
		doctor_fix(pf->doctor, "%s: add listen unix:%s/tlsward/milter.sock, and then "
		    "%s = unix:tlsward/milter.sock in %s", loaded->settings_path, queue, name,
		    owner != NULL ? pf->master_path : pf->main_path);
	}
	pf->doctor->failed |= out.failed;
	buffer_free(&out);
}

/* ------------------------------------------------------------------ *
 * Lists
 * ------------------------------------------------------------------ */

/* Of a list without ours: what was meant to be, and why it is not. */
static void
say_wrong(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *id, const char *name, const char *list)
{
	struct milter_word milter;
	const char *rest = list;
	char real[PF_PATH_MAX];

	while (next_milter(pf, chroot, &rest, &milter)) {
		const char *path = pf_socket_path(milter.address);

		if (path != NULL && chroot && pf_ours(pf, false, milter.address) != NULL) {
			pf_real_path(pf, true, path, real);
			pf_say(pf, owner, DOCTOR_FAULT, "milter-chroot", "%s names %s, but %s is "
			    "the root of what asks there: it looks for %s, and does not find it",
			    name, milter.address, pf_get(pf, NULL, "queue_directory"), real);
			fix_list(pf, owner, chroot, name, list);
			return;
		}
		if (is_meant_as_ours(pf, milter.address)) {
			pf_say(pf, owner, DOCTOR_FAULT, id, "%s names %s, which is not where the "
			    "daemon listens: that is %s", name, milter.address, pf_listen(pf, 0));
			fix_list(pf, owner, chroot, name, list);
			return;
		}
	}
	pf_say(pf, owner, DOCTOR_FAULT, id, "%s = %s: the daemon is not among them, so that mail "
	    "comes in unasked; it listens on %s", name, list, pf_listen(pf, 0));
	fix_list(pf, owner, chroot, name, list);
}

/* Whether others stand before ours, where it matters. */
static void
check_first(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *list)
{
	const char *field = pf->doctor->loaded.settings->authentication_results;
	struct buffer others = BUFFER_INIT;
	struct milter_word milter;
	const char *rest = list;
	const char *start = rest + strspn(rest, " ,\t");

	if (field == NULL || !next_milter(pf, chroot, &rest, &milter) || milter.ours != NULL)
		return;
	pf_say(pf, owner, DOCTOR_WARNING, "milter-first", "%s is asked before the daemon, which "
	    "then removes from its mail every Authentication-Results field of %s", milter.address,
	    field);
	for (rest = list; rest[strspn(rest, " ,\t")] != '\0';) {
		start = rest + strspn(rest, " ,\t");
		(void)next_milter(pf, chroot, &rest, &milter);
		if (milter.ours == NULL)
			buffer_format(&others, ", %.*s", (int)(rest - start), start);
	}
	for (rest = list; next_milter(pf, chroot, &rest, &milter) && milter.ours == NULL;)
		continue;
	pf_fix(pf, owner, "smtpd_milters", "%s%s", milter.address,
	    others.text != NULL ? others.text : "");
	pf->doctor->failed |= others.failed;
	buffer_free(&others);
}

/* A list with ours in it. */
static void
check_list(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *list)
{
	struct milter_word milter;
	const char *rest = list;

	while (next_milter(pf, chroot, &rest, &milter))
		if (milter.ours != NULL)
			pf_check_socket(pf, owner, chroot, "milter-reach", "the milter's socket",
			    milter.address);
	check_first(pf, owner, chroot, list);
}

/*
 * A service to which mail comes from outside, without any milter. Where users alone come
 * and somebody took it out, that is meant: they can go on while the daemon is down.
 */
static void
say_none(const struct pf *pf, const struct pf_service *service)
{
	const char *overridden = "receive_override_options";
	const struct pf_service *owner = pf_owner(pf, service, "smtpd_milters");
	bool users = pf_takes_users(pf, service);

	if (pf_has_word(pf_get(pf, service, overridden), "no_milters")) {
		owner = pf_owner(pf, service, overridden);
		pf_say(pf, owner, DOCTOR_FAULT, "milter-service", "%s has no_milters: mail that "
		    "comes in there is not held to the policy", overridden);
		pf_fix(pf, owner, overridden, "%s", "");
		return;
	}
	if (users && owner != NULL) {
		pf_say(pf, service, DOCTOR_OK, "milter-service", "smtpd_milters is empty there: "
		    "mail that users hand in is let through, and not recorded");
		return;
	}
	pf_say(pf, service, users || (owner == NULL && !pf_is_smtp(service)) ?
	    DOCTOR_WARNING : DOCTOR_FAULT,
	    "milter-service", "smtpd_milters is empty%s: mail that %s is not held to the policy",
	    owner != NULL ? " there" : ", other than at other services",
	    users ? "users hand in there" : "comes in there");
	fix_list(pf, service, service->chroot, "smtpd_milters", "");
}

static void
check_services(const struct pf *pf, size_t asking)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];
		const struct pf_service *owner = pf_owner(pf, service, "smtpd_milters");
		const char *list = pf_milters(pf, service);

		if (service->side != PF_OUTSIDE)
			continue;
		if (pf_has_milter(pf, service)) {
			check_list(pf, owner, service->chroot, list);
		} else if (list[strspn(list, " ,\t")] != '\0') {
			say_wrong(pf, owner, service->chroot, "milter", "smtpd_milters", list);
			wrong++;
		} else if (asking > 0 || owner != NULL ||
		    pf_get(pf, service, "smtpd_milters")[0] != '\0') {
			say_none(pf, service);
			wrong++;
		}
	}
	if (asking > 0 && wrong == 0)
		pf_say(pf, NULL, DOCTOR_OK, "milter", asking == 1 ? "the service that takes mail "
		    "from outside asks the milter" : "all %zu services that take mail from "
		    "outside ask the milter", asking);
}

/* Mail of programs on this host: it need not be asked of, but then not in vain. */
static void
check_local(const struct pf *pf)
{
	const struct pf_service *cleanup = pf_find(pf, "cleanup", "unix");
	const char *list = pf_get(pf, cleanup, "non_smtpd_milters"), *rest = list;
	bool chroot = cleanup != NULL && cleanup->chroot, meant = false, ours = false;
	struct milter_word milter;

	while (next_milter(pf, chroot, &rest, &milter)) {
		ours = ours || milter.ours != NULL;
		meant = meant || is_meant_as_ours(pf, milter.address) ||
		    pf_ours(pf, false, milter.address) != NULL;
		if (milter.ours != NULL)
			pf_check_socket(pf, pf_owner(pf, cleanup, "non_smtpd_milters"), chroot,
			    "milter-local", "the milter's socket for mail of this host",
			    milter.address);
	}
	if (meant && !ours)
		say_wrong(pf, pf_owner(pf, cleanup, "non_smtpd_milters"), chroot, "milter-local",
		    "non_smtpd_milters", list);
}

void
pf_check_milters(const struct pf *pf)
{
	const struct pf_service *first = NULL;
	size_t asking = 0, named = 0;

	for (size_t i = 0; i < pf->service_count; i++) {
		const struct pf_service *service = &pf->services[i];

		if (service->side != PF_OUTSIDE)
			continue;
		first = first != NULL ? first : service;
		asking += pf_has_milter(pf, service);
		named += pf_get(pf, service, "smtpd_milters")[0] != '\0';
	}
	if (first == NULL || (named == 0 && pf_judges_alone(pf)))
		return;
	if (named == 0) {
		pf_say(pf, NULL, DOCTOR_FAULT, "milter", "smtpd_milters is empty: no service asks "
		    "the daemon, and mail comes in unasked");
		fix_list(pf, NULL, first->chroot, "smtpd_milters", "");
	} else {
		check_services(pf, asking);
	}
	check_local(pf);
}
