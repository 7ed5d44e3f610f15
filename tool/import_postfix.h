/*
 * import_postfix.h - what the files of tlsward import postfix share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_POSTFIX_H
#define TLSWARD_TOOL_IMPORT_POSTFIX_H

#include "tool/import_mta.h"

struct postfix_parameter {
	struct postfix_parameter *next;
	const char *name, *value, *file;
	unsigned line;
};

struct postfix {
	struct import *import;
	struct postfix_parameter *parameters, **last;
	const char *protocols;		/* smtp_tls_mandatory_protocols; NULL: not set */
	bool *used;			/* of the sources: it is main.cf, or a table of it */
	const char *table;		/* that is being read: what it is for */
	enum import_target target;	/* of an access table */
	/* The last line of a policy map that became a rule. */
	struct { const char *file, *key, *value; struct import_rule *rule; } before;
};

/* Takes a line of a table. */
typedef void postfix_take(struct postfix *postfix, struct mta_line *line);

/* smtp_tls_policy_maps and smtp_tls_per_site, which is older. */
postfix_take postfix_policy_line, postfix_site_line;

/* Whether a line is such a one, by what stands behind its key. */
bool postfix_is_policy(const char *value);
bool postfix_is_site(const char *value);

#endif
