/*
 * load.c - settings from their file to their use.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/schema.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/file.h"

#define DEFAULT_PATH TLSWARD_SYSCONFDIR "/tlsward/tlsward.conf"

/* A settings file that is larger is something else. */
#define FILE_MAX_SIZE (1024u * 1024u)

const char *
settings_default_path(void)
{
	return DEFAULT_PATH;
}

void
settings_free(struct settings **settings)
{
	struct settings *old = *settings;

	if (old == NULL)
		return;
	free(old->listen);
	free(old->listen_path);
	free(old->socket_group);
	free(old->policy_service);
	free(old->policy_service_path);
	free(old->policy);
	free(old->partner_certificates);
	free(old->user);
	free(old->group);
	free(old->recipient_delimiter);
	free(old->log_path);
	free(old->authentication_results);
	free(old->pid_file);
	free(old->metrics);
	free(old->journal);
	free(old);
	*settings = NULL;
}

static struct settings *
new_defaults(void)
{
	struct settings *settings = calloc(1, sizeof *settings);
	char error[SETTING_ERROR_MAX];

	if (settings == NULL)
		return NULL;
	for (size_t i = 0; i < settings_schema_count; i++) {
		const struct setting *setting = &settings_schema[i];

		if (setting->fallback != NULL && !setting->take(setting, settings,
		    setting->fallback, error)) {
			settings_free(&settings);
			return NULL;
		}
	}
	return settings;
}

/* An error of the file as a whole. */
static enum settings_load_result
refuse(struct diags *diags, const char *path, const char *before, const char *why,
    enum settings_load_result result)
{
	diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0, "%s%s", before, why);
	return result;
}

static enum settings_load_result
read_settings(const char *path, struct file *text, struct diags *diags)
{
	switch (file_read(path, FILE_MAX_SIZE, false, text)) {
	case FILE_READ:
		return SETTINGS_LOADED;
	case FILE_NO_MEMORY:
		return SETTINGS_NO_MEMORY;
	case FILE_LARGE:
		return refuse(diags, path, "larger than 1 MiB: not a settings file", "",
		    SETTINGS_INVALID);
	case FILE_IRREGULAR:
	case FILE_UNREADABLE:
		break;
	}
	return refuse(diags, path, "cannot be read: ", strerror(errno),
	    SETTINGS_UNREADABLE);
}

/* What is relative stands beside the settings file "path". */
static bool
resolve(char **name, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buffer whole = BUFFER_INIT;

	if (*name == NULL || (*name)[0] == '/' || slash == NULL)
		return true;
	buffer_add(&whole, path, (size_t)(slash - path) + 1);
	buffer_string(&whole, *name);
	if (whole.failed) {
		buffer_free(&whole);
		return false;
	}
	free(*name);
	*name = whole.text;
	return true;
}

static bool
resolve_paths(struct settings *settings, const char *path)
{
	return resolve(&settings->policy, path) &&
	    resolve(&settings->partner_certificates, path);
}

enum settings_load_result
settings_load(const char *path, struct settings **settings,
    struct diags *diags)
{
	size_t errors = diags_errors(diags);
	struct settings *loaded = new_defaults();
	struct file text = { 0 };
	enum settings_load_result result = SETTINGS_NO_MEMORY;

	*settings = NULL;
	if (loaded == NULL)
		goto fail;
	if (path != NULL) {
		result = read_settings(path, &text, diags);
		if (result != SETTINGS_LOADED)
			goto fail;
		result = SETTINGS_NO_MEMORY;
		if (!settings_parse(path, text.text, text.length, loaded, diags))
			goto fail;
	}
	loaded->journal_is_default = loaded->journal != NULL && strcmp(loaded->journal,
	    strchr(setting_find("journal")->fallback, '/')) == 0;
	if (!resolve_paths(loaded, path != NULL ? path : DEFAULT_PATH))
		goto fail;
	result = SETTINGS_INVALID;
	if (diags_errors(diags) > errors)
		goto fail;
	free(text.text);
	*settings = loaded;
	return SETTINGS_LOADED;
fail:
	free(text.text);
	settings_free(&loaded);
	return result;
}

