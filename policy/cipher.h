/*
 * cipher.h - what is known of cipher suites.
 *
 * Which there are, and what a cipher list means, is OpenSSL's affair. What a suite is
 * worth is told by its name, the same with every release of OpenSSL.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_CIPHER_H
#define TLSWARD_POLICY_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHERS_MAX 512

struct cipher {
	const char *name;	/* OpenSSL's; IANA's for TLS 1.3 */
	const char *standard;	/* IANA's; NULL: none, or the suite is an old one */
	int bits;		/* secret bits; 0: does not encrypt */
	bool forward_secrecy;	/* ephemeral key exchange */
	bool aead;
	bool short_tag;		/* CCM8: OpenSSL 3.5 counts its tag's 64 bits as secret */
	bool tls12;		/* no older protocol has it */
	bool tls13;
	bool built;		/* OpenSSL has it */
};

/* Every suite that is known, sorted by name. */
struct cipher_table;

/* A set of suites of one table. */
struct cipher_set {
	uint64_t bits[CIPHERS_MAX / 64];
};

/*
 * Reads OpenSSL's tables in a context of its own, without openssl.cnf, and adds
 * the suites that this OpenSSL no longer builds. NULL when memory is short.
 */
struct cipher_table *cipher_table_new(void);
void cipher_table_free(struct cipher_table **table);

/*
 * Gives back what only reading lists needs, once all are read: OpenSSL wants it
 * freed by the thread that made it, and the table may be freed by any.
 */
void cipher_table_close(struct cipher_table *table);

/* The suite of that name, or NULL. Thread-safe. */
const struct cipher *cipher_find(const struct cipher_table *table, const char *name);

/* The suite at "index", in the order of their names, or NULL. Thread-safe. */
const struct cipher *cipher_at(const struct cipher_table *table, size_t index);

/* Whether a suite of that name does not encrypt, or it is the name of none at all. */
bool cipher_name_is_null(const char *name);

/* In which lists are read; NULL after cipher_table_close(). */
struct ssl_ctx_st *cipher_context(const struct cipher_table *table);

/* ------------------------------------------------------------------ *
 * Lists, in cipher_list.c
 * ------------------------------------------------------------------ */

/* A list's elements are separated by any of these, see openssl-ciphers(1). */
#define CIPHER_SEPARATORS ": ;,"

bool cipher_in_set(const struct cipher_table *table, const struct cipher *cipher,
    const struct cipher_set *set);

/*
 * The suites up to TLS 1.2 that an OpenSSL cipher list selects (openssl-ciphers(1)),
 * at security level 0. IANA's names are read with every OpenSSL. Suites that this
 * OpenSSL does not build are selected by their full names, in a list that excludes
 * nothing ("!", "-"). False when it selects nothing, or memory is short, which is said.
 * Not thread-safe, and not after cipher_table_close().
 */
bool cipher_list_read(struct cipher_table *table, const char *list,
    struct cipher_set *set, bool *no_memory);

/* An element of a cipher list. */
struct cipher_element {
	size_t at, length;	/* in the list, with "!", "-" or "+" before it */
	size_t part, part_length;	/* the first part that is not known, or all of it */
	enum {
		ELEMENT_GOOD,
		ELEMENT_UNKNOWN,
		ELEMENT_NOTHING,	/* known, and it selects no suite here */
		ELEMENT_TLS13		/* a suite that no such list has a say in */
	} what;
};

/*
 * The element of the list at element->at or behind, with what is to be said of it: known
 * is what selects a suite by each of its parts, is one of the old suites, is a keyword of
 * openssl-ciphers(1) of any version, or begins with "@". False: there is none. As with
 * cipher_list_read(), also as to memory.
 */
bool cipher_list_element(struct cipher_table *table, const char *list,
    struct cipher_element *element, bool *no_memory);

/* Adds the TLS 1.3 suite that "length" bytes name. False: it is none. */
bool cipher_suite_add(const struct cipher_table *table, const char *name, size_t length,
    struct cipher_set *set);

/*
 * The names of all TLS 1.3 suites; or of all others, and the keywords of lists. Returns
 * how many of "room" were written.
 */
size_t cipher_names(const struct cipher_table *table, bool tls13, const char **names,
    size_t room);

#endif
