/*
 * tool.c - what the commands of tlsward(1) share.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lint/lint.h"
#include "base/date.h"
#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * A command and its options
 * ------------------------------------------------------------------ */

#define OPTIONS_MAX 32

int
tool_trouble(const char *format, ...)
{
	va_list args;

	(void)fputs("tlsward: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return STATUS_TROUBLE;
}

int
tool_no_memory(void)
{
	return tool_trouble("not enough memory");
}

void
tool_need(bool memory)
{
	if (!memory)
		exit(tool_no_memory());
}

int
tool_usage(const struct command *command)
{
	(void)fprintf(stderr, "usage: tlsward %s %s\n", command->name, command->arguments);
	return STATUS_TROUBLE;
}

int
tool_stray(const struct command *command, const char *word, const char *option)
{
	(void)tool_trouble("unexpected \"%s\": did you mean %s %s?", word, option, word);
	return tool_usage(command);
}

int
tool_help(const struct command *command)
{
	(void)printf("usage: tlsward %s %s\n\n%s\n", command->name, command->arguments,
	    command->about);
	if (command->help != NULL)
		(void)printf("\n%s", command->help);
	if (command->examples != NULL)
		(void)printf("\nExamples:\n%s", command->examples);
	return STATUS_FINE;
}

/* The day "text", or false, having said so. */
static bool
take_day(const char *text, struct tool_day *day)
{
	day->given = date_read_day(text, &day->start);
	if (!day->given)
		(void)tool_trouble("\"%s\" is not a date of the form YYYY-MM-DD", text);
	return day->given;
}

static bool
take_domain(const char *text, char domain[256])
{
	if (strcmp(text, "<>") == 0) {
		(void)strcpy(domain, text);
		return true;
	}
	if (policy_domain(text, domain, 256))
		return true;
	(void)tool_trouble("\"%s\" is not a domain", text);
	return false;
}

static bool
take_file(const char *path, struct tool_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->list[i], path) == 0) {
			(void)tool_trouble("%s is named twice", path);
			return false;
		}
	if (files->count == TOOL_FILES_MAX) {
		(void)tool_trouble("more than %d files", TOOL_FILES_MAX);
		return false;
	}
	files->list[files->count++] = path;
	return true;
}

bool
tool_files_rest(const struct command *command, int argc, char **argv,
    struct tool_files *files, const char *option)
{
	if (optind < argc && files->count == 0)
		return tool_stray(command, argv[optind], option) == STATUS_FINE;
	while (optind < argc)
		if (!take_file(argv[optind++], files))
			return false;
	return true;
}

/* --utc was given, and the reader's time zone is another; NULL: the host's. */
static bool in_utc;
static char *own_zone;

void
tool_utc(bool utc)
{
	if (!in_utc)
		return;
	if (utc)
		(void)setenv("TZ", "UTC0", 1);
	else if (own_zone != NULL)
		(void)setenv("TZ", own_zone, 1);
	else
		(void)unsetenv("TZ");
	tzset();
}

static bool
take_option(const struct tool_option *option, void *run)
{
	void *place = (char *)run + option->place;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return true;
	case OPTION_UTC:
		if (!in_utc && getenv("TZ") != NULL)
			own_zone = strdup(getenv("TZ"));
		in_utc = true;
		tool_utc(true);
		return true;
	case OPTION_VALUE:
		*(int *)place = option->value;
		return true;
	case OPTION_TEXT:
		*(const char **)place = optarg;
		return true;
	case OPTION_FILES:
		return take_file(optarg, place);
	case OPTION_DAY:
		return take_day(optarg, place);
	case OPTION_DOMAIN:
		return take_domain(optarg, place);
	case OPTION_TIME:
		return tool_since(optarg, place);
	case OPTION_TAKE:
		return option->take(optarg, run);
	}
	return false;
}

/* The table as getopt_long(3) has it: "val" is a row's letter or else its number. */
static void
make_options(const struct tool_option *rows, struct option *options, char *letters)
{
	int count = 0;

	letters += sprintf(letters, "hV");
	for (; rows != NULL && rows[count].name != NULL && count < OPTIONS_MAX; count++) {
		bool has = rows[count].kind > OPTION_VALUE;
		char letter = rows[count].letter;

		options[count] = (struct option){ rows[count].name, has, NULL,
		    letter != 0 ? letter : count };
		if (letter != 0)
			letters += sprintf(letters, "%c%s", letter, has ? ":" : "");
	}
	options[count] = (struct option){ "help", no_argument, NULL, 'h' };
	options[count + 1] = (struct option){ "version", no_argument, NULL, 'V' };
}

