/*
 * journal.c - the settings of the journal.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "settings/schema.h"
#include "base/diag.h"

/* Of a wrong value, so much is shown. */
#define SHOWN 60

#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define DAY_MS (24 * HOUR_MS)

/* Less is no journal. */
#define SIZE_MIN (INT64_C(1) << 20)
#define SIZE_MAX_BYTES (INT64_C(1) << 50)
#define PERIOD_MAX (INT64_C(1000) * 365 * DAY_MS)

struct unit {
	const char *name;		/* of several; "days" */
	const char *one;		/* of one, or a shorter form */
	int64_t worth;
};

static const struct unit periods[] = {
	{ "hours", "hour", HOUR_MS }, { "days", "day", DAY_MS },
	{ "weeks", "week", 7 * DAY_MS }, { "years", "year", 365 * DAY_MS },
	{ NULL, NULL, 0 },
};

/* Powers of two, as SQLite and most tools count. */
static const struct unit sizes[] = {
	{ "KB", "K", INT64_C(1) << 10 }, { "MB", "M", INT64_C(1) << 20 },
	{ "GB", "G", INT64_C(1) << 30 }, { "TB", "T", INT64_C(1) << 40 },
	{ NULL, NULL, 0 },
};

bool
setting_take_journal(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	char **path = (char **)(void *)((char *)settings + setting->offset);

	if (strcmp(value, "none") == 0) {
		free(*path);
		*path = NULL;
		return true;
	}
	if (strncmp(value, "postgresql:", 11) == 0)
		return setting_refuse(error,
		    "a journal in PostgreSQL is not built yet: use sqlite:/path");
	if (strncmp(value, "sqlite:", 7) != 0)
		return setting_refuse(error, "%s cannot be \"%.*s\": expected %s",
		    setting->name, SHOWN, value, setting->values);
	if (value[7] != '/' || value[strlen(value) - 1] == '/')
		return setting_refuse(error,
		    "%s cannot be \"%.*s\": expected an absolute path after sqlite:",
		    setting->name, SHOWN, value);
	return setting_copy(path, value + 7, error);
}

/* The unit that "text" names, or NULL. */
static const struct unit *
find_unit(const struct unit *units, const char *text)
{
	for (; units->name != NULL; units++)
		if (strcasecmp(units->name, text) == 0 ||
		    strcasecmp(units->one, text) == 0)
			return units;
	return NULL;
}

/* A number and a unit, with or without a blank between them; -1: it is none. */
static int64_t
read_amount(const struct unit *units, const char *value, int64_t max)
{
	const struct unit *unit;
	char *end;
	intmax_t number;

	if (!isdigit((unsigned char)value[0]))
		return -1;
	errno = 0;
	number = strtoimax(value, &end, 10);
	while (*end == ' ' || *end == '\t')
		end++;
	unit = find_unit(units, end);
	if (errno != 0 || unit == NULL || number < 1 || number > max / unit->worth)
		return -1;
	return number * unit->worth;
}

static bool
take_amount(const struct setting *setting, struct settings *settings,
    const char *value, int64_t amount, char error[SETTING_ERROR_MAX])
{
	if (amount < 0)
		return setting_refuse(error, "%s cannot be \"%.*s\": expected %s",
		    setting->name, SHOWN, value, setting->values);
	*(int64_t *)(void *)((char *)settings + setting->offset) = amount;
	return true;
}

bool
setting_take_period(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	int64_t amount = strcmp(value, "forever") == 0 ? 0 :
	    read_amount(periods, value, PERIOD_MAX);

	return take_amount(setting, settings, value, amount, error);
}

bool
setting_take_size(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	int64_t amount = strcmp(value, "none") == 0 ? 0 :
	    read_amount(sizes, value, SIZE_MAX_BYTES);

	if (amount > 0 && amount < SIZE_MIN)
		return setting_refuse(error, "%s cannot be less than 1 MB", setting->name);
	return take_amount(setting, settings, value, amount, error);
}

void
settings_check_journal(const struct settings *settings, const char *path,
    bool as_daemon, struct diags *diags)
{
	enum journal_look look;

	if (settings->journal == NULL)
		return;
	look = journal_store_look(settings->journal);
	if (look == JOURNAL_NEWER || look == JOURNAL_FOREIGN)
		diags_add(diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0,
		    "the journal %s cannot be used: %s; it is left as it is",
		    settings->journal, journal_look_text(look));
	/* The default one's folder is made by root, or by systemd. */
	else if (!as_daemon)
		return;
	else if (look == JOURNAL_UNUSABLE || (look == JOURNAL_NO_FOLDER &&
	    !settings->journal_is_default))
		diags_add(diags, SEVERITY_WARNING, NULL, path, 0, 0, NULL, 0,
		    "the journal %s: %s (%s): decisions would be in the log alone",
		    settings->journal, journal_look_text(look), strerror(errno));
}
