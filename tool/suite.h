/*
 * suite.h - the policies that tests are run against, each loaded once.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_SUITE_H
#define TLSWARD_SUITE_H

#include "tool/coverage.h"
#include "tool/tool.h"

/* A policy and its settings, and what the cases have reached of it. */
struct suite {
	char *policy;		/* the file; NULL: the one that the settings name */
	char *config;		/* the settings file; NULL: as for tool_load() */
	int status;		/* of loading it */
	struct loaded loaded;
	struct coverage coverage;
	struct suite *next;
};

/*
 * The suite for these two files, which is loaded where "suites" has it not yet; that
 * its policy cannot be used has been said, and is in its status. NULL where memory is
 * short.
 */
struct suite *suite_find(struct suite **suites, const char *policy, const char *config);

/* Frees them all and clears the pointer. */
void suites_free(struct suite **suites);

/*
 * The policy beside a file of cases: acme.conf for acme.test, else policy.conf in the
 * same folder. NULL where neither is there, or memory is short. To be freed.
 */
char *suite_beside(const char *cases);

#endif
