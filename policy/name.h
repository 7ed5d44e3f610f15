/*
 * name.h - domain names and addresses in the form in which they compare.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_NAME_H
#define TLSWARD_POLICY_NAME_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;		/* base/buffer.h */

#define NAME_INLINE 320

/* A string that is on the stack when it is short. */
struct name {
	char *text;		/* terminated */
	size_t length;
	char *heap;		/* to be freed by name_free() */
	char room[NAME_INLINE];
};

/*
 * A domain name in lower case and A-labels (IDNA 2008, UTS 46 mapping), without
 * a trailing dot. A label that cannot be mapped stays as it is, in lower case: then
 * *valid is false. Returns 0, or -1 when memory is short.
 */
int name_domain(const char *text, size_t length, struct name *name, bool *valid);

/* A mail address as it compares. */
struct address {
	bool null;		/* the null sender */
	const char *domain;	/* in name.text; NULL: none */
	size_t domain_length;
	size_t local_length;	/* of the local part, at name.text */
	struct name name;	/* local@domain; lower case, quoting undone */
};

/*
 * Reads an address as SMTP gives it, with or without angle brackets; source
 * routes are stripped (RFC 5321 appendix C). Returns 0, or -1 when memory is
 * short. *address is to be given to address_free() after success.
 */
int address_parse(const char *text, struct address *address);

/* With its terminator. */
#define NEXT_HOP_MAX 300

/*
 * A next hop with brackets or a port, "[host]", "[host]:port" or "domain:port", as it
 * compares. Returns 0; 1 where it is none; -1 when memory is short.
 */
int next_hop_key(const char *text, char key[NEXT_HOP_MAX]);

/*
 * Appends the U-label form of a domain in A-labels, as a client that speaks SMTPUTF8 may
 * have it. False, and nothing is appended: it has none, or one that Postfix, which folds
 * case, would take for another domain's.
 */
bool name_unicode(const char *text, size_t length, struct buffer *out);

void name_free(struct name *name);
void address_free(struct address *address);

/* Whether "text" is a host or domain name in its syntax: labels and dots. */
bool name_is_domain(const char *text, size_t length);

#endif
