/*
 * doctor_pf_policy.c - tlsward doctor: whether Postfix comes to check_policy_service.
 *
 * A list ends with its first restriction that permits or rejects; what one list permits
 * does not end the others. See access(5), SMTPD_POLICY_README.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_milter.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool/doctor_pf_reach.h"

#define CLASSES_MAX 8		/* in one another */
#define RECIPIENT_LIST "smtpd_recipient_restrictions"
#define USUAL_LIST "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"

/* What was found on the way through a list. */
struct policy_walk {
	const struct pf *pf;
	const struct pf_service *service;
	char before[PF_PATH_MAX];	/* what permits before ours; "": nothing */
	bool some_only;			/* and that permits some clients only */
	bool found;
	char address[PF_PATH_MAX];	/* ours */
	char meant[PF_PATH_MAX];	/* one that is not, and was meant to be; "": none */
};

/* The address of "check_policy_service ADDRESS", which may stand in braces. */
static void
take_policy_address(struct policy_walk *walk, const char *word)
{
	const char *ours = walk->pf->doctor->loaded.settings->policy_service;
	char address[PF_PATH_MAX], inside[PF_PATH_MAX];
	const char *at = inside;

	(void)snprintf(inside, sizeof(inside), "%s", word + (word[0] == '{'));
	inside[strcspn(inside, "}")] = '\0';
	if (!pf_word(&at, address, sizeof(address)))
		return;
	if (pf_is_socket(walk->pf, walk->service->chroot, address, ours)) {
		walk->found = true;
		(void)strcpy(walk->address, address);
	} else if (strstr(address, "tlsward") != NULL ||
	    pf_is_socket(walk->pf, false, address, ours)) {
		(void)strcpy(walk->meant, address);
	}
}

/* Whether a restriction ends the list for some mail, by letting it in. */
static bool
may_permit(const char *word, bool *some_only)
{
	static const char *const always[] = { "permit", "permit_auth_destination",
	    "permit_mx_backup", "permit_inet_interfaces" };

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (strcasecmp(word, always[i]) == 0)
			return *some_only = false, true;
	*some_only = true;
	return strncasecmp(word, "permit_", 7) == 0 ||
	    (strncasecmp(word, "check_", 6) == 0 && strlen(word) > 13 &&
	    strcasecmp(word + strlen(word) - 7, "_access") == 0);
}

static bool
is_class(const struct pf *pf, const char *word)
{
	return pf_has_word(pf_get(pf, NULL, "smtpd_restriction_classes"), word);
}

static void walk_list(struct policy_walk *walk, const char *list, int deep);

/* One restriction, of which "list" has the argument. */
static void
walk_restriction(struct policy_walk *walk, const char *word, const char **list, int deep)
{
	char argument[PF_PATH_MAX];
	bool some_only;

	if (strcasecmp(word, "check_policy_service") == 0) {
		if (pf_word(list, argument, sizeof(argument)))
			take_policy_address(walk, argument);
		return;
	}
	if (is_class(walk->pf, word)) {
		walk_list(walk, pf_get(walk->pf, walk->service, word), deep + 1);
		return;
	}
	if (may_permit(word, &some_only) && (walk->before[0] == '\0' ||
	    (walk->some_only && !some_only))) {
		(void)snprintf(walk->before, sizeof(walk->before), "%s", word);
		walk->some_only = some_only;
	}
}

static void
walk_list(struct policy_walk *walk, const char *list, int deep)
{
	char word[PF_PATH_MAX];

	while (deep < CLASSES_MAX && !walk->found && pf_word(&list, word, sizeof(word)))
		walk_restriction(walk, word, &list, deep);
}

/* ------------------------------------------------------------------ *
 * What to write
 * ------------------------------------------------------------------ */

/* The address for this service; false: it sees none, and tlsward.conf is to be changed. */
static bool
right_address(const struct pf *pf, const struct pf_service *service,
    char address[PF_PATH_MAX])
{
	const char *ours = pf->doctor->loaded.settings->policy_service;

	if (ours != NULL && pf_write_address(pf, service->chroot, ours, address))
		return true;
	(void)strcpy(address, "unix:tlsward/policy.sock");
	return false;
}

/* The list with ours before all else, and nowhere after. */
static void
fix_policy_list(const struct pf *pf, const struct pf_service *service, const char *name)
{
	const struct loaded *loaded = &pf->doctor->loaded;
	const unsigned line = loaded->settings->set_at[SETTING_policy_service].line;
	const char *list = pf_get(pf, service, name);
	char right[PF_PATH_MAX], word[PF_PATH_MAX], next[PF_PATH_MAX];
	struct buffer out = BUFFER_INIT;
	struct policy_walk walk;

	if (!right_address(pf, service, right)) {
		char place[32] = "add";

		if (line > 0)
			(void)snprintf(place, sizeof(place), "line %u:", line);
		doctor_fix(pf->doctor, "%s: %s policy-service unix:%s/tlsward/policy.sock, and "
		    "then check_policy_service %s before all else in %s", loaded->settings_path,
		    place, pf_get(pf, NULL, "queue_directory"), right, name);
		return;
	}
	buffer_format(&out, "check_policy_service %s", right);
	if (list[strspn(list, " ,\t")] == '\0')
		list = strcmp(name, RECIPIENT_LIST) == 0 ? USUAL_LIST : "";
	while (pf_word(&list, word, sizeof(word))) {
		walk = (struct policy_walk){ .pf = pf, .service = service };
		if (strcasecmp(word, "check_policy_service") == 0 &&
		    pf_word(&list, next, sizeof(next))) {
			take_policy_address(&walk, next);
			if (!walk.found && walk.meant[0] == '\0')
				buffer_format(&out, ", %s %s", word, next);
			continue;
		}
		buffer_format(&out, "%s%s", strncmp(word, "check_", 6) == 0 ||
		    strchr(word, ':') == NULL ? ", " : " ", word);
	}
	pf_fix(pf, pf_owner(pf, service, name), name, "%s", out.text != NULL ? out.text : "");
	pf->doctor->failed |= out.failed;
	buffer_free(&out);
}