int
tool_options(const struct command *command, int argc, char **argv, void *run)
{
	struct option options[OPTIONS_MAX + 3] = { 0 };
	char letters[3 * OPTIONS_MAX];
	int option, row, taken = 0, before = 0;
	bool again = false;

	make_options(command->options, options, letters);
	while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (option == 'h')
			return tool_help(command);
		if (option == 'V')
			return tool_version();
		if (option == '?')
			return tool_usage(command);
		for (row = 0; options[row].val != option; row++)
			continue;
		if ((taken++ >= before || command->options[row].kind != OPTION_FILES) &&
		    !take_option(&command->options[row], run))
			return STATUS_TROUBLE;
		/* The times that stand before it are read again; a list does not grow. */
		if (command->options[row].kind == OPTION_UTC && !again) {
			again = true;
			before = taken;
			optind = taken = 0;
		}
	}
	return -1;
}

int
tool_version(void)
{
	(void)puts("tlsward " TLSWARD_VERSION);
	return STATUS_FINE;
}

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

int64_t
tool_now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void *
tool_json_allocate(size_t size)
{
	void *memory = malloc(size);

	tool_need(memory != NULL);
	return memory;
}

int
tool_text_file(const char *text, size_t length, char path[TOOL_PATH_SIZE])
{
	int file = memfd_create("tlsward", MFD_CLOEXEC);

	if (file == -1 || write(file, text, length) != (ssize_t)length) {
		(void)tool_trouble("cannot try a policy: %s", strerror(errno));
		if (file != -1)
			(void)close(file);
		return -1;
	}
	(void)snprintf(path, TOOL_PATH_SIZE, "/proc/self/fd/%d", file);
	return file;
}

/* Reads a length of time: "90m". */
static bool
read_length(const char *text, int64_t *ms)
{
	static const char letters[] = "smhdwy";
	static const int64_t seconds[] = { 1, 60, 3600, 86400, 604800, 365 * 86400 };
	size_t digits = strspn(text, "0123456789");
	const char *letter = strchr(letters, text[digits]);

	/* Seven digits of years still fit. */
	if (digits == 0 || digits > 7 || text[digits] == '\0' ||
	    text[digits + 1] != '\0' || letter == NULL)
		return false;
	*ms = atoi(text) * seconds[letter - letters] * 1000;
	return true;
}

