/*
 * main.c - tlsward: the command-line tool.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"
#include "base/suggest.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int run_help(const struct command *command, int argc, char **argv);

static const struct command command_help = {
	.name = "help",
	.run = run_help,
	.arguments = "[COMMAND | settings]",
	.about = "what the commands do, or one of them; or what can be set",
};

static const struct command *const commands[] = {
	&command_check, &command_explain, &command_decide, &command_test,
	&command_diff, &command_add_partner, &command_import, &command_export,
	&command_status, &command_reload,
	&command_log, &command_report, &command_replay, &command_watch,
	&command_ship, &command_diagnose, &command_probe, &command_doctor, &command_help,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_overview(FILE *out)
{
	(void)fputs("usage: tlsward COMMAND [ARGUMENT...]\n"
	    "       tlsward --help | --version\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-13s%s\n", commands[i]->name,
		    commands[i]->about);
	(void)fputs("\nExit status: 0 fine, 1 the answer is no, 2 the call was wrong\n"
	    "or could not be carried out. More of a command: tlsward help COMMAND\n", out);
}

/* The command called "name"; NULL, having said so, where there is none. */
static const struct command *
find_command(const char *name)
{
	const char *names[COMMANDS], *meant;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
		names[i] = commands[i]->name;
	}
	meant = suggest_word(name, strlen(name), names, COMMANDS);
	if (meant != NULL)
		(void)tool_trouble("there is no command \"%s\": did you mean \"%s\"?",
		    name, meant);
	else
		(void)tool_trouble("there is no command \"%s\": see tlsward help",
		    name);
	return NULL;
}

static int
run_command(const struct command *command, int argc, char **argv)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "tlsward %s", command->name);
	argv[0] = name;
	return command->run(command, argc, argv);
}

/* The help of a command; of a program of its own, by that. */
static int
help_of(const struct command *command)
{
	char help[] = "--help";
	char *argv[] = { NULL, help, NULL };

	return command->arguments != NULL ? tool_help(command) :
	    run_command(command, 2, argv);
}

static int
run_help(const struct command *command, int argc, char **argv)
{
	int status = tool_options(command, argc, argv, NULL);

	if (status != -1)
		return status;
	if (argc - optind > 1)
		return tool_usage(command);
	if (argc == optind) {
		print_overview(stdout);
		return STATUS_FINE;
	}
	if (strcmp(argv[optind], "settings") == 0) {
		settings_describe(stdout);
		return STATUS_FINE;
	}
	command = find_command(argv[optind]);
	return command == NULL ? STATUS_TROUBLE : help_of(command);
}

static int
tool_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const struct command *command;
	int option = getopt_long(argc, argv, "+hV", options, NULL);

	if (option == 'h') {
		print_overview(stdout);
		return STATUS_FINE;
	}
	if (option == 'V')
		return tool_version();
	if (option != -1 || optind == argc) {
		print_overview(stderr);
		return STATUS_TROUBLE;
	}
	command = find_command(argv[optind]);
	if (command == NULL)
		return STATUS_TROUBLE;
	argc -= optind;
	argv += optind;
	/* 0 makes getopt begin anew: a command takes options behind operands too. */
	optind = 0;
	return run_command(command, argc, argv);
}

int
main(int argc, char **argv)
{
	int status;

	/* A reader that goes away is an error of ours to report. */
	(void)signal(SIGPIPE, SIG_IGN);
	json_set_alloc_funcs(tool_json_allocate, free);
	status = tool_main(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = tool_trouble("cannot write to standard output: %s",
		    strerror(errno));
	return status;
}
