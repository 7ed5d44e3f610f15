/*
 * load.c - the policy and the settings that a command works with.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <time.h>

#include "tool/tool.h"
#include "base/date.h"
#include "base/diag.h"

int64_t
tool_now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
tool_now(void)
{
	return tool_now_ms() / 1000;
}

bool
tool_date(const char *text, int64_t *when)
{
	if (date_read_day(text, when))
		return true;
	(void)tool_trouble("\"%s\" is not a date of the form YYYY-MM-DD", text);
	return false;
}

static int
load_settings(const char *config, struct loaded *loaded)
{
	loaded->settings_path = config;
	switch (settings_load(config, &loaded->settings, loaded->diags)) {
	case SETTINGS_LOADED:
		return STATUS_FINE;
	case SETTINGS_INVALID:
		return STATUS_NO;
	case SETTINGS_UNREADABLE:
		return STATUS_TROUBLE;
	case SETTINGS_NO_MEMORY:
		break;
	}
	return tool_trouble("not enough memory");
}

/* The certificates of partners, where there are some. */
static int
load_certificates(int64_t now, struct loaded *loaded)
{
	const char *folder = loaded->settings->partner_certificates;

	if (folder != NULL && policy_load_certificates(loaded->policy, folder, now,
	    loaded->diags) == POLICY_NO_MEMORY)
		return tool_trouble("not enough memory");
	return STATUS_FINE;
}

static int
load_policy(int64_t now, struct loaded *loaded)
{
	switch (policy_load(loaded->path, now, &loaded->policy, loaded->diags)) {
	case POLICY_LOADED:
		break;
	case POLICY_INVALID:
		return STATUS_NO;
	case POLICY_UNREADABLE:
		return STATUS_TROUBLE;
	case POLICY_NO_MEMORY:
		return tool_trouble("not enough memory");
	}
	if (load_certificates(now, loaded) != STATUS_FINE)
		return STATUS_TROUBLE;
	if (loaded->settings_path != NULL)
		settings_check_policy(loaded->settings, loaded->settings_path,
		    loaded->policy, loaded->diags);
	return diags_errors(loaded->diags) == 0 ? STATUS_FINE : STATUS_NO;
}

int
tool_load(const char *policy, const char *config, int64_t now, struct loaded *loaded)
{
	int status;

	*loaded = (struct loaded){ .path = policy };
	loaded->diags = diags_new();
	if (loaded->diags == NULL)
		return tool_trouble("not enough memory");
	if (config == NULL && policy == NULL)
		config = settings_default_path();
	status = load_settings(config, loaded);
	if (status != STATUS_FINE)
		return status;
	if (policy == NULL)
		loaded->path = loaded->settings->policy;
	return load_policy(now, loaded);
}

int
tool_load_usable(const char *policy, const char *config, int64_t now,
    struct loaded *loaded)
{
	if (tool_load(policy, config, now, loaded) == STATUS_FINE)
		return STATUS_FINE;
	if (loaded->diags != NULL)
		diags_print(loaded->diags, stderr);
	return STATUS_TROUBLE;
}

void
tool_unload(struct loaded *loaded)
{
	policy_free(&loaded->policy);
	settings_free(&loaded->settings);
	diags_free(&loaded->diags);
}
