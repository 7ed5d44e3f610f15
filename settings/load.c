/*
 * load.c - settings from their file to their use.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings/table.h"
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
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (settings_table[i].is_string)
			free(*(char **)(void *)((char *)old + settings_table[i].offset));
	for (size_t i = 0; i < old->listen.count; i++)
		free(old->listen.address[i]);
	free(old->log_path);
	free(old->tls_policy_next_map);
	free(old);
	*settings = NULL;
}

static struct settings *
new_defaults(void)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	for (size_t i = 0; i < SETTING_COUNT && settings != NULL; i++) {
		struct setting_value value = {
			.setting = &settings_table[i], .settings = settings,
			.text = settings_table[i].fallback
		};

		if (value.text != NULL && !setting_give(&value))
			settings_free(&settings);
	}
	return settings;
}

/* An error of the file as a whole. */
static enum settings_load_result
settings_unusable(struct diags *diags, const char *path, const char *before,
    const char *why, enum settings_load_result result)
{
	diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0, "%s%s", before, why);
	return result;
}

static enum settings_load_result
settings_read(const char *path, struct file *text, struct diags *diags)
{
	switch (file_read(path, FILE_MAX_SIZE, false, text)) {
	case FILE_READ:
		return SETTINGS_LOADED;
	case FILE_NO_MEMORY:
		return SETTINGS_NO_MEMORY;
	case FILE_LARGE:
		return settings_unusable(diags, path, "larger than 1 MiB: ",
		    "not a settings file", SETTINGS_INVALID);
	case FILE_IRREGULAR:
	case FILE_UNREADABLE:
		break;
	}
	return settings_unusable(diags, path, "cannot be read: ", file_why(errno),
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
		result = settings_read(path, &text, diags);
		if (result != SETTINGS_LOADED)
			goto fail;
		result = SETTINGS_NO_MEMORY;
		if (!settings_parse(path, text.text, text.length, loaded, diags))
			goto fail;
	}
	if (!resolve_paths(loaded, path != NULL ? path : DEFAULT_PATH))
		goto fail;
	if (path != NULL)
		conninfo_check_readers(loaded, path, diags);
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

/* In the order of enum settings_hold. */
static const enum policy_action quarantines[] = {
	POLICY_ACCEPT, POLICY_TEMPFAIL, POLICY_REJECT
};

/* In the order of enum settings_digest. */
static const char *const digests[] = { NULL, "sha256", "sha1" };

struct policy_options
settings_policy_options(const struct settings *settings, int64_t now)
{
	struct policy_options options = {
		.now = now,
		.recipient_delimiter = settings->recipient_delimiter[0] == '\0' ?
		    NULL : settings->recipient_delimiter,
		.monitor = settings->mode_monitor,
		.soft_bounce = settings->soft_bounce,
		.quarantine_as = quarantines[settings->quarantine_as],
		.reply_suffix = settings->reply_suffix,
		.postfix = settings->postfix
	};

	if (settings->postfix_version != 0)
		options.postfix.version = settings->postfix_version;
	if (settings->postfix_tls_digest != SETTINGS_DIGEST_AUTO)
		options.postfix.digest = digests[settings->postfix_tls_digest];
	return options;
}

bool
settings_user_is_default(const struct settings *settings)
{
	return strcmp(settings->user, settings_table[SETTING_user].fallback) == 0;
}
