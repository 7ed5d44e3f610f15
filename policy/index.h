/*
 * index.h - finding the WHO that names a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_INDEX_H
#define TLSWARD_POLICY_INDEX_H

#include "policy/name.h"
#include "policy/rules.h"

/* Longer than any address or domain that a policy can name. */
#define WHO_KEY_MAX 512

/* The longest key of a network. */
#define NETWORK_KEY_MAX 48

/* The key under which a network of "prefix" bits around "network" stands. */
size_t network_key(const struct network *network, unsigned prefix,
    char key[NETWORK_KEY_MAX]);

/* The prefix of the network that stands under a key. */
unsigned network_key_prefix(const char *key);

/* Makes room for "more" keys at once. False when memory is short. */
bool index_reserve(struct who_table *table, size_t more);

/*
 * Adds a WHO with its key of "length" bytes, which must be terminated before the
 * next one is looked for. Returns the index of one that has the same key already,
 * or of the new one; SIZE_MAX when memory is short.
 */
size_t index_add(struct who_table *table, const struct who *who, size_t length);

/*
 * Adds the expression of a WHO that is in the table, behind those that are there. False
 * when memory is short.
 */
bool index_add_regex(struct regexes *regexes, size_t who, pcre2_code *code,
    bool anchored);

/*
 * Adds a WHO behind "first", one of the same key or expression that another rule has.
 * Returns its index, or SIZE_MAX when memory is short.
 */
size_t index_chain(struct who_table *table, size_t first, const struct who *who);

void index_free(struct who_table *table);

#endif
