/*
 * main.c - the command line of tlsward-milter.
 *
 * SPDX-License-Identifier: ISC
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "milter/daemon.h"
#include "milter/snapshot.h"
#include "settings/settings.h"

/* What a wrong call ends with; 1 is for what is wrong with the settings. */
#define EXIT_USAGE 2

struct options {
	const char *settings;
	bool foreground;
	bool check;
};

static void
usage(FILE *out)
{
	(void)fprintf(out,
	    "usage: tlsward-milter [-c FILE] [-f] [-t]\n"
	    "  -c FILE    the settings (default %s)\n"
	    "  -f         stay in the foreground\n"
	    "  -t         check settings and policy, and end\n"
	    "  -h         this text\n"
	    "  --version  the version\n", settings_default_path());
}

/* Returns -1 to go on, or the exit status. */
static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:fth", names, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->settings = optarg;
			break;
		case 'f':
			options->foreground = true;
			break;
		case 't':
			options->check = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			(void)printf("tlsward-milter %s\n", TLSWARD_VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	usage(stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct options options = { .settings = settings_default_path() };
	int status = parse(argc, argv, &options);

	if (status != -1)
		return status;
	snapshots_prepare_memory();
	if (options.check)
		return daemon_check(options.settings);
	return daemon_run(options.settings, options.foreground);
}
