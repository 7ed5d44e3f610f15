/*
 * value.c - the values of settings: checked and stored.
 *
 * SPDX-License-Identifier: ISC
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "settings/table.h"
#include "base/suggest.h"

/* As long as a header line bears it well. */
#define AUTHSERV_ID_MAX 128

#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define DAY_MS (24 * HOUR_MS)
#define PERIOD_MAX (INT64_C(1000) * 365 * DAY_MS)

/* Less is no journal. */
#define SIZE_LEAST (INT64_C(1) << 20)
#define SIZE_MOST (INT64_C(1) << 50)

bool
setting_refuse(struct setting_value *value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(value->error, sizeof(value->error), format, args);
	va_end(args);
	return false;
}

bool
setting_expect(struct setting_value *value, const char *what)
{
	return setting_refuse(value, "%s cannot be \"%.*s\": expected %s",
	    value->setting->name, SETTING_SHOWN, value->text, what);
}

bool
setting_copy(struct setting_value *value, char **place, const char *text)
{
	char *copy = strdup(text);

	value->error[0] = '\0';
	if (copy == NULL)
		return false;
	free(*place);
	*place = copy;
	return true;
}

bool
setting_give(struct setting_value *value)
{
	const struct setting *setting = value->setting;

	value->member = (char *)value->settings + setting->offset;
	if (setting->is_string && strcmp(value->text, "none") == 0 &&
	    strstr(setting->values, "none") != NULL) {
		char **string = value->member;

		free(*string);
		*string = NULL;
		return true;
	}
	return setting->take(value);
}

bool
setting_take_text(struct setting_value *value)
{
	return setting_copy(value, value->member, value->text);
}

/* ------------------------------------------------------------------ *
 * Words and numbers
 * ------------------------------------------------------------------ */

#define WORDS_MAX 8

/* The number of the value among the setting's words, or -1 and refused. */
static int
take_number(struct setting_value *value)
{
	const char *words[WORDS_MAX], *meant;
	char text[96], *next = text;
	size_t count = 0;

	(void)snprintf(text, sizeof(text), "%s", value->setting->values);
	for (char *word; (word = strsep(&next, " |")) != NULL && count < WORDS_MAX; ) {
		if (word[0] == '\0')
			continue;
		if (strcmp(word, value->text) == 0)
			return (int)count;
		words[count++] = word;
	}
	meant = suggest_word(value->text, strlen(value->text), words, count);
	if (meant == NULL)
		(void)setting_expect(value, value->setting->values);
	else
		(void)setting_refuse(value,
		    "%s cannot be \"%.*s\": expected %s; did you mean \"%s\"?",
		    value->setting->name, SETTING_SHOWN, value->text,
		    value->setting->values, meant);
	return -1;
}

bool
setting_take_word(struct setting_value *value)
{
	int word = take_number(value);

	if (word >= 0)
		*(unsigned *)value->member = (unsigned)word;
	return word >= 0;
}

bool
setting_take_second(struct setting_value *value)
{
	int word = take_number(value);

	if (word >= 0)
		*(bool *)value->member = word == 1;
	return word >= 0;
}

bool
setting_take_yes(struct setting_value *value)
{
	int word = take_number(value);

	if (word >= 0)
		*(bool *)value->member = word == 0;
	return word >= 0;
}

bool
setting_take_octal(struct setting_value *value)
{
	size_t digits = strspn(value->text, "01234567");
	unsigned long mode = strtoul(value->text, NULL, 8);

	if (digits == 0 || digits > 4 || value->text[digits] != '\0' || mode > 0777)
		return setting_expect(value, "octal permissions such as 0660");
	*(mode_t *)value->member = (mode_t)mode;
	return true;
}

/* Names of a unit: of several, and of one or shorter. */
struct unit {
	const char *name;
	const char *one;
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

/*
 * Stores a number and a unit, with or without a blank between them, or 0 for the word
 * that means no limit.
 */
static bool
take_amount(struct setting_value *value, const struct unit *unit, const char *no_limit,
    int64_t most)
{
	int64_t *amount = value->member;
	intmax_t number;
	char *end;

	*amount = 0;
	if (strcmp(value->text, no_limit) == 0)
		return true;
	errno = 0;
	number = strtoimax(value->text, &end, 10);
	end += strspn(end, " \t");
	while (unit->name != NULL && strcasecmp(unit->name, end) != 0 &&
	    strcasecmp(unit->one, end) != 0)
		unit++;
	if (!isdigit((unsigned char)value->text[0]) || errno != 0 || unit->name == NULL ||
	    number < 1 || number > most / unit->worth)
		return setting_expect(value, value->setting->values);
	*amount = number * unit->worth;
	return true;
}

bool
setting_take_period(struct setting_value *value)
{
	return take_amount(value, periods, "forever", PERIOD_MAX);
}

bool
setting_take_size(struct setting_value *value)
{
	const int64_t *size = value->member;

	if (!take_amount(value, sizes, "none", SIZE_MOST))
		return false;
	if (*size > 0 && *size < SIZE_LEAST)
		return setting_refuse(value, "%s cannot be less than 1 MB",
		    value->setting->name);
	return true;
}

/* ------------------------------------------------------------------ *
 * Text of a certain form
 * ------------------------------------------------------------------ */

/* Whether there is such a user or group is found out when it is needed. */
bool
setting_take_name(struct setting_value *value)
{
	for (const char *c = value->text; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c) || strchr(":/,", *c) != NULL)
			return setting_refuse(value, "%s cannot be \"%.*s\": "
			    "that is not the name of a %s", value->setting->name,
			    SETTING_SHOWN, value->text, value->setting->values);
	return setting_take_text(value);
}

