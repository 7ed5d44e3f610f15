/*
 * schema.h - every setting: its name, values, default and meaning.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_SETTINGS_SCHEMA_H
#define TLSWARD_SETTINGS_SCHEMA_H

#include "settings/settings.h"
#include "base/diag.h"

/* The longest reason that a setting gives for not taking a value. */
#define SETTING_ERROR_MAX 320

struct setting;

/*
 * Checks "value" and stores it. False with a reason in "error" where it is not
 * one, or with an empty reason where memory was short.
 */
typedef bool setting_take(const struct setting *setting, struct settings *settings,
    const char *value, char error[SETTING_ERROR_MAX]);

struct setting {
	const char *name;
	setting_take *take;
	size_t offset;			/* of its member in struct settings */
	const char *const *words;	/* the values, up to NULL, if fixed */
	const char *values;		/* what it may be, for people */
	const char *fallback;		/* the default, as it is written, or NULL */
	const char *unset;		/* what it means not to have a value */
	const char *about;
};

extern const struct setting settings_schema[];
extern const size_t settings_schema_count;

/* The setting called "name", or NULL. */
const struct setting *setting_find(const char *name);

/* The setting's name that "name" was probably meant to be, or NULL. */
const char *setting_suggest(const char *name);

/* The ways to take a value. */
setting_take setting_take_listen;
setting_take setting_take_service;	/* the same, or "none" */
setting_take setting_take_word;		/* an enum, numbered as the words are */
setting_take setting_take_flag;		/* a bool: true is the second word */
setting_take setting_take_octal;
setting_take setting_take_name;
setting_take setting_take_file;		/* a path of either kind */
setting_take setting_take_folder;	/* a path of either kind, or "none" */
setting_take setting_take_path;		/* an absolute path, or "none" */
setting_take setting_take_delimiter;
setting_take setting_take_log;
setting_take setting_take_authserv;	/* RFC 8601, section 2.2, or "none" */
setting_take setting_take_metrics;	/* host:port, or "none" */
setting_take setting_take_journal;	/* sqlite:/path, or "none" */
setting_take setting_take_period;	/* "400 days", in milliseconds, or "forever" */
setting_take setting_take_size;		/* "2 GB", in bytes, or "none" */

/* For them: write the reason, or show that memory was short, and return false. */
bool setting_refuse(char error[SETTING_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool setting_no_memory(char error[SETTING_ERROR_MAX]);

/* For them: replaces *place by a copy of "value". */
bool setting_copy(char **place, const char *value, char error[SETTING_ERROR_MAX]);

/*
 * Reads the settings of a file's text into "settings". Faults go to "diags".
 * False when memory was short.
 */
bool settings_parse(const char *file, const char *text, size_t length,
    struct settings *settings, struct diags *diags);

#endif
