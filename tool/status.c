/*
 * status.c - tlsward status: whether the daemon serves, and what needs somebody.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/status.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/control.h"
#include "tool/screen.h"
#include "tool/tool.h"
#include "tool/tree.h"
#include "base/buffer.h"

struct status_run {
	const char *config;
	bool json;
};

/* Asks; again where a worker ended meanwhile, for a new one answers. NULL: it was said why. */
static json_t *
ask_status(const struct settings *settings)
{
	char why[CONTROL_WHY_MAX];
	json_t *status;
	enum control_result result = control_ask(settings, "status", CONTROL_STATUS_MS,
	    &status, why);

	if (result == CONTROL_GONE) {
		(void)tool_trouble("%s; asking again", why);
		result = control_ask(settings, "status", CONTROL_STATUS_MS, &status, why);
	}
	if (result != CONTROL_ANSWERED)
		(void)tool_trouble("%s", why);
	return status;
}

/* ------------------------------------------------------------------ *
 * A policy on disk that is another one
 * ------------------------------------------------------------------ */

/* What a reload would find, as the daemon's user reads it; 0 where that cannot be told. */
static size_t
count_errors(const struct settings *settings, const char *path, struct buffer *first)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	struct identity identity;
	char error[IDENTITY_ERROR_MAX];
	const struct diag *diag = NULL;
	size_t errors = 0;

	if (diags != NULL && identity_resolve(settings, &identity, error) &&
	    !identity.other && identity_assume(&identity, error)) {
		if (policy_load_taped(settings->policy, settings->partner_certificates, NULL,
		    &policy, diags) == POLICY_LOADED)
			settings_check_policy(settings, path, policy, diags);
		(void)identity_resume(&identity, error);
		errors = diags_errors(diags);
	}
	for (size_t i = 0; errors > 0 && (diag = diags_at(diags, i)) != NULL; i++)
		if (diag->severity == SEVERITY_ERROR)
			break;
	if (diag != NULL && diag->line > 0)
		buffer_format(first, "%s:%u:%u: %s", diag->file, diag->line, diag->column,
		    diag->message);
	else if (diag != NULL)
		buffer_format(first, "%s: %s", diag->file, diag->message);
	policy_free(&policy);
	diags_free(&diags);
	return errors;
}

/* The trouble of that id becomes another; one that is the same thing goes. */
static void
restate_trouble(json_t *status, const char *text)
{
	json_t *trouble = json_object_get(status, "trouble");
	size_t i = 0;

	while (i < json_array_size(trouble)) {
		json_t *each = json_array_get(trouble, i);
		const char *id = json_string_value(json_object_get(each, "id"));

		if (id != NULL && strcmp(id, "reload-failed") == 0) {
			(void)json_array_remove(trouble, i);
			continue;
		}
		if (id != NULL && strcmp(id, "policy-changed") == 0) {
			(void)json_object_set_new(each, "id", json_string("policy-broken"));
			(void)json_object_set_new(each, "text", tree_string(text));
			(void)json_object_set_new(each, "fix",
			    json_string("mend it (tlsward check), then tlsward reload"));
		}
		i++;
	}
}

/* The daemon compares what is on disk, and does not judge it. */
static void
look_at_other(json_t *status, const struct settings *settings, const char *config)
{
	const char *disk = json_string_value(tree_at(status, "policy.on_disk"));
	struct buffer first = BUFFER_INIT, text = BUFFER_INIT;
	size_t errors;

	if (disk == NULL || strcmp(disk, "other") != 0)
		return;
	errors = count_errors(settings, config, &first);
	buffer_format(&text, "the policy on disk is not the one in force, and has %zu error%s"
	    ", so that a reload would not take it; %s", errors, errors == 1 ? "" : "s",
	    first.text != NULL ? first.text : "");
	if (errors > 0 && !text.failed && !first.failed) {
		restate_trouble(status, text.text);
		(void)json_object_set_new(json_object_get(status, "policy"), "on_disk",
		    json_string("broken"));
	}
	buffer_free(&first);
	buffer_free(&text);
}

/* ------------------------------------------------------------------ *
 * The command
 * ------------------------------------------------------------------ */

/* Takes the status. Returns whether all of it could be written. */
static bool
write_status(json_t *status, bool json)
{
	struct buffer text = BUFFER_INIT, folded = BUFFER_INIT;
	struct screen screen;
	bool written;

	screen_open(&screen);
	if (json) {
		tree_write(json_incref(status), false, &folded);
		buffer_string(&folded, "\n");
	} else {
		status_text(status, &text);
		if (screen.width > 0)
			screen_fold(&text, screen.width, false, &folded);
		else
			buffer_add(&folded, text.text, text.length);
	}
	written = !text.failed && !folded.failed;
	if (!written)
		(void)tool_no_memory();
	else
		written = screen_write(&folded) != SCREEN_FAILED;
	buffer_free(&text);
	buffer_free(&folded);
	return written;
}

static int
tell_status(const struct status_run *run, const struct settings *settings, bool broken)
{
	json_t *status = ask_status(settings);
	int answer = STATUS_TROUBLE;

	if (status == NULL)
		return STATUS_TROUBLE;
	if (!broken)
		look_at_other(status, settings,
		    run->config != NULL ? run->config : settings_default_path());
	if (write_status(status, run->json))
		answer = json_is_true(json_object_get(status, "serving")) && !broken &&
		    json_array_size(json_object_get(status, "trouble")) == 0 ?
		    STATUS_FINE : STATUS_NO;
	json_decref(status);
	return answer;
}

static int
run_status(const struct command *command, int argc, char **argv)
{
	struct status_run run = { NULL, false };
	int status = tool_options(command, argc, argv, &run);
	struct settings *settings;
	bool broken;

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "-c");
	settings = control_settings(run.config, &broken);
	status = settings == NULL ? STATUS_TROUBLE : tell_status(&run, settings, broken);
	settings_free(&settings);
	return status;
}

static const struct tool_option status_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct status_run, config),
	OPTION("json", 0, OPTION_FLAG, struct status_run, json),
	OPTION_END
};

const struct command command_status = {
	.name = "status",
	.run = run_status,
	.options = status_options,
	.arguments = "[--json] [-c FILE]",
	.about = "whether the daemon serves, and what of it needs somebody",
	.help =
	    "  -c FILE, --config FILE  the daemon with these settings\n"
	    "  --json                  write what it answers as JSON\n\n"
	    "The status is 0 where it serves and nothing needs somebody, 1 where it does\n"
	    "not serve or something does, and 2 where it cannot be asked: no daemon runs,\n"
	    "or this user may not ask it.\n",
	.examples =
	    "  tlsward status\n"
	    "  tlsward status --json | jq .decisions\n",
};
