/*
 * value.c - the values of settings: checked and stored.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "settings/schema.h"
#include "base/suggest.h"

/* Of a wrong value, so much is shown. */
#define SHOWN 60

/* As long as a header line bears it well. */
#define AUTHSERV_ID_MAX 128

static void *
slot(const struct setting *setting, struct settings *settings)
{
	return (char *)settings + setting->offset;
}

bool
setting_refuse(char error[SETTING_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, SETTING_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

bool
setting_no_memory(char error[SETTING_ERROR_MAX])
{
	error[0] = '\0';
	return false;
}

bool
setting_copy(char **place, const char *value, char error[SETTING_ERROR_MAX])
{
	char *copy = strdup(value);

	if (copy == NULL)
		return setting_no_memory(error);
	free(*place);
	*place = copy;
	return true;
}

static bool
refuse_value(const struct setting *setting, const char *value,
    char error[SETTING_ERROR_MAX])
{
	return setting_refuse(error, "%s cannot be \"%.*s\": expected %s",
	    setting->name, SHOWN, value, setting->values);
}

/* The number of "value" among the words, or -1. */
static int
find_word(const char *const *words, const char *value)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

static bool
refuse_word(const struct setting *setting, const char *value,
    char error[SETTING_ERROR_MAX])
{
	size_t count = 0;
	const char *meant;

	while (setting->words[count] != NULL)
		count++;
	meant = suggest_word(value, strlen(value), setting->words, count);
	if (meant == NULL)
		return refuse_value(setting, value, error);
	return setting_refuse(error,
	    "%s cannot be \"%.*s\": expected %s; did you mean \"%s\"?",
	    setting->name, SHOWN, value, setting->values, meant);
}

/* The number of "value" among the words, or -1 and refused. */
static int
take_number(const struct setting *setting, const char *value,
    char error[SETTING_ERROR_MAX])
{
	int word = find_word(setting->words, value);

	if (word < 0)
		(void)refuse_word(setting, value, error);
	return word;
}

bool
setting_take_word(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	int word = take_number(setting, value, error);

	if (word >= 0)
		*(unsigned *)slot(setting, settings) = (unsigned)word;
	return word >= 0;
}

bool
setting_take_flag(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	int word = take_number(setting, value, error);

	if (word >= 0)
		*(bool *)slot(setting, settings) = word == 1;
	return word >= 0;
}

bool
setting_take_octal(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	size_t digits = strspn(value, "01234567");
	unsigned long mode = strtoul(value, NULL, 8);

	if (digits == 0 || digits > 4 || value[digits] != '\0' || mode > 0777)
		return setting_refuse(error,
		    "%s cannot be \"%.*s\": expected octal permissions such as 0660",
		    setting->name, SHOWN, value);
	*(mode_t *)slot(setting, settings) = (mode_t)mode;
	return true;
}

/* Whether there is such a user or group is found out when it is needed. */
bool
setting_take_name(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	for (const char *c = value; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c) || strchr(":/,", *c) != NULL)
			return setting_refuse(error, "%s cannot be \"%.*s\": "
			    "that is not the name of a %s", setting->name, SHOWN, value,
			    setting->values);
	return setting_copy(slot(setting, settings), value, error);
}

bool
setting_take_file(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	return setting_copy(slot(setting, settings), value, error);
}

/* No path: the member becomes NULL. */
static bool
take_none(char **path)
{
	free(*path);
	*path = NULL;
	return true;
}

bool
setting_take_folder(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	char **path = slot(setting, settings);

	return strcmp(value, "none") == 0 ? take_none(path) :
	    setting_copy(path, value, error);
}

bool
setting_take_path(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	char **path = slot(setting, settings);

	if (strcmp(value, "none") == 0)
		return take_none(path);
	if (value[0] != '/')
		return setting_refuse(error,
		    "%s cannot be \"%.*s\": expected an absolute path",
		    setting->name, SHOWN, value);
	return setting_copy(path, value, error);
}

bool
setting_take_delimiter(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80 || !isgraph((unsigned char)*c) ||
		    *c == '@')
			return setting_refuse(error, "%s cannot be \"%.*s\": expected "
			    "characters such as + or -, together", setting->name, SHOWN,
			    value);
	return setting_copy(slot(setting, settings), value, error);
}

/* What a domain name has, and what other names of hosts and services have. */
static bool
is_authserv_id(const char *value)
{
	size_t length = strlen(value);

	return length <= AUTHSERV_ID_MAX && strspn(value, "0123456789-_./:@+*=&!#$%~[]"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == length &&
	    isalnum((unsigned char)value[0]) && value[length - 1] != '.';
}

bool
setting_take_authserv(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	char **id = slot(setting, settings);

	if (strcmp(value, "none") == 0) {
		free(*id);
		*id = NULL;
		return true;
	}
	if (!is_authserv_id(value))
		return setting_refuse(error, "%s cannot be \"%.*s\": expected none, or"
		    " a name such as mx.example.org, in ASCII and without blanks",
		    setting->name, SHOWN, value);
	return setting_copy(id, value, error);
}

static const struct {
	const char *name;
	int facility;
} facilities[] = {
	{ "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
	{ "daemon", LOG_DAEMON }, { "ftp", LOG_FTP }, { "lpr", LOG_LPR },
	{ "mail", LOG_MAIL }, { "news", LOG_NEWS }, { "syslog", LOG_SYSLOG },
	{ "user", LOG_USER }, { "uucp", LOG_UUCP }, { "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
};
#define FACILITIES (sizeof facilities / sizeof facilities[0])

static bool
take_facility(struct settings *settings, const char *name,
    char error[SETTING_ERROR_MAX])
{
	const char *names[FACILITIES], *meant;

	for (size_t i = 0; i < FACILITIES; i++) {
		if (strcmp(facilities[i].name, name) == 0) {
			settings->log = SETTINGS_LOG_SYSLOG;
			settings->syslog_facility = facilities[i].facility;
			return true;
		}
		names[i] = facilities[i].name;
	}
	meant = suggest_word(name, strlen(name), names, FACILITIES);
	if (meant == NULL)
		return setting_refuse(error, "there is no syslog facility \"%.*s\"",
		    SHOWN, name);
	return setting_refuse(error,
	    "there is no syslog facility \"%.*s\": did you mean \"%s\"?", SHOWN, name,
	    meant);
}

bool
setting_take_log(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX])
{
	if (strcmp(value, "syslog") == 0)
		return take_facility(settings, "mail", error);
	if (strncmp(value, "syslog:", 7) == 0)
		return take_facility(settings, value + 7, error);
	if (strcmp(value, "stderr") == 0) {
		settings->log = SETTINGS_LOG_STDERR;
		return true;
	}
	if (strncmp(value, "file:", 5) != 0)
		return refuse_value(setting, value, error);
	if (value[5] != '/')
		return setting_refuse(error,
		    "%s cannot be \"%.*s\": expected an absolute path after file:",
		    setting->name, SHOWN, value);
	settings->log = SETTINGS_LOG_FILE;
	return setting_copy(&settings->log_path, value + 5, error);
}
