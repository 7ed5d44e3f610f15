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

#ifdef TLSWARD_LIBPQ
const char *
ship_conninfo(const struct ship_run *run)
{
	static const char scheme[] = "postgresql:";

	if (run->to == NULL) {
		(void)tool_trouble("--to says which database it is");
		return NULL;
	}
	/* libpq knows URIs by the same word. */
	return strncmp(run->to, scheme, strlen(scheme)) == 0 &&
	    strncmp(run->to, "postgresql://", 13) != 0 ? run->to + strlen(scheme) : run->to;
}
#endif

static int
run_ship(const struct command *command, int argc, char **argv)
{
	static struct ship_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "--to");
	if (run.what == SHIP_SCHEMA)
		return ship_schema(&run);
#ifdef TLSWARD_LIBPQ
	if (run.what == SHIP_MAINTAIN)
		return ship_maintain(&run);
#endif
	return STATUS_FINE;
}

static const struct tool_option ship_command_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct ship_run, config),
	OPTION("journal", 0, OPTION_TEXT, struct ship_run, journal),
	OPTION("keep", 0, OPTION_TIME, struct ship_run, keep_since),
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
	    "  --keep AGE              with --maintain: drop what is older; 400d, else journal-keep\n"
	    "  --to CONNINFO           the database, postgresql:...; else the settings' ship-to\n"
	    "  --journal PATH          the journal; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "What was sent is known in the database: nothing is sent twice, or left out,\n"
	    "whoever is killed. SIGHUP tries at once what is waited for.\n",
	.examples =
	    "  tlsward ship --schema | psql -v ON_ERROR_STOP=1 \"dbname=tlsward\"\n"
	    "  tlsward ship --once\n",
};