/* ------------------------------------------------------------------ *
 * What is said
 * ------------------------------------------------------------------ */

/* Where none of a service's lists has ours. */
static void
say_no_policy(const struct pf *pf, const struct pf_service *service, const char *meant)
{
	const struct pf_service *owner = pf_owner(pf, service, RECIPIENT_LIST);
	bool needed = pf->doctor->summary.uses_fingerprint || pf_judges_alone(pf);

	if (meant[0] != '\0')
		pf_say(pf, owner, DOCTOR_FAULT, "policy-service", "check_policy_service names %s, "
		    "which is not where the daemon listens%s: that is %s", meant,
		    service->chroot && pf_is_socket(pf, false, meant,
		    pf->doctor->loaded.settings->policy_service) ? " as seen from the chroot" : "",
		    pf->doctor->loaded.settings->policy_service);
	else if (needed && !pf_takes_users(pf, service))
		pf_say(pf, owner, DOCTOR_FAULT, "policy-service", pf_judges_alone(pf) ?
		    "%s does not ask the daemon (check_policy_service), which judges mail there "
		    "alone" : "%s does not ask the daemon (check_policy_service): it is told no "
		    "fingerprint, and mail that needs a pin is tempfailed", RECIPIENT_LIST);
	else if (!needed)
		pf_say(pf, owner, DOCTOR_WARNING, "policy-service", "policy-service is set, and %s "
		    "does not ask it (check_policy_service)", RECIPIENT_LIST);
	else
		return;
	fix_policy_list(pf, service, RECIPIENT_LIST);
}

static void
say_policy(const struct policy_walk *walk, const char *name)
{
	const struct pf *pf = walk->pf;
	const struct pf_service *owner = pf_owner(pf, walk->service, name);

	if (walk->before[0] == '\0') {
		pf_say(pf, owner, DOCTOR_OK, "policy-service", "%s asks the daemon before anything "
		    "that permits", name);
	} else {
		pf_say(pf, owner, walk->some_only ? DOCTOR_WARNING : DOCTOR_FAULT,
		    "policy-service-order", "%s: %s stands before check_policy_service %s: of mail "
		    "that it lets in the daemon is %s", name, walk->before, walk->address,
		    pf_judges_alone(pf) ? "not asked at all" : "told no fingerprint");
		fix_policy_list(pf, walk->service, name);
	}
	pf_check_socket(pf, owner, walk->service->chroot, "policy-service-reach",
	    "the policy service's socket", walk->address);
}

/* The lists that are looked at when a recipient is named, and only there. */
static void
check_policy_lists(const struct pf *pf, const struct pf_service *service)
{
	static const char *const lists[] = { RECIPIENT_LIST, "smtpd_relay_restrictions",
	    "smtpd_sender_restrictions", "smtpd_helo_restrictions",
	    "smtpd_client_restrictions" };
	size_t count = pf_is(pf, service, "smtpd_delay_reject", "no") ? 2 : 5;
	struct policy_walk best = { .pf = NULL };
	const char *best_list = NULL;
	char meant[PF_PATH_MAX] = "";

	for (size_t i = 0; i < count; i++) {
		struct policy_walk walk = { .pf = pf, .service = service };

		walk_list(&walk, pf_get(pf, service, lists[i]), 0);
		if (walk.meant[0] != '\0')
			(void)strcpy(meant, walk.meant);
		if (walk.found && (best_list == NULL ||
		    (best.before[0] != '\0' && walk.before[0] == '\0'))) {
			best = walk;
			best_list = lists[i];
		}
	}
	if (best_list != NULL)
		say_policy(&best, best_list);
	else
		say_no_policy(pf, service, meant);
}

/* Pins, and nobody who could tell of fingerprints. */
static void
say_not_set(const struct pf *pf)
{
	pf_say(pf, NULL, DOCTOR_FAULT, "policy-service", "the policy has pins, which Postfix tells "
	    "policy services alone, and %s has no policy-service",
	    pf->doctor->loaded.settings_path);
	doctor_fix(pf->doctor, "%s: add policy-service unix:%s/tlsward/policy.sock, and then "
	    "check_policy_service unix:tlsward/policy.sock before all else in %s",
	    pf->doctor->loaded.settings_path, pf_get(pf, NULL, "queue_directory"),
	    RECIPIENT_LIST);
}

void
pf_check_policy(const struct pf *pf)
{
	if (pf->doctor->loaded.settings->policy_service == NULL) {
		if (pf->doctor->summary.needs_fingerprint)
			say_not_set(pf);
		return;
	}
	for (size_t i = 0; i < pf->service_count; i++)
		if (pf->services[i].side == PF_OUTSIDE)
			check_policy_lists(pf, &pf->services[i]);
}
