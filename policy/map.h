/*
 * map.h - what the maps for MTAs that deliver have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_MAP_H
#define TLSWARD_POLICY_MAP_H

#include <stdio.h>

#include "policy/rules.h"

/* What a line of Sendmail's access map demands of a session, see access_map.c. */
struct access {
	bool verify;		/* a certificate that is verified */
	int bits;		/* at least so many */
	/* One certificate name; NULL: whatever it is. */
	const struct policy_requirement *name;
};

/* What the MTA is told of a rule. */
enum map_state {
	MAP_SILENT,	/* nothing: it is under monitor, or requires nothing that day */
	MAP_MAY,	/* mail goes whatever the session is */
	MAP_DEMANDS
};

struct map;

/* A sort of map. Both functions return false when memory is short. */
struct map_kind {
	const char *name;		/* "postfix" */
	const char *about;		/* lines of comment, at the beginning */
	bool (*check)(const struct map *map);	/* tells what it cannot say */
	bool (*write)(const struct map *map);	/* the lines, where that was nothing */
};

/* The map under way. */
struct map {
	const struct policy *policy;
	const struct policy_options *options;
	const char *path;		/* of the policy's file */
	struct diags *diags;
	FILE *out;
	const struct map_kind *kind;
	void *own;			/* the kind's */
	/* By map_write(). */
	const struct who_table *table;	/* of deliver rules */
	struct buffer *line;		/* for one */
};

/* The settings of a rule on the map's day. */
const struct settings_of_rule *map_settings(const struct map *map, size_t rule);

/* How it is told; what Postfix gets is appended to "value". */
enum map_state map_state(const struct map *map, size_t rule, struct buffer *value);

/* Why no mail waits by it: "is exempt". Static. */
const char *map_excuse(const struct map *map, size_t rule);

/* Tells of a WHO that the map cannot say what it says, or less or more ("id": a warning). */
void map_tell(const struct map *map, const struct who *who, const char *id,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes what a comment begins with: "# FILE:LINE: ". */
void map_comment(const struct map *map, const struct who *who);

/*
 * Writes the line of a key, which is a domain or a next hop behind "before"; and where it
 * is written in other letters than ASCII, too, that line.
 */
void map_line(const struct map *map, const char *before, const char *key,
    const char *between, const char *value);

/*
 * Checks the map and, where nothing is an error, writes it. Sets what is set by it in
 * "map". Returns 0, or -1 when memory is short.
 */
int map_write(struct map *map);

#endif
