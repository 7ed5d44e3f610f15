/*
 * changes.c - settings that are others on disk than those that the daemon runs with.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "settings/table.h"
#include "base/diag.h"

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The order is of no use to anybody. */
static bool
is_same_listen(const struct settings_listen *a, const struct settings_listen *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			same += strcmp(a->address[i], b->address[j]) == 0;
	return a->count == b->count && same == a->count;
}

/* What a row does not tell of its setting, which has more than one member. */
static bool
is_rest_same(const struct setting *setting, const struct settings *a,
    const struct settings *b)
{
	if (setting->take == setting_take_log)
		return a->syslog_facility == b->syslog_facility &&
		    is_same_text(a->log_path, b->log_path);
	if (setting->take == setting_take_next)
		return is_same_text(a->tls_policy_next_map, b->tls_policy_next_map);
	return true;
}

static bool
is_same_setting(const struct setting *setting, const struct settings *a,
    const struct settings *b)
{
	const void *one = (const char *)a + setting->offset;
	const void *other = (const char *)b + setting->offset;
	char *const *text = one, *const *other_text = other;

	if (setting->take == setting_take_listen)
		return is_same_listen(one, other);
	if (setting->is_string)
		return is_same_text(*text, *other_text) && is_rest_same(setting, a, b);
	return memcmp(one, other, setting->size) == 0 && is_rest_same(setting, a, b);
}

static void
add_changes(const struct settings *running, const struct settings *there,
    const char *path, struct diags *diags)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting_place at = there->set_at[i];

		if (!is_same_setting(&settings_table[i], running, there))
			diags_add(diags, SEVERITY_WARNING, "settings-changed", path, at.line,
			    at.column, NULL, 0, "%s has changed since the start%s: restart tlsward for it",
			    settings_table[i].name, at.line > 0 ? "" : " (no line sets it now)");
	}
}

void
settings_changes(const struct settings *running, const char *path, struct diags *diags)
{
	struct settings *there = NULL;
	enum settings_load_result result;

	/* Root may have read what the daemon's user may not. */
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0 && errno == EACCES) {
		diags_add(diags, SEVERITY_INFO, NULL, path, 0, 0, NULL, 0, "cannot be read by "
		    "the daemon: whether settings have changed since the start cannot be told");
		return;
	}
	result = settings_load(path, &there, diags);
	if (result == SETTINGS_LOADED)
		add_changes(running, there, path, diags);
	else if (result != SETTINGS_NO_MEMORY)
		diags_add(diags, SEVERITY_WARNING, "settings-changed", path, 0, 0, NULL, 0,
		    "the daemon goes on with the settings of its start, and cannot be started "
		    "with these");
	settings_free(&there);
}
