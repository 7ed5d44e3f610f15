/*
 * source.h - the text of a policy file or a list file.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_SOURCE_H
#define TLSWARD_POLICY_SOURCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policy/policy.h"
#include "base/diag.h"

/* Stands in the text for a byte that was already reported as an error. */
#define SOURCE_BAD '\001'

struct source {
	char *text;		/* terminated; without a byte order mark */
	size_t length;
	bool taken;		/* the text is somebody else's to free */
	char *path;		/* as opened, for diagnostics */
	const char *name;	/* in path: relative to the policy's folder */
	dev_t device;
	ino_t inode;
};

/*
 * Reads the file "path" whole, by way of "tape" (NULL: from disk); "-" is standard
 * input, whatever the tape. Returns 0, or an
 * errno. NUL and broken UTF-8 are reported in "diags", one a line. *source is the
 * caller's, for source_free().
 */
int source_read(const char *path, struct tape *tape, struct diags *diags,
    struct source *source);

/*
 * Gives the text away, in no more memory than it needs. The source goes on using it,
 * also where it is freed.
 */
char *source_take(struct source *source);

void source_free(struct source *source);

/* A place in a source. */
struct place {
	const struct source *source;
	const char *start;	/* of its line */
	unsigned line;
	unsigned column;
};

/* Reports an error at a place, with its line. */
void source_error(struct diags *diags, const struct place *place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void source_verror(struct diags *diags, const struct place *place,
    const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

#endif