static void
warn(const char *path, struct diags *diags, const char *message)
{
	diags_add(diags, SEVERITY_WARNING, NULL, path, 0, 0, NULL, 0, "%s", message);
}

/* Requirements on facts that nobody supplies are never met. */
static void
check_sources(const struct settings *settings, const char *path,
    const struct policy_summary *summary, struct diags *diags)
{
	if (summary->needs_known && settings->partner_certificates == NULL)
		warn(path, diags, "the policy requires something of a certificate's key, "
		    "signature or validity, which no MTA reports: without "
		    "partner-certificates it is never met");
	if ((!summary->needs_fingerprint && !summary->needs_known) ||
	    settings->policy_service != NULL)
		return;
	if (settings->mta == SETTINGS_MTA_POSTFIX)
		warn(path, diags, "the policy needs the certificates' fingerprints, and "
		    "Postfix reports them to a policy service alone, which is not set: "
		    "no pin is ever met");
	else if (settings->mta == SETTINGS_MTA_AUTO)
		warn(path, diags, "the policy needs the certificates' fingerprints: "
		    "Postfix reports them to a policy service alone, which is not set; "
		    "if the MTA is Sendmail, set \"mta sendmail\"");
}

/* Where metrics can be fetched: not where something else answers. */
static void
check_metrics(const struct settings *settings, const char *path,
    struct diags *diags)
{
	const char *metrics = settings->metrics;
	unsigned line = settings->metrics_line, column = line == 0 ? 0 : 1;

	if (metrics == NULL)
		return;
	if (strcmp(metrics, settings->listen) == 0)
		diags_add(diags, SEVERITY_ERROR, NULL, path, line, column, NULL, 0,
		    "listen and metrics are the same address");
	if (settings->policy_service != NULL &&
	    strcmp(metrics, settings->policy_service) == 0)
		diags_add(diags, SEVERITY_ERROR, NULL, path, line, column, NULL, 0,
		    "policy-service and metrics are the same address");
	if (!settings_is_loopback(metrics))
		diags_add(diags, SEVERITY_WARNING, NULL, path, line, column, NULL, 0,
		    "metrics are not kept to this host: whoever reaches that address can "
		    "read them");
}

void
settings_check_policy(const struct settings *settings, const char *path,
    const struct policy *policy, struct diags *diags)
{
	struct policy_summary summary;

	policy_summarize(policy, &summary);
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL && summary.has_to_exempt)
		diags_add(diags, SEVERITY_ERROR, NULL, path, settings->reply_at_line,
		    settings->reply_at_line == 0 ? 0 : 1, NULL, 0,
		    "reply-at mail cannot go with a \"to\" rule that exempts: "
		    "recipients are not known yet when MAIL is answered");
	if (settings->reply_at == SETTINGS_REPLY_AT_MAIL &&
	    settings->policy_service != NULL)
		diags_add(diags, SEVERITY_ERROR, NULL, path, settings->reply_at_line,
		    settings->reply_at_line == 0 ? 0 : 1, NULL, 0,
		    "reply-at mail cannot go with a policy-service: what Postfix tells "
		    "it is not known yet when MAIL is answered");
	if (settings->policy_service != NULL &&
	    strcmp(settings->policy_service, settings->listen) == 0)
		diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0,
		    "listen and policy-service are the same address");
	check_metrics(settings, path, diags);
	check_sources(settings, path, &summary, diags);
}

struct policy_options
settings_policy_options(const struct settings *settings, int64_t now)
{
	struct policy_options options = {
		.now = now,
		.recipient_delimiter = settings->recipient_delimiter[0] == '\0' ?
		    NULL : settings->recipient_delimiter,
		.monitor = settings->mode_monitor,
		.soft_bounce = settings->soft_bounce,
	};

	return options;
}

bool
settings_user_is_default(const struct settings *settings)
{
	return strcmp(settings->user, setting_find("user")->fallback) == 0;
}
