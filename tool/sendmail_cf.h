/*
 * sendmail_cf.h - Sendmail's configuration, sendmail.cf, as far as it is about filters and
 * TLS: the Sendmail Installation and Operation Guide, section 5.
 *
 * Strings are of the file's text and live as long. Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_SENDMAIL_CF_H
#define TLSWARD_TOOL_SENDMAIL_CF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"

#define CF_FILE_MAX (16u << 20)

struct cf_line {
	unsigned number;	/* of the first, where others go on with it */
	char kind;		/* 'O', 'X', 'K' ... */
	char *text;		/* what follows that */
};

struct cf {
	const char *path;
	char *text;
	struct cf_line *lines;
	size_t count, room;
};

/* Reads it; with errno where that fails. To be freed in any case. */
enum file_result cf_read(const char *path, struct cf *cf);
void cf_free(struct cf *cf);

/* The value of an option, set last; NULL: it is not set. *line (or NULL): where it is. */
const char *cf_option(const struct cf *cf, const char *name, unsigned *line);

/* The same of one that may be set more than once, from the line *at on, moved behind it. */
const char *cf_next_option(const struct cf *cf, const char *name, size_t *at,
    unsigned *line);

/* Whether a word, by case or not, is in a list that commas, semicolons and blanks divide. */
bool cf_has_word(const char *list, const char *word);

/*
 * A field of a list "Name=value, Name=value" by the letter that its name begins with, as
 * Sendmail reads it, copied into "out"; false: it has none. Of several the last.
 */
bool cf_field(const char *list, char letter, char *out, size_t size);

/* A filter, of a line X. */
struct cf_filter {
	const char *text;	/* the line, without its X */
	unsigned line;
	char name[64];
	char socket[256];	/* as libmilter writes it, "unix:/path", "inet:port@host" */
	char flags[16];		/* F=; "": none */
	char timeouts[128];	/* T=; "": none */
};

/* The filter from the line *at on, which is moved behind it. False: there is no more. */
bool cf_next_filter(const struct cf *cf, size_t *at, struct cf_filter *filter);

/* A time as T= has it ("R:10s"), in seconds; -1: it is not set. */
int cf_timeout(const struct cf_filter *filter, char letter);

#endif
