/*
 * doctor.c - tlsward doctor: whether mail is held to the policy, and what keeps it from
 * that.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor.h"

#include <getopt.h>
#include <stdio.h>

#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

/* The settings and the policy. False where without settings there is nothing to look by. */
static bool
look_at_policy(struct doctor *doctor)
{
	struct loaded *loaded = &doctor->loaded;
	size_t errors;

	(void)tool_load(NULL, doctor->config, doctor->now, loaded);
	errors = loaded->diags != NULL ? diags_errors(loaded->diags) : 0;
	if (loaded->settings == NULL) {
		if (loaded->diags != NULL)
			diags_print(loaded->diags, false, stderr);
		return false;
	}
	if (loaded->policy != NULL)
		policy_summarize(loaded->policy, &doctor->summary);
	if (errors > 0 || loaded->policy == NULL) {
		doctor_say(doctor, DOCTOR_FAULT, "policy", "%s has %zu error%s: the daemon does "
		    "not start with it, and keeps the policy that it had", loaded->path, errors,
		    errors == 1 ? "" : "s");
		doctor_fix(doctor, "tlsward check -c %s says what to write instead",
		    loaded->settings_path);
	} else {
		doctor_say(doctor, DOCTOR_OK, "policy", "%s has %zu rule%s and no error",
		    loaded->path, doctor->summary.rules, doctor->summary.rules == 1 ? "" : "s");
	}
	return true;
}

static int
doctor_look(struct doctor *doctor)
{
	bool postfix, sendmail;
	int status;

	doctor->now = tool_now_ms() / 1000;
	if (!look_at_policy(doctor))
		return tool_trouble("without settings there is nothing to look by");
	postfix = (doctor->sendmail == NULL || doctor->postfix.count > 0) &&
	    doctor_postfix(doctor);
	sendmail = (doctor->postfix.count == 0 || doctor->sendmail != NULL) &&
	    doctor_sendmail(doctor);
	doctor->saw_postfix = postfix;
	doctor->saw_sendmail = sendmail;
	if (!postfix && !sendmail) {
		doctor_say(doctor, DOCTOR_WARNING, "mta", "there is no mail server here to look "
		    "at: neither postconf(1) nor Sendmail's sendmail.cf");
		doctor_fix(doctor, "run tlsward doctor where the mail server is");
	}
	doctor_daemon(doctor);
	doctor_session(doctor);
	if (doctor->failed)
		return tool_trouble("not enough memory");
	status = doctor_write(doctor);
	return status == STATUS_FINE && doctor_count(doctor, DOCTOR_FAULT) > 0 ?
	    STATUS_NO : status;
}

static int
run_doctor(const struct command *command, int argc, char **argv)
{
	static struct doctor doctor;
	int status = tool_options(command, argc, argv, &doctor);

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "--postfix");
	status = doctor_look(&doctor);
	doctor_free_points(&doctor);
	tool_unload(&doctor.loaded);
	return status;
}

static const struct tool_option doctor_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct doctor, config),
	OPTION("json", 0, OPTION_FLAG, struct doctor, json),
	OPTION("postfix", 0, OPTION_FILES, struct doctor, postfix),
	OPTION("sendmail", 0, OPTION_TEXT, struct doctor, sendmail),
	OPTION_END
};

const struct command command_doctor = {
	.name = "doctor",
	.run = run_doctor,
	.options = doctor_options,
	.arguments = "[--json] [-c FILE] [--postfix DIR] [--sendmail FILE]",
	.about = "find what keeps mail from being held to the policy",
	.help =
	    "  -c FILE, --config FILE  the settings; else the default settings file\n"
	    "  --postfix DIR           look at the Postfix whose main.cf is in that folder,\n"
	    "                          and not at the one that postconf finds and all its\n"
	    "                          instances; may be given again\n"
	    "  --sendmail FILE         look at the Sendmail of that sendmail.cf; without it, at\n"
	    "                          that of /etc/mail/sendmail.cf, where it is installed\n"
	    "  --json                  write the points as JSON, one object a line\n\n"
	    "Looks at the mail server's configuration and at the daemon, and says one point a\n"
	    "line: ok, warning or fault, with the line to change. Run it as root: others see\n"
	    "less. The status is 1 when there is a fault, and 2 when nothing could be looked\n"
	    "at.\n",
	.examples =
	    "  tlsward doctor\n"
	    "  tlsward doctor --postfix /etc/postfix-out\n",
};
