/*
 * name.h - domain names and addresses in the form in which they compare.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_NAME_H
#define TLSWARD_POLICY_NAME_H

#include <stdbool.h>
#include <stddef.h>

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
 * a trailing dot. One that cannot be mapped stays as it is, in lower case: then
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

void name_free(struct name *name);
void address_free(struct address *address);

/* Whether "text" is a host or domain name in its syntax: labels and dots. */
bool name_is_domain(const char *text, size_t length);

#endif
