/*
 * tool.h - what the commands of tlsward(1) share.
 *
 * What these functions say is on standard error; the rest is the caller's to print.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_H
#define TLSWARD_TOOL_H

#include <stddef.h>

#include "settings/settings.h"
#include "review/review.h"
#include "policy/policy.h"
#include "base/diag.h"

enum exit_status {
	STATUS_FINE = 0,
	STATUS_NO = 1,		/* the answer is no */
	STATUS_TROUBLE = 2	/* the call was wrong or could not be carried out */
};

/* ------------------------------------------------------------------ *
 * A command and its options
 * ------------------------------------------------------------------ */

enum option_kind {
	OPTION_FLAG,		/* a bool becomes true */
	OPTION_UTC,		/* times are read and written in UTC */
	OPTION_VALUE,		/* an int becomes "value" */
	OPTION_TEXT,		/* a const char * becomes the argument */
	OPTION_DAY,		/* a struct tool_day */
	OPTION_DOMAIN,		/* a char[256]: a domain, .domain for all below it, or <> */
	OPTION_TIME,		/* an int64_t, as tool_since() reads it */
	OPTION_FILES,		/* a struct tool_files has one more */
	OPTION_TAKE		/* "take" has the argument and the command's struct */
};

/* A row of a command's table, which a row without a name ends. */
struct tool_option {
	const char *name;	/* --name */
	char letter;		/* -c; 0: none */
	enum option_kind kind;
	size_t place;		/* offsetof() what is set in the command's own struct */
	int value;
	/* False where the argument is none: it has been said. */
	bool (*take)(const char *argument, void *run);
};

#define OPTION(name, letter, kind, type, member) \
	{ (name), (letter), (kind), offsetof(type, member), 0, NULL }
#define OPTION_FORM(name, type, member, value) \
	{ (name), 0, OPTION_VALUE, offsetof(type, member), (value), NULL }
#define OPTION_IN_UTC { "utc", 0, OPTION_UTC, 0, 0, NULL }
#define OPTION_CALL(name, letter, take) { (name), (letter), OPTION_TAKE, 0, 0, (take) }
#define OPTION_END { NULL, 0, OPTION_FLAG, 0, 0, NULL }

#define TOOL_FILES_MAX 1024

/* Files that were named, each once. */
struct tool_files {
	const char *list[TOOL_FILES_MAX];
	size_t count;
};

/* A day that was given, or not. */
struct tool_day {
	bool given;
	int64_t start;		/* seconds since the epoch */
};

/* "run" gets its own arguments, argv[0] being "tlsward NAME". */
struct command {
	const char *name;
	int (*run)(const struct command *command, int argc, char **argv);
	const char *arguments;	/* NULL: it is a program of its own, with its own help */
	const char *about;	/* one line */
	const char *help;	/* its options; NULL: none */
	const char *examples;	/* calls, a line each; NULL: none */
	const struct tool_option *options;	/* but --help and --version; NULL: none */
};

extern const struct command command_add_partner;
extern const struct command command_check;
extern const struct command command_decide;
extern const struct command command_diagnose;
extern const struct command command_diff;
extern const struct command command_doctor;
extern const struct command command_explain;
extern const struct command command_export;
extern const struct command command_import;
extern const struct command command_log;
extern const struct command command_probe;
extern const struct command command_reload;
extern const struct command command_replay;
extern const struct command command_report;
extern const struct command command_ship;
extern const struct command command_status;
extern const struct command command_test;
extern const struct command command_watch;

/*
 * Takes the options into the struct "run" of the command's own. Returns -1 to go on
 * with the operands, which getopt(3) has brought to argv[optind] and behind, or the
 * exit status: after help, the version, or what was wrong.
 */
int tool_options(const struct command *command, int argc, char **argv, void *run);

/*
 * Takes the operands as further files of an option. False, having said why: also where
 * there is none so far, and "option" may be missing before the first.
 */
bool tool_files_rest(const struct command *command, int argc, char **argv,
    struct tool_files *files, const char *option);

/* Where --utc was given: whether times are in UTC from now on, or in the reader's zone. */
void tool_utc(bool utc);

/* Print help, and the version, to standard output. Return STATUS_FINE. */
int tool_help(const struct command *command);
int tool_version(void);

/* Says how the command is called; first, of a stray word, which option it may be of. */
int tool_usage(const struct command *command);
int tool_stray(const struct command *command, const char *word, const char *option);

/* Says what went wrong. Returns STATUS_TROUBLE. */
int tool_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that memory was short, the same way; and ends the program unless there was some. */
int tool_no_memory(void);
void tool_need(bool memory);

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

/* Now, in milliseconds since the epoch. */
int64_t tool_now_ms(void);

