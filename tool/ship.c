/*
 * ship.c - tlsward ship: the journal, into a fleet's PostgreSQL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/ship.h"

#include <getopt.h>
#include <string.h>

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static int
run_ship(const struct command *command, int argc, char **argv)
{
	static struct ship_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "--to");
	return STATUS_FINE;
}

static const struct tool_option ship_command_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct ship_run, config),
	OPTION("journal", 0, OPTION_TEXT, struct ship_run, journal),
	OPTION_FORM("maintain", struct ship_run, what, SHIP_MAINTAIN),
	OPTION("once", 0, OPTION_FLAG, struct ship_run, once),
	OPTION_FORM("schema", struct ship_run, what, SHIP_SCHEMA),
	OPTION("to", 0, OPTION_TEXT, struct ship_run, to),
	OPTION_END
};

const struct command command_ship = {
	.name = "ship",
	.run = run_ship,
	.options = ship_command_options,
	.arguments = "[--once | --schema | --maintain] [--to CONNINFO] [-c FILE]",
	.about = "send the journal to a fleet's PostgreSQL; its tables, and their care",
	.help =
	    "  --once                  send what is there and end; else follow the journal\n"
	    "  --schema                write the SQL that makes the tables, or renews them\n"
	    "  --maintain              make partitions ahead, drop old ones; for their owner\n"
	    "  --to CONNINFO           the database, postgresql:...; else the settings' ship-to\n"
	    "  --journal PATH          the journal; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "What was sent is known in the database: nothing is sent twice, or left out,\n"
	    "whoever is killed. SIGHUP tries at once what is waited for.\n",
	.examples =
	    "  tlsward ship --schema | psql -v ON_ERROR_STOP=1 \"dbname=tlsward\"\n"
	    "  tlsward ship --once\n",
};