bool
tool_since(const char *text, int64_t *ms)
{
	int64_t length, when, now_ms = tool_now_ms();

	if (read_length(text, &length))
		*ms = length < now_ms ? now_ms - length : 0;
	else if (strcmp(text, "today") == 0)
		*ms = date_local_day(now_ms / 1000, 0) * 1000;
	else if (strcmp(text, "yesterday") == 0)
		*ms = date_local_day(now_ms / 1000, -1) * 1000;
	else if (date_read_local(text, &when) || date_read_time(text, &when))
		*ms = when * 1000;
	else {
		(void)tool_trouble("\"%s\" is not a time: write 90m, 24h, 30d or 2w for so "
		    "long ago, today, yesterday, a day (2026-01-31) or a time (\"2026-01-31 "
		    "12:00\", 2026-01-31T12:00:00Z)", text);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * The policy, the settings and the journal
 * ------------------------------------------------------------------ */

static int
load_tool_settings(const char *config, struct loaded *loaded)
{
	loaded->settings_path = config;
	switch (settings_load(config, &loaded->settings, loaded->diags)) {
	case SETTINGS_LOADED:
		return STATUS_FINE;
	case SETTINGS_INVALID:
		return STATUS_NO;
	case SETTINGS_UNREADABLE:
		return STATUS_TROUBLE;
	case SETTINGS_NO_MEMORY:
		break;
	}
	return tool_no_memory();
}

/* The policy and the certificates of partners, with the warnings of a day if it is given. */
static enum policy_load_result
load_file(const int64_t *now, struct loaded *loaded)
{
	const char *folder = loaded->settings->partner_certificates;
	const struct lint_postfix postfix = { settings_ask_postfix, loaded->settings };
	enum policy_load_result result;

	if (now != NULL)
		return lint_load(loaded->path, folder, *now, &postfix, &loaded->policy,
		    loaded->diags);
	result = policy_load(loaded->path, &loaded->policy, loaded->diags);
	return result == POLICY_LOADED && folder != NULL &&
	    policy_load_certificates(loaded->policy, folder, loaded->diags) ==
	    POLICY_NO_MEMORY ? POLICY_NO_MEMORY : result;
}

/*
 * Looks at what a start needs, becomes the user, and looks at the journal. False where
 * memory is short: then nothing of it counts.
 */
static bool
become_user(struct loaded *loaded, struct identity *identity)
{
	if (!settings_check_start(loaded->settings, loaded->settings_path, identity,
	    loaded->diags))
		return false;
	settings_act_as_user(identity, loaded->settings_path, loaded->diags);
	settings_check_journal(loaded->settings, loaded->settings_path, !identity->other,
	    loaded->diags);
	return true;
}

static int
load_tool_policy(const int64_t *now, struct loaded *loaded)
{
	struct policy_summary summary;

	switch (load_file(now, loaded)) {
	case POLICY_LOADED:
		break;
	case POLICY_INVALID:
		return STATUS_NO;
	case POLICY_UNREADABLE:
		return STATUS_TROUBLE;
	case POLICY_NO_MEMORY:
		return tool_no_memory();
	}
	policy_summarize(loaded->policy, &summary);
	if (now == NULL && summary.deliver_rules > 0)
		(void)settings_ask_postfix(loaded->settings);
	if (loaded->settings_path != NULL)
		settings_check_policy(loaded->settings, loaded->settings_path,
		    loaded->policy, loaded->diags);
	return diags_errors(loaded->diags) == 0 ? STATUS_FINE : STATUS_NO;
}

/* For a check, where there are settings that say who the daemon is, as that user. */
static int
load_as_user(const int64_t *now, struct loaded *loaded)
{
	char error[IDENTITY_ERROR_MAX];
	struct identity identity;
	int status;

	if (now == NULL || loaded->settings_path == NULL)
		return load_tool_policy(now, loaded);
	if (!become_user(loaded, &identity))
		return tool_no_memory();
	status = load_tool_policy(now, loaded);
	(void)identity_resume(&identity, error);
	return status;
}

static int
load_all(const char *policy, const char *config, const int64_t *now,
    struct loaded *loaded)
{
	int status;

	*loaded = (struct loaded){ .path = policy };
	loaded->diags = diags_new();
	if (loaded->diags == NULL)
		return tool_no_memory();
	if (config == NULL && policy == NULL)
		config = settings_default_path();
	status = load_tool_settings(config, loaded);
	if (status != STATUS_FINE)
		return status;
	if (policy == NULL)
		loaded->path = loaded->settings->policy;
	return load_as_user(now, loaded);
}

int
tool_load(const char *policy, const char *config, int64_t now, struct loaded *loaded)
{
	return load_all(policy, config, &now, loaded);
}

int
tool_load_usable(const char *policy, const char *config, struct loaded *loaded)
{
	if (load_all(policy, config, NULL, loaded) == STATUS_FINE)
		return STATUS_FINE;
	if (loaded->diags != NULL)
		diags_print(loaded->diags, false, stderr);
	return STATUS_TROUBLE;
}

void
tool_unload(struct loaded *loaded)
{
	policy_free(&loaded->policy);
	settings_free(&loaded->settings);
	diags_free(&loaded->diags);
}

int64_t
judge_time_ms(const struct judge *judge)
{
	return judge->day.given ? judge->day.start * 1000 : tool_now_ms();
}

int
judge_load(struct judge *judge)
{
	return tool_load_usable(judge->policy, judge->config, &judge->loaded);
}

void
judge_free(struct judge *judge)
{
	tool_unload(&judge->loaded);
}

bool
judge_facts(const struct loaded *loaded, int64_t now, struct facts *facts,
    struct verdict *verdict)
{
	const struct policy_options options = settings_policy_options(loaded->settings, now);

	*facts = policy_complete_facts(loaded->policy, facts);
	return policy_decide(loaded->policy, facts, &options, verdict) == 0;
}

/* The path in the settings, the caller's; NULL, having said why, where there is none. */
static char *
find_journal(const char *config)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	char *path = NULL;

	if (config == NULL)
		config = settings_default_path();
	if (diags == NULL)
		(void)tool_no_memory();
	else if (settings_load(config, &settings, diags) != SETTINGS_LOADED)
		diags_print(diags, false, stderr);
	else if (settings->journal == NULL)
		(void)tool_trouble("the settings have no journal: name one with --journal");
	else if ((path = strdup(settings->journal)) == NULL)
		(void)tool_no_memory();
	settings_free(&settings);
	diags_free(&diags);
	return path;
}

/* Opens what a path names, and keeps what people may read of that. */
static bool
open_named(const char *path, const char *node, struct tool_journal *journal)
{
	char error[REVIEW_ERROR_MAX];

	/* As the setting has it. */
	if (strncmp(path, "sqlite:", 7) == 0)
		path += 7;
	journal->path = review_journal_name(path);
	if (journal->path == NULL)
		return tool_no_memory() == STATUS_FINE;
	journal->db = review_open(path, node, error);
	if (journal->db == NULL)
		(void)tool_trouble("%s", error);
	return journal->db != NULL;
}

bool
tool_open_journal(const char *path, const char *node, const char *config,
    struct tool_journal *journal)
{
	char *found = NULL;
	bool opened;

	*journal = (struct tool_journal){ 0 };
	if (path == NULL)
		path = found = find_journal(config);
	opened = path != NULL && open_named(path, node, journal);
	free(found);
	return opened;
}

void
tool_close_journal(struct tool_journal *journal)
{
	review_close(&journal->db);
	free(journal->path);
	journal->path = NULL;
}

int
tool_journal_trouble(const struct tool_journal *journal, int result)
{
	char error[REVIEW_ERROR_MAX];

	review_explain(journal->db, result, journal->path, error);
	return tool_trouble("%s", error);
}