/*
 * Memory for jansson: without it the command ends here, having said so, with
 * STATUS_TROUBLE. jansson itself (2.14) would go on with a text that it cut, and write
 * behind its end.
 */
void *tool_json_allocate(size_t size);

#define TOOL_PATH_SIZE 64

/*
 * A text as a file that has no name, for what reads a path. Returns its descriptor, to be
 * closed afterwards; -1, having said why, where there is none.
 */
int tool_text_file(const char *text, size_t length, char path[TOOL_PATH_SIZE]);

/*
 * Reads a time: so long before now (90m, 24h, 30d, 2w, 1y; s for seconds), "today" or
 * "yesterday", or a day (YYYY-MM-DD) for when that began, YYYY-MM-DD HH:MM[:SS], all of
 * the reader's time zone, or a time of RFC 3339; in milliseconds since the epoch. False,
 * having said so, where it is none.
 */
bool tool_since(const char *text, int64_t *ms);

/* ------------------------------------------------------------------ *
 * The policy, the settings and the journal
 * ------------------------------------------------------------------ */

/* A policy, and the settings under which it is looked at. */
struct loaded {
	struct settings *settings;
	struct policy *policy;
	struct diags *diags;
	const char *settings_path;	/* NULL: defaults that no file gave */
	const char *path;		/* the policy's; NULL: unknown as yet */
};

/*
 * For `tlsward check`: with all warnings of what is so at "now". Loads the policy file
 * "policy" or, where that is NULL, the one that the
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
 * The same for commands that need a policy that can be used: it is not warned of, the
 * diagnostics go to standard error where there are errors, and all failures are
 * STATUS_TROUBLE.
 */
int tool_load_usable(const char *policy, const char *config, struct loaded *loaded);

/* By what a command judges facts, and what was loaded by that. */
struct judge {
	const char *policy;	/* --policy; NULL: not given */
	const char *config;	/* -c; NULL: not given */
	struct tool_day day;	/* --at */
	struct loaded loaded;
};

/* The rows for the struct judge that is "judge" in a command's struct. */
#define JUDGE_OPTIONS(type) \
	OPTION("at", 0, OPTION_DAY, type, judge.day), \
	OPTION("config", 'c', OPTION_TEXT, type, judge.config), \
	OPTION("policy", 0, OPTION_TEXT, type, judge.policy)

#define JUDGE_HELP \
	"  --policy FILE           the policy; else the one the settings name\n" \
	"  -c FILE, --config FILE  the settings; else the defaults with --policy,\n" \
	"                          and the default settings file without\n" \
	"  --at DATE               judge as on that day (YYYY-MM-DD, UTC)\n"

/* Milliseconds since the epoch: those of --at, or now. */
int64_t judge_time_ms(const struct judge *judge);

/* Loads what the options name; as tool_load_usable(). judge_free() in any case. */
int judge_load(struct judge *judge);
void judge_free(struct judge *judge);

/*
 * Completes the facts by what is known of the certificate, and judges them. False
 * where memory is short.
 */
bool judge_facts(const struct loaded *loaded, int64_t now, struct facts *facts,
    struct verdict *verdict);

struct tool_journal {
	sqlite3 *db;
	char *path;		/* its name, where it is a fleet's */
};

/* Rows for --journal and --node, of members of a command's struct. */
#define JOURNAL_OPTIONS(type, path, node) \
	OPTION("journal", 0, OPTION_TEXT, type, path), \
	OPTION("node", 0, OPTION_TEXT, type, node), \
	OPTION("mta", 0, OPTION_TEXT, type, node)

#define JOURNAL_HELP \
	"  --journal FILE          the journal; else the one the settings name. A fleet's:\n" \
	"                          postgresql:CONNINFO\n" \
	"  --node NAME             of a fleet what one node saw (--mta NAME: the same)\n"

/*
 * Opens the journal "path" for reading or, where that is NULL, the one that the
 * settings name: those of the file "config" or, where that is NULL too, of the
 * default settings file; of a fleet's in PostgreSQL that of one node (NULL: all). False,
 * having said why, where that cannot be done. To be closed in any case.
 */
bool tool_open_journal(const char *path, const char *node, const char *config,
    struct tool_journal *journal);
void tool_close_journal(struct tool_journal *journal);

/*
 * Started as root, it becomes the owner of the journal "path" (or of its folder), and of
 * root's rights keeps that to read any file ("reading"), or none. Ends the program where
 * that cannot be.
 */
void tool_become_owner(const char *path, bool reading);

/* Says that reading failed, and why. Returns STATUS_TROUBLE. */
int tool_journal_trouble(const struct tool_journal *journal, int result);

#endif
