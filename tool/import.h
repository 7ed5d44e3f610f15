/*
 * import.h - what the importers of tlsward(1) share: what is read, and what is written.
 *
 * An importer reads the texts of "sources" and calls what is below; import_write.c makes
 * the policy of it. Whatever text is handed over is copied, and escaped where it is
 * written, so that nothing in a file can become policy. Where memory is short the command
 * ends here, having said so, with STATUS_TROUBLE, as it does for jansson: no call has to
 * look. Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_H
#define TLSWARD_TOOL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"

/*
 * What was read of a file, in UTF-8, with LF at the ends of lines and no NUL within:
 * UTF-16 with a byte order mark or with the zeros of ASCII text, UTF-8 with or without a
 * mark, and what is neither as windows-1252, were made that.
 */
struct import_source {
	const char *name;	/* as given; "standard input" */
	char *text;		/* terminated; an importer may cut it up */
	size_t length;
};

/* A line of text: a comment, a note, a setting or a case. */
struct import_line {
	struct import_line *next;
	const char *text;
	bool lost;		/* a comment: NOT TAKEN OVER */
};

struct import_lines {
	struct import_line *first, **last;
};

struct import_item;		/* import_items.h has it */

struct import {
	const struct import_kind *kind;
	const char *partner, *domain;	/* of --as-partner; NULL: not given */
	const char *windows;		/* of --windows: "2008R2"; or NULL */
	struct import_source *sources;
	size_t source_count;
	struct arena arena;		/* lives until all is written */
	/* What is written, in its order, and counted. */
	struct import_item *first, **last, *newest;
	struct import_lines cases;
	const char *answer;		/* NULL: agreements and what was read are counted */
	size_t read, lost;
};

/* A row of the table in import.c. */
struct import_kind {
	const char *name;
	const char *reads;	/* what its files are: "the output of Get-InboundConnector" */
	const char *one, *many;	/* what of them is counted: "connector", "connectors" */
	bool takes_partner, takes_windows;
	/*
	 * Reads the sources. STATUS_TROUBLE where a file is not what it should be, having
	 * said so: then nothing is written. Where it ends with "read" 0 there was nothing
	 * in the files, which is said for it.
	 */
	int (*run)(struct import *import);
};

int import_domino(struct import *import);
int import_exchange(struct import *import);
int import_schannel(struct import *import);
int import_postfix(struct import *import);
int import_sendmail(struct import *import);

/* ------------------------------------------------------------------ *
 * Rules
 * ------------------------------------------------------------------ */

enum import_target { IMPORT_FROM, IMPORT_TO, IMPORT_CLIENT, IMPORT_DELIVER, IMPORT_DEFAULT };

/* What of a domain a rule is for. Of addresses, networks and next hops it is ITSELF. */
enum import_scope { IMPORT_ITSELF = 1, IMPORT_BELOW = 2, IMPORT_BOTH = 3 };

/*
 * Begins a rule. "partner" is the agreement's name, made unique, of a FROM or a DELIVER;
 * NULL: it is none of an agreement. A FROM and a DELIVER of the same domains become one
 * agreement. Domains of it that are not BOTH cannot be an agreement's and become a rule
 * of their own. It ends in "monitor", unless a setting is "exempt".
 */
struct import_rule *import_rule(struct import *import, enum import_target target,
    const char *partner);

/*
 * Adds a domain, an address, a client (host name, address, network, "authenticated",
 * "local"), a next hop "[host]:port" or "<>". What is none is told as not taken over; a
 * rule that has none at the end is not written. Where two rules of a target have the
 * same one, they are joined where they demand the same, the stricter counts where that
 * can be told, and else neither; each of it is told.
 */
void import_who(struct import *import, struct import_rule *rule, const char *who,
    enum import_scope scope);

/* Adds a setting, as a policy has it; values of files go through import_word() first. */
void import_set(struct import *import, struct import_rule *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where it came from: the rule's note; several are joined. */
void import_note(struct import *import, struct import_rule *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As a policy takes it in a list: a word where it can be one, else a string. */
const char *import_word(struct import *import, const char *text);

/* ------------------------------------------------------------------ *
 * Text, memory and comments
 * ------------------------------------------------------------------ */

/* Formatted text that lives until all is written. */
const char *import_text(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A buffer's text, which lives as long; the buffer is freed. */
const char *import_take(struct import *import, struct buffer *text);

/* Zeroed memory that lives as long. */
void *import_memory(struct import *import, size_t size);

/*
 * What there is to know, at this place, or before the rule where that is not NULL. Without
 * a rule, what begins with a blank goes on with the comment before it.
 */
void import_comment(struct import *import, struct import_rule *rule,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What could not be taken over, and why: a comment that says so, and is counted. */
void import_lost(struct import *import, struct import_rule *rule,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A case for `tlsward test`, at the end, behind "#| ". */
void import_case(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Begins the first line in place of "3 agreements from 4 connectors": "as a server this
 * host speaks TLS 1.0 to 1.2". How many things were not taken over follows.
 */
void import_answer(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------------------ *
 * For import.c
 * ------------------------------------------------------------------ */

/*
 * Appends the policy. It is tried: a rule that is not one (which a name that no policy
 * takes may cause) becomes a comment, and what `tlsward check` would warn of is allowed
 * where it stands, with the warning as a comment. A status; what went wrong was said.
 */
int import_write(struct import *import, struct buffer *out);

#endif