bool
setting_take_path(struct setting_value *value)
{
	if (value->text[0] != '/')
		return setting_expect(value, "an absolute path");
	return setting_take_text(value);
}

bool
setting_take_delimiter(struct setting_value *value)
{
	for (const char *c = value->text; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80 || !isgraph((unsigned char)*c) || *c == '@')
			return setting_expect(value,
			    "characters such as + or -, together");
	return setting_take_text(value);
}

bool
setting_take_suffix(struct setting_value *value)
{
	const char *problem = policy_suffix_problem(value->text);

	if (problem != NULL)
		return setting_refuse(value, "%s cannot be \"%.*s\": %s",
		    value->setting->name, SETTING_SHOWN, value->text, problem);
	return setting_take_text(value);
}

/* Of what comes behind the second number nothing depends. */
bool
setting_take_version(struct setting_value *value)
{
	unsigned version = policy_postfix_version(value->text);

	if (version < POSTFIX_LEAST && strcmp(value->text, "auto") != 0)
		return setting_expect(value, "auto, or the version of a Postfix of 3.4 or "
		    "newer, such as 3.7");
	*(unsigned *)value->member = version;
	return true;
}

/* What a domain name has, and what other names of hosts and services have. */
bool
setting_take_authserv(struct setting_value *value)
{
	const char *id = value->text;
	size_t length = strlen(id);

	if (length > AUTHSERV_ID_MAX || strspn(id, "0123456789-_./:@+*=&!#$%~[]"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != length ||
	    !isalnum((unsigned char)id[0]) || id[length - 1] == '.')
		return setting_expect(value, "none, or a name such as mx.example.org, in "
		    "ASCII and without blanks");
	return setting_take_text(value);
}

bool
setting_take_node(struct setting_value *value)
{
	const char *name = value->text;

	if (strlen(name) >= SETTINGS_NODE_MAX || !isalnum((unsigned char)name[0]) ||
	    strspn(name, "0123456789-_."
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(name))
		return setting_expect(value, "a name such as mx1.example.org, of letters, "
		    "digits and -_.");
	return setting_take_text(value);
}

bool
setting_take_journal(struct setting_value *value)
{
	const char *text = value->text;

	if (strncmp(text, "postgresql:", 11) == 0)
		return setting_refuse(value,
		    "the journal itself is a file, sqlite:/path: ship-to sends it to PostgreSQL");
	if (strncmp(text, "sqlite:", 7) != 0)
		return setting_expect(value, value->setting->values);
	if (text[7] != '/' || text[strlen(text) - 1] == '/')
		return setting_expect(value, "an absolute path after sqlite:");
	return setting_copy(value, value->member, text + 7);
}

bool
setting_take_maillog(struct setting_value *value)
{
	const char *text = value->text;

	if (strcmp(text, "journald") == 0)
		return setting_take_text(value);
	if (strncmp(text, "file:", 5) != 0)
		return setting_expect(value, value->setting->values);
	if (text[5] != '/' || text[strlen(text) - 1] == '/')
		return setting_expect(value, "an absolute path after file:");
	return setting_copy(value, value->member, text + 5);
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
#define FACILITIES (sizeof(facilities) / sizeof(facilities[0]))

static bool
take_facility(struct setting_value *value, const char *name)
{
	const char *names[FACILITIES], *meant;

	for (size_t i = 0; i < FACILITIES; i++) {
		if (strcmp(facilities[i].name, name) == 0) {
			value->settings->log = SETTINGS_LOG_SYSLOG;
			value->settings->syslog_facility = facilities[i].facility;
			return true;
		}
		names[i] = facilities[i].name;
	}
	meant = suggest_word(name, strlen(name), names, FACILITIES);
	return setting_refuse(value, "there is no syslog facility \"%.*s\"%s%s%s",
	    SETTING_SHOWN, name, meant != NULL ? ": did you mean \"" : "",
	    meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
}

bool
setting_take_log(struct setting_value *value)
{
	struct settings *settings = value->settings;
	const char *text = value->text;

	if (strcmp(text, "syslog") == 0)
		return take_facility(value, "mail");
	if (strncmp(text, "syslog:", 7) == 0)
		return take_facility(value, text + 7);
	if (strcmp(text, "stderr") == 0) {
		settings->log = SETTINGS_LOG_STDERR;
		return true;
	}
	if (strncmp(text, "file:", 5) != 0)
		return setting_expect(value, value->setting->values);
	if (text[5] != '/')
		return setting_expect(value, "an absolute path after file:");
	settings->log = SETTINGS_LOG_FILE;
	return setting_copy(value, &settings->log_path, text + 5);
}
