/*
 * import_exchange.h - what the files of tlsward import exchange share.
 *
 * The readers make one form of what PowerShell writes: jansson's values, an object for
 * each that a cmdlet gave, with its properties as members. Of lists in braces and of
 * Clixml the texts and lists are such, too. What was cut or left out when it was exported
 * is an object with the one member EXCHANGE_UNUSABLE, which says why.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_IMPORT_EXCHANGE_H
#define TLSWARD_TOOL_IMPORT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "tool/import.h"

#define EXCHANGE_UNUSABLE "tlsward unusable"
#define EXCHANGE_SHOWN "tlsward shown"	/* what ToString() of a Clixml object gave */

/* How to write it so that it can be read. */
#define EXCHANGE_AGAIN "export it again, as in: Get-InboundConnector | " \
	"ConvertTo-Json -Depth 5 | Out-File inbound.json"

/* ------------------------------------------------------------------ *
 * Readers
 * ------------------------------------------------------------------ */

/*
 * Each reads a source, of which it may write into the text, into an array, whose
 * reference is the caller's. NULL, having said why, where it is not of that form.
 */
json_t *exchange_read_clixml(const struct import_source *source);
json_t *exchange_read_csv(const struct import_source *source);
json_t *exchange_read_list(const struct import_source *source);

/* Whether a text is what Export-Csv writes: by its first line. */
bool exchange_is_csv(const char *text);

/* A value for what was cut. */
json_t *exchange_unusable(const char *why);

/* ------------------------------------------------------------------ *
 * What an object has
 * ------------------------------------------------------------------ */

enum exchange_answer { EXCHANGE_NO, EXCHANGE_YES, EXCHANGE_ABSENT, EXCHANGE_BAD };

/* An object of a file, while it is made rules. */
struct exchange_object {
	struct import *import;
	const char *file;
	const char *what;	/* "inbound connector" */
	const char *name;
	json_t *properties;
	struct import_rule *rule;	/* that is made of it; NULL: none as yet */
	bool failed;		/* a property that counts cannot be used: it was said */
};

/* The property, whatever the case of its letters; NULL: it has none. */
json_t *exchange_property(const struct exchange_object *object, const char *name);

/* True, false, or none of it, which is told as not taken over where it is BAD. */
enum exchange_answer exchange_flag(struct exchange_object *object, const char *name);

/* The text of a property, "" where it is empty or absent. The import's. */
const char *exchange_text(struct exchange_object *object, const char *name);

/* Calls "take" for each element of a property. Returns how many there were. */
size_t exchange_each(struct exchange_object *object, const char *name,
    void (*take)(struct exchange_object *object, const char *text, void *context),
    void *context);

/*
 * A range of addresses as networks, for each of which "take" is called. False where it is
 * none. *all: it is every address.
 */
bool exchange_range(struct exchange_object *object, const char *text, bool *all,
    void (*take)(struct exchange_object *object, const char *text, void *context),
    void *context);

/* ------------------------------------------------------------------ *
 * Rules
 * ------------------------------------------------------------------ */

/*
 * Takes a domain out of what Exchange writes: "*.contoso.com", "smtp:contoso.com;1". NULL,
 * having told it as not taken over, where it is every domain, or none.
 */
const char *exchange_domain(struct exchange_object *object, const char *text,
    enum import_scope *scope);

/*
 * Whether a connector is one to consider; what is not is told. "own": properties that say
 * that it is one between servers of the site, and no partner's; NULL ends them.
 */
bool exchange_counts(struct exchange_object *object, const char *const *own);

/* Makes rules of one connector. */
void exchange_inbound(struct exchange_object *object);
void exchange_outbound(struct exchange_object *object);
void exchange_send(struct exchange_object *object);
void exchange_receive(struct exchange_object *object);

/*
 * Makes rules of the lists of the transport's configuration, which is the object, where
 * there is a connector that "sends" or "receives" by them.
 */
void exchange_domain_secure(struct exchange_object *object, bool sends, bool receives);

#endif
