/*
 * doctor_postfix.c - tlsward doctor's points of Postfix: its instances.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/doctor_pf_milter.h"

#define SAID_MAX 65536

static void
look_at_instance(struct doctor *doctor, const char *folder, bool several)
{
	struct pf pf;

	if (pf_open(&pf, doctor, folder, several)) {
		pf_check_milters(&pf);
		pf_check_actions(&pf);
		pf_check_filters(&pf);
		pf_check_tls(&pf);
		pf_check_certificates(&pf);
		pf_check_policy(&pf);
		pf_check_outgoing(&pf);
	}
	pf_close(&pf);
}

/* Whether something was said of who asks the milter, or of the policy service. */
static bool
said_who_asks(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (strncmp(doctor->points[i].id, "milter", 6) == 0 ||
		    strncmp(doctor->points[i].id, "policy-service", 14) == 0)
			return true;
	return false;
}

/* Of several instances one at least takes mail from outside, and asks. */
static void
say_none_asks(struct doctor *doctor)
{
	if (said_who_asks(doctor))
		return;
	doctor_say(doctor, DOCTOR_FAULT, "milter", "no instance of Postfix asks the daemon: mail "
	    "comes in unasked");
	doctor_fix(doctor, "add smtpd_milters to the main.cf of the instance that takes mail from "
	    "outside");
}

/* Those that were named. */
static void
look_at_named(struct doctor *doctor)
{
	char path[PF_PATH_MAX];

	for (size_t i = 0; i < doctor->postfix.count; i++) {
		const char *folder = doctor->postfix.list[i];

		(void)snprintf(path, sizeof(path), "%s/main.cf", folder);
		if (access(path, R_OK) == 0) {
			look_at_instance(doctor, folder, doctor->postfix.count > 1);
			continue;
		}
		doctor_say(doctor, DOCTOR_FAULT, "postfix", "%s cannot be read: %s", path,
		    strerror(errno));
		doctor_fix(doctor, "name the folder of its main.cf: --postfix DIR");
	}
}

static bool
ask_default(const char *name, char said[SAID_MAX])
{
	const char *const arguments[] = { "-xh", name, NULL };

	if (!settings_run_postconf(arguments, said, SAID_MAX))
		return false;
	said[strcspn(said, "\n")] = '\0';
	return true;
}

bool
doctor_postfix(struct doctor *doctor)
{
	static char folder[SAID_MAX], others[SAID_MAX];
	char other[PF_PATH_MAX];
	const char *rest = others;

	if (doctor->postfix.count > 0) {
		look_at_named(doctor);
		if (doctor->postfix.count > 1)
			say_none_asks(doctor);
		return true;
	}
	if (doctor->loaded.settings->mta == SETTINGS_MTA_SENDMAIL ||
	    !ask_default("config_directory", folder))
		return false;
	if (!ask_default("multi_instance_directories", others))
		others[0] = '\0';
	look_at_instance(doctor, folder, others[0] != '\0');
	while (pf_word(&rest, other, sizeof(other)))
		look_at_instance(doctor, other, true);
	say_none_asks(doctor);
	return true;
}
