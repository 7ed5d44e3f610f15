/*
 * log.h - which records tlsward log shows, and how it asks the journal for them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LOG_H
#define TLSWARD_LOG_H

#include <sqlite3.h>

#include "journal/journal.h"
#include "tool/tool.h"

enum log_form { LOG_TEXT, LOG_JSON, LOG_CSV };

enum log_client { LOG_CLIENT_NONE, LOG_CLIENT_ADDR, LOG_CLIENT_NETWORK, LOG_CLIENT_NAME };

struct log_options {
	const char *config, *journal;
	int64_t since_ms, until_ms;	/* 0: none */
	bool actions[POLICY_REJECT + 1];
	bool has_actions;
	bool reasons[REASON_COUNT];
	bool has_reasons;
	char domain[256];		/* "": any; ".acme.example": all below */
	enum log_client client;
	char client_text[256];		/* as the journal has it */
	unsigned char network[16];	/* IPv4: the first four */
	bool network_is_v4;
	unsigned prefix;
	const char *rule;		/* FILE or FILE:LINE; NULL: any */
	bool would;
	bool follow;
	int64_t limit;			/* 0: none */
	enum log_form form;
};

/* Each takes an option's value; false, having said so, where it is not one. */
bool log_take_actions(const char *text, void *run);
bool log_take_reasons(const char *text, void *run);
bool log_take_domain(const char *text, void *run);
bool log_take_client(const char *text, void *run);
bool log_take_limit(const char *text, void *run);

/* Is the address within the network asked for? */
bool log_in_network(const struct log_options *options, const char *address);

/* Could messages from within this network (of a roll-up) be of that? */
bool log_meets_network(const struct log_options *options, const char *network);

/*
 * Prepares the question for records, newest first, or for those with an id above
 * "after" (not negative) and by it. "--client NETWORK" remains to be looked at.
 * SQLITE_OK or an error.
 */
int log_prepare_records(sqlite3 *db, const struct log_options *options, int64_t after,
    sqlite3_stmt **rows);

/* The same for roll-ups, newest first. *rows is NULL where none can be meant. */
int log_prepare_rollups(sqlite3 *db, const struct log_options *options,
    sqlite3_stmt **rows);

#endif
