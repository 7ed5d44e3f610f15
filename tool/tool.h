/*
 * tool.h - what the commands of tlsward(1) share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_H
#define TLSWARD_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "settings/settings.h"
#include "policy/policy.h"
#include "base/diag.h"

enum exit_status {
	STATUS_FINE = 0,
	STATUS_NO = 1,		/* the answer is no */
	STATUS_TROUBLE = 2	/* the call was wrong or could not be carried out */
};

/* A command. "run" gets its own arguments, argv[0] being "tlsward NAME". */
struct command {
	const char *name;
	int (*run)(const struct command *command, int argc, char **argv);
	const char *arguments;
	const char *about;	/* one line */
	const char *help;	/* its options; NULL: none */
};

extern const struct command command_check;
extern const struct command command_decide;
extern const struct command command_explain;
extern const struct command command_log;
extern const struct command command_replay;
extern const struct command command_report;
extern const struct command command_test;

/* The options that every command has; at the end of its own. */
#define COMMON_OPTIONS \
	{ "help", no_argument, NULL, 'h' }, \
	{ "version", no_argument, NULL, 'V' }, \
	{ NULL, 0, NULL, 0 }

/*
 * What to do about an option that is none of a command's own: its help, the
 * version, or its usage on standard error. Returns the exit status.
 */
int tool_common_option(const struct command *command, int option);

/* Says on standard error how the command is called. Returns STATUS_TROUBLE. */
int tool_usage(const struct command *command);

/* Says on standard error what went wrong. Returns STATUS_TROUBLE. */
int tool_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds since the epoch, and milliseconds. */
int64_t tool_now(void);
int64_t tool_now_ms(void);

/* Reads the argument of --at. False, having said so, where it is no date. */
bool tool_date(const char *text, int64_t *when);

/* A policy, and the settings under which it is looked at. */
struct loaded {
	struct settings *settings;
	struct policy *policy;
	struct diags *diags;
	const char *settings_path;	/* NULL: defaults that no file gave */
	const char *path;		/* the policy's; NULL: unknown as yet */
};

/*
 * Loads the policy file "policy" or, where that is NULL, the one that the
 * settings name; the settings are those of the file "config" and, where that is
 * NULL too, the defaults for a policy that was named and else those of the
 * default settings file. Returns STATUS_FINE, STATUS_NO for errors in one of
 * the files, or STATUS_TROUBLE where one could not be read; the diagnostics are
 * in "diags" (NULL: no memory) and nothing is printed. Free it in any case.
 */
int tool_load(const char *policy, const char *config, int64_t now,
    struct loaded *loaded);
void tool_unload(struct loaded *loaded);

/*
 * The same for commands that need a policy that can be used: diagnostics go to
 * standard error where there are errors, and all failures are STATUS_TROUBLE.
 */
int tool_load_usable(const char *policy, const char *config, int64_t now,
    struct loaded *loaded);

#endif
