/*
 * judge.h - what the commands that judge facts have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JUDGE_H
#define TLSWARD_JUDGE_H

#include "tool/tool.h"

/* The options that say by what to judge, and what was loaded by them. */
struct judge {
	const char *policy;	/* --policy; NULL: not given */
	const char *config;	/* -c; NULL: not given */
	int64_t at;		/* --at */
	bool has_at;
	struct loaded loaded;
};

#define JUDGE_SHORT_OPTIONS "c:hV"
#define JUDGE_OPTIONS \
	{ "at", required_argument, NULL, 'a' }, \
	{ "config", required_argument, NULL, 'c' }, \
	{ "policy", required_argument, NULL, 'p' }, \
	COMMON_OPTIONS

#define JUDGE_HELP \
	"  --policy FILE           the policy; else the one the settings name\n" \
	"  -c FILE, --config FILE  the settings; else the defaults with --policy,\n" \
	"                          and the default settings file without\n" \
	"  --at DATE               judge as on that day (YYYY-MM-DD, UTC)\n"

/*
 * Takes an option that is none of a command's own, with its argument in optarg.
 * Returns -1 to go on, or the exit status.
 */
int judge_option(const struct command *command, int option, struct judge *judge);

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

#endif
