/*
 * table.h - the table of settings, and the ways to take a value.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_SETTINGS_TABLE_H
#define TLSWARD_SETTINGS_TABLE_H

#include <limits.h>

#include "settings/settings.h"

/* The longest reason that a setting gives for not taking a value. */
#define SETTING_ERROR_MAX 320

/* Of a wrong value, so much is shown. */
#define SETTING_SHOWN 60

/* A value that a setting is to take. */
struct setting_value {
	const struct setting *setting;
	struct settings *settings;
	void *member;			/* of the settings */
	const char *text;
	struct setting_place at;	/* of its line; 0: it is the default */
	char error[SETTING_ERROR_MAX];	/* "": memory was short */
};

/* Checks the value and stores it. False with a reason in "error" where it is not one. */
typedef bool setting_take(struct setting_value *value);

struct setting {
	const char *name;
	setting_take *take;
	size_t offset, size;		/* of its member in struct settings */
	bool is_string;
	const char *values, *fallback, *without, *about;
};

/* In the order of SETTINGS(). */
extern const struct setting settings_table[SETTING_COUNT];

/*
 * The ways to take a value.
 */
setting_take setting_take_address;	/* as libmilter writes it */
setting_take setting_take_authserv;	/* RFC 8601, section 2.2 */
setting_take setting_take_control;	/* unix:/path */
setting_take setting_take_delimiter;
setting_take setting_take_host;		/* host:port, as an address of the Internet */
setting_take setting_take_journal;	/* sqlite:/path */
setting_take setting_take_listen;	/* one more address */
setting_take setting_take_log;
setting_take setting_take_maillog;	/* /path of file:/path, or "journald" */
setting_take setting_take_name;		/* of a user or a group */
setting_take setting_take_node;		/* a name in a fleet */
setting_take setting_take_next;		/* an address and a map's name */
setting_take setting_take_octal;
setting_take setting_take_path;		/* an absolute path */
setting_take setting_take_period;	/* "400 days", in milliseconds, or "forever" */
setting_take setting_take_ship;		/* what libpq takes, of postgresql:CONNINFO */
setting_take setting_take_second;	/* a bool: whether it is the second word */
setting_take setting_take_size;		/* "2 GB", in bytes, or "none" */
setting_take setting_take_suffix;	/* a text with {names}, as policies have */
setting_take setting_take_text;
setting_take setting_take_version;	/* 307 of "3.7.11"; 0 of "auto" */
setting_take setting_take_word;		/* an enum, numbered as the words are */
setting_take setting_take_yes;		/* a bool */

/*
 * Whether others than root and the daemon may read the settings file "path", of which
 * "settings" are, though there is a password in it: an error in "diags".
 */
void conninfo_check_readers(const struct settings *settings, const char *path,
    struct diags *diags);

/* Gives a setting a value, as its "take" does. */
bool setting_give(struct setting_value *value);

/*
 * Something is wrong with the setting "number", where it is set: "c" has the settings,
 * their file's path and the diagnostics.
 */
#define setting_complain(c, severity, id, number, ...) \
    setting_complain_at(c, severity, id, (c)->settings->set_at[number], __VA_ARGS__)

/* The same of one line of it. */
#define setting_complain_at(c, severity, id, place, ...) \
    diags_add((c)->diags, (severity), (id), (c)->path, (place).line, (place).column, \
    NULL, 0, __VA_ARGS__)

/*
 * For the ways: write the reason, or show that memory was short, and return false.
 */
bool setting_refuse(struct setting_value *value, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool setting_expect(struct setting_value *value, const char *what);

/* For them: replaces *place by a copy of "text". */
bool setting_copy(struct setting_value *value, char **place, const char *text);

/* The folder of a file. */
void setting_folder(const char *path, char folder[PATH_MAX]);

/*
 * The first folder on the way to a file into which whoever acts now cannot go; false:
 * there is none, or the way ends before.
 */
bool setting_barrier(const char *path, char barrier[PATH_MAX]);

/*
 * Reads the settings of a file's text into "settings". Faults go to "diags".
 * False when memory was short.
 */
bool settings_parse(const char *file, const char *text, size_t length,
    struct settings *settings, struct diags *diags);

#endif
